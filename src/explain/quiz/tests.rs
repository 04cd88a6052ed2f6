use super::*;
use crate::capture::{CaptureFile, Source};
use crate::filter::{Filter, TraceNames};
use crate::packet::Flags;
use crate::trace::Pipeline;
use crate::trace::testing::{Conversation, SWITCHING, TO_CLIENT, UPGRADE};

/// Every capture of the course.
fn captures() -> Vec<(String, Trace)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "pcapng") {
            let mut file = CaptureFile::open(&path).unwrap();
            let mut pipeline = Pipeline::default();
            while let Some(frame) = file.next_frame().unwrap() {
                pipeline.push(frame);
            }
            found.push((path.file_stem().unwrap().to_string_lossy().into_owned(), pipeline.finish()));
        }
    }
    assert!(found.len() >= 20, "{}", found.len());
    found
}

/// A frame may end thousands of messages, and close besides: who looked at each for each of them, or again for every segment
/// behind it, would not be seen to end.
#[test]
fn one_frame_may_have_thousands_of_messages() {
    let mut talk = Conversation::new().open();
    talk.client(UPGRADE).server(SWITCHING);
    talk.segment(TO_CLIENT, Flags::FIN | Flags::ACK, &[0x89, 0].repeat(20_000));
    for _ in 0..150 {
        talk.client([0x89, 0x80, 0, 0, 0, 0]);
    }
    let trace = talk.trace();
    assert!(trace.messages().len() > 20_000);
    assert_eq!(Quiz::of(&trace, 7, 20).questions.len(), 20);
}

/// The filter of each answer finds its frame and no other; no choice is twice there.
#[test]
fn every_answer_is_proved_by_its_filter() {
    let mut topics = std::collections::BTreeMap::<&str, usize>::new();
    for (name, trace) in captures() {
        let quiz = Quiz::of(&trace, 7, 60);
        assert!(quiz.questions.len() >= 3, "{name}: {}", quiz.questions.len());
        for question in &quiz.questions {
            let filter = Filter::parse(&question.filter, &TraceNames)
                .unwrap_or_else(|error| panic!("{name}: {}: {}", question.filter, error.message));
            let found: Vec<u32> = filter.frames(&trace).collect();
            assert_eq!(found, [question.frame], "{name}: {question:#?}");
            let mut choices = question.choices.clone();
            choices.sort();
            choices.dedup();
            assert!(choices.len() == question.choices.len() && choices.len() >= 2, "{name}: {question:#?}");
            assert!(question.answer < choices.len() && !question.evidence.is_empty(), "{name}: {question:#?}");
            *topics.entry(question.topic).or_default() += 1;
        }
    }
    assert_eq!(topics.len(), ask::TOPICS.len(), "{topics:?}");
}

/// No wrong choice is proved by the filter of the right one with the wrong value in it.
#[test]
fn no_wrong_choice_is_right() {
    for (name, trace) in captures() {
        for question in Quiz::of(&trace, 3, 40).questions {
            let right = &question.choices[question.answer];
            for wrong in question.choices.iter().filter(|choice| *choice != right) {
                let (Some(field), Ok(value)) = (
                    match question.topic {
                        "sequence numbers" => Some("tcp.nxtseq"),
                        "windows" => Some("tcp.window_size"),
                        "layers" => Some("tcp.len"),
                        _ => None,
                    },
                    wrong.parse::<u64>(),
                ) else {
                    continue;
                };
                let filter = format!("frame.number == {} && {field} == {value}", question.frame);
                let filter = Filter::parse(&filter, &TraceNames).unwrap();
                assert_eq!(filter.frames(&trace).count(), 0, "{name}: {question:#?}");
            }
        }
    }
}

#[test]
fn a_seed_asks_the_same_again() {
    let (_, trace) = captures().remove(0);
    assert_eq!(Quiz::of(&trace, 5, 8), Quiz::of(&trace, 5, 8));
    assert_ne!(Quiz::of(&trace, 5, 8), Quiz::of(&trace, 6, 8));
    assert_eq!(Quiz::of(&trace, 5, 3).questions.len(), 3);
    assert_eq!(Quiz::of(&Pipeline::default().finish(), 5, 3).questions, []);
}

/// What is masked is undone by hand once more.
#[test]
fn masks_are_undone_as_the_rfc_says() {
    let (_, trace) = captures().into_iter().find(|(name, _)| name == "10-frames").unwrap();
    let quiz = Quiz::of(&trace, 1, 200);
    let masks: Vec<_> = quiz.questions.iter().filter(|question| question.topic == "masks").collect();
    assert!(!masks.is_empty());
    for question in masks {
        let text = question.evidence.iter().find(|evidence| evidence.field == "websocket.payload.text").unwrap();
        let first = text.value.bytes().next().unwrap();
        assert!(question.choices[question.answer].starts_with(&format!("{first:#04x}")), "{question:#?}");
    }
}

/// What is acknowledged last is a FIN, which is no byte of what programs said.
#[test]
fn the_number_of_a_fin_is_called_that() {
    let (_, trace) = captures().into_iter().find(|(name, _)| name == "05-keep-alive").unwrap();
    let quiz = Quiz::of(&trace, 1, 2000);
    let asked: Vec<_> = quiz.questions.iter().filter(|question| question.topic == "acknowledgements").collect();
    let of_fin = |frame: u32| {
        let segment = trace.record(frame).unwrap().segment.as_ref().unwrap();
        let fins = trace.records().filter(|(_, record)| {
            let to = record.segment.as_ref().filter(|other| other.direction != segment.direction);
            let has_fin = record.packet.tcp().is_some_and(|(tcp, ..)| tcp.flags.has(Flags::FIN));
            has_fin && to.is_some_and(|other| other.connection == segment.connection)
        });
        fins.map(|(number, _)| number).any(|fin| fin < frame)
    };
    let said: Vec<bool> = asked.iter().map(|question| question.because.ends_with("FIN takes")).collect();
    assert_eq!(said, asked.iter().map(|question| of_fin(question.frame)).collect::<Vec<_>>(), "{asked:#?}");
    assert!(said.contains(&true) && said.contains(&false));
    assert!(asked.iter().all(|question| !question.ask.contains("byte")));
}
