//! `wiretale compare`: the same events over several transports, measured.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::Ending;
use super::arguments::{CaptureArguments, CompareArguments, CompareFormat, Net, Way, Who};
use super::bar::Bar;
use super::failure::Failure;
use super::load::{self, trace_recording};
use super::output::Output;
use super::save::{self, Keep};
use super::unread::unread;
use crate::capture::Statistics;
use crate::explain::{Case, Cast, Comparison, Contender, Cost, Heartbeat, Packet, Pair, Played, Profile};
use crate::lab::{self, Entry, Events, Place, Recording, Scenario, Transport, What};
use crate::mistake;
use crate::trace::Trace;
use crate::view::{self, comparison, comparison_csv, comparison_json, comparison_markdown, plots, report};

pub(super) fn run(arguments: &CompareArguments, out: &mut Output) -> Result<Ending, Failure> {
    if let [first, second] = arguments.kinds.as_slice()
        && is_capture(first)
        && is_capture(second)
    {
        unread(arguments, "two captures", &["keylog", "format"], "they are compared as they are")?;
        return captures(Path::new(first), Path::new(second), arguments, out);
    }
    if let Some(name) = &arguments.case {
        unread(arguments, "--case", &["case", "format", "save"], "it plays what was published")?;
        return case(name, arguments, out);
    }
    if arguments.keylog.is_some() {
        let message = "cannot use a key log: what is compared is no two captures";
        return Err(Failure::request(message, "name two files, .pcap or .pcapng, or leave --keylog out"));
    }
    let transports = transports(arguments)?;
    let (events, profile) = (events(arguments)?, profile(arguments.profile));
    let (ground, loss) = (ground(arguments)? + &added(profile), loss(arguments)?);
    let scripts = scripts(&transports, &events, (&ground, &loss))?;
    let place = lab::enter();
    let place = scripts.first().map_or_else(|| place.clone(), |plan| place.clone().fit(&plan.play.1));
    let mut compared = Comparison {
        events: events.count,
        every: events.every.as_secs_f64(),
        payload: events.payload,
        directions: events.way.directions().to_vec(),
        clients: events.clients,
        profile: profile.name(),
        loss: arguments.loss,
        seed: arguments.loss.map(|_| arguments.seed),
        idle: events.idle.as_secs_f64(),
        asked_every: events.every.as_secs_f64() / events.polls as f64,
        place: place.to_string(),
        contenders: Vec::new(),
    };
    let bar = Bar::new(scripts.len());
    for plan in &scripts {
        bar.begin(plan.transport.name());
        let beating =
            plan.beats.as_ref().map(|beats| play(&format!("{}-heartbeat", plan.transport), beats, (&place, arguments)));
        let beating = beating.transpose()?.map(|recording| trace_recording(&recording, false));
        let run = |_| contend(plan, beating.as_ref(), &events, (&place, arguments));
        let runs = (0..arguments.repeat).map(run).collect::<Result<Vec<_>, _>>()?;
        compared.contenders.extend(Contender::middle(runs));
        bar.done();
    }
    drop(bar);
    draw(arguments, &compared)?;
    match arguments.format {
        CompareFormat::Markdown => out.text(comparison_markdown(&compared).trim_end())?,
        CompareFormat::Table => out.lines(comparison(&compared, out.width))?,
        CompareFormat::Json => out.text(&comparison_json(&compared))?,
        CompareFormat::Csv => out.text(comparison_csv(&compared).trim_end())?,
    }
    out.flush()?;
    Ok(if compared.contenders.iter().all(|one| one.cost.adds_up()) { Ending::Done } else { Ending::No })
}

fn is_capture(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    let is_named_so = name == "-" || matches!(extension, Some("pcap" | "pcapng" | "cap"));
    // Many captures have no such name; no transport is called like one by chance.
    is_named_so || (Transport::from_name(name).is_none() && Path::new(name).exists())
}

/// Sets two captures side by side.
fn captures(first: &Path, second: &Path, arguments: &CompareArguments, out: &mut Output) -> Result<Ending, Failure> {
    let given = |file: &Path| CaptureArguments { file: file.to_owned(), keylog: arguments.keylog.clone() };
    let [one, other] = [first, second].map(|file| load::given(&given(file)));
    let (one, other) = (one?, other?);
    let name = |path: &Path| path.display().to_string();
    let pair = Pair::of((&name(first), &one.trace), (&name(second), &other.trace));
    match arguments.format {
        CompareFormat::Table => out.lines(view::pair(&pair, out.width))?,
        CompareFormat::Json => out.text(&view::pair_json(&pair))?,
        CompareFormat::Csv | CompareFormat::Markdown => {
            let message = "cannot write two captures side by side in this format";
            return Err(Failure::request(message, "leave --format out, or say --format json"));
        }
    }
    out.flush()?;
    Ok(if pair.is_compared() { Ending::Done } else { Ending::No })
}

/// Writes the plots and the page, if they are asked for.
fn draw(arguments: &CompareArguments, compared: &Comparison) -> Result<(), Failure> {
    if arguments.svg.is_none() && arguments.report.is_none() {
        return Ok(());
    }
    let unwritable = |path: &Path, error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Failure::request(message, "name a place you may write to")
    };
    let plots = plots(compared);
    if let Some(folder) = &arguments.svg {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
        for plot in &plots {
            let path = folder.join(format!("{}.svg", plot.name));
            fs::write(&path, &plot.svg).map_err(|error| unwritable(&path, error))?;
        }
    }
    if let Some(path) = &arguments.report {
        fs::write(path, report(compared, &plots)).map_err(|error| unwritable(path, error))?;
    }
    Ok(())
}

/// Plays what a publication has measured, and sets its numbers beside what is measured here.
fn case(name: &str, arguments: &CompareArguments, out: &mut Output) -> Result<Ending, Failure> {
    let case = Case::from_name(name).ok_or_else(|| {
        let names = Case::ALL.map(Case::name);
        let near = mistake::nearest(name, names).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}there are: {}", names.join(", "));
        Failure::request(format!("cannot look into `{name}`: there is no such case"), help)
    })?;
    if arguments.format == CompareFormat::Markdown {
        let message = "cannot write published numbers beside those measured here in Markdown";
        return Err(Failure::request(message, "leave --format out, or say --format json or --format csv"));
    }
    let place = lab::enter();
    let mut traces = Vec::new();
    let plays = case.plays();
    let bar = Bar::new(plays.len());
    for (label, script) in plays {
        bar.begin(&label);
        let mistaken =
            |error: mistake::Mistake| Failure::request(format!("cannot play `{label}`: {}", error.message), HELP);
        let scenario = Scenario::parse(&script).map_err(mistaken)?;
        let recording = lab::play(&place, &scenario)?;
        if let Some(folder) = &arguments.save {
            let file = format!("{name}-{}.pcapng", label.replace([',', ' '], "-").replace("--", "-"));
            keep_in(folder, &recording, format!("wiretale compare --case {name}, {label}\n{script}"), &file)?;
        }
        traces.push(trace_recording(&recording, false));
        bar.done();
    }
    drop(bar);
    let told = case.told(&traces);
    match arguments.format {
        CompareFormat::Table | CompareFormat::Markdown => {
            out.lines(view::case(&told, &place.to_string(), out.width))?;
        }
        CompareFormat::Json => out.text(&view::case_json(&told))?,
        CompareFormat::Csv => out.text(view::case_csv(&told).trim_end())?,
    }
    out.flush()?;
    Ok(Ending::Done)
}

/// Keeps a capture in a folder, which is made if it is not there.
fn keep_in(folder: &Path, recording: &Recording, title: String, file: &str) -> Result<(), Failure> {
    let unwritable = |error| {
        let message = format!("cannot make the folder `{}`: {error}", folder.display());
        Failure::request(message, "name a folder you may write to")
    };
    fs::create_dir_all(folder).map_err(unwritable)?;
    keep(recording, title, &folder.join(file))
}

fn transports(arguments: &CompareArguments) -> Result<Vec<Transport>, Failure> {
    if arguments.kinds.is_empty() {
        let default = Transport::ALL.into_iter().filter(|transport| {
            use Transport::{Http11, SocketIoPolling, SocketIoWebSocket, Tcp, Udp, WebSocketDeflate};
            !matches!(transport, Http11 | Tcp | Udp | SocketIoPolling | SocketIoWebSocket | WebSocketDeflate)
        });
        let both = [Transport::WebSocket, Transport::SocketIo, Transport::Tcp, Transport::Udp];
        return Ok(if arguments.direction == Way::Down { default.collect() } else { both.to_vec() });
    }
    let names = Transport::ALL.map(Transport::name);
    let known = |name: &String| {
        Transport::from_name(name).ok_or_else(|| {
            let near = mistake::nearest(name, names).map(|near| format!("did you mean `{near}`? "));
            if is_capture(name) {
                let message = format!("cannot compare `{name}` with anything but one other capture");
                return Failure::request(message, "name two files: wiretale compare FIRST.pcapng SECOND.pcapng");
            }
            let help = format!(
                "{}there are: {}; of captures name two: wiretale compare FIRST.pcapng SECOND.pcapng",
                near.unwrap_or_default(),
                names.join(", ")
            );
            Failure::request(format!("cannot compare `{name}`: there is no such transport, and no such file"), help)
        })
    };
    // Who names a file that is not there is told that, and not what another could be compared with.
    let (there, missing): (Vec<_>, Vec<_>) = arguments.kinds.iter().partition(|name| is_capture(name));
    if !there.is_empty() {
        missing.into_iter().try_for_each(|name| known(name).map(drop))?;
    }
    arguments.kinds.iter().map(known).collect()
}

/// The steps that make the network, before all others.
fn ground(arguments: &CompareArguments) -> Result<String, Failure> {
    let delay = arguments.delay.map(|delay| *delay).filter(|delay| !delay.is_zero());
    match (arguments.network, delay) {
        (Net::Loopback, None) => Ok(String::new()),
        (Net::Loopback, Some(_)) => {
            let message = "cannot delay what goes over loopback: there is no wire that could take time";
            Err(Failure::request(message, "add --network ethernet"))
        }
        (Net::Ethernet, delay) => {
            // What is lost on the way is seen where it was sent.
            let at = if arguments.loss.is_some() { " recorded at both ends" } else { "" };
            let delay = delay.map(|delay| format!("link delays everything by {}ms\n", delay.as_millis()));
            Ok(format!("network ethernet{at}\n{}", delay.unwrap_or_default()))
        }
    }
}

/// What is asked for.
fn events(arguments: &CompareArguments) -> Result<Events, Failure> {
    Ok(Events {
        count: arguments.events.into(),
        every: *arguments.every,
        payload: arguments.payload.into(),
        way: match arguments.direction {
            Way::Down => lab::Way::Down,
            Way::Up => lab::Way::Up,
            Way::Both => lab::Way::Both,
        },
        polls: arguments.polls.into(),
        clients: arguments.clients.into(),
        idle: arguments.idle.map_or(Duration::ZERO, |idle| *idle),
    })
}

fn profile(who: Who) -> Profile {
    match who {
        Who::Minimal => Profile::Minimal,
        Who::Browser => Profile::Browser,
        Who::Firefox2009 => Profile::Firefox2009,
    }
}

/// The steps by which the wire loses what carries data.
fn loss(arguments: &CompareArguments) -> Result<String, Failure> {
    let Some(loss) = arguments.loss else { return Ok(String::new()) };
    if arguments.network == Net::Loopback {
        let message = "cannot lose what goes over loopback: there is no wire that could";
        return Err(Failure::request(message, "add --network ethernet"));
    }
    Ok(format!("seed {}\nlink loses {loss}%\n", arguments.seed))
}

/// The step that gives requests their header fields.
fn added(profile: Profile) -> String {
    let fields: String = profile.fields().iter().map(|field| format!(" \"{field}\"")).collect();
    if fields.is_empty() { fields } else { format!("clients add{fields}\n") }
}

/// A script as a person reads it, and as it is played.
type Script = (String, Scenario);

/// What is to be played for one transport.
struct Plan {
    transport: Transport,
    play: Script,
    /// Where idling is measured, a play in which only heartbeats are.
    beats: Option<Script>,
}

/// What is to be played, all of it checked before anything is.
fn scripts(transports: &[Transport], events: &Events, (ground, loss): (&str, &str)) -> Result<Vec<Plan>, Failure> {
    let plan = |transport: &Transport| {
        let refused = |why: String| Failure::request(format!("cannot compare `{transport}`: {why}"), HELP);
        let parsed = |script: String| {
            let script = ground.to_owned() + &script;
            let scenario = Scenario::parse(&script).map_err(|error| refused(error.message))?;
            Ok::<Script, Failure>((script, scenario))
        };
        let beats = transport.heartbeat_script().filter(|_| !events.idle.is_zero());
        // What a heartbeat takes is measured where nothing is lost: a late one ends its session.
        let beats = beats.map(parsed).transpose()?;
        let play = parsed(loss.to_owned() + &transport.script(events).map_err(refused)?)?;
        Ok(Plan { transport: *transport, play, beats })
    };
    transports.iter().map(plan).collect()
}

const HELP: &str = "choose fewer events, fewer clients, shorter times, or other transports";

/// Plays a script, and keeps what was recorded if that is asked for.
fn play(
    name: &str,
    (script, scenario): &Script,
    (place, arguments): (&Place, &CompareArguments),
) -> Result<Recording, Failure> {
    let recording = lab::play(place, scenario).map_err(|error| Failure::from(error).while_doing(name))?.as_sent();
    if let Some(folder) = &arguments.save {
        let how = if arguments.loss.is_some() { "; of both ends, each frame where it was sent" } else { "" };
        keep_in(folder, &recording, format!("wiretale compare {name}{how}\n{script}"), &format!("{name}.pcapng"))?;
    }
    Ok(recording)
}

fn contend(
    plan: &Plan,
    beating: Option<&Trace>,
    events: &Events,
    (place, arguments): (&Place, &CompareArguments),
) -> Result<Contender, Failure> {
    let recording = play(plan.transport.name(), &plan.play, (place, arguments))?;
    let directions = events.way.directions();
    let is_event = |what: &What| match what {
        What::Message(message) => message.opcode == lab::Opcode::Text,
        What::Response { status, body, .. } => *status == 200 && !body.is_empty(),
        What::Octets(_) | What::Event(_) | What::Emitted { .. } => true,
        What::Datagram(payload) => payload.len() == events.payload,
        _ => false,
    };
    let sent =
        recording.log.entries.iter().filter(|entry| directions.contains(&entry.direction) && is_event(&entry.what));
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let sent: Vec<&Entry> = sent.collect();
    let mut latencies: Vec<u64> =
        sent.iter().filter_map(|entry| Some(nanoseconds(entry.received_at?.saturating_sub(entry.at)))).collect();
    latencies.sort_unstable();
    let trace = trace_recording(&recording, false);
    let Events { payload, clients, idle, .. } = *events;
    let played = Played { directions, payload, clients, idle, as_sent: arguments.loss.is_some() };
    let heartbeat = beating.and_then(|beating| Heartbeat::of(&trace, beating));
    let cost = Cost::of_play(&trace, &played).with_heartbeat(heartbeat, &trace);
    let completeness = recording.completeness.to_string();
    let between = between(&recording, &sent, (&trace, &cost));
    Ok(Contender {
        transport: plan.transport.to_string(),
        cost,
        sent: sent.len(),
        arrived: latencies.len(),
        lost: arguments.loss.map(|_| recording.log.lost()),
        latencies,
        between,
        completeness,
        runs: Vec::new(),
        packets: Packet::all(&trace),
    })
}

/// Of how many events the frame was captured between sending and receiving, as the programs noted both.
fn between(recording: &Recording, sent: &[&Entry], (trace, cost): (&Trace, &Cost)) -> Option<(usize, usize)> {
    if sent.len() != cost.events.len() {
        return None;
    }
    let captured = |frame: u32| {
        let time = trace.record(frame)?.frame.time;
        Duration::from_nanos(u64::try_from(time.0).ok()?).checked_sub(recording.log.began)
    };
    let known = sent.iter().zip(&cost.events).filter_map(|(entry, frame)| {
        let (sent, received, seen) = (entry.at, entry.received_at?, captured(*frame)?);
        Some(sent.saturating_sub(CLOCKS) <= seen && seen <= received + CLOCKS)
    });
    let known: Vec<bool> = known.collect();
    Some((known.iter().filter(|is_between| **is_between).count(), known.len()))
}

/// How far two readings of clocks may lie apart.
const CLOCKS: Duration = Duration::from_millis(1);

fn keep(recording: &Recording, title: String, path: &Path) -> Result<(), Failure> {
    let cast = Cast::new(recording.names.clone());
    let completeness = recording.completeness;
    let statistics = Some(Statistics { received: completeness.captured, dropped: completeness.dropped_by_kernel });
    let interfaces = vec![recording.interface.clone()];
    save::save(
        path,
        &recording.frames,
        Keep {
            title,
            cast: &cast,
            interfaces,
            statistics,
            secrets: recording.secrets.clone(),
            others: Vec::new(),
            comments: Vec::new(),
        },
    )
}
