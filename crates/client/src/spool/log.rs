//! Records as they are appended: one a line, `CRC-32 of the item in hex`, a blank, the item.

use std::fmt::Write as _;

use nexus_segments::checksum;

use super::{
    Limits, SpoolError, Sync,
    files::{BATCHES, Files, OPEN, SEALING},
};

pub(super) fn append(files: &Files, limits: &Limits, items: &[String], sync: Sync) -> Result<(), SpoolError> {
    let mut records = String::new();
    for item in items {
        let _ = writeln!(records, "{:08x} {item}", checksum(&[item.as_bytes()]));
    }
    let mut log = files.open_log()?;
    let waiting = waiting_bytes(files)?;
    if waiting + records.len() as u64 > limits.bytes_max {
        return Err(SpoolError::Full {
            directory: files.directory().to_owned(),
            waiting,
            max: limits.bytes_max,
        });
    }
    files.append(&mut *log, records.as_bytes())?;
    // Others append while this one waits for the disk.
    let _ = log.unlock();
    match sync {
        Sync::Sync => files.sync(&mut *log),
        Sync::Flush => Ok(()),
    }
}

fn waiting_bytes(files: &Files) -> Result<u64, SpoolError> {
    let is_log = |(name, _): &(String, u64)| name == OPEN || name.ends_with(SEALING);
    let logs = files.list("")?.into_iter().filter(is_log);
    Ok(logs.chain(files.list(BATCHES)?).map(|(_, length)| length).sum())
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
    let (expected, item) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let expected = u32::from_str_radix(expected, 16).ok()?;
    (checksum(&[item.as_bytes()]) == expected).then(|| item.to_owned())
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
        let owned_record = |item: &str| format!("{:08x} {item}\n", checksum(&[item.as_bytes()]));
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
