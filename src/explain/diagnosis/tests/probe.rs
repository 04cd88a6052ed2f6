use super::{SWITCHING, UPGRADE, frame, later, one, text, told};
use crate::trace::testing::Conversation;

/// A proxy may answer the handshake and pass no frames.
#[test]
fn an_upgrade_of_which_nothing_comes_is_told() {
    let probed = |answers: &[&str], wait: i64, goes_on: bool, by_server: bool| {
        let mut poll = Conversation::between("127.0.0.1:50001", "127.0.0.1:8080").open();
        let open = r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#;
        poll.client("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
        poll.server(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{open}", open.len()));
        let mut talk = Conversation::new();
        talk.frames.append(&mut poll.frames);
        talk = talk.open();
        let asks = UPGRADE.replace("/chat", "/socket.io/?EIO=4&transport=websocket&sid=abc");
        talk.client(format!("{asks}\r\n")).server(format!("{SWITCHING}\r\n")).client(text("2probe", true));
        for said in answers {
            talk.server(text(said, false));
        }
        if goes_on {
            poll.client("GET /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\nHost: x\r\n\r\n");
            poll.server("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n6");
            talk.frames.append(&mut poll.frames);
        }
        let last = talk.frames.len() as u32;
        if by_server {
            talk.server(frame(0x88, b"", false));
        }
        talk.client(frame(0x88, b"", true)).close();
        later(&mut talk, last + 1, wait);
        talk
    };
    let found = one(&probed(&[], 300, true, false));
    assert!(found.text.starts_with("the probe (`2probe`) in frame 11 was not answered in the 30"), "{}", found.text);
    assert!(
        found.text.contains("though the session went on by polling, as in frame 13: likely something between lets")
    );
    assert_eq!(told(&probed(&[], 300, true, true)).len(), 1, "Engine.IO closes what is not probed");
    assert_eq!(told(&probed(&["3probe"], 300, true, false)), [""; 0]);
    assert_eq!(told(&probed(&[], 10, true, false)), [""; 0], "it had no time");
    assert_eq!(told(&probed(&[], 300, false, false)), [""; 0], "the server may be gone");
}
