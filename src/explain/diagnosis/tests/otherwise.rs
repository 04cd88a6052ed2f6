use super::told;
use crate::trace::testing::{Conversation, DATA, EMPTY_200, TO_SERVER};

/// What is in between of one connection is so of all to the same server: it is told once, whatever their ports.
#[test]
fn what_comes_again_and_is_other_is_told_once_for_all_connections() {
    let told = |clients: &[&str]| {
        let mut all = Conversation::new();
        for client in clients {
            let mut talk = Conversation::between(client, "10.0.0.9:80").open();
            let seq = talk.next[0];
            talk.client("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").at(
                TO_SERVER,
                seq,
                DATA,
                b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
            );
            talk.server(EMPTY_200);
            all.frames.append(&mut talk.frames);
        }
        let said: Vec<String> = told(&all).into_iter().filter(|text| text.contains("another content")).collect();
        said.iter().map(|text| text.split(" A sender").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let rest = "octets that had come before came with another content. What came first is read here; 10.0.0.9:80 may have read the other.";
    assert_eq!(told(&["10.0.0.1:40000"]), [format!("1 segment of connection 0 from 10.0.0.1:40000: {rest}")]);
    assert_eq!(
        told(&["10.0.0.1:40000", "10.0.0.1:40001", "10.0.0.2:40000", "10.0.0.1:40002"]),
        [
            format!("3 segments of 3 connections, first of connection 0, from 10.0.0.1: {rest}"),
            format!("1 segment of connection 2 from 10.0.0.2:40000: {rest}"),
        ]
    );
}
