//! What the micro benchmarks call, and nobody else: each step of a path by itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_debug_implementations,
    reason = "a benchmark that cannot run must stop"
)]

use std::{hash::BuildHasher, ops::Range, sync::LazyLock};

use nexus_metric::text::{Escaping, Format};
use nexus_segments::frame::header_bytes;

use crate::{
    content_coding::ContentCoding,
    exposition::{Body, GzipCache, Scrape},
    http::Reserved,
    journal::{Frame, FrameHeader},
    protocol::{
        self,
        rest::parse::{Address, Verb},
    },
    state::{self, StoreLimits},
    store::view::{Filter, View},
    write::{Applied, Reader, RequestLimits, Write},
};

static RESERVED: LazyLock<Reserved> = LazyLock::new(protocol::reserved);

/// A request of the simple API, as far as it is read without the state.
pub fn simple(name: &str, query: &str) -> impl Sized {
    let (metric, verb) = (name, "inc");
    let addressed = Address { metric, verb, query }.read(&RESERVED, |_| None);
    addressed
        .and_then(|addressed| addressed.change(Verb::Increment, b""))
        .expect("a change")
}

/// The body of a batch, read.
pub struct Batch(Write<'static>);

/// Reads the body of a batch.
pub fn batch(body: &[u8]) -> Batch {
    let changes = protocol::batch::parse::parse(body, usize::MAX).expect("a batch");
    Batch(Write::of("admin", changes))
}

impl Batch {
    /// Checks what can be checked without the state; panics if there is something.
    pub fn validate(&self) {
        assert!(self.0.validate(&RequestLimits::NONE).is_empty());
    }

    /// The journal record.
    pub fn encode(&self) -> Vec<u8> {
        self.0.encode()
    }

    /// Puts the record into a frame with its checksum; gives the frame's length.
    pub fn frame(&self, record: &[u8]) -> usize {
        let mut frame = Frame::begin(1, 0);
        let applied = Applied {
            sequence: 1,
            changes: self.0.changes.len() as u64,
            ..Applied::default()
        };
        frame.push(&applied, record);
        frame
            .seal(0)
            .map_or(0, |frame| frame.len().saturating_sub(header_bytes::<FrameHeader>()))
    }
}

/// Reads a journal record back.
pub fn decode(record: &[u8]) -> usize {
    let write = Reader::new(record).write().expect("a record");
    write.changes.len()
}

/// The hash that finds a series.
pub fn hash(labels: &str) -> u64 {
    foldhash::fast::FixedState::default().hash_one(labels)
}

/// How a scrape is sent.
#[derive(Clone, Copy)]
pub enum Coding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
}

/// A state in memory, without a journal.
pub struct State {
    state: state::State,
    next: u64,
    gzip_cache: Option<GzipCache>,
}

impl State {
    /// A state with so many series, made by batches of these bodies.
    pub fn with(body: impl Fn(Range<u64>) -> Vec<u8>, series: u64) -> Self {
        const STEP: u64 = 10_000;
        let mut state = State {
            state: state::State::default(),
            next: 1,
            gzip_cache: None,
        };
        let mut first = 0;
        while first < series {
            state.apply(&batch(&body(first..series.min(first + STEP))));
            first += STEP;
        }
        state
    }

    /// Lets a compressed scrape use what one before it made.
    pub fn keep_parts(&mut self) {
        self.gzip_cache = Some(GzipCache::new(12 << 20));
    }

    /// Checks a batch against the state; panics if it is refused.
    pub fn check(&self, batch: &Batch) {
        assert!(self.state.check(&batch.0, &StoreLimits::NONE).is_empty());
    }

    /// Applies a batch.
    pub fn apply(&mut self, batch: &Batch) {
        self.state.apply(&batch.0, self.next, 0);
        self.next += batch.0.changes.len() as u64;
    }

    /// Makes so many pages of a thousand series; gives how many series they show.
    pub fn pages(&self, pages: usize) -> usize {
        let (view, filter) = (View::of(self.state.catalog()), Filter::default());
        let (mut shown, mut after) = (0, None);
        for _ in 0..pages {
            let page = view.page(&filter, after.as_ref(), 1000);
            shown += page.series.len();
            after = page.next;
        }
        shown
    }

    /// Makes a whole scrape; gives its length.
    pub fn scrape(&self, coding: Coding) -> usize {
        let scrape = Scrape::begin(
            &View::of(self.state.catalog()),
            Vec::new(),
            Filter::default(),
            Format::OpenMetrics,
            Escaping::AllowUtf8,
        );
        let encoding = match coding {
            Coding::Identity => ContentCoding::Identity,
            Coding::Gzip => ContentCoding::Gzip,
        };
        let gzip_cache = self.gzip_cache.clone().unwrap_or_else(|| GzipCache::new(0));
        let mut body = Body::new(scrape, encoding, gzip_cache).expect("a body");
        let mut length = 0;
        while let Some(piece) = body.next_piece().expect("a piece") {
            length += piece.len();
        }
        length
    }
}
