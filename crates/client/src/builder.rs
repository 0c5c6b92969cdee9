//! How a client is made: address, key, trust, timeouts.

mod environment;
mod trusted;

use std::{env, fmt, path::Path, time::Duration};

use nexus_metric::spelling;
use reqwest::{
    Url,
    header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
    redirect,
};

use crate::{
    Batch, Client, Error,
    backoff::Backoff,
    client::Shared,
    exchange::Exchange,
    request,
    trust::{self, Trust},
};
use environment::Environment;
use trusted::Trusted;

const TIMEOUT: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(30);
/// Less than the time after which a hub closes an idle connection, so that no request meets the close.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often, at least and at most, the hub is asked whether a connection on which requests wait is alive.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(60));
const X_CLIENT_ID: HeaderName = HeaderName::from_static("x-client-id");
/// What the hub reads of a client's id.
const CLIENT_ID_BYTES_MAX: usize = 128;

/// What a [`Client`] is to be; made by [`Client::builder`] or [`Builder::from_env`].
///
/// # Which hub to trust
///
/// With an `https` address, the hub must prove that it is the one. How is chosen by one of:
///
/// | | trusts |
/// |---|---|
/// | nothing said | the system's authorities: for a hub with a public certificate |
/// | [`ca_file`](Builder::ca_file), [`ca_pem`](Builder::ca_pem) | these authorities and no others: the hub's `ca.pem` |
/// | [`fingerprint`](Builder::fingerprint) | the certificates with these fingerprints: what the hub prints when it starts |
/// | [`danger_accept_any_certificate`](Builder::danger_accept_any_certificate) | anyone |
///
/// Each of the second and third can be given several times. Two different ways together are refused.
///
/// With an `http` address nothing is proved: anyone on the way can read the key and change what is sent.
#[derive(Clone)]
#[must_use = "a client is made by build()"]
pub struct Builder {
    url: Option<String>,
    key: Option<String>,
    environment: Option<Environment>,
    client_id: Option<String>,
    timeout: Duration,
    deadline: Duration,
    retries: bool,
    batch_items_max: usize,
    batch_bytes_max: usize,
    trusted: Trusted,
}

impl Builder {
    pub(crate) fn new(url: String) -> Self {
        Builder::with(Some(url), None)
    }

    fn with(url: Option<String>, environment: Option<Environment>) -> Self {
        Builder {
            url,
            key: None,
            environment,
            client_id: None,
            timeout: TIMEOUT,
            deadline: DEADLINE,
            retries: true,
            batch_items_max: Batch::ITEMS_MAX,
            batch_bytes_max: Batch::BYTES_MAX,
            trusted: Trusted::default(),
        }
    }

    /// Begins a client for the hub that the environment names. Variables that are empty are as good as unset.
    ///
    /// | | |
    /// |---|---|
    /// | `METRIC_NEXUS_URL` | the address; `https://127.0.0.1:3000`, where a hub listens by itself, if it is unset |
    /// | `METRIC_NEXUS_KEY` | the API key; must be set |
    /// | `METRIC_NEXUS_CA` | the path of the authority's PEM file; as [`Builder::ca_file`] |
    /// | `METRIC_NEXUS_FINGERPRINT` | one or more fingerprints, separated by commas or blanks; as [`Builder::fingerprint`] |
    ///
    /// Only one of the last two may be set. What is said to the builder wins: then the variable is not looked at, right or
    /// wrong. Whom to trust counts as one thing there.
    ///
    /// The environment is read here; what is wrong with it is told by [`Builder::build`], with the variable's name.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// use nexus_client::Builder;
    ///
    /// let client = Builder::from_env().timeout(Duration::from_secs(2)).build()?;
    /// # Ok::<(), nexus_client::Error>(())
    /// ```
    pub fn from_env() -> Self {
        Builder::with(None, Some(Environment::look_up(env::var_os)))
    }

    /// The hub's address, as in [`Client::builder`].
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// The API key. Without one, a hub refuses everything ([`Error::is_unauthorized`]).
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// How long one try of a request may take, from connecting to the last byte of the answer; 10 s where nothing is said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a call may take, with all its tries and the waits between them; 30 s where nothing is said.
    ///
    /// If the hub asks for a pause that would last longer, the call ends at once, with that error
    /// ([`Error::retry_after`]).
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Tries each request once.
    pub fn without_retries(mut self) -> Self {
        self.retries = false;
        self
    }

    /// How many changes a batch may have; [`Batch::ITEMS_MAX`] where nothing is said. For hubs whose
    /// `limits.changes_per_request_max` is another.
    pub fn batch_items_max(mut self, items: usize) -> Self {
        self.batch_items_max = items;
        self
    }

    /// How many bytes a batch may have; [`Batch::BYTES_MAX`] where nothing is said. For hubs whose
    /// `limits.body_bytes_max` is another.
    pub fn batch_bytes_max(mut self, bytes: usize) -> Self {
        self.batch_bytes_max = bytes;
        self
    }

    /// Who is asking, at most 128 bytes: the hub counts active clients by key and this id, and without one by key and
    /// address.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// Trusts the authorities in this PEM file; it is read by [`Builder::build`].
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.trusted.file(path.as_ref().to_owned());
        self
    }

    /// Trusts the authorities in this PEM text.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.trusted.pem(pem.into());
        self
    }

    /// Trusts the certificate with this SHA-256 fingerprint: 64 hexadecimal digits, in either case, with or without colons
    /// and a leading `sha256:`. Several may be given, so that the next one is known before the hub changes.
    ///
    /// It is the fingerprint either of the hub's own certificate, which is then trusted whatever its names and dates are,
    /// or of an authority that the hub sends with its certificate, which must then be signed by it, in force, and for the
    /// host in the address. A hub that makes its own certificate has the latter: it stays when the certificate is renewed.
    pub fn fingerprint(mut self, sha256: impl Into<String>) -> Self {
        self.trusted.fingerprint(sha256.into());
        self
    }

    /// Trusts whoever answers. Anyone on the way can read the key and change what is sent: for tests only.
    pub fn danger_accept_any_certificate(mut self) -> Self {
        self.trusted.anyone();
        self
    }

    /// Makes the client. Connects to nothing; reads the files of [`Builder::ca_file`], or else, for an `https` address of
    /// which nothing is said, the system's authorities, and blocks the thread while it does.
    ///
    /// # Errors
    /// Something given cannot be; the text says what, and in which variable if it is from the environment.
    pub fn build(self) -> Result<Client, Error> {
        let base = self.base()?;
        let headers = self.headers()?;
        let trust = match (base.scheme(), self.trust()?) {
            ("http", Trust::System) => Trust::Nobody,
            (_, trust) => trust,
        };
        let timeout = self.timeout;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(trust::tls(trust)?)
            .default_headers(headers)
            .user_agent(concat!("nexus-client/", env!("CARGO_PKG_VERSION")))
            // A connection that died without a word is found dead while requests wait on it, and not used for more.
            .http2_keep_alive_interval((timeout / 2).clamp(KEEP_ALIVE.0, KEEP_ALIVE.1))
            .http2_keep_alive_timeout(timeout.clamp(KEEP_ALIVE.0, KEEP_ALIVE.1))
            .pool_idle_timeout(IDLE_TIMEOUT)
            // A hub redirects to nowhere, and the key is for the hub alone.
            .redirect(redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .build()
            .map_err(|error| Error::invalid_because("cannot set up the client", error))?;
        Ok(Client::new(Shared {
            exchange: Exchange {
                http,
                base,
                timeout,
                deadline: self.deadline,
                backoff: self.retries.then_some(Backoff::DEFAULT),
            },
            batch_items_max: self.batch_items_max,
            batch_bytes_max: self.batch_bytes_max,
        }))
    }

    fn base(&self) -> Result<Url, Error> {
        match (&self.url, &self.environment) {
            (Some(url), _) => request::base(url),
            (None, Some(environment)) => environment.url(request::base),
            (None, None) => Err(Error::invalid("the hub's address is missing")),
        }
    }

    fn headers(&self) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let authorization = match (&self.key, &self.environment) {
            (Some(key), _) => Some(authorization(key)?),
            (None, Some(environment)) => Some(environment.key(authorization)?),
            (None, None) => None,
        };
        headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        if let Some(id) = &self.client_id {
            let value = HeaderValue::try_from(id).ok().filter(|value| !value.is_empty());
            let value = value.filter(|_| id.len() <= CLIENT_ID_BYTES_MAX).ok_or_else(|| {
                Error::invalid(format!(
                    "the client's id {id:?} must be text of 1 to {CLIENT_ID_BYTES_MAX} bytes without line ends"
                ))
            })?;
            headers.insert(X_CLIENT_ID, value);
        }
        Ok(headers)
    }

    fn trust(&self) -> Result<Trust, Error> {
        match &self.environment {
            Some(environment) if self.trusted.is_nothing() => {
                let trust = environment.trusted()?.trust();
                trust.map_err(|error| error.of(environment.trusted_variable()))
            }
            _ => self.trusted.trust(),
        }
    }
}

/// A line end behind the key is of the file or the variable that it came from.
fn authorization(key: &str) -> Result<HeaderValue, Error> {
    let key = spelling::secret(key);
    let value = HeaderValue::try_from(format!("Bearer {key}"));
    let (false, Ok(mut value)) = (key.trim().is_empty(), value) else {
        return Err(Error::invalid(
            "the key is empty, or has a line end or another character that cannot be sent",
        ));
    };
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Debug for Builder {
    /// Without the key, and without the address, which may hold a password by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("client_id", &self.client_id)
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
