//! The same lines as a table: CSV (RFC 4180), one row each, for spreadsheets and databases.
//!
//! Its columns are keys of lines; a cell is empty where a line has no such key, or nothing to say there. Lists and objects stand in their cells as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::value::RawValue;

use crate::protocol::json;

/// Takes lines of JSON, whole or in pieces, and writes rows.
pub struct Table<W: Write> {
    rows: csv::Writer<W>,
    columns: Vec<String>,
    /// The beginning of a line.
    begun: Vec<u8>,
    /// The names of the columns were written.
    is_begun: bool,
}

impl<W: Write> Table<W> {
    /// A table with these keys as its columns. Their names are written before the first row, or when it is flushed.
    pub fn new(out: W, keys: &[&str]) -> Self {
        let columns = keys.iter().map(|key| (*key).to_owned()).collect();
        let rows = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        Self { rows, columns, begun: Vec::new(), is_begun: false }
    }

    fn begin(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.is_begun, true) {
            self.rows.write_record(&self.columns).map_err(as_it_was)?;
        }
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> io::Result<()> {
        self.begin()?;
        // Values stay as they are: a peer's JSON may hold what no type of ours does.
        let line: BTreeMap<&str, &RawValue> = serde_json::from_slice(line)?;
        for column in &self.columns {
            let cell = line.get(column.as_str()).map(|value| cell(value)).unwrap_or_default();
            self.rows.write_field(cell.as_bytes()).map_err(as_it_was)?;
        }
        self.rows.write_record(None::<&[u8]>).map_err(as_it_was)
    }
}

/// Why writing failed, of the kind that it had before it was one of the csv crate's: a closed pipe is nobody's mistake.
fn as_it_was(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn cell(value: &RawValue) -> Cow<'_, str> {
    match value.get() {
        "null" => Cow::Borrowed(""),
        text if text.starts_with('"') => Cow::Owned(json::string(text).unwrap_or_default()),
        other => Cow::Borrowed(other),
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
    use super::super::keys_of;
    use super::*;

    #[test]
    fn lines_become_rows() {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, &keys_of(&["websocket.message", "note"]));
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
            "close_reason,http2_stream,complete,severity,group,spec\r\n",
            "websocket.message,8,\"[7,8]\",,,,,,,,,\"a, \"\"b\"\"\nc\",,,,,,,\r\n",
            "note,,[],,,,,,,,,,,,,,warn,,\r\n",
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    /// Half of a surrogate pair is JSON, and no text.
    #[test]
    fn half_of_a_pair_ends_no_table() {
        let mut out = Vec::new();
        let mut table = Table::new(&mut out, &["data"]);
        writeln!(table, r#"{{"data":"a\ud800"}}"#).unwrap();
        table.flush().unwrap();
        drop(table);
        assert_eq!(String::from_utf8(out).unwrap(), "data\r\na\u{fffd}\r\n");
    }

    #[test]
    fn a_closed_pipe_is_told_as_one() {
        struct Closed;

        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let mut table = Table::new(Closed, &["data"]);
        let line = format!("{{\"data\":\"{}\"}}\n", "x".repeat(1 << 20));
        let failed = table.write_all(line.as_bytes()).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe, "{failed}");
    }

    #[test]
    fn what_a_peer_sent_as_json_is_its_cell() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for data in ["[1.50,1e999]", r#"{"b":1,"a":2}"#, &deep] {
            let mut out = Vec::new();
            let mut table = Table::new(&mut out, &["kind", "data"]);
            writeln!(table, r#"{{"kind":"socketio.packet","data":{data}}}"#).unwrap();
            table.flush().unwrap();
            drop(table);
            let cell =
                if data.contains([',', '"']) { format!("\"{}\"", data.replace('"', "\"\"")) } else { data.to_owned() };
            assert_eq!(String::from_utf8(out).unwrap(), format!("kind,data\r\nsocketio.packet,{cell}\r\n"));
        }
    }
}
