//! Generated histories on a disk that remembers, cut off at any moment, against a model of what was acknowledged.

mod found;
mod history;
mod model;

use std::{cell::RefCell, collections::BTreeMap, sync::mpsc::sync_channel};

use nexus_metric::Buckets;
use nexus_segments::testing::{Choices, CrashDisk};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use self::{
    history::{Crash, Step},
    model::{Answer, Model},
};
use super::*;
use crate::write::{Expires, GroupKey, HistogramDelta, Idempotency, Mode, Unavailable};

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
}

/// What was promised: from this position of the log on, the first `writes` writes survive.
#[derive(Debug, Clone, Copy)]
struct Promise {
    at: usize,
    writes: usize,
    survives_power_cut: bool,
}

/// One history under way.
struct Run {
    disk: CrashDisk,
    store: Option<Store>,
    durability: Durability,
    /// What the hub should hold after so many writes, and where the log was when the last of them was submitted.
    states: Vec<(Model, usize)>,
    promises: Vec<Promise>,
    /// Since the last start on a sound disk, operations may have failed.
    faulty: bool,
    /// Since the log began all went on under `snapshot`, nothing failed, and nobody wrote during snapshots: what a crash
    /// leaves must be one of these numbers of writes, at which there were snapshots.
    only_snapshots: bool,
    snapshots: Vec<usize>,
}

impl Run {
    fn begin(durability: Durability) -> Result<Run, String> {
        let mut run = Run {
            disk: CrashDisk::default(),
            store: None,
            durability,
            states: vec![(Model::default(), 0)],
            promises: Vec::new(),
            faulty: false,
            only_snapshots: durability == Durability::Snapshot,
            snapshots: vec![0],
        };
        run.open()?;
        Ok(run)
    }

    fn open(&mut self) -> Result<(), String> {
        let settings = Settings {
            disk: Arc::new(self.disk.clone()),
            retry: std::time::Duration::ZERO,
            ..settings(&MemoryDisk::default(), self.durability)
        };
        let opened = match Store::open(&settings, Clients::new(1)) {
            Err(_) if self.faulty => {
                self.disk.clear_faults();
                Store::open(&settings, Clients::new(1))
            }
            result => result,
        };
        let opened = opened.map_err(|error| format!("the hub refuses to start: {error}"))?;
        self.store = Some(opened.store);
        Ok(())
    }

    fn store(&self) -> Store {
        self.store.clone().unwrap()
    }

    /// What the hub holds should be the state after so many writes; gives how many.
    fn find(&mut self, least: usize, most: usize) -> Result<usize, String> {
        let found = read(&self.store());
        let most = most.min(self.states.len() - 1);
        let allowed = |writes: &usize| !self.only_snapshots || self.snapshots.contains(writes);
        let mut same = (least..=most).rev().filter(allowed);
        // Numbers may have been given to writes that are lost, but never twice.
        let is_it = |state: &Model| {
            let sequence = found.sequence;
            let state = Model {
                sequence,
                ..state.clone()
            };
            state == found
        };
        let same = same.find(|writes| {
            let (state, _) = &self.states[*writes];
            state.sequence <= found.sequence && is_it(state)
        });
        let writes = same.ok_or_else(|| {
            let allowed = self.states[least..=most].iter().map(|(state, _)| state);
            let allowed: Vec<String> = allowed.map(|state| format!("{state:?}")).collect();
            format!("found\n{found:?}\nbut it should be one of\n{}", allowed.join("\n"))
        })?;
        self.states.truncate(writes + 1);
        self.states[writes].0.sequence = found.sequence;
        Ok(writes)
    }

    fn last(&self) -> usize {
        self.states.len() - 1
    }

    fn promise(&mut self, writes: usize, survives_power_cut: bool) {
        self.promises.push(Promise {
            at: self.disk.now(),
            writes,
            survives_power_cut,
        });
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Group(writes) => self.group(writes)?,
            Step::Snapshot(meanwhile) => self.snapshot(meanwhile)?,
            Step::Fault(fault) => {
                (self.faulty, self.only_snapshots) = (true, false);
                self.disk.add_fault(*fault);
            }
            Step::Restart(then) => self.restart(*then)?,
            Step::Crash { at, crash, then } => self.crash(*at, crash, *then)?,
        }
        self.try_recover();
        if self.disk.synced_again() > 0 {
            return Err("a file was synced again after its sync had failed".to_owned());
        }
        Ok(())
    }

    /// Faults end; the hub must come back from them by itself.
    fn try_recover(&self) {
        faults::until("coming back", || self.store().status().read_only().is_none());
    }

    fn group(&mut self, writes: &[model::Write]) -> Result<(), String> {
        let store = self.store();
        let now = &self.states.last().unwrap().0;
        let writes: Vec<model::Write> = writes.iter().map(|write| now.resolve(write)).collect();
        let submitted = self.disk.now();
        let (release, released) = sync_channel(0);
        store.shared.queue.send(Command::Hold(released)).unwrap();
        let outcomes = RUNTIME.with(|runtime| {
            runtime.block_on(async {
                let all = futures_util::future::join_all(writes.iter().map(|write| store.submit(translate(write))));
                let release = async { drop(release) };
                futures_util::future::join(all, release).await.0
            })
        });
        for (write, outcome) in writes.iter().zip(outcomes) {
            self.answered(write, &outcome, submitted)?;
        }
        Ok(())
    }

    fn answered(&mut self, write: &model::Write, outcome: &Outcome, submitted: usize) -> Result<(), String> {
        if *outcome == Outcome::Unavailable(Unavailable::ReadOnly) && self.faulty {
            return Ok(());
        }
        let (expected, after) = self.states.last().unwrap().0.write(write);
        if let Some(after) = after {
            self.states.push((after, submitted));
        }
        let acknowledged = match outcome {
            Outcome::Applied(applied, refused) => {
                let (sent, not) = (write.changes.len() as u64, refused.len() as u64);
                if (applied.changes, applied.refused) != (sent - not, not) {
                    return Err(format!("{write:?} was counted {outcome:?}"));
                }
                Some(Answer::Applied {
                    created: applied.created,
                    deleted: applied.deleted,
                    refused: refused.iter().map(|refusal| refusal.index).collect(),
                })
            }
            Outcome::Replayed(Applied {
                created,
                deleted,
                refused,
                ..
            }) => Some(Answer::Replayed {
                created: *created,
                deleted: *deleted,
                refused: *refused,
            }),
            Outcome::KeyReused => Some(Answer::KeyReused),
            Outcome::Refused(_) => Some(Answer::Refused),
            Outcome::Unknown if self.faulty => None,
            Outcome::Unknown | Outcome::Unavailable(_) => return Err(format!("{outcome:?} without a fault")),
        };
        if acknowledged.is_some_and(|answer| answer != expected) {
            return Err(format!("{write:?} was answered {outcome:?}, not {expected:?}"));
        }
        // What is promised is never less than all that came before. A replay promises what its first did.
        let has_key = |(state, _): &(Model, usize)| write.key.is_some_and(|(key, _)| state.keys.contains_key(&key));
        let promised = match outcome {
            Outcome::Applied(..) => Some(self.last()),
            Outcome::Replayed(_) => self.states.iter().position(has_key),
            _ => None,
        };
        match (self.durability, promised) {
            (Durability::Sync, Some(writes)) => self.promise(writes, true),
            (Durability::Flush, Some(writes)) => self.promise(writes, false),
            _ => {}
        }
        Ok(())
    }

    fn snapshot(&mut self, meanwhile: &[(usize, model::Write)]) -> Result<(), String> {
        let (store, before) = (self.store(), self.last());
        self.only_snapshots &= meanwhile.is_empty();
        self.snapshots.push(before);
        let answers = Arc::new(Mutex::new(Vec::new()));
        if !meanwhile.is_empty() {
            let now = &self.states.last().unwrap().0;
            let meanwhile = meanwhile.iter().map(|(at, write)| (*at, now.resolve(write)));
            let (store, disk, answers) = (store.clone(), self.disk.clone(), answers.clone());
            let writes: Vec<(usize, model::Write)> = meanwhile.collect();
            self.disk.set_hook("new", move |operation| {
                for (_, write) in writes.iter().filter(|(at, _)| *at == operation) {
                    let submitted = disk.now();
                    let outcome = RUNTIME.with(|runtime| runtime.block_on(store.submit(translate(write))));
                    answers.lock().unwrap().push((write.clone(), outcome, submitted));
                }
            });
        }
        let taken = store.snapshot();
        self.disk.clear_hook();
        let answers = std::mem::take(&mut *answers.lock().unwrap());
        for (write, outcome, submitted) in &answers {
            self.answered(write, outcome, *submitted)?;
        }
        match taken {
            Ok(_) => self.promise(before, true),
            Err(error) if !self.faulty => return Err(format!("the snapshot failed: {error}")),
            Err(_) => {}
        }
        Ok(())
    }

    fn restart(&mut self, then: Durability) -> Result<(), String> {
        let store = self.store();
        self.snapshots.push(self.last());
        let closed = store.close();
        if closed.is_err() && !self.faulty {
            return Err(format!("closing failed: {closed:?}"));
        }
        if closed.is_ok() {
            self.promise(self.last(), true);
        }
        self.store = None;
        self.durability = then;
        self.only_snapshots &= then == Durability::Snapshot;
        self.open()?;
        let least = self.promised(usize::MAX, false);
        self.find(least, self.last())?;
        Ok(())
    }

    /// How many writes must survive a crash at this position.
    fn promised(&self, at: usize, power_cut: bool) -> usize {
        let holds = |promise: &&Promise| promise.at <= at && (promise.survives_power_cut || !power_cut);
        self.promises
            .iter()
            .filter(holds)
            .map(|promise| promise.writes)
            .max()
            .unwrap_or(0)
    }

    fn crash(&mut self, at: u8, crash: &Crash, then: Durability) -> Result<(), String> {
        let now = self.disk.now();
        let at = now - now * usize::from(at) / 255;
        let power_cut = matches!(crash, Crash::PowerCut { .. });
        let least = self.promised(at, power_cut);
        let most = self
            .states
            .iter()
            .rposition(|(_, submitted)| *submitted <= at)
            .unwrap_or(0);
        self.disk = match crash {
            Crash::Kill { part } => self.disk.killed(at, *part),
            Crash::PowerCut { page, choices } => self.disk.power_cut(at, *page, &mut Choices::new(choices)),
        };
        self.store = None;
        (self.durability, self.faulty) = (then, false);
        self.open()?;
        let found = self.find(least, most)?;
        // After a kill the log goes on, and the next crash may be before this one.
        self.only_snapshots = then == Durability::Snapshot && (power_cut || self.only_snapshots);
        self.snapshots.retain(|writes| *writes < found);
        self.snapshots.push(found);
        self.promises
            .retain(|promise| promise.at <= at && (promise.survives_power_cut || !power_cut));
        for promise in &mut self.promises {
            promise.writes = promise.writes.min(found);
        }
        if power_cut {
            // The log began anew.
            self.promises.iter_mut().for_each(|promise| promise.at = 0);
            self.states.iter_mut().for_each(|(_, submitted)| *submitted = 0);
        }
        Ok(())
    }
}

fn read(store: &Store) -> Model {
    let mut model = Model::default();
    let static_name = |name: &str| {
        ["", "a", "b", "h", "x", "y", "1", "2", "g", "k"]
            .into_iter()
            .find(|known| *known == name)
            .unwrap()
    };
    for family in store.view().catalog.families() {
        let kind = match family.family.kind {
            Kind::Gauge => model::Kind::Gauge,
            Kind::Counter => model::Kind::Counter,
            Kind::Histogram => model::Kind::Histogram,
            other => panic!("{other}"),
        };
        let mut all = BTreeMap::new();
        for block in family.blocks() {
            block.for_each(|series| {
                let label = series.labels.trim_start_matches("l=\"").trim_end_matches('"');
                let value = series.value().unwrap();
                let changed = value.stamp().sequence;
                let attributes = family.attributes_of(series).unwrap_or_default();
                let job = |group: GroupKey| static_name(&group.pairs().next().unwrap().1);
                let value = match value {
                    Value::Number(value, _) => model::Value::Number(value),
                    Value::Histogram(histogram) => {
                        model::Value::Histogram((*histogram.counts).try_into().unwrap(), histogram.sum)
                    }
                };
                let owner = static_name(&store.view().catalog.owners.name(series.owner));
                let kept = model::Series {
                    owner,
                    value,
                    changed,
                    group: attributes.group.map(job),
                    expires: attributes.expires_after_ms,
                };
                let twice = all.insert(static_name(label), kept);
                assert!(twice.is_none(), "{} is there twice", series.labels);
            });
        }
        assert_eq!(family.len(), all.len());
        model.families.insert(
            static_name(family.family.name.as_str()),
            model::Family { kind, series: all },
        );
    }
    let mut next = store.view().catalog.used_keys.piece(0);
    while let Some((piece, from)) = next {
        for (used, refused) in &piece {
            let (key, request) = (used.idempotency.id[0], used.idempotency.fingerprint[0]);
            let used = model::Used {
                request,
                created: used.created.into(),
                deleted: used.deleted.into(),
                refused: u64::from(*refused),
            };
            assert_eq!(model.keys.insert(key, used), None, "key {key} is there twice");
        }
        next = store.view().catalog.used_keys.piece(from);
    }
    model.sequence = store.status().sequence();
    model
}

fn translate(write: &model::Write) -> Write<'static> {
    let changes = write.changes.iter().map(translate_change).collect();
    Write {
        idempotency: write.key.map(|(key, request)| Idempotency {
            id: [key; 16],
            fingerprint: [request; 8],
        }),
        mode: if write.each { Mode::Each } else { Mode::All },
        ..Write::of(write.owner, changes)
    }
}

fn translate_change(change: &model::Change) -> Change<'static> {
    let define = change.define.map(|kind| {
        Arc::new(match kind {
            model::Kind::Gauge => Definition::of(Kind::Gauge),
            model::Kind::Counter => Definition::of(Kind::Counter),
            model::Kind::Histogram => Definition {
                buckets: Some(Buckets::new(&model::BOUNDS).unwrap()),
                ..Definition::of(Kind::Histogram)
            },
        })
    });
    let label = (!change.label.is_empty()).then_some(("l", change.label));
    let labels = Labels::from_pairs(label).unwrap();
    let target = Target {
        group: change.group.map(|job| GroupKey::from_pairs([("job", job)]).unwrap()),
        expires: change.expires.map(Expires::after_ms),
        ..Target::new(Name::new(change.family).unwrap(), labels).defining(define)
    };
    match change.what {
        model::What::Create => Change::Series(target, Op::Ensure),
        model::What::Set(value) => Change::Series(target, Op::Set(value)),
        model::What::Add(delta) => Change::Series(target, Op::Add(delta)),
        model::What::Observe(value) => Change::Series(target, Op::Observe(value)),
        model::What::Merge(counts, sum) => {
            let counts = counts.into();
            Change::Series(target, Op::Merge(Box::new(HistogramDelta { counts, sum })))
        }
        model::What::Expire(sequence) => Change::Expire {
            family: target.family,
            labels: target.labels,
            sequence,
        },
        model::What::ExpireAgo(_) => unreachable!("it was resolved"),
        model::What::Delete => Change::Delete {
            family: target.family,
            labels: Some(target.labels),
        },
        model::What::DeleteFamily => Change::Delete {
            family: target.family,
            labels: None,
        },
        model::What::DeleteLabelled => Change::DeleteMatching {
            selector: format!("{{l=\"{}\"}}", change.label).parse().unwrap(),
            prefix: "".into(),
        },
        model::What::DeleteNamed => Change::DeleteMatching {
            selector: change.family.parse().unwrap(),
            prefix: "".into(),
        },
    }
}

fn history(bytes: &[u8]) -> (Durability, Vec<Step>) {
    let mut choices = Choices::new(bytes);
    let durability = history::durability(&mut choices);
    let end = history::crash(&mut choices, durability);
    let mut steps = history::steps(&mut choices, durability);
    // Whatever else happens, at the end there is a crash, and what it left goes through an orderly restart.
    steps.extend([end, Step::Restart(durability)]);
    (durability, steps)
}

fn run(bytes: &[u8]) -> Result<(), String> {
    let (durability, steps) = history(bytes);
    let told = |error| {
        let steps: Vec<String> = steps.iter().map(|step| format!("{step:?}")).collect();
        format!("{error}\n{durability:?}\n{}\nbytes: {bytes:?}", steps.join("\n"))
    };
    let mut run = Run::begin(durability).map_err(told)?;
    for step in &steps {
        run.step(step).map_err(told)?;
    }
    Ok(())
}

/// How many histories are tried; `NEXUS_CRASH_HISTORIES` says otherwise, see `scripts/soak`.
const HISTORIES: u32 = 10_000;

#[test]
fn crash_images_hold_what_was_acknowledged_each_once_and_whole() {
    let asked = std::env::var("NEXUS_CRASH_HISTORIES").ok();
    let cases = asked.as_ref().map_or(HISTORIES, |cases| cases.parse().unwrap());
    let done = RefCell::new((0u32, tokio::time::Instant::now()));
    let config = Config {
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::with_cases(cases)
    };
    let result = TestRunner::new(config).run(&vec(any::<u8>(), 0..250), |bytes| {
        run(&bytes).map_err(TestCaseError::fail)?;
        let (done, began) = &mut *done.borrow_mut();
        *done += 1;
        if asked.is_some() && done.is_multiple_of(10_000) {
            println!("{done} of {cases} histories, {} s", began.elapsed().as_secs());
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
