//! Reads a text in one of the formats.

mod classic;
mod cursor;
mod draft;
mod error;
mod open;
mod sample;
mod series;

pub use error::{ParseError, Reason};

use super::{Document, Format};

/// Reads a text in one of the formats.
///
/// It takes time in proportion to the length of the input, and answers any input: with what it says, or with the first
/// thing that is wrong and its line. In both formats
/// * a label, a series or one of its samples given twice is refused, as is a label whose name begins with `__`;
/// * so are two families that have the name of a sample in common;
/// * names in quotes may hold any UTF-8;
/// * a histogram is complete: bounds rise, counts do not fall, the last bucket is `+Inf` and agrees with `_count`;
/// * all samples of one series have the same timestamp, or none;
/// * the last line must end in a line end, so that a text that was cut off is not taken for a whole one.
///
/// [`Format::Prometheus`] is read as leniently as Prometheus does: blanks and tabs between tokens, comments, empty
/// lines, families in pieces, and no header needed. A missing `+Inf` bucket is added from `_count`.
///
/// [`Format::OpenMetrics`] is read by the letter of its specification: single blanks, `# EOF` at the end and nothing
/// after it, every family and every series in one piece, only the samples that the type allows. Only a histogram's sum is not checked, because sums of NaN or negative observations exist.
///
/// # Errors
/// The first line that is wrong. A family or series that is incomplete is reported by the line where it begins.
pub fn parse(format: Format, input: &[u8]) -> Result<Document, ParseError> {
    let text = str::from_utf8(input).map_err(|error| {
        let before = input.get(..error.valid_up_to()).unwrap_or_default();
        Reason::InvalidUtf8.at(memchr::memchr_iter(b'\n', before).count() + 1)
    })?;
    match format {
        Format::Prometheus => classic::parse(text),
        Format::OpenMetrics => open::parse(text),
    }
}

/// The lines of a text, numbered from 1, without their line ends.
fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    (1..).zip(std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let line = rest.get(..end)?;
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    }))
}

#[cfg(test)]
mod tests;
