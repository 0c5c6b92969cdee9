//! Where events come from by themselves: access logs that are followed, and syslog.

use std::{fs, io, path::Path, sync::Arc};

use nexus_usage_log::{
    UsageLog,
    ingest::{
        Origin,
        syslog::{Datagrams, SyslogReceiver, SyslogSettings},
        tail::{Tail, TailSettings},
    },
};
use tokio::{
    net::{UdpSocket, UnixDatagram},
    task::JoinSet,
};

use super::RequestLog;
use crate::{config, shutdown::Shutdown};

impl RequestLog {
    /// Listens and follows as the configuration says until the shutdown; what fails is logged, and the others go on.
    pub(crate) async fn collect(self, config: config::UsageLog, shutdown: Shutdown) {
        let Some(shared) = &self.shared else { return };
        let mut sources = JoinSet::new();
        for address in &config.syslog {
            let receive = receive(shared.log.clone(), address.clone(), shutdown.clone());
            sources.spawn(named(address.clone(), receive));
        }
        for path in &config.follow {
            let positions = shared.positions.clone();
            let follow = follow(shared.log.clone(), path.clone(), positions, shutdown.clone());
            sources.spawn(named(path.clone(), follow));
        }
        sources.join_all().await;
    }
}

async fn named(source: String, work: impl Future<Output = io::Result<()>>) {
    if let Err(error) = work.await {
        tracing::error!(source, %error, "a source of the usage log failed; the hub goes on without it until it is started again");
    }
}

/// A path is a unix socket, anything else an address.
async fn receive(log: UsageLog, address: String, shutdown: Shutdown) -> io::Result<()> {
    let datagrams = if address.starts_with('/') {
        // One that an earlier hub left behind.
        drop(fs::remove_file(&address));
        Datagrams::Unix(UnixDatagram::bind(&address)?)
    } else {
        Datagrams::Udp(UdpSocket::bind(&address).await?)
    };
    let receiver = SyslogReceiver::new(log, SyslogSettings::new(origin()));
    receiver.run(datagrams, async move { shutdown.fired().await }).await
}

async fn follow(log: UsageLog, path: String, positions: Arc<Path>, shutdown: Shutdown) -> io::Result<()> {
    let name: String = path
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let settings = TailSettings::new(&path, positions.join(format!("{name}.position")), origin());
    Tail::new(log, settings)
        .run(async move { shutdown.fired().await })
        .await
}

/// One for all of them, so that a request that comes by its log and by syslog counts once.
fn origin() -> Origin {
    Origin {
        scope: "hub".into(),
        source: "access-log".into(),
        ..Origin::default()
    }
}
