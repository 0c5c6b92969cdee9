//! What comes in without HTTP is authorized, limited, charged and logged.

use std::time::Duration;

use nexus_metric::{Kind, Labels, Name};
use nexus_throttle::Direction;
use nexus_usage_log::{Query, ReportRow, Reports, layer::WireBytes};
use tempfile::TempDir;

use super::*;
use crate::{
    bandwidth::Bandwidth,
    clients::Clients,
    config::{Config, KeyLimits, Throttle},
    metering::Metering,
    own_metrics::OwnValue,
    store::view::Value,
    write::{Definition, Op, Target},
};

/// An intake with its parts, all of them real, on a directory of its own.
struct Opened {
    intake: Intake,
    metering: Metering,
    directory: TempDir,
}

fn open(limits: KeyLimits) -> Opened {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let config = Config {
        state: crate::config::StatePaths::at(directory.path()),
        ..Config::default()
    };
    std::fs::create_dir_all(config.state.journal_dir()).unwrap();
    let store = Store::open(&crate::hub::store_settings(&config), Clients::new(10))
        .unwrap()
        .store;
    let metering = Metering::open(&config.usage, &path("usage.db")).unwrap();
    let bandwidth = Bandwidth::new(&Throttle::default());
    let accounts = Accounts::new(bandwidth, metering.clone(), [("probe".to_owned(), limits)].into());
    let intake = Intake {
        store,
        accounts,
        usage_log: UsageLogHandle::open(&config.usage_log, &path("usage-log.db"), &path("spill")).unwrap(),
        limits: RequestLimits {
            name_bytes_max: 20,
            ..RequestLimits::NONE
        },
    };
    Opened {
        intake,
        metering,
        directory,
    }
}

fn principal(scopes: &str, prefix: Option<&str>) -> Principal {
    Principal {
        name: "probe".into(),
        scopes: scopes.parse().unwrap(),
        prefix: prefix.map(|prefix| prefix.parse().unwrap()),
    }
}

fn dimensions() -> LogDimensions {
    LogDimensions {
        service: "hub".into(),
        route: "beacon".into(),
        client: "c-1".into(),
        method: "".into(),
    }
}

/// A datagram of a protocol that does not exist: it adds one to each gauge that it names.
fn beacon(datagram: &str) -> Message {
    let changes = datagram.split(' ').map(|name| {
        let gauge = Some(Arc::new(Definition::of(Kind::Gauge)));
        Change::Series(target(name).defining(gauge), Op::Add(1.0))
    });
    message(datagram.len(), changes.collect())
}

fn message(bytes: usize, changes: Vec<Change<'static>>) -> Message {
    Message {
        bytes,
        dimensions: dimensions(),
        submission: Submission {
            changes,
            ..Submission::default()
        },
    }
}

fn target(name: &str) -> Target<'static> {
    Target::new(Name::legacy(name).unwrap(), Labels::none())
}

impl Opened {
    /// Outcome, calls, bytes in and bytes out, as the usage log has them.
    fn logged(&self) -> Vec<String> {
        let rows = self.report("outcome").into_iter();
        rows.map(|row| {
            let amounts = row.amounts;
            let (calls, bytes_in, bytes_out) = (amounts.calls, amounts.bytes_in, amounts.bytes_out);
            format!("{} {calls} {bytes_in} {bytes_out}", row.group.join(","))
        })
        .collect()
    }

    fn report(&self, group_by: &str) -> Vec<ReportRow> {
        self.intake.usage_log.flush(Duration::from_secs(60));
        let query = Query {
            group_by: group_by.split(',').map(|column| column.parse().unwrap()).collect(),
            ..Query::default()
        };
        let reports = Reports::open(self.directory.path().join("usage-log.db")).unwrap();
        reports.report(&query).unwrap().rows
    }

    /// Requests, bytes in and bytes out that were charged.
    fn charged(&self) -> [u64; 3] {
        let account = self.intake.accounts.of(&"probe".into());
        let used = account
            .usage()
            .unwrap()
            .totals(self.metering.usage().current_period())
            .used();
        [used.api_requests, used.ingress_bytes, used.egress_bytes]
    }

    /// How many requests ended without being told so.
    fn unfinished(&self) -> f64 {
        match self.intake.accounts.family().samples.remove(0).value {
            OwnValue::Number(number) => number,
            histogram @ OwnValue::Histogram { .. } => panic!("{histogram:?}"),
        }
    }

    fn value(&self, name: &str) -> Option<f64> {
        match self.intake.store.view().value(name, "").ok()? {
            Value::Number(value, _) => Some(value),
            Value::Histogram(_) => None,
        }
    }

    async fn begin(&self) -> RequestUsage {
        self.begin_as("write").await
    }

    async fn begin_as(&self, scopes: &str) -> RequestUsage {
        let announced = Announced {
            amount: Amount::request(0, 0),
            exemption: Exemption::None,
            dimensions: dimensions(),
        };
        let principal = principal(scopes, None);
        let account = self.intake.account(&principal);
        self.intake.admit(principal, account, announced).await.unwrap()
    }
}

#[tokio::test]
async fn what_a_datagram_does_is_charged_and_logged() {
    let opened = open(KeyLimits::default());
    let who = principal("write", None);
    let written = opened.intake.take(&who, beacon("lamps doors")).await.unwrap();
    assert_eq!((written.applied.created, written.replayed), (2, false));
    opened.intake.take(&who, beacon("lamps")).await.unwrap();
    assert_eq!([opened.value("lamps"), opened.value("doors")], [Some(2.0), Some(1.0)]);
    assert_eq!(opened.charged(), [2, 16, 0]);
    assert_eq!(opened.logged(), ["complete 2 16 0"]);
    let row = opened.report("key,service,route,client,status").remove(0);
    assert_eq!(row.group.join(","), "probe,hub,beacon,c-1,0");
    assert_eq!(opened.unfinished(), 0.0);
}

#[tokio::test]
async fn what_is_rejected_before_it_is_admitted_is_charged_to_nobody() {
    let opened = open(KeyLimits::default());
    let check = async |scopes: &str, prefix: Option<&str>, datagram: &str, expected: &str| {
        let rejected = opened
            .intake
            .take(&principal(scopes, prefix), beacon(datagram))
            .await
            .unwrap_err();
        let said = format!("{rejected:?}");
        assert!(said.contains(expected), "{said}");
    };
    check("read", None, "lamps", "Denied(Scope").await;
    check(
        "write",
        Some("team_"),
        "team_a lamps doors",
        "Changes([Refusal { index: 1, reason: Forbidden(",
    )
    .await;
    check(
        "write",
        None,
        "lamps a_name_that_is_too_long",
        "Changes([Refusal { index: 1",
    )
    .await;
    assert_eq!((opened.charged(), opened.value("lamps")), ([0; 3], None));
    assert_eq!(opened.logged(), [""; 0]);
    let within = opened
        .intake
        .take(&principal("write", Some("team_")), beacon("team_a"))
        .await;
    assert!(within.is_ok(), "{within:?}");
}

#[tokio::test]
async fn of_a_write_that_may_happen_in_part_what_is_good_happens_and_the_rest_is_named() {
    let opened = open(KeyLimits::default());
    let mut datagram = beacon("doors team_a team_name_that_is_too_long team_b team_c");
    datagram.submission.mode = Mode::Each;
    datagram.submission.changes[3] = Change::Series(target("team_b"), Op::Set(3.0));
    let written = opened
        .intake
        .take(&principal("write", Some("team_")), datagram)
        .await
        .unwrap();
    let refused: Vec<String> = written
        .refused
        .iter()
        .map(|refusal| format!("{} {}", refusal.index, refusal.reason))
        .collect();
    let expected = [
        "0 the key probe is only for metrics whose names begin with team_",
        "2 the metric's name is over the limit of 20 (limits.name_bytes_max)",
        "3 there is no metric team_b",
    ];
    assert_eq!(refused, expected);
    assert_eq!((written.applied.changes, written.applied.refused), (2, 3));
    let values = ["doors", "team_a", "team_b", "team_c"].map(|name| opened.value(name));
    assert_eq!(values, [None, Some(1.0), None, Some(1.0)]);
}

#[tokio::test]
async fn what_the_state_refuses_is_charged_and_logged_as_an_error() {
    let opened = open(KeyLimits::default());
    let who = principal("write", None);
    opened.intake.take(&who, beacon("lamps")).await.unwrap();
    let observation = message(5, vec![Change::Series(target("lamps"), Op::Observe(1.0))]);
    let rejected = opened.intake.take(&who, observation).await.unwrap_err();
    assert!(matches!(rejected, Rejected::Changes(_)), "{rejected:?}");
    assert_eq!(opened.charged(), [2, 10, 0]);
    assert_eq!(opened.logged(), ["complete 1 5 0", "error 1 5 0"]);
}

#[tokio::test]
async fn limits_of_the_account_hold_and_who_is_over_them_is_charged_nothing() {
    let check = async |limits: KeyLimits, datagrams: &[&str], expected: &str| {
        let opened = open(limits);
        let mut answers = Vec::new();
        for datagram in datagrams {
            answers.push(opened.intake.take(&principal("write", None), beacon(datagram)).await);
        }
        let rejected = answers.pop().unwrap().unwrap_err();
        let Rejected::Account(refused) = rejected else {
            panic!("{rejected:?}");
        };
        assert!(refused.to_string().contains(expected), "{refused}");
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        let bytes: usize = datagrams[..answers.len()].iter().map(|datagram| datagram.len()).sum();
        assert_eq!(opened.charged(), [answers.len() as u64, bytes as u64, 0]);
        assert_eq!(
            opened.report("key").iter().map(|row| row.amounts.calls).sum::<u64>(),
            answers.len() as u64
        );
    };
    let none = KeyLimits::default();
    check(
        KeyLimits {
            requests_per_second: 1,
            ..none
        },
        &["a", "a"],
        "1 requests a second",
    )
    .await;
    check(
        KeyLimits {
            api_requests: 2,
            ..none
        },
        &["a", "b", "c"],
        "api_requests",
    )
    .await;
    check(
        KeyLimits {
            ingress_bytes: 6,
            ..none
        },
        &["abcde", "ab"],
        "ingress_bytes",
    )
    .await;
}

#[tokio::test]
async fn a_call_that_is_given_up_is_charged_and_logged_as_aborted() {
    let opened = open(KeyLimits::default());
    let who = principal("write", None);
    let mut call = Box::pin(opened.intake.take(&who, beacon("lamps")));
    // The write is in the queue, and the writer's answer may be there already.
    let waits = std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context).is_pending())).await;
    drop(call);
    assert_eq!(opened.charged(), [1, 5, 0]);
    let outcome = if waits { "aborted" } else { "complete" };
    assert_eq!(opened.logged(), [format!("{outcome} 1 5 0")]);
    assert_eq!(opened.unfinished(), 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_is_logged_in_slices_that_add_up() {
    let opened = open(KeyLimits::default());
    let usage = opened.begin().await;
    for seconds in [1, 10, 3, 10] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        usage.flowed(Direction::Write, 100);
    }
    usage.answered(200, 0);
    usage.completed();
    usage.finish(None);
    assert_eq!(opened.logged(), ["complete 1 0 0", "ongoing 0 0 400"]);
    let took: u64 = opened.report("key").iter().map(|row| row.amounts.duration_ns).sum();
    assert_eq!(took, 24_000_000_000);
}

#[tokio::test]
async fn a_request_is_charged_at_its_end_and_logged_once_with_what_the_wire_knows() {
    let opened = open(KeyLimits::default());
    let usage = opened.begin().await;
    usage.flowed(Direction::Read, 7);
    usage.flowed(Direction::Write, 30);
    usage.answered(200, 0);
    usage.completed();
    usage.end();
    assert_eq!((opened.charged(), opened.logged()), ([1, 7, 30], vec![]));
    let wire = WireBytes {
        bytes_in: 107,
        bytes_out: 230,
    };
    usage.finish(Some(wire));
    usage.finish(None);
    drop(usage);
    assert_eq!(
        (opened.charged(), opened.logged()),
        ([1, 7, 30], vec!["complete 1 107 230".to_owned()])
    );
    assert_eq!(opened.unfinished(), 0.0);
}

#[tokio::test]
async fn a_request_whose_end_nobody_tells_is_a_defect_and_charged_all_the_same() {
    let opened = open(KeyLimits::default());
    let usage = opened.begin().await;
    usage.flowed(Direction::Read, 7);
    drop(usage);
    assert_eq!(
        (opened.charged(), opened.logged()),
        ([1, 7, 0], vec!["aborted 1 7 0".to_owned()])
    );
    assert_eq!(opened.unfinished(), 1.0);
}

#[tokio::test]
async fn events_of_others_are_stored_for_who_may_report_them() {
    let opened = open(KeyLimits::default());
    let event = || {
        let origin = nexus_usage_log::ingest::Origin::default();
        let body = br#"{"id": "1", "key": "acme", "bytes_in": 3}"#;
        let limits = nexus_usage_log::ingest::Limits::default();
        nexus_usage_log::ingest::events::parse(body, None, &origin, &limits, nexus_usage_log::Time::now()).unwrap()
    };
    let usage = opened.begin_as("usage").await;
    for expected in ["Ok([Stored])", "Ok([Duplicate])"] {
        let stored = opened.intake.store_events(&usage, event()).await;
        assert_eq!(format!("{stored:?}"), expected);
    }
    usage.finish(None);
    let rows = opened.report("key");
    let rows: Vec<String> = rows.iter().map(|row| row.group.join("")).collect();
    assert_eq!(rows, ["acme", "probe"]);
}

#[tokio::test]
async fn who_may_write_reports_its_own_usage_alone() {
    let opened = open(KeyLimits::default());
    let check = async |event: &str, expected: &str| {
        let origin = nexus_usage_log::ingest::Origin::default();
        let limits = nexus_usage_log::ingest::Limits::default();
        let now = nexus_usage_log::Time::now();
        let events = nexus_usage_log::ingest::events::parse(event.as_bytes(), None, &origin, &limits, now).unwrap();
        let usage = opened.begin_as("write").await;
        let stored = opened.intake.store_events(&usage, events).await;
        usage.finish(None);
        assert_eq!(format!("{stored:?}"), expected, "{event}");
    };
    check(r#"{"id": "1", "bytes_in": 3}"#, "Ok([Stored])").await;
    check(r#"{"id": "2", "key": "probe"}"#, "Ok([Stored])").await;
    let others = |whom: &str| format!("Err(Events([OthersUsage {{ index: 1, whom: \"{whom}\" }}]))");
    check(r#"{"id": "3"}{"id": "4", "key": "acme"}"#, &others("the key acme")).await;
    check(
        r#"{"id": "3"}{"id": "4", "key": "probe", "tenant": "acme"}"#,
        &others("the tenant acme"),
    )
    .await;
    let rows = opened.report("key");
    let rows: Vec<_> = rows
        .iter()
        .map(|row| (row.group.join(""), row.amounts.bytes_in))
        .collect();
    assert_eq!(rows, [("probe".to_owned(), 3)]);
}
