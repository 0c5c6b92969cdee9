//! The files of the spool.

use std::{io, path::Path};

use nexus_segments::{Disk, Names, frame::Reader, join, read_header, take};

use crate::WriterId;

/// How segments are called.
pub(super) const NAMES: Names = Names {
    digits: 12,
    ending: ".spool",
};
/// Says what the file is, and the version of its form.
const MAGIC: [u8; 8] = *b"NxUsage2";
/// Magic, number, writer.
pub(super) const HEADER_BYTES: usize = 8 + 8 + 16;

pub(super) fn header(number: u64, writer: WriterId) -> [u8; HEADER_BYTES] {
    join(&[&MAGIC, &number.to_le_bytes(), writer.as_bytes()])
}

/// What a file of the spool is.
pub(super) enum Opened {
    /// A segment of this number: who wrote it, and its frames.
    Segment(WriterId, Reader),
    /// One that was being made when its process ended: nothing was ever in it.
    Unborn,
    /// Something else.
    Foreign,
}

pub(super) fn open(disk: &(impl Disk + ?Sized), directory: &Path, number: u64) -> io::Result<Opened> {
    let mut file = disk.open(&NAMES.path(directory, number))?;
    let Some(header) = read_header::<HEADER_BYTES>(&mut file)? else {
        return Ok(Opened::Unborn);
    };
    Ok(match writer_in(&header, number) {
        Some(writer) => Opened::Segment(writer, Reader::new(file, HEADER_BYTES as u64)),
        None => Opened::Foreign,
    })
}

fn writer_in(header: &[u8; HEADER_BYTES], number: u64) -> Option<WriterId> {
    let from = &mut &header[..];
    let is_one = take(from)? == MAGIC && take(from).map(u64::from_le_bytes)? == number;
    take(from).filter(|_| is_one).map(WriterId)
}
