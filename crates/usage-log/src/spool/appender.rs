//! The end of the spool that writes.

use std::{io, sync::Arc};

use nexus_segments::{DiskFile, frame};

use super::{
    SegmentState, Spool,
    codec::Encoder,
    frame::FrameHeader,
    segment::{self, NAMES},
};
use crate::{Record, WriterId};

/// A segment defines at most so many dimensions: what both ends keep in memory for it.
const DIMENSIONS_MAX: usize = 65_536;

/// The end that writes.
#[derive(Debug)]
pub(crate) struct Appender {
    spool: Arc<Spool>,
    writer: WriterId,
    next_segment: u64,
    next_sequence: u64,
    queue_records_max: u64,
    open: Option<OpenSegment>,
}

#[derive(Debug)]
struct OpenSegment {
    file: Box<dyn DiskFile>,
    encoder: Encoder,
    bytes: u64,
}

/// Why records are not on disk. They may be offered again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    #[error("the spool has its {0} bytes")]
    Full(u64),
    #[error("cannot write to the spool")]
    Io(#[from] io::Error),
}

impl Appender {
    pub(super) fn new(spool: Arc<Spool>, writer: WriterId, next_segment: u64, queue_records_max: u64) -> Self {
        Appender {
            spool,
            writer,
            next_segment,
            next_sequence: 1,
            queue_records_max,
            open: None,
        }
    }

    /// Appends records as one frame. After that they survive the end of this process.
    pub(crate) fn append<'a>(&mut self, records: impl ExactSizeIterator<Item = &'a Record>) -> Result<(), AppendError> {
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let header = FrameHeader {
            first: self.next_sequence,
            count,
            // What is in the queue while this frame is the last one.
            last_possible: self.next_sequence + u64::from(count) + self.queue_records_max,
        };
        self.write(header, records)?;
        self.next_sequence += u64::from(count);
        Ok(())
    }

    /// Says that nothing more will come and nothing is missing.
    pub(crate) fn finish(&mut self) -> Result<(), AppendError> {
        if self.open.is_some() {
            let header = FrameHeader {
                first: self.next_sequence,
                count: 0,
                last_possible: self.next_sequence - 1,
            };
            self.write(header, std::iter::empty())?;
            self.spool.lock().last = None;
        }
        self.seal();
        Ok(())
    }

    fn write<'a>(
        &mut self,
        header: FrameHeader,
        records: impl ExactSizeIterator<Item = &'a Record>,
    ) -> Result<(), AppendError> {
        let result = self.try_write(header, records);
        if result.is_err() {
            // The encoder knows of definitions that are not in the file, and the file may end in half a frame.
            self.seal();
        }
        result
    }

    fn try_write<'a>(
        &mut self,
        header: FrameHeader,
        records: impl ExactSizeIterator<Item = &'a Record>,
    ) -> Result<(), AppendError> {
        if header.count > 0 && self.spool.lock().bytes >= self.spool.bytes_max {
            // So that its follower may remove it, which makes room.
            self.seal();
            return Err(AppendError::Full(self.spool.bytes_max));
        }
        let segment_bytes_max = self.spool.segment_bytes_max;
        let is_given_up = self.spool.lock().list.back().is_some_and(|last| last.is_given_up);
        if is_given_up || self.open.as_ref().is_some_and(|open| open.is_full(segment_bytes_max)) {
            self.seal();
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(begin(&self.spool, self.writer, &mut self.next_segment)?),
        };
        let mut frame = frame::begin::<FrameHeader>();
        open.encoder.put_all(&mut frame, records);
        frame::seal(&header, &mut frame).map_err(io::Error::from)?;
        let bytes = frame.len() as u64;
        open.file.append(&frame)?;
        open.bytes += bytes;
        let mut segments = self.spool.lock();
        segments.bytes += bytes;
        segments.unread += u64::from(header.count);
        if let Some(state) = segments.list.back_mut() {
            state.bytes = open.bytes;
            state.records += u64::from(header.count);
            segments.last = Some(state.number);
        }
        Ok(())
    }

    /// Closes the segment: its follower may remove it when it is read.
    fn seal(&mut self) {
        if self.open.take().is_some()
            && let Some(state) = self.spool.lock().list.back_mut()
        {
            state.is_sealed = true;
        }
    }
}

impl OpenSegment {
    fn is_full(&self, bytes_max: u64) -> bool {
        self.bytes >= bytes_max || self.encoder.len() >= DIMENSIONS_MAX
    }
}

fn begin(spool: &Spool, writer: WriterId, next_segment: &mut u64) -> io::Result<OpenSegment> {
    let number = *next_segment;
    *next_segment += 1;
    let path = NAMES.path(&spool.directory, number);
    let mut file = spool.disk.create(&path)?;
    let header = segment::header(number, writer);
    if let Err(error) = file.append(&header) {
        // On a disk that is full this comes again and again, and must not leave a file each time.
        let _ = spool.disk.remove(&path);
        return Err(error);
    }
    let bytes = header.len() as u64;
    let mut segments = spool.lock();
    segments.bytes += bytes;
    segments.list.push_back(SegmentState {
        number,
        writer,
        bytes,
        records: 0,
        is_sealed: false,
        synced_bytes: 0,
        is_given_up: false,
    });
    Ok(OpenSegment {
        file,
        encoder: Encoder::default(),
        bytes,
    })
}
