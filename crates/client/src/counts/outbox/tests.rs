//! The outbox against a model of a hub, which knows batches by their keys.

mod model;

use proptest::prelude::*;

use self::model::{Fault, World};

/// Something that happens in the process, on the way, or at the hub.
#[derive(Debug, Clone)]
enum Step {
    Count {
        series: usize,
        halves: u16,
    },
    AddToGauge {
        halves: i16,
    },
    SetGauge {
        halves: i16,
    },
    Observe {
        value: u8,
        times: u8,
    },
    Invalid,
    /// The interval is over.
    Fill,
    /// Somebody's flush is over before the batches are answered, and is told what is not sent.
    Collect,
    Send(Fault),
    /// The hub begins or ceases to refuse one of the series.
    Refuse {
        series: usize,
        refuses: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        4 => Just(Fault::None),
        2 => Just(Fault::AnswerLost),
        1 => Just(Fault::RequestLost),
        1 => Just(Fault::Unreachable),
        1 => Just(Fault::Unauthorized),
        1 => Just(Fault::RefusedWhole),
    ];
    prop_oneof![
        6 => (0..World::COUNTERS, 1..100_u16).prop_map(|(series, halves)| Step::Count { series, halves }),
        1 => any::<i16>().prop_map(|halves| Step::AddToGauge { halves }),
        1 => any::<i16>().prop_map(|halves| Step::SetGauge { halves }),
        2 => (0..8_u8, 1..5_u8).prop_map(|(value, times)| Step::Observe { value, times }),
        1 => Just(Step::Invalid),
        5 => Just(Step::Fill),
        1 => Just(Step::Collect),
        9 => fault.prop_map(Step::Send),
        1 => (0..World::COUNTERS, any::<bool>()).prop_map(|(series, refuses)| Step::Refuse { series, refuses }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_counted_arrives_once_or_is_reported(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in steps {
            match step {
                Step::Count { series, halves } => world.count(series, f64::from(halves) / 2.0),
                Step::AddToGauge { halves } => world.add_to_gauge(f64::from(halves) / 2.0),
                Step::SetGauge { halves } => world.set_gauge(f64::from(halves) / 2.0),
                Step::Observe { value, times } => world.observe(f64::from(value), u64::from(times)),
                Step::Invalid => world.count(0, f64::NAN),
                Step::Fill => world.fill(),
                Step::Collect => world.collect(),
                Step::Send(fault) => world.send(fault),
                Step::Refuse { series, refuses } => world.refuse(series, refuses),
            }
        }
        world.finish();
    }
}

#[test]
fn a_batch_is_the_same_until_it_is_answered() {
    let mut world = World::new();
    world.count(0, 1.0);
    world.fill();
    world.send(Fault::AnswerLost);
    world.count(0, 2.0);
    for _ in 0..3 {
        world.fill();
        world.send(Fault::AnswerLost);
    }
    world.finish();
    // The first, sent five times, and one for what was counted meanwhile.
    assert_eq!(world.hub.batches_taken(), 2);
}

#[test]
fn what_is_refused_does_not_hold_up_the_rest() {
    let mut world = World::new();
    world.refuse(1, true);
    for series in 0..World::COUNTERS {
        world.count(series, 1.0);
    }
    world.fill();
    for _ in 0..5 {
        world.send(Fault::None);
    }
    assert_eq!(world.hub.counter(0), 1.0);
    assert_eq!(world.hub.counter(2), 1.0);
    assert_eq!(world.refused_of(1), 1.0);
    // When the hub takes it again, it goes on.
    world.refuse(1, false);
    world.count(1, 2.0);
    world.finish();
    assert_eq!(world.hub.counter(1), 2.0);
}

#[test]
fn what_may_not_be_written_is_sent_with_what_is_counted_later() {
    let mut world = World::new();
    for _ in 0..3 {
        world.count(0, 1.0);
        world.set_gauge(1.0);
        world.fill();
        world.send(Fault::Unauthorized);
        world.add_to_gauge(2.0);
    }
    world.finish();
}
