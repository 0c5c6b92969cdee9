//! A log in numbered files, so that its oldest part can go.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::Disk;

/// How the segments of a log are called: a number of so many digits at least, and an ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// How many digits the number has, with zeros before it.
    pub digits: usize,
    /// The ending, dot included.
    pub ending: &'static str,
}

impl Names {
    /// The path of a segment.
    #[must_use]
    pub fn path(&self, directory: &Path, number: u64) -> PathBuf {
        directory.join(self.name(number))
    }

    fn name(&self, number: u64) -> String {
        format!("{number:0digits$}{ending}", digits = self.digits, ending = self.ending)
    }

    /// The number in a file's name; none if no segment is called so.
    #[must_use]
    pub fn number_of(&self, name: &str) -> Option<u64> {
        let number = name.strip_suffix(self.ending)?.parse().ok()?;
        (self.name(number) == name).then_some(number)
    }

    /// The numbers of the segments in a directory, rising; none if there is no directory.
    ///
    /// # Errors
    /// The disk's.
    pub fn list(&self, disk: &(impl Disk + ?Sized), directory: &Path) -> io::Result<Vec<u64>> {
        let names = match disk.list(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names?,
        };
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| self.number_of(name.to_str()?)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// Reads the header at the start of a segment. None if the segment was being made when whoever did it ended: the file ends
/// within its header, or its length reached the disk and the bytes did not, so that it holds as many zeros and no more.
///
/// # Errors
/// The file's.
pub fn read_header<const BYTES: usize>(file: &mut (impl Read + ?Sized)) -> io::Result<Option<[u8; BYTES]>> {
    let mut header = [0; BYTES];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    if header == [0; BYTES] && file.take(1).read_to_end(&mut Vec::new())? == 0 {
        return Ok(None);
    }
    Ok(Some(header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryDisk;

    const NAMES: Names = Names {
        digits: 6,
        ending: ".log",
    };

    #[test]
    fn the_names_of_segments() {
        fn check(name: &str, expected: Option<u64>) {
            assert_eq!(NAMES.number_of(name), expected, "{name}");
        }
        check("000001.log", Some(1));
        check("1234567.log", Some(1_234_567));
        for other in [
            "",
            ".log",
            "1.log",
            "+00001.log",
            "000001.log.new",
            "000001.lock",
            "01234567.log",
        ] {
            check(other, None);
        }
        assert_eq!(NAMES.path(Path::new("journal"), 42), Path::new("journal/000042.log"));
    }

    #[test]
    fn segments_are_listed_by_their_numbers() {
        let disk = MemoryDisk::default();
        for name in [
            "d/1000000.log",
            "d/000003.log",
            "d/000020.log",
            "d/other",
            "elsewhere/000001.log",
        ] {
            disk.put(name, "");
        }
        assert_eq!(NAMES.list(&disk, Path::new("d")).unwrap(), [3, 20, 1_000_000]);
        assert_eq!(
            NAMES.list(&crate::RealDisk, Path::new("no such directory")).unwrap(),
            []
        );
    }

    #[test]
    fn a_segment_that_was_being_made_has_no_header() {
        let check = |file: &[u8], expected: Option<&[u8; 3]>| {
            assert_eq!(read_header(&mut &file[..]).unwrap().as_ref(), expected, "{file:?}");
        };
        check(b"", None);
        check(b"ab", None);
        check(b"\0\0\0", None);
        check(b"abc", Some(b"abc"));
        check(b"abcd", Some(b"abc"));
        check(b"\0\0\0\0", Some(&[0; 3]));
    }
}
