//! The example that users begin with.

use std::fs;

use super::{
    EXAMPLE, eventually, has_nginx,
    hub::{FILE, LUA, Metered, free_port, text},
    load::Load,
    seconds::total,
    server::Nginx,
    service::Service,
    so,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_example_tells_the_hub_each_request_once_by_lua_and_once_by_its_logs() {
    if !has_nginx(&[]) {
        return;
    }
    const REQUESTS: u64 = 20;
    let hub = Metered::start().await;
    let (service, port) = (Service::start().await, free_port());
    let mut example = fs::read_to_string(format!("{EXAMPLE}/nginx.conf")).unwrap();
    for (told, here) in [
        ("listen 8080;", format!("listen 127.0.0.1:{port};")),
        ("127.0.0.1:8000", format!("127.0.0.1:{}", service.port)),
        ("127.0.0.1:5514", hub.repeated.clone()),
    ] {
        assert!(example.contains(told), "{told}");
        example = example.replace(told, &here);
    }
    fs::copy(&hub.trusted, hub.place.file("ca.pem")).unwrap();
    fs::copy(
        format!("{EXAMPLE}/metric_nexus.lua"),
        hub.place.file("metric_nexus.lua"),
    )
    .unwrap();
    let nginx = Nginx::start_as(&hub, service, port, &example).await;
    let received = Load::start_paced(&nginx, REQUESTS).end().await;
    let whole = (REQUESTS, received.bytes);
    eventually("the hub knows all of them", async || {
        let sums = (total(&hub.seconds(LUA).await), total(&hub.seconds(FILE).await));
        so(sums == (whole, whole), sums)
    })
    .await;
    // Also when all lines have come by syslog and by the log.
    eventually("all lines came twice", async || {
        let by_syslog = hub
            .of_source("lines_total", &hub.repeated, &[("fate", "recorded")])
            .await;
        let by_file = hub
            .of_source("lines_total", text(&hub.log), &[("fate", "recorded")])
            .await;
        so((by_syslog, by_file) == (REQUESTS, REQUESTS), (by_syslog, by_file))
    })
    .await;
    assert_eq!(total(&hub.seconds(FILE).await), whole);
    assert!(hub.was_posted_to().await);
}
