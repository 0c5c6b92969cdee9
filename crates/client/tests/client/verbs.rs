//! Each verb of the client on a real hub.

use nexus_client::Kind;

use crate::harness::start;

#[tokio::test]
async fn the_original_s_verbs() {
    let hub = start().await;
    let client = hub.client();
    assert!(client.create("uptime", "metric server uptime").await.unwrap());
    assert!(!client.create("uptime", "another description").await.unwrap());
    assert_eq!(client.read("uptime").await.unwrap(), 0.0);
    client.update("uptime", 5.5).await.unwrap();
    client.increment("uptime").await.unwrap();
    client.add("uptime", 10_u32).await.unwrap();
    client.subtract("uptime", 4).await.unwrap();
    client.decrement("uptime").await.unwrap();
    assert_eq!(client.read("uptime").await.unwrap(), 11.5);
    assert_eq!(hub.hub.read("uptime").unwrap(), 11.5);

    client.create_update("load", "of the machine", 0.25_f32).await.unwrap();
    client.create_update("load", "of the machine", -0.5).await.unwrap();
    assert_eq!(client.read("load").await.unwrap(), -0.5);

    client.delete("uptime").await.unwrap();
    assert!(client.read("uptime").await.unwrap_err().is_not_found());
    assert!(client.create("uptime", "a new description").await.unwrap());
    hub.stop().await;
}

#[tokio::test]
async fn numbers_arrive_as_they_are() {
    let hub = start().await;
    let client = hub.client();
    client.create("n", "").await.unwrap();
    for value in [
        0.1 + 0.2,
        -0.0,
        5e-324,
        f64::MAX,
        1e21,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_007_199_254_740_993.0,
    ] {
        client.update("n", value).await.unwrap();
        assert_eq!(client.read("n").await.unwrap().to_bits(), value.to_bits(), "{value}");
    }
    client.update("n", f64::NAN).await.unwrap();
    assert!(client.read("n").await.unwrap().is_nan());
    hub.stop().await;
}

#[tokio::test]
async fn names_are_the_original_s() {
    let hub = start().await;
    let client = hub.client();
    client.create("My-First metric.total", "").await.unwrap();
    client.increment("my_first_metric_total").await.unwrap();
    assert_eq!(client.read("MY FIRST METRIC TOTAL").await.unwrap(), 1.0);
    for bad in ["a/b", "1abc", "é", "a$b", "a?b", "a%b", "..."] {
        let error = client.create(bad, "").await.unwrap_err();
        assert_eq!(error.status(), Some(400), "{bad}: {error}");
    }
    for bad in ["", ".", ".."] {
        let error = client.create(bad, "").await.unwrap_err();
        assert_eq!(error.status(), None, "{bad}: {error}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_write_that_says_the_kind_makes_the_metric() {
    let hub = start().await;
    let client = hub.client();
    let jobs = client
        .metric("jobs_total")
        .label("queue", "mail")
        .kind(Kind::Counter)
        .help("Jobs & more = 100 %");
    jobs.increment().await.unwrap();
    jobs.add(3).await.unwrap();
    assert_eq!(jobs.read().await.unwrap(), 4.0);

    let down = jobs.decrement().await.unwrap_err();
    assert!(down.is_conflict(), "{down}");
    assert_eq!(down.problem().unwrap().kind(), "urn:metric-nexus:problem:counter-down");
    let other_kind = client
        .metric("jobs_total")
        .kind(Kind::Gauge)
        .update(1)
        .await
        .unwrap_err();
    assert!(other_kind.is_conflict(), "{other_kind}");

    let size = client.metric("size_bytes").kind(Kind::Gauge).unit("bytes");
    assert!(size.create().await.unwrap());
    size.update(12.5).await.unwrap();
    assert_eq!(client.read("size_bytes").await.unwrap(), 12.5);
    hub.stop().await;
}

#[tokio::test]
async fn labels_can_hold_any_text() {
    let hub = start().await;
    let client = hub.client();
    let odd = [
        "a b",
        "a+b",
        "a&b=c",
        "a/b?c#d",
        "100%",
        "%41",
        "\"quoted\"",
        "back\\slash",
        "line\nend",
        "tab\t\r",
        "é ☃ 🦀",
        ";,{}[]|^`<>",
        "__type__=gauge",
        "..",
        "\u{7f}\u{0}",
    ];
    for (count, value) in (1_u32..).zip(odd) {
        let metric = client
            .metric("odd")
            .label("value", value)
            .label("other", "x")
            .kind(Kind::Counter);
        metric.add(count).await.unwrap();
    }
    for (count, value) in (1_u32..).zip(odd) {
        let metric = client.metric("odd").label("other", "x").label("value", value);
        assert_eq!(metric.read().await.unwrap(), f64::from(count), "{value:?}");
    }
    let empty = client.metric("odd").label("value", "").kind(Kind::Counter);
    empty.increment().await.unwrap();
    assert_eq!(client.read("odd").await.unwrap(), 1.0);
    hub.stop().await;
}

#[tokio::test]
async fn deleting_means_the_series_or_all_of_them() {
    let hub = start().await;
    let client = hub.client();
    let jobs = |queue: &str| client.metric("jobs_total").label("queue", queue).kind(Kind::Counter);
    jobs("mail").increment().await.unwrap();
    jobs("web").increment().await.unwrap();
    jobs("mail").delete().await.unwrap();
    assert!(jobs("mail").read().await.unwrap_err().is_not_found());
    assert_eq!(jobs("web").read().await.unwrap(), 1.0);
    // The kind is no label: it is still the whole metric that is meant.
    client.metric("jobs_total").kind(Kind::Counter).delete().await.unwrap();
    assert!(jobs("web").read().await.unwrap_err().is_not_found());
    hub.stop().await;
}

#[tokio::test]
async fn observations_are_counted_in_buckets() {
    let hub = start().await;
    let client = hub.client();
    let seconds = client
        .metric("job_seconds")
        .label("queue", "mail")
        .buckets([0.1, 1.0])
        .help("How long jobs take");
    for value in [0.05, 0.5, 5.0] {
        seconds.observe(value).await.unwrap();
    }
    assert!(seconds.read().await.unwrap_err().is_conflict());
    assert!(client.observe("job_seconds", 1).await.is_ok());
    client.create("gauge", "").await.unwrap();
    assert!(client.observe("gauge", 1).await.unwrap_err().is_conflict());
    let rising = client
        .metric("bad_seconds")
        .buckets([2, 1])
        .observe(1)
        .await
        .unwrap_err();
    assert_eq!(rising.status(), Some(400), "{rising}");

    let exposed = hub.scrape("job_").await;
    for line in [
        "# HELP job_seconds How long jobs take",
        "# TYPE job_seconds histogram",
        "job_seconds_bucket{queue=\"mail\",le=\"0.1\"} 1",
        "job_seconds_bucket{queue=\"mail\",le=\"1.0\"} 2",
        "job_seconds_bucket{queue=\"mail\",le=\"+Inf\"} 3",
        "job_seconds_sum{queue=\"mail\"} 5.55",
        "job_seconds_count 1",
    ] {
        assert!(exposed.lines().any(|found| found == line), "{line}\n{exposed}");
    }
    hub.stop().await;
}
