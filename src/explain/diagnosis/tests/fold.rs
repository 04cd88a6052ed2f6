use super::{one, told};
use crate::trace::testing::Conversation;

/// So many connections, one after the other, each with its number.
fn each(many: usize, talk: &dyn Fn(&mut Conversation, usize)) -> Conversation {
    let mut all = Conversation::new();
    for number in 0..many {
        let mut one = Conversation::between(&format!("127.0.0.1:{}", 50_001 + number), "127.0.0.1:8080").open();
        talk(&mut one, number);
        all.frames.append(&mut one.frames);
    }
    all
}

#[test]
fn what_is_said_again_and_again_is_told_once() {
    let cut = |many| {
        each(many, &|talk, _| {
            talk.client("GET /ev HTTP/1.1\r\nHost: x\r\n\r\n");
            talk.server("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n").close_by_server();
        })
    };
    assert!(one(&cut(1)).text.ends_with("its program ended, or gave up on it"));
    let found = one(&cut(4));
    assert!(
        found.text.ends_with("its program ended, or gave up on it. It went so 4 times, first in frame 4"),
        "{}",
        found.text
    );
    assert_eq!(found.frames, [4, 6, 12, 14, 20, 22, 28, 30]);
}

/// The number of its frame makes no difference to what is told.
#[test]
fn what_names_its_frame_is_told_once() {
    let open = r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    let found = one(&each(2, &|talk, _| {
        talk.client("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
        let len = open.len();
        talk.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{len}:{open}", len + 3));
        talk.close();
    }));
    assert!(
        found.text.starts_with("the session that was opened in frame 5 has lengths before its packets"),
        "{found:?}"
    );
    assert!(found.text.ends_with(". It went so 2 times, first in frame 4"), "{}", found.text);
}

/// What differs in numbers that say little is the same; what a status or a server is called is not.
#[test]
fn numbers_in_paths_make_no_difference() {
    let answered = |many, status: &dyn Fn(usize) -> usize, path: &dyn Fn(usize) -> String| {
        told(&each(many, &|talk, number| {
            talk.client(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", path(number)));
            talk.server(format!("HTTP/1.1 {} Oh\r\nContent-Length: 0\r\n\r\n", status(number)));
        }))
    };
    let item = |number: usize| format!("/api/{number}");
    assert_eq!(
        answered(3, &|_| 500, &item),
        ["GET /api/0 was answered with 500 Oh. It went so 3 times, with other numbers, first in frame 4"]
    );
    assert_eq!(answered(2, &|_| 500, &item).len(), 2, "two are short enough");
    assert_eq!(answered(3, &|number| 500 + number, &item).len(), 3);
    assert_eq!(answered(3, &|_| 500, &|number| format!("/v{number}/x")).len(), 3);
}
