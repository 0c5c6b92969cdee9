//! Any history of appends, deliveries, lost requests and answers, crashes and time: each record that was acknowledged is
//! counted once, or it is put aside; none is counted twice.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{
    super::{
        Key, Limits, Sync,
        files::{REFUSED, UNCERTAIN},
    },
    *,
};

#[derive(Debug, Clone)]
enum Step {
    /// Appends to these metrics, and dies after so many steps.
    Append {
        metrics: Vec<&'static str>,
        dies: Option<u32>,
    },
    /// Delivers; each try has its fate, and while the first is on its way somebody appends.
    Deliver {
        fates: Vec<Fate>,
        dies: Option<u32>,
        meanwhile: bool,
        target: u64,
    },
    Passes {
        hours: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let metric = prop::sample::select(vec!["a", "a", "b", "c", "unknown", "forbidden"]);
    let append =
        (prop::collection::vec(metric, 1..4), dies(4)).prop_map(|(metrics, dies)| Step::Append { metrics, dies });
    let fate = prop::sample::select(vec![
        Fate::Answered,
        Fate::AnswerLost,
        Fate::RequestLost,
        Fate::Unreachable,
    ]);
    let deliver = (
        prop::collection::vec(fate, 0..4),
        dies(24),
        any::<bool>(),
        prop::sample::select(vec![1, 1, 1, 2]),
    )
        .prop_map(|(fates, dies, meanwhile, target)| Step::Deliver {
            fates,
            dies,
            meanwhile,
            target,
        });
    let passes = (1..30u64).prop_map(|hours| Step::Passes { hours });
    prop::collection::vec(prop_oneof![4 => append, 4 => deliver, 1 => passes], 1..14)
}

fn dies(steps: u32) -> impl Strategy<Value = Option<u32>> {
    prop_oneof![Just(None), (0..steps).prop_map(Some)]
}

/// What was appended, by metric.
#[derive(Debug, Default)]
struct Appended {
    acknowledged: HashMap<String, u64>,
    /// The process died before it could say.
    unknown: HashMap<String, u64>,
}

impl Appended {
    fn append(&mut self, spool: &Spool, metrics: &[&str]) {
        let items: Vec<String> = metrics.iter().map(|metric| inc(metric)).collect();
        let to = match spool.append(&items, Sync::Flush) {
            Ok(()) => &mut self.acknowledged,
            Err(_) => &mut self.unknown,
        };
        for metric in metrics {
            *to.entry((*metric).to_owned()).or_default() += 1;
        }
    }
}

fn run(steps: &[Step]) {
    let directory = tempfile::tempdir().unwrap();
    let (hub, mut appended) = (Hub::default(), Appended::default());
    let limits = Limits {
        batch_items_max: 2,
        ..Limits::default()
    };
    for step in steps {
        // A process of its own.
        let spool = open_with(&directory, limits);
        match step {
            Step::Append { metrics, dies } => {
                spool.files.fuse.set(*dies);
                appended.append(&spool, metrics);
            }
            Step::Deliver {
                fates,
                dies,
                meanwhile,
                target,
            } => {
                hub.calm();
                hub.expect(fates.iter().copied());
                spool.files.fuse.set(*dies);
                let other = open_with(&directory, limits);
                let interrupt = || {
                    assert!(other.turn().unwrap().is_none(), "only one delivers");
                    if *meanwhile {
                        appended.append(&other, &["a"]);
                    }
                };
                // A crash is an error; what matters is what it leaves.
                let _ = deliver_with(&spool, &hub, *target, interrupt);
            }
            Step::Passes { hours } => hub.advance(hours * HOUR_MS),
        }
    }
    hub.calm();
    let spool = open_with(&directory, limits);
    let report = deliver(&spool, &hub, TARGET).unwrap();
    assert_eq!(report.stopped, None);
    check(&spool, &hub, &appended);
}

fn check(spool: &Spool, hub: &Hub, appended: &Appended) {
    assert_eq!(hub.keys_counted_twice(), Vec::<String>::new());
    assert_eq!(spool.files.list(BATCHES).unwrap(), []);
    let mut aside: HashMap<String, u64> = HashMap::new();
    for (_, text) in files(spool, REFUSED) {
        for (metric, amount) in amounts(&text) {
            *aside.entry(metric).or_default() += amount;
        }
    }
    for (name, text) in files(spool, UNCERTAIN) {
        let key = Key::parse(name.split(".tried-").next().unwrap()).unwrap();
        for (metric, amount) in amounts(&text).into_iter().filter(|_| hub.times(key.as_str()) == 0) {
            *aside.entry(metric).or_default() += amount;
        }
    }
    for metric in ["a", "b", "c", "unknown", "forbidden"] {
        let count = |counts: &HashMap<String, u64>| counts.get(metric).copied().unwrap_or(0);
        let least = count(&appended.acknowledged);
        let most = least + count(&appended.unknown);
        let found = hub.count(metric) + count(&aside);
        assert!(
            (least..=most).contains(&found),
            "{metric}: {found} of {least} to {most}"
        );
    }
    for metric in ["unknown", "forbidden"] {
        assert_eq!(hub.count(metric), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_counted_twice(steps in steps()) {
        run(&steps);
    }
}

/// Every place where a delivery can die, with every fate before it.
#[test]
fn a_delivery_may_die_after_any_step() {
    let metrics = vec!["a", "unknown", "b", "forbidden", "a", "c"];
    for dies in 0..60 {
        for fate in [Fate::Answered, Fate::AnswerLost, Fate::RequestLost] {
            let deliver = |dies, fates: &[Fate]| Step::Deliver {
                fates: fates.to_vec(),
                dies,
                meanwhile: true,
                target: TARGET,
            };
            run(&[
                Step::Append {
                    metrics: metrics.clone(),
                    dies: None,
                },
                deliver(Some(dies), &[Fate::Answered, fate]),
                deliver(Some(dies / 2), &[]),
            ]);
        }
    }
}
