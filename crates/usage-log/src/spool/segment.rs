use std::path::{Path, PathBuf};

use crate::WriterId;

/// Says what the file is, and the version of its form.
const MAGIC: [u8; 8] = *b"NxUsage2";
/// Magic, number, writer.
pub(super) const HEADER_BYTES: usize = 8 + 8 + 16;

pub(super) fn header(number: u64, writer: WriterId) -> Vec<u8> {
    [&MAGIC[..], &number.to_le_bytes(), writer.as_bytes()].concat()
}

/// Who wrote the segment; none if it is not one of this number.
pub(super) fn read_header(bytes: &[u8], number: u64) -> Option<WriterId> {
    let (magic, rest) = bytes.split_first_chunk::<8>()?;
    let (found, rest) = rest.split_first_chunk::<8>()?;
    let (writer, _) = rest.split_first_chunk::<16>()?;
    (*magic == MAGIC && u64::from_le_bytes(*found) == number).then_some(WriterId(*writer))
}

pub(super) fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:012}.spool"))
}

/// The number in a segment's file name.
pub(super) fn number_of(path: &Path) -> Option<u64> {
    (path.extension()? == "spool").then_some(())?;
    path.file_stem()?.to_str()?.parse().ok()
}
