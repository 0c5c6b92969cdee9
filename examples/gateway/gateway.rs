//! All parts, from the start to the end.

use std::{fs, io::Write, sync::Arc, time::Duration};

use anyhow::Context;
use nexus_throttle::{Direction, Limiter};
use nexus_usage::{Checkpoints, Usage};
use nexus_usage_log::{
    Retention, SqliteSink, UsageLog,
    layer::{LayerSettings, UsageLogLayer},
};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use crate::{account::Account, args::Serve, keys, keys::Keyring, progress, proxy::Proxy, serve::serve, signals};

/// How long it may take to keep what was counted.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);
/// How long the tasks of connections that were cut may take to let their bodies go.
const CUT_PATIENCE: Duration = Duration::from_secs(1);

/// Runs a gateway until it is told to end.
///
/// It prints `listens on ADDRESS` when it does, and at its end one line of JSON for each key.
pub(crate) async fn run(settings: Serve) -> anyhow::Result<()> {
    let state = &settings.state;
    let cannot = || format!("cannot keep state in {}", state.display());
    fs::create_dir_all(state).with_context(cannot)?;
    // The log's file is locked: a second gateway on the same state ends here.
    let sink = SqliteSink::open(state.join("usage-log.db"), Retention::default())?;
    let log = UsageLog::open(nexus_usage_log::Settings::spill(state.join("usage-spool")), sink)?;
    let usage = Usage::open(nexus_usage::Settings {
        checkpoints: Some(Checkpoints::open(state.join("usage.db")).await.with_context(cannot)?),
        overrun_bytes_max: settings.overrun_bytes,
        ..nexus_usage::Settings::default()
    });
    let usage = usage.await?;
    say_crashes(&usage, &log);
    forget_writers(&usage).await;

    let server = Limiter::new();
    for direction in Direction::BOTH {
        server.set_limits(direction, settings.bandwidth.into());
    }
    let (under_way, all_done) = mpsc::channel(1);
    let keyring = open_accounts(&settings, &usage, &server)?;
    let accounts: Vec<Arc<Account>> = keyring.all().cloned().collect();
    let proxy = Proxy::new(&settings, keyring, under_way);
    let mut layer_settings = LayerSettings::default();
    layer_settings.service = settings.upstream.as_str().into();
    let layer = UsageLogLayer::new(log.clone(), layer_settings);

    let cannot = || format!("cannot listen on {}", settings.listen);
    let listener = TcpListener::bind(settings.listen).await.with_context(cannot)?;
    let stop = signals::stop().context("cannot listen to signals")?;
    writeln!(std::io::stdout(), "listens on {}", listener.local_addr()?)?;

    let progress = tokio::spawn(progress::each_second(usage.clone(), server));
    let cut = serve(listener, &settings, proxy, layer, stop).await;
    progress.abort();
    close(usage, log, all_done).await?;
    if cut > 0 {
        tracing::warn!(cut, "connections were cut, since they were busy for too long");
    }
    progress::summary(&accounts, &mut std::io::stdout())?;
    Ok(())
}

fn open_accounts(settings: &Serve, usage: &Usage, server: &Limiter) -> anyhow::Result<Keyring<Account>> {
    let keys = keys::read(&settings.keys)?.into_iter().map(|key| {
        let account = Account::open(&key, usage, server).with_context(|| format!("the key {}", key.name))?;
        Ok((key, Arc::new(account)))
    });
    Keyring::new(keys.collect::<anyhow::Result<Vec<_>>>()?)
}

/// What gateways before this one may have lost, since they were killed.
fn say_crashes(usage: &Usage, log: &UsageLog) {
    for at in usage.status().crashed {
        tracing::warn!(
            unix_ms = at.millis(),
            "a gateway before was killed; its usage is counted up to this moment"
        );
    }
    for gap in log.crash_gaps() {
        let lost_max = gap.last_possible.saturating_sub(gap.last);
        tracing::warn!(
            lost_max,
            "a gateway before was killed; of its last 10 ms at most so many records are lost"
        );
    }
}

/// Each start is a writer of its own in the usage's file. Of months in which nothing is counted any more, they become one.
async fn forget_writers(usage: &Usage) {
    let Some(ledger) = usage.ledger() else { return };
    if let Err(error) = ledger.compact(usage.current_period().previous().previous()).await {
        tracing::warn!(%error, "cannot fold the usage of months that are over");
    }
}

/// Keeps what was counted; first of all, what is cut must be.
async fn close(usage: Usage, log: UsageLog, mut all_done: mpsc::Receiver<()>) -> anyhow::Result<()> {
    if timeout(CUT_PATIENCE, all_done.recv()).await.is_err() {
        tracing::warn!("some bodies are still under way, and not counted");
    }
    if usage.close(CLOSE_PATIENCE).await.checkpoint_failed {
        tracing::error!("what was used last could not be kept");
    }
    // Whoever opened a file closes it, so that nothing is left in its write-ahead log.
    if let Some(ledger) = usage.ledger() {
        ledger.close().await;
    }
    let counts = tokio::task::spawn_blocking(move || log.close(CLOSE_PATIENCE)).await?;
    if counts.pending + counts.dropped.total() > 0 {
        tracing::warn!(
            ?counts,
            "not all records are in the usage log; what is pending is stored at the next start"
        );
    }
    Ok(())
}
