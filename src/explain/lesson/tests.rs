use super::*;
use crate::filter::TraceNames;
use crate::mistake::Mistake;
use crate::trace::testing::{Conversation, GET, trace};

const FRONT: &str = "+++\ntitle = \"T\"\nquestion = \"Q?\"\n\n[knobs]\nkey = \"abc\"\n+++\n";

fn parse(body: &str) -> Result<Lesson, Mistake> {
    Lesson::parse(&format!("{FRONT}{body}"), &TraceNames)
}

/// The mistake in a lesson: the words it points at, what it says, and the help.
fn mistake(body: &str) -> (String, String, String) {
    let file = format!("{FRONT}{body}");
    let error = Lesson::parse(&file, &TraceNames).unwrap_err();
    (file[error.range].to_owned(), error.message, error.help.unwrap_or_default())
}

#[test]
fn a_lesson_is_its_parts_in_order() {
    let lesson = parse(
        "Some *prose* with {{ count(tcp) }}.\n\n```script\nada connects\n```\n\nMore.\n\n```claim timing\n\
         sentence: It holds.\nproof:    count(tcp) > 0\n          && true\n```\n\n```text\nleft as it is\n```\n",
    )
    .unwrap();
    let kinds: Vec<_> = lesson
        .items
        .iter()
        .map(|item| match item {
            Item::Prose(_) => "prose",
            Item::Script(_) => "script",
            Item::Claim(_) => "claim",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["prose", "script", "prose", "claim", "prose"]);
    let Item::Claim(claim) = &lesson.items[3] else { panic!("a claim") };
    assert_eq!(claim.class, Class::Timing);
    assert_eq!(lesson.script().unwrap().text, "ada connects\n");
    assert_eq!(lesson.proofs().count(), 1);
}

#[test]
fn a_review_is_answered_in_words_or_by_a_choice() {
    let lesson = parse(
        "```review\nask: x\nanswer: y\nproof: count(http) >= 0\n```\n\n```review\nask: x\nhint: h\nchoice: a -- b\nchoice: c -- d\n\
         right: c\nanswer: y\nproof: count(http) >= 0\n```\n",
    )
    .unwrap();
    let reviews: Vec<&Review> = lesson
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Review(review) => Some(review),
            _ => None,
        })
        .collect();
    assert_eq!((reviews[0].choices.len(), reviews[0].hint.is_some()), (0, false));
    assert_eq!((reviews[1].choices.len(), reviews[1].right, reviews[1].hint.is_some()), (2, 1, true));
}

#[test]
fn each_mistake_is_pointed_at() {
    let cases = [
        ("```claim\nsentence: x\nproof: count(tcp.sym) == 1\n```\n", "tcp.sym", "field"),
        ("```claim\nsentence: x\nproof: count(tcp)\n```\n", "count(tcp)", "a claim is true or false"),
        ("```claim\nsentence: x\n```\n", "```claim", "this `claim` block has no `proof:`"),
        ("```claim\nsentense: x\nproof: count(http) >= 0\n```\n", "sentense", "a `claim` block has no `sentense:`"),
        ("```claim fast\nsentence: x\nproof: count(http) >= 0\n```\n", "fast", "there is no class `fast`"),
        ("```clam\nsentence: x\n```\n", "```clam", "there is no `clam` block"),
        ("```claim\nsentence: x\nno key here\nproof: count(http) >= 0\n```\n", "no key here", "no `key: value`"),
        ("```claim\nsentence: x\nsentence: y\nproof: count(http) >= 0\n```\n", "sentence", "a second time"),
        ("```show\nlader\n```\n", "lader", "there is no view `lader`"),
        ("```show\ntable tcp.len, tcp.lne\n```\n", "tcp.lne", "there is no field `tcp.lne`"),
        ("```show\nheard socketio.evnt where tcp\n```\n", "socketio.evnt", "there is no field `socketio.evnt`"),
        ("```show\nheard tcp\n```\n", "tcp", "there is no field `tcp`"),
        ("```show\nheard socketio.event where tpc\n```\n", "tpc", ""),
        ("Prose with {{ count(tcp) .\n", "{{", "without the `}}`"),
        ("Prose with {{ cuont(tcp) }}.\n", "cuont", ""),
        ("```script\nada connects with key \"$kye\"\n```\n", "$kye", "there is no knob `kye`"),
        (
            "```predict\nask: x\nchoice: a -- b\nanswer: a\nproof: count(http) >= 0\n```\n",
            "```predict",
            "at least two choices",
        ),
        (
            "```review\nask: x\nchoice: a -- b\nright: a\nanswer: y\nproof: count(http) >= 0\n```\n",
            "```review",
            "a `review` block needs at least two choices",
        ),
        (
            "```review\nask: x\nchoice: a -- b\nchoice: c -- d\nanswer: y\nproof: count(http) >= 0\n```\n",
            "```review",
            "has no `right:`",
        ),
        (
            "```review\nask: x\nchoice: a -- b\nchoice: c -- d\nright: e\nanswer: y\nproof: count(http) >= 0\n```\n",
            "e",
            "the answer `e` is none of the choices",
        ),
        (
            "```predict\nask: x\nchoice: a -- b\nchoice: c -- d\nanswer: e\nproof: count(http) >= 0\n```\n",
            "e",
            "none of the choices",
        ),
        ("```script\na\n```\n\n```script\nb\n```\n", "b", "a second `script` block"),
        ("Prose.\n\n```script\n\n```\n", "```script", "without a step"),
        ("```show\npeel websocket\n```\n", "websocket", "it speaks of one frame"),
        ("```show\npeel true\n```\n", "true", "a frame is needed here"),
        ("```modify\nknob: kee\nto: x\nask: y\nreveal: z\n```\n", "kee", "there is no knob `kee`"),
    ];
    for (body, at, message) in cases {
        let found = mistake(body);
        assert_eq!(found.0, at, "{body}: {}", found.1);
        assert!(found.1.contains(message), "{body}: {}", found.1);
    }
    assert_eq!(mistake("```clam\n```\n").2, "did you mean `claim`?");
}

#[test]
fn the_front_matter_is_checked() {
    let broken = [
        "",
        "# No front matter\n",
        "+++\ntitle = \"x\"\n",
        "+++\ntitle = \"x\"\nquestoin = \"y\"\n+++\n",
        "+++\n+++\n",
    ];
    for file in broken {
        let error = Lesson::parse(file, &TraceNames).unwrap_err();
        assert!(error.help.is_some(), "{file}");
        assert!(file.get(error.range.clone()).is_some(), "{file}: {:?}", error.range);
    }
    let error = Lesson::parse("+++\ntitle = \"x\"\nquestoin = \"y\"\n+++\n", &TraceNames).unwrap_err();
    assert!(error.message.contains("questoin"), "{}", error.message);
}

#[test]
fn knobs_are_put_in_and_places_kept() {
    let file = format!("{FRONT}```script\nada connects with key \"$key\" now\n```\n");
    let lesson = Lesson::parse(&file, &TraceNames).unwrap();
    let played = lesson.script().unwrap().with_knobs(&lesson.knobs).unwrap();
    assert_eq!(played.text, "ada connects with key \"abc\" now\n");
    let place = |word: &str| {
        let at = played.text.find(word).unwrap();
        &file[played.in_file(at..at + word.len())]
    };
    assert_eq!(place("connects"), "connects");
    assert_eq!(place("now"), "now");
    assert_eq!(place("abc"), "$key", "a value stands where its knob does");
}

#[test]
fn a_lesson_told_of_an_empty_capture_says_what_is_missing() {
    let lesson = parse(
        "There are {{ count(tcp) }} frames, the first is {{ first(tcp) }}.\n\n```claim\nsentence: One.\n\
         proof: count(tcp) == 1\n```\n\n```claim linux-lo\nsentence: Two.\nproof: count(tcp) == 2\n```\n",
    )
    .unwrap();
    let trace = crate::trace::Trace::default();
    let told = lesson.tell(&trace, &crate::explain::Cast::default(), false);
    let verdicts: Vec<_> = told.claims().map(|claim| claim.verdict).collect();
    assert_eq!(verdicts, [Verdict::Fails, Verdict::EnvironmentDiffers]);
    let ToldItem::Prose(prose) = &told.items[0] else { panic!("prose") };
    assert_eq!(prose.plain(), "There are 0 frames, the first is none.");
    assert_eq!(prose.missing, [Missing { expression: "first(tcp)".into(), line: 8, no_frame: None }]);
    assert_eq!(told.untrue(), 2, "the claim that fails, and the frame that is not there");
}

#[test]
fn a_frame_that_is_not_there_is_told_with_how_many_there_are() {
    let lesson =
        parse("```show\npeel 99\n```\n\n```show\ntext count(tcp) + 9\n```\n\n```show\npeel first(tcp)\n```\n").unwrap();
    let told = lesson.tell(&crate::trace::Trace::default(), &crate::explain::Cast::default(), true);
    let missing: Vec<String> = told.missing().map(ToString::to_string).collect();
    let expected = [
        "there is no frame 99: the capture has 0, counted from 1",
        "there is no frame 9, which count(tcp) + 9 comes to: the capture has 0, counted from 1",
        "the capture has no answer to first(tcp)",
    ];
    assert_eq!(missing, expected);
}

#[test]
fn what_a_knob_does_is_told_of_the_run_in_which_it_is_turned() {
    let mut lesson =
        parse("```modify\nknob: key\nto: xyz\nask: And then?\nreveal: It was {{ first(tcp) }}.\n```\n").unwrap();
    let reveal = |lesson: &Lesson| {
        let told = lesson.tell(&crate::trace::Trace::default(), &crate::explain::Cast::default(), true);
        let missing = told.missing().count();
        let [ToldItem::Modify(_, _, _, reveal)] = told.items.as_slice() else { panic!("a knob") };
        (reveal.as_ref().map(ToldText::plain), missing)
    };
    assert_eq!(reveal(&lesson), (None, 0), "its values are not there yet");
    lesson.knobs.insert("key".into(), "xyz".into());
    assert_eq!(reveal(&lesson), (Some("It was none.".into()), 1));
}

#[test]
fn of_nothing_nothing_is_proved() {
    let lesson = parse("```claim\nsentence: No UDP.\nproof: count(udp) == 0\n```\n").unwrap();
    let told = lesson.tell(&crate::trace::Trace::default(), &crate::explain::Cast::default(), true);
    assert_eq!(told.claims().next().unwrap().verdict, Verdict::Fails);
}

#[test]
fn a_claim_that_fails_says_what_it_found() {
    let failing = |proof: &str| {
        let lesson = parse(&format!("```claim\nsentence: So.\nproof: {proof}\n```\n")).unwrap();
        let trace = trace(&Conversation::new().open().client(GET).frames);
        lesson.tell(&trace, &crate::explain::Cast::default(), true).claims().next().unwrap().failing.clone()
    };
    assert_eq!(failing("count(http.request) == 2"), Some("1 == 2".to_owned()));
    assert_eq!(failing("count(tcp) == 4 && 1 < count(http) < 3"), Some("1 < 1".to_owned()));
    assert_eq!(
        failing("value(http.request.method where http.request) == \"PUT\""),
        Some("\"GET\" == \"PUT\"".to_owned())
    );
    assert_eq!(failing("count(tcp) == 4"), None);
    assert_eq!(failing("!(count(tcp) == 4)"), None, "no comparison fails");
}

#[test]
fn a_dollar_alone_is_a_dollar_and_a_mark_before_the_front_matter_is_passed_over() {
    let file = format!("\u{feff}{FRONT}```script\nada sends text \"costs 5$\"\n```\n");
    let lesson = Lesson::parse(&file, &TraceNames).unwrap();
    assert_eq!(lesson.script().unwrap().with_knobs(&lesson.knobs).unwrap().text, "ada sends text \"costs 5$\"\n");
}

/// One time is no times, and what stands behind it keeps its place in the file.
#[test]
fn a_knob_that_is_one_has_its_noun_in_the_singular() {
    let front = FRONT.replace("key = \"abc\"", "many = \"1\"");
    let file = format!("{front}```script\n$many times ada pings\nwait 1ms\n```\n");
    let lesson = Lesson::parse(&file, &TraceNames).unwrap();
    let played = |value: &str| {
        let knobs = [("many".to_owned(), value.to_owned())].into();
        lesson.script().unwrap().with_knobs(&knobs).unwrap()
    };
    for (value, expected) in [("1", "1 time ada pings\nwait 1ms\n"), ("11", "11 times ada pings\nwait 1ms\n")] {
        let text = played(value);
        assert_eq!(text.text, expected);
        let at = expected.find("pings").unwrap();
        assert_eq!(&file[text.in_file(at..at + 5)], "pings");
    }
}

#[test]
fn what_a_peer_sent_cannot_act_on_the_terminal() {
    let text = ToldText { markdown: "a \u{e000} b".into(), values: vec!["x\u{1b}[2J".into()], ..ToldText::default() };
    assert_eq!(text.plain(), "a x\u{1b}[2J b", "values are made safe where they are told, not where they are joined");
    let lesson = parse("{{ \"x\u{1b}[2J\" }}\n");
    if let Ok(lesson) = lesson {
        let told = lesson.tell(&crate::trace::Trace::default(), &crate::explain::Cast::default(), false);
        assert!(told.texts().all(|text| !text.plain().contains('\u{1b}')));
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(body in "(```(claim|show|predict|script|review)?|[a-z]+: |\\{\\{|\\}\\}|[ -~]|\n|é){0,60}") {
        if let Err(error) = parse(&body) {
            let file = format!("{FRONT}{body}");
            proptest::prop_assert!(file.get(error.range.clone()).is_some(), "{:?}", error.range);
        }
    }
}
