//! The one task that changes the state.

use std::{io, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    command::{Answer, Begun, Command, Job},
    decide::{Decision, decide},
    files::Files,
    status::Status,
    sync::{Receiver, RecvTimeoutError, oneshot},
};
use crate::{
    clock::{Clock, now_ms},
    config::Durability,
    journal::{Frame, Journal, SegmentId},
    snapshot::StandsFor,
    state::{Stamp, State, StoreLimits},
    write::{Outcome, Unavailable, Write},
};

/// How often the writer lets others run before it sleeps: where nobody wants to, a few microseconds in all.
const YIELDS: usize = 8;

/// A frame is closed when it has this many bytes or writes, so that those who wait in it are answered.
const FRAME_BYTES: usize = 4 << 20;
const FRAME_WRITES: usize = 4096;

/// The one task that changes the state: drains the queue, checks, applies, journals, syncs once, answers all.
pub(super) struct Writer {
    pub(super) state: State,
    pub(super) limits: StoreLimits,
    pub(super) journal: Journal,
    pub(super) durability: Durability,
    pub(super) queue: Receiver<Command>,
    pub(super) status: Arc<Status>,
    pub(super) files: Arc<Files>,
    /// The sequence of the next change.
    pub(super) next: u64,
    /// How often a hub whose journal failed tries to come back.
    pub(super) retry: Duration,
    pub(super) clock: Clock,
    pub(super) mode: Mode,
    /// No more writes are taken; what they made so far is still to be kept.
    pub(super) closed: bool,
}

/// What the writer does with writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mode {
    /// They are taken. While a snapshot is being written they go to the journal in every durability mode, because the
    /// snapshot may hold some of them.
    Open { snapshot_begun: bool },
    /// The journal failed: none are taken until a new segment could be begun.
    ReadOnly { retry: Instant },
}

impl Writer {
    pub(super) fn run(mut self) {
        loop {
            let command = match self.mode {
                Mode::Open { .. } => self.next_command(),
                Mode::ReadOnly { retry } => {
                    match self.queue.recv_timeout(retry.saturating_duration_since(Instant::now())) {
                        Ok(command) => Some(command),
                        Err(RecvTimeoutError::Timeout) => {
                            self.try_recover();
                            continue;
                        }
                        Err(RecvTimeoutError::Disconnected) => None,
                    }
                }
            };
            match command {
                Some(Command::Write(job)) => {
                    // Whoever woke this thread may be about to let others come: together they cost less. If nobody
                    // else wants the processor this returns at once.
                    std::thread::yield_now();
                    if let Some(command) = self.group(job)
                        && !self.control(command)
                    {
                        return;
                    }
                }
                Some(command) => {
                    if !self.control(command) {
                        return;
                    }
                }
                None => return,
            }
        }
    }

    /// The next command; none if nobody is left who could send one. Stays awake for a moment, since to be woken costs more
    /// than that, and costs whoever sends.
    fn next_command(&self) -> Option<Command> {
        for _ in 0..YIELDS {
            match self.queue.try_recv() {
                Ok(command) => return Some(command),
                Err(_) => std::thread::yield_now(),
            }
        }
        self.queue.recv().ok()
    }

    /// Everything but writes; `false` ends the writer.
    fn control(&mut self, command: Command) -> bool {
        match command {
            Command::Write(job) => drop(self.group(job)),
            Command::BeginSnapshot(reply) => {
                let begun = self.begin_snapshot();
                let _ = reply.send(begun);
            }
            Command::Sync(reply) => {
                let synced = self.sync();
                let _ = reply.send(synced);
            }
            Command::EndSnapshot => {
                if let Mode::Open { snapshot_begun } = &mut self.mode {
                    *snapshot_begun = false;
                }
            }
            Command::VerifyFiles => self.verify_files(),
            #[cfg(test)]
            Command::Hold(released) => drop(released.recv()),
            Command::Close => self.closed = true,
            Command::Stop => return false,
        }
        true
    }

    /// Takes this write and those that wait behind it, and answers all of them after one sync. A command of another sort
    /// ends the group and is given back.
    fn group(&mut self, first: Job) -> Option<Command> {
        let now = self.clock.read();
        self.state.catalog.used_keys.follow(now);
        let mut frame = Frame::begin(self.next, now.wall_ms);
        let mut answers = Vec::new();
        let mut other = None;
        let mut job = Some(first);
        while let Some(Job {
            mut write,
            mut record,
            reply,
            _ticket,
        }) = job
        {
            let outcome = self.process(&mut write, &mut record, &mut frame);
            let _spent = (write, record);
            answers.push((reply, Answer { outcome, _spent }));
            if frame.len() >= FRAME_BYTES || answers.len() >= FRAME_WRITES {
                break;
            }
            job = match self.queue.try_recv() {
                Ok(Command::Write(job)) => Some(job),
                Ok(command) => {
                    other = Some(command);
                    None
                }
                Err(_) => None,
            };
        }
        self.next = frame.next();
        let kept = self.persist(&mut frame);
        self.status.set_sequence(self.next - 1);
        // Whoever is told of a failure finds the hub read-only already.
        if let Err(error) = &kept {
            self.fail(error);
        }
        self.answer(answers, kept.is_ok());
        other
    }

    /// Decides about a write, and puts what happened into the frame.
    fn process(&mut self, write: &mut Write<'_>, record: &mut Vec<u8>, frame: &mut Frame) -> Outcome {
        if self.closed {
            return Outcome::Unavailable(Unavailable::Stopping);
        }
        if let Mode::ReadOnly { .. } = self.mode {
            return Outcome::Unavailable(Unavailable::ReadOnly);
        }
        let sent = write.changes.len();
        let stamp = Stamp {
            sequence: frame.next(),
            at_ms: frame.at_ms(),
        };
        match decide(&mut self.state, &self.limits, write, stamp) {
            Decision::Happened(applied) => {
                if write.changes.len() < sent {
                    *record = write.encode();
                }
                frame.push(&applied, record);
                self.status.applied(applied.changes);
                Outcome::Applied(applied, write.refused.take_list())
            }
            // If the first use is in the same frame, both are answered after its sync; if it was in an earlier one, that one
            // is durable.
            Decision::HappenedBefore(applied) => {
                self.status.replayed();
                Outcome::Replayed(applied)
            }
            Decision::KeyReused => {
                self.status.key_reused();
                Outcome::KeyReused
            }
            Decision::Refused(refusals) => {
                self.status.refused();
                Outcome::Refused(refusals)
            }
        }
    }

    /// Puts the frame where the durability mode wants it.
    fn persist(&mut self, frame: &mut Frame) -> io::Result<()> {
        let journalled =
            self.durability != Durability::Snapshot || matches!(self.mode, Mode::Open { snapshot_begun: true });
        if frame.is_empty() || !journalled {
            return Ok(());
        }
        self.journal.append(frame)?;
        if self.durability == Durability::Sync {
            self.journal.sync()?;
        }
        self.journal.must_be_in_place()?;
        self.status.framed(self.journal.bytes());
        Ok(())
    }

    fn answer(&self, answers: Vec<(oneshot::Sender<Answer>, Answer)>, kept: bool) {
        for (reply, mut answer) in answers {
            // A repeat in the frame that failed is as uncertain as its first.
            if let Outcome::Applied(..) | Outcome::Replayed(_) = answer.outcome
                && !kept
            {
                self.status.unknown(1);
                answer.outcome = Outcome::Unknown;
            }
            // Whoever gave up waiting does not want to know.
            let _ = reply.send(answer);
        }
    }

    fn begin_snapshot(&mut self) -> io::Result<Begun> {
        self.must_be_open()?;
        let position = self.next - 1;
        let rotated = SegmentId::random().and_then(|id| {
            let joint = self.journal.joint(id);
            self.journal.rotate(position, id).map(|()| joint)
        });
        let joint = match rotated {
            Ok(joint) => joint,
            Err(error) => {
                self.fail(&error);
                return Err(error);
            }
        };
        self.status.rotated();
        self.mode = Mode::Open { snapshot_begun: true };
        Ok(Begun {
            position,
            segment: self.journal.number(),
            joint,
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.must_be_open()?;
        let synced = self.journal.sync();
        if let Err(error) = &synced {
            self.fail(error);
        }
        synced
    }

    /// Files that were removed under the hub's feet are the end of durability, although every write still succeeds.
    fn verify_files(&mut self) {
        if let Mode::ReadOnly { .. } = self.mode {
            return;
        }
        let needs_snapshot = self.status.snapshot_position() > 0;
        if let Err(error) = self
            .journal
            .must_be_in_place()
            .and_then(|()| self.files.must_be_in_place(needs_snapshot))
        {
            self.fail(&error);
        }
    }

    fn must_be_open(&self) -> io::Result<()> {
        match self.mode {
            Mode::Open { .. } => Ok(()),
            Mode::ReadOnly { .. } => Err(io::Error::other("the journal failed; the hub is read-only")),
        }
    }

    pub(super) fn fail(&mut self, error: &io::Error) {
        tracing::error!(%error, "the journal cannot be written: the hub is read-only until it can");
        self.status
            .set_read_only(Some(format!("the journal cannot be written: {error}")));
        self.mode = Mode::ReadOnly {
            retry: Instant::now() + self.retry,
        };
    }

    fn come_back(&mut self, position: u64) -> io::Result<()> {
        let id = SegmentId::random()?;
        let stands_for = StandsFor {
            position,
            joint: Some(self.journal.joint(id)),
        };
        let taken = self.files.try_write_snapshot(&self.state.catalog, stands_for);
        let taken = taken.ok_or_else(|| io::Error::other("a snapshot is being written"))??;
        self.status
            .snapshot_taken(position, now_ms(), taken.took_ms, taken.bytes);
        self.journal.abandon(position, id)
    }

    /// Tries to make all that readers can see durable in a snapshot, then begins a new segment behind it. In this order: a
    /// segment that begins where the old one never got to would look like a loss.
    fn try_recover(&mut self) {
        let position = self.next - 1;
        match self.come_back(position) {
            Ok(()) => {
                // They are needless now, and on a full disk their room is not.
                self.files.remove_segments_before(self.journal.number());
                tracing::warn!(position, "the journal can be written again: the hub takes writes");
                self.status.rotated();
                self.status.set_read_only(None);
                self.mode = Mode::Open { snapshot_begun: false };
            }
            Err(error) => {
                tracing::debug!(%error, "the journal still cannot be written");
                self.mode = Mode::ReadOnly {
                    retry: Instant::now() + self.retry,
                };
            }
        }
    }
}
