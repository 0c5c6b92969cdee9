//! The simple API: metric-nexus's routes, verbs, statuses and bodies.

use crate::harness::{Hub, hub};

#[tokio::test]
async fn a_gauge_from_its_creation_to_its_end() {
    let hub = hub().start().await;
    hub.check("POST /demo", "A demo.", "201 Created").await;
    hub.check("GET /demo", "", "200 0").await;
    hub.check("PUT /demo", "5", "204").await;
    hub.check("GET /demo", "", "200 5").await;
    hub.check("PUT /demo/inc", "", "204").await;
    hub.check("PUT /demo/inc", "what stands here does not matter", "204")
        .await;
    hub.check("GET /demo", "", "200 7").await;
    hub.check("PUT /demo/dec", "", "204").await;
    hub.check("GET /demo", "", "200 6").await;
    hub.check("PUT /demo/add", "2.5", "204").await;
    hub.check("GET /demo", "", "200 8.5").await;
    hub.check("PUT /demo/sub", "10", "204").await;
    hub.check("GET /demo", "", "200 -1.5").await;
    hub.check("DELETE /demo", "", "204").await;
    hub.check("GET /demo", "", "404 there is no metric demo\n").await;
    hub.check("DELETE /demo", "", "404 there is no metric demo\n").await;
}

#[tokio::test]
async fn a_second_creation_leaves_value_and_description() {
    let hub = hub().start().await;
    hub.check("POST /demo", "First.", "201 Created").await;
    hub.check("PUT /demo", "5", "204").await;
    hub.check("POST /demo", "Second.", "200 OK").await;
    hub.check("POST /demo?__help__=Third.", "", "200 OK").await;
    hub.check("GET /demo", "", "200 5").await;
    hub.check("GET /api/v1/families", "", "200 …\"help\":\"First.\"…").await;
}

#[tokio::test]
async fn answers_have_the_headers_of_metric_nexus() {
    let hub = hub().start().await;
    let created = hub.post("/My-Metric").body("Raw UTF-8: é").send().await;
    assert_eq!(created.line(), "201 Created");
    assert_eq!(created.header("location"), Some("/my_metric"));
    assert_eq!(created.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(created.header("server"), None);

    let again = hub
        .post("/My-Metric")
        .header("content-type", "application/json")
        .send()
        .await;
    assert_eq!(again.line(), "200 OK");
    assert_eq!(again.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(again.header("location"), None);

    let set = hub.put("/my_metric").body("1").send().await;
    assert_eq!((set.line().as_str(), set.header("content-type")), ("204", None));

    let read = hub.get("/my_metric").send().await;
    assert_eq!(read.line(), "200 1");
    assert_eq!(read.header("content-type"), Some("text/plain; charset=utf-8"));
    let clients = hub.get("/metric_nexus_clients").send().await;
    assert_eq!(clients.line(), "200 1");
    assert_eq!(clients.header("content-type"), Some("text/plain; charset=utf-8"));

    let head = hub.request("HEAD", "/my_metric").send().await;
    assert_eq!(
        (head.line().as_str(), head.header("content-length")),
        ("200", Some("1"))
    );
    assert_eq!(hub.request("HEAD", "/nothing").send().await.line(), "404");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_on_every_verb() {
    let hub = hub().start().await;
    for (request, body) in [
        ("GET /m", ""),
        ("GET /m?queue=mail", ""),
        ("PUT /m", "1"),
        ("PUT /m?queue=mail", "1"),
        ("PUT /m/inc", ""),
        ("PUT /m/dec", ""),
        ("PUT /m/add", "1"),
        ("PUT /m/sub", "1"),
        ("PUT /m/observe", "1"),
        ("DELETE /m", ""),
        ("DELETE /m?queue=mail", ""),
    ] {
        hub.check(request, body, "404 there is no metric m\n").await;
    }
    // None of them made it.
    hub.check("GET /api/v1/families", "", "200 {\"families\":[]}").await;
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    async fn check(hub: &Hub, request: &str, allowed: &str) {
        let (method, target) = request.split_once(' ').unwrap();
        let reply = hub.request(method, target).send().await;
        assert_eq!(reply.line(), "405 Method Not Allowed\n", "{request}");
        let allow = reply.header("allow").unwrap();
        let mut methods: Vec<&str> = allow.split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods.join(" "), allowed, "{request}");
    }
    let hub = hub().start().await;
    for method in ["PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        check(&hub, &format!("{method} /m"), "DELETE GET HEAD POST PUT").await;
    }
    for request in ["GET /m/inc", "POST /m/inc", "DELETE /m/inc"] {
        check(&hub, request, "PUT").await;
    }
    check(&hub, "PUT /api/v1/batch", "POST").await;
    check(&hub, "POST /api/v1/series", "DELETE GET HEAD").await;
    check(&hub, "POST /api/v1/families", "GET HEAD").await;
    for request in [
        "GET /",
        "PUT /m/inc/twice",
        "GET /api/v1/nothing",
        "GET /-/nothing",
        "POST /",
    ] {
        hub.check(request, "", "404 there is nothing here…\n").await;
    }
}

#[tokio::test]
async fn a_slash_at_the_end_does_not_matter() {
    let hub = hub().start().await;
    hub.check("POST /demo/", "A demo.", "201 Created").await;
    hub.check("PUT /demo/", "5", "204").await;
    hub.check("PUT /demo/inc/", "", "204").await;
    hub.check("PUT /demo/add/?queue=mail", "5", "204").await;
    hub.check("GET /demo/", "", "200 6").await;
    hub.check("GET /demo/?queue=mail", "", "200 5").await;
    hub.check("GET /__metrics/", "", "200 …demo 6…").await;
    hub.check("DELETE /demo/", "", "204").await;
    hub.check("GET /demo", "", "404 …").await;
}

#[tokio::test]
async fn verbs_are_in_lower_case() {
    let hub = hub().start().await;
    hub.check("POST /m", "", "201 Created").await;
    for verb in ["INC", "Inc", "incr", "set", "%69nc", ""] {
        let request = format!("PUT /m/{verb}?x=1");
        let expected = if verb.is_empty() {
            "400 …\n"
        } else {
            "404 there is no operation …\n"
        };
        hub.check(&request, "", expected).await;
    }
    hub.check("GET /m", "", "200 0").await;
}

#[tokio::test]
async fn query_parameters_are_labels() {
    let hub = hub().start().await;
    hub.check("POST /jobs", "", "201 Created").await;
    hub.check("PUT /jobs/inc?queue=mail", "", "204").await;
    hub.check("PUT /jobs/add?queue=print&host=a", "2", "204").await;
    hub.check("PUT /jobs/add?host=a&queue=print", "2", "204").await;
    hub.check("PUT /jobs?queue=a+b%2Bc%26%C3%A9%22%0A", "9", "204").await;
    hub.check("GET /jobs", "", "200 0").await;
    hub.check("GET /jobs?queue=mail", "", "200 1").await;
    hub.check("GET /jobs?host=a&queue=print", "", "200 4").await;
    let odd = hub.get("/jobs").label("queue", "a b+c&é\"\n").send().await;
    assert_eq!(odd.line(), "200 9");
    // An empty value is an absent label.
    hub.check("PUT /jobs/inc?queue=", "", "204").await;
    hub.check("GET /jobs?queue=&host=", "", "200 1").await;
    hub.check(
        "GET /jobs?queue=none",
        "",
        "404 there is no series jobs{queue=\"none\"}…\n",
    )
    .await;
    for (query, expected) in [
        ("queue=a&queue=b", "400 parameter queue is given more than once\n"),
        ("queue=a&queue=a", "400 parameter queue is given more than once\n"),
        ("queue=&queue=a", "400 parameter queue is given more than once\n"),
        (
            "__type__=gauge&__type__=gauge",
            "400 parameter __type__ is given more than once\n",
        ),
        ("__ttl__=60", "400 unknown parameter __ttl__: …\n"),
        ("__name__=x", "400 unknown parameter __name__: …\n"),
        (
            "my-queue=a",
            "400 label name \"my-queue\" must match [a-zA-Z_][a-zA-Z0-9_]*\n",
        ),
        ("=a", "400 label name \"\" must match …\n"),
        ("le=1", "400 label \"le\" is reserved…\n"),
        ("quantile=1", "400 label \"quantile\" is reserved…\n"),
        ("queue=%ff", "400 the query is not percent-encoded UTF-8\n"),
        ("queue=%2", "400 the query is not percent-encoded UTF-8\n"),
    ] {
        hub.check(&format!("PUT /jobs/inc?{query}"), "", expected).await;
    }
}

#[tokio::test]
async fn without_labels_only_the_series_without_labels_is_read() {
    let hub = hub().start().await;
    hub.check("POST /jobs?queue=mail", "", "201 Created").await;
    hub.check("GET /jobs?queue=mail", "", "200 0").await;
    hub.check(
        "GET /jobs",
        "",
        "404 there is no series jobs; those that are there have labels: queue\n",
    )
    .await;
    hub.check("POST /jobs?queue=mail", "", "200 OK").await;
    hub.check("POST /jobs?queue=print", "", "201 Created").await;
    hub.check("POST /jobs", "", "201 Created").await;
    hub.check("GET /jobs", "", "200 0").await;
}

#[tokio::test]
async fn a_write_that_names_a_type_makes_the_metric() {
    let hub = hub().start().await;
    hub.check(
        "PUT /jobs_total/inc?queue=mail&__type__=counter&__help__=Jobs+done.",
        "",
        "204",
    )
    .await;
    hub.check("PUT /jobs_total/inc?queue=mail&__type__=counter", "", "204")
        .await;
    hub.check("GET /jobs_total?queue=mail", "", "200 2").await;
    hub.check("PUT /size_bytes?__type__=gauge&__unit__=bytes", "12", "204")
        .await;
    hub.check("PUT /odd/add?__type__=untyped", "3", "204").await;
    hub.check(
        "PUT /took_seconds/observe?__type__=histogram&__buckets__=0.1,1,10",
        "0.5",
        "204",
    )
    .await;
    hub.check("PUT /default_seconds/observe?__type__=histogram", "0.5", "204")
        .await;
    let families = hub.get("/api/v1/families").send().await.json();
    let row = |name: &str| {
        let families = families["families"].as_array().unwrap();
        families.iter().find(|family| family["name"] == name).unwrap().clone()
    };
    assert_eq!(row("jobs_total")["help"], "Jobs done.");
    assert_eq!(row("jobs_total")["type"], "counter");
    assert_eq!(row("size_bytes")["unit"], "bytes");
    assert_eq!(row("odd")["type"], "untyped");
    assert_eq!(row("took_seconds")["buckets"], serde_json::json!([0.1, 1.0, 10.0]));
    assert_eq!(row("default_seconds")["buckets"].as_array().unwrap().len(), 11);
    for (request, expected) in [
        ("PUT /m/inc?__type__=thing", "400 __type__: unknown type \"thing\"…\n"),
        ("PUT /m/inc?__type__=summary", "400 m cannot be of type summary…\n"),
        ("PUT /m/inc?__type__=info", "400 m cannot be of type info…\n"),
        ("PUT /m/inc?__buckets__=1", "400 __buckets__ needs __type__=histogram\n"),
        (
            "PUT /m/observe?__type__=histogram&__buckets__=2,1",
            "400 __buckets__: bucket bounds must rise…\n",
        ),
        (
            "PUT /m/observe?__type__=histogram&__buckets__=a",
            "400 \"a\" is not a number\n",
        ),
        ("PUT /m/inc?__help__=x", "404 there is no metric m\n"),
        ("GET /m", "404 there is no metric m\n"),
    ] {
        hub.check(request, "1", expected).await;
    }
}

#[tokio::test]
async fn a_metric_stays_of_its_kind() {
    let hub = hub().start().await;
    hub.check("POST /g", "", "201 Created").await;
    hub.check("POST /c?__type__=counter", "", "201 Created").await;
    hub.check("POST /h?__type__=histogram&__buckets__=1,2", "", "201 Created")
        .await;
    for (request, body, expected) in [
        (
            "POST /g?__type__=counter",
            "",
            "409 g is a gauge: it cannot be a counter\n",
        ),
        (
            "PUT /g/inc?__type__=counter",
            "",
            "409 g is a gauge: it cannot be a counter\n",
        ),
        (
            "PUT /g/observe",
            "1",
            "409 g is a gauge: only a histogram can observe\n",
        ),
        ("PUT /h", "1", "409 h is a histogram: use observe\n"),
        ("PUT /h/inc", "", "409 h is a histogram: use observe\n"),
        (
            "GET /h",
            "",
            "409 h is a histogram, not one number: read /api/v1/series?match[]=h\n",
        ),
        (
            "PUT /h/observe?__type__=histogram&__buckets__=1,3",
            "1",
            "409 h has other buckets\n",
        ),
        (
            "POST /h_sum",
            "",
            "409 h_sum would expose h_sum, which h exposes already\n",
        ),
        (
            "POST /h_bucket",
            "",
            "409 h_bucket would expose h_bucket, which h exposes already\n",
        ),
        ("PUT /c/dec", "", "409 counter c cannot go down from 0 to -1\n"),
        ("PUT /c/add", "-1", "409 counter c cannot go down from 0 to -1\n"),
        ("PUT /c/sub", "1", "409 counter c cannot go down from 0 to -1\n"),
        (
            "PUT /c?a=b",
            "-1",
            "409 counter c{a=\"b\"} cannot go down from 0 to -1\n",
        ),
        ("PUT /c", "5", "204"),
        ("PUT /c", "4", "409 counter c cannot go down from 5 to 4\n"),
        ("PUT /c", "5", "204"),
        ("PUT /c/sub", "-1", "204"),
        ("GET /c", "", "200 6"),
        ("GET /c?a=b", "", "404 there is no series c{a=\"b\"}…\n"),
        ("PUT /h/observe?__type__=histogram&__buckets__=1,2", "1", "204"),
        ("PUT /h/observe?__type__=histogram", "1", "204"),
        ("PUT /h/observe", "1", "204"),
        ("POST /g?__type__=gauge", "", "200 OK"),
    ] {
        hub.check(request, body, expected).await;
    }
}

#[tokio::test]
async fn deletion_is_of_the_metric_or_with_labels_of_one_series() {
    let hub = hub().start().await;
    hub.check("POST /jobs", "First.", "201 Created").await;
    hub.check("PUT /jobs/inc?queue=mail", "", "204").await;
    hub.check("PUT /jobs/inc?queue=print", "", "204").await;
    hub.check("DELETE /jobs?queue=mail", "", "204").await;
    hub.check(
        "DELETE /jobs?queue=mail",
        "",
        "404 there is no series jobs{queue=\"mail\"}…\n",
    )
    .await;
    hub.check(
        "GET /jobs?queue=mail",
        "",
        "404 there is no series jobs{queue=\"mail\"}…\n",
    )
    .await;
    hub.check("GET /jobs?queue=print", "", "200 1").await;
    hub.check("GET /jobs", "", "200 0").await;
    hub.check("DELETE /jobs", "", "204").await;
    hub.check("GET /jobs", "", "404 there is no metric jobs\n").await;
    hub.check("GET /jobs?queue=print", "", "404 there is no metric jobs\n")
        .await;
    // What crashed the original: the same name with another description, even another kind.
    hub.check("POST /jobs?__type__=counter", "Second.", "201 Created").await;
    hub.check("GET /jobs", "", "200 0").await;
    hub.check(
        "GET /jobs?queue=print",
        "",
        "404 there is no series jobs{queue=\"print\"}…\n",
    )
    .await;
    hub.check(
        "GET /api/v1/families",
        "",
        "200 …\"type\":\"counter\",\"help\":\"Second.\"…",
    )
    .await;
}

#[tokio::test]
async fn what_was_deleted_stays_deleted_and_what_was_made_anew_is_the_new() {
    let mut hub = hub().start().await;
    for name in ["gone", "anew", "kept"] {
        hub.check(&format!("POST /{name}"), "First.", "201 Created").await;
        hub.check(&format!("PUT /{name}"), "5", "204").await;
    }
    let snapshot = hub.post("/api/v1/admin/snapshot").send().await;
    assert_eq!(snapshot.status, 200, "{snapshot}");
    hub.check("DELETE /gone", "", "204").await;
    hub.check("DELETE /anew", "", "204").await;
    hub.check("POST /anew", "Second.", "201 Created").await;
    async fn check(hub: &Hub) {
        hub.check("GET /gone", "", "404 there is no metric gone\n").await;
        hub.check("GET /anew", "", "200 0").await;
        hub.check("GET /kept", "", "200 5").await;
        hub.check("GET /api/v1/families?prefix=anew", "", "200 …\"help\":\"Second.\"…")
            .await;
    }
    hub.crash().await;
    check(&hub).await;
    hub.restart().await;
    check(&hub).await;
    hub.crash().await;
    check(&hub).await;
}
