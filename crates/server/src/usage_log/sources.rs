//! Where events come from by themselves: access logs that are followed, and syslog.

mod metrics;

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use nexus_usage_log::{
    UsageLog,
    ingest::{
        Limits, Origin,
        syslog::{Datagrams, SyslogReceiver, SyslogSettings},
        tail::{Tail, TailSettings},
    },
};
use tokio::net::{UdpSocket, UnixDatagram};

use super::{OWN_SERVICE, UsageLogHandle};
use crate::{config, shutdown::Shutdown};

pub(super) use metrics::families;

/// The sources of the hub's last start of serving.
#[derive(Debug, Default)]
pub(super) struct Sources(Mutex<Vec<Source>>);

/// One source, under its name in the configuration. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    name: Arc<str>,
    reader: Reader,
    /// Whether it is read. What failed is not, until the hub is started again.
    is_up: Arc<AtomicBool>,
}

#[derive(Debug, Clone)]
enum Reader {
    Follow(Tail),
    Syslog(SyslogReceiver),
}

impl UsageLogHandle {
    /// What listens and follows as the configuration says; each is to be run.
    pub(crate) fn readers(&self, config: &config::UsageLog) -> Vec<Source> {
        let Some(shared) = &self.shared else {
            return Vec::new();
        };
        let syslog = config
            .syslog
            .iter()
            .map(|address| receiver(&shared.log, address, config.limits));
        let follow = config
            .follow
            .iter()
            .map(|path| follower(&shared.log, path, config.limits, &shared.positions));
        let sources: Vec<Source> = syslog.chain(follow).collect();
        shared.sources.lock().clone_from(&sources);
        sources
    }
}

impl Sources {
    fn lock(&self) -> MutexGuard<'_, Vec<Source>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source {
    fn new(name: &str, reader: Reader) -> Self {
        Source {
            name: name.into(),
            reader,
            is_up: Arc::new(AtomicBool::new(true)),
        }
    }

    /// For the log.
    pub(crate) fn name(&self) -> String {
        format!("usage log from {}", self.name)
    }

    /// Reads until the shutdown; what fails is logged.
    pub(crate) async fn run(self, shutdown: Shutdown) {
        let fired = async move { shutdown.fired().await };
        let ended = match &self.reader {
            Reader::Follow(tail) => tail.run(fired).await,
            Reader::Syslog(receiver) => match bind(&self.name).await {
                Ok(datagrams) => receiver.run(datagrams, fired).await,
                Err(error) => Err(error),
            },
        };
        self.is_up.store(false, Relaxed);
        if let Err(error) = ended {
            tracing::error!(source = &*self.name, %error, "a source of the usage log failed; the hub goes on without it until it is started again");
        }
    }
}

/// A path is a unix socket, anything else an address. Whoever can reach the path may write to the socket, as to syslog's own:
/// NGINX's workers are of another user.
async fn bind(address: &str) -> io::Result<Datagrams> {
    if address.starts_with('/') {
        // One that an earlier hub left behind.
        drop(fs::remove_file(address));
        let socket = UnixDatagram::bind(address)?;
        fs::set_permissions(address, Permissions::from_mode(0o666))?;
        Ok(Datagrams::Unix(socket))
    } else {
        UdpSocket::bind(address).await.map(Datagrams::Udp)
    }
}

fn receiver(log: &UsageLog, address: &str, limits: Limits) -> Source {
    let mut settings = SyslogSettings::new(origin());
    settings.limits = limits;
    let receiver = SyslogReceiver::new(log.clone(), settings);
    Source::new(address, Reader::Syslog(receiver))
}

fn follower(log: &UsageLog, path: &str, limits: Limits, positions: &Path) -> Source {
    let mut settings = TailSettings::new(path, positions.join(position_name(path)), origin());
    settings.limits = limits;
    Source::new(path, Reader::Follow(Tail::new(log.clone(), settings)))
}

/// For people the end of the path, for paths that end alike a checksum of all of it.
fn position_name(path: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 100;
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let left_out = path.chars().count().saturating_sub(SHOWN_CHARS_MAX);
    let shown: String = path.chars().skip(left_out).map(plain).collect();
    format!("{shown}-{:08x}.position", nexus_segments::checksum(&[path.as_bytes()]))
}

/// One for all of them, so that a request that comes by its log and by syslog counts once.
fn origin() -> Origin {
    Origin {
        scope: "hub".into(),
        source: "access-log".into(),
        reserved_service: OWN_SERVICE.into(),
        ..Origin::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::position_name;

    #[test]
    fn each_log_that_is_followed_has_a_position_file_of_its_own() {
        let long = format!("/logs/{}", "é".repeat(2_000));
        let paths = [
            "/var/log/a-b.log",
            "/var/log/a_b.log",
            "/var/log/a/b.log",
            "",
            &long,
            &format!("/{long}"),
        ];
        let names: HashSet<String> = paths.iter().map(|path| position_name(path)).collect();
        assert_eq!(names.len(), paths.len(), "{names:?}");
        let is_a_name = |name: &String| name.len() <= 255 && !name.contains('/');
        assert!(names.iter().all(is_a_name), "{names:?}");
    }
}
