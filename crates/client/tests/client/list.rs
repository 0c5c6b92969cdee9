//! Reading families and series, page by page.

use std::{
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use nexus_client::{Batch, Client, Kind, List, Series};

use crate::harness::{Running, start};

/// A counter with three series, a histogram, and a gauge without a number.
async fn hub_with_series() -> (Running, Client) {
    let hub = start().await;
    let client = hub.client();
    let mut batch = Batch::new();
    for (queue, jobs) in [("mail", 1), ("web", 2), ("a \"b\"\n", 3)] {
        batch
            .metric("jobs_total")
            .label("queue", queue)
            .kind(Kind::Counter)
            .help("Jobs done")
            .add(jobs);
    }
    let seconds = batch.metric("job_seconds").buckets(&[0.5, 1.0]).unit("seconds");
    seconds.merge(&[1, 2, 3], 7.5);
    batch.metric("odd").kind(Kind::Gauge).update(f64::NEG_INFINITY);
    client.write(&batch).await.unwrap();
    (hub, client)
}

async fn found(list: List) -> Vec<String> {
    let series = list.all().await.unwrap();
    let describe = |series: &Series| match series.label("queue") {
        Some(queue) => format!("{}/{queue}", series.name()),
        None => series.name().to_owned(),
    };
    series.iter().map(describe).collect()
}

#[tokio::test]
async fn series_come_with_what_they_hold() {
    let (hub, client) = hub_with_series().await;
    let all = client.list().all().await.unwrap();
    let [seconds, odd_queue, mail, _, odd] = &*all else {
        panic!("{all:?}");
    };
    let histogram = seconds.histogram().unwrap();
    let buckets: Vec<_> = histogram
        .buckets()
        .iter()
        .map(|bucket| (bucket.bound(), bucket.count()))
        .collect();
    assert_eq!(buckets, [(0.5, 1), (1.0, 3), (f64::INFINITY, 6)]);
    assert_eq!((histogram.sum(), histogram.count(), seconds.value()), (7.5, 6, None));
    assert_eq!((mail.value(), mail.histogram()), (Some(1.0), None));
    assert_eq!(odd_queue.labels().collect::<Vec<_>>(), [("queue", "a \"b\"\n")]);
    assert_eq!(odd.value(), Some(f64::NEG_INFINITY));
    let age = SystemTime::now().duration_since(mail.created()).unwrap_or_default();
    assert!(
        age < Duration::from_secs(600) && mail.changed() >= mail.created(),
        "{mail:?}"
    );
    assert!(!mail.owner().is_empty());
    hub.stop().await;
}

#[tokio::test]
async fn lists_are_the_same_in_pages_of_any_size() {
    let (hub, client) = hub_with_series().await;
    let all = found(client.list()).await;
    assert_eq!(
        all,
        [
            "job_seconds",
            "jobs_total/a \"b\"\n",
            "jobs_total/mail",
            "jobs_total/web",
            "odd"
        ]
    );
    for page in 1..=6 {
        let page = NonZeroU32::new(page).unwrap();
        assert_eq!(found(client.list().page_len(page)).await, all);
        let families = client.families().page_len(page).all().await.unwrap();
        assert_eq!(families.len(), 3);
    }
    hub.stop().await;
}

#[tokio::test]
async fn selectors_narrow_a_list() {
    let (hub, client) = hub_with_series().await;
    let check = async |selectors: &[&str], expected: &[&str]| {
        let list = selectors
            .iter()
            .fold(client.list(), |list, selector| list.matching(*selector));
        assert_eq!(found(list).await, expected, "{selectors:?}");
    };
    check(&["odd"], &["odd"]).await;
    check(&["nothing"], &[]).await;
    check(&[r#"{queue=~"mail|web"}"#], &["jobs_total/mail", "jobs_total/web"]).await;
    check(&[r#"jobs_total{queue="web"}"#, "odd"], &["jobs_total/web", "odd"]).await;
    check(&[r#"{queue="a \"b\"\n"}"#], &["jobs_total/a \"b\"\n"]).await;

    let error = client.list().matching("{").next().await.unwrap_err();
    assert_eq!(error.status(), Some(400), "{error}");
    hub.stop().await;
}

#[tokio::test]
async fn families_say_what_a_metric_is() {
    let (hub, client) = hub_with_series().await;
    let all = client.families().all().await.unwrap();
    let [seconds, jobs, odd] = &*all else { panic!("{all:?}") };
    assert_eq!(
        (jobs.name(), jobs.kind(), jobs.help()),
        ("jobs_total", Kind::Counter, "Jobs done")
    );
    assert_eq!((jobs.series(), jobs.unit(), jobs.buckets()), (3, "", [].as_slice()));
    assert_eq!(
        (seconds.kind(), seconds.unit(), seconds.buckets()),
        (Kind::Histogram, "seconds", [0.5, 1.0].as_slice())
    );
    assert!(odd.created() > SystemTime::UNIX_EPOCH);

    let mut prefixed = client.families().prefix("odd").prefix("jobs_");
    assert_eq!(prefixed.next().await.unwrap().unwrap(), *jobs);
    assert_eq!(prefixed.next().await.unwrap(), None);
    assert_eq!(prefixed.next().await.unwrap(), None);
    hub.stop().await;
}
