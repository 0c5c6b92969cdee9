//! TLS: which certificate the hub shows, where it comes from, and how it changes while running.
//!
//! Without paths of the operator's own, a local authority made at the first start (10 years)
//! signs the server's certificate (1 year). All of it lies in `<state>/tls/`:
//!
//! | file | what | |
//! |---|---|---|
//! | `ca.key` | the authority's key | 0600 |
//! | `ca.pem` | the authority: what clients verify with, and what the fingerprint is of | public |
//! | `server.key` | the server's key, kept when its certificate is renewed | 0600 |
//! | `server.pem` | the server's certificate, then the authority, so that a client can pin the latter | public |
//!
//! With paths, the pair found there is shown and read again when it changes on disk. When
//! neither file exists, a pair signed by the local authority is put there; it is renewed like
//! the one above for as long as it is one of ours.
//!
//! A key is always in place before the certificate that needs it, and renewal writes the
//! certificate alone: a crash at any moment leaves a pair that fits.

mod authority;
mod certificate;
mod error;
mod files;
mod issued;
mod machine;
mod names;
mod pair;
mod served;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;

use authority::Authority;
pub(crate) use error::TlsError;
use files::Stamp;
use issued::Issuing;
pub(crate) use machine::names as machine_names;
use pair::{Location, Pair};
use served::Served;

/// How long to leave a failed renewal alone, so that a full disk is not asked once a second.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// What TLS is made from: plain data.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where the authority and the generated certificate live: `<state>/tls`.
    pub(crate) directory: PathBuf,
    /// The operator's own certificate chain (PEM), end certificate first.
    pub(crate) cert: Option<PathBuf>,
    /// The key to it (PEM: PKCS#8, PKCS#1 or SEC1). Both paths are given, or neither.
    pub(crate) key: Option<PathBuf>,
    /// Host names and addresses, beyond those the hub knows by itself, that a generated
    /// certificate is valid for.
    pub(crate) names: Vec<String>,
    /// The addresses listened on; named in a generated certificate. Where they are wildcards, what the machine says of itself is.
    pub(crate) listen: Vec<IpAddr>,
    /// What the machine says: its full name and its addresses.
    pub(crate) machine: fn() -> Vec<String>,
}

/// A cheap handle on the certificate being served.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    issuing: Issuing,
    location: Location,
    config: Arc<ServerConfig>,
    served: Arc<Served>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pair: Pair,
    /// Present while the pair is one that the local authority signed.
    authority: Option<Authority>,
    /// The files as they were when last looked into, whether that went well or not.
    stamp: Stamp,
    /// No renewal is tried before this moment.
    retry_at: SystemTime,
}

/// What [`Tls::refresh`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// Nothing had changed.
    Unchanged,
    /// The files had changed on disk; the next handshake shows what is in them now.
    Reloaded,
    /// The generated certificate was near its end or its names had changed; the next handshake
    /// shows its successor.
    Renewed,
}

/// The local authority's certificate in a directory, if there is one: as PEM, and its fingerprint.
pub(crate) fn find_authority(directory: &Path) -> Result<Option<(String, String)>, TlsError> {
    let found = Authority::find(directory)?;
    Ok(found.map(|authority| {
        (
            authority.pem().to_owned(),
            certificate::fingerprint(&authority.certificate),
        )
    }))
}

impl Tls {
    /// Finds or makes the certificate to serve.
    ///
    /// # Errors
    ///
    /// When files are missing, unreadable, do not fit each other, or cannot be written. Nothing
    /// that exists is overwritten, except a generated certificate by its successor.
    pub(crate) fn open(settings: &Settings, now: SystemTime) -> Result<Self, TlsError> {
        let issuing = Issuing::new(settings);
        let location = Location::of(settings)?;
        let (pair, authority) = issuing.open(&location, now)?;
        let served = Arc::new(Served::new(pair.certified.clone()));
        let state = State {
            stamp: location.stamp(),
            retry_at: now,
            pair,
            authority,
        };
        Ok(Self(Arc::new(Shared {
            config: served::config(&served)?,
            state: Mutex::new(state),
            issuing,
            location,
            served,
        })))
    }

    /// The configuration for handshakes: HTTP/2 and HTTP/1.1, and always the newest certificate.
    pub(crate) fn server_config(&self) -> Arc<ServerConfig> {
        self.0.config.clone()
    }

    /// What a client pins: the SHA-256, in lower-case hex, of the local authority's certificate,
    /// or of the operator's own certificate where that is served.
    pub(crate) fn fingerprint(&self) -> String {
        let state = self.state();
        match &state.authority {
            Some(authority) => certificate::fingerprint(&authority.certificate),
            None => certificate::fingerprint(state.pair.end_certificate()),
        }
    }

    /// The file clients verify with, when the certificate served is one of ours.
    pub(crate) fn ca_path(&self) -> Option<PathBuf> {
        let generated = self.state().authority.is_some();
        generated.then(|| self.0.issuing.authority_path())
    }

    /// The host names and addresses that the certificate being served is valid for.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state().pair.facts.names.iter().cloned().collect()
    }

    /// When the certificate being served ends.
    pub(crate) fn expires(&self) -> SystemTime {
        self.state().pair.facts.not_after
    }

    /// Follows the files and the calendar. To be called about once a second: costs two `stat`
    /// calls when nothing has changed.
    ///
    /// # Errors
    ///
    /// When changed files are unreadable or do not fit each other, or a successor could not be
    /// written. The certificate served stays what it was; the same broken files are reported
    /// once, a failed renewal is tried again a minute later.
    pub(crate) fn refresh(&self, now: SystemTime) -> Result<Refreshed, TlsError> {
        let mut state = self.state();
        let stamp = self.0.location.stamp();
        if stamp != state.stamp {
            state.stamp = stamp;
            self.reload(&mut state)?;
            return Ok(Refreshed::Reloaded);
        }
        if now < state.retry_at || !self.is_due(&state, now)? {
            return Ok(Refreshed::Unchanged);
        }
        state.retry_at = now + RETRY_AFTER;
        self.renew(&mut state, now)?;
        Ok(Refreshed::Renewed)
    }

    fn is_due(&self, state: &State, now: SystemTime) -> Result<bool, TlsError> {
        match &state.authority {
            Some(authority) => self.0.issuing.is_due(&state.pair, authority, now),
            None => Ok(false),
        }
    }

    fn reload(&self, state: &mut State) -> Result<(), TlsError> {
        let pair = Pair::read(&self.0.location)?;
        state.authority = self.0.issuing.author_of(&pair)?;
        self.serve(state, pair);
        Ok(())
    }

    fn renew(&self, state: &mut State, now: SystemTime) -> Result<(), TlsError> {
        let authority = self.0.issuing.authority(now)?;
        self.0.issuing.issue(&authority, &self.0.location, now)?;
        let pair = Pair::read(&self.0.location)?;
        state.stamp = self.0.location.stamp();
        state.authority = Some(authority);
        self.serve(state, pair);
        Ok(())
    }

    fn serve(&self, state: &mut State, pair: Pair) {
        self.0.served.show(pair.certified.clone());
        state.pair = pair;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
