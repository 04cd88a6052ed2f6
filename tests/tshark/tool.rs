//! tshark, which comes with Wireshark: whether it is here, and what it says.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Once;

/// Between fields, and between the values of one field: octets that no text of a capture should hold.
const SEPARATOR: char = '\u{1d}';
/// Not the record separator, which stands between the packets of an Engine.IO payload.
const AGGREGATOR: char = '\u{1f}';

/// What tshark says of a frame: every value of every field asked for.
pub type Values = BTreeMap<&'static str, Vec<String>>;

/// Whether tshark is here. Where it is missing the comparison is skipped, and said to be; with
/// `WIRETALE_REQUIRE_TSHARK=1` its absence is a failure.
pub fn is_here() -> bool {
    static SKIPPED: Once = Once::new();
    let here = Command::new("tshark").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let required = std::env::var("WIRETALE_REQUIRE_TSHARK").is_ok_and(|value| value == "1");
    assert!(here || !required, "WIRETALE_REQUIRE_TSHARK is set, but there is no tshark");
    if !here {
        SKIPPED.call_once(|| {
            // Not `eprintln!`: the test harness would swallow it, because the test passes.
            let text = "SKIPPED: there is no tshark here, so nothing was compared with it\n";
            std::io::stderr().write_all(text.as_bytes()).unwrap();
        });
    }
    here
}

/// The version of tshark: 4.0 is the one the exceptions were found with.
pub fn version() -> (u32, u32) {
    // TShark (Wireshark) 4.0.17 (Git v4.0.17 packaged as 4.0.17-0+deb12u1).
    let text = run(bare().arg("--version"));
    let word = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).unwrap_or_default();
    let mut numbers = word.split('.').map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The values of these fields in every frame of a file.
pub fn fields(path: &Path, preferences: &[&str], names: &[&'static str]) -> Vec<Values> {
    let mut tshark = command();
    tshark.args(["-T", "fields", "-E", "occurrence=a"]);
    tshark.arg("-E").arg(format!("separator={SEPARATOR}"));
    tshark.arg("-E").arg(format!("aggregator={AGGREGATOR}"));
    for preference in preferences {
        tshark.args(["-o", preference]);
    }
    for name in names {
        tshark.args(["-e", name]);
    }
    let text = run(tshark.arg("-r").arg(path));
    let values = |cell: &str| match cell {
        "" => Vec::new(),
        cell => cell.split(AGGREGATOR).map(str::to_owned).collect(),
    };
    let line = |line: &str| names.iter().copied().zip(line.split(SEPARATOR).map(values)).collect();
    text.lines().map(line).collect()
}

/// A capture as a path: itself, or a copy that lasts as long as this.
pub enum Copied<'p> {
    No(&'p Path),
    Yes(tempfile::TempPath),
}

impl std::ops::Deref for Copied<'_> {
    type Target = Path;

    fn deref(&self) -> &Path {
        match self {
            Self::No(path) => path,
            Self::Yes(path) => path,
        }
    }
}

/// A capture without the secrets of TLS, if it has any: so sees it who has them not.
pub fn without_secrets(path: &Path) -> Copied<'_> {
    const SECTION: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];
    const LITTLE: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
    const SECRETS: u32 = 10;
    let bytes = std::fs::read(path).unwrap();
    if !bytes.starts_with(&SECTION) || bytes.get(8..12) != Some(&LITTLE) {
        return Copied::No(path);
    }
    let word = |at: usize| bytes.get(at..at + 4).map_or(0, |it| u32::from_le_bytes(it.try_into().unwrap()));
    let (mut kept, mut at) = (Vec::new(), 0);
    while at + 12 <= bytes.len() {
        let end = bytes.len().min(at + (word(at + 4) as usize).max(12));
        if word(at) != SECRETS {
            kept.extend_from_slice(&bytes[at..end]);
        }
        at = end;
    }
    if kept.len() == bytes.len() {
        return Copied::No(path);
    }
    let mut copy = tempfile::NamedTempFile::new().unwrap();
    copy.write_all(&kept).unwrap();
    Copied::Yes(copy.into_temp_path())
}

/// How often a capture is passed over: tshark does it once unless told otherwise, Wireshark's window always twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passes {
    One,
    Two,
}

/// For each of the filters the frames it matches, all in one run: every filter becomes a listener. An error is what
/// Wireshark says of a filter that it does not understand.
pub fn filtered(path: &Path, passes: Passes, filters: &[&str]) -> Vec<Result<Vec<u32>, String>> {
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("listen.lua");
    let mut lua = String::from(LISTEN);
    for (index, filter) in filters.iter().enumerate() {
        lua.push_str(&format!("listen({index}, [==[{filter}]==])\n"));
    }
    std::fs::write(&script, lua).unwrap();
    let mut tshark = command();
    if passes == Passes::Two {
        tshark.arg("-2");
    }
    let text = run(tshark.arg("-q").arg("-X").arg(format!("lua_script:{}", script.display())).arg("-r").arg(path));
    let mut found: Vec<Result<Vec<u32>, String>> = vec![Err("nothing was heard of it".into()); filters.len()];
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let (kind, index, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
        let index: usize = index.parse().unwrap();
        match (kind, &mut found[index]) {
            ("listens", heard) => *heard = Ok(Vec::new()),
            ("frame", Ok(frames)) => frames.push(rest.parse().unwrap()),
            (_, heard) => *heard = Err(rest.to_owned()),
        }
    }
    found
}

const LISTEN: &str = r#"
function listen(index, filter)
  local ok, listener = pcall(Listener.new, nil, filter)
  if not ok then print("wrong " .. index .. " " .. tostring(listener):gsub("\n", " ")) return end
  print("listens " .. index)
  function listener.packet(pinfo) print("frame " .. index .. " " .. pinfo.number) end
end
"#;

/// Every field and protocol that tshark knows, with its type; protocols have the type `protocol`.
pub fn registry() -> BTreeMap<String, Vec<String>> {
    let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in run(bare().args(["-G", "fields"])).lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        match columns.as_slice() {
            ["P", _, name, ..] => known.entry((*name).to_owned()).or_default().push("protocol".into()),
            ["F", _, name, kind, ..] => known.entry((*name).to_owned()).or_default().push((*kind).to_owned()),
            _ => {}
        }
    }
    known
}

/// tshark without the settings of whoever runs the test, and without looking up names.
pub fn command() -> Command {
    let mut tshark = bare();
    tshark.arg("-n");
    tshark
}

fn bare() -> Command {
    let mut tshark = Command::new("tshark");
    tshark.env("WIRESHARK_CONFIG_DIR", "/nonexistent");
    tshark
}

/// Runs it and returns what it prints. It must not complain.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(complaints(&output), [] as [String; 0], "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn complaints(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| !line.starts_with("Running as user")).map(str::to_owned).collect()
}
