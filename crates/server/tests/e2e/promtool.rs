//! Prometheus' own checks of the exposition.

use super::{
    hub::{Hub, Place},
    programs::{require, run},
};

/// Names, units, help texts and the format itself, of all that a hub shows: its own metrics, too.
#[tokio::test]
async fn promtool_has_nothing_to_say_about_the_exposition() {
    if !require(&["promtool", "curl"]) {
        return;
    }
    let hub = Place::new().hub(&[]).await;
    push(&hub).await;
    let exposition = hub.ok(&["-H", "Accept: text/plain; version=0.0.4"], "/__metrics").await;
    for name in [
        "door_open{",
        "sold_total{",
        "wait_seconds_bucket{",
        "metric_nexus_clients ",
        "metric_nexus_http_requests_total{",
    ] {
        assert!(exposition.contains(&format!("\n{name}")), "{name}: {exposition}");
    }
    let said = run("promtool", &["check", "metrics"], hub.place.path(), &exposition).await;
    assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (Some(0), "", ""));
    hub.stop().await;
}

async fn push(hub: &Hub) {
    let put = ["-X", "PUT", "-d", "1.5"];
    hub.ok(
        &put,
        "/door_open?door=%22%5C%0A%C3%A9&__type__=gauge&__help__=Whether+the+door+%5C+is%0Aopen",
    )
    .await;
    hub.ok(
        &["-X", "PUT"],
        "/sold_total/inc?what=tea&__type__=counter&__help__=Cups+sold",
    )
    .await;
    hub.ok(
        &put,
        "/wait_seconds/observe?__type__=histogram&__unit__=seconds&__buckets__=1,2&__help__=Waiting",
    )
    .await;
    for (value, path) in [
        ("NaN", "nan"),
        ("+Inf", "up"),
        ("-Inf", "down"),
        ("-0", "zero"),
        ("1e-320", "tiny"),
    ] {
        hub.ok(
            &["-X", "PUT", "-d", value],
            &format!("/odd?value={path}&__type__=gauge&__help__=Odd+ones"),
        )
        .await;
    }
}
