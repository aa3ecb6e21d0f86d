//! The pages, as HTML. Every text that is not ours is escaped by the templates, and characters that cannot be seen are
//! shown as `\u{..}`.

mod frame;
mod chart;
mod refused;
mod now;
mod deliveries;
mod entry;
mod senders;

pub(super) use deliveries::{ListEnd, ListPage, list, row};
pub(super) use entry::{EntryPage, Move, confirm, entry};
pub(super) use frame::{Page, message, opening};
pub(super) use now::{now, now_content};
pub(super) use refused::refused;
pub(super) use senders::{LastDelivery, senders};
