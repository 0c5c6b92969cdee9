//! What is tried again, and that it is done once.

use std::time::Duration;

use nexus_client::{Batch, Builder, Client, IdempotencyKey, Kind};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    harness::{Running, reaches, start, start_at, start_plain},
    mortal::Mortal,
    proxy::{Fault, Proxy},
};

/// A hub of each sort, with a proxy before it.
async fn hubs() -> [(Running, Proxy); 2] {
    let (plain, tls) = (start_plain().await, start().await);
    let proxies = (Proxy::before(plain.address).await, Proxy::before(tls.address).await);
    [(plain, proxies.0), (tls, proxies.1)]
}

/// A client that reaches the hub through the proxy.
fn builder(hub: &Running, proxy: &Proxy) -> Builder {
    let builder = hub.builder_at(proxy.address);
    match hub.hub.ca_file() {
        Some(ca) => builder.ca_file(ca),
        None => builder,
    }
}

#[tokio::test]
async fn what_was_done_although_its_answer_was_lost_is_done_once() {
    for (hub, proxy) in hubs().await {
        let client = builder(&hub, &proxy).build().unwrap();
        let jobs = client.metric("jobs_total").kind(Kind::Counter);
        let gone = client.metric("gone").label("a", "b").kind(Kind::Gauge);
        let mut batch = Batch::new();
        batch.add("jobs_total", 100);
        jobs.create().await.unwrap();
        gone.create().await.unwrap();

        for _ in 0..3 {
            proxy.lose_next_answer();
            jobs.increment().await.unwrap();
        }
        proxy.lose_next_answer();
        jobs.add(10).await.unwrap();
        proxy.lose_next_answer();
        let written = client.write(&batch).await.unwrap();
        assert!(written.is_replay());
        assert_eq!(written.changes(), 1);
        // The answer is that of the try that was lost.
        proxy.lose_next_answer();
        assert!(client.create("other", "").await.unwrap());
        proxy.lose_next_answer();
        gone.delete().await.unwrap();
        proxy.lose_next_answer();
        assert_eq!(jobs.read().await.unwrap(), 113.0);

        assert_eq!(proxy.harmed(), 8);
        // Reading has no key.
        assert_eq!(hub.replays().await, 7.0);
        hub.stop().await;
    }
}

#[tokio::test]
async fn without_retries_a_lost_answer_is_an_outcome_that_nobody_knows() {
    for (hub, proxy) in hubs().await {
        let client = builder(&hub, &proxy).without_retries().build().unwrap();
        client.create("n", "").await.unwrap();
        let mut batch = Batch::new();
        batch.increment("n");
        let key = IdempotencyKey::random().unwrap();
        proxy.lose_next_answer();
        let error = client.write_with(&batch, &key).await.unwrap_err();
        assert!(error.is_outcome_unknown() && error.is_transient(), "{error}");
        assert!(
            !error.is_connect() && !error.is_timeout() && error.tries() == 1,
            "{error}"
        );
        assert!(client.write_with(&batch, &key).await.unwrap().is_replay());
        assert_eq!(client.read("n").await.unwrap(), 1.0);
        hub.stop().await;
    }
}

/// Many at once, and every few answers a connection breaks with all that is under way on it.
#[tokio::test]
async fn sums_are_exact_whatever_breaks() {
    for (hub, proxy) in hubs().await {
        let client = builder(&hub, &proxy).build().unwrap();
        client.create("n", "").await.unwrap();
        let mut workers = JoinSet::new();
        for worker in 0..8_usize {
            let (client, proxy) = (client.clone(), proxy.clone());
            workers.spawn(async move {
                let mut batch = Batch::new();
                (0..10).for_each(|_| batch.increment("n"));
                for round in 0..5 {
                    proxy.set(Fault::LoseAnswer {
                        after: (worker + round) % 4,
                    });
                    client.increment("n").await.unwrap();
                    client.write(&batch).await.unwrap();
                }
            });
        }
        while let Some(done) = workers.join_next().await {
            done.unwrap();
        }
        proxy.set(Fault::Nothing);
        assert_eq!(client.read("n").await.unwrap(), 8.0 * 5.0 * 11.0);
        assert!(proxy.harmed() > 0);
        hub.stop().await;
    }
}

#[tokio::test]
async fn a_hub_that_is_started_late_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = crate::harness::builder_at(address)
        .danger_accept_any_certificate()
        .build()
        .unwrap();
    let created = tokio::spawn(async move { client.create("m", "").await });
    // The first try has failed, or is about to.
    tokio::task::yield_now().await;
    let hub = start_at(address).await;
    assert!(created.await.unwrap().unwrap());
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_that_does_not_come_is_given_up() {
    let hub = start().await;
    let proxy = Proxy::before(hub.address).await;
    proxy.set(Fault::Refuse);
    let client = builder(&hub, &proxy).deadline(Duration::from_secs(1)).build().unwrap();
    let error = client.increment("m").await.unwrap_err();
    assert!(error.tries() >= 2 && error.is_transient(), "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("(tried {} times in ", error.tries())),
        "{error}"
    );
    hub.stop().await;
}

#[tokio::test]
async fn sums_are_exact_although_the_hub_is_killed() {
    let mut hub = Mortal::start().await;
    let proxy = Proxy::before(hub.address).await;
    let client = crate::harness::builder_at(proxy.address)
        .ca_file(&hub.ca)
        .build()
        .unwrap();
    client.create("n", "").await.unwrap();
    let mut workers = JoinSet::new();
    for _ in 0..4 {
        let client = client.clone();
        workers.spawn(async move {
            for _ in 0..100 {
                client.increment("n").await.unwrap();
            }
        });
    }
    for kill in 1..=3_u8 {
        // Some way on.
        reaches(&client, "n", f64::from(kill) * 80.0).await;
        hub.start_again().await;
        proxy.lead_to(hub.address);
    }
    while let Some(done) = workers.join_next().await {
        done.unwrap();
    }
    assert_eq!(client.read("n").await.unwrap(), 400.0);
}

/// The first tries find no answer in time, although the hub does what they ask.
#[tokio::test]
async fn sums_are_exact_although_the_hub_is_slow() {
    for (hub, proxy) in hubs().await {
        let timeout = Duration::from_millis(500);
        let client = builder(&hub, &proxy).timeout(timeout).build().unwrap();
        client.create("n", "").await.unwrap();
        proxy.set(Fault::Delay(Duration::from_secs(3600)));
        let counting = tokio::spawn({
            let client = client.clone();
            async move { client.increment("n").await }
        });
        let direct = hub.builder().danger_accept_any_certificate().build().unwrap();
        reaches(&direct, "n", 1.0).await;
        proxy.set(Fault::Nothing);
        counting.await.unwrap().unwrap();
        assert_eq!(client.read("n").await.unwrap(), 1.0);
        hub.stop().await;
    }
}

#[tokio::test]
async fn a_connection_that_died_without_a_word_is_left_for_another() {
    for (hub, proxy) in hubs().await {
        let timeout = Duration::from_millis(500);
        let client = builder(&hub, &proxy).timeout(timeout).build().unwrap();
        client.create("n", "").await.unwrap();
        proxy.silence();
        client.increment("n").await.unwrap();
        assert_eq!(client.read("n").await.unwrap(), 1.0);
        assert!(proxy.connections() > 1);
        hub.stop().await;
    }
}

#[tokio::test]
async fn a_call_that_was_dropped_can_be_repeated_under_its_key() {
    let hub = start().await;
    let proxy = Proxy::before(hub.address).await;
    let client = builder(&hub, &proxy).build().unwrap();
    client.create("n", "").await.unwrap();
    let direct: Client = hub.client();
    let mut batch = Batch::new();
    batch.increment("n");
    let key = IdempotencyKey::random().unwrap();

    proxy.set(Fault::Delay(Duration::from_secs(3600)));
    tokio::select! {
        written = client.write_with(&batch, &key) => panic!("{written:?}"),
        () = reaches(&direct, "n", 1.0) => {}
    }
    proxy.set(Fault::Nothing);
    assert!(direct.write_with(&batch, &key).await.unwrap().is_replay());
    assert_eq!(direct.read("n").await.unwrap(), 1.0);
    hub.stop().await;
}
