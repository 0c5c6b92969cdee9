//! Batches: made whole or not at all, and once.

use nexus_client::{Batch, EncodedBatch, IdempotencyKey, Kind};

use crate::harness::start;

#[tokio::test]
async fn a_batch_is_made_whole() {
    let hub = start().await;
    let client = hub.client();
    let mut batch = Batch::new();
    batch.create("uptime", "metric server uptime");
    batch.update("uptime", 5.5);
    batch.increment("uptime");
    batch.add("uptime", 10_u64);
    batch.subtract("uptime", 4);
    batch.decrement("uptime");
    let jobs = batch.metric("jobs_total").label("queue", "line\nend \"é\"");
    jobs.kind(Kind::Counter).help("Jobs \u{1}").unit("").add(3);
    batch.metric("job_seconds").buckets(&[0.1, 1.0]).observe(0.5);
    batch.metric("job_seconds").merge(&[1, 2, 3], 7.5);
    batch.metric("Größe.x").kind(Kind::Gauge).update(f64::INFINITY);
    batch.metric("gone").kind(Kind::Gauge).create();
    batch.delete("gone");
    let written = client.write(&batch).await.unwrap();
    assert_eq!((written.changes(), written.created(), written.deleted()), (12, 5, 1));
    assert!(!written.is_replay());
    assert_eq!(client.read("uptime").await.unwrap(), 11.5);
    let queue = client.metric("jobs_total").label("queue", "line\nend \"é\"");
    assert_eq!(queue.read().await.unwrap(), 3.0);
    hub.stop().await;
}

#[tokio::test]
async fn a_refused_batch_says_which_changes_and_makes_none() {
    let hub = start().await;
    let client = hub.client();
    client.create("gauge", "").await.unwrap();
    let mut batch = Batch::new();
    batch.increment("gauge");
    batch.increment("unknown");
    batch.increment("gauge");
    batch.observe("gauge", 1);
    let error = client.write(&batch).await.unwrap_err();
    assert!(
        error.is_not_found() && !error.is_outcome_unknown() && !error.is_transient(),
        "{error}"
    );
    let found: Vec<_> = error.items().map(|item| (item.index(), item.reason())).collect();
    assert_eq!(
        found,
        [
            (1, "there is no metric unknown"),
            (3, "gauge is a gauge: only a histogram can observe")
        ]
    );
    assert_eq!(client.read("gauge").await.unwrap(), 0.0);

    let refused: Vec<_> = error.items().map(nexus_client::RefusedItem::index).collect();
    let rest = batch.into_encoded().retain(|index| !refused.contains(&index));
    let key = IdempotencyKey::random().unwrap();
    assert_eq!(client.write_encoded(&rest, &key).await.unwrap().changes(), 2);
    assert_eq!(client.read("gauge").await.unwrap(), 2.0);

    // What cannot even be read is told in the same way.
    let mut unreadable = Batch::new();
    unreadable.increment("gauge");
    unreadable.metric("gauge").label("a", "1").label("a", "2").increment();
    unreadable.increment("");
    let error = client.write(&unreadable).await.unwrap_err();
    assert_eq!(error.status(), Some(400));
    assert_eq!(
        error.items().map(nexus_client::RefusedItem::index).collect::<Vec<_>>(),
        [1, 2]
    );
    hub.stop().await;
}

#[tokio::test]
async fn the_same_batch_under_the_same_key_is_made_once() {
    let hub = start().await;
    let client = hub.client();
    let mut batch = Batch::new();
    batch.metric("n").kind(Kind::Counter).add(3);
    let key: IdempotencyKey = "order 7, schlüssel".parse().unwrap();
    assert!(!client.write_with(&batch, &key).await.unwrap().is_replay());
    let kept = EncodedBatch::from_lines(batch.to_encoded().as_bytes().to_vec());
    let again = hub.client().write_encoded(&kept, &key).await.unwrap();
    assert!(again.is_replay());
    assert_eq!((again.changes(), again.created()), (1, 1));
    assert_eq!(client.read("n").await.unwrap(), 3.0);

    batch.increment("n");
    let error = client.write_with(&batch, &key).await.unwrap_err();
    assert_eq!((error.status(), error.tries()), (Some(422), 1));
    assert_eq!(
        error.problem().unwrap().kind(),
        "urn:metric-nexus:problem:idempotency-key-reused"
    );
    assert!(!error.is_outcome_unknown());
    hub.stop().await;
}

#[tokio::test]
async fn a_batch_has_its_bounds() {
    let hub = start().await;
    let few = hub.builder().danger_accept_any_certificate();
    let client = few.batch_items_max(2).batch_bytes_max(60).build().unwrap();
    let check = async |names: &[&str], expected: Result<u64, &str>| {
        let mut batch = Batch::new();
        names.iter().for_each(|name| batch.create(name, ""));
        match (client.write(&batch).await, expected) {
            (Ok(written), Ok(changes)) => assert_eq!(written.changes(), changes),
            (Err(error), Err(expected)) => {
                assert!(error.is_too_large(), "{error}");
                assert!(!error.is_outcome_unknown());
                assert_eq!((error.status(), error.tries()), (None, 0));
                assert!(error.to_string().contains(expected), "{error}");
            }
            (found, expected) => panic!("{names:?}: {found:?} {expected:?}"),
        }
    };
    check(&[], Ok(0)).await;
    check(&["a", "b"], Ok(2)).await;
    check(&["a", "b", "c"], Err("has 3 changes in ")).await;
    // 30 bytes each, with the line's end.
    check(&["ab", "cd"], Ok(2)).await;
    check(&["abc", "cd"], Err("in 61 bytes, and may have 2 in 60")).await;
    hub.stop().await;
}

/// A hub with smaller limits than the client believes refuses by itself.
#[tokio::test]
async fn the_hub_has_its_own_bounds() {
    let hub = start().await;
    let large = hub.builder().danger_accept_any_certificate();
    let client = large
        .batch_items_max(usize::MAX)
        .batch_bytes_max(usize::MAX)
        .build()
        .unwrap();
    let mut many = Batch::new();
    (0..=Batch::ITEMS_MAX).for_each(|_| many.increment("m"));
    let mut long = Batch::new();
    long.metric("m")
        .label("long", &"x".repeat(Batch::BYTES_MAX))
        .increment();
    for (batch, expected) in [(many, "too-many-changes"), (long, "body-too-large")] {
        let error = client.write(&batch).await.unwrap_err();
        assert!(error.is_too_large() && !error.is_outcome_unknown(), "{error}");
        let kind = error.problem().unwrap().kind();
        assert!(kind.ends_with(expected), "{error}");
    }
    hub.stop().await;
}
