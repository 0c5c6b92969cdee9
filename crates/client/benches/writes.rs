//! cargo bench -p nexus-client --bench writes
//!
//! How fast a client writes to a hub in the same process, over one HTTP/2 connection with TLS, each acknowledged write
//! durable: one at a time, many at once, in batches; and what a batch costs to encode.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::{hint::black_box, time::Duration};

use nexus_client::{Batch, Client, EncodedBatch, IdempotencyKey, Kind};
use nexus_server::Hub;
use tokio::{net::TcpListener, task::JoinSet, time::Instant};

const KEY: &str = "Hello World";
const BATCH_ITEMS: u32 = 1000;
const LONG_ENOUGH: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    encoding();
    let directory = tempfile::tempdir().unwrap();
    let hub = Hub::builder().state(directory.path()).api_key(KEY).open().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = Client::builder(url)
        .key(KEY)
        .ca_file(hub.ca_file().unwrap())
        .build()
        .unwrap();
    tokio::spawn(async move { hub.serve(listener, std::future::pending()).await });
    client.create("n", "").await.unwrap();

    for at_once in [1, 8, 64] {
        let client = client.clone();
        let (calls, seconds) = busy(at_once, move || {
            let client = client.clone();
            async move { client.increment("n").await.unwrap() }
        })
        .await;
        println!(
            "increments, {at_once} at once: {:.0} a second",
            f64::from(calls) / seconds
        );
    }

    let lines = batch().into_encoded();
    let items: Vec<&[u8]> = lines.items().collect();
    let array = EncodedBatch::from_lines([b"[".as_slice(), &items.join(b",".as_slice()), b"]"].concat());
    for (form, encoded) in [("lines", lines.clone()), ("an array", array)] {
        for at_once in [1, 4] {
            let (client, encoded) = (client.clone(), encoded.clone());
            let (calls, seconds) = busy(at_once, move || {
                let (client, encoded) = (client.clone(), encoded.clone());
                async move {
                    let key = IdempotencyKey::random().unwrap();
                    let written = client.write_encoded(&encoded, &key).await.unwrap();
                    assert_eq!(written.changes(), u64::from(BATCH_ITEMS));
                }
            })
            .await;
            println!(
                "batches of {BATCH_ITEMS} as {form}, {at_once} at once: {:.0} changes a second",
                f64::from(calls * BATCH_ITEMS) / seconds
            );
        }
    }
}

/// Counters with two labels.
fn batch() -> Batch {
    let mut batch = Batch::new();
    fill(&mut batch);
    batch
}

fn fill(batch: &mut Batch) {
    for number in 0..BATCH_ITEMS {
        let worker = number.to_string();
        let item = batch
            .metric("jobs_total")
            .label("queue", "mail")
            .label("worker", &worker);
        item.kind(Kind::Counter).add(1);
    }
}

fn encoding() {
    let mut batch = batch();
    let started = Instant::now();
    let mut rounds = 0;
    while started.elapsed() < LONG_ENOUGH / 3 {
        batch.clear();
        fill(black_box(&mut batch));
        rounds += 1;
    }
    let ns = started.elapsed().as_nanos() / (rounds * u128::from(BATCH_ITEMS));
    let bytes = batch.encoded_len() / batch.len();
    println!("a change with two labels: {ns} ns to add to a batch, {bytes} bytes");
    let started = Instant::now();
    (0..100_000).for_each(|_| drop(black_box(IdempotencyKey::random().unwrap())));
    println!("an idempotency key: {} ns", started.elapsed().as_nanos() / 100_000);
}

/// Keeps as many calls under way for a while; how many were made, and in how many seconds.
async fn busy<F: Future<Output = ()> + Send + 'static>(
    at_once: usize,
    call: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> (u32, f64) {
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        let call = call.clone();
        workers.spawn(async move {
            let mut calls = 0_u32;
            while started.elapsed() < LONG_ENOUGH {
                call().await;
                calls += 1;
            }
            calls
        });
    }
    let calls = workers.join_all().await.into_iter().sum();
    (calls, started.elapsed().as_secs_f64())
}
