//! Markdown on a terminal: headings, paragraphs, emphasis, code, lists, quotes. Links show their text only.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::line::{Line, Page, Tone};
use crate::explain::lesson::ToldText;

/// Lays Markdown out; the capture's values in it are emphasised.
pub fn markdown(text: &ToldText, width: usize) -> Vec<Line> {
    let mut writer = Writer {
        text,
        page: Page::new(width),
        body: Line::new(),
        tones: Vec::new(),
        lists: Vec::new(),
        item: None,
        quotes: 0,
    };
    for event in Parser::new_ext(&text.markdown, Options::ENABLE_TABLES) {
        writer.event(event);
    }
    writer.flush();
    let mut lines = writer.page.lines;
    while lines.last().is_some_and(|line| line.width() == 0) {
        lines.pop();
    }
    lines
}

struct Writer<'a> {
    text: &'a ToldText,
    page: Page,
    body: Line,
    tones: Vec<Tone>,
    /// The number the next item of each open list gets; none for bullets.
    lists: Vec<Option<u64>>,
    item: Option<String>,
    quotes: usize,
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(end) => self.end(end),
            Event::Text(text) => self.words(&text, None),
            Event::Code(code) => self.words(&code, Some(Tone::Strong)),
            Event::SoftBreak => self.words(" ", None),
            Event::HardBreak => self.flush(),
            Event::Rule => {
                self.flush();
                self.page.line(Line::of(Tone::Dim, "─".repeat(self.page.width.min(40))));
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.page.gap();
                self.tones.push(if *level <= HeadingLevel::H2 { Tone::Title } else { Tone::Strong });
            }
            Tag::Emphasis | Tag::Strong => self.tones.push(Tone::Strong),
            Tag::List(first) => {
                self.flush();
                if self.lists.is_empty() {
                    self.page.gap();
                }
                self.lists.push(*first);
            }
            Tag::Item => {
                self.flush();
                self.item = Some(self.marker());
            }
            Tag::BlockQuote(_) => {
                self.page.gap();
                self.quotes += 1;
            }
            Tag::CodeBlock(_) => {
                self.page.gap();
                self.tones.push(Tone::Dim);
            }
            Tag::Paragraph if self.lists.is_empty() => self.page.gap(),
            Tag::TableCell => self.words("  ", None),
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Heading(_) => {
                self.flush();
                self.tones.pop();
                self.page.gap();
            }
            TagEnd::Emphasis | TagEnd::Strong => {
                self.tones.pop();
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.quotes -= 1;
            }
            TagEnd::CodeBlock => {
                self.flush();
                self.tones.pop();
                self.page.gap();
            }
            TagEnd::Paragraph | TagEnd::Item | TagEnd::TableRow | TagEnd::TableHead => self.flush(),
            _ => {}
        }
    }

    fn marker(&mut self) -> String {
        let depth = self.lists.len().saturating_sub(1);
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "• ".into(),
        };
        format!("{}{bullet}", "  ".repeat(depth))
    }

    /// Adds text, with the capture's values in place of their marks.
    fn words(&mut self, text: &str, tone: Option<Tone>) {
        let tone = tone.or(self.tones.last().copied()).unwrap_or(Tone::Plain);
        let in_code = self.tones.last() == Some(&Tone::Dim);
        let mut plain = String::new();
        for c in text.chars() {
            if c == '\n' && in_code {
                self.body.push(tone, std::mem::take(&mut plain));
                self.verbatim();
                continue;
            }
            match self.text.mark(c) {
                Some(value) => {
                    self.body.push(tone, std::mem::take(&mut plain));
                    self.body.push(Tone::Strong, value);
                }
                None => plain.push(c),
            }
        }
        self.body.push(tone, plain);
    }

    /// A line of code, which is not broken.
    fn verbatim(&mut self) {
        let line = std::mem::take(&mut self.body);
        let mut out = Line::of(Tone::Plain, "    ");
        out.append(line);
        self.page.line(out);
    }

    fn flush(&mut self) {
        if self.body.width() == 0 {
            return;
        }
        let body = std::mem::take(&mut self.body);
        let mut first = Line::of(Tone::Dim, "│ ".repeat(self.quotes));
        match self.item.take() {
            Some(marker) => first.push(Tone::Plain, marker),
            None => first.push(Tone::Plain, "  ".repeat(self.lists.len())),
        }
        self.page.paragraph(first, &body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lay_out(markdown_text: &str, values: &[&str], width: usize) -> Vec<String> {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        let text = ToldText { markdown: markdown_text.into(), values, ..ToldText::default() };
        markdown(&text, width).iter().map(Line::text).collect()
    }

    #[test]
    fn paragraphs_lists_and_code() {
        let text = "# Title\n\nOne *two* three\nfour.\n\n- a b c d\n- e\n\n```text\nGET /  x\n```\nend";
        let expected = ["Title", "", "One two three", "four.", "", "• a b c d", "• e", "", "    GET /  x", "", "end"];
        assert_eq!(lay_out(text, &[], 14), expected);
    }

    #[test]
    fn a_value_is_never_read_as_markdown() {
        let expected = ["The answer is a*b_c_*, exactly."];
        assert_eq!(lay_out("The answer is `\u{e000}`, exactly.", &["a*b_c_*"], 60), expected);
        assert_eq!(lay_out("The answer is \u{e000}, exactly.", &["a*b_c_*"], 60), expected);
    }
}
