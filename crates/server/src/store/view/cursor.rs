//! Where a page of series ends, as a text that says nothing to whoever gets it.
//!
//! Its bytes, in base64url: the version, the family's name, 0xff, the first bytes of the labels' text; if the text is longer, 0xff
//! and a digest of all of it. UTF-8 has no 0xff. It names a series, not a place in memory, so it holds as long as the order does:
//! whatever comes or goes, over a restart, and in a hub that was begun from a snapshot.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use nexus_metric::{Labels, Name};
use sha2::{Digest as _, Sha256};

const VERSION: u8 = 1;
const SEPARATOR: u8 = 0xff;
/// How much of a label text is compared, and stands in a cursor, which has to fit a request's head.
pub(super) const HEAD_BYTES: usize = 1024;

/// The first bytes of a digest: enough to tell texts apart.
pub(super) type Digest = [u8; 16];

/// Where a series stands among those of its family: in the order of the label texts. Texts that are the same for long are in
/// that of their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position<'a> {
    pub(super) head: &'a [u8],
    /// Of the whole text, if it is longer than the head.
    pub(super) digest: Option<Digest>,
}

impl<'a> Position<'a> {
    pub(super) fn of(labels: &'a str) -> Self {
        let digest = match labels.len() > HEAD_BYTES {
            true => Sha256::digest(labels).first_chunk().copied(),
            false => None,
        };
        Position::with(labels, digest)
    }

    /// The same where the digest is known.
    pub(super) fn with(labels: &'a str, digest: Option<Digest>) -> Self {
        let text = labels.as_bytes();
        Position {
            head: text.get(..HEAD_BYTES).unwrap_or(text),
            digest,
        }
    }
}

/// Behind which series the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(super) family: Name,
    head: Box<[u8]>,
    digest: Option<Digest>,
}

/// Why a text is not a cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CursorError {
    #[error("a place in the memory of an older hub (slab:offset:name), where something else may stand by now")]
    Place,
    #[error("a cursor of version {0}, and this hub knows version {VERSION}")]
    Version(u8),
    #[error("not the `next` of a page of this hub")]
    NoCursor,
}

impl Cursor {
    pub(super) fn behind(family: Name, position: Position<'_>) -> Self {
        Cursor {
            family,
            head: position.head.into(),
            digest: position.digest,
        }
    }

    pub(super) fn position(&self) -> Position<'_> {
        Position {
            head: &self.head,
            digest: self.digest,
        }
    }

    pub(crate) fn read(text: &str) -> Result<Self, CursorError> {
        if text.contains(':') {
            return Err(CursorError::Place);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::NoCursor)?;
        match bytes.split_first() {
            Some((&VERSION, rest)) => Cursor::from_bytes(rest).ok_or(CursorError::NoCursor),
            Some((version, _)) => Err(CursorError::Version(*version)),
            None => Err(CursorError::NoCursor),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.splitn(3, |byte| *byte == SEPARATOR);
        let family = Name::new(str::from_utf8(parts.next()?).ok()?).ok()?;
        let head = parts.next()?;
        let digest = parts.next().map(Digest::try_from).transpose().ok()?;
        let is_sound = match digest {
            Some(_) => head.len() == HEAD_BYTES,
            None => head.len() <= HEAD_BYTES && str::from_utf8(head).is_ok_and(Labels::is_text),
        };
        is_sound.then(|| Cursor {
            family,
            head: head.into(),
            digest,
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.family.as_str().as_bytes());
        bytes.push(SEPARATOR);
        bytes.extend_from_slice(&self.head);
        if let Some(digest) = &self.digest {
            bytes.push(SEPARATOR);
            bytes.extend_from_slice(digest);
        }
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(name: &str, labels: &str) -> Cursor {
        Cursor::behind(Name::new(name).unwrap(), Position::of(labels))
    }

    #[test]
    fn a_cursor_is_read_back_and_fits_a_request_whatever_it_names() {
        let long = |end: &str| format!("l=\"{}{end}\"", "ü".repeat(3000));
        for (name, labels) in [
            ("a", String::new()),
            ("jobs_total", r#"queue="mail""#.to_owned()),
            ("größe:%&=+ /", r#"a="b","ein Name"="\"\\\n,}{=☃""#.to_owned()),
            ("a", long("1")),
        ] {
            let cursor = cursor(name, &labels);
            let text = cursor.to_string();
            assert_eq!(Cursor::read(&text), Ok(cursor), "{text}");
            assert!(
                text.len() < 1600
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            );
        }
        assert_ne!(cursor("a", &long("1")), cursor("a", &long("2")));
    }

    #[test]
    fn what_is_no_cursor_of_this_hub_is_told_apart() {
        let check = |text: &str, expected: CursorError| assert_eq!(Cursor::read(text), Err(expected), "{text}");
        let of = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        check("3:17:jobs_total", CursorError::Place);
        check(&of(b"\x02jobs_total\xff"), CursorError::Version(2));
        check(&of(b"jobs_total"), CursorError::Version(b'j'));
        for garbage in ["", "a", "AWE_", "AQ==", "ü", "AWH/", "AWH_ "] {
            check(garbage, CursorError::NoCursor);
        }
        let long = [b"\x01a\xff", &[b'x'; HEAD_BYTES + 1][..]].concat();
        let digest_of_little = [b"\x01a\xffx\xff", &[1; 16][..]].concat();
        let short_digest = [b"\x01a\xff", &[b'x'; HEAD_BYTES][..], b"\xff123"].concat();
        for bytes in [
            &b"\x01"[..],
            b"\x01a",
            b"\x01\xffl=\"1\"",
            b"\x01\xc3\xff",
            b"\x01a\xffl=1",
            b"\x01a\xff\xc3",
            &long,
            &digest_of_little,
            &short_digest,
        ] {
            check(&of(bytes), CursorError::NoCursor);
        }
    }
}
