use super::{one, told};
use crate::layer::Severity;
use crate::trace::testing::Conversation;

/// A page that asks, and the answer to it.
fn from_elsewhere(asks: &str, says: &str) -> Vec<String> {
    let mut talk = Conversation::new().open();
    let (method, fields) = asks.split_once("\r\n").unwrap_or((asks, ""));
    let fields = if fields.is_empty() { String::new() } else { format!("{fields}\r\n") };
    talk.client(format!("{method} /api HTTP/1.1\r\nHost: x:8080\r\nOrigin: http://app\r\n{fields}\r\n"));
    let says = if says.contains(" ") && says.starts_with(char::is_numeric) {
        says.to_owned()
    } else {
        format!("200 OK\r\n{says}")
    };
    talk.server(format!("HTTP/1.1 {says}\r\nContent-Length: 0\r\n\r\n"));
    told(&talk)
}

#[test]
fn one_origin_is_allowed_and_credentials_want_more() {
    const ALLOW: &str = "Access-Control-Allow-Origin";
    let both = format!("{ALLOW}: http://app\r\n{ALLOW}: http://app");
    let said = from_elsewhere("GET", &both);
    assert!(said[0].contains("has Access-Control-Allow-Origin 2 times, and only one may stand there"), "{said:?}");
    let said = from_elsewhere("GET", &format!("{ALLOW}: http://app, http://other"));
    assert!(
        said[0].contains("has several values in Access-Control-Allow-Origin (http://app, http://other)"),
        "{said:?}"
    );
    for asks in ["GET\r\nCookie: a=b", "GET\r\nAuthorization: Negotiate a"] {
        let said = from_elsewhere(asks, &format!("{ALLOW}: *"));
        assert!(said[0].contains("allows every origin (*), which counts for no request with credentials"), "{said:?}");
    }
    assert_eq!(from_elsewhere("GET\r\nAuthorization: Bearer a", &format!("{ALLOW}: *")), [""; 0], "its page wrote it");
    let said = from_elsewhere("GET\r\nCookie: a=b", &format!("{ALLOW}: http://app"));
    assert!(
        said[0].contains("has no Access-Control-Allow-Credentials: true, and the request has a Cookie"),
        "{said:?}"
    );
    let allowed = format!("{ALLOW}: http://app\r\nAccess-Control-Allow-Credentials: true");
    assert_eq!(from_elsewhere("GET\r\nCookie: a=b", &allowed), [""; 0]);
    let mut both = Conversation::new().open();
    both.client("GET /api HTTP/1.1\r\nHost: x\r\nOrigin: http://app\r\n\r\n");
    both.server(format!("HTTP/1.1 204 No Content\r\n{ALLOW}: *\r\nAccess-Control-Allow-Credentials: true\r\n\r\n"));
    let found = one(&both);
    assert!(found.text.contains("takes the two together for no permission"), "{}", found.text);
    assert_eq!((found.severity, found.frames), (Severity::Note, vec![4, 5]));
}

#[test]
fn a_preflight_is_told_with_what_it_does_not_allow() {
    const ALLOW: &str = "Access-Control-Allow-Origin: http://app\r\nAccess-Control-Allow-";
    let asks = "OPTIONS\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization,x-a";
    for (says, why) in [
        (
            "404 Not Found\r\nAccess-Control-Allow-Origin: http://app".to_owned(),
            "has the status 404, and must have one of 200 to 299",
        ),
        ("404 Not Found".to_owned(), "allows no other origin"),
        (format!("{ALLOW}Headers: *"), "has no Access-Control-Allow-Methods, which must name PUT"),
        (
            format!("{ALLOW}Methods: GET, DELETE"),
            "allows the methods GET, DELETE (Access-Control-Allow-Methods), and not PUT",
        ),
        (
            format!("{ALLOW}Methods: PUT"),
            "does not allow the header fields authorization, x-a (Access-Control-Allow-Headers)",
        ),
        (
            format!("{ALLOW}Methods: *\r\nAccess-Control-Allow-Headers: *"),
            "does not allow the header fields authorization (Acc",
        ),
    ] {
        let said = from_elsewhere(asks, &says);
        let begins = format!("the answer to the preflight of PUT /api {why}");
        assert!(said.len() == 1 && said[0].starts_with(&begins), "{says} {said:?}");
        assert!(said[0].ends_with("a browser does not send what a page of http://app asks for (CORS)"), "{said:?}");
    }
    let allowed = format!("{ALLOW}Methods: PUT\r\nAccess-Control-Allow-Headers: X-A, Authorization");
    assert_eq!(from_elsewhere(asks, &allowed), [""; 0]);
    assert_eq!(
        from_elsewhere("OPTIONS\r\nAccess-Control-Request-Method: POST", &allowed),
        [""; 0],
        "that needs no word"
    );
}
