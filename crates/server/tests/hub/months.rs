//! The month of a customer's limit is the month of the customer's invoice.

use std::{collections::BTreeMap, time::Duration};

use nexus_usage::{Amount, AnchorDay, Calendar, Limits, Mode, Period, Subject, Time, Usage, Zone};
use nexus_usage_log::{Amounts, Clock, Dimensions, Query, Record, Reports, Retention, SqliteSink, UsageLog, Window};

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
];

fn calendars() -> impl Iterator<Item = (Zone, AnchorDay)> {
    let zones = ZONES.into_iter().map(|zone| zone.parse::<Zone>().unwrap());
    zones.flat_map(|zone| (1..=31).map(move |day| (zone.clone(), AnchorDay::try_from(day).unwrap())))
}

fn beginning_of(month: &str) -> Time {
    Calendar::UTC.start(month.parse().unwrap())
}

/// From the December before a leap year's February to the March of the year after.
fn periods() -> impl Iterator<Item = Period> {
    let first: Period = "2027-12".parse().unwrap();
    std::iter::successors(Some(first), |period| Some(period.next())).take(16)
}

/// The first and the last second of every month of every calendar.
fn requests() -> Vec<Time> {
    let of = |(zone, day): (Zone, AnchorDay)| {
        let calendar = Calendar::new(zone, day);
        let starts: Vec<Time> = periods().map(|period| calendar.start(period)).collect();
        starts
            .into_iter()
            .flat_map(|start| [start.before(Duration::from_secs(1)), start])
    };
    calendars().flat_map(of).collect()
}

/// What a limit holds against the key, by the beginning of each month.
async fn used_by_month(calendar: Calendar, requests: &[Time]) -> BTreeMap<Time, u64> {
    let usage = Usage::open(nexus_usage::Settings {
        calendar: calendar.clone(),
        clock: Clock::new(|| beginning_of("2028-06")),
        ..nexus_usage::Settings::default()
    });
    let usage = usage.await.unwrap();
    let key = usage
        .register(&Subject::new("key").unwrap(), Mode::Exact, Limits::UNLIMITED)
        .unwrap();
    requests.iter().for_each(|at| key.record_at(*at, Amount::request(0, 0)));
    let first = periods().next().unwrap().previous();
    let months = std::iter::successors(Some(first), |period| Some(period.next())).take(18);
    let used = months.map(|month| (calendar.start(month), key.totals(month).used().api_requests));
    let used = used.filter(|(_, requests)| *requests > 0).collect();
    usage.close(Duration::from_secs(60)).await;
    used
}

#[tokio::test]
async fn limits_and_reports_have_the_same_months_for_all_days_in_all_zones() {
    let directory = tempfile::tempdir().unwrap();
    let (file, requests) = (directory.path().join("usage-log.db"), requests());
    let mut settings = Retention::default();
    settings.clock = Clock::new(|| beginning_of("2029-06"));
    settings.raw_kept = Duration::from_secs(86_400 * 2_000);
    settings.seconds_kept = settings.raw_kept;
    let sink = SqliteSink::open(&file, settings).unwrap();
    let spool = nexus_usage_log::Settings::spill(directory.path().join("spool"));
    let log = UsageLog::open(spool, sink).unwrap();
    for at in &requests {
        log.record(Record {
            ended_at: *at,
            dimensions: Dimensions {
                key: "key".into(),
                ..Dimensions::default()
            },
            amounts: Amounts {
                calls: 1,
                ..Amounts::default()
            },
        });
    }
    assert!(log.flush(Duration::from_secs(60)));
    log.close(Duration::from_secs(60));

    let reports = Reports::open(&file).unwrap();
    for (zone, anchor_day) in calendars() {
        let report = reports.report(&Query {
            window: Some(Window::Month),
            zone: zone.clone(),
            anchor_day,
            ..Query::default()
        });
        let billed: BTreeMap<Time, u64> = report
            .unwrap()
            .rows
            .iter()
            .map(|row| (row.window, row.amounts.calls))
            .collect();
        let used = used_by_month(Calendar::new(zone.clone(), anchor_day), &requests).await;
        assert_eq!(used, billed, "{zone} from day {anchor_day} on");
        assert_eq!(billed.values().sum::<u64>(), requests.len() as u64);
    }
}
