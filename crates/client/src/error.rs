//! Why a request did not do what it was to do.

mod cause;
mod tries;

use std::{error::Error as StdError, fmt, time::Duration};

use reqwest::{StatusCode, Url};

use crate::{Problem, RefusedItem, exchange::Answer};
#[cfg(feature = "cli")]
pub(crate) use cause::untrusted;
pub(crate) use tries::Tries;

/// Why a request did not do what it was to do.
///
/// Its text is for people, says what to do about it, and may change. Programs ask the methods.
///
/// After several tries, the questions are about the last of them, except [`Error::is_outcome_unknown`] and
/// [`Error::tries`], which are about all.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    message: String,
    status: Option<StatusCode>,
    problem: Option<Problem>,
    retry_after: Option<Duration>,
    tries: Tries,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It cannot be asked like that; nothing was sent.
    Invalid,
    /// It is too large to be sent; nothing was.
    TooLarge,
    /// No connection came about.
    Connect,
    /// The other side speaks no TLS, or none that we do.
    Handshake,
    /// The hub's certificate is not the one to trust.
    Untrusted,
    /// The answer did not come in time.
    Timeout,
    /// The connection failed before the answer was there.
    Broken,
    /// The hub said no.
    Refused,
    /// The hub's answer makes no sense.
    Answer,
}

/// How much of an answer that is no problem is repeated.
const SHOWN_CHARS: usize = 200;
/// How much of an answer that makes no sense is repeated.
const NONSENSE_CHARS: usize = 64;
/// The status of pauses and of limits that no pause helps against.
const LIMIT_REACHED: &str = "urn:metric-nexus:problem:limit-reached";
const OUTCOME_UNKNOWN: &str = "urn:metric-nexus:problem:outcome-unknown";

impl Error {
    /// The key is missing or unknown to the hub (401).
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.has(StatusCode::UNAUTHORIZED)
    }

    /// The key may not do this, or not to this metric (403).
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.has(StatusCode::FORBIDDEN)
    }

    /// There is no such metric or series (404).
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.has(StatusCode::NOT_FOUND)
    }

    /// The metric is of another kind, or a counter that cannot go down (409).
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.has(StatusCode::CONFLICT)
    }

    /// The batch is larger than the client or the hub takes at once (413 from the hub): send it in parts. Or a page of a
    /// list is larger than the client takes: ask for smaller ones.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.0.kind == Kind::TooLarge || self.has(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// The answer did not come in time.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.kind == Kind::Timeout
    }

    /// The hub could not be reached.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.0.kind, Kind::Connect | Kind::Handshake)
    }

    /// The same request may succeed later, as it is: the hub could not be reached, did not answer in time, or the
    /// connection broke; the hub or a proxy before it asked for a pause (429, 503), waited in vain for the rest of the
    /// request (408), or the proxy for the hub (502, 504).
    ///
    /// This is what the client tries again by itself. A 429 that says that a limit on series is reached is not among it:
    /// only deleting some helps.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.0.kind {
            Kind::Connect | Kind::Timeout | Kind::Broken => true,
            Kind::Refused => match self.0.status {
                Some(StatusCode::TOO_MANY_REQUESTS) => !self.is_problem(LIMIT_REACHED),
                Some(status) => matches!(
                    status,
                    StatusCode::REQUEST_TIMEOUT
                        | StatusCode::BAD_GATEWAY
                        | StatusCode::SERVICE_UNAVAILABLE
                        | StatusCode::GATEWAY_TIMEOUT
                ),
                None => false,
            },
            Kind::Invalid | Kind::TooLarge | Kind::Handshake | Kind::Untrusted | Kind::Answer => false,
        }
    }

    /// A write may or may not have happened: a try of it was sent, and what became of it is not known. If not, nothing
    /// has happened.
    ///
    /// That is so after a try that was not answered in time, whose connection broke, that was answered by a proxy's 5xx or
    /// by the hub's 500 or 503 `outcome-unknown`, or with something that makes no sense; unless a later try under the
    /// same key was refused for what it is, which a hub does only if no earlier one happened. (An earlier one that is still
    /// on its way is then refused, too, unless someone puts right what it is refused for in just that moment.)
    ///
    /// Repeating the call may count twice, since it makes a new key, unless it is `create`, `update` or `read`; repeating a
    /// batch under the same key ([`Client::write_with`](crate::Client::write_with)) is always safe.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        self.0.tries.outcome_unknown
    }

    /// How many times the request was tried; 0 if nothing was sent because it cannot be sent.
    #[must_use]
    pub fn tries(&self) -> u32 {
        self.0.tries.count
    }

    /// What answered is not the hub that the client was told to trust; the text says which fingerprints it has, if the
    /// client knows the hub by a fingerprint. Nothing was sent.
    #[must_use]
    pub fn is_untrusted(&self) -> bool {
        self.0.kind == Kind::Untrusted
    }

    /// The status code, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status.map(|status| status.as_u16())
    }

    /// What the hub said; none if it is not the hub that refused.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        self.0.problem.as_ref()
    }

    /// The changes of a batch that the hub refused, at most a hundred of them; none if it refused the batch for another
    /// reason. All others are fine, as far as the hub has looked: without the refused ones, they can be sent as another
    /// batch ([`EncodedBatch::retain`](crate::EncodedBatch::retain)), which may be refused again.
    pub fn items(&self) -> impl Iterator<Item = &RefusedItem> {
        self.0.problem.iter().flat_map(Problem::items)
    }

    /// After what time the hub wants to be asked again. If the client gave up at once because that is later than its
    /// deadline, this is when to come back.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    fn has(&self, status: StatusCode) -> bool {
        self.0.kind == Kind::Refused && self.0.status == Some(status)
    }

    fn is_problem(&self, kind: &str) -> bool {
        self.problem().is_some_and(|problem| problem.kind() == kind)
    }

    /// The same error, as the last of these tries.
    pub(crate) fn after(mut self, tries: Tries) -> Self {
        self.0.tries = tries;
        self
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            status: None,
            problem: None,
            retry_after: None,
            tries: Tries::default(),
            source: None,
        }))
    }

    fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::new(Kind::Invalid, message)
    }

    /// What cannot be done, and why: the cause's text is part of the message.
    pub(crate) fn invalid_because(what: &str, cause: impl StdError + Send + Sync + 'static) -> Self {
        Error::invalid(format!("{what}: {cause}")).caused_by(cause)
    }

    /// The same error, of something that is named like this.
    pub(crate) fn of(mut self, name: &str) -> Self {
        self.0.message = format!("{name}: {}", self.0.message);
        self
    }

    pub(crate) fn too_large(message: String) -> Self {
        Error::new(Kind::TooLarge, message)
    }

    /// A success that is not what was asked for.
    pub(crate) fn nonsense(answer: &Answer, expected: &str) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        let shown: String = text.trim().chars().take(NONSENSE_CHARS).collect();
        let mut error = Error::new(
            Kind::Answer,
            format!("the hub answered {shown:?}, which is not {expected}: is this the address of a hub?"),
        );
        error.0.status = Some(answer.status);
        error.0.tries = answer.tries.and(&error, answer.tries.elapsed);
        error
    }

    pub(crate) fn refused(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let problem = Problem::parse(body);
        let said = match &problem {
            Some(problem) => problem.detail().to_owned(),
            None => first_line(body),
        };
        let mut message = match &*said {
            "" => status.to_string(),
            said => format!("{said} ({status})"),
        };
        if status == StatusCode::UNAUTHORIZED {
            message.push_str("; give the client a key that the hub knows");
        }
        let mut error = Error::new(Kind::Refused, message);
        error.0.status = Some(status);
        error.0.problem = problem;
        error.0.retry_after = retry_after;
        error
    }

    /// No answer from the hub at this address.
    pub(crate) fn exchange(base: &Url, timeout: Duration, error: reqwest::Error) -> Self {
        let (kind, message) = cause::describe(base, timeout, &error);
        // The URL holds labels, and whoever made the request knows it.
        Error::new(kind, message).caused_by(error.without_url())
    }
}

fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or_default().chars().take(SHOWN_CHARS).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.message, self.0.tries)
    }
}

/// As its text: that is what a `main` shows that returns it.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests;
