//! Any history of appends, deliveries, lost requests and answers, failing disks, crashes, power cuts and time: each record
//! that was acknowledged is counted once, or it is put aside; none is counted twice.

use std::collections::HashMap;

use nexus_segments::testing::{Choices, Fault};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use super::{
    steps::{PowerCut, Step, What, steps},
    *,
};

const METRICS: [&str; 5] = ["a", "b", "c", "unknown", "forbidden"];

/// How many records were appended, by metric, and what they are promised to survive.
#[derive(Debug, Default)]
struct Appended {
    /// Everything.
    firm: Counts,
    /// The end of the process, or of the power once a sync has succeeded.
    soft: Counts,
    /// A sync of them has failed, so that no later one says anything of them.
    undecided: Counts,
    /// Perhaps not even the answer: it was an error, or there was none.
    unknown: Counts,
}

type Counts = HashMap<&'static str, u64>;

fn shift(from: &mut Counts, to: &mut Counts) {
    for (metric, count) in from.drain() {
        *to.entry(metric).or_default() += count;
    }
}

impl Appended {
    fn append(&mut self, spool: &Spool, metrics: &[&'static str], sync: Sync) {
        let items: Vec<String> = metrics.iter().map(|metric| inc(metric)).collect();
        let appended = spool.append(&items, sync);
        let to = if appended.is_ok() {
            &mut self.soft
        } else {
            &mut self.unknown
        };
        for metric in metrics {
            *to.entry(metric).or_default() += 1;
        }
        match (sync, appended) {
            (Sync::Flush, _) => {}
            (Sync::Sync, Ok(())) => shift(&mut self.soft, &mut self.firm),
            (Sync::Sync, Err(_)) => shift(&mut self.soft, &mut self.undecided),
        }
    }

    /// All of it was sealed, synced, and either counted or put aside.
    fn delivered(&mut self) {
        shift(&mut self.soft, &mut self.firm);
        shift(&mut self.undecided, &mut self.firm);
    }

    /// A delivery that went wrong may have failed to sync what it sealed.
    fn not_delivered(&mut self) {
        shift(&mut self.soft, &mut self.undecided);
    }

    fn power_cut(&mut self) {
        shift(&mut self.soft, &mut self.unknown);
        shift(&mut self.undecided, &mut self.unknown);
    }

    /// How many there must be, and how many there may be.
    fn bounds(&self, metric: &str) -> (u64, u64) {
        let count = |counts: &Counts| counts.get(metric).copied().unwrap_or(0);
        let least = count(&self.firm) + count(&self.soft) + count(&self.undecided);
        (least, least + count(&self.unknown))
    }
}

/// One history under way.
#[derive(Default)]
struct Run {
    disk: CrashDisk,
    hub: Hub,
    appended: Appended,
}

impl Run {
    fn spool(&self) -> Spool {
        let limits = Limits {
            batch_items_max: 2,
            ..Limits::default()
        };
        open_with(&self.disk, limits)
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.disk.clear_faults();
        if let Some(fault) = step.fault {
            self.disk.add_fault(fault);
        }
        // A process of its own.
        let spool = self.spool();
        match &step.what {
            What::Append { metrics, sync } => self.appended.append(&spool, metrics, *sync),
            What::Deliver {
                fates,
                meanwhile,
                target,
            } => self.deliver(&spool, fates, *meanwhile, *target),
            What::Passes { hours } => self.hub.advance(hours * HOUR_MS),
        }
        if let Some(PowerCut { page, choices }) = &step.power_cut {
            self.appended.power_cut();
            self.disk = self.disk.power_cut(self.disk.now(), *page, &mut Choices::new(choices));
        }
        self.check()
    }

    fn deliver(&mut self, spool: &Spool, fates: &[Fate], meanwhile: bool, target: u64) {
        self.hub.calm();
        self.hub.expect(fates.iter().copied());
        let other = self.spool();
        let mut appended_meanwhile = Appended::default();
        let interrupt = || {
            assert!(other.turn().unwrap().is_none(), "only one delivers");
            if meanwhile {
                appended_meanwhile.append(&other, &["a"], Sync::Flush);
            }
        };
        // An error may be a crash; what matters is what it leaves.
        match deliver_with(spool, &self.hub, target, interrupt) {
            Ok(report) if report.stopped.is_none() => self.appended.delivered(),
            Ok(_) | Err(_) => self.appended.not_delivered(),
        }
        shift(&mut appended_meanwhile.soft, &mut self.appended.soft);
        shift(&mut appended_meanwhile.unknown, &mut self.appended.unknown);
    }

    /// What there would be if everything went well from now on.
    fn check(&self) -> Result<(), String> {
        let keys = self.hub.keys_counted_twice();
        if !keys.is_empty() {
            return Err(format!("counted twice: {keys:?}"));
        }
        let now = Run {
            disk: self.disk.killed(self.disk.now(), 0),
            hub: self.hub.clone(),
            appended: Appended::default(),
        };
        now.hub.calm();
        let spool = now.spool();
        let report = deliver(&spool, &now.hub, TARGET).map_err(|error| format!("cannot deliver: {error}"))?;
        if report.stopped.is_some() || !spool.files.list(BATCHES).unwrap().is_empty() {
            return Err(format!("something is left: {report:?}"));
        }
        let aside = aside(&spool, &now.hub);
        for metric in METRICS {
            let (least, most) = self.appended.bounds(metric);
            let found = now.hub.count(metric) + aside.get(metric).copied().unwrap_or(0);
            if !(least..=most).contains(&found) {
                return Err(format!("{metric}: {found} of {least} to {most}"));
            }
        }
        Ok(())
    }
}

/// What was put aside and not counted.
fn aside(spool: &Spool, hub: &Hub) -> HashMap<String, u64> {
    let uncertain = files(spool, UNCERTAIN).into_iter().filter(|(name, _)| {
        let key = Key::parse(name.split(".tried-").next().unwrap()).unwrap();
        hub.times(key.as_str()) == 0
    });
    let mut aside = HashMap::new();
    for (_, text) in files(spool, REFUSED).into_iter().chain(uncertain) {
        for (metric, amount) in amounts(&text) {
            *aside.entry(metric).or_default() += amount;
        }
    }
    aside
}

fn run(steps: &[Step]) -> Result<(), String> {
    let mut run = Run::default();
    for step in steps {
        run.step(step)?;
    }
    for metric in ["unknown", "forbidden"] {
        assert_eq!(run.hub.count(metric), 0);
    }
    Ok(())
}

fn run_bytes(bytes: &[u8]) -> Result<(), String> {
    let steps = steps(&mut Choices::new(bytes));
    run(&steps).map_err(|error| {
        let steps: Vec<String> = steps.iter().map(|step| format!("{step:?}")).collect();
        format!("{error}\n{}\nbytes: {bytes:?}", steps.join("\n"))
    })
}

/// How many histories are tried; `NEXUS_CRASH_HISTORIES` says otherwise, see `scripts/soak`.
const HISTORIES: u32 = 4_000;

#[test]
fn nothing_is_lost_and_nothing_is_counted_twice() {
    let asked = std::env::var("NEXUS_CRASH_HISTORIES").ok();
    let config = Config {
        max_shrink_iters: 20_000,
        failure_persistence: None,
        ..Config::with_cases(asked.map_or(HISTORIES, |cases| cases.parse().unwrap()))
    };
    let result = TestRunner::new(config).run(&vec(any::<u8>(), 0..120), |bytes| {
        run_bytes(&bytes).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Every place where a delivery can die, with every fate before it.
#[test]
fn a_delivery_may_die_after_any_step() {
    let step = |what, dies: Option<u32>, power_cut: Option<u8>| Step {
        what,
        fault: dies.map(Fault::death),
        power_cut: power_cut.map(|choices| PowerCut {
            page: 512,
            choices: vec![choices; 4],
        }),
    };
    let deliver = |fates: &[Fate]| What::Deliver {
        fates: fates.to_vec(),
        meanwhile: true,
        target: TARGET,
    };
    let append = What::Append {
        metrics: vec!["a", "unknown", "b", "forbidden", "a", "c"],
        sync: Sync::Sync,
    };
    for dies in 0..80 {
        for fate in [Fate::Answered, Fate::AnswerLost, Fate::RequestLost] {
            for power_cut in [None, Some(0), Some(0b0101_0101)] {
                run(&[
                    step(append.clone(), None, None),
                    step(deliver(&[Fate::Answered, fate]), Some(dies), power_cut),
                    step(deliver(&[]), Some(dies / 2), power_cut),
                ])
                .unwrap();
            }
        }
    }
}
