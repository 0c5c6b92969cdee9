//! One file that is being read.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use nexus_calendar::Time;
use tokio::time::Instant;

use super::{
    TailSettings,
    file_id::{FileId, Place},
};
use crate::{id::Event, ingest::access_log};

/// Lines of one file.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) file: FileId,
    pub(super) events: Vec<Event>,
    pub(super) malformed: u64,
    pub(super) too_long: u64,
    /// Up to here.
    pub(super) until: u64,
    pub(super) is_in_long_line: bool,
}

impl Batch {
    fn new(file: FileId, is_in_long_line: bool) -> Self {
        Batch {
            file,
            events: Vec::new(),
            malformed: 0,
            too_long: 0,
            until: 0,
            is_in_long_line,
        }
    }

    fn take(&mut self, line: &[u8], at: u64, settings: &TailSettings) {
        if std::mem::take(&mut self.is_in_long_line) || line.len() > settings.line_bytes_max {
            self.too_long += 1;
            return;
        }
        match access_log::parse(line, &settings.origin, &settings.limits, Time::now()) {
            Ok(item) => {
                let event = item.into_event(&settings.origin, || format!("{}:{at}", self.file).into());
                self.events.push(event);
            }
            Err(error) => {
                if self.malformed == 0 {
                    let path = settings.path.display();
                    tracing::warn!(%error, %path, at, "a line of an access log is not understood");
                }
                self.malformed += 1;
            }
        }
    }
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) file: File,
    pub(super) place: Place,
    /// None as long as it has no whole line.
    pub(super) id: Option<FileId>,
    /// How far it is stored: the start of a line, or within one that is too long.
    pub(super) offset: u64,
    /// What was read last did not fit into a line.
    is_in_long_line: bool,
    pub(super) bytes: u64,
    /// Since when nothing was there to read.
    pub(super) quiet_since: Instant,
}

/// What a look at a file found.
pub(super) enum Look {
    Same,
    /// It was written anew.
    Truncated,
}

impl Followed {
    pub(super) fn new(file: File, place: Place, id: Option<FileId>, offset: u64, now: Instant) -> Self {
        Followed {
            file,
            place,
            id,
            offset,
            is_in_long_line: false,
            bytes: 0,
            quiet_since: now,
        }
    }

    /// How much there is to read yet.
    pub(super) fn behind_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.offset)
    }

    /// Sees how long the file is, and whether it is still the one that was read so far.
    pub(super) fn look(&mut self, now: Instant) -> io::Result<Look> {
        let bytes = self.file.metadata()?.len();
        if bytes == self.bytes && self.id.is_some() {
            return Ok(Look::Same);
        }
        self.bytes = bytes;
        self.quiet_since = now;
        let id = FileId::read(self.place, &self.file)?;
        let is_same = self.id.is_none_or(|known| id == Some(known));
        if is_same && bytes >= self.offset {
            self.id = id;
            return Ok(Look::Same);
        }
        self.id = id;
        self.offset = 0;
        self.is_in_long_line = false;
        Ok(Look::Truncated)
    }

    /// Reads whole lines. None if there are none.
    pub(super) fn read(&self, settings: &TailSettings) -> io::Result<Option<Batch>> {
        let Some(id) = self.id.filter(|_| self.behind_bytes() > 0) else {
            return Ok(None);
        };
        // At least so much that a line that does not fit is one that is too long.
        let room = settings.batch_bytes_max.max(settings.line_bytes_max + 1);
        let room = room.min(usize::try_from(self.behind_bytes()).unwrap_or(room));
        let mut buffer = vec![0; room];
        let length = self.file.read_at(&mut buffer, self.offset)?;
        buffer.truncate(length);
        let mut batch = Batch::new(id, self.is_in_long_line);
        let mut at = self.offset;
        for line in buffer.split_inclusive(|byte| *byte == b'\n') {
            let next = at + line.len() as u64;
            match line.strip_suffix(b"\n") {
                Some(line) => batch.take(line, at, settings),
                None if line.len() > settings.line_bytes_max => batch.is_in_long_line = true,
                None if batch.is_in_long_line => {}
                None => break,
            }
            at = next;
        }
        batch.until = at;
        Ok((at > self.offset).then_some(batch))
    }

    /// Whether nothing but the beginning of a line is left.
    pub(super) fn read_is_over(&self, settings: &TailSettings) -> bool {
        self.read(settings).is_ok_and(|batch| batch.is_none())
    }

    pub(super) fn stored(&mut self, batch: &Batch) {
        self.offset = batch.until;
        self.is_in_long_line = batch.is_in_long_line;
    }
}
