//! A gzip body made of parts that were compressed before.

use std::io;

use flate2::{Compress, Compression, FlushCompress};

/// What begins a gzip member (RFC 1952): deflate, no name, no time, made for speed, on no system in particular.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// A last block of deflate (RFC 1951) with nothing in it.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// A piece of text, compressed by itself: a run of deflate blocks that ends at a byte and refers to nothing before itself,
/// so that it can stand anywhere in any gzip body.
#[derive(Debug)]
pub(super) struct DeflateChunk {
    deflated: Box<[u8]>,
    /// Of the text.
    checksum: crc32fast::Hasher,
    text_length: usize,
}

impl DeflateChunk {
    /// How many bytes it is compressed to.
    pub(super) fn len(&self) -> usize {
        self.deflated.len()
    }
}

/// A gzip body that is put together from chunks. It is one member, not one for each chunk: there are clients that read the
/// first member only. Its checksum is combined from those of the chunks.
#[derive(Debug)]
pub(super) struct Gzip {
    deflate: Compress,
    began: bool,
    checksum: crc32fast::Hasher,
    text_length: usize,
    /// Where a part is compressed, before its length is known.
    scratch: Vec<u8>,
}

impl Gzip {
    pub(super) fn new() -> Self {
        Gzip {
            began: false,
            // Metrics repeat themselves so much that the fastest level already gives nearly all there is to gain.
            deflate: Compress::new(Compression::fast(), false),
            checksum: crc32fast::Hasher::new(),
            text_length: 0,
            scratch: Vec::new(),
        }
    }

    /// Compresses a text by itself.
    pub(super) fn compress(&mut self, text: &[u8]) -> io::Result<DeflateChunk> {
        self.deflate.reset();
        self.scratch.clear();
        loop {
            // Metrics take a tenth of this; bytes that cannot be compressed may take more than they are long.
            self.scratch.reserve(text.len() / 4 + 64);
            let taken = usize::try_from(self.deflate.total_in()).unwrap_or(usize::MAX);
            let rest = text.get(taken..).unwrap_or_default();
            self.deflate
                .compress_vec(rest, &mut self.scratch, FlushCompress::Sync)?;
            // Room that is left says that all is flushed.
            if self.scratch.len() < self.scratch.capacity() {
                break;
            }
        }
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(text);
        Ok(DeflateChunk {
            deflated: self.scratch.as_slice().into(),
            checksum,
            text_length: text.len(),
        })
    }

    /// Appends a part.
    pub(super) fn append(&mut self, out: &mut Vec<u8>, part: &DeflateChunk) {
        self.begin(out);
        out.extend_from_slice(&part.deflated);
        self.checksum.combine(&part.checksum);
        self.text_length = self.text_length.wrapping_add(part.text_length);
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.began, true) {
            out.extend_from_slice(&HEADER);
        }
    }

    /// Ends the body.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(&LAST_BLOCK);
        out.extend_from_slice(&self.checksum.clone().finalize().to_le_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "gzip keeps the length modulo 2^32")]
        out.extend_from_slice(&(self.text_length as u32).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn body(texts: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut gzip = Gzip::new();
        for text in texts {
            let part = gzip.compress(text).unwrap();
            gzip.append(&mut out, &part);
        }
        gzip.finish(&mut out);
        out
    }

    fn unpacked(body: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        // It reads one member, and fails if its checksum or length are wrong.
        let mut decoder = GzDecoder::new(body);
        decoder.read_to_end(&mut text).unwrap();
        assert!(decoder.into_inner().is_empty(), "something follows the member");
        text
    }

    #[test]
    fn no_parts_are_an_empty_body() {
        assert_eq!(unpacked(&body(&[])), b"");
    }

    #[test]
    fn a_part_may_stand_in_many_bodies() {
        let mut out = Vec::new();
        let mut gzip = Gzip::new();
        let part = gzip.compress(&b"jobs_total 1\n".repeat(10_000)).unwrap();
        for _ in 0..3 {
            gzip.append(&mut out, &part);
        }
        gzip.finish(&mut out);
        assert_eq!(unpacked(&out), b"jobs_total 1\n".repeat(30_000));
    }

    proptest! {
        #[test]
        fn what_went_in_comes_out(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..6)) {
            prop_assert_eq!(unpacked(&body(&texts)), texts.concat());
        }
    }
}
