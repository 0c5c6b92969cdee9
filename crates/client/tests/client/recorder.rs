//! The recorder of the crate `metrics`.

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram, with_local_recorder,
};

use crate::{
    counts::{DEADLINE, quiet, scrape},
    harness::start,
};

#[tokio::test]
async fn what_the_macros_count_is_on_the_hub() {
    let hub = start().await;
    let counts = quiet(&hub)
        .buckets_for_prefix("app_", [1, 2])
        .buckets("app_exact_bytes", [1024])
        .start()
        .unwrap();
    with_local_recorder(&counts.recorder(), || {
        describe_counter!("app.requests_total", "Requests");
        describe_gauge!("app_load", Unit::Count, "Load");
        describe_histogram!("app_exact_bytes", Unit::Bytes, "Sizes");
        for path in ["/a", "/b", "/a"] {
            counter!("app.requests_total", "http.path" => path, "method" => "GET").increment(1);
        }
        counter!("app_absolute_total").absolute(5);
        counter!("app_absolute_total").increment(2);
        counter!("app_absolute_total").absolute(6);
        counter!("app_absolute_total").absolute(10);
        gauge!("app_load").set(2.5);
        gauge!("app_load").increment(1.0);
        gauge!("app_load").decrement(0.25);
        histogram!("app_seconds").record(1.5);
        histogram!("app_seconds").record_many(3.0, 2);
        histogram!("app_exact_bytes").record(2048);
    });
    counts.close(DEADLINE).await.unwrap();
    let expected = [
        "# TYPE app_absolute_total counter",
        "app_absolute_total 10",
        "# HELP app_exact_bytes Sizes",
        "# TYPE app_exact_bytes histogram",
        "app_exact_bytes_bucket{le=\"1024.0\"} 0",
        "app_exact_bytes_bucket{le=\"+Inf\"} 1",
        "app_exact_bytes_sum 2048",
        "app_exact_bytes_count 1",
        "# HELP app_load Load",
        "# TYPE app_load gauge",
        "app_load 3.25",
        "# HELP app_requests_total Requests",
        "# TYPE app_requests_total counter",
        "app_requests_total{http_path=\"/a\",method=\"GET\"} 2",
        "app_requests_total{http_path=\"/b\",method=\"GET\"} 1",
        "# TYPE app_seconds histogram",
        "app_seconds_bucket{le=\"1.0\"} 0",
        "app_seconds_bucket{le=\"2.0\"} 1",
        "app_seconds_bucket{le=\"+Inf\"} 3",
        "app_seconds_sum 7.5",
        "app_seconds_count 3",
    ];
    assert_eq!(scrape(&hub, "app_").await, expected);
    let families = hub.client().families().prefix("app_").all().await.unwrap();
    let units: Vec<_> = families.iter().map(|family| (family.name(), family.unit())).collect();
    for expected in [
        ("app_exact_bytes", "bytes"),
        ("app_load", ""),
        ("app_requests_total", ""),
    ] {
        assert!(units.contains(&expected), "{expected:?}: {units:?}");
    }
    hub.stop().await;
}
