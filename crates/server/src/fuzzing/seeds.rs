//! Seeds that only the hub itself can write. `NEXUS_WRITE_SEEDS=1 cargo test -p nexus-server --lib fuzzing::seeds` writes
//! them anew after a change of a format.

use std::{fs, path::Path, sync::Arc};

use nexus_metric::{Kind, Labels, Name};
use nexus_segments::testing::MemoryDisk;

use super::{journal, state, state::written};
use crate::{
    clients::ClientSeen,
    config::Durability,
    journal::{Frame, Joint, Journal, Link, SegmentHeader, SegmentId},
    protocol,
    state::State,
    write::{Applied, Change, Definition, Expires, GroupKey, Idempotency, Op, Origin, Reason, Refusals, Target, Write},
};

const AT_MS: u64 = 1_700_000_000_000;

const BATCHES: [&str; 4] = [
    r#"{"op":"create","metric":"jobs_total","type":"counter","help":"Jobs \"done\"\\","unit":"jobs"}
       {"op":"add","metric":"jobs_total","labels":{"queue":"mail","zone":"é\n"},"value":2.5}"#,
    r#"{"op":"observe","metric":"wait_seconds","type":"histogram","buckets":[0.1,1,10],"value":0.5}
       {"op":"merge","metric":"wait_seconds","labels":{"a":"b"},"counts":[1,2,0,4],"sum":30.5}"#,
    r#"{"op":"set","metric":"my.gauge","type":"gauge","labels":{"my.label":"1"},"value":"NaN"}
       {"op":"set","metric":"temp","type":"untyped","value":"-Inf"}"#,
    r#"{"op":"delete","metric":"jobs_total","labels":{}}
       {"op":"delete","metric":"temp"}"#,
];

fn writes() -> Vec<Write<'static>> {
    let write = |(place, body): (u8, &&str)| {
        let owner = if place < 2 { "admin" } else { "team" };
        Write {
            idempotency: (place > 0).then_some(Idempotency {
                id: [place; 16],
                fingerprint: [place; 8],
            }),
            ..Write::of(owner, protocol::batch::parse::parse(body.as_bytes(), 10).unwrap())
        }
    };
    (0..).zip(&BATCHES).map(write).chain([in_part()]).collect()
}

/// With all that few writes have: of a group, that expires, from a push, with changes that were refused.
fn in_part() -> Write<'static> {
    let name = Name::new("backup_seconds").unwrap();
    let labels = Labels::from_pairs([("host", "a")]).unwrap();
    let mut target = Target::new(name.clone(), labels.clone()).defining(Some(Arc::new(Definition::of(Kind::Gauge))));
    target.group = Some(GroupKey::from_pairs([("job", "backup"), ("shard", "")]).unwrap());
    target.expires = Some(Expires::after_ms(3_600_000));
    let keeps = Target {
        expires: Some(Expires::NEVER),
        ..Target::new(name.clone(), Labels::none())
    };
    let expire = Change::Expire {
        family: name.into(),
        labels: labels.into(),
        sequence: 3,
    };
    let mut refused = Refusals::default();
    for place in [1, 300] {
        refused.push(place, Reason::ReservedLabel("le"));
    }
    Write {
        origin: Origin::Group,
        idempotency: Some(Idempotency {
            id: [9; 16],
            fingerprint: [9; 8],
        }),
        refused,
        ..Write::of(
            "team",
            vec![
                Change::Series(target, Op::Set(1.5)),
                Change::Series(keeps, Op::Ensure),
                expire,
            ],
        )
    }
}

fn id(number: u64) -> SegmentId {
    format!("{number:016x}").parse().unwrap()
}

/// Two segments with two frames each, and the state after them.
fn segments(durability: Durability) -> (Vec<u8>, State, u64) {
    let files = MemoryDisk::default();
    let mut state = State::default();
    let header = SegmentHeader {
        durability,
        number: 1,
        after: 0,
        link: Some(Link {
            id: id(1),
            previous: None,
        }),
    };
    let mut journal = Journal::begin(Arc::new(files.clone()), Path::new("journal"), header).unwrap();
    let mut next = 1;
    for (place, write) in writes().iter().enumerate() {
        if place == 2 {
            journal.rotate(next - 1, id(2)).unwrap();
        }
        let mut frame = Frame::begin(next, AT_MS + next);
        let applied: Applied = state.apply(write, next, AT_MS + next);
        if let Some(idempotency) = write.idempotency {
            state.keep_key(idempotency, &applied, AT_MS + next);
        }
        frame.push(&applied, &write.encode());
        next = frame.next();
        journal.append(&mut frame).unwrap();
        journal.sync().unwrap();
    }
    let bytes = ["journal/000001.log", "journal/000002.log"].map(|file| files.get(file).unwrap());
    (bytes.concat(), state, next - 1)
}

fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let (sync, state, position) = segments(Durability::Sync);
    let (snapshot, ..) = segments(Durability::Snapshot);
    let with = |start: u8, repair: u8, bytes: &[u8]| [&[start, repair], bytes].concat();
    let joint = Joint {
        before: Some(id(2)),
        next: id(3),
    };
    let clients = [ClientSeen {
        key: "admin".into(),
        client: "127.0.0.1".into(),
        seen_ms: AT_MS,
    }];
    vec![
        ("journal", "good-sync", with(0, 0, &sync)),
        ("journal", "good-sync-repaired", with(0, 1, &sync)),
        ("journal", "good-half-known", with(4, 0, &sync)),
        ("journal", "good-snapshot", with(0, 0, &snapshot)),
        ("journal", "bad-cut", with(0, 0, &sync[..sync.len() - 3])),
        ("state", "good-all", written(&state, position, Some(joint), &clients)),
        ("state", "good-empty", written(&State::default(), 0, None, &[])),
    ]
}

#[test]
fn what_the_hub_writes_is_a_good_seed() {
    for (target, name, bytes) in seeds() {
        if std::env::var_os("NEXUS_WRITE_SEEDS").is_some() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../../fuzz/corpus")
                .join(target);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(name), &bytes).unwrap();
        }
        let run = if target == "journal" { journal } else { state };
        assert_eq!(run(&bytes), name.starts_with("good-"), "{target}/{name}");
    }
}
