//! A lesson on a terminal.

use super::line::{Line, Page, Tone};
use super::markdown::markdown;
use super::peel::onion;
use super::story;
use super::table::table;
use crate::explain::Peel;
use crate::explain::lesson::{Class, Missing, Told, ToldClaim, ToldItem, ToldText, Verdict};
use crate::trace::Trace;

/// What is to be shown with a lesson.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Over the title, on the right: where the exchange took place.
    pub place: String,
    /// `Lesson 9`, or the file's name.
    pub number: String,
    /// What the learner answered to each prediction, in order; none if nobody was asked.
    pub answers: Vec<Option<usize>>,
    /// How the lesson is called on the command line.
    pub command: String,
    /// How many of the lesson's parts stood on the screen before the run.
    pub before: usize,
    /// Whether the expression that proves a sentence is shown below it.
    pub proofs: bool,
    /// Whether the keys to the questions for review wait until somebody has thought about them.
    pub keys_wait: bool,
}

/// A question for review, for who answers it.
#[derive(Debug, Clone)]
pub struct Review {
    /// What can be answered; none if it is answered in words.
    pub labels: Vec<String>,
    /// The same with numbers.
    pub question: Vec<Line>,
    /// What helps.
    pub hint: Vec<Line>,
    /// What each answer reveals.
    pub graded: Vec<Vec<Line>>,
    /// Which is right.
    pub right: usize,
    /// What is right, and why.
    pub key: Vec<Line>,
}

/// Lays a lesson out.
pub struct LessonPage<'a> {
    trace: &'a Trace,
    shown: &'a Shown,
    page: Page,
    asked: usize,
}

impl<'a> LessonPage<'a> {
    /// The title and the question. They need no run.
    pub fn head(title: &str, question: &str, shown: &Shown, width: usize) -> Vec<Line> {
        let mut page = Page::new(width);
        let mut head = Line::of(Tone::Strong, format!("{} · {title}", shown.number));
        let column = width.saturating_sub(shown.place.chars().count());
        if head.width() + 2 <= column {
            head.pad_to(column);
            head.push(Tone::Dim, shown.place.clone());
            page.line(head);
        } else {
            page.paragraph(Line::new(), &head);
            page.paragraph(Line::new(), &Line::of(Tone::Dim, shown.place.clone()));
        }
        page.paragraph(Line::new(), &Line::of(Tone::Title, question));
        page.gap();
        page.lines
    }

    /// The parts of the lesson, from the first to the last.
    pub fn body(trace: &'a Trace, told: &'a Told, shown: &'a Shown, width: usize) -> Vec<Line> {
        let mut this = Self { trace, shown, page: Page::new(width), asked: 0 };
        for (i, item) in told.items.iter().enumerate() {
            if i < shown.before && matches!(item, ToldItem::Prose(_)) {
                continue;
            }
            let claims_go_on =
                matches!(item, ToldItem::Claim(_)) && i > 0 && matches!(told.items[i - 1], ToldItem::Claim(_));
            if !claims_go_on {
                this.page.gap();
            }
            this.item(item);
        }
        this.page.gap();
        this.page.lines
    }

    /// The questions for review, in their order, for those who answer them.
    pub fn reviews(trace: &'a Trace, told: &Told, shown: &'a Shown, width: usize) -> Vec<Review> {
        let review = |item: &ToldItem| {
            let ToldItem::Review { hint, choices, right, claim, .. } = item else { return None };
            let lines = |put: &dyn Fn(&mut Self)| {
                let mut this = Self { trace, shown, page: Page::new(width), asked: 0 };
                put(&mut this);
                this.page.lines
            };
            let graded = |n: usize, reveal: &ToldText| {
                let (mark, tone) = if n == *right { ("  ✓ yes  ", Tone::Good) } else { ("  ✗ no  ", Tone::Bad) };
                lines(&|this| this.page.paragraph(Line::of(tone, mark), &inline(reveal)))
            };
            Some(Review {
                labels: choices.iter().map(|(label, _)| label.clone()).collect(),
                question: lines(&|this| this.numbered(choices.iter().map(|(label, _)| label.as_str()))),
                hint: Self::hint(hint.as_ref(), width),
                graded: choices.iter().enumerate().map(|(n, (_, reveal))| graded(n, reveal)).collect(),
                right: *right,
                key: lines(&|this| this.key(claim)),
            })
        };
        told.items.iter().filter_map(review).collect()
    }

    fn numbered<'t>(&mut self, labels: impl Iterator<Item = &'t str>) {
        for (i, label) in labels.enumerate() {
            self.page.paragraph(Line::of(Tone::Strong, format!("  {}  ", i + 1)), &Line::of(Tone::Plain, label));
        }
    }

    fn key(&mut self, claim: &ToldClaim) {
        self.labelled(Tone::Dim, "Key", &claim.sentence);
        self.proved(claim);
    }

    /// Prose that stands before the run.
    pub fn prose(text: &ToldText, width: usize) -> Vec<Line> {
        let mut page = Page::new(width);
        page.extend(markdown(text, width));
        page.gap();
        page.lines
    }

    /// A prediction's question with its choices, before the run.
    pub fn question<'t>(ask: &ToldText, choices: impl Iterator<Item = &'t str>, width: usize) -> Vec<Line> {
        let mut page = Page::new(width);
        page.paragraph(Line::of(Tone::Title, "Predict").with(Tone::Plain, "  "), &inline(ask));
        for (i, label) in choices.enumerate() {
            page.paragraph(Line::of(Tone::Strong, format!("  {}  ", i + 1)), &Line::of(Tone::Plain, label));
        }
        page.lines
    }

    /// A hint for a prediction, before the run.
    pub fn hint(hint: Option<&ToldText>, width: usize) -> Vec<Line> {
        let mut page = Page::new(width);
        match hint {
            Some(hint) => page.paragraph(Line::of(Tone::Dim, "  hint  "), &inline(hint)),
            None => page.line(Line::of(Tone::Dim, "  There is no hint for this one.")),
        }
        page.lines
    }

    fn item(&mut self, item: &ToldItem) {
        let width = self.page.width;
        match item {
            ToldItem::Prose(text) => {
                self.page.extend(markdown(text, width));
                text.missing.iter().for_each(|missing| self.missing(missing));
            }
            ToldItem::Predict { ask, choices, answer, claim } => self.predict(ask, choices, *answer, claim),
            ToldItem::Script(lines) => self.script(lines),
            ToldItem::Ladder(told) => self.page.extend(story(told, None, width)),
            ToldItem::Peel(frame) => self.peel(frame),
            ToldItem::Text(frame, lines) => self.text(frame, lines),
            ToldItem::Table(head, rows) => {
                let head: Vec<&str> = head.iter().map(String::as_str).collect();
                self.page.extend(table(&head, rows, width));
            }
            ToldItem::Claim(claim) => self.claim(claim),
            ToldItem::Misconception(says, claim) => {
                self.labelled(Tone::Warn, "Some notes say ", says);
                self.labelled(Tone::Good, "The packets say", &claim.sentence);
                self.proved(claim);
            }
            ToldItem::Modify(knob, to, ask, reveal) => {
                self.labelled(Tone::Title, "Turn one knob", ask);
                let lesson = shell_word(&self.shown.command);
                let command = format!("wiretale lesson {lesson} --set {knob}={}", shell_word(to));
                self.page.line(Line::of(Tone::Plain, "  ").with(Tone::Strong, command));
                match reveal {
                    Some(reveal) => self.labelled(Tone::Dim, "You see", reveal),
                    None => self.page.line(Line::of(Tone::Dim, "  The answer is shown then.")),
                }
            }
            ToldItem::Review { ask, choices, right, claim, .. } => {
                self.labelled(Tone::Title, "To review", ask);
                if !self.shown.keys_wait {
                    self.choices(choices, *right, None);
                    self.key(claim);
                }
            }
        }
    }

    fn predict(&mut self, ask: &ToldText, choices: &[(String, ToldText)], answer: usize, claim: &ToldClaim) {
        let chosen = self.shown.answers.get(self.asked).copied().flatten();
        self.asked += 1;
        if self.asked <= self.shown.answers.len() {
            self.page.line(Line::of(Tone::Title, "Your prediction"));
        } else {
            self.labelled(Tone::Title, "Predict", ask);
        }
        self.choices(choices, answer, chosen);
        self.proved(claim);
    }

    /// What could be answered, with what each answer reveals.
    fn choices(&mut self, choices: &[(String, ToldText)], answer: usize, chosen: Option<usize>) {
        for (i, (label, reveal)) in choices.iter().enumerate() {
            let (mark, tone) = match (i == answer, chosen == Some(i)) {
                (true, _) => ("✓", Tone::Good),
                (false, true) => ("✗", Tone::Bad),
                (false, false) => ("·", Tone::Dim),
            };
            let you = if chosen == Some(i) { " (your answer)" } else { "" };
            let first = Line::of(tone, format!("  {mark} "));
            let label = Line::of(Tone::Strong, format!("{label}{you}"));
            // Beside a long label a text would be a column of single words.
            if 2 * (first.width() + label.width() + 2) > self.page.width {
                let indent = Line::of(Tone::Plain, " ".repeat(first.width()));
                self.page.paragraph(first, &label);
                self.page.paragraph(indent, &inline(reveal));
            } else {
                let mut first = first;
                first.append(label);
                self.page.paragraph(first.with(Tone::Plain, "  "), &inline(reveal));
            }
        }
    }

    fn script(&mut self, lines: &[String]) {
        self.page.line(Line::of(Tone::Title, "The play"));
        for line in lines {
            let tone = if line.trim_start().starts_with('#') { Tone::Dim } else { Tone::Plain };
            self.page.as_written(tone, line);
        }
    }

    fn peel(&mut self, frame: &Result<u32, Missing>) {
        match frame {
            Ok(frame) => {
                let peel = Peel::new(self.trace, *frame);
                let width = self.page.width;
                self.page.extend(peel.iter().flat_map(|peel| onion(peel, width)));
            }
            Err(missing) => self.missing(missing),
        }
    }

    fn text(&mut self, frame: &Result<u32, Missing>, lines: &[String]) {
        match frame {
            Ok(frame) => self.page.line(Line::of(Tone::Strong, format!("frame {frame}, as it stood"))),
            Err(missing) => self.missing(missing),
        }
        lines.iter().for_each(|line| self.page.as_written(Tone::Http, line));
    }

    fn missing(&mut self, missing: &Missing) {
        let body = Line::of(Tone::Plain, missing.to_string()).with(Tone::Dim, format!(" (line {})", missing.line));
        self.page.paragraph(Line::of(Tone::Bad, "✗ "), &body);
    }

    fn claim(&mut self, claim: &ToldClaim) {
        let (mark, tone) = match claim.verdict {
            Verdict::Holds => ("✓ ", Tone::Good),
            Verdict::Fails => ("✗ ", Tone::Bad),
            Verdict::EnvironmentDiffers => ("~ ", Tone::Warn),
        };
        let evidence = claim.evidence.to_string();
        let class = match claim.class {
            Class::Spec => "",
            Class::LinuxLo => "Linux loopback",
            Class::Timing => "timing",
        };
        let remarks: Vec<_> = [class, evidence.as_str()].into_iter().filter(|remark| !remark.is_empty()).collect();
        let mut body = inline(&claim.sentence);
        if !remarks.is_empty() {
            body.push(Tone::Dim, format!(" ({})", remarks.join("; ")));
        }
        self.page.paragraph(Line::of(tone, mark), &body);
        self.proof(claim);
        self.explain_miss(claim);
    }

    fn proof(&mut self, claim: &ToldClaim) {
        if self.shown.proofs {
            self.page.paragraph(Line::of(Tone::Plain, "    "), &Line::of(Tone::Dim, proof_text(claim)));
        }
    }

    fn explain_miss(&mut self, claim: &ToldClaim) {
        let why = match (claim.verdict, claim.class) {
            (Verdict::Holds, _) => return,
            (Verdict::EnvironmentDiffers, _) => "your system differs: this counts frames as Linux loopback makes them",
            (Verdict::Fails, _) => "this capture says otherwise",
        };
        let here = claim.failing.as_ref().map(|failing| format!("; here {failing}")).unwrap_or_default();
        let body = Line::of(Tone::Warn, format!("{why}: {}{here}", proof_text(claim)));
        let body = body.with(Tone::Dim, format!(" (line {})", claim.line));
        self.page.paragraph(Line::of(Tone::Plain, "  "), &body);
        claim.sentence.missing.iter().for_each(|missing| self.missing(missing));
    }

    /// The proof of a sentence that has no mark of its own.
    fn proved(&mut self, claim: &ToldClaim) {
        let evidence = claim.evidence.to_string();
        match claim.verdict {
            Verdict::Holds if evidence.is_empty() => self.proof(claim),
            Verdict::Holds => {
                self.page.paragraph(Line::of(Tone::Good, "  ✓ "), &Line::of(Tone::Dim, evidence));
                self.proof(claim);
            }
            _ => {
                self.page.paragraph(Line::of(Tone::Bad, "  ✗ "), &Line::of(Tone::Dim, evidence));
                self.explain_miss(claim);
            }
        }
    }

    fn labelled(&mut self, tone: Tone, label: &str, text: &ToldText) {
        self.page.paragraph(Line::of(tone, label).with(Tone::Plain, "  "), &inline(text));
    }

    /// How the lesson ended, in one line.
    pub fn summary(told: &Told) -> Line {
        let held = told.claims().filter(|claim| claim.verdict == Verdict::Holds).count();
        let differ = told.claims().filter(|claim| claim.verdict == Verdict::EnvironmentDiffers).count();
        let mut line = match told.untrue() {
            0 => Line::of(Tone::Good, format!("{held} of {held} sentences proved")),
            untrue => Line::of(Tone::Bad, format!("{untrue} untrue")).with(Tone::Plain, format!(", {held} proved")),
        };
        if differ > 0 {
            line.push(Tone::Warn, format!(", {differ} not comparable here"));
        }
        line
    }
}

/// A proof on one line, whichever lines it takes in the lesson's file.
fn proof_text(claim: &ToldClaim) -> String {
    claim.proof.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text on one line, its Markdown read, its values emphasised.
fn inline(text: &ToldText) -> Line {
    let lines = markdown(text, usize::MAX);
    let mut out = Line::new();
    for (i, line) in lines.into_iter().filter(|line| line.width() > 0).enumerate() {
        if i > 0 {
            out.push(Tone::Plain, " ");
        }
        out.append(line);
    }
    out
}

/// A word as a shell takes it: in quotes if it needs them.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '=' | '+' | ':');
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Cast;
    use crate::explain::lesson::Lesson;
    use crate::filter::TraceNames;
    use crate::trace::Pipeline;

    /// The page of a lesson with these blocks, of a capture without frames.
    fn page(blocks: &str) -> String {
        let file = format!("+++\ntitle = \"t\"\nquestion = \"q\"\n+++\n\n{blocks}");
        let lesson = Lesson::parse(&file, &TraceNames).unwrap();
        let trace = Pipeline::default().finish();
        let told = lesson.tell(&trace, &Cast::default(), true);
        let lines = LessonPage::body(&trace, &told, &Shown::default(), 80);
        lines.iter().map(|line| format!("{}|", line.text())).collect()
    }

    #[test]
    fn beside_a_long_label_stands_nothing() {
        let long = "a label that takes more than half of the width of the page";
        let page = page(&format!(
            "```review\nask: x\nchoice: short -- One.\nchoice: {long} -- Two.\nright: short\nanswer: y\nproof: count(http) >= 0\n```\n"
        ));
        assert!(page.contains("|  ✓ short  One.|"), "{page}");
        assert!(page.contains(&format!("|  · {long}|    Two.|")), "{page}");
    }

    #[test]
    fn the_proof_of_an_untrue_sentence_takes_one_line() {
        let page = page("```claim\nsentence: So it is.\nproof:    count(tcp)\n          == 1\n```\n");
        assert!(page.contains("|  this capture says otherwise: count(tcp) == 1; here 0 == 1 (line 8)|"), "{page}");
    }
}
