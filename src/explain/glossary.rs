//! The glossary: the terms of the lessons, read from one Markdown file.
//!
//! ```text
//! ## term
//! What it is, on one line or several.
//! Source: RFC 6455 §5.2; … . See: 09-upgrade, … .
//! ```

/// A term and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The term.
    pub name: String,
    /// What it is, as Markdown.
    pub meaning: String,
    /// The documents that define it; empty if none does.
    pub source: String,
    /// The lessons in which it can be seen.
    pub lessons: Vec<String>,
}

/// All terms of a glossary, in its order. What stands before the first is its preface.
pub fn glossary(text: &str) -> Vec<Term> {
    text.split("\n## ").skip(1).map(term).collect()
}

impl Term {
    /// Whether someone means this: capitals, spaces, signs and a plural do not matter.
    pub fn is_called(&self, wanted: &str) -> bool {
        let (name, wanted) = (plain(&self.name), plain(wanted));
        name == wanted || wanted.strip_suffix('s').is_some_and(|singular| singular == name)
    }
}

fn term(section: &str) -> Term {
    let (name, body) = section.split_once('\n').unwrap_or((section, ""));
    let mut term =
        Term { name: name.trim().to_owned(), meaning: String::new(), source: String::new(), lessons: Vec::new() };
    for line in body.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (source, see) = match (line.strip_prefix("Source: "), line.strip_prefix("See: ")) {
            (Some(rest), _) => rest.split_once(". See: ").unwrap_or((rest, "")),
            (None, Some(see)) => ("", see),
            (None, None) => {
                if !term.meaning.is_empty() {
                    term.meaning.push(' ');
                }
                term.meaning.push_str(line);
                continue;
            }
        };
        source.trim_end_matches('.').clone_into(&mut term.source);
        term.lessons =
            see.trim_end_matches('.').split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    }
    term
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read() {
        let terms = glossary(
            "# Glossary\n\nPreface.\n\n## Web socket\nA *thing*,\nand more.\nSource: RFC 1 §2. See: 09-upgrade, 10-frames.\n\n## room\nA list.\nSee: 16-audience.\n",
        );
        assert_eq!(terms.len(), 2);
        assert_eq!((terms[0].meaning.as_str(), terms[0].source.as_str()), ("A *thing*, and more.", "RFC 1 §2"));
        assert_eq!(terms[0].lessons, ["09-upgrade", "10-frames"]);
        assert_eq!((terms[1].source.as_str(), terms[1].lessons.len()), ("", 1));
        assert!(terms[0].is_called("WebSockets") && terms[0].is_called("web-socket") && !terms[0].is_called("web"));
        assert_eq!(glossary(""), []);
    }
}
