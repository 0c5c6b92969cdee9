//! `metric-nexus serve`.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Failure, banner, logging};
use crate::{
    cli::{EXIT_FAILURE, Failure as Refused},
    config::{Config, Overrides, process_environment},
    hub::{Hub, Started, bind, process},
    shutdown,
};

/// Runs the hub until a signal ends it.
pub(super) fn run(flags: &Overrides) -> ExitCode {
    let done = load(flags).and_then(|config| {
        logging::start(&config.log);
        process::raise_open_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.map_err(|error| Failure::of(&error))?.block_on(serve(config))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "metric-nexus: {}", failure.text);
            failure.code.into()
        }
    }
}

fn load(flags: &Overrides) -> Result<Config, Failure> {
    Config::find_and_load(flags, &process_environment).map_err(|errors| Refused::from(errors).into())
}

async fn serve(config: Config) -> Result<(), Failure> {
    // The signals count from here on, so that none of them ends the process while the state is being read.
    let signals = tokio::spawn(shutdown::signals());
    let hangups = signal(SignalKind::hangup()).map_err(|error| Failure::of(&error))?;
    let listeners = bind(&config.listen).await.map_err(|text| Failure {
        text,
        code: EXIT_FAILURE,
    })?;
    let terminal = io::stdout().is_terminal();
    let opened = tokio::task::spawn_blocking(move || Hub::open(config, terminal)).await;
    let Started { hub, first_key } = opened
        .map_err(|error| Failure::of(&error))?
        .map_err(|error| Failure::of(&error))?;
    banner::print(&hub, &listeners, first_key.as_ref());
    let reload = tokio::spawn(reload_on_hangup(hangups, hub.clone()));
    hub.serve_on(listeners, async move {
        match signals.await {
            Ok(Ok(signal)) => tracing::info!(signal, "stopping"),
            Ok(Err(error)) => tracing::error!(%error, "cannot wait for signals: stopping"),
            Err(error) => tracing::error!(%error, "cannot wait for signals: stopping"),
        }
    })
    .await;
    reload.abort();
    hub.close().await.map_err(|error| Failure::of(&error))?;
    tracing::info!("stopped");
    Ok(())
}

/// SIGHUP reloads changed keys, certificate and limits, as operators are used to.
async fn reload_on_hangup(mut hangups: Signal, hub: Hub) {
    while hangups.recv().await.is_some() {
        let hub = hub.clone();
        // What went wrong is in the log.
        let _ = tokio::task::spawn_blocking(move || hub.reload()).await;
    }
}
