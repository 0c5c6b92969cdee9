//! A batch as it is sent.

use bytes::{Bytes, BytesMut};

/// A [`Batch`](crate::Batch) as it is sent: one JSON object a line. Cheap to clone.
///
/// For whoever keeps batches, on disk or until they are acknowledged, and sends them again under their
/// [`IdempotencyKey`](crate::IdempotencyKey) by [`Client::write_encoded`](crate::Client::write_encoded). A hub knows a
/// repeat by the same key *and* the same bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedBatch {
    body: Bytes,
    len: usize,
}

impl EncodedBatch {
    pub(super) fn new(body: Bytes, len: usize) -> Self {
        EncodedBatch { body, len }
    }

    /// Takes what [`EncodedBatch::as_bytes`] gave, or another text with one change a line as the hub's
    /// `POST /api/v1/batch` reads them. It is not checked: the hub does that. Blank lines are no changes.
    #[must_use]
    pub fn from_lines(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let len = lines(&body).count();
        EncodedBatch { body, len }
    }

    /// What is sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.body
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes are sent.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.body.len()
    }

    /// The changes in their order, each as a line of JSON.
    pub fn items(&self) -> impl Iterator<Item = &[u8]> {
        lines(&self.body)
    }

    /// Another batch with those changes only for whose place, from 0, `keep` is true: to send the rest without those that
    /// the hub refused. It is another write, and needs another key.
    #[must_use]
    pub fn retain(&self, mut keep: impl FnMut(usize) -> bool) -> EncodedBatch {
        let mut body = BytesMut::with_capacity(self.body.len());
        let mut len = 0;
        for (_, line) in lines(&self.body).enumerate().filter(|(index, _)| keep(*index)) {
            body.extend_from_slice(line);
            body.extend_from_slice(b"\n");
            len += 1;
        }
        EncodedBatch::new(body.freeze(), len)
    }

    pub(crate) fn body(&self) -> Bytes {
        self.body.clone()
    }
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
}
