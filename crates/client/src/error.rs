use std::{error::Error as StdError, fmt, io, time::Duration};

use reqwest::{StatusCode, Url};
use rustls::CertificateError;

use crate::Problem;

/// Why a request did not do what it was to do.
///
/// Its text is for people and may change. Programs ask the methods.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    status: Option<StatusCode>,
    problem: Option<Problem>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It cannot be asked like that; nothing was sent.
    Invalid,
    /// No connection came about.
    Connect,
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

    /// The answer did not come in time: a write may or may not have happened.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.0.kind == Kind::Timeout
    }

    /// The hub could not be reached; nothing was sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.0.kind == Kind::Connect
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

    /// After what time the hub wants to be asked again.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    fn has(&self, status: StatusCode) -> bool {
        self.0.kind == Kind::Refused && self.0.status == Some(status)
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            status: None,
            problem: None,
            retry_after: None,
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

    pub(crate) fn not_a_number(status: StatusCode, shown: &str) -> Self {
        let mut error = Error::new(
            Kind::Answer,
            format!("the hub answered {shown:?}, which is not a number"),
        );
        error.0.status = Some(status);
        error
    }

    pub(crate) fn refused(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        let problem = Problem::parse(body);
        let said = match &problem {
            Some(problem) => problem.detail().to_owned(),
            None => first_line(body),
        };
        let message = match &*said {
            "" => status.to_string(),
            said => format!("{said} ({status})"),
        };
        let mut error = Error::new(Kind::Refused, message);
        error.0.status = Some(status);
        error.0.problem = problem;
        error.0.retry_after = retry_after;
        error
    }

    /// No answer from the hub at this address.
    pub(crate) fn exchange(base: &Url, error: reqwest::Error) -> Self {
        let causes = causes(&error);
        let last = causes.last().map(ToString::to_string).unwrap_or_default();
        let certificate = causes.iter().find_map(|cause| untrusted(*cause));
        let (kind, message) = if let Some(why) = certificate {
            (
                Kind::Untrusted,
                format!("the certificate of {base} is not trusted: {why}"),
            )
        } else if error.is_timeout() {
            (Kind::Timeout, format!("no answer from {base} in time"))
        } else if error.is_connect() {
            (Kind::Connect, format!("cannot reach {base}: {last}"))
        } else {
            (Kind::Broken, format!("the connection to {base} failed: {last}"))
        };
        // The URL holds labels, and whoever made the request knows it.
        Error::new(kind, message).caused_by(error.without_url())
    }
}

/// An error, its cause, the cause's cause, and so on. An `io::Error` is asked for what it holds, since its source is that
/// one's source.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(held) => Some(held as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
    .collect()
}

/// What is wrong with the certificate, if this is what the error says.
fn untrusted(error: &(dyn StdError + 'static)) -> Option<String> {
    match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => Some(other.to_string()),
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("it is of an unknown authority: give the client the authority's file or fingerprint".to_owned())
        }
        rustls::Error::InvalidCertificate(why) => Some(why.to_string()),
        _ => None,
    }
}

fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or_default().chars().take(SHOWN_CHARS).collect()
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_the_hub_said() {
        let check = |status: u16, body: &str, expected: &str, has_problem: bool| {
            let error = Error::refused(StatusCode::from_u16(status).unwrap(), None, body.as_bytes());
            assert_eq!(error.to_string(), expected);
            assert_eq!((error.status(), error.problem().is_some()), (Some(status), has_problem));
        };
        check(
            404,
            r#"{"type":"urn:x","title":"Not Found","detail":"there is no metric m"}"#,
            "there is no metric m (404 Not Found)",
            true,
        );
        check(409, r#"{"type":"urn:x"}"#, "409 Conflict", true);
        check(502, "\n <html>\n<body>", "<html> (502 Bad Gateway)", false);
        check(503, "", "503 Service Unavailable", false);
        check(302, "moved", "moved (302 Found)", false);
        let long = Error::refused(StatusCode::BAD_GATEWAY, None, &[b'x'; 10_000]);
        assert!(long.to_string().len() < 300);
    }

    #[test]
    fn each_question_has_its_status() {
        let answers = |status: u16| {
            let error = Error::refused(StatusCode::from_u16(status).unwrap(), None, b"");
            assert!(!error.is_timeout() && !error.is_connect() && !error.is_untrusted());
            [
                error.is_unauthorized(),
                error.is_forbidden(),
                error.is_not_found(),
                error.is_conflict(),
            ]
        };
        assert_eq!(answers(401), [true, false, false, false]);
        assert_eq!(answers(403), [false, true, false, false]);
        assert_eq!(answers(404), [false, false, true, false]);
        assert_eq!(answers(409), [false, false, false, true]);
        assert_eq!(answers(500), [false; 4]);
        let seconds = Some(Duration::from_secs(3));
        let error = Error::refused(StatusCode::SERVICE_UNAVAILABLE, seconds, b"");
        assert_eq!(error.retry_after(), seconds);
    }

    #[test]
    fn causes_are_found_inside_io_errors() {
        let certificate = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let error = Error::invalid("x").caused_by(io::Error::other(certificate));
        let causes = causes(&error);
        assert_eq!(causes.len(), 3);
        assert!(causes.iter().any(|cause| untrusted(*cause).is_some()));
    }

    #[test]
    fn errors_keep_their_cause_and_cross_threads() {
        fn crosses<T: Send + Sync + 'static>(_: &T) {}
        let error = Error::invalid_because("cannot read x", io::Error::other("gone"));
        crosses(&error);
        assert_eq!(error.to_string(), "cannot read x: gone");
        assert_eq!(error.source().unwrap().to_string(), "gone");
        assert_eq!((error.status(), error.retry_after()), (None, None));
    }
}
