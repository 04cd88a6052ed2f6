//! Holds the house together: imports point up the list of floors, the lab shares nothing with the dissectors, each
//! third-party crate has its door, and rooms stay small. Read from the sources, so that it cannot rot.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors in the order in which data flows; a module imports only from those before it.
const FLOORS: [&str; 13] = [
    "layer", "map", "count", "mistake", "capture", "packet", "flow", "message", "protocol", "trace", "filter",
    "explain", "view",
];

/// What the lab may know: where frames come from, and the words of floor 0. Never what dissects them.
const LAB_MAY_IMPORT: [&str; 5] = ["layer", "count", "mistake", "capture", "lab"];

/// Which folders or files may name a third-party crate.
const DOORS: &[(&str, &[&str])] = &[
    ("anstream", &["cli/output.rs"]),
    ("anstyle", &["view/line.rs"]),
    ("base64", &["protocol/", "lab/"]),
    ("brotli_decompressor", &["protocol/http1/coding.rs"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/manual.rs", "cli/arguments.rs"]),
    ("clap_mangen", &["cli/manual.rs"]),
    ("comfy_table", &["view/table.rs"]),
    ("csv", &["view/export/table.rs", "view/case.rs"]),
    ("engineioxide", &["lab/socketio/guests.rs", "lab/socketio/recovering/"]),
    ("etherparse", &["packet/"]),
    ("flate2", &["protocol/http1/coding.rs", "protocol/websocket/deflate/", "lab/deflate.rs"]),
    ("foldhash", &["map.rs"]),
    ("futures_util", &["lab/"]),
    ("hyper", &["lab/socketio/server.rs"]),
    ("hyper_util", &["lab/socketio/server.rs"]),
    ("httparse", &["protocol/http1/", "lab/"]),
    ("humantime", &["view/export/", "cli/arguments.rs"]),
    ("indicatif", &["cli/bar.rs"]),
    ("itoa", &["view/export/object.rs"]),
    ("libc", &["lab/", "capture/live.rs"]),
    ("memchr", &["protocol/engineio/", "protocol/http1/"]),
    ("miette", &["cli/failure.rs", "capture/", "lab/"]),
    ("nix", &["lab/", "capture/live.rs"]),
    ("pcap", &["capture/live.rs", "capture/file/mod.rs"]), // in the latter a module of its own has that name,
    ("plotters", &["view/plot.rs"]),
    ("pulldown_cmark", &["explain/lesson/", "view/markdown.rs"]),
    ("rcgen", &["lab/tls/", "protocol/tls/opened_tests.rs"]),
    ("regex", &["filter/"]),
    ("rusqlite", &["lab/socketio/"]),
    ("rust_embed", &["cli/course.rs"]),
    (
        "serde_json",
        &[
            "protocol/json.rs",
            "protocol/engineio/",
            "protocol/socketio/",
            "view/json.rs",
            "view/summary.rs",
            "view/case.rs",
            "view/compare.rs",
            "view/quiz.rs",
            "view/pair.rs",
            "view/export/",
            "lab/words.rs",
            "lab/socketio/",
            "lab/log.rs",
        ],
    ),
    ("ring", &["protocol/tls/"]),
    ("rustls", &["lab/tls/", "protocol/tls/opened_tests.rs"]),
    ("sha1", &["protocol/websocket/"]),
    ("sha2", &["view/export/"]),
    ("signal_hook", &["lab/interrupt.rs"]),
    ("socketioxide", &["lab/socketio/server.rs", "lab/socketio/guests.rs", "lab/socketio/emitting.rs"]),
    ("strsim", &["mistake.rs"]),
    ("tempfile", &["lab/socketio/queue.rs", "capture/file/tests.rs"]),
    ("terminal_size", &["cli/output.rs"]),
    ("tokio", &["lab/"]),
    ("tokio_rustls", &["lab/tls/", "lab/line.rs"]),
    ("tokio_tungstenite", &["lab/"]),
    ("toml", &["explain/lesson/"]),
    ("tungstenite", &["lab/"]),
    ("unicode_width", &["view/"]),
    ("winnow", &["filter/syntax/", "lab/"]),
    ("x25519_dalek", &["lab/tls/seeded.rs"]),
];

const MAX_LINES: usize = 400;

/// A source file: its path below `src/`, and its text.
struct Source {
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source { path: path.strip_prefix(&root).unwrap().display().to_string(), text });
            }
        }
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

impl Source {
    /// The module at the top of `src/` that the file belongs to.
    fn floor(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The lines before the file's own tests: those begin where a module does that is only there for them. What else is only
    /// there for tests, a function or a module in another file, is passed over by nobody.
    fn before_tests(&self) -> impl Iterator<Item = &str> {
        let lines: Vec<&str> = self.text.lines().collect();
        let begins = |at: &usize| {
            let item = lines[at + 1..].iter().find(|line| !line.starts_with("#[")).unwrap_or(&"");
            let is_module = item.split(' ').take(2).any(|word| word == "mod");
            lines[*at] == "#[cfg(test)]" && is_module && item.ends_with('{')
        };
        let end = (0..lines.len()).find(begins).unwrap_or(lines.len());
        lines.into_iter().take(end)
    }

    /// The same, comments left out.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.before_tests().map(str::trim).filter(|line| !line.starts_with("//"))
    }

    /// The modules at the top of `src/` that the file names with `crate::`.
    fn imports(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for line in self.code() {
            for (at, _) in line.match_indices("crate::") {
                let before = line[..at].chars().next_back();
                let rest = &line[at + "crate::".len()..];
                if before == Some('$') || before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    continue;
                }
                found.extend(names(rest));
            }
        }
        found
    }
}

/// The first name of a path, or of each path in braces.
fn names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    match path.strip_prefix('{') {
        Some(list) => list.split(',').map(|one| name(one.trim())).collect(),
        None => vec![name(path)],
    }
}

#[test]
fn imports_point_up_the_list_of_floors() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(own) = FLOORS.iter().position(|floor| *floor == source.floor()) else { continue };
        for import in source.imports() {
            match FLOORS.iter().position(|floor| *floor == import) {
                Some(other) if other <= own => {}
                None if import == "fields" => {} // the macro of floor 0
                _ => wrong.push(format!("{} imports crate::{import}", source.path)),
            }
        }
    }
    assert!(wrong.is_empty(), "a floor imports only from those above it:\n{}", wrong.join("\n"));
}

#[test]
fn the_lab_shares_nothing_with_the_dissectors() {
    let lab: Vec<Source> = sources().into_iter().filter(|source| source.floor() == "lab").collect();
    assert!(!lab.is_empty());
    for source in lab {
        for import in source.imports() {
            assert!(LAB_MAY_IMPORT.contains(&import.as_str()), "{} imports crate::{import}", source.path);
        }
    }
}

#[test]
fn only_the_command_line_imports_the_lab() {
    for source in sources().iter().filter(|source| !["lab", "cli", "lib"].contains(&source.floor())) {
        assert!(!source.imports().contains("lab"), "{} imports the lab", source.path);
        assert!(!source.imports().contains("cli"), "{} imports the command line", source.path);
    }
}

#[test]
fn each_third_party_crate_has_its_door() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, doors) in DOORS {
            let path = format!("{name}::");
            let names_it = source.code().any(|line| {
                line.match_indices(&path).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
                })
            });
            if names_it && !doors.iter().any(|door| source.path.starts_with(door)) {
                wrong.push(format!("{} uses {name}, whose door is {}", source.path, doors.join(" or ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_has_a_door() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let mut in_dependencies = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            in_dependencies = line.ends_with("dependencies]") && !line.contains("dev-");
            continue;
        }
        let Some((name, _)) = line.split_once(" = ").filter(|_| in_dependencies) else { continue };
        // These two only derive; every floor may describe its own types.
        if !["serde", "thiserror"].contains(&name) {
            let name = name.replace('-', "_");
            assert!(DOORS.iter().any(|(door, _)| *door == name), "`{name}` has no door in this test");
        }
    }
}

#[test]
fn lib_lists_the_floors_in_order() {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let declared: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let expected: Vec<&str> = FLOORS.iter().copied().chain(["lab", "cli"]).collect();
    assert_eq!(declared, expected);
}

#[test]
fn rooms_stay_small() {
    let lines = |source: &Source| source.before_tests().count();
    let large: Vec<String> = sources()
        .iter()
        .filter(|source| !source.path.ends_with("tests.rs") && !source.path.ends_with("_tests.rs"))
        .filter(|source| lines(source) > MAX_LINES)
        .map(|source| format!("{} ({} lines)", source.path, lines(source)))
        .collect();
    assert!(
        large.is_empty(),
        "more than {MAX_LINES} lines before the tests; give them another room: {}",
        large.join(", ")
    );
}

#[test]
fn nobody_listens_beyond_loopback() {
    for source in sources().iter().filter(|source| !source.path.ends_with("tests.rs")) {
        for line in source.code() {
            let outside = ["UNSPECIFIED", "\"0.0.0.0", "\"[::]"].iter().any(|address| line.contains(address));
            assert!(!outside, "{}: {line}", source.path);
        }
    }
}

/// A function that only tests call hides nothing behind it from the rules above.
#[test]
fn a_file_is_read_up_to_its_module_of_tests() {
    let source = |text: &str| Source { path: "x.rs".to_owned(), text: text.to_owned() };
    let of = |text: &str| source(text).code().map(str::to_owned).collect::<Vec<_>>();
    let helper = "#[cfg(test)]\nfn of_tests() {}\n// why\nuse b;\n#[cfg(test)]\nmod far;\nuse c;\n";
    assert_eq!(
        of(&format!("{helper}#[cfg(test)]\n#[expect(x)]\npub(super) mod tests {{\nuse d;\n}}\n")),
        ["#[cfg(test)]", "fn of_tests() {}", "use b;", "#[cfg(test)]", "mod far;", "use c;"]
    );
}

/// What stands between single backquotes.
fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a file or, with a slash behind it, a folder ends so, in one of these folders.
fn is_there(paths: &[String], room: &str, wanted: &str) -> bool {
    let ends = |path: &str, end: &str| path == end || path.ends_with(&format!("/{end}"));
    let wanted_of = |path: &str| match wanted.strip_suffix('/') {
        Some(folder) => Path::new(path).ancestors().skip(1).any(|above| ends(&above.to_string_lossy(), folder)),
        None => ends(path, wanted),
    };
    paths.iter().filter(|path| path.starts_with(room)).any(|path| wanted_of(path))
}

/// The names of types, functions, constants and modules, and what may be a variant.
fn declared(texts: &[(String, String)]) -> BTreeSet<&str> {
    const KINDS: [&str; 7] = ["fn", "struct", "enum", "trait", "type", "const", "mod"];
    let mut found = BTreeSet::new();
    for line in texts.iter().flat_map(|(_, text)| text.lines()) {
        let words = || line.split(|c: char| !c.is_alphanumeric() && c != '_');
        found.extend(words().zip(words().skip(1)).filter(|(kind, _)| KINDS.contains(kind)).map(|(_, name)| name));
        let is_variant = |word: &&str| word.starts_with(char::is_uppercase) && !line.contains("::");
        found.extend(line.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(is_variant));
    }
    found
}

/// The page on the architecture names files, folders, types and functions: none that is gone.
#[test]
fn the_page_on_the_architecture_names_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let texts: Vec<(String, String)> = sources().into_iter().map(|source| (source.path, source.text)).collect();
    let mut paths: Vec<String> = texts.iter().map(|(path, _)| format!("src/{path}")).collect();
    let beside = ["tests", "benches", "fuzz", "script", "lessons", "captures"].map(|folder| root.join(folder));
    let mut folders = beside.to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            match entry.is_dir() {
                true if matches!(&*name, "corpus" | "seeds" | "artifacts" | "target") => {}
                true => folders.push(entry),
                false => paths.push(entry.strip_prefix(root).unwrap().display().to_string()),
            }
        }
    }
    let declared = declared(&texts);
    let mut gone = Vec::new();
    for line in page.lines() {
        // A row of the table of floors speaks of what is on that floor.
        let floor = line.split('|').nth(2).and_then(|cell| code_spans(cell).next());
        let room = floor.map_or_else(String::new, |floor| format!("src/{floor}"));
        for span in code_spans(line) {
            let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            let is_path = (span.ends_with(".rs") || span.ends_with('/')) && !span.contains(' ');
            let is_type = span.starts_with(char::is_uppercase) && span.chars().any(char::is_lowercase);
            let last = span.rsplit("::").next().unwrap_or_default();
            let is_gone = match () {
                () if is_path => {
                    !is_there(&paths, if span.trim_end_matches('/').contains('/') { "" } else { &room }, span)
                }
                () if (span.contains("::") || is_type) && span.split("::").all(is_name) => !declared.contains(last),
                () => false,
            };
            if is_gone {
                gone.push(format!("{span} ({})", line.chars().take(60).collect::<String>()));
            }
        }
    }
    assert!(gone.is_empty(), "ARCHITECTURE.md names what is not there:\n{}", gone.join("\n"));
}
