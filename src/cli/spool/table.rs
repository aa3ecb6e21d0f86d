//! A table of entries that fits the width of the terminal. A row is printed as soon as it is known, so a column becomes
//! wider when a row requires it, and never narrower.

use std::ops::Range;

use crate::cli::output::{TERMINAL_COLUMNS, terminal_columns};
use crate::columns::{cut, width};
use crate::spool::IdEnd;

/// The cells of a row, before the end of the ID: time, queue, endpoint, sender, event and size.
pub(super) type Cells = [String; 6];

const TITLES: [&str; 6] = ["time", "queue", "endpoint", "sender", "event", "size"];
/// The columns at first: a time takes 20, a size usually at most 9, and most names 8.
const WIDTHS: [usize; 6] = [20, 5, 8, 8, 8, 9];
/// The column of the size, which is aligned to the right.
const SIZE: usize = 5;
/// The columns of names, which are shortened if a row does not fit.
const NAMES: Range<usize> = 2..5;
/// The least width of a shortened column.
const NAME_MIN: usize = 4;
const GAP: &str = "  ";
/// The digits of an ID that are shown, and those on a terminal that is narrower than [`TERMINAL_COLUMNS`].
const ID_DIGITS: (usize, usize) = (16, 8);

/// The widths of the columns so far.
#[derive(Debug)]
pub(super) struct EntryTable {
    /// The columns of the terminal that the cells may take.
    available: usize,
    widths: [usize; 6],
    id_digits: usize,
}

impl EntryTable {
    /// The table for standard output; none if that is not a terminal.
    pub(super) fn on_terminal() -> Option<Self> {
        terminal_columns().map(Self::of_width)
    }

    fn of_width(terminal: usize) -> Self {
        let id_digits = if terminal < TERMINAL_COLUMNS { ID_DIGITS.1 } else { ID_DIGITS.0 };
        // A gap follows each of the cells, and the ID begins with `…`.
        let others = WIDTHS.len() * GAP.len() + 1 + id_digits;
        Self { available: terminal.saturating_sub(others), widths: WIDTHS, id_digits }
    }

    /// The line with the titles of the columns.
    pub(super) fn header(&mut self) -> String {
        self.row(&TITLES.map(str::to_owned)) + "id\n"
    }

    /// The line of an entry.
    pub(super) fn line(&mut self, cells: &Cells, id: IdEnd) -> String {
        format!("{}{}\n", self.row(cells), id.last(self.id_digits))
    }

    fn row(&mut self, cells: &Cells) -> String {
        for (column, cell) in self.widths.iter_mut().zip(cells) {
            *column = width(cell).max(*column);
        }
        while self.widths.iter().sum::<usize>() > self.available
            && let Some(widest) = self.widths[NAMES].iter_mut().max().filter(|width| **width > NAME_MIN)
        {
            *widest -= 1;
        }
        let cells = self.widths.iter().zip(cells).enumerate();
        cells.map(|(column, (width, cell))| padded(cell, *width, column == SIZE) + GAP).collect()
    }
}

/// A cell with this width. A text that is wider is cut.
fn padded(cell: &str, columns: usize, is_right: bool) -> String {
    let shown = cut(cell, columns);
    let space = " ".repeat(columns.saturating_sub(width(&shown)));
    if is_right { space + &shown } else { shown + &space }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envelope::EntryId;

    fn cells(endpoint: &str, sender: &str, event: &str) -> Cells {
        ["2026-11-23T14:01:00Z", "new", endpoint, sender, event, "218 B"].map(str::to_owned)
    }

    fn id() -> IdEnd {
        let id: EntryId = "01a209e5-0f6a-7499-9320-a41957822a68".parse().expect("an ID");
        IdEnd::of(id, 32)
    }

    #[test]
    fn rows_are_aligned_under_their_titles() {
        let mut table = EntryTable::of_width(TERMINAL_COLUMNS);
        let lines = table.header() + &table.line(&cells("pix", "efi", "-"), id());
        assert_eq!(
            lines,
            "time                  queue  endpoint  sender    event          size  id\n\
             2026-11-23T14:01:00Z  new    pix       efi       -             218 B  …9320a41957822a68\n"
        );
    }

    #[test]
    fn names_are_shortened_only_if_the_row_would_not_fit() {
        let long = "x".repeat(63);
        for (terminal, expected) in [(40, 67), (80, 80), (100, 100), (120, 120), (400, 252)] {
            let mut table = EntryTable::of_width(terminal);
            let line = table.line(&cells(&long, &long, &long), id());
            assert_eq!(width(line.trim_end()), expected, "{terminal}: {line}");
            assert_eq!(line.matches("x…").count(), if terminal < 400 { 3 } else { 0 }, "{line}");
        }
        let mut table = EntryTable::of_width(100);
        let line = table.line(&cells("pix", &"宽".repeat(10), "rec"), id());
        assert!(line.contains(&"宽".repeat(10)), "{line}");
        let line = table.line(&cells("pix", &"宽".repeat(30), "rec"), id());
        assert_eq!(width(line.trim_end()), 100, "{line}");
    }
}
