//! The little the hub must know about a certificate: until when it is valid, and for which
//! names. Read from its DER, since the TLS library tells neither.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use jiff::{civil::DateTime, tz::TimeZone};
use sha2::{Digest, Sha256};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// 2.5.29.17, the subject's alternative names.
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// What a certificate says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The last second of its life.
    pub(super) not_after: SystemTime,
    /// The host names and addresses it is valid for.
    pub(super) names: BTreeSet<String>,
}

/// The SHA-256 of a certificate, in lower-case hex.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(der) {
        // Writing to a string cannot fail.
        _ = write!(hex, "{byte:02x}");
    }
    hex
}

impl Facts {
    /// Reads a certificate; `None` when it is malformed.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let mut body = Der(Der(der).expect(SEQUENCE)?);
        let mut body = Der(body.expect(SEQUENCE)?);
        if body.0.first() == Some(&VERSION) {
            body.next()?;
        }
        let [_serial, _algorithm, _issuer] = [body.next()?, body.next()?, body.next()?];
        let mut validity = Der(body.expect(SEQUENCE)?);
        let [_not_before, not_after] = [validity.next()?, validity.next()?];
        Some(Self {
            not_after: date(not_after)?,
            names: names(body)?,
        })
    }
}

/// The names among the extensions, which come after whatever else is left of the body.
fn names(body: Der<'_>) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for (_, contents) in body.filter(|(tag, _)| *tag == EXTENSIONS) {
        for (_, extension) in Der(Der(contents).expect(SEQUENCE)?) {
            let mut extension = Der(extension);
            if extension.next()?.1 == ALTERNATIVE_NAMES {
                let (_, value) = extension.last()?;
                names.extend(Der(Der(value).expect(SEQUENCE)?).filter_map(name));
            }
        }
    }
    Some(names)
}

fn name((tag, contents): (u8, &[u8])) -> Option<String> {
    match tag {
        DNS_NAME => Some(str::from_utf8(contents).ok()?.to_owned()),
        IP_ADDRESS => Some(address(contents)?.to_string()),
        _ => None,
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(octets).into());
    }
    let octets = <[u8; 16]>::try_from(octets).ok()?;
    Some(Ipv6Addr::from(octets).into())
}

/// `YYMMDDhhmmssZ` (two digits of a year stand for 1950 to 2049) or `YYYYMMDDhhmmssZ`.
fn date((tag, text): (u8, &[u8])) -> Option<SystemTime> {
    let text = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = text.split_at_checked(if tag == UTC_TIME { 2 } else { 4 })?;
    let year = match (tag, year.parse().ok()?) {
        (UTC_TIME, year @ 0..50) => 2000 + year,
        (UTC_TIME, year) => 1900 + year,
        (_, year) => year,
    };
    let two = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let time = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, 0).ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().into())
}

/// A run of DER elements.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The contents of the next element, which must have this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|e| e.1)
    }
}

impl<'a> Iterator for Der<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[tag, short], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(short);
        if short >= 0x80 {
            let (octets, after) = rest.split_at_checked(usize::from(short & 0x7f))?;
            if octets.len() > 4 {
                return None;
            }
            length = octets.iter().fold(0, |n, o| n << 8 | usize::from(*o));
            rest = after;
        }
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn dates_of_both_forms() {
        let check = |tag, text: &str, expected: Option<u64>| {
            let expected = expected.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(date((tag, text.as_bytes())), expected, "{text}");
        };
        check(UTC_TIME, "700101000000Z", Some(0));
        check(UTC_TIME, "491231235959Z", Some(2_524_607_999));
        check(0x18, "20500101000000Z", Some(2_524_608_000));
        check(UTC_TIME, "701301000000Z", None);
        check(UTC_TIME, "7001010000Z", None);
        check(UTC_TIME, "700101000000+0000", None);
        check(0x18, "", None);
    }

    #[test]
    fn no_prefix_of_a_certificate_is_mistaken_for_one() {
        let names = ["localhost", "::1", "10.0.0.7"].map(String::from);
        let generated = rcgen::generate_simple_self_signed(names.to_vec()).unwrap();
        let der = generated.cert.der();
        let facts = Facts::of(der).unwrap();
        assert_eq!(facts.names, BTreeSet::from(names));
        for cut in 0..der.len() {
            assert_eq!(Facts::of(&der[..cut]), None, "cut at {cut}");
        }
    }
}
