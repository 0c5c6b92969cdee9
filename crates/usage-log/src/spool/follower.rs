//! The end of the spool that reads.

use std::{
    collections::VecDeque,
    io::{self, Read as _},
    sync::Arc,
};

use nexus_segments::frame::Reader;

use super::{
    SegmentState, Spool,
    codec::Decoder,
    frame::FrameHeader,
    segment::{self, NAMES},
};
use crate::{Entry, Id, Timing};

/// The end that reads, and removes what is stored.
#[derive(Debug)]
pub(crate) struct Follower {
    spool: Arc<Spool>,
    /// The segment that is being read.
    reading: Option<Reading>,
    /// Segments that are read to their end and may go with the next [`Follower::done`].
    finished: Vec<u64>,
    /// Segments of which nothing is needed, whose files are still there: the oldest first.
    stored: VecDeque<u64>,
    /// Whether a removal may not survive the loss of power.
    is_removal_dirty: bool,
}

#[derive(Debug)]
struct Reading {
    number: u64,
    /// None if reading failed: the file is opened anew then.
    frames: Option<Reader>,
    /// How far it is read.
    at: u64,
    records: u64,
    decoder: Decoder,
}

impl Follower {
    pub(super) fn new(spool: Arc<Spool>) -> Self {
        Follower {
            spool,
            reading: None,
            finished: Vec::new(),
            stored: VecDeque::new(),
            is_removal_dirty: false,
        }
    }

    /// The next records, in order: whole frames until there are `records_max` or `bytes_max`, or no more.
    pub(crate) fn next(&mut self, records_max: usize, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < records_max && bytes < bytes_max {
            match self.next_frame(&mut batch) {
                Ok(Some(frame_bytes)) => bytes += frame_bytes,
                // What was read before is not to be lost; the error comes again.
                Err(error) if batch.is_empty() => return Err(error),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(batch)
    }

    /// Gives up what is left of the segment that cannot be read. Says how many records it has.
    pub(crate) fn skip_segment(&mut self) -> u64 {
        let after = self.finished.last().copied().unwrap_or(0);
        let (number, read) = self
            .reading
            .take()
            .map_or((None, 0), |reading| (Some(reading.number), reading.records));
        let mut segments = self.spool.lock();
        let is_wanted = |segment: &&mut SegmentState| number.map_or(segment.number > after, |it| segment.number == it);
        let Some(state) = segments.list.iter_mut().find(is_wanted) else {
            return 0;
        };
        self.finished.push(state.number);
        let lost = state.records.saturating_sub(read);
        segments.unread = segments.unread.saturating_sub(lost);
        lost
    }

    /// What was read so far is stored: the segments of which nothing is left are removed.
    pub(crate) fn done(&mut self) {
        let mut segments = self.spool.lock();
        for number in self.finished.drain(..) {
            if let Some(place) = segments.list.iter().position(|segment| segment.number == number)
                && let Some(segment) = segments.list.remove(place)
            {
                segments.bytes = segments.bytes.saturating_sub(segment.bytes);
            }
            self.stored.push_back(number);
        }
        let last = segments.last;
        drop(segments);
        while let Some(number) = self.stored.front().copied().filter(|number| Some(*number) != last) {
            if let Err(error) = self.remove(number) {
                tracing::warn!(%error, number, "cannot remove a segment of the usage log that is stored");
                return;
            }
            self.stored.pop_front();
        }
    }

    /// In order, also if the power is cut: what is left of a writer's segments must be the last ones, which tell whether
    /// numbers are missing.
    fn remove(&mut self, number: u64) -> io::Result<()> {
        let Spool { disk, directory, .. } = &*self.spool;
        if self.is_removal_dirty {
            disk.sync_directory(directory)?;
        }
        self.is_removal_dirty = true;
        disk.remove(&NAMES.path(directory, number))
    }

    fn next_frame(&mut self, batch: &mut Vec<Entry>) -> io::Result<Option<usize>> {
        loop {
            let Some(state) = self.current() else { return Ok(None) };
            let Some(reading) = &mut self.reading else {
                return Ok(None);
            };
            if reading.at < state.bytes {
                return self.read_frame(&state, batch).map(Some);
            }
            if !state.is_sealed {
                return Ok(None);
            }
            self.finished.push(reading.number);
            self.reading = None;
        }
    }

    /// The state of the segment to read.
    fn current(&mut self) -> Option<SegmentState> {
        let segments = self.spool.lock();
        let after = self.finished.last().copied().unwrap_or(0);
        let number = self.reading.as_ref().map(|reading| reading.number);
        let is_wanted =
            |segment: &&SegmentState| number.map_or(segment.number > after, |number| segment.number == number);
        let state = segments.list.iter().find(is_wanted).cloned()?;
        self.reading.get_or_insert_with(|| Reading {
            number: state.number,
            frames: None,
            at: segment::HEADER_BYTES as u64,
            records: 0,
            decoder: Decoder::default(),
        });
        Some(state)
    }

    fn read_frame(&mut self, state: &SegmentState, batch: &mut Vec<Entry>) -> io::Result<usize> {
        let Some(reading) = &mut self.reading else { return Ok(0) };
        let frames = match &mut reading.frames {
            Some(frames) => frames,
            none => none.insert(open(&self.spool, state.number, reading.at)?),
        };
        let decoded = match frames.next_frame::<FrameHeader>() {
            Ok(frame) => frame.and_then(|frame| {
                let records = reading.decoder.take_all(frame.payload, frame.header.count)?;
                Some((frame.header, frame.bytes, records))
            }),
            Err(error) => {
                reading.frames = None;
                return Err(error);
            }
        };
        let Some((header, bytes, records)) = decoded else {
            let what = format!("segment {} is damaged at byte {}", state.number, reading.at);
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        };
        reading.at += bytes;
        reading.records += u64::from(header.count);
        let writer = state.writer;
        batch.extend((header.first..).zip(records).map(|(sequence, record)| Entry {
            id: Id::Own { writer, sequence },
            record,
            timing: Timing::Given,
        }));
        let mut segments = self.spool.lock();
        segments.unread = segments.unread.saturating_sub(u64::from(header.count));
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    }
}

/// Opens a segment to read on at this place.
fn open(spool: &Spool, number: u64, at: u64) -> io::Result<Reader> {
    let mut file = spool.disk.open(&NAMES.path(&spool.directory, number))?;
    io::copy(&mut file.by_ref().take(at), &mut io::sink())?;
    Ok(Reader::new(file, at))
}
