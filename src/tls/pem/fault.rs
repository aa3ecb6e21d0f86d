//! The faults of a block of a PEM file. A fault never contains bytes of the file, which may be a private key.

use std::fmt;

use super::label::Label;

/// The maximum number of faults of one file that are named; further ones are counted.
pub const BLOCK_FAULTS_MAX: usize = 20;

/// A block that a person would see in the file, but that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BlockFault {
    /// The line where the block begins, from 1.
    pub line: usize,
    /// The label of the block.
    pub label: Label,
    /// The kind of fault.
    pub kind: BlockFaultKind,
}

/// The kind of fault of a block.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BlockFaultKind {
    /// The BEGIN line is not in uppercase, has no closing dashes, or has anything but one space before its label.
    BeginDamaged,
    /// The text before BEGIN is not five ASCII hyphens.
    DashesDamaged,
    /// Text precedes `-----BEGIN` on its line, as in a comment.
    TextBefore,
    /// Text follows the END line's dashes.
    TextAfter,
    /// Its contents share a line with BEGIN or END.
    NoLineBreaks,
    /// The file ends, or another block begins, before END.
    NoEnd,
    /// There is an END without a BEGIN.
    NoBegin,
    /// The END line has no closing dashes, or has anything but one space before its label.
    EndDamaged,
    /// The END line has another label.
    OtherEnd,
    /// There is nothing between BEGIN and END.
    Hollow,
    /// A line between BEGIN and END contains a character that is not base64.
    NotBase64 {
        /// The line, from 1.
        line: usize,
    },
    /// The base64 text is not complete.
    Incomplete,
    /// It is intact, but its form is not supported.
    NotSupported,
    /// It is a revocation list under another label.
    ListLabel,
    /// It contains data of another known kind than its label states.
    OtherContent(Label),
    /// Text outside of blocks is base64 of DER, or a large amount of base64.
    Unmarked,
    /// Text outside of blocks is base64 of PEM.
    EncodedTwice,
    /// There are bytes outside of blocks that are not text.
    Binary,
}

/// The faults of one file, in the order of the text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BlockFaults {
    /// The first [`BLOCK_FAULTS_MAX`].
    pub named: Vec<BlockFault>,
    /// The number of further faults.
    pub more: usize,
}

impl BlockFaults {
    pub(super) fn push(&mut self, fault: BlockFault) {
        if self.named.len() < BLOCK_FAULTS_MAX {
            self.named.push(fault);
        } else {
            self.more += 1;
        }
    }
}

/// The maximum number of faults that a message on one line names.
const SHOWN_FAULTS_MAX: usize = 3;

impl fmt::Display for BlockFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<_> = self.named.iter().take(SHOWN_FAULTS_MAX).map(ToString::to_string).collect();
        f.write_str(&shown.join("; "))?;
        match self.named.len() - shown.len() + self.more {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl fmt::Display for BlockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, label, kind } = self;
        write!(f, "line {line}: ")?;
        match kind {
            BlockFaultKind::BeginDamaged => f.write_str("a `-----BEGIN` line is damaged"),
            BlockFaultKind::DashesDamaged => {
                f.write_str("the dashes of a BEGIN line are not five ASCII hyphens")
            }
            BlockFaultKind::TextBefore => write!(f, "text precedes `-----BEGIN` of a {label}"),
            BlockFaultKind::TextAfter => write!(f, "text follows `-----END` of the {label}"),
            BlockFaultKind::NoLineBreaks => write!(f, "the {label} has lost its line breaks"),
            BlockFaultKind::NoEnd => write!(f, "the {label} that begins here has no `-----END` line"),
            BlockFaultKind::NoBegin => f.write_str("an `-----END` line has no `-----BEGIN` line"),
            BlockFaultKind::EndDamaged => write!(f, "the `-----END` line of the {label} is damaged"),
            BlockFaultKind::OtherEnd => {
                write!(f, "the {label} ends with a different label than it begins with")
            }
            BlockFaultKind::Hollow => write!(f, "the {label} is empty"),
            BlockFaultKind::NotBase64 { line } => {
                write!(f, "the {label} that begins here is not base64 in line {line}")
            }
            BlockFaultKind::Incomplete => write!(f, "characters are missing in the {label} that begins here"),
            BlockFaultKind::NotSupported => write!(f, "a {label} is not supported"),
            BlockFaultKind::ListLabel => write!(f, "the {label} is a revocation list under the wrong label"),
            BlockFaultKind::OtherContent(content) => {
                write!(f, "the {label} contains the data of a {content}")
            }
            BlockFaultKind::Unmarked => {
                f.write_str("text that may be a block: base64 without a `-----BEGIN` line")
            }
            BlockFaultKind::EncodedTwice => {
                f.write_str("text that may be a block: PEM that is encoded in base64 once more")
            }
            BlockFaultKind::Binary => {
                f.write_str("bytes that are not text may be a certificate, list or key in DER")
            }
        }
    }
}

impl BlockFault {
    /// A hint for correcting it.
    pub fn hint(&self) -> &'static str {
        match self.kind {
            BlockFaultKind::NoLineBreaks => {
                "write each part on a line: `-----BEGIN …-----`, the base64 text in lines of 64 characters, `-----END …-----`; \
                 an unquoted shell variable or a one-line field of a secrets editor removes the line breaks"
            }
            BlockFaultKind::TextBefore => {
                "begin the line with `-----BEGIN`; remove a block that should be ignored, also from comments"
            }
            BlockFaultKind::TextAfter => "put a line break after the dashes of the `-----END` line",
            BlockFaultKind::DashesDamaged => {
                "write five ASCII hyphens on each side; a word processor replaces them"
            }
            BlockFaultKind::NotSupported => self.label.conversion().unwrap_or("remove it from the file"),
            BlockFaultKind::ListLabel => "write `X509 CRL` as its label, in the BEGIN and in the END line",
            BlockFaultKind::OtherContent(_) => {
                "remove it, or write the right label and name the file in the setting that reads such blocks"
            }
            BlockFaultKind::Unmarked => {
                "add the `-----BEGIN …-----` and `-----END …-----` lines, or remove the text"
            }
            BlockFaultKind::EncodedTwice => "decode that part with `base64 -d`, or remove it",
            BlockFaultKind::Binary => {
                "convert DER to PEM before you append it: `openssl crl -inform DER -in OLD -out NEW`, for a certificate \
                 `openssl x509`"
            }
            BlockFaultKind::BeginDamaged
            | BlockFaultKind::NoEnd
            | BlockFaultKind::NoBegin
            | BlockFaultKind::EndDamaged
            | BlockFaultKind::OtherEnd
            | BlockFaultKind::Hollow
            | BlockFaultKind::NotBase64 { .. }
            | BlockFaultKind::Incomplete => {
                "copy the file again, from `-----BEGIN` to `-----END`, both lines included"
            }
        }
    }
}
