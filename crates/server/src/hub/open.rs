//! Opens all parts of a hub, in order.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use nexus_segments::{LockError, LockFile, RealDisk, files};

use super::{Hub, Shared, listeners, metrics, sources::Lost};
use crate::{
    accounts::Accounts,
    auth::{FirstKey, Keyring, KeysError, KeysFile, Scope, ensure_admin_key, strangers},
    background::Background,
    bandwidth::Bandwidth,
    clients::Clients,
    clock::{Clock, now_ms},
    config::{Address, Certificate, Config, Limits, Protocol, StatePaths, memory_bytes},
    exposition::GzipCache,
    http::{Parts, RequestMetrics, StartedMs},
    intake::Intake,
    memory::{MemoryLimits, RequestMemory},
    metering::{Metering, MeteringError},
    protocol,
    reload::Reloader,
    serve::Counters,
    settings::{Settings as LiveSettings, SettingsError},
    state::{Retention, StoreLimits},
    store::{OpenError, Opened, Settings, Store},
    tls::{self, Tls, TlsError},
    usage_log::{UsageLogError, UsageLogHandle},
    write::RequestLimits,
};

/// How often a hub whose journal failed tries to come back.
const RETRY: Duration = Duration::from_secs(1);

/// Why a hub cannot start. Nothing was changed, and its text says what to do.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StartError(#[from] Reason);

#[derive(Debug, thiserror::Error)]
pub(super) enum Reason {
    #[error("cannot make {path}: {source}", path = .0.display(), source = .1)]
    Directory(PathBuf, #[source] io::Error),
    #[error("cannot listen on {0}: {1}")]
    Address(String, #[source] io::Error),
    #[error("another hub (process {pid}) runs on {directory}: stop it, or give this one another --state", directory = .directory.display())]
    Taken { directory: PathBuf, pid: String },
    #[error(transparent)]
    Lock(LockError),
    #[error(
        "{error}: the directory belongs to user {owner}, and the hub runs as user {own}; run it as that user, or give it the directory (chown -R)"
    )]
    Owner { error: LockError, owner: u32, own: u32 },
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Usage(#[from] MeteringError),
    #[error(transparent)]
    UsageLog(#[from] UsageLogError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("{0}{advice}", advice = advice(.0))]
    State(#[from] OpenError),
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
    #[error("cannot have threads for work in the background: {0}")]
    Threads(#[source] io::Error),
}

/// What can be done about a state that cannot be read; one that cannot be written may be sound.
fn advice(error: &OpenError) -> &'static str {
    match error {
        OpenError::Io(..) => "",
        _ => "; look at it with `metric-nexus state check`; to begin anew, move it away",
    }
}

/// A hub that was opened, and what whoever started it should be told.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) hub: Hub,
    /// The admin key, if this is the first start.
    pub(crate) first_key: Option<FirstKey>,
}

impl Hub {
    /// Opens the state directory. Blocks the thread. `terminal` says whether a first key can be shown.
    pub(crate) fn open(config: Config, terminal: bool) -> Result<Started, StartError> {
        Ok(open(config, terminal)?)
    }
}

/// The user to whom a directory belongs, and the one that this process runs as, where that can be told.
fn owners(directory: &Path) -> Option<(u32, u32)> {
    let of = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.uid());
    Some((of(directory)?, of(Path::new("/proc/self"))?))
}

fn take_lock(state: &StatePaths) -> Result<LockFile, Reason> {
    LockFile::try_take_with_directory(&state.lock_file()).map_err(|error| match error {
        LockError::Held { pid, .. } => Reason::Taken {
            directory: state.directory.clone(),
            pid,
        },
        error @ LockError::Io(..) => match owners(&state.directory) {
            Some((owner, own)) if owner != own => Reason::Owner { error, owner, own },
            _ => Reason::Lock(error),
        },
    })
}

fn is_empty(file: &Path) -> bool {
    match fs::metadata(file) {
        Ok(metadata) => metadata.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// What crashes have left of files that were being written. They only take room.
fn remove_left_over(state: &StatePaths, keys: &KeysFile) -> Result<(), KeysError> {
    for directory in [&state.directory, &state.tls_dir()] {
        match keys.undisturbed(|| files::remove_left_over(directory))? {
            Ok(removed) => {
                for file in removed {
                    tracing::info!(file = %file.display(), "removed what a crash had left of a file that was being written");
                }
            }
            Err(error) => {
                tracing::warn!(%error, directory = %directory.display(), "cannot remove what crashes have left");
            }
        }
    }
    Ok(())
}

fn open(config: Config, terminal: bool) -> Result<Started, Reason> {
    let state = &config.state;
    let journal = state.journal_dir();
    for directory in [&state.directory, &journal] {
        files::create_directory(directory).map_err(|error| Reason::Directory(directory.clone(), error))?;
    }
    let lock = take_lock(state)?;
    let clients = Clients::new(config.limits.clients_max);
    let store = open_store(&config, clients.clone())?;
    let keys_file = KeysFile::at(state.keys_file());
    remove_left_over(state, &keys_file)?;
    let first_key = ensure_admin_key(&keys_file, &state.admin_key_file(), &config.keys, terminal)?;
    let (keyring, warnings) = Keyring::open(keys_file, &config.keys)?;
    for warning in config.warnings.iter().chain(&warnings) {
        tracing::warn!("{warning}");
    }
    if keyring.all().iter().all(|key| !key.scopes.contains(Scope::Admin)) {
        tracing::warn!(
            "no key has the scope admin, so limits, reports and snapshots are nobody's: `metric-nexus key new NAME --scope admin` makes one"
        );
    }
    let tls = match config.listen.is_encrypted() {
        true => Some(Tls::open(&tls_settings(&config)?, SystemTime::now())?),
        false => None,
    };
    let serving = Arc::new(Counters::default());
    let requests = Arc::new(RequestMetrics::new()?);
    let settings = LiveSettings::open(&config.state, &config)?;
    let named = settings.keys_named();
    for warning in strangers(named.iter().map(|(section, key)| (*section, &**key)), &keyring) {
        tracing::warn!("{warning}");
    }
    let bandwidth = Bandwidth::new(&settings.throttle());
    let mut private = vec![config.state.usage_file()];
    if config.usage_log.store.is_local() {
        private.push(config.state.usage_log_file());
    }
    if store.status().sequence() > 0 && is_empty(&config.state.usage_file()) {
        tracing::warn!(
            file = %config.state.usage_file().display(),
            "there is a state, but no usage: nothing was used this month, as far as the limits know; if the file was removed or emptied, put a copy back"
        );
    }
    for file in private {
        // If it cannot be made, whoever opens it says why.
        let _ = files::reserve(&file);
    }
    files::create_directory(&config.state.usage_log_dir())
        .map_err(|error| Reason::Directory(config.state.usage_log_dir(), error))?;
    let metering = Metering::open(&config.usage, &config.state.usage_file())?;
    let usage_log = UsageLogHandle::open(
        &config.usage_log,
        &config.state.usage_log_file(),
        &config.state.usage_log_dir(),
    )?;
    let accounts = Accounts::new(bandwidth.clone(), metering.clone(), settings.all_limits());
    let config = Arc::new(config);
    let reloader = Reloader::new(
        keyring.clone(),
        tls.clone(),
        config.clone(),
        settings.clone(),
        bandwidth.clone(),
        accounts.clone(),
    );
    let lost = Arc::new(Lost::default());
    let memory = RequestMemory::new(memory_limits(&config.limits));
    let own = metrics::Parts {
        lost: lost.clone(),
        requests: requests.clone(),
        store: store.clone(),
        clients: clients.clone(),
        serving: serving.clone(),
        bandwidth: bandwidth.clone(),
        metering: metering.clone(),
        accounts: accounts.clone(),
        usage_log: usage_log.clone(),
        reloader: reloader.clone(),
        memory: memory.clone(),
    };
    let gzip_cache = GzipCache::new(config.scrape.gzip_parts_bytes_max);
    let intake = Intake {
        store: store.clone(),
        accounts: accounts.clone(),
        usage_log: usage_log.clone(),
        limits: request_limits(&config.limits),
    };
    let parts = Arc::new(Parts {
        store,
        intake,
        keyring,
        clients,
        requests,
        own: own.register(),
        started_ms: StartedMs(now_ms()),
        config,
        reloader,
        settings,
        bandwidth,
        accounts,
        metering,
        usage_log,
        gzip_cache,
        memory,
        background: Background::new().map_err(Reason::Threads)?,
        reserved: protocol::reserved(),
    });
    let hub = Hub {
        shared: Arc::new(Shared {
            parts,
            tls,
            serving,
            lost,
            _lock: lock,
        }),
    };
    Ok(Started { hub, first_key })
}

/// How much memory requests may hold, which is said: on another machine it may be another.
fn memory_limits(limits: &Limits) -> MemoryLimits {
    let budgets = limits.budgets(memory_bytes());
    tracing::info!(
        series_bytes_max = budgets.series_bytes_max,
        series_per_key_bytes_max = budgets.series_per_key_bytes_max,
        requests_bytes_max = budgets.requests_bytes_max,
        requests_per_key_bytes_max = budgets.requests_per_key_bytes_max,
        "limits on memory"
    );
    MemoryLimits {
        requests_bytes_max: budgets.requests_bytes_max,
        requests_per_key_bytes_max: budgets.requests_per_key_bytes_max,
    }
}

/// How large what a client sends may be.
fn request_limits(limits: &Limits) -> RequestLimits {
    RequestLimits {
        labels_per_series_max: limits.labels_per_series_max,
        name_bytes_max: limits.name_bytes_max,
        value_bytes_max: limits.value_bytes_max,
        labels_bytes_max: limits.labels_bytes_max,
        help_bytes_max: limits.help_bytes_max,
    }
}

fn open_store(config: &Config, clients: Clients) -> Result<Store, OpenError> {
    let opened = Store::open(&store_settings(config), clients)?;
    report(config, &opened);
    Ok(opened.store)
}

pub(crate) fn store_settings(config: &Config) -> Settings {
    let limits = &config.limits;
    let budgets = limits.budgets(memory_bytes());
    Settings {
        disk: Arc::new(RealDisk),
        snapshot: config.state.snapshot.clone(),
        journal: config.state.journal_dir(),
        durability: config.durability,
        limits: StoreLimits {
            families_max: limits.families_max as u64,
            series_max: limits.series_max as u64,
            series_per_key_max: limits.series_per_key_max as u64,
            families_per_key_max: limits.families_per_key_max as u64,
            series_bytes_max: budgets.series_bytes_max as u64,
            series_per_key_bytes_max: budgets.series_per_key_bytes_max as u64,
            idempotency: Retention {
                keys_max: config.idempotency.keys_max,
                retention_ms: u64::try_from(config.idempotency.retention.as_millis()).unwrap_or(u64::MAX),
            },
        },
        queue_writes_max: limits.queue_writes_max,
        queue_bytes_max: limits.queue_bytes_max as u64,
        retry: RETRY,
        clock: Clock::System,
    }
}

fn report(config: &Config, opened: &Opened) {
    let (view, recovered) = (opened.store.view(), &opened.recovered);
    for cut in &recovered.cut {
        tracing::warn!(
            file = %cut.file.display(),
            offset = cut.offset,
            bytes = cut.length,
            "the journal ends in an unfinished frame, which nobody was promised: it is left out"
        );
    }
    if let Some(copy) = &opened.imported {
        tracing::info!(file = %config.state.snapshot.display(), copy = %copy.display(), "took over a state file; the original is kept");
    }
    tracing::info!(
        metrics = view.families_len(),
        series = view.series_len(),
        replayed = recovered.writes,
        "the state is read"
    );
}

fn tls_settings(config: &Config) -> Result<tls::Settings, Reason> {
    let (cert, key) = match &config.tls.certificate {
        Certificate::Generated => (None, None),
        Certificate::Files { cert, key } => (Some(cert.clone()), Some(key.clone())),
    };
    let mut listen = Vec::new();
    for (protocol, address) in config.listen.listeners() {
        if let (Protocol::Https, Address::Tcp { host, port }) = (protocol, address) {
            let resolved =
                listeners::resolve(host, *port).map_err(|error| Reason::Address(address.to_string(), error))?;
            listen.push(resolved.ip());
        }
    }
    Ok(tls::Settings {
        directory: config.state.tls_dir(),
        cert,
        key,
        names: config.tls.names.clone(),
        listen,
        machine: tls::machine_names,
    })
}
