use super::{later, one, told};
use crate::layer::Severity;
use crate::trace::testing::Conversation;

fn stream(lines: &[&str]) -> Conversation {
    let mut talk = Conversation::new().open();
    talk.client("GET /ev HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n");
    talk.server("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for line in lines {
        talk.server(format!("{:x}\r\n{line}\r\n", line.len()));
    }
    for frame in 7..6 + lines.len() as u32 {
        later(&mut talk, frame, 500);
    }
    talk.close();
    talk
}

#[test]
fn an_event_stream_of_which_a_program_gets_nothing_is_told() {
    let found = one(&stream(&["data: 1\n", "data: 2\n", "data: 3\n", "data: 4\n"]));
    let says = "4 `data` lines of the event stream /ev came in 1.5 s, and no empty line, with which an event ends: the client's program \
                gets none of them";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!((found.severity, found.spec), (Severity::Warn, "WHATWG HTML §9.2.6"));
    for wrong in ["{\"tick\":1}\n\n", "data : 1\n\n", "tick 1\n\n"] {
        let found = one(&stream(&[wrong; 4]));
        assert!(
            found.text.starts_with("4 blocks of the event stream /ev have no line that begins with `data:`"),
            "{}",
            found.text
        );
    }
    assert_eq!(told(&stream(&["data: 1\n\n"; 4])), [""; 0]);
    assert_eq!(told(&stream(&["data: 1\n", "data: 2\n", "data: 3\n\n"])), [""; 0]);
    assert_eq!(told(&stream(&["data: 1\n", "data: 2\n"])), [""; 0], "more may have belonged to it");
    assert_eq!(told(&stream(&["retry: 1000\n\n"; 4])), [""; 0], "that means something");
    assert_eq!(told(&stream(&[": hello\n\n"; 4])), [""; 0]);
    assert_eq!(told(&stream(&["data: 1\n\n", "oh\n\n", "oh\n\n", "oh\n\n"])), [""; 0]);
}

/// Whose program forgets to end an answer keeps its client waiting.
#[test]
fn an_answer_that_is_never_ended_is_told() {
    let begun = |kind: &str, chunks: &[&str], wait: i64, left: bool| {
        let mut talk = Conversation::new().open();
        talk.client("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
        talk.server(format!("HTTP/1.1 200 OK\r\n{kind}Transfer-Encoding: chunked\r\n\r\n"));
        for chunk in chunks {
            talk.server(format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        }
        let last = talk.frames.len() as u32;
        if left {
            talk.close();
        }
        later(&mut talk, last + 1, wait);
        talk
    };
    let found = one(&begun("", &["ab"], 1200, true));
    let says = "the answer to GET /x began in frame 5 and never ended: no last chunk came, and nothing else, in the 1.2 s until the client \
                left. 2 octets of its body had come";
    assert!(found.text.starts_with(says), "{}", found.text);
    assert_eq!((found.severity, &*found.frames), (Severity::Note, &[4, 5, 7][..]));
    assert_eq!(told(&begun("", &["ab"], 200, true)), [""; 0], "it left soon");
    assert_eq!(told(&begun("", &["ab"], 1200, false)), [""; 0], "the rest may come");
    assert_eq!(told(&begun("Content-Type: application/x-ndjson\r\n", &["ab"], 1200, true)), [""; 0], "a stream");
    let mut slowly = begun("", &["ab", "cd"], 1200, true);
    later(&mut slowly, 7, 800);
    assert_eq!(told(&slowly), [""; 0], "what comes bit by bit is one, too");
}
