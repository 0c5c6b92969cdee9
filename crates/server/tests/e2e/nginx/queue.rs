//! What cannot be posted.

use super::{
    super::hub::Place,
    configuration::Queue,
    eventually, has_nginx,
    hub::{LUA, Metered},
    load::{self, Load},
    seconds::total,
    server::Nginx,
    so,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_the_queue_or_is_refused_is_counted() {
    if !has_nginx(&[]) {
        return;
    }
    let mut hub = Metered::start().await;
    hub.kill().await;
    let nginx = Nginx::start(&hub, Queue::Tight).await;
    for path in ["/refused", "/odd"] {
        load::get(nginx.port, path).await.unwrap();
    }
    Load::start(&nginx, 500).end().await;
    // A request is logged after it is answered.
    nginx.has_logged(502).await;
    let stats = nginx.stats().await;
    let (saved, dropped) = (stats["saved"], stats["dropped_full"]);
    assert!(saved > 20 && dropped > 20, "{stats:?}");
    assert_eq!((stats["waiting"], stats["sent"]), (502, 0), "{stats:?}");
    hub.restart().await;
    // What goes out of the queue is counted a moment later.
    eventually("all that was saved is sent", async || {
        let stats = nginx.stats().await;
        let is_sent = stats["waiting"] == 0 && stats["sent"] + stats["dropped_refused"] >= saved;
        so(is_sent && stats["gaps"] >= dropped, stats)
    })
    .await;
    let stats = nginx.stats().await;
    assert_eq!((stats["sent"], stats["dropped_refused"]), (saved - 1, 1), "{stats:?}");
    assert_eq!(stats["gaps"], dropped, "{stats:?}");
    assert_eq!(total(&hub.seconds(LUA).await).0, saved - 1);
    // Odd texts and labels arrive as they are; what is no UTF-8 is read as Latin-1.
    let odd = hub
        .report(&[
            "--where",
            "label.odd=true",
            "--where",
            "label.rate=0.5",
            "--group-by",
            "key",
        ])
        .await;
    assert!(odd.join("\n").starts_with("\"a\"\"\\\nÿ\",1,"), "{odd:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_posted_to_a_hub_that_is_not_verified() {
    if !has_nginx(&[]) {
        return;
    }
    let mut hub = Metered::start().await;
    // The authority of another hub.
    let other = Place::new();
    other.hub(&[]).await.kill().await;
    hub.trusted = other.file("state/tls/ca.pem");
    let nginx = Nginx::start(&hub, Queue::Ample).await;
    Load::start(&nginx, 10).end().await;
    eventually("it was tried", async || {
        let stats = nginx.stats().await;
        so(stats["failures"] > 0 && stats["saved"] == 10, stats)
    })
    .await;
    let stats = nginx.stats().await;
    assert_eq!((stats["sent"], stats["waiting"]), (0, 10), "{stats:?}");
    assert!(!hub.was_posted_to().await);
    assert_eq!(hub.seconds(LUA).await.len(), 0);
}
