//! Counting while the network loses requests and answers.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use nexus_client::{Client, Counts, Kind, counts::Amount};
use tokio::{
    net::TcpListener,
    time::{self, Instant},
};

use super::{DEADLINE, quiet};
use crate::{
    harness::{KEY, builder_at, reaches, start},
    mortal::Mortal,
    proxy::{Fault, Proxy},
};

/// A port where nobody listens.
async fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// Until it is so; fails if that takes too long.
pub(super) async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    let mut ticks = time::interval(Duration::from_millis(2));
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        ticks.tick().await;
    }
}

#[tokio::test]
async fn answers_that_are_lost_after_the_hub_wrote_do_not_count_twice() {
    let hub = start().await;
    let proxy = Proxy::before(hub.address).await;
    let client = hub.builder_at(proxy.address).ca_file(hub.hub.ca_file().unwrap());
    let counts = Counts::builder(client)
        .interval(Duration::from_millis(5))
        .start()
        .unwrap();
    let (jobs, seconds) = (counts.counter("jobs_total", []), counts.histogram("seconds", []));
    let running = counts.gauge("running", []);
    for round in 1..=20 {
        counts.flush(DEADLINE).await.unwrap();
        proxy.lose_next_answer();
        jobs.inc();
        seconds.observe(1);
        running.inc();
        wait_until("an answer is lost", || proxy.harmed() == round).await;
        running.dec();
    }
    jobs.add(0.5);
    counts.close(DEADLINE).await.unwrap();
    assert_eq!(hub.hub.read("jobs_total").unwrap(), 20.5);
    assert_eq!(hub.hub.read("running").unwrap(), 0.0);
    let exposed = super::scrape(&hub, "seconds").await;
    assert!(exposed.contains(&"seconds_count 20".to_owned()), "{exposed:?}");
    hub.stop().await;
}

#[tokio::test]
async fn what_was_sent_and_not_answered_at_the_end_may_have_arrived() {
    let hub = start().await;
    let proxy = Proxy::before(hub.address).await;
    let client = hub.builder_at(proxy.address).ca_file(hub.hub.ca_file().unwrap());
    let counts = Counts::builder(client)
        .interval(Duration::from_millis(1))
        .start()
        .unwrap();
    let jobs = counts.counter("jobs_total", []);
    counts.flush(DEADLINE).await.unwrap();
    proxy.set(Fault::Delay(DEADLINE));
    jobs.add(2);
    wait_until("the hub writes", || {
        hub.hub.read("jobs_total").unwrap_or_default() == 2.0
    })
    .await;
    jobs.add(3);
    let unsent = counts.close(Duration::from_millis(20)).await.unwrap_err();
    let items = unsent
        .items()
        .iter()
        .map(|item| (item.amount(), item.may_have_arrived()));
    let expected = [(Amount::Added(2.0), true), (Amount::Added(3.0), false)];
    assert_eq!(items.collect::<Vec<_>>(), expected);
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_that_is_absent_at_first_and_killed_again_and_again() {
    let mut hub = Mortal::start().await;
    let proxy = Proxy::before(hub.address).await;
    let client = builder_at(proxy.address).ca_file(&hub.ca);
    let reader = client.clone().build().unwrap();
    reader.metric("jobs_total").kind(Kind::Counter).create().await.unwrap();
    hub.kill();
    let counts = Counts::builder(client)
        .interval(Duration::from_millis(1))
        .start()
        .unwrap();
    let jobs = counts.counter("jobs_total", []);
    for round in 0..5 {
        jobs.add(999);
        hub.start_again().await;
        proxy.lose_next_answer();
        proxy.lead_to(hub.address);
        jobs.inc();
        reaches(&reader, "jobs_total", f64::from(round * 1000 + 1)).await;
        hub.kill();
    }
    hub.start_again().await;
    proxy.lead_to(hub.address);
    counts.close(DEADLINE).await.unwrap();
    assert_eq!(reader.read("jobs_total").await.unwrap(), 5000.0);
}

#[tokio::test]
async fn what_could_not_be_sent_is_named_at_the_end() {
    let client = Client::builder(format!("http://{}", nowhere().await)).key(KEY);
    let counts = Counts::builder(client).interval(DEADLINE).start().unwrap();
    counts.counter("jobs_total", [("queue", "mail")]).add(2.5);
    counts.gauge("running", []).set(7);
    counts.histogram("seconds", []).observe_many(0.5, 4);
    let _ = counts.counter("nothing_total", []);
    let soon = Duration::from_millis(20);
    let kept = counts.flush(soon).await.unwrap_err();
    assert_eq!(kept.items().len(), 3);
    counts.counter("jobs_total", [("queue", "mail")]).inc();
    let unsent = tokio::task::spawn_blocking({
        let counts = counts.clone();
        move || counts.close_blocking(soon).unwrap_err()
    })
    .await
    .unwrap();
    assert!(
        unsent.reason().starts_with("cannot reach http://127.0.0.1:") || unsent.reason().contains("time"),
        "{unsent}"
    );
    let found = |name: &str| {
        let items = unsent.items().iter().filter(|item| item.name() == name);
        items.map(nexus_client::counts::Undelivered::amount).collect::<Vec<_>>()
    };
    let jobs = found("jobs_total").into_iter().map(|amount| match amount {
        Amount::Added(value) => value,
        other => panic!("{other}"),
    });
    assert_eq!(jobs.sum::<f64>(), 3.5);
    assert_eq!(found("running"), [Amount::Set(7.0)]);
    assert_eq!(found("seconds"), [Amount::Observed { count: 4, sum: 2.0 }]);
    assert_eq!(found("nothing_total"), []);

    // Closed is closed.
    counts.close(DEADLINE).await.unwrap();
    counts.counter("jobs_total", []).inc();
    let after = counts.flush(DEADLINE).await.unwrap_err();
    assert_eq!(
        after.to_string(),
        "1 series could not be sent: it was counted after the close: jobs_total +1"
    );
}

#[tokio::test]
async fn a_key_that_the_hub_does_not_know_ends_a_close_at_once() {
    let hub = start().await;
    let client = hub.builder().key("wrong").ca_file(hub.hub.ca_file().unwrap());
    let counts = Counts::builder(client).interval(DEADLINE).start().unwrap();
    counts.counter("jobs_total", []).add(2);
    let unsent = counts.close(DEADLINE).await.unwrap_err();
    let text = unsent.to_string();
    assert!(text.contains("API Key") && text.ends_with(": jobs_total +2"), "{text}");
    assert!(!unsent.items()[0].may_have_arrived());
    hub.stop().await;
}

#[tokio::test]
async fn dropping_waits_for_nothing_and_ends_the_thread() {
    let hub = start().await;
    let alive = Arc::new(());
    let thread: Weak<()> = Arc::downgrade(&alive);
    let counts = quiet(&hub).on_refused(move |_| drop(alive.clone())).start().unwrap();
    let jobs = counts.counter("jobs_total", []);
    drop(counts.clone());
    jobs.inc();
    counts.flush(DEADLINE).await.unwrap();
    drop(counts);
    wait_until("the thread ends", || thread.strong_count() == 0).await;
    jobs.inc();
    assert_eq!(hub.hub.read("jobs_total").unwrap(), 1.0);
    hub.stop().await;
}

#[tokio::test]
async fn a_panic_in_on_refused_is_survived() {
    let hub = start().await;
    hub.client().create("a_gauge", "").await.unwrap();
    let counts = quiet(&hub).on_refused(|item| panic!("{item}")).start().unwrap();
    counts.counter("a_gauge", []).inc();
    counts.counter("jobs_total", []).inc();
    counts.close(DEADLINE).await.unwrap();
    assert_eq!(hub.hub.read("jobs_total").unwrap(), 1.0);
    hub.stop().await;
}
