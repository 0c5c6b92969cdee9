//! Reads bodies of requests.

use std::{error::Error, ops::Deref, sync::Arc};

use axum::{
    body::Body,
    extract::{FromRef, FromRequest, Request},
    http::{HeaderMap, header::CONTENT_ENCODING},
};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use nexus_metric::spelling;
use nexus_usage::Refusal;

use super::{AppState, authenticate::admitted, error::Problem};
use crate::{
    accounts::Refused,
    background::Background,
    config::Config,
    content_coding::ContentCoding,
    memory::{Held, RequestMemory},
    serve::{BodyError, Exchange},
};

/// Bodies that are larger than this, or come to be when they are decompressed, are decompressed where they hold up nobody else.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// So much room is made for an announced body with its first bytes, so that they are not moved while the others come.
const RESERVED_BYTES_MAX: usize = 2 << 20;

/// A body that a handler reads when it has decided that it may come.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) headers: HeaderMap,
    body: Body,
    reader: BodyReader,
    /// By whom.
    key: Arc<str>,
}

impl FromRequest<AppState> for Unread {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let exchange = parts.extensions.get::<Exchange>().ok_or_else(Problem::internal)?;
        Ok(Unread {
            key: Arc::clone(&admitted(exchange)?.principal().name),
            headers: parts.headers,
            body,
            reader: FromRef::from_ref(state),
        })
    }
}

impl Unread {
    pub(crate) async fn read(self) -> Result<WholeBody, Problem> {
        self.reader.read(&self.headers, self.body, &self.key).await
    }
}

/// A body that was read, in memory that it holds.
#[derive(Debug)]
pub(crate) struct WholeBody {
    bytes: Bytes,
    _held: Held,
}

impl Deref for WholeBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads bodies, within limits.
#[derive(Debug, Clone)]
pub(super) struct BodyReader {
    config: Arc<Config>,
    memory: RequestMemory,
    background: Background,
}

impl FromRef<AppState> for BodyReader {
    fn from_ref(state: &AppState) -> Self {
        BodyReader {
            config: FromRef::from_ref(state),
            memory: FromRef::from_ref(state),
            background: FromRef::from_ref(state),
        }
    }
}

impl BodyReader {
    /// Reads a whole body, within the limits on both sides of the decompression, and on the memory of its key; without the byte
    /// order mark that some programs put before texts.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body, key: &Arc<str>) -> Result<WholeBody, Problem> {
        let limits = &self.config.limits;
        let coding = coding(headers)?;
        let mut held = self.memory.hold(key);
        let bytes = collect(body, limits.body_bytes_max, &mut held).await?;
        let mut bytes = match coding {
            ContentCoding::Identity => bytes,
            coding => {
                let bytes = self.decompress(coding, bytes, key).await?;
                held.grow_to(bytes.len())?;
                bytes
            }
        };
        bytes.advance(spelling::mark_bytes(&bytes));
        Ok(WholeBody { bytes, _held: held })
    }

    /// What becomes large is decompressed in the background, a few at a time: until it is done, nobody knows how large it is.
    async fn decompress(&self, coding: ContentCoding, bytes: Bytes, key: &Arc<str>) -> Result<Bytes, Problem> {
        let max = self.config.limits.body_decompressed_bytes_max;
        if bytes.len() <= INLINE_BYTES_MAX
            && let Some(small) = decompress(coding, &bytes, INLINE_BYTES_MAX.min(max))?
        {
            return Ok(small);
        }
        let work = self.background.run_of(key, move || decompress(coding, &bytes, max));
        let whole = work.await.map_err(|_| Problem::internal())??;
        whole.ok_or_else(|| Problem::body_too_large(max, "body_decompressed_bytes_max"))
    }
}

fn coding(headers: &HeaderMap) -> Result<ContentCoding, Problem> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(first) = codings.next() else {
        return Ok(ContentCoding::Identity);
    };
    let text = first.to_str().unwrap_or("?").trim().to_ascii_lowercase();
    let named = if text.is_empty() {
        Some(ContentCoding::Identity)
    } else {
        ContentCoding::named(&text)
    };
    match (named, codings.next()) {
        (Some(coding), None) => Ok(coding),
        _ => Err(Problem::unsupported_encoding(&text)),
    }
}

async fn collect(mut body: Body, max: usize, held: &mut Held) -> Result<Bytes, Problem> {
    let too_large = || Problem::body_too_large(max, "body_bytes_max");
    let announced = http_body::Body::size_hint(&body).lower();
    if announced > max as u64 {
        return Err(too_large());
    }
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| read_error(&error))?.into_data() else {
            continue;
        };
        if collected.len() + data.len() > max {
            return Err(too_large());
        }
        if collected.is_empty() {
            if data.len() as u64 == announced {
                return Ok(data);
            }
            // What is announced need not come: room for more is made when it does.
            let announced = usize::try_from(announced).unwrap_or(usize::MAX);
            let reserved = announced.min(RESERVED_BYTES_MAX);
            held.grow_to(reserved)?;
            collected.reserve(reserved);
        }
        // What is added to a full buffer may double it.
        if collected.len() + data.len() > collected.capacity() {
            held.grow_to((2 * collected.capacity()).max(data.len()))?;
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected.freeze())
}

fn read_error(error: &axum::Error) -> Problem {
    if let Some(error) = BodyError::cause(error) {
        match error {
            BodyError::Stalled => Problem::body_timeout(),
            BodyError::KeptBack => Problem::expectation_failed(),
        }
    } else if let Some(refusal) = used_up(error) {
        Problem::from(Refused::UsedUp(refusal.clone()))
    } else {
        Problem::bad_request(format!("the body cannot be read: {error}"))
    }
}

/// The limit on usage that ended the body, if that is why.
fn used_up<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Refusal> {
    error.downcast_ref().or_else(|| used_up(error.source()?))
}

/// None if there are more bytes than `max`.
fn decompress(coding: ContentCoding, bytes: &[u8], max: usize) -> Result<Option<Bytes>, Problem> {
    // One byte more than allowed tells a body that is too large from one that fits exactly.
    let out = coding
        .decompress(bytes, max as u64 + 1)
        .map_err(|error| Problem::bad_request(format!("the body is not sound {coding:?}: {error}")))?;
    Ok((out.len() <= max).then(|| out.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::memory::MemoryLimits;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn check(encoding: &str, body: Vec<u8>, expected: Result<&[u8], &str>) {
        let mut config = Config::default();
        config.limits.body_bytes_max = 1000;
        config.limits.body_decompressed_bytes_max = 2000;
        let reader = BodyReader {
            config: Arc::new(config),
            memory: RequestMemory::new(MemoryLimits {
                requests_bytes_max: 1 << 20,
                requests_per_key_bytes_max: 1 << 20,
            }),
            background: Background::new().unwrap(),
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        let found = reader.read(&headers, Body::from(body), &"key".into()).await;
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(*found, *expected),
            (Err(problem), Err(expected)) => assert!(format!("{problem:?}").contains(expected), "{problem:?}"),
            (found, expected) => panic!("{found:?} {expected:?}"),
        }
    }

    #[tokio::test]
    async fn bodies_are_read_within_their_limits() {
        check("identity", vec![b'x'; 1000], Ok(&[b'x'; 1000])).await;
        check(
            "identity",
            vec![b'x'; 1001],
            Err("limit of 1000 bytes (limits.body_bytes_max)"),
        )
        .await;
        check("gzip", gzip(&[b'x'; 2000]), Ok(&[b'x'; 2000])).await;
        check(
            "gzip",
            gzip(&[b'x'; 2001]),
            Err("limit of 2000 bytes (limits.body_decompressed_bytes_max)"),
        )
        .await;
        check("identity", b"\xef\xbb\xbf5".to_vec(), Ok(b"5")).await;
        check("gzip", gzip(b"\xef\xbb\xbf[]"), Ok(b"[]")).await;
        check("identity", b"\xef\xbb".to_vec(), Ok(b"\xef\xbb")).await;
        check("GZIP", gzip(&[b'x'; 100_000]), Err("body_decompressed_bytes_max")).await;
        check("gzip", b"nonsense".to_vec(), Err("not sound Gzip")).await;
        check("gzip", gzip(b"hello")[..10].to_vec(), Err("not sound Gzip")).await;
        check("br", b"x".to_vec(), Err("not understood")).await;
        check("gzip, gzip", b"x".to_vec(), Err("not understood")).await;
    }
    #[cfg(feature = "zstd")]
    #[tokio::test]
    async fn zstd_bodies_are_read_within_their_limits() {
        check(
            "zstd",
            zstd::encode_all(&[b'x'; 2000][..], 1).unwrap(),
            Ok(&[b'x'; 2000]),
        )
        .await;
        check(
            "zstd",
            zstd::encode_all(&[b'x'; 2001][..], 1).unwrap(),
            Err("body_decompressed_bytes_max"),
        )
        .await;
        check("zstd", b"nonsense".to_vec(), Err("not sound Zstd")).await;
    }

    #[cfg(not(feature = "zstd"))]
    #[tokio::test]
    async fn a_coding_that_was_not_built_in_names_its_feature() {
        check("zstd", b"x".to_vec(), Err("without the feature zstd")).await;
    }
}
