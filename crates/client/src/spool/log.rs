//! Records as they are appended: one a line, `CRC-32 of the item in hex`, a blank, the item.

use std::fmt::Write as _;

use super::{
    Limits, SpoolError, Sync,
    files::{BATCHES, Files},
};

pub(super) fn append(files: &Files, limits: &Limits, items: &[String], sync: Sync) -> Result<(), SpoolError> {
    let mut records = String::new();
    for item in items {
        let _ = writeln!(records, "{:08x} {item}", crc32fast::hash(item.as_bytes()));
    }
    let log = files.lock_log()?;
    let waiting = waiting_bytes(files)?;
    if waiting + records.len() as u64 > limits.bytes_max {
        return Err(SpoolError::Full {
            directory: files.directory().to_owned(),
            waiting,
            max: limits.bytes_max,
        });
    }
    files.append(&log, records.as_bytes())?;
    // Others append while this one waits for the disk.
    let _ = log.unlock();
    match sync {
        Sync::Sync => files.sync(&log),
        Sync::Flush => Ok(()),
    }
}

fn waiting_bytes(files: &Files) -> Result<u64, SpoolError> {
    let mut bytes = 0;
    for part in ["", BATCHES] {
        bytes += files.list(part)?.iter().map(|(_, length)| length).sum::<u64>();
    }
    Ok(bytes)
}

/// What a log holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Records {
    pub(super) items: Vec<String>,
    /// Lines that are no records: appends that were cut short, which nobody was told are kept, or damage.
    pub(super) damaged: Vec<String>,
}

pub(super) fn read(log: &[u8]) -> Records {
    let mut records = Records::default();
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match record(line) {
            Some(item) => records.items.push(item),
            None => records.damaged.push(String::from_utf8_lossy(line).into_owned()),
        }
    }
    records
}

fn record(line: &[u8]) -> Option<String> {
    let (checksum, item) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let checksum = u32::from_str_radix(checksum, 16).ok()?;
    (crc32fast::hash(item.as_bytes()) == checksum).then(|| item.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_and_damaged_records_are_told_from_whole_ones() {
        let check = |log: &[u8], items: &[&str], damaged: &[&str]| {
            let found = read(log);
            assert_eq!((found.items, found.damaged), (owned(items), owned(damaged)));
        };
        let owned_record = |item: &str| format!("{:08x} {item}\n", crc32fast::hash(item.as_bytes()));
        let (one, two) = (owned_record(r#"{"op":"inc"}"#), owned_record("{}"));
        check(b"", &[], &[]);
        check(format!("{one}{two}").as_bytes(), &[r#"{"op":"inc"}"#, "{}"], &[]);
        let torn = &one[..one.len() - 2];
        check(format!("{two}{torn}").as_bytes(), &["{}"], &[torn]);
        check(format!("{torn}\n{two}").as_bytes(), &["{}"], &[torn]);
        check(
            one.replace("inc", "dec").as_bytes(),
            &[],
            &[one.replace("inc", "dec").trim_end()],
        );
        check(&[0; 8], &[], &["\0\0\0\0\0\0\0\0"]);
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }
}
