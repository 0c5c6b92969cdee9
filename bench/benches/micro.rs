//! What each step of the hub's paths costs by itself: `cargo bench -p nexus-bench`.
//!
//! The server's steps are reached through the hidden module `nexus_server::benching`, behind a feature of that name.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run must stop")]

use divan::{Bencher, counter::ItemsCount};
use nexus_bench::series;
use nexus_metric::{
    Labels, Name,
    text::{self, Format, number},
};
use nexus_server::benching;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Series in what is measured.
const SERIES: u64 = 10_000;

fn main() {
    divan::main();
}

#[divan::bench]
fn parse_simple_request(bencher: Bencher<'_, '_>) {
    let path = series::increment(12_345);
    let (path, query) = path.split_once('?').unwrap();
    bencher.bench(|| benching::simple(path.trim_start_matches('/').split('/').next().unwrap(), query));
}

#[divan::bench]
fn parse_json_batch(bencher: Bencher<'_, '_>) {
    let body = series::batch(0..SERIES);
    let bencher = bencher.counter(ItemsCount::new(SERIES));
    bencher.bench(|| benching::batch(divan::black_box(&body)));
}

#[divan::bench]
fn parse_text(bencher: Bencher<'_, '_>) {
    let text = series::text(0..SERIES, 1);
    let bencher = bencher.counter(ItemsCount::new(SERIES));
    bencher.bench(|| text::parse(Format::Prometheus, divan::black_box(&text)).unwrap());
}

#[divan::bench]
fn validate_batch(bencher: Bencher<'_, '_>) {
    let batch = benching::batch(&series::batch(0..SERIES));
    let bencher = bencher.counter(ItemsCount::new(SERIES));
    bencher.bench(|| batch.validate());
}

#[divan::bench]
fn labels_from_pairs(bencher: Bencher<'_, '_>) {
    let pairs = series::labels(12_345);
    bencher.bench(|| Labels::from_pairs(divan::black_box(&pairs).iter().map(|(name, value)| (name, value))).unwrap());
}

#[divan::bench]
fn name(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Name::legacy(divan::black_box(series::FAMILY)).unwrap());
}

#[divan::bench]
fn hash(bencher: Bencher<'_, '_>) {
    let labels = Labels::from_pairs(series::labels(12_345)).unwrap();
    bencher.bench(|| benching::hash(divan::black_box(labels.as_text())));
}

#[divan::bench]
fn journal_record(bencher: Bencher<'_, '_>) {
    let batch = benching::batch(&series::batch(0..SERIES));
    let bencher = bencher.counter(ItemsCount::new(SERIES));
    bencher.bench(|| divan::black_box(&batch).encode());
}

#[divan::bench]
fn journal_frame(bencher: Bencher<'_, '_>) {
    let batch = benching::batch(&series::batch(0..SERIES));
    let record = batch.encode();
    let bencher = bencher.counter(ItemsCount::new(SERIES));
    bencher.bench(|| batch.frame(divan::black_box(&record)));
}

#[divan::bench]
fn journal_read(bencher: Bencher<'_, '_>) {
    let record = benching::batch(&series::batch(0..SERIES)).encode();
    let bencher = bencher.counter(ItemsCount::new(SERIES));
    bencher.bench(|| benching::decode(divan::black_box(&record)));
}

#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn check(bencher: Bencher<'_, '_>, series: u64) {
    let state = benching::State::with(series::batch, series);
    let batch = spread(series);
    let bencher = bencher.counter(ItemsCount::new(SERIES));
    bencher.bench_local(|| state.check(&batch));
}

#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn apply(bencher: Bencher<'_, '_>, series: u64) {
    let mut state = benching::State::with(series::batch, series);
    let batch = spread(series);
    let bencher = bencher.counter(ItemsCount::new(SERIES));
    bencher.bench_local(|| state.apply(&batch));
}

#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn render(bencher: Bencher<'_, '_>, series: u64) {
    let state = benching::State::with(series::batch, series);
    let bencher = bencher.counter(ItemsCount::new(series));
    bencher.bench_local(|| state.scrape(benching::Coding::Identity));
}

#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn render_gzip(bencher: Bencher<'_, '_>, series: u64) {
    let state = benching::State::with(series::batch, series);
    let bencher = bencher.counter(ItemsCount::new(series));
    bencher.bench_local(|| state.scrape(benching::Coding::Gzip));
}

#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn render_gzip_unchanged(bencher: Bencher<'_, '_>, series: u64) {
    let mut state = benching::State::with(series::batch, series);
    state.keep_parts();
    state.scrape(benching::Coding::Gzip);
    let bencher = bencher.counter(ItemsCount::new(series));
    bencher.bench_local(|| state.scrape(benching::Coding::Gzip));
}

/// Two pages of a thousand, so that one of them begins at a cursor.
#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn two_pages(bencher: Bencher<'_, '_>, series: u64) {
    let state = benching::State::with(series::batch, series);
    bencher.bench_local(|| state.pages(2));
}

#[divan::bench(args = [1.0, 1234567.0, 0.1, 1.0e300])]
fn print_number(bencher: Bencher<'_, '_>, value: f64) {
    let mut out = Vec::with_capacity(64);
    bencher.bench_local(|| {
        out.clear();
        number::write(&mut out, divan::black_box(value));
        out.len()
    });
}

/// Series far apart from each other, in no order that a cache would like.
fn spread(series: u64) -> benching::Batch {
    benching::batch(&series::batch((0..SERIES).map(|number| number * 7919 % series)))
}
