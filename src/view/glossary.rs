//! Terms of the glossary, one or all.

use super::line::{Line, Page, Tone};
use crate::explain::glossary::Term;

/// One term, with its source and where it can be seen.
pub fn term(term: &Term, width: usize) -> Vec<Line> {
    let mut page = Page::new(width);
    page.line(Line::of(Tone::Strong, term.name.clone()));
    page.paragraph(Line::of(Tone::Plain, "  "), &Line::of(Tone::Plain, term.meaning.replace('*', "")));
    if !term.source.is_empty() {
        page.paragraph(Line::of(Tone::Dim, "  source  "), &Line::of(Tone::Dim, term.source.clone()));
    }
    for lesson in &term.lessons {
        page.line(Line::of(Tone::Dim, "  see it  ").with(Tone::Plain, format!("wiretale lesson {lesson}")));
    }
    page.lines
}

/// The names of all.
pub fn terms(terms: &[Term], width: usize) -> Vec<Line> {
    let names: Vec<&str> = terms.iter().map(|term| term.name.as_str()).collect();
    let mut page = Page::new(width);
    page.paragraph(Line::new(), &Line::of(Tone::Plain, names.join(" · ")));
    page.lines
}
