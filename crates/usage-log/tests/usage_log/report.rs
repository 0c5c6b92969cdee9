//! What a report says.

use std::{collections::BTreeMap, time::Duration};

use nexus_usage_log::{
    Amounts, AnchorDay, Clock, Column, Filter, Format, Labels, Outcome, Query, Record, Report, ReportRow, Reports,
    Retention, Sink, Time, UsageLog, Window, Zone,
};
use proptest::prelude::*;

use crate::harness::{PATIENCE, World, event, record};

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

/// Europe's clocks change on 2026-03-29 and 2026-10-25, and February is short; these are some days around.
const SPRING: i64 = 1_774_742_400;
const AUTUMN: i64 = 1_792_886_400;
const FEBRUARY: i64 = 1_772_150_400;

/// The same records in every store that reports are made from.
struct Stores {
    world: World,
    all: Vec<Reports>,
}

impl Stores {
    /// What they all say.
    fn whole(&self, query: &Query) -> Report {
        let mut reports = self.all.iter().map(|reports| reports.report(query).unwrap());
        let first = reports.next().unwrap();
        for other in reports {
            assert_eq!(other.rows, first.rows, "{query:?}");
            assert_eq!((other.query.from, other.query.to), (first.query.from, first.query.to));
        }
        first
    }

    fn report(&self, query: &Query) -> Vec<ReportRow> {
        self.whole(query).rows
    }
}

fn stored(records: &[Record]) -> Stores {
    let world = World::new();
    let mut settings = Retention::default();
    settings.clock = Clock::new(|| Time::from_seconds(AUTUMN + 10 * 86_400));
    settings.seconds_kept = Duration::from_secs(86_400 * 1_000);
    settings.raw_kept = settings.seconds_kept;
    store(&world, world.sink_with(settings.clone()), records);
    let mut all = vec![Reports::open(world.file()).unwrap()];
    all.extend(in_postgres(&world, settings, records));
    Stores { world, all }
}

fn store(world: &World, sink: impl Sink, records: &[Record]) {
    let log = UsageLog::open(world.spill(), sink).unwrap();
    records.iter().for_each(|record| log.record(record.clone()));
    assert!(log.flush(PATIENCE));
    log.close(PATIENCE);
}

#[cfg(not(feature = "postgres"))]
fn in_postgres(_: &World, _: Retention, _: &[Record]) -> Option<Reports> {
    None
}

/// In a database of its own on a server that all tests share. None if there is no server to start.
#[cfg(feature = "postgres")]
fn in_postgres(world: &World, retention: Retention, records: &[Record]) -> Option<Reports> {
    use nexus_test_servers::{PostgresServer, require};
    use nexus_usage_log::{PostgresSettings, PostgresSink};

    static SERVER: std::sync::OnceLock<Option<PostgresServer>> = std::sync::OnceLock::new();
    let start = || require(PostgresServer::PROGRAMS).then(PostgresServer::start);
    let server = SERVER.get_or_init(start).as_ref()?;
    let mut settings = PostgresSettings::new(server.url(&server.database()));
    settings.retention = retention;
    store(world, PostgresSink::open(settings.clone()).unwrap(), records);
    Some(Reports::postgres(&settings).unwrap())
}

/// The same question, asked of the records themselves: the windows by the zone's calendar, one record at a time.
fn by_hand(records: &[Record], query: &Query) -> Vec<ReportRow> {
    let mut rows: BTreeMap<(Time, Vec<String>), Amounts> = BTreeMap::new();
    for record in records {
        let is_inside =
            query.from.is_none_or(|from| record.ended_at >= from) && query.to.is_none_or(|to| record.ended_at < to);
        let admits = |filter: &Filter| {
            let column = match filter.value.ends_with("xx") {
                true => &Column::StatusClass,
                false => &filter.column,
            };
            (value(record, column) == filter.value) == filter.equal
        };
        if is_inside && query.filters.iter().all(admits) {
            let window = match query.window {
                None => query.from.unwrap_or_default(),
                Some(window) => calendar(window, query, record.ended_at),
            };
            let group = query.group_by.iter().map(|column| value(record, column)).collect();
            *rows.entry((window, group)).or_default() += record.amounts;
        }
    }
    let row = |((window, group), amounts)| ReportRow { window, group, amounts };
    rows.into_iter().map(row).collect()
}

fn value(record: &Record, column: &Column) -> String {
    let dimensions = &record.dimensions;
    match column {
        Column::Key => dimensions.key.to_string(),
        Column::Tenant => dimensions.tenant.to_string(),
        Column::Service => dimensions.service.to_string(),
        Column::Route => dimensions.route.to_string(),
        Column::Client => dimensions.client.to_string(),
        Column::Method => dimensions.method.to_string(),
        Column::Source => dimensions.source.to_string(),
        Column::Status => dimensions.status.to_string(),
        Column::StatusClass => format!("{}xx", dimensions.status / 100),
        Column::Outcome => dimensions.outcome.name().to_owned(),
        Column::Label(name) => dimensions.labels.get(name).unwrap_or_default().to_owned(),
    }
}

/// When the window begins, by what a calendar of the zone shows: the first instant that shows the same date and time, cut
/// to the window, without a change of the clocks in between for windows up to an hour.
fn calendar(window: Window, query: &Query, at: Time) -> Time {
    let zone = jiff::tz::TimeZone::get(&query.zone.to_string()).unwrap();
    let shows = |second: i64| jiff::Timestamp::from_second(second).unwrap().to_zoned(zone.clone());
    let first = match window {
        Window::Month => first_of_month(shows(at.seconds()).date(), query.anchor_day),
        Window::Week => monday(shows(at.seconds()).date()),
        _ => shows(at.seconds()).date(),
    };
    let cut = |second: i64| {
        let zoned = shows(second);
        let (date, time, offset) = (zoned.date(), zoned.time(), zoned.offset().seconds());
        let second = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
        match window.seconds() {
            Some(seconds) => (date, second / seconds, offset),
            None => (date.min(first), 0, 0),
        }
    };
    // Records end on whole quarters of a minute in these tests, so the search goes by those.
    let (mut second, here) = (at.seconds(), cut(at.seconds()));
    let step = match window.seconds() {
        Some(1) => return Time::from_seconds(second),
        Some(seconds) if seconds < 60 => 1,
        Some(_) => 60,
        None => 900,
    };
    second -= second.rem_euclid(step);
    while cut(second - step) == here {
        second -= step;
    }
    Time::from_seconds(second)
}

fn monday(date: jiff::civil::Date) -> jiff::civil::Date {
    let dates = std::iter::successors(Some(date), |date| date.yesterday().ok());
    let is_monday = |date: &jiff::civil::Date| date.weekday() == jiff::civil::Weekday::Monday;
    dates.into_iter().find(is_monday).unwrap()
}

/// The last date up to this one on which a month begins, day by day.
fn first_of_month(date: jiff::civil::Date, anchor_day: AnchorDay) -> jiff::civil::Date {
    let anchor_day: i8 = anchor_day.to_string().parse().unwrap();
    let is_first = |date: &jiff::civil::Date| {
        date.day() == anchor_day || (date.day() < anchor_day && *date == date.last_of_month())
    };
    let dates = std::iter::successors(Some(date), |date| date.yesterday().ok());
    dates.into_iter().find(is_first).unwrap()
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let days = prop_oneof![Just(SPRING), Just(AUTUMN), Just(FEBRUARY)];
    let at = (days, 0..5 * 86_400 * 4_i64).prop_map(|(day, quarter)| day - 86_400 + quarter / 4);
    let status = prop_oneof![Just(200), Just(206), Just(404)];
    let row = (at, 0..3_u8, 0..2_u8, status, 0..3_u8, any::<u32>(), 0..3_usize);
    let record = row.prop_map(|(at, key, service, status, label, bytes, outcome)| {
        let mut record = record(&format!("key-{key}"), status, u64::from(bytes), Time::from_seconds(at));
        record.dimensions.service = format!("service-{service}").into();
        record.dimensions.client = format!("client-{}", (key + service) % 3).into();
        record.dimensions.outcome = Outcome::ALL[outcome];
        if label > 0 {
            record.dimensions.labels = Labels::new([("plan", format!("plan-{label}"))]);
        }
        record
    });
    proptest::collection::vec(record, 1..80)
}

fn queries() -> impl Strategy<Value = Query> {
    let multiples = ["30s", "15m", "6h", "12h"].map(|window| window.parse().unwrap());
    let window = proptest::option::of(proptest::sample::select([&Window::ALL[..], &multiples].concat()));
    let names = vec![
        "key",
        "tenant",
        "service",
        "route",
        "client",
        "method",
        "source",
        "status",
        "status_class",
        "outcome",
        "label.plan",
    ];
    let group_by = proptest::sample::subsequence(names, 0..4);
    let filters = vec![
        "status=200",
        "status!=200",
        "status=2xx",
        "status_class!=2xx",
        "key=key-1",
        "label.plan=plan-1",
        "label.plan!=",
        "outcome=complete",
    ];
    let filters = proptest::sample::subsequence(filters, 0..2);
    let days = prop_oneof![Just(SPRING), Just(FEBRUARY)].prop_map(|day| day - 86_400);
    let begin = (days, 0..5 * 86_400_i64).prop_map(|(day, second)| day + second);
    let ends = proptest::option::of((begin, 0..300 * 86_400_i64));
    let zone = proptest::sample::select(ZONES.to_vec());
    let calendar = (zone, 1..=31_u8);
    (window, group_by, filters, ends, calendar).prop_map(|(window, group_by, filters, ends, calendar)| Query {
        window,
        group_by: group_by.into_iter().map(|name| name.parse().unwrap()).collect(),
        filters: filters.into_iter().map(|text| text.parse().unwrap()).collect(),
        from: ends.map(|(from, _)| Time::from_seconds(from)),
        to: ends.map(|(from, length)| Time::from_seconds(from + length)),
        zone: calendar.0.parse().unwrap(),
        anchor_day: calendar.1.try_into().unwrap(),
        ..Query::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_report_is_what_the_records_say(records in records(), queries in proptest::collection::vec(queries(), 12)) {
        let stores = stored(&records);
        for query in queries {
            let report = stores.whole(&query);
            let mut expected = by_hand(&records, &query);
            if query.window.is_none() && query.from.is_none() {
                expected.iter_mut().for_each(|row| row.window = report.query.from.unwrap());
            }
            prop_assert_eq!(report.rows, expected, "{:?}", query);
        }
    }
}

/// Every window with every single column, against SQL over the tables of the days.
#[test]
fn a_report_is_what_plain_sql_over_the_raw_rows_says() {
    let records: Vec<Record> = (0..2_000_i64)
        .map(|number| {
            let at = Time::from_seconds(AUTUMN + number * 397 % (3 * 86_400));
            let mut record = record(
                &format!("key-{}", number % 7),
                200 + (number % 3) as u16,
                number as u64,
                at,
            );
            record.dimensions.route = format!("/{}", number % 5).into();
            record
        })
        .collect();
    let stores = stored(&records);
    let connection = rusqlite::Connection::open(stores.world.file()).unwrap();
    let windows = [("1s", 1), ("1m", 60), ("1h", 3_600), ("1d", 86_400)];
    for (name, seconds) in windows {
        for column in [
            "key", "service", "status", "route", "client", "method", "source", "outcome", "tenant",
        ] {
            let sql = format!(
                "SELECT ended_ns / 1000000000 / {seconds} * {seconds} AS w, CAST({column} AS TEXT) AS g,
                        SUM(calls), SUM(bytes_in), SUM(bytes_out), SUM(body_bytes_in), SUM(body_bytes), SUM(raw.duration_ns)
                 FROM (SELECT * FROM raw_20261025 UNION ALL SELECT * FROM raw_20261026 UNION ALL SELECT * FROM raw_20261027)
                      AS raw JOIN series ON series.id = raw.series GROUP BY w, g ORDER BY w, g"
            );
            let mut statement = connection.prepare(&sql).unwrap();
            let rows = statement.query_map([], |row| {
                let number = |index| row.get::<_, i64>(index).map(|number| number as u64);
                Ok(ReportRow {
                    window: Time::from_seconds(row.get(0)?),
                    group: vec![row.get(1)?],
                    amounts: Amounts {
                        calls: number(2)?,
                        bytes_in: number(3)?,
                        bytes_out: number(4)?,
                        body_bytes_in: number(5)?,
                        body_bytes: number(6)?,
                        duration_ns: number(7)?,
                    },
                })
            });
            let expected: Vec<ReportRow> = rows.unwrap().map(Result::unwrap).collect();
            let query = Query {
                window: Some(name.parse().unwrap()),
                group_by: vec![column.parse().unwrap()],
                ..Query::default()
            };
            assert_eq!(stores.report(&query), expected, "{name} by {column}");
        }
    }
}

#[test]
fn days_have_23_and_25_hours_where_the_clocks_change() {
    let hourly =
        |from: i64| (0..4 * 24_i64).map(move |hour| record("acme", 200, 1, Time::from_seconds(from + hour * 3_600)));
    let stores = stored(
        &hourly(SPRING - 86_400)
            .chain(hourly(AUTUMN - 86_400))
            .collect::<Vec<_>>(),
    );
    let days = stores.report(&Query {
        window: Some(Window::Day),
        zone: "Europe/Berlin".parse().unwrap(),
        ..Query::default()
    });
    let calls: Vec<u64> = days.iter().map(|row| row.amounts.calls).collect();
    // Each first day begins an hour or two into the zone's day, and the rest stands on the last.
    assert_eq!(calls, [23, 23, 24, 24, 2, 22, 25, 24, 24, 1]);
    let months = stores.report(&Query {
        window: Some(Window::Month),
        zone: "Europe/Berlin".parse().unwrap(),
        ..Query::default()
    });
    assert_eq!(
        months.iter().map(|row| row.amounts.calls).collect::<Vec<_>>(),
        [94, 2, 96]
    );
}

/// A record at noon of every day from 2026-01-01 to 2026-10-31, with a byte more each day.
#[test]
fn months_begin_on_the_day_that_is_asked_for_or_on_the_last_of_a_short_month() {
    const JANUARY: i64 = 1_767_225_600;
    let daily = (0..304_i64).map(|day| {
        let noon = Time::from_seconds(JANUARY + day * 86_400 + 43_200);
        record("acme", 200, day as u64, noon)
    });
    let stores = stored(&daily.collect::<Vec<_>>());
    let check = |zone: &str, anchor_day: u8, expected: &[(&str, u64)]| {
        let zone: Zone = zone.parse().unwrap();
        let rows = stores.report(&Query {
            window: Some(Window::Month),
            zone: zone.clone(),
            anchor_day: anchor_day.try_into().unwrap(),
            ..Query::default()
        });
        let days = rows.iter().map(|row| (zone.show(row.window), row.amounts.calls));
        let days: Vec<_> = days.take(expected.len()).collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(start, calls)| ((*start).to_owned(), *calls))
            .collect();
        assert_eq!(days, expected, "{zone} {anchor_day}");
        let bytes: u64 = rows.iter().map(|row| row.amounts.bytes_out).sum();
        assert_eq!(bytes, (0..304).sum::<u64>(), "{zone} {anchor_day}");
    };
    check(
        "UTC",
        15,
        &[
            ("2025-12-15T00:00:00+00:00", 14),
            ("2026-01-15T00:00:00+00:00", 31),
            ("2026-02-15T00:00:00+00:00", 28),
            ("2026-03-15T00:00:00+00:00", 31),
        ],
    );
    check(
        "Europe/Berlin",
        29,
        &[
            ("2025-12-29T00:00:00+01:00", 28),
            ("2026-01-29T00:00:00+01:00", 30),
            ("2026-02-28T00:00:00+01:00", 29),
            ("2026-03-29T00:00:00+01:00", 31),
            ("2026-04-29T00:00:00+02:00", 30),
        ],
    );
    check(
        "America/New_York",
        31,
        &[
            ("2025-12-31T00:00:00-05:00", 30),
            ("2026-01-31T00:00:00-05:00", 28),
            ("2026-02-28T00:00:00-05:00", 31),
            ("2026-03-31T00:00:00-04:00", 30),
            ("2026-04-30T00:00:00-04:00", 31),
            ("2026-05-31T00:00:00-04:00", 30),
        ],
    );
}

#[test]
fn the_hour_that_comes_twice_is_two_windows() {
    let at = |minute: i64| record("acme", 200, 1, Time::from_seconds(AUTUMN + minute * 60));
    let stores = stored(&[at(0), at(59), at(60), at(119), at(120)]);
    let query = Query {
        window: Some(Window::Hour),
        zone: "Europe/Berlin".parse().unwrap(),
        ..Query::default()
    };
    let mut csv = Vec::new();
    stores.whole(&query).write(Format::Csv, &mut csv).unwrap();
    let expected = "window,calls,bytes_in,bytes_out,body_bytes_in,body_bytes,duration_ns\r\n\
        2026-10-25T02:00:00+02:00,2,200,2,20,0,2000\r\n\
        2026-10-25T02:00:00+01:00,2,200,2,20,0,2000\r\n\
        2026-10-25T03:00:00+01:00,1,100,1,10,0,1000\r\n";
    assert_eq!(String::from_utf8(csv).unwrap(), expected);
}

#[test]
fn the_formats_say_the_same() {
    let mut odd = record("a, \"b\"", 200, 1_000, Time::from_seconds(AUTUMN));
    odd.dimensions.labels = Labels::new([("plan", "gold")]);
    let stores = stored(&[odd, record("acme", 404, 7, Time::from_seconds(AUTUMN + 1))]);
    let query = Query {
        group_by: ["key", "label.plan"].map(|name| name.parse().unwrap()).to_vec(),
        order: vec!["-bytes_out".parse().unwrap()],
        ..Query::default()
    };
    let report = stores.whole(&query);
    let check = |format: &str, expected: &str| {
        let mut out = Vec::new();
        report.write(format.parse().unwrap(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    };
    check(
        "csv",
        "key,label.plan,calls,bytes_in,bytes_out,body_bytes_in,body_bytes,duration_ns\r\n\
         \"a, \"\"b\"\"\",gold,1,100,1000,10,950,1000\r\nacme,,1,100,7,10,0,1000\r\n",
    );
    check(
        "table",
        "key       label.plan  calls  bytes_in  bytes_out  body_bytes_in  body_bytes  duration_ns\n\
         a, \\\"b\\\"  gold            1       100       1000             10         950         1000\n\
         acme                      1       100          7             10           0         1000\n",
    );
    check(
        "json",
        "[\n{\"body_bytes\":950,\"body_bytes_in\":10,\"bytes_in\":100,\"bytes_out\":1000,\"calls\":1,\"duration_ns\":1000,\"key\":\"a, \\\"b\\\"\",\
         \"label.plan\":\"gold\"},\n{\"body_bytes\":0,\"body_bytes_in\":10,\"bytes_in\":100,\"bytes_out\":7,\"calls\":1,\"duration_ns\":1000,\
         \"key\":\"acme\",\"label.plan\":\"\"}\n]\n",
    );
}

#[test]
fn a_limit_keeps_the_rows_in_front() {
    let records: Vec<_> = (0..10)
        .map(|n| record(&format!("key-{n}"), 200, n * n, Time::from_seconds(AUTUMN)))
        .collect();
    let stores = stored(&records);
    let rows = stores.report(&Query {
        group_by: vec![Column::Key],
        order: vec!["-bytes_out".parse().unwrap()],
        limit: Some(2),
        ..Query::default()
    });
    let keys: Vec<_> = rows.iter().map(|row| row.group.join("")).collect();
    assert_eq!(keys, ["key-9", "key-8"]);
}

#[test]
fn sums_stop_at_the_largest_number() {
    let world = World::new();
    let log = world.open();
    for _ in 0..3 {
        let mut record = record("acme", 200, 0, Time::now());
        record.amounts.bytes_out = u64::MAX - 1;
        log.record(record);
        assert!(log.flush(PATIENCE));
    }
    assert_eq!((world.total().calls, world.total().bytes_out), (3, Amounts::MAX));
    log.close(PATIENCE);
}

#[tokio::test]
async fn readers_see_a_running_writer_and_whole_batches() {
    let world = World::new();
    let log = world.open();
    for batch in 1..=20_u64 {
        let events = (0..50).map(|n| event(&format!("{batch}-{n}"), record("acme", 200, 1, Time::now())));
        log.store(events.collect()).await.unwrap();
        assert_eq!(world.total().calls, batch * 50);
    }
}
