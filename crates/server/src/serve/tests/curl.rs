//! HTTP/2 and the strict verification of OpenSSL, by a client that has both.

use super::*;

use std::process::Output;
use tokio::process::Command;

/// Runs curl, trusting our authority alone. `None`, loudly, where there is no curl.
async fn curl(served: &Served, arguments: &[&str], path: &str) -> Option<Output> {
    let ca = served.tls.as_ref().unwrap().ca_path().unwrap();
    let url = format!("https://{}{path}", served.address);
    let mut command = Command::new("curl");
    command.arg("-sS").arg("--cacert").arg(ca).args(arguments).arg(url);
    match timeout(DEADLINE, command.kill_on_drop(true).output()).await.unwrap() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("SKIPPED, nothing was tested: cannot run curl: {error}");
            None
        }
    }
}

/// What curl says to this, and the version of HTTP it was said in.
async fn check(served: &Served, arguments: &[&str], path: &str, expected: &str) {
    let version = ["-w", " %{http_version}"];
    let arguments = [arguments, &version].concat();
    if let Some(output) = curl(served, &arguments, path).await {
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, expected, "{arguments:?} {path} {complaint}");
    }
}

#[tokio::test]
async fn both_versions_of_http_are_negotiated() {
    let served = Served::encrypted(patient()).await;
    check(&served, &["--http2"], "/hello", "hello 2").await;
    check(&served, &["--http1.1"], "/hello", "hello 1.1").await;
    check(&served, &["--http2", "--tls-max", "1.2"], "/hello", "hello 2").await;
    check(&served, &["--http2", "-d", "said"], "/echo", "said 2").await;
    check(&served, &["--http2", "-o", "/dev/null"], "/big", " 2").await;
}

/// How often a client is answered that could also be lucky.
const TRIES: usize = 20;

#[tokio::test]
async fn over_http2_a_refusal_reaches_a_client_that_sends_a_body() {
    let served = Served::encrypted(patient()).await;
    let large = served.directory.path().join("large");
    std::fs::write(&large, vec![b'x'; 4 << 20]).unwrap();
    let large = format!("@{}", large.display());
    for _ in 0..TRIES {
        for body in ["5", &large] {
            check(&served, &["--http2", "--data-binary", body], "/refuse", "refused 2").await;
        }
    }
}

#[tokio::test]
async fn over_http2_a_client_that_waits_for_word_is_not_left_without_an_answer() {
    let served = Served::encrypted(patient()).await;
    let expect = ["--http2", "-H", "Expect: 100-continue", "-d", "said"];
    // curl waits for a second.
    check(&served, &expect, "/echo", "said 2").await;
    // It would wait for a minute.
    let expect = [&expect[..], &["--expect100-timeout", "60"]].concat();
    check(&served, &expect, "/refuse", "refused 2").await;
}

#[tokio::test]
async fn a_panic_costs_http2_its_request_and_is_counted() {
    let served = Served::encrypted(patient()).await;
    if let Some(output) = curl(&served, &["--http2"], "/panic").await {
        assert!(!output.status.success());
        served.until(|c| &c.panics, 1).await;
    }
}

#[tokio::test]
async fn http2_requests_under_way_are_answered_before_the_end() {
    let served = Served::encrypted(patient()).await;
    let asking = check(&served, &["--http2"], "/wait", "waited 2");
    let ending = async {
        served.until_waiting().await;
        served.trigger.fire();
        served.gate.add_permits(1);
    };
    timeout(DEADLINE, async { tokio::join!(asking, ending) }).await.unwrap();
    assert_eq!(served.stop().await, Drained { cut: 0 });
}

#[tokio::test]
async fn http2_requests_that_cannot_be_answered_in_time_are_cut() {
    let served = Served::encrypted(quick()).await;
    let gate = served.gate.clone();
    let asking = curl(&served, &["--http2"], "/wait");
    let ending = async {
        served.until_waiting().await;
        served.trigger.fire();
    };
    let both = timeout(DEADLINE, async { tokio::join!(asking, ending) });
    let (Some(output), ()) = both.await.unwrap() else {
        return;
    };
    assert!(!output.status.success());
    assert_eq!(served.stop().await, Drained { cut: 1 });
    let deadline = Instant::now() + DEADLINE;
    while Arc::strong_count(&gate) > 1 {
        assert!(Instant::now() < deadline, "the request goes on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_http2_client_that_stops_reading_is_cut() {
    let served = Served::encrypted(quick()).await;
    // curl stops taking what it may not pass on: nobody reads its output.
    let ca = served.tls.as_ref().unwrap().ca_path().unwrap();
    let mut command = Command::new("curl");
    command.arg("-sSN").arg("--http2").arg("--cacert").arg(ca);
    command.arg(format!("https://{}/big", served.address));
    command.stdout(std::process::Stdio::piped()).kill_on_drop(true);
    if let Ok(_curl) = command.spawn() {
        served.until(|c| &c.answer_timeouts, 1).await;
    } else {
        eprintln!("SKIPPED, nothing was tested: cannot run curl");
    }
}
