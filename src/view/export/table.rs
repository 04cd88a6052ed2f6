//! The same lines as a table: CSV (RFC 4180), one row each, for spreadsheets and databases.
//!
//! Its columns are the keys of the kinds that are wanted, in the order of the documentation, each once; a cell is empty
//! where a line has no such key, or nothing to say there. Lists and objects stand in their cells as JSON.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::trace::Kind;

/// What nearly every line has.
const COMMON: [&str; 7] = ["kind", "frame", "frames", "time", "stream", "from", "to"];

/// What else the lines of a kind may have, in the order of the documentation.
fn further(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Packet => &["len", "caplen", "layers", "tcp", "udp"],
        Kind::HttpRequest => {
            &["method", "target", "version", "headers", "body_len", "body_sha256", "decoded_len", "decoded_sha256"]
        }
        Kind::HttpResponse => &[
            "status",
            "reason",
            "version",
            "headers",
            "body_len",
            "body_sha256",
            "decoded_len",
            "decoded_sha256",
            "request_frame",
        ],
        Kind::SseEvent => &["event", "data", "id", "retry"],
        Kind::WebSocketHandshake => &["accepted", "accept_valid", "subprotocol", "extensions"],
        Kind::WebSocketFrame => &["fin", "rsv1", "opcode", "masked", "masking_key", "payload_len"],
        Kind::WebSocketMessage => {
            &["opcode", "compressed", "payload_len", "payload_sha256", "text", "close_code", "close_reason"]
        }
        Kind::EngineIoPacket => &["protocol", "transport", "sid", "type", "data", "binary_sha256"],
        Kind::SocketIoPacket => {
            &["protocol", "sid", "socket", "namespace", "type", "id", "data", "offset", "event_frame", "rtt_ns"]
        }
        Kind::TlsRecord => &[
            "content_type",
            "record_len",
            "encrypted",
            "handshake",
            "server_name",
            "alpn",
            "tls_version",
            "cipher_suite",
            "alert",
        ],
        Kind::UdpDatagram => &["payload_len", "payload_sha256"],
        Kind::Note => &["severity", "group", "text", "spec"],
    }
}

/// Takes lines of JSON, whole or in pieces, and writes rows.
pub struct Table<W: Write> {
    rows: csv::Writer<W>,
    columns: Vec<&'static str>,
    /// The beginning of a line.
    begun: Vec<u8>,
    /// The names of the columns were written.
    is_begun: bool,
}

impl<W: Write> Table<W> {
    /// A table for lines of these kinds. The names of its columns are written before the first row, or when it is flushed.
    pub fn new(out: W, kinds: &[&str]) -> Self {
        let wanted = Kind::ALL.into_iter().filter(|kind| kinds.contains(&kind.name()));
        let mut columns = COMMON.to_vec();
        for key in wanted.flat_map(further) {
            if !columns.contains(key) {
                columns.push(key);
            }
        }
        let rows = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        Self { rows, columns, begun: Vec::new(), is_begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.rows.write_record(&self.columns)?;
        }
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> io::Result<()> {
        self.begin()?;
        let line: Map<String, Value> = serde_json::from_slice(line)?;
        let cells = self.columns.iter().map(|column| line.get(*column).map(cell).unwrap_or_default());
        self.rows.write_record(cells)?;
        Ok(())
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl<W: Write> Write for Table<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut rest = octets;
        while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
            let (line, behind) = (&rest[..end], &rest[end + 1..]);
            if self.begun.is_empty() {
                self.row(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.begun);
                whole.extend_from_slice(line);
                self.row(&whole)?;
            }
            rest = behind;
        }
        self.begun.extend_from_slice(rest);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.begin()?;
        self.rows.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_rows() {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, &["websocket.message", "note"]);
        let lines = concat!(
            r#"{"v":1,"kind":"websocket.message","frame":8,"frames":[7,8],"text":"a, \"b\"\nc","close_code":null}"#,
            "\n",
            r#"{"kind":"note","frame":null,"frames":[],"severity":"warn"}"#,
            "\n",
        );
        // In pieces, as they may come.
        lines.as_bytes().chunks(7).for_each(|piece| table.write_all(piece).unwrap());
        table.flush().unwrap();
        drop(table);
        let expected = concat!(
            "kind,frame,frames,time,stream,from,to,opcode,compressed,payload_len,payload_sha256,text,close_code,",
            "close_reason,severity,group,spec\r\n",
            "websocket.message,8,\"[7,8]\",,,,,,,,,\"a, \"\"b\"\"\nc\",,,,,\r\n",
            "note,,[],,,,,,,,,,,,warn,,\r\n",
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
