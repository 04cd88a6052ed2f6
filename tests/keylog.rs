//! What is encrypted in a capture, read with a key log: `--keylog FILE`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use tempfile::TempDir;

const CAPTURE: &str = "captures/20-privacy.pcapng";
/// The type of the block that holds secrets (pcapng, Decryption Secrets Block).
const SECRETS: u32 = 10;

/// The capture of the lesson without its secrets, and a key log with them.
struct Parted {
    _folder: TempDir,
    capture: PathBuf,
    keylog: PathBuf,
}

fn parted() -> Parted {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(CAPTURE)).unwrap();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut kept, mut secrets, mut at) = (Vec::new(), Vec::new(), 0);
    while at < bytes.len() {
        let end = at + word(at + 4) as usize;
        match word(at) {
            SECRETS => secrets.extend_from_slice(&bytes[at + 16..at + 16 + word(at + 12) as usize]),
            _ => kept.extend_from_slice(&bytes[at..end]),
        }
        at = end;
    }
    assert!(!secrets.is_empty(), "the lab kept them");
    let folder = tempfile::tempdir().unwrap();
    let (capture, keylog) = (folder.path().join("sealed.pcapng"), folder.path().join("keys.log"));
    fs::write(&capture, kept).unwrap();
    fs::write(&keylog, secrets).unwrap();
    Parted { _folder: folder, capture, keylog }
}

fn ran(command: &str, parted: &Parted, keylog: Option<&Path>, more: &[&str]) -> Output {
    let mut program = Command::cargo_bin("wiretale").unwrap();
    program.arg(command).arg(&parted.capture).args(more);
    if let Some(keylog) = keylog {
        program.arg("--keylog").arg(keylog).arg("--width=100");
    }
    program.output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_key_log_opens_what_is_encrypted() {
    let parted = parted();
    let secret = r#"TLS: text "the secret word""#;
    assert!(!text(&ran("replay", &parted, None, &[])).contains(secret));
    assert!(text(&ran("replay", &parted, Some(&parted.keylog), &[])).contains(secret));

    let onion = text(&ran("peel", &parted, Some(&parted.keylog), &["26"]));
    for layer in ["TLS          22", "WebSocket     6", "payload      15"] {
        assert!(onion.contains(layer), "each octet has its owner, encrypted or not:\n{onion}");
    }

    let messages = |keylog| {
        let lines = text(&ran("export", &parted, keylog, &["--kinds", "websocket.message"]));
        lines.lines().filter(|line| line.contains(r#""stream":1,"#)).count()
    };
    assert_eq!((messages(None), messages(Some(parted.keylog.as_path()))), (0, 4));
}

/// What is in it can be set beside what is in another capture, whether that has its secrets inside or not.
#[test]
fn two_captures_are_compared_with_a_key_log() {
    let parted = parted();
    let compared = |keylog: Option<&Path>| {
        let output = ran("compare", &parted, keylog, &[CAPTURE, "--format=json"]);
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(compared(Some(&parted.keylog))["partings"], serde_json::json!([]), "opened, both tell the same");
    assert_ne!(compared(None)["partings"], serde_json::json!([]), "closed, one has less to tell");
}

/// The secrets that the file has are as good as those beside it, for every command that reads while it counts, too.
#[test]
fn secrets_in_the_capture_are_used_unasked() {
    let parted = parted();
    let whole = Parted { capture: PathBuf::from(CAPTURE), ..self::parted() };
    for arguments in [&["--summary", "--json"][..], &["--summary", "--json", "--threads", "2"]] {
        let within = text(&ran("replay", &whole, None, arguments));
        assert_eq!(within, text(&ran("replay", &parted, Some(&parted.keylog), arguments)), "{arguments:?}");
        assert_ne!(within, text(&ran("replay", &parted, None, arguments)), "{arguments:?}");
    }
}

#[test]
fn a_key_log_that_is_none_is_refused() {
    let parted = parted();
    let empty = parted.capture.with_file_name("empty.log");
    fs::write(&empty, "# nothing\n").unwrap();
    let missing = parted.capture.with_file_name("missing.log");
    for (keylog, expected) in [(&empty, "no line with a secret"), (&missing, "No such file")] {
        let output = ran("replay", &parted, Some(keylog), &[]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("cannot read the key log") && said.contains(expected), "{said}");
    }
}

/// What stays encrypted may be anything: an answer to what was asked, a Close frame.
#[test]
fn nobody_is_blamed_for_what_no_secret_opens() {
    let parted = parted();
    let secrets = fs::read_to_string(&parted.keylog).unwrap();
    let half = parted.capture.with_file_name("half.log");
    for (who, other) in [("CLIENT", "server"), ("SERVER", "client")] {
        let lines = secrets.lines().filter(|line| line.starts_with(who)).map(|line| format!("{line}\n"));
        fs::write(&half, lines.collect::<String>()).unwrap();
        let told = text(&ran("replay", &parted, Some(&half), &[]));
        for blamed in ["never answered", "error"] {
            assert!(!told.contains(blamed), "{who}: {blamed} in\n{told}");
        }
        let note = format!("there are no secrets for what the {other} says from here on");
        assert_eq!(told.matches(&note).count(), 1, "{who}:\n{told}");
    }
}
