//! Bounds the frames of HTTP/2 that do no work.
//!
//! PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, frames of unknown kinds and empty DATA cost a client a few bytes, but
//! the server must process and partly answer them, and the library bounds only some of them. They are paid from a budget
//! that time and responses refill.

use std::time::Duration;

use tokio::time::Instant;

use super::frame_reader::{CONTINUATION, DATA, END_STREAM, Frame, HEADERS, PADDED};

/// The most frames that are accepted at once. A client that opens 128 streams at once sends at most a few per stream: PRIORITY,
/// WINDOW_UPDATE and, if it cancels them, RST_STREAM.
const FRAMES_MAX: u32 = 1000;
/// The frames that are accepted for each response: clients acknowledge it with up to two WINDOW_UPDATE, and some send PING
/// to measure the bandwidth.
const FRAMES_PER_RESPONSE: u32 = 10;
/// The time after which another frame is accepted: 50 per second. A client that has nothing to send needs one per minute.
const FRAME_EVERY: Duration = Duration::from_millis(20);

/// The frames without work that a connection may still send.
#[derive(Debug)]
pub(super) struct FrameBudget {
    left: u32,
    /// Up to when the budget has been refilled.
    refilled: Instant,
}

impl FrameBudget {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: FRAMES_MAX, refilled: now }
    }

    /// Pays for a frame that does no work. Returns whether the budget was sufficient.
    pub(super) fn pay(&mut self, now: Instant) -> bool {
        let frames = now.saturating_duration_since(self.refilled).as_millis() / FRAME_EVERY.as_millis();
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        if frames >= FRAMES_MAX {
            *self = Self::new(now);
        } else {
            self.refill(frames);
            self.refilled += FRAME_EVERY * frames;
        }
        let paid = self.left.checked_sub(1);
        self.left = paid.unwrap_or(0);
        paid.is_some()
    }

    /// Adds what a response is worth.
    pub(super) fn responded(&mut self) {
        self.refill(FRAMES_PER_RESPONSE);
    }

    fn refill(&mut self, frames: u32) {
        self.left = self.left.saturating_add(frames).min(FRAMES_MAX);
    }
}

/// Whether a frame from a client does no work. HEADERS and CONTINUATION are bounded by the library: they belong to a request, or
/// to an error that it counts.
pub(super) fn does_no_work(frame: Frame<'_>) -> bool {
    let Frame { kind, flags, length, payload, .. } = frame;
    match kind {
        HEADERS | CONTINUATION => false,
        DATA => {
            let padding = match payload {
                [padding, ..] if flags & PADDED != 0 => usize::from(*padding) + 1,
                _ => 0,
            };
            length <= padding && flags & END_STREAM == 0
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, length: usize, payload: &[u8]) -> Frame<'_> {
        Frame { kind, flags, stream: 1, length, payload }
    }

    #[test]
    fn requests_and_bodies_are_work_and_other_frames_are_not() {
        let work = [
            frame(HEADERS, 0, 0, b""),
            frame(CONTINUATION, 0, 0, b""),
            frame(DATA, 0, 1, b"x"),
            frame(DATA, END_STREAM, 0, b""),
            frame(DATA, PADDED | END_STREAM, 256, &[255]),
            frame(DATA, PADDED, 257, &[255]),
        ];
        for frame in work {
            assert!(!does_no_work(frame), "{frame:?}");
        }
        let other = (2..=8).chain(10..=255).map(|kind| frame(kind, END_STREAM, 8, &[0; 8]));
        for frame in other.chain([frame(DATA, 0, 0, b""), frame(DATA, PADDED, 256, &[255])]) {
            assert!(does_no_work(frame), "{frame:?}");
        }
    }

    #[test]
    fn responses_pay_for_the_frames_that_accompany_them() {
        let now = Instant::now();
        let mut budget = FrameBudget::new(now);
        for _ in 0..10_000 {
            assert!((0..FRAMES_PER_RESPONSE).all(|_| budget.pay(now)));
            budget.responded();
        }
    }

    proptest! {
        #[test]
        fn the_budget_is_a_burst_and_a_rate(pauses in proptest::collection::vec(0..40_u64, 1..4000)) {
            let begin = Instant::now();
            let (mut budget, mut now, mut accepted) = (FrameBudget::new(begin), begin, 0_u32);
            let mut is_refused = false;
            for pause in pauses {
                now += Duration::from_millis(pause / 20);
                let paid = budget.pay(now);
                accepted += u32::from(paid);
                is_refused |= !paid;
                let refilled = u32::try_from((now - begin).as_millis() / FRAME_EVERY.as_millis()).unwrap();
                prop_assert!(accepted <= FRAMES_MAX + refilled);
                // Nothing is refused as long as the rate is kept.
                prop_assert!(paid || accepted >= FRAMES_MAX);
            }
            prop_assert!(is_refused || accepted <= FRAMES_MAX + 200);
        }

        #[test]
        fn a_slow_client_is_never_refused(pauses in proptest::collection::vec(20..5000_u64, 1..3000)) {
            let mut now = Instant::now();
            let mut budget = FrameBudget::new(now);
            for pause in pauses {
                now += Duration::from_millis(pause);
                prop_assert!(budget.pay(now));
            }
        }
    }
}
