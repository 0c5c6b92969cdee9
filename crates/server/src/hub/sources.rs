//! All that runs while a hub serves: the listeners, what follows logs, the tasks in the background. One table: adding one is
//! adding a row.
//!
//! They begin together, and all hear of the same shutdown. A listener takes no more connections then, and lets requests in
//! flight be answered for at most `limits.drain_timeout`; a receiver or follower stores what it has read; a task returns at its
//! next pause. When the last of them has ended, [`Hub::serve`](super::Hub::serve) returns, and [`Hub::close`](super::Hub::close)
//! may end the rest in the order in which one needs the other: usage, usage log, store.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::task::JoinSet;

use super::{Shared, listeners::Bound, snapshots};
use crate::{
    own_metrics::{OwnFamily, counter},
    serve::Server,
    shutdown::Shutdown,
};

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A row of the table: something that runs until the shutdown.
pub(super) struct Source {
    /// For the log.
    name: String,
    run: Box<dyn FnOnce(Shutdown) -> Running + Send>,
}

impl Source {
    fn new<F>(name: impl Into<String>, run: impl FnOnce(Shutdown) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Source {
            name: name.into(),
            run: Box::new(|shutdown| Box::pin(run(shutdown))),
        }
    }
}

/// The table.
pub(super) fn table(shared: &Shared, listeners: Vec<Bound>, server: &Arc<Server>) -> Vec<Source> {
    let parts = &shared.parts;
    let (store, background, config) = (parts.store.clone(), parts.background.clone(), parts.config.clone());
    let (reloader, metering) = (parts.reloader.clone(), parts.metering.clone());
    let mut sources = vec![
        Source::new("snapshots", |shutdown| {
            snapshots::run(store, background, config, shutdown)
        }),
        Source::new("reload", |shutdown| reloader.run(shutdown)),
    ];
    if parts.usage_log.is_enabled() {
        let (size, difference) = (parts.usage_log.clone(), parts.usage_log.clone());
        sources.push(Source::new("size of the usage log", |shutdown| size.watch(shutdown)));
        sources.push(Source::new("usage log against usage", |shutdown| {
            difference.compare(metering, shutdown)
        }));
        let readers = parts.usage_log.readers(&parts.config.usage_log).into_iter();
        sources.extend(readers.map(|reader| Source::new(reader.name(), |shutdown| reader.run(shutdown))));
    }
    sources.extend(listeners.into_iter().map(|bound| {
        let (server, transport) = (server.clone(), bound.transport(shared.tls.as_ref()));
        Source::new(bound.url(), |_| async move {
            server.serve(bound.listener, transport).await;
        })
    }));
    sources
}

/// Sources that ended before they were told to.
#[derive(Debug, Default)]
pub(super) struct Lost(AtomicU64);

impl Lost {
    pub(super) fn family(&self) -> OwnFamily {
        counter(
            "metric_nexus_sources_lost_total",
            "Listeners, readers of logs and tasks in the background that ended before the hub did; the log names them.",
            self.0.load(Relaxed),
        )
    }

    fn note(&self, source: &str, panicked: bool) {
        self.0.fetch_add(1, Relaxed);
        tracing::error!(
            source,
            panicked,
            "it ended before it was told to; the hub goes on without it until it is started again"
        );
    }
}

/// Runs all of them, until the last has ended. Dropping this ends them at once.
pub(super) async fn run(sources: Vec<Source>, lost: &Lost, shutdown: &Shutdown) {
    let mut running = JoinSet::new();
    let mut names = HashMap::new();
    for source in sources {
        let task = running.spawn((source.run)(shutdown.clone()));
        names.insert(task.id(), source.name);
    }
    while let Some(ended) = running.join_next_with_id().await {
        let (id, panicked) = match ended {
            Ok((id, ())) => (id, false),
            Err(error) => (error.id(), error.is_panic()),
        };
        let name = names.remove(&id).unwrap_or_default();
        if panicked || !shutdown.has_fired() {
            lost.note(&name, panicked);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_source_that_ends_early_or_panics_is_counted_and_the_others_go_on() {
        let (trigger, shutdown) = Shutdown::new();
        let lost = Lost::default();
        let after = shutdown.clone();
        let sources = vec![
            Source::new("ends", |_| async {}),
            Source::new("panics", |_| async { panic!("as asked") }),
            Source::new("ends in time", |shutdown| async move { shutdown.fired().await }),
            Source::new("panics at the end", |shutdown| async move {
                shutdown.fired().await;
                panic!("as asked");
            }),
        ];
        let ending = async {
            while lost.0.load(Relaxed) < 2 {
                tokio::task::yield_now().await;
            }
            trigger.fire();
        };
        tokio::join!(run(sources, &lost, &after), ending);
        assert_eq!(lost.0.load(Relaxed), 3);
    }
}
