//! A sink in BigQuery, by `tabledata.insertAll`.

mod answer;
mod row;
mod service;
mod settings;

use std::collections::HashMap;

pub use settings::{BearerToken, BigQuerySettings, BigQuerySettingsError};

use crate::{
    blocking::Blocking,
    digest,
    id::EventOutcome,
    sink::{Entry, Sink, SinkError},
};
use row::{Row, insert_id};
use service::Service;

/// Streams records into a table of BigQuery: at least once. Every row has its record's id as `insertId`, by which the
/// service drops repeats of about a minute as best it can, and as the column `id`, by which a report drops all of them.
///
/// A batch is sent in several requests. When one fails, the rows that are stored already are remembered and not sent again
/// with the batch.
#[derive(Debug)]
pub struct BigQuerySink {
    blocking: Blocking,
    service: Service,
    settings: BigQuerySettings,
    /// What became of rows of batches that failed in part.
    known: HashMap<String, EventOutcome>,
}

impl BigQuerySink {
    /// The columns of the table, as `bq mk --table DATASET.TABLE schema.json` takes them.
    pub const SCHEMA: &str = include_str!("bigquery/schema.json");

    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The address or the authorities cannot be used.
    pub fn open(settings: BigQuerySettings) -> Result<Self, BigQuerySettingsError> {
        Ok(BigQuerySink {
            blocking: Blocking::new().map_err(|error| BigQuerySettingsError::new("no runtime can be made", error))?,
            service: Service::new(&settings)?,
            settings,
            known: HashMap::new(),
        })
    }

    /// The entries whose fate is not known yet, as rows, in requests; what is known is written into the fates.
    fn requests(&self, batch: &[Entry], fates: &mut [Option<EventOutcome>]) -> Vec<Vec<Row>> {
        let now = self.settings.clock.now();
        let mut requests = Requests::new(&self.settings);
        let mut contents: HashMap<String, i64> = HashMap::with_capacity(batch.len());
        for (index, (entry, fate)) in batch.iter().zip(fates).enumerate() {
            let id = insert_id(&entry.id);
            let content = digest::content(&entry.record, entry.timing);
            match contents.insert(id.clone(), content) {
                Some(first) if first == content => *fate = Some(EventOutcome::Duplicate),
                Some(first) => {
                    contents.insert(id, first);
                    *fate = Some(EventOutcome::Conflict);
                }
                None => match self.known.get(&id) {
                    Some(known) => *fate = Some(*known),
                    None => {
                        let is_quarantined = entry.record.ended_at > now.after(self.settings.future_max);
                        requests.add(Row::new(index, id, entry, is_quarantined, now));
                    }
                },
            }
        }
        requests.done
    }
}

impl Sink for BigQuerySink {
    fn store(&mut self, batch: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        let mut fates = vec![None; batch.len()];
        let requests = self.requests(batch, &mut fates);
        let known = &mut self.known;
        let service = &self.service;
        let sent = self.blocking.run(async {
            for rows in requests {
                let tell = |row: Row, stored| {
                    let stored = match stored {
                        EventOutcome::Stored if row.is_quarantined => EventOutcome::Quarantined,
                        other => other,
                    };
                    if let Some(fate) = fates.get_mut(row.index) {
                        *fate = Some(stored);
                    }
                    known.insert(row.insert_id, stored);
                };
                service.insert(rows, tell).await?;
            }
            Ok(())
        });
        match sent {
            // Another batch may be half stored: only what is in this one is forgotten.
            Ok(()) => {
                for entry in batch {
                    self.known.remove(&insert_id(&entry.id));
                }
            }
            // What is offered again after this is sent again: a repeat, which reports drop.
            Err(_) if self.known.len() > self.settings.remembered_max => self.known.clear(),
            Err(_) => {}
        }
        sent?;
        let fates: Option<Vec<_>> = fates.into_iter().collect();
        fates.ok_or_else(|| SinkError::message("what became of a record was not said"))
    }
}

/// Rows, cut into requests of bounded size.
struct Requests {
    done: Vec<Vec<Row>>,
    last_bytes: usize,
    rows_max: usize,
    bytes_max: usize,
}

impl Requests {
    fn new(settings: &BigQuerySettings) -> Self {
        Requests {
            done: Vec::new(),
            last_bytes: 0,
            rows_max: settings.request_rows_max.max(1),
            // What stands around the rows.
            bytes_max: settings.request_bytes_max.saturating_sub(16),
        }
    }

    fn add(&mut self, row: Row) {
        let bytes = row.text.len() + 1;
        match self.done.last_mut() {
            Some(last) if last.len() < self.rows_max && self.last_bytes + bytes <= self.bytes_max => {
                self.last_bytes += bytes;
                last.push(row);
            }
            _ => {
                self.last_bytes = bytes;
                self.done.push(vec![row]);
            }
        }
    }
}
