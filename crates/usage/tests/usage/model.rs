//! Any history of counting, pushing, losing answers, crashing, wiping and months that pass: what the ledger holds in the end is what
//! was acknowledged.

use std::{collections::BTreeMap, time::Duration};

use nexus_usage::{Amount, Checkpoints, Fault, Mode, Period, Subject, Totals, Usage, UsageHandle};
use proptest::prelude::*;

use crate::harness::{World, amount, month, requests, subject, totals_in};

const HISTORIES: u32 = 1000;
const HUBS: usize = 2;
const SUBJECTS: [&str; 2] = ["a", "b"];

#[derive(Debug, Clone)]
enum Step {
    Record {
        hub: usize,
        subject: usize,
        amount: Amount,
        late: bool,
    },
    TakeBack {
        hub: usize,
        subject: usize,
        amount: Amount,
    },
    AdmitAndSettle {
        hub: usize,
        subject: usize,
        amount: Amount,
    },
    Checkpoint {
        hub: usize,
    },
    Flush {
        hub: usize,
        fault: Fault,
    },
    Crash {
        hub: usize,
        fault: Fault,
    },
    Close {
        hub: usize,
        fault: Fault,
    },
    BothCrash,
    Wipe,
    MonthPasses,
}

fn step() -> impl Strategy<Value = Step> {
    let hub = || 0..HUBS;
    let of = || 0..SUBJECTS.len();
    let amount = || (0..4_u64, 0..1000_u64, 0..1000_u64).prop_map(|(a, b, c)| amount(a, b, c));
    let fault = || prop_oneof![4 => Just(Fault::None), 2 => Just(Fault::AnswerLost), 2 => Just(Fault::HalfDone), 1 => Just(Fault::NotDone)];
    prop_oneof![
        6 => (hub(), of(), amount(), any::<bool>())
            .prop_map(|(hub, subject, amount, late)| Step::Record { hub, subject, amount, late }),
        1 => (hub(), of(), amount()).prop_map(|(hub, subject, amount)| Step::TakeBack { hub, subject, amount }),
        3 => (hub(), of(), amount()).prop_map(|(hub, subject, amount)| Step::AdmitAndSettle { hub, subject, amount }),
        2 => hub().prop_map(|hub| Step::Checkpoint { hub }),
        5 => (hub(), fault()).prop_map(|(hub, fault)| Step::Flush { hub, fault }),
        2 => (hub(), fault()).prop_map(|(hub, fault)| Step::Crash { hub, fault }),
        1 => (hub(), fault()).prop_map(|(hub, fault)| Step::Close { hub, fault }),
        1 => Just(Step::BothCrash),
        1 => Just(Step::Wipe),
        1 => Just(Step::MonthPasses),
    ]
}

type Truth = BTreeMap<(Period, Subject), Totals>;

/// One process and what is true of it.
struct Hub {
    checkpoints: Checkpoints,
    usage: Usage,
    /// Counted, and lost with a crash.
    pending: Truth,
}

struct Model {
    world: World,
    hubs: Vec<Hub>,
    /// What no crash may lose, of all hubs.
    acknowledged: Truth,
    december: bool,
}

fn merge(into: &mut Truth, from: Truth) {
    for (key, totals) in from {
        let sum = into.entry(key).or_default();
        *sum = sum.plus(totals);
    }
}

impl Model {
    async fn new() -> Self {
        let world = World::new();
        let mut hubs = Vec::new();
        for _ in 0..HUBS {
            let checkpoints = Checkpoints::in_memory().await.unwrap();
            let usage = world.hub_with(&checkpoints).await;
            hubs.push(Hub {
                checkpoints,
                usage,
                pending: Truth::new(),
            });
        }
        Model {
            world,
            hubs,
            acknowledged: Truth::new(),
            december: false,
        }
    }

    fn handle(&self, hub: usize, index: usize) -> UsageHandle {
        let mode = [Mode::Exact, Mode::Approximate][index];
        self.hubs[hub]
            .usage
            .register(&subject(SUBJECTS[index]), mode, requests(1 << 40))
            .unwrap()
    }

    fn counted(&mut self, hub: usize, index: usize, late: bool, totals: Totals) {
        let period = month(if self.december && !late { "2026-12" } else { "2026-11" });
        if totals != Totals::ZERO {
            merge(
                &mut self.hubs[hub].pending,
                [((period, subject(SUBJECTS[index])), totals)].into(),
            );
        }
    }

    fn acknowledge(&mut self, hub: usize) {
        let pending = std::mem::take(&mut self.hubs[hub].pending);
        merge(&mut self.acknowledged, pending);
    }

    async fn reopen(&mut self, hub: usize) {
        self.hubs[hub].usage = self.world.hub_with(&self.hubs[hub].checkpoints).await;
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Record {
                hub,
                subject,
                amount,
                late,
            } => {
                let at = crate::harness::moment(if self.december && !late {
                    "2026-12-01T00:00:00Z"
                } else {
                    crate::harness::NOON
                });
                self.handle(hub, subject).record_at(at, amount);
                self.counted(hub, subject, late, Totals::added(amount));
            }
            Step::TakeBack { hub, subject, amount } => {
                self.handle(hub, subject)
                    .take_back_at(crate::harness::moment(crate::harness::NOON), amount);
                self.counted(
                    hub,
                    subject,
                    true,
                    Totals {
                        added: Amount::ZERO,
                        taken: amount,
                    },
                );
            }
            Step::AdmitAndSettle { hub, subject, amount } => {
                let reservation = self.handle(hub, subject).admit(amount).await.unwrap();
                reservation.settle(amount);
                self.counted(hub, subject, false, Totals::added(amount));
            }
            Step::Checkpoint { hub } => {
                self.hubs[hub].usage.checkpoint().await.unwrap();
                self.acknowledge(hub);
            }
            Step::Flush { hub, fault } => {
                self.world.faults.set(fault);
                let flushed = self.hubs[hub].usage.flush().await;
                self.world.faults.set(Fault::None);
                assert!(flushed.is_ok() || fault != Fault::None, "{flushed:?}");
                self.acknowledge(hub);
            }
            Step::Crash { hub, fault } => {
                self.hubs[hub].usage.clone().crash().await;
                self.hubs[hub].pending.clear();
                self.world.faults.set(fault);
                self.reopen(hub).await;
                self.world.faults.set(Fault::None);
            }
            Step::Close { hub, fault } => {
                self.world.faults.set(fault);
                self.hubs[hub].usage.close(Duration::ZERO).await;
                self.acknowledge(hub);
                self.reopen(hub).await;
                self.world.faults.set(Fault::None);
            }
            Step::BothCrash => {
                for hub in &mut self.hubs {
                    hub.usage.clone().crash().await;
                    hub.pending.clear();
                }
                let opened = {
                    let [a, b] = &self.hubs[..] else {
                        panic!("there are two")
                    };
                    tokio::join!(self.world.hub_with(&a.checkpoints), self.world.hub_with(&b.checkpoints))
                };
                self.hubs[0].usage = opened.0;
                self.hubs[1].usage = opened.1;
            }
            Step::Wipe => self.world.ledger.wipe(),
            Step::MonthPasses => {
                self.december = true;
                self.world.clock.set("2026-12-01T00:00:00Z");
            }
        }
    }

    async fn check(mut self) {
        for hub in 0..HUBS {
            self.hubs[hub].usage.flush().await.unwrap();
            self.acknowledge(hub);
        }
        assert_eq!(totals_in(&self.world.ledger).await, self.acknowledged);
    }
}

#[test]
fn the_ledgers_sums_equal_what_was_acknowledged() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let config = ProptestConfig {
        cases: HISTORIES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(steps in prop::collection::vec(step(), 1..40))| {
        runtime.block_on(async {
            let mut model = Model::new().await;
            for step in steps {
                model.take(step).await;
            }
            model.check().await;
        });
    });
}
