//! Frames from a file, one after the other.

use std::io::{self, Cursor, Read};

use super::{Header, find_all, header_bytes, payload_length, read};

/// The sound frames of a file, up to the first place where there is none.
pub struct Reader {
    file: Box<dyn Read + Send>,
    /// Where the last sound frame ends.
    at: u64,
    /// The last frame: header and payload. If it is not sound, what was read behind the last one that is.
    bytes: Vec<u8>,
}

/// A sound frame, and where it begins.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a, H> {
    /// Its place in the file.
    pub offset: u64,
    /// What it says of itself.
    pub header: H,
    /// What it holds.
    pub payload: &'a [u8],
    /// How long it is in all.
    pub bytes: u64,
}

/// A place without a sound frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap<H> {
    /// Where it begins.
    pub offset: u64,
    /// How long it is, up to the next sound frame or to the end of the file.
    pub length: u64,
    /// How much follows up to the end of the file, the gap included.
    pub rest: u64,
    /// What the sound frames say that follow.
    pub behind: Vec<H>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads on from a file that was read up to `at`.
    #[must_use]
    pub fn new(file: Box<dyn Read + Send>, at: u64) -> Self {
        Reader {
            file,
            at,
            bytes: Vec::new(),
        }
    }

    /// Where the last sound frame ends.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next frame; none if what follows is not a sound one.
    ///
    /// # Errors
    /// The file cannot be read. Then nobody knows where it stands: open it anew.
    pub fn next_frame<H: Header>(&mut self) -> io::Result<Option<Found<'_, H>>> {
        self.bytes.clear();
        self.read(header_bytes::<H>())?;
        let Some(length) = payload_length::<H>(&self.bytes) else {
            return Ok(None);
        };
        self.read(length)?;
        let Some((header, payload, length)) = read::<H>(&self.bytes) else {
            return Ok(None);
        };
        let (offset, bytes) = (self.at, length as u64);
        self.at += bytes;
        Ok(Some(Found {
            offset,
            header,
            payload,
            bytes,
        }))
    }

    /// Reads up to `length` bytes more; fewer only at the end of the file. The room for them stays for the next frame.
    fn read(&mut self, length: usize) -> io::Result<()> {
        self.file.by_ref().take(length as u64).read_to_end(&mut self.bytes)?;
        Ok(())
    }

    /// After [`next_frame`](Reader::next_frame) found none: goes on at the next sound frame, if there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn skip_gap<H: Header>(&mut self) -> io::Result<Gap<H>> {
        let mut rest = std::mem::take(&mut self.bytes);
        self.file.read_to_end(&mut rest)?;
        let sound = find_all::<H>(&rest);
        let length = sound.first().map_or(rest.len(), |(at, _)| *at);
        let gap = Gap {
            offset: self.at,
            length: length as u64,
            rest: rest.len() as u64,
            behind: sound.into_iter().map(|(_, header)| header).collect(),
        };
        self.at += gap.length;
        rest.drain(..length);
        self.file = Box::new(Cursor::new(rest));
        Ok(gap)
    }
}
