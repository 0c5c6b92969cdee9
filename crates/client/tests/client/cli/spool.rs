//! The spool, in as many processes as it is made for.

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use tokio::task::JoinSet;

use super::{DEADLINE, Shell, files, signal, start};
use crate::proxy::{Fault, Proxy};

#[tokio::test]
async fn what_is_kept_is_delivered_by_flush() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    for _ in 0..3 {
        shell
            .expect("--spool sp inc jobs queue=mail --type counter", 0, "", "")
            .await;
    }
    shell
        .expect(
            "--spool sp add jobs queue=mail 4 --type counter --json",
            0,
            "{\"spooled\":1}\n",
            "",
        )
        .await;
    assert!(
        hub.client().read("jobs").await.unwrap_err().is_not_found(),
        "nothing is sent before"
    );
    let summary = "{\"batches\":1,\"damaged\":0,\"delivered\":1,\"left\":false,\"refused\":0,\"uncertain\":0}\n";
    shell.expect("flush --spool sp --json", 0, summary, "").await;
    shell.expect("get jobs queue=mail", 0, "7\n", "").await;
    shell.expect("flush --spool sp", 0, "", "").await;
    assert_eq!(files(&shell.path("sp/batches")), Vec::<std::path::PathBuf>::new());
    assert_eq!(
        std::fs::metadata(shell.path("sp")).unwrap().permissions().mode() & 0o777,
        0o700
    );
    hub.stop().await;
}

#[tokio::test]
async fn no_hub_and_no_settings_are_needed_to_keep() {
    let shell = Shell::bare().with("METRIC_NEXUS_SPOOL", "sp");
    shell.expect("inc jobs --type counter", 0, "", "").await;
    shell.expect("inc jobs 4", 2, "", "is not a label").await;
    shell.expect("flush", 2, "", "METRIC_NEXUS_KEY is not set").await;
    shell
        .expect(
            "flush --key k --url http://127.0.0.1:1 --timeout 200ms",
            3,
            "",
            "not delivered yet: cannot reach",
        )
        .await;
    let hub = start().await;
    let shell = Shell {
        directory: shell.directory,
        ..Shell::of(&hub)
    };
    shell.expect("flush --spool sp", 0, "", "").await;
    shell.expect("get jobs", 0, "1\n", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn the_next_call_delivers_in_passing() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    shell
        .expect("--spool sp --spool-interval 0s inc jobs --type counter", 0, "", "")
        .await;
    shell
        .expect(
            "--spool sp --spool-interval 0s --spool-time 30s inc jobs --type counter",
            0,
            "",
            "",
        )
        .await;
    shell.expect("get jobs", 0, "2\n", "").await;
    shell
        .expect("--spool sp --spool-interval never inc jobs", 0, "", "")
        .await;
    shell.expect("get jobs", 0, "2\n", "").await;
    shell.expect("--spool sp --wait inc jobs", 0, "", "").await;
    shell.expect("get jobs", 0, "4\n", "").await;
    let away = "--spool sp --spool-interval 0s --spool-time 300ms --url http://127.0.0.1:1 inc jobs";
    shell.expect(away, 0, "", "not delivered yet: ").await;
    hub.stop().await;
}

#[tokio::test]
async fn what_the_hub_refuses_is_reported_and_blocks_nothing() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    shell.expect("--spool sp inc jobs --type counter", 0, "", "").await;
    shell.expect("--spool sp inc nowhere", 0, "", "").await;
    shell.expect("--spool sp inc jobs", 0, "", "").await;
    shell
        .expect("flush --spool sp", 1, "", "refused: there is no metric nowhere")
        .await;
    shell.expect("get jobs", 0, "2\n", "").await;
    let refused = files(&shell.path("sp/refused"));
    let text = std::fs::read_to_string(&refused[0]).unwrap();
    assert_eq!(
        text,
        "{\"reason\":\"there is no metric nowhere\",\"item\":{\"metric\":\"nowhere\",\"op\":\"inc\"}}\n"
    );
    shell.expect("flush --spool sp", 0, "", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_wrong_key_loses_nothing() {
    let hub = start().await;
    let shell = Shell::of(&hub);
    shell.expect("--spool sp inc jobs --type counter", 0, "", "").await;
    shell
        .expect("flush --spool sp --key wrong", 1, "", "Invalid or expired API Key")
        .await;
    shell.expect("flush --spool sp", 0, "", "").await;
    shell.expect("get jobs", 0, "1\n", "").await;
    hub.stop().await;
}

#[tokio::test]
async fn a_full_spool_says_so() {
    let shell = Shell::bare();
    let said = shell.run("--spool sp --spool-bytes-max 10 inc jobs").await;
    Shell::check(
        &said,
        1,
        "",
        "is full: 0 bytes wait to be delivered, at most 10 are kept (--spool-bytes-max)",
    );
}

/// Writers and deliverers all at once, over a line that loses answers, with deliverers that are killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_share_a_spool_and_each_record_counts_once() {
    const WRITERS: usize = 6;
    const EACH: usize = 15;
    let hub = start().await;
    let proxy = Proxy::before(hub.address).await;
    let shell = std::sync::Arc::new(Shell::of(&hub).with("METRIC_NEXUS_URL", format!("https://{}", proxy.address)));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let shell = shell.clone();
        writers.spawn(async move {
            for _ in 0..EACH {
                let line = format!("--spool sp --spool-interval 50ms inc jobs --type counter writer={writer}");
                let said = shell.run(&line).await;
                assert_eq!(said.code, Some(0), "{said:?}");
            }
        });
    }
    let mut killed = 0;
    while !writers.is_empty() {
        proxy.set(Fault::LoseAnswer { after: 3 });
        let flush = shell.spawn(&["flush", "--spool", "sp"]);
        let pause = Duration::from_millis(5 + 13 * (killed % 7));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            ended = writers.join_next() => ended.unwrap().unwrap(),
        }
        signal(&flush, "KILL");
        drop(tokio::time::timeout(DEADLINE, flush.wait_with_output()).await.unwrap());
        killed += 1;
    }
    proxy.set(Fault::Nothing);
    let said = shell.run("flush --spool sp").await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let series = hub.client().list().matching("jobs").all().await.unwrap();
    let counts: Vec<f64> = series.iter().map(|series| series.value().unwrap()).collect();
    assert_eq!(counts, [EACH as f64; WRITERS], "{killed} deliverers were killed");
    hub.stop().await;
}
