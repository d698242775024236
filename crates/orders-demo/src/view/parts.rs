//! Small pieces of the screen: bars, pairs of name and number, arrows, an order on its way.

use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};

use crate::inbox::Recent;
use crate::order::{Count, Euros, State};

/// A bar of `width` cells for `done` and what is `started` of `full`, with eighths of a cell.
pub(super) fn bar(
    width: usize,
    done: u64,
    started: u64,
    full: u64,
    colour: Color,
) -> Vec<Span<'static>> {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = |count: u64| {
        (count.min(full) as f64 / full.max(1) as f64 * width as f64 * 8.0).round() as usize
    };
    let (done, started) = (eighths(done), eighths(started.max(done)));
    let whole = done / 8;
    let mut first = "█".repeat(whole);
    first.push_str(EIGHTHS[done % 8]);
    let used = done.div_ceil(8);
    let waiting = started.div_ceil(8).saturating_sub(used);
    let rest = width.saturating_sub(used + waiting);
    vec![
        Span::styled(first, colour),
        Span::styled("▒".repeat(waiting), colour),
        Span::styled("·".repeat(rest), Color::DarkGray),
    ]
}

/// A name on the left, a number on the right of `width` cells. Where there is no room for both, the name is shortened.
pub(super) fn pair(width: usize, name: &'static str, value: String) -> Line<'static> {
    let room = width.saturating_sub(value.chars().count() + 1);
    let name: String = name.chars().take(room).collect();
    let space = width.saturating_sub(name.chars().count() + value.chars().count());
    Line::from(vec![name.dark_gray(), " ".repeat(space).into(), value.bold()])
}

/// A count with its growth.
pub(super) fn count_and_rate(count: u64, rate: u64) -> String {
    format!("{} {:>7}", Count(count), format!("{}/s", Count(rate)))
}

/// An arrow with something moving along it while there is a rate.
pub(super) fn arrow(width: usize, millis: u128, moving: bool) -> Line<'static> {
    let shaft = width.saturating_sub(1);
    let at = (millis / 120) as usize % shaft.max(1);
    let cell = |n| if moving && n == at { '●' } else { '─' };
    let shaft: String = (0..shaft).map(cell).collect();
    Line::from(format!("{shaft}▶")).fg(if moving { Color::White } else { Color::DarkGray })
}

/// The colour a state has everywhere.
fn colour(state: State) -> Color {
    match state {
        State::Placed => Color::White,
        State::Paid => Color::Yellow,
        State::Packed => Color::Cyan,
        State::Shipped => Color::Blue,
        State::Delivered => Color::Green,
        State::Returned => Color::Magenta,
        State::Cancelled => Color::Red,
    }
}

/// An order with the way it has gone.
pub(super) fn order(recent: &Recent) -> Line<'static> {
    let mut spans = vec![
        Span::from(format!("{} ", recent.order_id)).dark_gray(),
        Span::from(format!("{:<18}", recent.customer)),
        Span::from(format!("{:>10}  ", Euros(recent.total_cents).to_string())),
    ];
    let last = recent.trail.len().saturating_sub(1);
    for (at, state) in recent.trail.iter().enumerate() {
        if at > 0 {
            spans.push(" → ".dark_gray());
        }
        let style = Style::from(colour(*state));
        let style = if at == last { style.add_modifier(Modifier::BOLD) } else { style.dim() };
        spans.push(Span::styled(state.to_string(), style));
    }
    let plural = if recent.items == 1 { "" } else { "s" };
    let to = format!("   {} item{plural} to {}", recent.items, recent.city);
    spans.push(Span::from(to).dark_gray());
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(spans: &[Span<'_>]) -> String {
        spans.iter().map(|span| span.content.as_ref()).collect()
    }

    #[test]
    fn a_number_is_never_cut() {
        let shown = |width| text(&pair(width, "records", "1,234".to_owned()).spans);
        assert_eq!(shown(16), "records    1,234");
        assert_eq!(shown(10), "reco 1,234");
        assert_eq!(shown(5), "1,234");
    }

    #[test]
    fn a_bar_has_its_width_whatever_the_numbers() {
        for (done, started, full, expected) in [
            (0, 0, 100, "··········"),
            (50, 50, 100, "█████·····"),
            (50, 80, 100, "█████▒▒▒··"),
            (53, 53, 100, "█████▎····"),
            (100, 100, 100, "██████████"),
            (500, 900, 100, "██████████"),
            (80, 20, 100, "████████··"),
            (0, 0, 0, "··········"),
        ] {
            assert_eq!(text(&bar(10, done, started, full, Color::Cyan)), expected);
        }
    }
}
