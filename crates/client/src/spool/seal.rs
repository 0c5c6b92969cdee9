//! From the log to batches.

use std::io;

use super::{
    Key, Limits, SpoolError, aside,
    coalesce::coalesce,
    files::{BATCHES, Files, SEALING},
    key::BatchName,
    log,
    recover::batches,
};
use crate::IdempotencyKey;

/// Seals the log, and what an interrupted delivery had sealed, and cuts both into batches; says how many damaged records
/// were put aside.
pub(super) fn seal(files: &Files, limits: &Limits) -> Result<usize, SpoolError> {
    let left = cut_sealed(files, limits)?;
    let last = batches(files)?.last().map_or(0, |batch| batch.key.number());
    let random = IdempotencyKey::random();
    let random =
        random.map_err(|error| SpoolError::io("make a key for", files.directory())(io::Error::other(error)))?;
    let key = Key::after(last, &random.to_string());
    files.seal_log(&format!("{key}{SEALING}"))?;
    Ok(left + cut_sealed(files, limits)?)
}

fn cut_sealed(files: &Files, limits: &Limits) -> Result<usize, SpoolError> {
    let mut damaged = 0;
    for (name, _) in files.list("")? {
        if let Some(key) = name.strip_suffix(SEALING).and_then(Key::parse) {
            damaged += cut(files, limits, &key, &name)?;
        }
    }
    Ok(damaged)
}

fn cut(files: &Files, limits: &Limits, key: &Key, name: &str) -> Result<usize, SpoolError> {
    let path = files.path("", name);
    let records = log::read(&files.read(&path)?);
    if !records.damaged.is_empty() {
        let lines: Vec<String> = records.damaged.iter().map(|record| aside::damaged(record)).collect();
        aside::refuse(files, limits, key, &lines)?;
    }
    for (number, body) in bodies(&coalesce(&records.items), limits).iter().enumerate() {
        let batch = BatchName {
            key: key.part(number),
            tried: None,
        };
        files.write(&files.path(BATCHES, &batch.to_string()), body.as_bytes())?;
    }
    files.sync_directory(BATCHES)?;
    files.remove(&path)?;
    files.sync_directory("")?;
    Ok(records.damaged.len())
}

/// As many items a body as a request may have, one a line.
fn bodies(items: &[String], limits: &Limits) -> Vec<String> {
    let mut bodies = Vec::new();
    let (mut body, mut count) = (String::new(), 0);
    for item in items {
        let is_full = count == limits.batch_items_max || body.len() + item.len() + 1 > limits.batch_bytes_max;
        if count > 0 && is_full {
            bodies.push(std::mem::take(&mut body));
            count = 0;
        }
        body.push_str(item);
        body.push('\n');
        count += 1;
    }
    bodies.extend((count > 0).then_some(body));
    bodies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_keep_the_order_and_the_limits() {
        let check = |items: &[&str], expected: &[&str]| {
            let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
            let limits = Limits {
                batch_items_max: 3,
                batch_bytes_max: 10,
                ..Limits::default()
            };
            assert_eq!(bodies(&items, &limits), expected);
        };
        check(&[], &[]);
        check(&["1", "2", "3", "4"], &["1\n2\n3\n", "4\n"]);
        check(&["1234", "1234", "1"], &["1234\n1234\n", "1\n"]);
        check(&["too long for it", "1"], &["too long for it\n", "1\n"]);
    }
}
