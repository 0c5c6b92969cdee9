//! What a failed exchange means.

use std::{error::Error as StdError, io, time::Duration};

use reqwest::Url;
use rustls::CertificateError;

use super::Kind;

pub(super) fn describe(base: &Url, timeout: Duration, error: &reqwest::Error) -> (Kind, String) {
    let causes = causes(error);
    let last = causes.last().map(ToString::to_string).unwrap_or_default();
    let tls = causes.iter().find_map(|cause| cause.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(why)) = tls {
        let why = untrusted(why);
        return (
            Kind::Untrusted,
            format!("the certificate of {base} is not trusted: {why}"),
        );
    }
    if error.is_timeout() {
        let message = format!("no answer from {base} within {timeout:.1?}: the hub or the way to it is slow or dead");
        return (Kind::Timeout, message);
    }
    if !error.is_connect() {
        return (Kind::Broken, format!("the connection to {base} failed: {last}"));
    }
    match tls {
        Some(why) => (
            Kind::Handshake,
            format!("cannot speak TLS with {base}: {why}; is this the port of a hub that serves https?"),
        ),
        None => (
            Kind::Connect,
            format!("cannot reach {base}: {last}; does the hub run, and is this its address?"),
        ),
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

/// What is wrong with the certificate, and what to do.
pub(crate) fn untrusted(why: &CertificateError) -> String {
    let advice = match why {
        CertificateError::Other(other) => {
            return format!("{other}; if the hub has a new certificate on purpose, give the client its fingerprint");
        }
        CertificateError::UnknownIssuer => {
            return "it is of an unknown authority: give the client the authority's file or fingerprint".to_owned();
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "; renew it at the hub, or set this machine's clock",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "; use an address that it names, or start the hub with --name and what clients call it (tls.names in its configuration)"
        }
        _ => "",
    };
    format!("{why}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_found_inside_io_errors() {
        let certificate = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let error = io::Error::other(io::Error::other(certificate));
        let causes = causes(&error);
        assert_eq!(causes.len(), 3);
        assert!(causes.iter().any(|cause| cause.is::<rustls::Error>()));
    }

    #[test]
    fn certificates_come_with_advice() {
        let check = |why: CertificateError, expected: &str| {
            let found = untrusted(&why);
            assert!(found.contains(expected), "{found}");
        };
        check(CertificateError::Expired, "Expired; renew it at the hub");
        check(CertificateError::NotValidYet, "set this machine's clock");
        check(CertificateError::NotValidForName, "use an address that it names");
        check(
            CertificateError::UnknownIssuer,
            "of an unknown authority: give the client",
        );
        check(CertificateError::Revoked, "Revoked");
    }
}
