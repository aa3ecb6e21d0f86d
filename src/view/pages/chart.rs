//! The chart of deliveries per minute, and the bars of the timeline, as SVG.

use maud::{Markup, html};

use super::frame::Page;
use crate::clock::Timestamp;
use crate::view::scan::{MINUTES, Scan, minute};
use crate::view::times::grouped;

/// The height of the chart in its own units; a minute is one unit wide.
const HEIGHT: u64 = 40;
/// A bar of the timeline is full if this much time remains.
const TIMELINE_DAYS: i64 = 90;
/// What ends within this time is marked.
pub(super) const SOON_DAYS: i64 = 21;

/// Deliveries per minute.
pub(super) fn per_minute(page: &Page<'_>, scan: &Scan) -> Markup {
    let words = page.words();
    let total: u64 = scan.minutes.iter().copied().map(u64::from).sum();
    let highest = scan.minutes.iter().copied().enumerate().max_by_key(|(index, count)| (*count, *index));
    let (index, highest) = highest.unwrap_or_default();
    let time = |index: usize| {
        let minutes =
            minute(scan.at) - i64::try_from(MINUTES - 1 - index.min(MINUTES - 1)).unwrap_or_default();
        page.times.minute(Timestamp::from_second(minutes * 60).unwrap_or(scan.at))
    };
    let number = |count: u64| grouped(count, page.language);
    let summary = if total == 0 {
        format!("0 {}", words.in_total)
    } else {
        let (most, at) = (number(highest.into()), time(index));
        format!("{} {}, {} {most} {} {at}", number(total), words.in_total, words.at_most, words.at)
    };
    let bars = scan.minutes.iter().enumerate().filter(|(_, count)| **count > 0).map(|(x, count)| {
        let height = (u64::from(*count) * HEIGHT).div_ceil(u64::from(highest.max(1)));
        (x, HEIGHT - height, height)
    });
    html! {
        figure.chart {
            svg viewBox={ "0 0 " (MINUTES) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                aria-label={ (words.per_minute) ", " (words.last_hours) ": " (summary) } {
                @for hour in [MINUTES / 3, 2 * MINUTES / 3] { rect.grid x=(hour) y="0" width="0.3" height=(HEIGHT) {} }
                @for (x, y, height) in bars { rect x=(x) y=(y) width="0.8" height=(height) {} }
            }
            div.axis aria-hidden="true" {
                @for index in [0, MINUTES / 3, 2 * MINUTES / 3, MINUTES - 1] { span { (time(index)) } }
            }
            figcaption { (words.last_hours) ": " (summary) }
        }
    }
}

/// How much time remains, as a bar.
pub(super) fn remaining(seconds: i64) -> Markup {
    let days = seconds.div_euclid(86_400);
    let width = days.clamp(0, TIMELINE_DAYS) * 100 / TIMELINE_DAYS;
    html! {
        svg.remaining.soon[days < SOON_DAYS] viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
            rect.all x="0" y="0" width="100" height="4" {}
            rect x="0" y="0" width=(width.max(1)) height="4" {}
        }
    }
}
