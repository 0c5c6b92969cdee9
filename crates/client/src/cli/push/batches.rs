//! Lines of `nexus push`, gathered into batches.

use std::io::BufRead;

use super::{
    super::Failure,
    split::{Item, Items, SplitError},
};

/// Bytes that are sent at once: below what hubs take.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Changes that are sent at once.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Batch {
    pub(super) items: Vec<String>,
    /// Where each begins.
    pub(super) lines: Vec<usize>,
    pub(super) last_line: usize,
    bytes: usize,
}

/// The changes of a file in batches. One that is wrong ends it, and what would have been sent with it is not.
pub(super) struct Batches<R> {
    items: Items<R>,
    items_max: usize,
    /// Was too much for the batch before.
    next: Option<Item>,
}

impl<R: BufRead> Batches<R> {
    pub(super) fn new(input: R, items_max: usize) -> Self {
        Batches {
            items: Items::new(input),
            items_max,
            next: None,
        }
    }

    fn read(&mut self) -> Result<Batch, SplitError> {
        let mut batch = Batch::default();
        while batch.items.len() < self.items_max {
            let item = match self.next.take() {
                Some(item) => item,
                None => match self.items.next().transpose()? {
                    Some(item) => item,
                    None => break,
                },
            };
            if batch.bytes > 0 && batch.bytes + item.text.len() > BATCH_BYTES_MAX {
                self.next = Some(item);
                break;
            }
            batch.bytes += item.text.len() + 1;
            batch.lines.push(item.first_line);
            batch.last_line = item.last_line;
            batch.items.push(item.text);
        }
        Ok(batch)
    }
}

impl<R: BufRead> Iterator for Batches<R> {
    type Item = Result<Batch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Ok(batch) if batch.items.is_empty() => None,
            batch => Some(batch.map_err(|error| Failure::usage(error.to_string()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_order_lines_and_limits() {
        let check = |text: &str, expected: &[&str]| {
            let found = Batches::new(text.as_bytes(), 2).map(|batch| match batch {
                Ok(batch) => format!("{:?} to {}", batch.lines, batch.last_line),
                Err(failure) => failure.message,
            });
            assert_eq!(found.collect::<Vec<_>>(), expected);
        };
        check("", &[]);
        check("{}\n{}\n\n{}\n", &["[1, 2] to 2", "[4] to 4"]);
        check("{}\n{\n}", &["[1, 2] to 3"]);
        check(
            "{}\n{}\n{}\nx",
            &[
                "[1, 2] to 2",
                "line 4: expected a change, as {\"op\": …, \"metric\": …}",
            ],
        );
        let large = format!("{{\"a\":\"{}\"}}\n", "x".repeat(BATCH_BYTES_MAX));
        check(&format!("{{}}\n{large}{{}}"), &["[1] to 1", "[2] to 2", "[3] to 3"]);
    }
}
