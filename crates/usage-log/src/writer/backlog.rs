//! Where the writer takes its records from.

use std::{io, sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    id::{Id, Timing, WriterId},
    parker::Parker,
    shared::{Ledger, Shared},
    sink::Entry,
    spool::{Follower, Spool},
};

/// Where the writer takes its records from.
#[derive(Debug)]
pub(crate) enum Backlog {
    /// From the queue, and numbers them.
    Memory { writer: WriterId, next_sequence: u64 },
    /// From the spool.
    Disk {
        spool: Arc<Spool>,
        follower: Follower,
        sync_interval: Duration,
        synced_at: Instant,
    },
}

/// Records that are stored together.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    /// For each, how many of the records that came it stands for.
    pub(super) stands_for: Vec<u64>,
}

impl Backlog {
    pub(crate) fn in_memory(writer: WriterId) -> Self {
        Backlog::Memory {
            writer,
            next_sequence: 1,
        }
    }

    pub(crate) fn on_disk(spool: Arc<Spool>, follower: Follower, sync_interval: Duration) -> Self {
        Backlog::Disk {
            spool,
            follower,
            sync_interval,
            synced_at: Instant::now(),
        }
    }

    /// What wakes the writer.
    pub(super) fn parker<'a>(&self, shared: &'a Shared) -> &'a Parker {
        match self {
            Backlog::Memory { .. } => &shared.queue.drainer,
            Backlog::Disk { .. } => &shared.writer,
        }
    }

    /// How many records wait.
    pub(super) fn len(&self, shared: &Shared) -> usize {
        match self {
            Backlog::Memory { .. } => usize::try_from(shared.queue.tally().waiting).unwrap_or(usize::MAX),
            Backlog::Disk { spool, .. } => usize::try_from(spool.unread()).unwrap_or(usize::MAX),
        }
    }

    /// Takes a batch; none if what was to be read is given up.
    pub(super) fn take(&mut self, shared: &Shared) -> io::Result<Option<Batch>> {
        let settings = &shared.settings;
        match self {
            Backlog::Memory { writer, next_sequence } => {
                let mut ledger = shared.ledger();
                let queued = shared.queue.drain(settings.batch_records_max);
                let stands_for: Vec<u64> = queued.iter().map(|queued| queued.stands_for).collect();
                ledger.counts.pending += stands_for.iter().sum::<u64>();
                drop(ledger);
                let number = |(sequence, record)| Entry {
                    id: Id::Own {
                        writer: *writer,
                        sequence,
                    },
                    record,
                    timing: Timing::Given,
                };
                let records = queued.into_iter().map(|queued| queued.record);
                let entries: Vec<Entry> = (*next_sequence..).zip(records).map(number).collect();
                *next_sequence += entries.len() as u64;
                Ok(Some(Batch { entries, stands_for }))
            }
            Backlog::Disk { follower, .. } => match follower.next(settings.batch_records_max, settings.batch_bytes_max)
            {
                Ok(entries) => Ok(Some(Batch {
                    stands_for: vec![1; entries.len()],
                    entries,
                })),
                Err(error) if is_lasting(&error) => {
                    give_segment_up(follower, shared, &error);
                    Ok(None)
                }
                Err(error) => Err(error),
            },
        }
    }

    /// What was taken is stored.
    pub(super) fn done(&mut self) {
        if let Backlog::Disk { follower, .. } = self {
            follower.done();
        }
    }

    /// Makes what waits on disk survive the loss of power, now and then. What is stored needs it no more.
    pub(super) fn sync(&mut self, has_batch: bool) {
        if let Backlog::Disk {
            spool,
            sync_interval,
            synced_at,
            ..
        } = self
            && (has_batch || spool.unread() > 0)
            && synced_at.elapsed() >= *sync_interval
        {
            *synced_at = Instant::now();
            if let Err(error) = spool.sync() {
                tracing::error!(%error, "cannot sync the spool of the usage log");
            }
        }
    }

    /// How long what waits may go without a sync.
    pub(super) fn sync_in(&self, has_batch: bool) -> Duration {
        match self {
            Backlog::Disk {
                spool, sync_interval, ..
            } if has_batch || spool.unread() > 0 => *sync_interval,
            Backlog::Disk { .. } | Backlog::Memory { .. } => Duration::MAX,
        }
    }

    /// Whether all that ever will be is where the writer finds it.
    pub(super) fn is_complete(&self, ledger: &Ledger) -> bool {
        match self {
            Backlog::Memory { .. } => true,
            Backlog::Disk { .. } => ledger.spooler_is_done,
        }
    }

    /// Nothing more will be stored in this process, `in_flight` neither: what is in memory is lost, what is on disk waits for
    /// the next one.
    pub(super) fn finish(&mut self, in_flight: Option<Batch>, shared: &Shared) {
        match self {
            Backlog::Memory { .. } => {
                let mut ledger = shared.ledger();
                let in_flight: u64 = in_flight.map_or(0, |batch| batch.stands_for.iter().sum());
                let queued = shared.queue.drain(usize::MAX);
                ledger.counts.pending -= in_flight;
                ledger.counts.dropped.closed += in_flight + queued.iter().map(|queued| queued.stands_for).sum::<u64>();
            }
            Backlog::Disk { spool, follower, .. } => {
                // The last frame has no records: reading on past it, whatever its size, finds the end of the segment.
                let is_stored = in_flight.is_none() && spool.unread() == 0;
                if is_stored && follower.next(1, usize::MAX).is_ok_and(|left| left.is_empty()) {
                    follower.done();
                } else if let Err(error) = spool.sync() {
                    tracing::error!(%error, "cannot sync the spool of the usage log");
                }
            }
        }
    }
}

/// Whether reading again will not help.
fn is_lasting(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(error.kind(), InvalidData | NotFound | UnexpectedEof)
}

fn give_segment_up(follower: &mut Follower, shared: &Shared, error: &io::Error) {
    let lost = follower.skip_segment();
    tracing::error!(%error, records = lost, "a segment of the usage log cannot be read: its records are lost");
    let mut ledger = shared.ledger();
    ledger.counts.pending -= lost;
    ledger.counts.dropped.damaged += lost;
}
