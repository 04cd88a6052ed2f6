//! What requests say of themselves in parts: targets and header fields of all sorts.

use crate::wire::{Client, Server, Talk};

/// Requests whose targets and header fields are read into parts.
pub fn requests() -> Vec<Talk> {
    const REQUESTS: [&str; 13] = [
        "GET http://x/abs?q=1 HTTP/1.1\r\nHost: y\r\n\r\n",
        "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: z\r\n\r\n",
        "GET /a?b=c&d&&e=f?g HTTP/1.1\r\nHost: z\r\n\r\n",
        "GET /a? HTTP/1.1\r\nHost: z\r\n\r\n",
        "GET /nobody?x=%20y#part HTTP/1.0\r\n\r\n",
        "POST /number HTTP/1.1\r\nHost: z\r\nContent-Length: 00\r\n\r\n",
        "POST /twice HTTP/1.1\r\nHost: z\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "GET /cookies HTTP/1.1\r\nHost: z\r\nCookie: a=b; c=d\r\nCookie: e\r\n\r\n",
        "GET /taken HTTP/1.1\r\nHost: z\r\nAccept: text/html, */*;q=0.8\r\nAccept-Encoding: gzip\r\nAccept-Language: ru\r\n\r\n",
        "GET /shown HTTP/1.1\r\nHost: z\r\nReferer: http://z/\r\nX-Forwarded-For: 10.0.0.9\r\nCache-Control: no-cache\r\n\r\n",
        "GET /page HTTP/1.1\r\nHost: z\r\nAuthorization: Bearer of-news\r\nProxy-Authorization: Bearer of-more\r\n\r\n",
        "GET /up HTTP/1.1\r\nHost: z\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: other\r\n\r\n",
    ];
    const ANSWER: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nProxy-Authenticate: Bearer\r\n\
        Set-Cookie: a=b; Path=/\r\nSet-Cookie: c=d\r\nLast-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
        Cache-Control: no-store\r\nContent-Length: 0\r\n\r\n";
    let talk = |(port, request): (u16, &&'static str)| {
        let mut talk = Talk::new(request.lines().next().unwrap_or_default(), port).open();
        talk.says(Client, request.as_bytes());
        talk.says(Server, ANSWER);
        talk.close(Client, b"");
        talk
    };
    (41_900..).zip(&REQUESTS).map(talk).collect()
}
