use super::{EMPTY_200, ERROR, GET, SWITCHING, UPGRADE, WARN, answered, asked, bodies, body_of, talk};
use crate::layer::Value;
use crate::protocol::testing::Case;

#[test]
fn decodes() {
    let mut talk = asked("POST /a?b=c HTTP/1.1\r\nHost: example\r\nX-Own: 1\r\nContent-Length: 2\r\n\r\nhi");
    talk.server("HTTP/1.1 404 Not Found\r\nServer: s\r\nContent-Length: 4\r\n\r\ngone");
    assert_eq!(talk.told(), ["> POST /a?b=c", "< 404 Not Found"]);
    assert_eq!(talk.notes(), []);
    let request = &talk.layers(0)[0];
    let text = |text: &str| Some(Value::Text(text.into()));
    assert_eq!(request.value("http.request.method").cloned(), text("POST"));
    assert_eq!(request.value("http.request.uri").cloned(), text("/a?b=c"));
    assert_eq!(request.value("http.request.version").cloned(), text("HTTP/1.1"));
    assert_eq!(request.value("http.host").cloned(), text("example"));
    assert_eq!(request.value("http.header").cloned(), text("X-Own: 1"));
    assert_eq!(request.value("http.file_data"), Some(&Value::Bytes(b"hi".to_vec())));
    let response = &talk.layers(1)[0];
    assert_eq!(response.value("http.response.code"), Some(&Value::Uint(404)));
    assert_eq!(response.value("http.response.phrase").cloned(), text("Not Found"));
    assert_eq!(response.value("http.file_data"), Some(&Value::Bytes(b"gone".to_vec())));
}

/// Every field's span holds the text that the field says.
#[test]
fn fields_name_their_bytes() {
    let mut talk = asked("\r\nGET /x HTTP/1.1\r\nHOST:  a b \r\nX:\r\n\r\n");
    talk.server("\r\nHTTP/1.0 204 No Content\r\nDate: now\r\n\r\n");
    for n in 0..2 {
        let told = &talk.heard.messages[n];
        for field in &talk.layers(n)[0].fields {
            let (Some(span), Value::Text(text)) = (&field.span, &field.value) else { continue };
            let range = (span.range.start - told.range.start) as usize..(span.range.end - told.range.start) as usize;
            let bytes = String::from_utf8_lossy(&talk.bytes(told)[range]).into_owned();
            // `Name: value`, whatever space there was between them.
            let bytes = if field.def.name == "http.header" { bytes.replace(':', ": ") } else { bytes };
            assert_eq!(bytes.trim_end(), text.trim_end(), "{}", field.def.name);
        }
    }
}

#[test]
fn empty() {
    let mut talk = talk();
    talk.close();
    assert_eq!(talk.told(), [] as [&str; 0]);
    assert_eq!(asked("GET / HTTP/1.0\r\n\r\n").told(), ["> GET /"], "a head without header fields");
    assert_eq!(answered("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n").told()[1], "< 200", "a reason may be empty");
    assert_eq!(answered("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").told()[1], "< 200", "behind its space, too");
    // obs-text, RFC 9112 §4: in UTF-8, behind an empty line, and in lines that end with a line feed only.
    for (start, end) in [("", "\r\n"), ("\r\n", "\r\n"), ("", "\n")] {
        let found = answered(&format!("{start}HTTP/1.1 404 Não encontrado{end}Content-Length: 0\r\n\r\n"));
        assert_eq!(found.told()[1], "< 404 Não encontrado", "{start:?} {end:?}");
    }
}

/// One case for each cut point: more is waited for, and if no more comes, what is there is shown.
#[test]
fn cut_short() {
    let requests = [GET, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", UPGRADE];
    for request in requests {
        for cut in 1..request.len() {
            let mut talk = asked(&request[..cut]);
            assert_eq!(talk.told(), [] as [&str; 0], "{:?}", &request[..cut]);
            talk.cut();
            assert_eq!(talk.heard.messages.len(), 1, "{:?}", &request[..cut]);
            assert!(talk.told()[0].ends_with("(incomplete)"));
            assert_eq!(talk.notes().len(), 1);
            assert_eq!(talk.heard.messages[0].range, 0..cut as u64, "every octet is in it");
            talk.layers(0);
        }
    }
    let responses = [
        EMPTY_200,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        SWITCHING,
    ];
    for response in responses {
        for cut in 1..response.len() {
            let mut talk = answered(&response[..cut]);
            assert_eq!(talk.told(), ["> GET /"], "{:?}", &response[..cut]);
            talk.close();
            assert_eq!(talk.heard.messages.len(), 2, "{:?}", &response[..cut]);
            assert!(talk.told()[1].ends_with("(incomplete)"));
            assert_eq!(talk.heard.messages[1].range, 0..cut as u64);
            talk.layers(1);
        }
    }
}

/// Octet by octet comes to the same as all at once.
#[test]
fn a_message_may_come_octet_by_octet() {
    let response = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3\r\nabc\r\n10;x\r\n0123456789abcdef\r\n00\r\nA: b\r\nC: d\r\n\r\n";
    let whole = answered(&[response, EMPTY_200].concat());
    let mut slow = asked(GET);
    [response, EMPTY_200].concat().bytes().for_each(|octet| {
        slow.server([octet]);
    });
    assert_eq!(slow.told(), whole.told());
    assert_eq!(slow.notes(), whole.notes());
    assert_eq!((bodies(&slow)[1].as_str(), bodies(&slow) == bodies(&whole)), ("abc0123456789abcdef", true));
    assert_eq!(slow.layers(2), whole.layers(2));
}

#[test]
fn wrong_length() {
    let cases: &[Case] = &[
        ("Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "hello", &[(WARN, "RFC 9112 §6.3")]),
        ("Content-Length: 5, 5\r\n\r\nhello", "hello", &[(WARN, "RFC 9112 §6.3")]),
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
        ("Content-Length: +5\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
        ("Content-Length: five\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
        ("Content-Length:\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
        ("Content-Length: 9\r\n\r\nhello", "hello", &[(WARN, "RFC 9112 §8")]),
        ("Content-Length: 18446744073709551615\r\n\r\nhello", "hello", &[(ERROR, "RFC 9112 §6.3")]),
    ];
    for (rest, body, notes) in cases {
        let (bodies, noted) = body_of(&format!("HTTP/1.1 200 OK\r\n{rest}"));
        assert_eq!((bodies, noted), (vec![(*body).to_owned()], notes.to_vec()), "{rest:?}");
    }
}
