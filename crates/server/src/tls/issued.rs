//! When a certificate is made, and when it is made anew.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use tracing::warn;

use super::authority::{self, Authority};
use super::files::{self, Readers};
use super::names;
use super::pair::{Location, Pair, Place};
use super::{Settings, TlsError};

/// A certificate is renewed this long before its end.
const RENEW_BEFORE_END: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What generated certificates are made from.
#[derive(Debug)]
pub(super) struct Issuing(Settings);

impl Issuing {
    pub(super) fn new(settings: &Settings) -> Self {
        Self(settings.clone())
    }

    /// Where clients find what they verify with.
    pub(super) fn authority_path(&self) -> PathBuf {
        authority::certificate_path(&self.0.directory)
    }

    /// The authority that signs from now on.
    pub(super) fn authority(&self, now: SystemTime) -> Result<Authority, TlsError> {
        Authority::open(&self.0.directory, now)
    }

    /// The local authority, if the pair is one of its making.
    pub(super) fn author_of(&self, pair: &Pair) -> Result<Option<Authority>, TlsError> {
        let authority = Authority::find(&self.0.directory)?;
        Ok(authority.filter(|a| a.has_signed(pair.end_certificate(), &pair.facts)))
    }

    /// The pair of this place, made or renewed first where that is ours to do.
    pub(super) fn open(&self, location: &Location, now: SystemTime) -> Result<(Pair, Option<Authority>), TlsError> {
        // Names are checked even while no certificate needs them.
        names::wanted(&self.0)?;
        if location.is_filled()? {
            match self.keep(location, now) {
                Ok(None) => {}
                Ok(Some(kept)) => return Ok(kept),
                Err(error) if location.place == Place::State && is_replaceable(&error) => {
                    warn!(error = %error, "the generated certificate is made anew");
                }
                Err(error) => return Err(error),
            }
        }
        let authority = self.authority(now)?;
        self.issue(&authority, location, now)?;
        Ok((Pair::read(location)?, Some(authority)))
    }

    /// The pair that is there, or `None` when it is ours to make anew.
    fn keep(&self, location: &Location, now: SystemTime) -> Result<Option<(Pair, Option<Authority>)>, TlsError> {
        let pair = Pair::read(location)?;
        let Some(_) = self.author_of(&pair)? else {
            let foreign = location.place == Place::Operator;
            if foreign && pair.facts.names.is_empty() {
                warn!(
                    file = %location.cert.display(),
                    "the certificate names no host (it has no subject alternative names), so clients refuse it unless they pin its fingerprint"
                );
            }
            return Ok(foreign.then_some((pair, None)));
        };
        let authority = self.authority(now)?;
        let due = self.is_due(&pair, &authority, now)? || pair.facts.names != names::wanted(&self.0)?;
        Ok((!due).then_some((pair, Some(authority))))
    }

    /// Whether the pair should have a successor now: it is near its end and the successor would
    /// live longer, or it lacks a name (addresses come and go; which are gone matters at a start), or the authority itself
    /// has ended.
    pub(super) fn is_due(&self, pair: &Pair, authority: &Authority, now: SystemTime) -> Result<bool, TlsError> {
        let end = pair.facts.not_after;
        let near_end = end < now + RENEW_BEFORE_END && end < authority.server_end(now);
        let lacks_a_name = !names::wanted(&self.0)?.is_subset(&pair.facts.names);
        Ok(near_end || lacks_a_name || authority.not_after <= now)
    }

    /// Writes a certificate signed by the authority, for the key that is there or a new one.
    pub(super) fn issue(&self, authority: &Authority, location: &Location, now: SystemTime) -> Result<(), TlsError> {
        let names = names::wanted(&self.0)?;
        let key = authority::key_at(&location.key)?;
        let pem = authority.sign(&key, names, now)?;
        files::write(&location.cert, &pem, Readers::All)
    }
}

/// Whether making the certificate anew mends this.
fn is_replaceable(error: &TlsError) -> bool {
    matches!(
        error,
        TlsError::Certificate { .. }
            | TlsError::Pair { .. }
            | TlsError::Pem {
                expected: "certificate",
                ..
            }
    )
}
