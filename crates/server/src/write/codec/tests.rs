//! Every write reads back as it was, and no bytes do harm.

use std::sync::Arc;

use nexus_metric::{Buckets, Labels, Name};
use proptest::{collection::vec, option, prelude::*, sample::select};

use super::{
    super::{Definition, Expires, GroupKey, HistogramDelta, Op, Reason, Refusals, Target},
    target::KINDS,
    *,
};

fn labels() -> impl Strategy<Value = Labels> {
    vec(("[a-z.]{1,4}", "\\PC{0,6}|[\"\\\\\n]{0,3}"), 0..4)
        .prop_filter_map("a name twice", |pairs| Labels::from_pairs(pairs).ok())
}

fn definition() -> impl Strategy<Value = Option<Arc<Definition>>> {
    let kind = option::of(select(KINDS.to_vec()));
    let buckets = option::of(vec(-1e9..1e9f64, 0..5).prop_filter_map("not rising", |mut bounds| {
        bounds.sort_by(f64::total_cmp);
        Buckets::new(&bounds).ok()
    }));
    option::of(
        (kind, "\\PC{0,9}", "[a-z]{0,5}", buckets).prop_map(|(kind, help, unit, buckets)| {
            Arc::new(Definition {
                kind,
                help: help.into(),
                unit: unit.into(),
                buckets,
            })
        }),
    )
}

fn group() -> impl Strategy<Value = Option<GroupKey>> {
    let pairs = vec(("[a-i.]{1,2}", "\\PC{0,3}"), 0..3);
    option::of(
        ("\\PC{1,4}", pairs).prop_filter_map("a name twice", |(job, mut pairs)| {
            pairs.push(("job".to_owned(), job));
            GroupKey::from_pairs(pairs).ok()
        }),
    )
}

fn target() -> impl Strategy<Value = Target<'static>> {
    let expires = option::of(any::<u64>().prop_map(Expires::after_ms));
    ("[a-z_:.é]{1,9}", labels(), definition(), group(), expires).prop_map(|(name, labels, define, group, expires)| {
        Target {
            group,
            expires,
            ..Target::new(Name::new(&name).unwrap(), labels).defining(define)
        }
    })
}

fn change() -> impl Strategy<Value = Change<'static>> {
    let value = any::<f64>().prop_filter("NaN is not equal to itself", |value| !value.is_nan());
    (target(), value, vec(any::<u64>(), 0..5), any::<u64>(), 0..9u8).prop_map(
        |(target, value, counts, sequence, which)| match which {
            0 => Change::Series(target, Op::Ensure),
            1 => Change::Series(target, Op::Set(value)),
            2 => Change::Series(target, Op::Add(value)),
            3 => Change::Series(target, Op::Observe(value)),
            4 => {
                let counts = counts.into();
                Change::Series(target, Op::Merge(Box::new(HistogramDelta { counts, sum: value })))
            }
            5 => Change::Delete {
                family: target.family,
                labels: None,
            },
            6 => Change::Delete {
                family: target.family,
                labels: Some(target.labels),
            },
            7 => Change::DeleteMatching {
                selector: "a{b=~\"c.*\"}".parse().unwrap(),
                prefix: "team_".into(),
            },
            _ => Change::Expire {
                family: target.family,
                labels: target.labels,
                sequence,
            },
        },
    )
}

fn write(most: usize) -> impl Strategy<Value = Write<'static>> {
    let idempotency = option::of(any::<([u8; 16], [u8; 8])>())
        .prop_map(|found| found.map(|(id, fingerprint)| Idempotency { id, fingerprint }));
    (
        vec(change(), 0..most),
        idempotency,
        select(Origin::ALL.to_vec()),
        0..3usize,
    )
        .prop_map(|(changes, idempotency, origin, refused)| {
            let mut write = Write {
                origin,
                idempotency,
                ..Write::of("key", changes)
            };
            let mut refusals = Refusals::default();
            for place in 0..refused {
                refusals.push(place, Reason::ReservedLabel("le"));
            }
            write.refused = refusals;
            write
        })
}

proptest! {
    #[test]
    fn a_write_reads_back_as_it_was(write in write(6)) {
        let bytes = write.encode();
        let mut reader = Reader::new(&bytes);
        let read = reader.write().unwrap();
        prop_assert!(reader.is_at_end());
        prop_assert_eq!(
            (read.owner, read.origin, read.idempotency, read.refused, read.changes.len()),
            (&*write.owner, write.origin, write.idempotency, write.refused.len() as u64, write.changes.len())
        );
        prop_assert_eq!(&read.changes, &write.changes);
        prop_assert_eq!(read.encode(), bytes);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Reader::new(&bytes).write();
    }

    #[test]
    fn a_cut_write_is_an_error(write in write(4), cut in any::<prop::sample::Index>()) {
        let bytes = write.encode();
        let cut = cut.index(bytes.len());
        prop_assert!(Reader::new(&bytes[..cut]).write().is_err());
    }
}

#[test]
fn what_is_in_the_journal_by_its_place_stands_there() {
    for (place, kind) in KINDS.into_iter().enumerate() {
        assert_eq!(kind as usize, place);
    }
    for (place, origin) in Origin::ALL.into_iter().enumerate() {
        assert_eq!(origin as usize, place);
    }
}

#[test]
fn what_is_unused_takes_no_byte() {
    let target = || Target::new(Name::new("jobs").unwrap(), Labels::from_pairs([("a", "1")]).unwrap());
    let check = |write: &Write<'_>, expected: &[u8]| assert_eq!(write.encode(), expected);
    // As format 1 has it.
    check(
        &Write::of("k", vec![Change::Series(target(), Op::Add(1.0))]),
        b"\x01k\x00\x01\x03\x04jobs\x05a=\"1\"\x00\0\0\0\0\0\0\xf0\x3f",
    );
    let mut all = target();
    all.group = Some(GroupKey::from_pairs([("job", "j")]).unwrap());
    all.expires = Some(Expires::after_ms(1000));
    check(
        &Write {
            origin: Origin::Mirror,
            ..Write::of("k", vec![Change::Series(all, Op::Ensure)])
        },
        b"\x01k\x02\x03\x01\x01\x04jobs\x05a=\"1\"\x18\x07job=\"j\"\xe8\x07",
    );
}

#[test]
fn what_a_newer_version_wrote_is_named() {
    let check = |bytes: &[u8], expected: CodecError| assert_eq!(Reader::new(bytes).write().unwrap_err(), expected);
    check(b"\x01k\x08\x00", CodecError::UnknownFlag("a write"));
    check(b"\x01k\x00\x01\x01\x01a\x00\x20", CodecError::UnknownFlag("a series"));
    check(
        b"\x01k\x00\x01\x01\x01a\x00\x21\x00\x00",
        CodecError::UnknownFlag("a series"),
    );
    check(b"\x01k\x00\x01\x08\x01a\x00\x00", CodecError::UnknownChange(8));
    check(b"\x01k\x00\x01\x0a\x01a\x00\x00", CodecError::UnknownChange(10));
    check(b"\x01k\x02\x04\x00", CodecError::Invalid("an origin"));
}
