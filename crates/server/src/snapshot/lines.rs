//! The lines of a file, with the checksum of what went before.

use std::io::{self, BufRead, BufReader, Read};

use nexus_segments::Checksum;

use super::CHECKSUM;

/// The lines of a file, as bytes, with the checksum of all that went before.
pub(super) struct Lines {
    input: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    /// The number of the current line, from 1 on.
    pub(super) number: u64,
    /// Of all lines before the current one.
    checksum: Checksum,
}

impl Lines {
    pub(super) fn new(file: Box<dyn Read>) -> Self {
        Lines {
            input: BufReader::with_capacity(1 << 18, file),
            line: Vec::new(),
            number: 0,
            checksum: Checksum::default(),
        }
    }

    /// Reads the next line; `false` at the end of the file.
    pub(super) fn advance(&mut self) -> io::Result<bool> {
        self.checksum.update(&self.line);
        self.line.clear();
        self.number += 1;
        Ok(self.input.read_until(b'\n', &mut self.line)? > 0)
    }

    /// The current line without its end.
    pub(super) fn line(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }

    /// How long the current line is.
    pub(super) fn bytes(&self) -> u64 {
        self.line.len() as u64
    }

    /// Whether the current line is the checksum of all lines before it, and the last one.
    pub(super) fn is_right_end(&mut self) -> io::Result<bool> {
        let expected = format!("{CHECKSUM}{:08x}\n", self.checksum.value());
        Ok(self.line == expected.as_bytes() && !self.advance()?)
    }
}
