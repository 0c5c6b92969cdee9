//! What names a metric may have on the simple paths, and which belong to the hub.

use crate::harness::{Hub, hub};

/// Makes a metric by this path, and expects it under that name.
async fn check(hub: &Hub, path: &str, name: &str) {
    let reply = hub.post(path).send().await;
    assert_eq!(reply.line(), "201 Created", "{path}");
    assert_eq!(reply.header("location"), Some(format!("/{name}").as_str()), "{path}");
    hub.check(&format!("PUT {path}/inc"), "", "204").await;
    hub.check(&format!("GET /{name}"), "", "200 1").await;
    hub.check(&format!("DELETE {path}"), "", "204").await;
}

#[tokio::test]
async fn names_are_made_legal_as_metric_nexus_does() {
    let hub = hub().start().await;
    check(&hub, "/demo", "demo").await;
    check(&hub, "/My-Metric", "my_metric").await;
    check(&hub, "/my%20met%2Dric", "my_met_ric").await;
    check(&hub, "/my%2dmetric", "my_metric").await;
    check(&hub, "/a.b:c", "a_b:c").await;
    check(&hub, "/%61%62", "ab").await;
    check(&hub, "/_x", "_x").await;
    check(&hub, "/:x", ":x").await;
    check(&hub, "/-x", "_x").await;
    check(&hub, "/inc", "inc").await;
    check(&hub, "/go_goroutines", "go_goroutines").await;
    check(&hub, "/process_cpu_seconds_total", "process_cpu_seconds_total").await;
    check(&hub, "/up", "up").await;
}

#[tokio::test]
async fn names_that_cannot_be_made_legal_are_refused_on_every_verb() {
    let hub = hub().start().await;
    let not_a_name = "400 …is not a metric name: it must match [a-zA-Z_:][a-zA-Z0-9_:]*\n";
    let not_encoded = "400 the metric's name is not percent-encoded UTF-8\n";
    for (name, expected) in [
        ("1abc", not_a_name),
        ("a$b", not_a_name),
        ("a%2Fb", not_a_name),
        ("%2F%2F", not_a_name),
        ("a%00b", not_a_name),
        ("a%0Ab", not_a_name),
        ("a+b", not_a_name),
        ("%C3%A9", not_a_name),
        ("%", not_encoded),
        ("a%2", not_encoded),
        ("a%zz", not_encoded),
        ("a%ff", not_encoded),
    ] {
        for request in ["POST /N", "GET /N", "PUT /N", "PUT /N/inc", "PUT /N/add", "DELETE /N"] {
            hub.check(&request.replace('N', name), "1", expected).await;
        }
    }
    // The hub is still there, and nothing was made.
    hub.check("GET /api/v1/families", "", "200 {\"families\":[]}").await;
}

#[tokio::test]
async fn a_path_of_dots_or_slashes_ends_nothing() {
    let hub = hub().start().await;
    check(&hub, "/.", "_").await;
    check(&hub, "/%2e", "_").await;
    for (path, post, get, put, delete) in [
        ("/..", 400, 404, 400, 400),
        ("/...", 400, 404, 400, 400),
        ("//", 400, 400, 400, 400),
        ("///", 405, 405, 404, 405),
        ("//inc", 404, 404, 404, 404),
        ("//a/inc", 404, 404, 404, 404),
        ("/./", 201, 200, 204, 204),
        ("/../inc", 405, 405, 400, 405),
        ("/%2e%2e/%2e%2e/etc", 404, 404, 404, 404),
        ("/?", 404, 404, 404, 404),
        ("/??", 404, 404, 404, 404),
        ("/\u{e9}", 400, 400, 400, 400),
        ("/\u{e9}/inc", 405, 405, 400, 405),
    ] {
        for (method, expected) in [("POST", post), ("GET", get), ("PUT", put), ("DELETE", delete)] {
            let reply = hub.request(method, path).body("1").send().await;
            assert_eq!(reply.status, expected, "{method} {path}: {reply}");
        }
    }
}

#[tokio::test]
async fn names_of_the_hub_cannot_be_written() {
    let hub = hub().start().await;
    for (name, expected) in [
        ("metric_nexus_clients", "403 metric_nexus_clients is reserved: …\n"),
        ("metric_nexus_anything", "403 metric_nexus_anything is reserved: …\n"),
        ("Metric-Nexus-Clients", "403 metric_nexus_clients is reserved: …\n"),
        ("__metrics", "400 __metrics is reserved: …\n"),
        ("__x", "400 __x is reserved: …\n"),
        ("--x", "400 __x is reserved: …\n"),
    ] {
        for request in [
            "POST /N",
            "POST /N?__type__=counter",
            "PUT /N",
            "PUT /N?__type__=gauge",
            "PUT /N/inc",
            "PUT /N/add?__type__=gauge",
            "PUT /N/observe",
            "DELETE /N",
            "DELETE /N?a=b",
        ] {
            hub.check(&request.replace('N', name), "1", expected).await;
        }
    }
    hub.check("GET /metric_nexus_clients", "", "200 1").await;
}

#[tokio::test]
async fn paths_of_other_interfaces_cannot_be_metrics() {
    let hub = hub().start().await;
    for (name, purpose) in [
        ("api", "the hub's own API"),
        ("-", "the hub's own API"),
        ("ui", "the hub's page"),
        ("aggregate", "pushes that are added up"),
        ("with", "options of pushes"),
        ("v1", "OTLP"),
        (
            "opentelemetry.proto.collector.metrics.v1.MetricsService",
            "OTLP over gRPC",
        ),
        ("write", "the line protocol of InfluxDB and remote write"),
        ("query", "clients of InfluxDB"),
        ("ping", "clients of InfluxDB"),
    ] {
        let expected = format!("400 /{name} is reserved for {purpose}: choose another name, or use the JSON API\n");
        for request in ["POST /N", "GET /N", "PUT /N", "DELETE /N"] {
            hub.check(&request.replace('N', name), "1", &expected).await;
        }
        let expected = format!("404 there is nothing here (/{name} is reserved for {purpose}): see …\n");
        for request in ["PUT /N/inc", "GET /N/metrics", "POST /N/a/b"] {
            hub.check(&request.replace('N', name), "", &expected).await;
        }
    }
    hub.check("POST /metrics", "", "405 Method Not Allowed\n").await;
    hub.check("PUT /metrics/inc", "", "404 there is nothing here…\n").await;
    hub.check("PUT /metrics/job/x", "", "404 there is nothing here…\n")
        .await;
    hub.check("POST /%61pi", "", "400 /api is reserved…\n").await;
    hub.check("POST /apis", "", "201 Created").await;
    // The JSON API takes them, since there they are in nobody's way.
    hub.batch(r#"[{"op":"set","metric":"api","value":3,"type":"gauge"}]"#)
        .await;
    hub.check("GET /__metrics?prefix=api", "", "200 …\napi 3\n…").await;
}

#[tokio::test]
async fn a_metric_is_one_however_it_is_spelled_and_wherever_it_comes_in() {
    let hub = hub().start().await;
    for (made, other, plain) in [
        ("My_Jobs_total", "my-jobs.total", "my_jobs_total"),
        ("spider.kills", "Spider-Kills", "spider_kills"),
        ("näme.x", "näme-x", "näme_x"),
    ] {
        let path = |name: &str| name.replace('ä', "%C3%A4");
        let item = |op: &str, name: &str| format!(r#"[{{"op":"{op}","metric":"{name}","type":"counter"}}]"#);
        // As it is made by the one, it is found by all.
        hub.batch(item("inc", made)).await;
        hub.batch(item("inc", other)).await;
        hub.batch(item("inc", plain)).await;
        for name in [made, other, plain] {
            hub.check(&format!("PUT /{}/inc?__type__=counter", path(name)), "", "204")
                .await;
        }
        for name in [made, other, plain] {
            hub.check(&format!("GET /{}", path(name)), "", "200 6").await;
        }
        hub.check(&format!("POST /{}?__type__=counter", path(other)), "", "200 OK")
            .await;
        hub.check(
            "GET /api/v1/families",
            "",
            &format!("200 {{\"families\":[{{\"name\":\"{made}\"…"),
        )
        .await;
        hub.check(&format!("DELETE /{}", path(plain)), "", "204").await;
        hub.check(&format!("GET /{}", path(made)), "", "4…").await;
    }
    // The simple path makes it, and a batch finds it.
    hub.check("PUT /My-Jobs/inc?__type__=counter", "", "204").await;
    hub.batch(r#"[{"op":"inc","metric":"My-Jobs"},{"op":"inc","metric":"my.jobs"}]"#)
        .await;
    hub.check("GET /my_jobs", "", "200 3").await;
    hub.batch(r#"[{"op":"delete","metric":"MY_JOBS"}]"#).await;
    // Also within one batch.
    hub.batch(r#"[{"op":"inc","metric":"Ab","type":"gauge"},{"op":"inc","metric":"ab"},{"op":"inc","metric":"AB"}]"#)
        .await;
    hub.check("GET /ab", "", "200 3").await;
    hub.check("GET /api/v1/families", "", "200 {\"families\":[{\"name\":\"Ab\"…")
        .await;
}

#[tokio::test]
async fn what_would_be_shown_as_a_metric_of_the_hub_is_reserved() {
    let hub = hub().start().await;
    for (name, kind) in [
        ("metric.nexus_clients", "gauge"),
        ("metric-nexus.series", "counter"),
        ("Metric_Nexus_up", "untyped"),
        ("metric nexus/x", "gauge"),
        ("metric.nexus", "histogram"),
        ("_.x", "gauge"),
        ("-/x", "gauge"),
    ] {
        let item = format!(r#"[{{"op":"create","metric":"{name}","type":"{kind}"}}]"#);
        hub.check("POST /api/v1/batch", &item, "403 …is reserved: …").await;
    }
    let scrape = hub.get("/__metrics").header("accept", "text/plain").send().await.text();
    assert_eq!(scrape.matches("\nmetric_nexus_clients ").count(), 1);
}

#[tokio::test]
async fn a_base_address_with_a_slash_at_its_end_is_explained() {
    let hub = hub().start().await;
    for request in [
        "GET //temperature",
        "PUT //temperature",
        "PUT //c/inc",
        "DELETE //c",
        "GET //api/v1",
    ] {
        hub.check(request, "1", "404 the path begins with two slashes: …\n")
            .await;
    }
}

/// What came over from metric-nexus is in its spelling: a worker that counts on under the name with dots must hear of it.
#[tokio::test]
async fn a_name_whose_dots_were_dropped_is_named() {
    let hub = hub().start().await;
    hub.check("POST /spiderkills?__type__=counter", "", "201 Created").await;
    let said = "404 there is no metric spider_kills; metric-nexus dropped dots and called it spiderkills, …\n";
    hub.check("GET /spider.kills", "", said).await;
    hub.check("PUT /spider.kills/inc", "", said).await;
    hub.check("PUT /spider.kills/inc?__type__=counter", "", "204").await;
    hub.check("GET /spider.kills", "", "200 1").await;
    hub.check("GET /spiderkills", "", "200 0").await;
}
