//! A comparison as plots, in SVG. The only door to plotters.
//!
//! Colours are those of Okabe and Ito, which people who are colour-blind can tell apart; each is named beside what it means,
//! and every bar and line bears its own name, so that the plots can be read in black and white, too.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea, IntoLogRange,
    IntoTextStyle as _, LineSeries, PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::explain::{Comparison, Contender, CostLayer};

/// A plot with its name, as a whole document of SVG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// What its file is called: `layers`.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// The picture.
    pub svg: String,
}

const WIDTH: u32 = 760;
/// The place of names on the left, and the height of a row.
const LEFT: i32 = 150;
const ROW: i32 = 34;
const TOP: i32 = 38;
const FONT: &str = "sans-serif";

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// A colour for each layer ([`CostLayer::ALL`]).
const LAYERS: [RGBColor; CostLayer::ALL.len()] = {
    let [link, ip, tcp, udp, tls, http, websocket, socketio, payload] = PALETTE;
    let (quic, again) = (RGBColor(0x8d, 0xd3, 0xc7), RGBColor(0x8c, 0x51, 0x0a));
    [link, ip, tcp, udp, quic, tls, http, websocket, socketio, again, payload]
};

/// Colours that those who see some colours badly can tell apart (Okabe and Ito), and two greys.
const PALETTE: [RGBColor; 9] = [
    RGBColor(0x99, 0x99, 0x99),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xf0, 0xe4, 0x42),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x22, 0x22, 0x22),
];

/// All plots of a comparison.
pub fn plots(compared: &Comparison) -> Vec<Plot> {
    let plot = |name, title: &str, height: i32, draw: &dyn Fn(&Area<'_>, &Comparison) -> Drawn| {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height.unsigned_abs())).into_drawing_area();
        // A string takes all that is written.
        let head = || {
            let style = (FONT, 16).into_text_style(&area).color(&BLACK);
            area.draw(&Text::new(title, (12, 10), style))
        };
        let drawn =
            area.fill(&WHITE).and_then(|()| head()).and_then(|()| draw(&area, compared)).and_then(|()| area.present());
        drop(area);
        drawn.is_ok().then(|| Plot { name, title: title.to_owned(), svg })
    };
    let rows = compared.contenders.len() as i32 * ROW + TOP;
    let is_paced = compared.contenders.iter().any(|one| one.octets_a_minute(1.0, compared).is_some());
    let title = "Octets a minute at so many events a minute: arithmetic on what was measured, idling included";
    let paced = || plot("event-rate", title, 380, &pace);
    let all = [
        plot("layers", "Where the octets went", rows + 46, &layers),
        plot("latency", "From sending to receiving: fastest, median, 95th of 100, slowest", rows + 40, &latencies),
        plot("break-even", "Octets after so many events: arithmetic on what was measured", 380, &growth),
        is_paced.then(paced).flatten(),
        plot(
            "packets",
            "Every frame in its time: above the line to the server, below to the client",
            rows + 40,
            &packets,
        ),
    ];
    all.into_iter().flatten().collect()
}

fn text<'a>(area: &Area<'a>, words: &str, at: (i32, i32), right: bool) -> Drawn {
    let anchor = Pos::new(if right { HPos::Right } else { HPos::Left }, VPos::Center);
    let style = (FONT, 13).into_text_style(area).pos(anchor).color(&BLACK);
    area.draw(&Text::new(words.to_owned(), at, style))
}

fn names(area: &Area<'_>, compared: &Comparison) -> Drawn {
    for (row, one) in (0..).zip(&compared.contenders) {
        text(area, &one.transport, (LEFT - 8, TOP + row * ROW + ROW / 2), true)?;
    }
    Ok(())
}

fn layers(area: &Area<'_>, compared: &Comparison) -> Drawn {
    names(area, compared)?;
    let most = compared.contenders.iter().map(|one| one.cost.octets).max().unwrap_or(1).max(1);
    let room = f64::from(WIDTH) - f64::from(LEFT) - 70.0;
    let scale = |octets: u64| LEFT + (octets as f64 / most as f64 * room).round() as i32;
    for (row, one) in (0..).zip(&compared.contenders) {
        let (top, bottom) = (TOP + row * ROW + 5, TOP + (row + 1) * ROW - 5);
        let mut sum = 0;
        for ((layer, octets), color) in one.cost.layers.iter().zip(LAYERS) {
            let across = (scale(sum), scale(sum + octets));
            sum += octets;
            if across.1 > across.0 {
                piece(area, *layer, across, (top, bottom), color)?;
            }
        }
        text(area, &sum.to_string(), (scale(sum) + 6, i32::midpoint(top, bottom)), false)?;
    }
    legend(area, compared)
}

/// One layer's part of a bar, with its name where there is room.
fn piece(
    area: &Area<'_>,
    layer: CostLayer,
    (from, to): (i32, i32),
    (top, bottom): (i32, i32),
    color: RGBColor,
) -> Drawn {
    area.draw(&Rectangle::new([(from, top), (to, bottom)], color.filled()))?;
    area.draw(&Rectangle::new([(from, top), (to, bottom)], WHITE.stroke_width(1)))?;
    if to - from <= 8 * layer.name().len() as i32 {
        return Ok(());
    }
    let is_dark = matches!(layer, CostLayer::Payload | CostLayer::Tcp | CostLayer::Again);
    let middle = Pos::new(HPos::Center, VPos::Center);
    let style = (FONT, 11).into_text_style(area).pos(middle).color(if is_dark { &WHITE } else { &BLACK });
    area.draw(&Text::new(layer.name(), (i32::midpoint(from, to), i32::midpoint(top, bottom)), style))
}

/// The layers that are there, each with its colour.
fn legend(area: &Area<'_>, compared: &Comparison) -> Drawn {
    let y = TOP + compared.contenders.len() as i32 * ROW + 24;
    let is_used = |layer: &CostLayer| {
        let of = |one: &Contender| one.cost.layers.iter().any(|(known, octets)| known == layer && *octets > 0);
        compared.contenders.iter().any(of)
    };
    let mut x = LEFT;
    for (layer, color) in CostLayer::ALL.iter().zip(LAYERS).filter(|(layer, _)| is_used(layer)) {
        area.draw(&Rectangle::new([(x, y - 6), (x + 12, y + 6)], color.filled()))?;
        text(area, layer.name(), (x + 17, y), false)?;
        x += 34 + 8 * layer.name().len() as i32;
    }
    Ok(())
}

fn latencies(area: &Area<'_>, compared: &Comparison) -> Drawn {
    names(area, compared)?;
    let milliseconds = |nanoseconds: u64| nanoseconds as f64 / 1e6;
    let all = || compared.contenders.iter().flat_map(|one| &one.latencies).copied();
    let least = milliseconds(all().min().unwrap_or(1)).max(0.001);
    let most = milliseconds(all().max().unwrap_or(1)).max(least * 10.0);
    let room = f64::from(WIDTH) - f64::from(LEFT) - 90.0;
    let place = |value: f64| LEFT + ((value.max(least) / least).log10() / (most / least).log10() * room).round() as i32;
    for (row, one) in (0..).zip(&compared.contenders) {
        let y = TOP + row * ROW + ROW / 2;
        let at = |percent| one.latency(percent).map(|time| time.as_secs_f64() * 1e3);
        let (Some(low), Some(middle), Some(high), Some(top)) = (at(0), at(50), at(95), at(100)) else { continue };
        area.draw(&PathElement::new(vec![(place(low), y), (place(top), y)], PALETTE[8].stroke_width(1)))?;
        area.draw(&Rectangle::new([(place(low), y - 5), (place(high), y + 5)], PALETTE[1].filled()))?;
        area.draw(&Circle::new((place(middle), y), 5, PALETTE[7].filled()))?;
        for end in [low, top] {
            area.draw(&PathElement::new(vec![(place(end), y - 7), (place(end), y + 7)], PALETTE[8].stroke_width(1)))?;
        }
        text(area, &format!("{middle:.2} ms"), (place(top) + 8, y), false)?;
    }
    let y = TOP + compared.contenders.len() as i32 * ROW + 20;
    text(area, "the dot is the median, the bar ends at the 95th of 100; the scale is logarithmic", (LEFT, y), false)
}

/// Octets after so many events.
fn growth(area: &Area<'_>, compared: &Comparison) -> Drawn {
    let lines: Vec<Curve<'_>> = compared
        .contenders
        .iter()
        .filter_map(|one| {
            let (before, each) = (one.cost.before as f64, one.cost.per_event?);
            Some((one.transport.as_str(), Box::new(move |events| before + each * events) as Box<dyn Fn(f64) -> f64>))
        })
        .collect();
    curves(area, &lines, ("events", 1.0..1000.0), "octets")
}

/// Octets a minute at so many events a minute.
fn pace(area: &Area<'_>, compared: &Comparison) -> Drawn {
    let lines: Vec<Curve<'_>> = compared
        .contenders
        .iter()
        .filter(|one| one.octets_a_minute(1.0, compared).is_some())
        .map(|one| {
            let taken = move |events: f64| one.octets_a_minute(events, compared).unwrap_or_default();
            (one.transport.as_str(), Box::new(taken) as Box<dyn Fn(f64) -> f64>)
        })
        .collect();
    curves(area, &lines, ("events a minute", 0.1..1000.0), "octets a minute")
}

/// A line with its name.
type Curve<'a> = (&'a str, Box<dyn Fn(f64) -> f64 + 'a>);

/// Lines on two logarithmic axes, each with its name at its end.
fn curves(area: &Area<'_>, lines: &[Curve<'_>], (across, xs): (&str, Range<f64>), up: &str) -> Drawn {
    let (from, to) = (xs.start, xs.end);
    let most = lines.iter().map(|(_, line)| line(to)).fold(10.0, f64::max);
    let least = lines.iter().map(|(_, line)| line(from)).fold(most, f64::min).max(1.0);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_top(TOP)
        .margin_right(130)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d(xs.log_scale(), (least * 0.8..most * 1.3).log_scale())?;
    let number = |value: &f64| if *value < 1.0 { format!("{value:.1}") } else { format!("{value:.0}") };
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(across).y_desc(up).x_label_formatter(&number).y_label_formatter(&number);
    mesh.label_style((FONT, 12)).light_line_style(RGBColor(0xee, 0xee, 0xee)).draw()?;
    let mut ends: Vec<(i32, i32, &str, RGBColor)> = Vec::new();
    for (n, (name, line)) in lines.iter().enumerate() {
        let color = PALETTE[[2, 7, 6, 5, 4, 1, 8, 0, 3][n % 9]];
        let points = (0..=60).map(|step| from * (to / from).powf(f64::from(step) / 60.0)).map(|x| (x, line(x)));
        chart.draw_series(LineSeries::new(points, color.stroke_width(2)))?;
        let (x, y) = chart.backend_coord(&(to, line(to)));
        ends.push((y, x, name, color));
    }
    // Names at the right end in the order of the lines, none upon another.
    ends.sort_by_key(|(y, ..)| *y);
    let mut free = i32::MIN;
    for (y, x, name, color) in ends {
        let at = y.max(free);
        free = at + 15;
        area.draw(&PathElement::new(vec![(x, y), (x + 14, at)], color.stroke_width(1)))?;
        text(area, name, (x + 18, at), false)?;
    }
    Ok(())
}

fn packets(area: &Area<'_>, compared: &Comparison) -> Drawn {
    names(area, compared)?;
    let end = compared.contenders.iter().flat_map(|one| &one.packets).map(|packet| packet.at).fold(0.001, f64::max);
    let room = f64::from(WIDTH) - f64::from(LEFT) - 30.0;
    let place = |at: f64| LEFT + (at / end * room).round() as i32;
    for (row, one) in (0..).zip(&compared.contenders) {
        let y = TOP + row * ROW + ROW / 2;
        area.draw(&PathElement::new(vec![(LEFT, y), (LEFT + room as i32, y)], PALETTE[0].stroke_width(1)))?;
        for packet in &one.packets {
            // Longer for more octets; a bare acknowledgement is a stub.
            let len = 4 + 2 * (f64::from(packet.len).log2() as i32 - 6).clamp(0, 5);
            let tip = if packet.to_client { y + len } else { y - len };
            let color = if packet.to_client { PALETTE[2] } else { PALETTE[7] };
            area.draw(&PathElement::new(vec![(place(packet.at), y), (place(packet.at), tip)], color.stroke_width(1)))?;
        }
    }
    let y = TOP + compared.contenders.len() as i32 * ROW + 20;
    text(area, &format!("{end:.2} seconds from left to right; longer strokes are larger frames"), (LEFT, y), false)
}
