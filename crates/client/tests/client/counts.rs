//! Counting in memory and sending now and then: what arrives, whatever happens between.

mod faults;

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use nexus_client::{Client, Counts, counts::CountsBuilder};

use crate::harness::{Running, start};

/// More than anything here takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Counts that are sent when they are told to, or closed.
pub(crate) fn quiet(hub: &Running) -> CountsBuilder {
    Counts::builder(hub.builder().ca_file(hub.hub.ca_file().unwrap())).interval(DEADLINE)
}

/// The lines that Prometheus gets of metrics whose names begin like this.
pub(crate) async fn scrape(hub: &Running, prefix: &str) -> Vec<String> {
    hub.scrape(prefix).await.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_counted_is_on_the_hub_after_a_flush() {
    let hub = start().await;
    let counts = quiet(&hub).buckets("t_seconds", [0.1, 1.0]).start().unwrap();
    counts.describe("t_jobs_total", "Jobs done");
    counts.describe_with_unit("t_seconds", "How long", "seconds");
    let jobs = counts.counter("t_jobs_total", [("queue", "mail")]);
    let seconds = counts.histogram("t_seconds", []);
    let running = counts.gauge("t_running", []);
    let _ = counts.counter("t_failures_total", []);
    for round in 1..=3_u32 {
        jobs.inc();
        counts.counter("t_jobs_total", [("queue", "mail")]).add(0.5);
        seconds.observe(0.5);
        seconds.observe_many(Duration::from_secs(2), 2);
        running.set(round);
        running.add(10);
        running.dec();
        counts.flush(DEADLINE).await.unwrap();
    }
    running.sub(2);
    counts.close(DEADLINE).await.unwrap();
    let expected = [
        "# TYPE t_failures_total counter",
        "t_failures_total 0",
        "# HELP t_jobs_total Jobs done",
        "# TYPE t_jobs_total counter",
        "t_jobs_total{queue=\"mail\"} 4.5",
        "# TYPE t_running gauge",
        "t_running 10",
        "# HELP t_seconds How long",
        "# TYPE t_seconds histogram",
        "t_seconds_bucket{le=\"0.1\"} 0",
        "t_seconds_bucket{le=\"1.0\"} 3",
        "t_seconds_bucket{le=\"+Inf\"} 9",
        "t_seconds_sum 13.5",
        "t_seconds_count 9",
    ];
    assert_eq!(scrape(&hub, "t_").await, expected);
    hub.stop().await;
}

/// Threads that are not of any runtime count, while what they count is sent; one of them closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn threads_count_while_it_is_sent_and_nothing_is_lost() {
    const THREADS: u32 = 4;
    const TIMES: u32 = 50_000;
    let hub = start().await;
    let client = hub.builder().ca_file(hub.hub.ca_file().unwrap());
    let counts = Counts::builder(client)
        .interval(Duration::from_millis(1))
        .start()
        .unwrap();
    let counting = thread::spawn(move || {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let (whole, part) = (counts.counter("whole_total", []), counts.counter("part_total", []));
                    let (gauge, histogram) = (counts.gauge("gauge", []), counts.histogram("histogram", []));
                    for round in 0..TIMES {
                        whole.inc();
                        part.add(0.5);
                        gauge.add(if round % 2 == 0 { 3 } else { -1 });
                        histogram.observe(round % 16);
                    }
                });
            }
        });
        counts.close_blocking(DEADLINE)
    });
    tokio::task::spawn_blocking(|| counting.join().unwrap())
        .await
        .unwrap()
        .unwrap();
    let all = f64::from(THREADS * TIMES);
    assert_eq!(hub.hub.read("whole_total").unwrap(), all);
    assert_eq!(hub.hub.read("part_total").unwrap(), all / 2.0);
    assert_eq!(hub.hub.read("gauge").unwrap(), all);
    let exposed = scrape(&hub, "histogram").await;
    assert!(exposed.contains(&format!("histogram_count {all}")), "{exposed:?}");
    assert!(exposed.contains(&format!("histogram_sum {}", all * 7.5)), "{exposed:?}");
    hub.stop().await;
}

/// A value that is set and what is added to it afterwards belong together, whenever it is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_gauge_that_is_set_and_added_to_while_it_is_sent_is_right() {
    let hub = start().await;
    let client = hub.builder().ca_file(hub.hub.ca_file().unwrap());
    let counts = Counts::builder(client)
        .interval(Duration::from_millis(1))
        .start()
        .unwrap();
    let gauge = counts.gauge("gauge", []);
    tokio::task::spawn_blocking(move || {
        for value in 0..100_000 {
            gauge.add(5);
            gauge.set(value);
            gauge.add(2);
            gauge.sub(0.5);
        }
    })
    .await
    .unwrap();
    counts.close(DEADLINE).await.unwrap();
    assert_eq!(hub.hub.read("gauge").unwrap(), 100_000.5);
    hub.stop().await;
}

#[tokio::test]
async fn what_the_hub_refuses_is_reported_and_the_rest_arrives() {
    let hub = start().await;
    hub.client().create("a_gauge", "").await.unwrap();
    let refused = Arc::new(Mutex::new(Vec::new()));
    let seen = refused.clone();
    let counts = quiet(&hub)
        .series_max(12)
        .on_refused(move |item| seen.lock().unwrap().push(item.to_string()))
        .start()
        .unwrap();
    let told = || {
        let mut told = std::mem::take(&mut *refused.lock().unwrap());
        told.sort();
        told
    };
    counts.counter("a_gauge", [("a", "b")]).add(2);
    counts.counter("metric_nexus_x", []).inc();
    counts.counter("no name", [("a", ""), ("le", "\n")]).inc();
    counts.counter("", []).inc();
    counts.counter("twice", [("a", "1"), ("a", "2")]).inc();
    counts.histogram("many_values", []).observe(-1);
    counts.gauge("infinite", []).set(f64::INFINITY);
    counts.gauge("finite", []).add(f64::NAN);
    counts.counter("up_total", []).add(3);
    counts.counter("up_total", []).add(-1);
    counts.flush(DEADLINE).await.unwrap();
    let expected = [
        " +1",
        "a_gauge{a=\"b\"} +2",
        "finite 1 values",
        "metric_nexus_x +1",
        "no name{le=\"\\n\"} +1",
        "twice{a=\"1\",a=\"2\"} +1",
        "up_total 1 values",
    ];
    let mut expected = expected.map(str::to_owned);
    expected.sort();
    assert_eq!(told(), expected);
    assert_eq!(hub.hub.read("up_total").unwrap(), 3.0);
    assert_eq!(hub.hub.read("infinite").unwrap(), f64::INFINITY);

    for more in ["a", "b", "c", "d", "e"] {
        counts.counter("more_total", [("more", more)]).inc();
    }
    counts.close(DEADLINE).await.unwrap();
    assert_eq!(told(), ["more_total{more=\"d\"} +2"]);
    hub.stop().await;
}

#[tokio::test]
async fn many_series_are_sent_in_batches_of_the_client_s_size() {
    let hub = start().await;
    let client = hub.builder().ca_file(hub.hub.ca_file().unwrap());
    let small = Counts::builder(client.batch_items_max(3))
        .interval(DEADLINE)
        .start()
        .unwrap();
    for number in 0..20 {
        small.counter("many_total", [("number", &*number.to_string())]).inc();
    }
    small.close(DEADLINE).await.unwrap();
    let series = scrape(&hub, "many_total").await;
    assert_eq!(series.iter().filter(|line| line.ends_with("} 1")).count(), 20);
    hub.stop().await;
}

#[test]
fn counting_allocates_nothing_after_the_first_time() {
    let counts = Counts::builder(Client::builder("http://127.0.0.1:1"))
        .interval(DEADLINE)
        .start()
        .unwrap();
    let (counter, gauge) = (counts.counter("c", []), counts.gauge("g", []));
    let histogram = counts.histogram("h", [("a", "b")]);
    let found = allocation_counter::measure(|| {
        counter.inc();
        counter.add(0.5);
        gauge.set(1);
        gauge.add(1);
        histogram.observe(1);
        counts.histogram("h", [("a", "b")]).observe(1);
    });
    assert_eq!(found.count_total, 0);
    drop(counts);
}

#[test]
fn what_cannot_be_is_said_at_the_start() {
    let check = |builder: CountsBuilder, expected: &str| {
        let error = builder.start().unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let client = || Client::builder("http://127.0.0.1:1");
    check(
        Counts::builder(client()).interval(Duration::ZERO),
        "the interval of counts must be more than zero",
    );
    check(
        Counts::builder(client()).buckets("h", [2, 1]),
        "the buckets of \"h\": bucket bounds must rise: 1 follows 2",
    );
    check(
        Counts::builder(Client::builder("x")),
        "\"x\" is not the address of a hub: relative URL without a base",
    );
}
