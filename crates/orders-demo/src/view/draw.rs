//! The picture: Kafka, the bridge and the hub from left to right, the departments below, orders passing by.
//!
//! Pure: a snapshot in, cells out. Made for 80 columns and 24 lines; what is larger gives longer bars and more orders.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Padding, Paragraph, Wrap};

use super::parts::{arrow, bar, count_and_rate, order, pair};
use super::plain;
use crate::order::Count;
use crate::snapshot::{Phase, Reading, Snapshot};
use crate::summary::latency;

const KAFKA: Color = Color::Cyan;
const BRIDGE: Color = Color::Green;
const HUB: Color = Color::Blue;
const DEPARTMENT: Color = Color::Yellow;

/// Draws the whole screen.
pub(crate) fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot) {
    let area = frame.area();
    if area.width < 76 || area.height < 20 {
        // Too small for pictures.
        let line = Paragraph::new(plain::line(snapshot)).wrap(Wrap { trim: true });
        return frame.render_widget(line, area);
    }
    let flow = snapshot.hub.len() as u16 + 3;
    let [title, flow, departments, orders, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(flow),
        Constraint::Length(6),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_title(frame, title, snapshot);
    draw_flow(frame, flow, snapshot);
    let columns = Layout::horizontal(vec![Constraint::Fill(1); snapshot.readers.len().max(1)]);
    for (reading, area) in snapshot.readers.iter().zip(columns.split(departments).iter()) {
        draw_department(frame, *area, reading, snapshot.stored());
    }
    draw_orders(frame, orders, snapshot);
    draw_footer(frame, footer, snapshot);
}

fn panel(title: String, colour: Color) -> Block<'static> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(Style::from(colour))
        .title(Line::from(format!(" {title} ")).fg(colour).bold())
}

fn fill(frame: &mut Frame<'_>, area: Rect, panel: Block<'_>, lines: Vec<Line<'_>>) {
    let panel = panel.padding(Padding::horizontal(padding(area)));
    frame.render_widget(Paragraph::new(lines).block(panel), area);
}

/// Air at the sides of a panel, where there is room for it.
fn padding(area: Rect) -> u16 {
    u16::from(area.width >= 30)
}

/// Columns inside a panel.
fn inner(area: Rect) -> usize {
    usize::from(area.width.saturating_sub(2 + 2 * padding(area)))
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let left = Line::from(vec![
        " orders-demo ".black().on_green().bold(),
        format!("  {} of {} orders", Count(snapshot.placed), Count(snapshot.orders)).into(),
    ]);
    let seconds = snapshot.elapsed.as_secs();
    let right = format!("{:02}:{:02}   q ends it ", seconds / 60, seconds % 60);
    frame.render_widget(left, area);
    frame.render_widget(Line::from(right).dark_gray().right_aligned(), area);
}

fn draw_flow(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let (arrow_width, bridge_width) = if area.width < 96 { (2, 28) } else { (5, 30) };
    let [kafka, first, bridge, second, hub] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(arrow_width),
        Constraint::Length(bridge_width),
        Constraint::Length(arrow_width),
        Constraint::Fill(1),
    ])
    .areas(area);
    draw_kafka(frame, kafka, snapshot);
    draw_bridge(frame, bridge, snapshot);
    draw_hub(frame, hub, snapshot);
    let millis = snapshot.elapsed.as_millis();
    for (area, rate) in [(first, snapshot.received_rate), (second, snapshot.sent_rate)] {
        let middle = Rect { y: area.y + area.height / 2, height: 1, ..area };
        frame.render_widget(arrow(area.width.into(), millis, rate > 0), middle);
    }
}

/// Room for a partition's number and its count beside the bar.
fn bar_width(area: Rect) -> usize {
    inner(area).saturating_sub(3 + 8)
}

fn bar_line(number: usize, bar: Vec<Span<'static>>, count: u64) -> Line<'static> {
    let mut spans = vec![format!("{number:>2} ").dark_gray()];
    spans.extend(bar);
    spans.push(format!("{:>8}", Count(count)).into());
    Line::from(spans)
}

fn draw_kafka(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let width = bar_width(area);
    // Keys are not spread quite evenly: a little room above the average.
    let full = snapshot.expected() * 11 / 10 / snapshot.kafka.len().max(1) as u64;
    let mut lines: Vec<Line<'_>> = (0..)
        .zip(&snapshot.kafka)
        .map(|(number, partition)| {
            let bar = bar(width, partition.delivered, partition.records, full, KAFKA);
            bar_line(number, bar, partition.records)
        })
        .collect();
    let inner = inner(area);
    let produced = count_and_rate(snapshot.produced(), snapshot.produced_rate);
    lines.push(Line::default());
    lines.push(pair(inner, "records", produced));
    lines.push(pair(inner, "lag", Count(snapshot.lag()).to_string()));
    fill(frame, area, panel(format!("Kafka · {}", crate::TOPIC), KAFKA), lines);
}

fn draw_bridge(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let inner = inner(area);
    let gauges = &snapshot.gauges;
    let ready = match snapshot.phase {
        Phase::Joining(_) => Line::from("○ joining its group").yellow(),
        Phase::Stopping => Line::from("◌ draining").yellow(),
        Phase::Flowing | Phase::Finishing => Line::from("● ready").green(),
    };
    let (median, high) = snapshot.acknowledgement;
    let lines = vec![
        ready,
        pair(inner, "in", count_and_rate(gauges.received, snapshot.received_rate)),
        pair(inner, "out", count_and_rate(gauges.sent, snapshot.sent_rate)),
        Line::default(),
        pair(inner, "ack", latency(median, high)),
        pair(inner, "retries", Count(gauges.retries).to_string()),
        pair(inner, "commits", Count(gauges.commits).to_string()),
        pair(inner, "memory", format!("{} MB", gauges.memory_bytes >> 20)),
    ];
    fill(frame, area, panel("bridge".to_owned(), BRIDGE), lines);
}

fn draw_hub(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let width = bar_width(area);
    let full = snapshot.expected() * 11 / 10 / snapshot.hub.len().max(1) as u64;
    let mut lines: Vec<Line<'_>> = (0..)
        .zip(&snapshot.hub)
        .map(|(number, events)| bar_line(number, bar(width, *events, *events, full, HUB), *events))
        .collect();
    let inner = inner(area);
    let stored = count_and_rate(snapshot.stored(), snapshot.stored_rate);
    lines.push(pair(inner, "events", stored));
    fill(frame, area, panel(format!("Event Hubs · {}", crate::HUB), HUB), lines);
}

fn draw_department(frame: &mut Frame<'_>, area: Rect, reading: &Reading, stored: u64) {
    let inner = inner(area);
    let behind = format!("{} behind", Count(stored.saturating_sub(reading.events)));
    let verdict = match reading.faults {
        0 => "✓ in order".green(),
        faults => format!("✗ {} faults", Count(faults)).red().bold(),
    };
    let space = inner.saturating_sub(verdict.width() + behind.chars().count());
    let mut lines = vec![
        pair(inner, "read", count_and_rate(reading.events, reading.rate)),
        Line::from(vec![verdict, " ".repeat(space).into(), behind.dark_gray()]),
    ];
    lines.extend(reading.figures.iter().map(|(value, name)| pair(inner, name, value.clone())));
    fill(frame, area, panel(reading.department.name().to_owned(), DEPARTMENT), lines);
}

fn draw_orders(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let panel = panel("orders passing by".to_owned(), Color::DarkGray);
    fill(frame, area, panel, snapshot.recent.iter().map(order).collect());
}

fn draw_footer(frame: &mut Frame<'_>, area: Rect, snapshot: &Snapshot) {
    let text = match &snapshot.phase {
        Phase::Joining(reason) => format!(" the bridge is starting: {reason}"),
        Phase::Flowing => " orders are flowing".to_owned(),
        Phase::Finishing => " the last orders are on their way".to_owned(),
        Phase::Stopping => " SIGTERM: the bridge delivers, commits and exits".to_owned(),
    };
    frame.render_widget(Line::from(text).bold(), area);
    if let Some(admin) = snapshot.admin {
        let url = format!("http://{admin}/metrics ");
        frame.render_widget(Line::from(url).dark_gray().right_aligned(), area);
    }
}

#[cfg(test)]
pub(super) mod tests;
