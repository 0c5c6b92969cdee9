//! Many changes from a file.

mod batches;
mod split;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde_json::json;
use tokio::sync::mpsc;

use super::{Exit, Failure, Hub, Output, Settings, arguments::Push, spooled};
use crate::{EncodedBatch, Error};
use batches::{Batch, Batches};

/// Batches that are read before they can be sent.
const AHEAD_MAX: usize = 1;

pub(super) async fn push(settings: &Settings, output: &Output, push: &Push) -> Result<Exit, Failure> {
    let hub = match settings.spool {
        Some(_) => None,
        None => Some(Hub::connect(settings)?),
    };
    let mut progress = Progress::new(&push.file, settings);
    let mut batches = read(push);
    while let Some(batch) = batches.recv().await {
        let batch = batch.map_err(|failure| failure.at(&progress.place()).and(&progress.so_far()))?;
        match &hub {
            None => drop(spooled::append(settings, output, &batch.items).await?),
            Some(hub) => {
                let key = settings.idempotency_key(&format!(".{}", progress.batches))?;
                let sent = hub.write(&EncodedBatch::from_lines(batch.items.join("\n")), &key).await;
                sent.map_err(|error| progress.refused(&batch, &error, output))?;
            }
        }
        progress.add(&batch);
        output.progress(&format!("{} changes", progress.changes));
    }
    output.clear();
    if settings.spool.is_none() {
        output.done(&json!({"changes": progress.changes, "batches": progress.batches}))?;
    }
    Ok(Exit::Done)
}

/// Reads in a thread of its own, so that a signal is heard while nothing comes.
fn read(push: &Push) -> mpsc::Receiver<Result<Batch, Failure>> {
    let (sender, receiver) = mpsc::channel(AHEAD_MAX);
    let (file, items_max) = (push.file.clone(), push.batch_items_max as usize);
    tokio::task::spawn_blocking(move || {
        let input = match open(&file) {
            Ok(input) => input,
            Err(error) => {
                let failure = Failure::usage(format!("cannot be opened: {error}"));
                let _ = sender.blocking_send(Err(failure));
                return;
            }
        };
        for batch in Batches::new(input, items_max) {
            // Nobody listens any more if one was refused.
            if sender.blocking_send(batch).is_err() {
                return;
            }
        }
    });
    receiver
}

fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::new(File::open(file)?)))
}

/// How far it got.
#[derive(Debug)]
struct Progress {
    file: String,
    changes: usize,
    batches: usize,
    last_line: usize,
    can_be_repeated: bool,
}

impl Progress {
    fn new(file: &Path, settings: &Settings) -> Self {
        let file = match file.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => file.display().to_string(),
        };
        Progress {
            file,
            changes: 0,
            batches: 0,
            last_line: 0,
            can_be_repeated: settings.has_idempotency_key(),
        }
    }

    fn add(&mut self, batch: &Batch) {
        self.changes += batch.items.len();
        self.batches += 1;
        self.last_line = batch.last_line;
    }

    fn place(&self) -> String {
        format!("{}: ", self.file)
    }

    fn so_far(&self) -> String {
        match self.changes {
            0 => "; nothing was changed".to_owned(),
            changes => format!(
                "; the {changes} changes up to line {} are done, nothing behind it is",
                self.last_line
            ),
        }
    }

    fn refused(&self, batch: &Batch, error: &Error, output: &Output) -> Failure {
        for item in error.items() {
            let line = batch.lines.get(item.index()).copied().unwrap_or_default();
            output.say(&format!("{}:{line}: {}", self.file, item.reason()));
        }
        let failure = Failure::of(error).at(&self.place());
        if !error.is_outcome_unknown() {
            return failure.and(&self.so_far());
        }
        let first = batch.lines.first().copied().unwrap_or_default();
        let repeat = if self.can_be_repeated {
            "repeat the command under the same --idempotency-key"
        } else {
            "with --idempotency-key, the command could be repeated"
        };
        failure.and(&format!(
            ": lines {first} to {}; the {} changes before them are done, nothing behind them is; {repeat}",
            batch.last_line, self.changes
        ))
    }
}
