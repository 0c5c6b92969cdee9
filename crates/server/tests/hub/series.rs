//! The JSON API: what there is, page by page, and deletion by selector.

use serde_json::{Value, json};

use crate::harness::{Hub, hub};

/// Families `a`, `b`, `c` with ten series each, and the histogram `h` with two.
async fn filled() -> Hub {
    let hub = hub().start().await;
    let mut body = String::new();
    for family in ["c", "a", "b"] {
        for n in 0..10 {
            body.push_str(&format!(
                r#"{{"op":"set","metric":"{family}","labels":{{"n":"{n}"}},"value":{n},"type":"gauge","help":"Of {family}."}}"#
            ));
        }
    }
    body.push_str(r#"{"op":"observe","metric":"h","value":1,"buckets":[1,2]}"#);
    body.push_str(r#"{"op":"observe","metric":"h","labels":{"n":"0"},"value":3}"#);
    hub.batch(body).await;
    hub
}

async fn page(hub: &Hub, target: &str) -> Value {
    let reply = hub.get(target).send().await;
    assert_eq!(reply.status, 200, "{target}: {reply}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

/// All that pages of `limit` show, each as its name and its label `n`.
async fn all(hub: &Hub, matches: &[&str], limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut request = hub.get("/api/v1/series").label("limit", &limit.to_string());
        for selector in matches {
            request = request.label("match[]", selector);
        }
        if let Some(after) = &after {
            request = request.label("after", after);
        }
        let reply = request.send().await;
        assert_eq!(reply.status, 200, "{reply}");
        let page = reply.json();
        let series = page["series"].as_array().unwrap();
        assert!(series.len() <= limit);
        found.extend(series.iter().map(|series| {
            let (name, n) = (series["name"].as_str().unwrap(), series["labels"]["n"].as_str());
            format!("{name}{}", n.unwrap_or("-"))
        }));
        match page.get("next") {
            Some(next) => after = Some(next.as_str().unwrap().to_owned()),
            None => return found,
        }
    }
}

#[tokio::test]
async fn pages_show_every_series_exactly_once() {
    let hub = filled().await;
    let expected: Vec<String> = ["a", "b", "c"]
        .iter()
        .flat_map(|family| (0..10).map(move |n| format!("{family}{n}")))
        .chain(["h-".to_owned(), "h0".to_owned()])
        .collect();
    for limit in [1, 3, 10, 31, 32, 33, 10_000] {
        assert_eq!(all(&hub, &[], limit).await, expected, "{limit}");
    }
    for (matches, expected) in [
        (&["a"][..], &expected[..10]),
        (&["b", "a"], &expected[..20]),
        (&[r#"{__name__=~"a|b"}"#], &expected[..20]),
        (&[r#"{__name__=~".+",n=""}"#], &expected[30..31]),
        (&["h_bucket"], &expected[30..]),
        (
            &[r#"{n="0",__name__!="a"}"#, r#"c{n="0"}"#],
            &["b0".into(), "c0".into(), "h0".into()],
        ),
        (
            &[r#"a{n=~"[0-2]"}"#, r#"a{n!~"[^2-3]"}"#],
            &["a0".into(), "a1".into(), "a2".into(), "a3".into()],
        ),
        (&["nothing"], &[]),
    ] {
        for limit in [1, 7, 1000] {
            assert_eq!(all(&hub, matches, limit).await, expected, "{matches:?} {limit}");
        }
    }
}

#[tokio::test]
async fn what_goes_away_between_two_pages_hides_nothing_else() {
    let hub = filled().await;
    let first = page(&hub, "/api/v1/series?limit=5").await;
    let next = first["next"].as_str().unwrap();
    hub.check("DELETE /a?n=4", "", "204").await;
    hub.check("DELETE /a?n=7", "", "204").await;
    hub.check("DELETE /b", "", "204").await;
    let rest = hub.get("/api/v1/series").label("after", next).send().await.json();
    let rest: Vec<&str> = rest["series"]
        .as_array()
        .unwrap()
        .iter()
        .map(|series| series["name"].as_str().unwrap())
        .collect();
    assert_eq!(rest, [&["a"; 4][..], &["c"; 10], &["h"; 2]].concat());
}

#[tokio::test]
async fn a_series_is_described_whole() {
    let hub = hub().start().await;
    hub.batch(
        r#"[{"op":"set","metric":"g","labels":{"a":"é\"\\\n"},"value":"NaN","type":"gauge"},
            {"op":"set","metric":"g","value":"-Inf"},
            {"op":"observe","metric":"h","value":1.5,"buckets":[1,2]}]"#,
    )
    .await;
    let series = page(&hub, "/api/v1/series").await["series"].clone();
    let described: Vec<Value> = series
        .as_array()
        .unwrap()
        .iter()
        .map(|series| {
            let (created, changed) = (
                series["created_ms"].as_u64().unwrap(),
                series["changed_ms"].as_u64().unwrap(),
            );
            assert!(created > 1_600_000_000_000 && changed >= created, "{series}");
            let mut series = series.clone();
            let fields = series.as_object_mut().unwrap();
            fields.remove("created_ms");
            fields.remove("changed_ms");
            series
        })
        .collect();
    assert_eq!(
        described,
        [
            json!({"name": "g", "labels": {}, "value": "-Inf", "owner": "admin"}),
            json!({"name": "g", "labels": {"a": "é\"\\\n"}, "value": "NaN", "owner": "admin"}),
            json!({"name": "h", "labels": {}, "owner": "admin", "histogram": {"count": 1, "sum": 1.5, "buckets":
                [{"le": "1.0", "count": 0}, {"le": "2.0", "count": 1}, {"le": "+Inf", "count": 1}]}}),
        ]
    );
}

#[tokio::test]
async fn families_are_listed_page_by_page() {
    let hub = filled().await;
    let names = |page: &Value| -> Vec<String> {
        let families = page["families"].as_array().unwrap().iter();
        families
            .map(|family| family["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let whole = page(&hub, "/api/v1/families").await;
    assert_eq!(
        (names(&whole), whole.get("next")),
        (vec!["a".into(), "b".into(), "c".into(), "h".into()], None)
    );
    let mut family = whole["families"][3].clone();
    assert!(family["created_ms"].as_u64().unwrap() > 1_600_000_000_000);
    family.as_object_mut().unwrap().remove("created_ms");
    assert_eq!(
        family,
        json!({"name": "h", "type": "histogram", "help": "", "unit": "", "buckets": [1.0, 2.0], "series": 2})
    );
    let first = page(&hub, "/api/v1/families?limit=3").await;
    assert_eq!((names(&first).len(), first["next"].as_str()), (3, Some("c")));
    let second = page(&hub, "/api/v1/families?limit=3&after=c").await;
    assert_eq!((names(&second), second.get("next")), (vec!["h".into()], None));
    assert_eq!(names(&page(&hub, "/api/v1/families?limit=4").await).len(), 4);
    assert_eq!(page(&hub, "/api/v1/families?limit=4").await.get("next"), None);
    assert_eq!(names(&page(&hub, "/api/v1/families?prefix=b").await), ["b"]);
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let hub = filled().await;
    for (request, expected) in [
        (
            "GET /api/v1/series?match=a",
            "400 unknown parameter \"match\": this endpoint knows match[], after, limit\n",
        ),
        ("GET /api/v1/series?prefix=a", "400 unknown parameter \"prefix\"…\n"),
        (
            "GET /api/v1/families?match[]=a",
            "400 unknown parameter \"match[]\": this endpoint knows prefix, after, limit\n",
        ),
        (
            "GET /api/v1/families?limit=1&limit=2",
            "400 parameter limit is given more than once\n",
        ),
        (
            "GET /api/v1/series?limit=0",
            "400 limit \"0\" is not a number from 1 to 10000\n",
        ),
        ("GET /api/v1/series?limit=10001", "400 limit \"10001\"…\n"),
        ("GET /api/v1/series?limit=-1", "400 limit \"-1\"…\n"),
        ("GET /api/v1/series?limit=", "400 limit \"\"…\n"),
        (
            "GET /api/v1/series?after=a",
            "400 after \"a\" is not the `next` of a page of this hub: begin again without `after`\n",
        ),
        (
            "GET /api/v1/series?after=0:3:a",
            "400 after \"0:3:a\" is a place in the memory of an older hub (slab:offset:name)…: begin again without `after`\n",
        ),
        (
            "GET /api/v1/series?after=AmH_",
            "400 after \"AmH_\" is a cursor of version 2, and this hub knows version 1: begin again without `after`\n",
        ),
        ("GET /api/v1/series?match[]=", "400 …"),
        ("GET /api/v1/series?match[]={}", "400 …"),
        ("GET /api/v1/series?match[]=a{", "400 …"),
        ("GET /api/v1/series?match[]={n=~%22(%22}", "400 …"),
        ("GET /api/v1/series?match[]=a+b", "400 …"),
        ("DELETE /api/v1/series", "400 match[] is missing: say which series\n"),
        (
            "DELETE /api/v1/series?dry_run=true",
            "400 match[] is missing: say which series\n",
        ),
        ("DELETE /api/v1/series?match[]={}", "400 …"),
        ("DELETE /api/v1/series?match[]=a&match[]=b{", "400 …"),
        (
            "DELETE /api/v1/series?match[]=a&dry_run=maybe",
            "400 dry_run \"maybe\" is neither true nor false\n",
        ),
        (
            "DELETE /api/v1/series?match[]=a&dry-run=true",
            "400 unknown parameter \"dry-run\"…\n",
        ),
        (
            "DELETE /api/v1/series?match[]=a&dry_run=true&dry_run=false",
            "400 parameter dry_run is given more than once\n",
        ),
        (
            "GET /__metrics?match=a",
            "400 unknown parameter \"match\": this endpoint knows prefix, match[]\n",
        ),
        ("GET /__metrics?match[]=a{", "400 …"),
    ] {
        hub.check(request, "", expected).await;
    }
    assert_eq!(all(&hub, &[], 1000).await.len(), 32);
}

#[tokio::test]
async fn a_dry_run_says_what_a_deletion_would_do() {
    let hub = filled().await;
    let delete = async |matches: &[&str], dry_run: &str| {
        let mut request = hub.delete("/api/v1/series");
        for selector in matches {
            request = request.label("match[]", selector);
        }
        if !dry_run.is_empty() {
            request = request.label("dry_run", dry_run);
        }
        request.send().await.json()
    };
    for (matches, count, left) in [
        (&["nothing"][..], 0, 32),
        (&[r#"a{n="0"}"#], 1, 31),
        (&[r#"a{n=~"[12]"}"#, r#"{n="1"}"#], 4, 27),
        (&["b"], 9, 18),
        (&["h"], 2, 16),
        (&[r#"c{n!=""}"#], 9, 7),
        (&[r#"{__name__=~".+"}"#], 7, 0),
    ] {
        for dry in ["true", "1"] {
            let would = delete(matches, dry).await;
            assert_eq!(
                (&would["deleted"], &would["dry_run"]),
                (&json!(count), &json!(true)),
                "{matches:?}"
            );
            let listed = would.get("series").map_or(0, |series| series.as_array().unwrap().len());
            assert_eq!(listed, count, "{would}");
        }
        let did = delete(matches, if count % 2 == 0 { "false" } else { "" }).await;
        assert_eq!(did, json!({"deleted": count, "dry_run": false}), "{matches:?}");
        assert_eq!(all(&hub, &[], 1000).await.len(), left, "{matches:?}");
    }
    // A selector that looks at names only takes the metric too; one that looks at labels leaves it, even empty.
    let families = page(&hub, "/api/v1/families").await;
    assert_eq!(families, json!({"families": []}));
}

#[tokio::test]
async fn an_emptied_metric_stays_until_it_is_deleted() {
    let mut hub = filled().await;
    hub.check(
        "DELETE /api/v1/series?match[]=a{n!=%22%22}",
        "",
        "200 {\"deleted\":10,…",
    )
    .await;
    hub.check("PUT /a/inc?n=1", "", "204").await;
    hub.check("DELETE /api/v1/series?match[]=a{n!=%22%22}", "", "200 {\"deleted\":1,…")
        .await;
    for _ in 0..2 {
        hub.check(
            "GET /api/v1/families?prefix=a",
            "",
            "200 …\"help\":\"Of a.\"…\"series\":0…",
        )
        .await;
        hub.check("GET /__metrics?prefix=a", "", "200").await;
        hub.check("PUT /a/observe", "1", "409 …").await;
        hub.crash().await;
    }
    hub.check("DELETE /a", "", "204").await;
    hub.check("GET /api/v1/families?prefix=a", "", "200 {\"families\":[]}")
        .await;
}

#[tokio::test]
async fn the_hub_tells_how_it_is() {
    let hub = filled().await;
    let status = page(&hub, "/api/v1/hub").await;
    for (field, expected) in [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("durability", json!("sync")),
        ("families", json!(4)),
        ("series", json!(32)),
        ("own_series", json!(32)),
        ("clients", json!(1)),
        ("sequence", json!(32)),
        ("snapshot_at_ms", json!(0)),
    ] {
        assert_eq!(status[field], expected, "{field}: {status}");
    }
    assert_eq!(status.get("read_only"), None);
    assert!(status["journal_bytes"].as_u64().unwrap() > 100, "{status}");
    let taken = hub.post("/api/v1/admin/snapshot").send().await.json();
    assert_eq!(taken["sequence"], 32, "{taken}");
    let status = page(&hub, "/api/v1/hub").await;
    assert_eq!(
        (&status["snapshot_sequence"], &status["journal_bytes"]),
        (&json!(32), &json!(0))
    );
    assert!(status["snapshot_at_ms"].as_u64() >= status["started_ms"].as_u64());
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let hub = hub().start().await;
    let document = page(&hub, "/api/v1/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    for path in [
        "/{metric}",
        "/{metric}/{verb}",
        "/__metrics",
        "/api/v1/batch",
        "/api/v1/series",
        "/api/v1/families",
        "/api/v1/hub",
        "/-/reload",
    ] {
        assert!(paths.contains_key(path), "{path}");
    }
}
