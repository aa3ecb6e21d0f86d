//! The fenced code blocks of a document, and what the test does with each.

use std::fs;
use std::path::Path;

use super::table::{BLOCKS, Row};

/// What the test does with a block that is not an ordinary `console` block.
#[derive(Clone, Copy)]
pub enum Use {
    /// Runs the `console` block after this script, whose output is ignored.
    After(&'static str),
    /// Saves the block as this executable file, which later blocks use.
    File(&'static str),
    /// Runs `hookspool check` on webhooks.toml with this block. Keys before the first header belong to this table.
    Config(&'static str),
    /// Runs the only command of the `console` block in the background, as in another terminal, until its output
    /// contains this text and is as shown.
    Terminal(&'static str),
    /// Does nothing, for this reason.
    NotRun(&'static str),
}

pub struct Block {
    pub document: String,
    /// The line of the opening fence.
    pub line: usize,
    pub language: String,
    pub text: String,
}

impl Block {
    /// Whether a row of the table is about this block.
    pub fn is_listed_in(&self, (document, begin, _): &Row) -> bool {
        *document == self.document && self.text.starts_with(begin)
    }

    fn first_line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    /// Returns what the table lists for this block; `None` for a `console` block, which needs no row.
    pub fn listed(&self) -> Option<Use> {
        let row = BLOCKS.iter().find(|row| self.is_listed_in(row));
        match row {
            Some((_, _, listed)) => Some(*listed),
            None if self.language == "console" => None,
            None => panic!(
                "{}:{}: this block ({}) is neither run nor listed.\n\
                 Make it a `console` block, whose commands begin with `$ ` and are followed by their output,\n\
                 or add a row to BLOCKS in tests/it/documents/table.rs:\n    (\"{}\", {:?}, ...),\n\
                 with File(NAME), Config(TABLE) or NotRun(REASON).",
                self.document,
                self.line,
                self.language,
                self.document,
                self.first_line(),
            ),
        }
    }
}

pub fn read(document: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap()
}

/// All fenced blocks of a document, in order, without the indentation of their fences.
pub fn blocks(document: &str) -> Vec<Block> {
    let text = read(document);
    let mut found = Vec::new();
    let mut open: Option<(Block, usize)> = None;
    for (index, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        match (open.take(), line.trim_start().strip_prefix("```")) {
            (None, None) => {}
            (None, Some(language)) => {
                let (document, language) = (document.to_owned(), language.trim().to_owned());
                open = Some((Block { document, line: index + 1, language, text: String::new() }, indent));
            }
            (Some((block, _)), Some("")) => found.push(block),
            (Some((mut block, fence)), _) => {
                block.text.push_str(line.get(fence.min(indent)..).unwrap_or_default());
                block.text.push('\n');
                open = Some((block, fence));
            }
        }
    }
    assert!(open.is_none(), "{document}: a block has no end");
    found
}

/// The block that the table saves as this file.
pub fn file(document: &str, name: &str) -> String {
    let is_file = |block: &Block| matches!(block.listed(), Some(Use::File(file)) if file == name);
    let found: Vec<_> = blocks(document).into_iter().filter(is_file).collect();
    assert_eq!(found.len(), 1, "{document}: not exactly one block is {name}");
    found.into_iter().next().unwrap().text
}
