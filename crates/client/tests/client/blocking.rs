//! The client of programs without a runtime.

use std::{num::NonZeroU32, thread, time::Duration};

use nexus_client::{
    Batch, Error, IdempotencyKey, Kind,
    blocking::{Client, Metric},
};

use crate::harness::{Running, start};

fn client_of(hub: &Running) -> Client {
    hub.builder()
        .ca_file(hub.hub.ca_file().unwrap())
        .build_blocking()
        .unwrap()
}

/// Every verb, as far as it is not the other client's own.
fn use_all_of(client: &Client) -> Result<(), Error> {
    assert!(client.create("uptime", "metric server uptime")?);
    client.create_update("uptime", "", 5.5)?;
    client.increment("uptime")?;
    client.add("uptime", 10)?;
    client.subtract("uptime", 4)?;
    client.decrement("uptime")?;
    assert_eq!(client.read("uptime")?, 11.5);

    let jobs: Metric = client
        .metric("jobs_total")
        .label("queue", "mail")
        .kind(Kind::Counter)
        .help("Jobs");
    jobs.increment()?;
    jobs.add(2)?;
    assert_eq!(jobs.read()?, 3.0);
    assert!(jobs.decrement().unwrap_err().is_conflict());
    client
        .metric("job_seconds")
        .buckets([0.1, 1.0])
        .unit("seconds")
        .observe(0.5)?;
    client.observe("job_seconds", Duration::from_millis(50))?;

    let mut batch = Batch::new();
    batch.increment("uptime");
    client.write(&batch)?;
    let key = IdempotencyKey::random()?;
    assert!(!client.write_with(&batch, &key)?.is_replay());
    assert!(client.write_encoded(&batch.to_encoded(), &key)?.is_replay());

    for page in [1, 2, 100] {
        let page = NonZeroU32::new(page).unwrap();
        let series = client.list().page_len(page).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<_> = series.iter().map(nexus_client::Series::name).collect();
        assert_eq!(names, ["job_seconds", "jobs_total", "uptime"]);
        let families = client
            .families()
            .page_len(page)
            .prefix("job")
            .collect::<Result<Vec<_>, _>>()?;
        assert_eq!(families.len(), 2);
    }
    let mut wrong = client.list().matching("{");
    assert_eq!(wrong.next().unwrap().unwrap_err().status(), Some(400));
    assert!(wrong.next().is_none());

    client.update("uptime", 1)?;
    client.delete("uptime")?;
    jobs.delete()?;
    assert!(client.read("uptime").unwrap_err().is_not_found());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_thread_can_use_it() {
    let hub = start().await;
    let client = client_of(&hub);
    let used = tokio::task::spawn_blocking(move || thread::spawn(move || use_all_of(&client)).join());
    used.await.unwrap().unwrap().unwrap();
    hub.stop().await;
}

/// It holds up the thread, but does not panic, neither when it is used nor when it is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_can_use_it() {
    let hub = start().await;
    let client = client_of(&hub);
    let used = tokio::spawn(async move {
        let used = use_all_of(&client);
        drop(client);
        used
    });
    used.await.unwrap().unwrap();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_share_it() {
    let hub = start().await;
    let client = client_of(&hub);
    let counted = tokio::task::spawn_blocking(move || {
        client.create("n", "").unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                let client = client.clone();
                scope.spawn(move || (0..10).for_each(|_| client.increment("n").unwrap()));
            }
        });
        client.read("n").unwrap()
    });
    assert_eq!(counted.await.unwrap(), 80.0);
    hub.stop().await;
}
