//! A real NGINX in front of a service: what it says to us in four ways, and what it says itself.

mod hub;
mod load;
mod server;

use crate::harness::{Seconds, World, eventually, total};
use hub::Hub;
use load::Load;
use server::Nginx;

/// How many requests the load has: 100 000 for a full run.
const REQUESTS: &str = "NEXUS_NGINX_REQUESTS";

fn requests() -> u64 {
    std::env::var(REQUESTS).map_or(3_000, |count| count.parse().unwrap())
}

/// By how many calls each second of `seconds` falls short of `whole`. It never has more, and bytes only for its calls.
fn short_of(whole: &Seconds, seconds: &Seconds) -> u64 {
    assert!(seconds.keys().all(|second| whole.contains_key(second)));
    let short = whole.iter().map(|(second, (calls, bytes))| {
        let (known_calls, known_bytes) = seconds.get(second).copied().unwrap_or_default();
        assert!(known_calls <= *calls, "second {second}: {known_calls} of {calls} calls");
        assert_eq!(known_calls == *calls, known_bytes == *bytes, "second {second}");
        calls - known_calls
    });
    short.sum()
}

/// In how many calls two logs differ. NGINX writes its logs one after the other, so a worker that is killed in between has written
/// the request to some of them and not to the others.
fn differ(one: &Seconds, other: &Seconds) -> u64 {
    let seconds: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let calls = |seconds: &Seconds, second| seconds.get(second).copied().unwrap_or_default().0;
    let differences = seconds.into_iter().map(|second| {
        let (one_calls, other_calls) = (calls(one, second), calls(other, second));
        if one_calls == other_calls {
            assert_eq!(one.get(second), other.get(second), "second {second}");
        }
        one_calls.abs_diff(other_calls)
    });
    differences.sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_says_what_nginx_says() {
    if !server::has_nginx() {
        return;
    }
    let world = World::new();
    let hub = Hub::start(&world).await;
    let nginx = Nginx::start(&world, &hub).await;
    let count = requests();
    // The first and the last numbers show whether those between are missing.
    let first = Load::start_paced(&nginx, 8).end().await;
    let load = Load::start(&nginx, count);
    load.reached(count / 2).await;
    nginx.rotate();
    let received = load.end().await;
    let last = Load::start_paced(&nginx, 8).end().await;
    let stats = nginx.stats();
    assert_eq!(stats["dropped_full"], 0, "the queue was full: {stats:?}");
    // It is logged by a worker that is ending already.
    let port = nginx.port;
    let slow = tokio::spawn(async move { load::get(port, "/slow").await.unwrap() });
    nginx.is_answering_slowly().await;
    nginx.quit().await;
    let own = nginx.own_log();
    let whole = first + received + last + slow.await.unwrap();
    let whole = (whole.calls, whole.bytes);
    assert_eq!(total(&own), whole, "what the clients received");
    for source in ["nginx-lua", "file"] {
        eventually(
            &format!("{source} has all of {whole:?}: {:?}", world.total(source)),
            || world.total(source).0 >= whole.0,
        )
        .await;
        assert_eq!(world.seconds(source), own, "{source}");
    }
    let missing = |source: &str| hub.counts()[source]["missing"].as_u64().unwrap();
    for source in ["udp", "unix"] {
        let name = format!(
            "{source} has all of {} calls but those that it misses: {}",
            whole.0,
            hub.counts()
        );
        eventually(&name, || world.total(source).0 + missing(source) == whole.0).await;
        assert_eq!(short_of(&own, &world.seconds(source)), missing(source), "{source}");
    }
    let counts = hub.counts();
    println!("{} calls, {} bytes, {} seconds, {counts}", whole.0, whole.1, own.len());
    assert_eq!(counts["tail"]["rotations"].as_u64(), Some(1));
    assert_eq!(nginx.errors(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_workers_and_a_killed_hub_cost_at_most_the_request_that_was_being_logged() {
    if !server::has_nginx() {
        return;
    }
    const KILLS: u64 = 3;
    let world = World::new();
    let mut hub = Hub::start(&world).await;
    // Room for what is asked for while the hub is gone.
    let nginx = Nginx::start_with_queue(&world, &hub, "100m").await;
    let count = requests();
    let load = Load::start(&nginx, count);
    for kill in 1..=KILLS {
        load.reached(count * kill / (KILLS + 2)).await;
        nginx.kill_worker();
        if kill == 2 {
            hub.kill();
            // A worker dies also while the hub is gone, its events in the queue.
            load.reached(count * 5 / 10).await;
            nginx.kill_worker();
            hub.restart().await;
        }
    }
    load.end().await;
    assert_eq!(nginx.stats()["dropped_full"], 0, "the queue was full");
    // Nobody is being logged now: whatever waits is in the queue.
    hub.kill();
    let last = Load::start_paced(&nginx, 20).end().await;
    assert_eq!(last.calls, 20);
    nginx.kill_worker();
    hub.restart().await;
    let own = nginx.own_log();
    for source in ["nginx-lua", "file"] {
        let enough = total(&own).0 - KILLS - 2;
        eventually(&format!("{source} has {enough}: {:?}", world.total(source)), || {
            world.total(source).0 >= enough
        })
        .await;
    }
    nginx.quit().await;
    hub.caught_up().await;
    for source in ["nginx-lua", "file"] {
        let off = differ(&own, &world.seconds(source));
        println!("{source}: {} calls, {off} off after {} kills", total(&own).0, KILLS + 2);
        assert!(off < KILLS + 2, "{source} is off by {off}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_the_queue_or_is_refused_is_counted() {
    if !server::has_nginx() {
        return;
    }
    let world = World::new();
    let mut hub = Hub::start(&world).await;
    hub.kill();
    let nginx = Nginx::start_with_queue(&world, &hub, "64k").await;
    for path in ["/refused", "/odd"] {
        load::get(nginx.port, path).await.unwrap();
    }
    Load::start(&nginx, 500).end().await;
    // A request is logged after it is answered.
    let is_logged = || nginx.stats()["saved"] + nginx.stats()["dropped_full"] == 502;
    eventually("all requests are logged", is_logged).await;
    let stats = nginx.stats();
    let (saved, dropped) = (stats["saved"], stats["dropped_full"]);
    assert!(saved > 20 && dropped > 20, "{stats:?}");
    assert_eq!((stats["waiting"], stats["sent"]), (502, 0), "{stats:?}");
    hub.restart().await;
    // What goes out of the queue is counted a moment later.
    let is_sent = || {
        let stats = nginx.stats();
        stats["waiting"] == 0 && stats["sent"] + stats["dropped_refused"] >= saved
    };
    eventually("all that was saved is sent", is_sent).await;
    let stats = nginx.stats();
    assert_eq!((stats["sent"], stats["dropped_refused"]), (saved - 1, 1), "{stats:?}");
    assert_eq!(stats["gaps"], dropped, "{stats:?}");
    assert_eq!(world.total("nginx-lua").0, saved - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_posted_to_a_hub_that_is_not_verified() {
    if !server::has_nginx() {
        return;
    }
    let world = World::new();
    let hub = Hub::start(&world).await;
    let other = rcgen::generate_simple_self_signed(vec![hub::NAME.to_owned()]).unwrap();
    std::fs::write(world.path("ca.crt"), other.cert.pem()).unwrap();
    let nginx = Nginx::start(&world, &hub).await;
    Load::start(&nginx, 10).end().await;
    let is_tried = || nginx.stats()["failures"] > 0 && nginx.stats()["saved"] == 10;
    eventually("it was tried", is_tried).await;
    let stats = nginx.stats();
    assert_eq!((stats["sent"], stats["waiting"]), (0, 10), "{stats:?}");
    assert_eq!(world.total("nginx-lua").0, 0);
}

#[test]
fn the_example_is_a_configuration() {
    if !server::has_nginx() {
        return;
    }
    let world = World::new();
    let own = rcgen::generate_simple_self_signed(vec![hub::NAME.to_owned()]).unwrap();
    std::fs::write(world.path("ca.crt"), own.cert.pem()).unwrap();
    let example = std::fs::read_to_string(format!("{}/nginx.conf", server::EXAMPLE)).unwrap();
    let listen = format!("listen 127.0.0.1:{};", hub::free_port());
    assert!(example.contains("listen 8080;"));
    std::fs::write(world.path("nginx.conf"), example.replace("listen 8080;", &listen)).unwrap();
    let mut nginx = std::process::Command::new("nginx");
    nginx
        .arg("-t")
        .arg("-p")
        .arg(world.directory.path())
        .args(["-c", "nginx.conf", "-e", "error.log"]);
    let said = nginx.output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}
