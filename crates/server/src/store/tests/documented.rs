//! `state/README.md` against the bytes that the hub writes: each table is read, and looked for in them.

use std::{collections::BTreeSet, path::Path};

use super::{repair::SNAPSHOT, *};
use crate::{
    config::StatePaths,
    journal::{Frame, Link, SegmentHeader},
    write::{HistogramDelta, Idempotency, Origin, Reason, Refusals},
};

const README: &str = include_str!("../../../../../state/README.md");

/// The rows of the first table behind `marker`, cell by cell.
fn table(marker: &str) -> Vec<Vec<String>> {
    let (_, behind) = README.split_once(marker).expect(marker);
    let rows: Vec<&str> = behind
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .collect();
    let cells = |row: &&str| {
        row.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    assert!(rows[1].chars().all(|c| "|-:".contains(c)), "{marker}: {}", rows[1]);
    rows[2..].iter().map(cells).collect()
}

/// What stands in backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The bytes of each row of a table of offsets, which must leave nothing out.
fn fields<'a>(marker: &str, bytes: &'a [u8]) -> Vec<(String, &'a [u8])> {
    let mut at = 0;
    let mut found = Vec::new();
    for row in table(marker) {
        let offset: usize = row[0].parse().unwrap();
        assert_eq!(offset, at, "{marker}: {row:?}");
        at += row[1].parse().unwrap_or(bytes.len() - offset);
        found.push((row[2].clone(), &bytes[offset..at]));
    }
    assert_eq!(at, bytes.len(), "{marker}");
    found
}

fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[test]
fn the_header_of_a_segment() {
    for (durability, mode) in [(Durability::Sync, 0), (Durability::Flush, 1), (Durability::Snapshot, 2)] {
        let header = SegmentHeader {
            durability,
            number: 0x0102_0304_0506_0708,
            after: 0x1112_1314_1516_1718,
            link: Some(Link {
                id: "2122232425262728".parse().unwrap(),
                previous: "3132333435363738".parse().ok(),
            }),
        };
        let bytes = header.encode();
        let fields = fields("\nHeader, 48 bytes:", &bytes);
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(fields[0].1, quoted(names[0])[0].as_bytes());
        assert_eq!(names[1], format!("format, {}", number(fields[1].1)));
        assert_eq!(number(fields[2].1), mode);
        assert!(names[2].contains(&format!("{mode} `{durability}`")), "{}", names[2]);
        assert_eq!(names[3], number(fields[3].1).to_string());
        assert_eq!((names[4], number(fields[4].1)), ("the segment's number", header.number));
        assert_eq!(number(fields[5].1), header.after);
        assert!(names[6].starts_with("the segment's id"));
        assert_eq!(number(fields[6].1), 0x2122_2324_2526_2728);
        assert!(names[7].starts_with("the id of its predecessor"));
        assert_eq!(number(fields[7].1), 0x3132_3334_3536_3738);
        assert_eq!(names[8], "CRC-32 of the 44 bytes before");
        assert_eq!(
            number(fields[8].1),
            u64::from(nexus_segments::checksum(&[&bytes[..44]]))
        );
        assert_eq!(fields.len(), 9);
    }
}

#[test]
fn the_header_of_a_frame() {
    let write = write_of(vec![add("a", 1.0), add("b", 1.0)]);
    let applied = Applied {
        sequence: 9,
        changes: 2,
        created: 2,
        ..Applied::default()
    };
    let mut frame = Frame::begin(8, 1_234_567);
    frame.push(&applied, &write.encode());
    let bytes = frame.seal(6).unwrap().to_vec();
    let fields = fields(
        "\nFrame: writes that became durable together, 40 bytes and the payload:",
        &bytes,
    );
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(fields[0].1, quoted(names[0])[0].as_bytes());
    assert_eq!(
        (names[1], number(fields[1].1)),
        ("length of the payload", bytes.len() as u64 - 40)
    );
    assert_eq!(names[2], "CRC-32 of the length, of bytes 12 to 39, and of the payload");
    let covered = [&bytes[4..8], &bytes[12..40], &bytes[40..]].concat();
    assert_eq!(number(fields[2].1), u64::from(nexus_segments::checksum(&[&covered])));
    assert_eq!(
        (names[3], number(fields[3].1)),
        ("how many sequences the frame uses", 2)
    );
    assert_eq!((names[4], number(fields[4].1)), ("the first of them", 8));
    assert_eq!(number(fields[5].1), 6);
    assert!(names[5].starts_with("the last sequence that was known to be durable"));
    assert_eq!(
        (names[6], number(fields[6].1)),
        ("wall time, milliseconds since 1970", 1_234_567)
    );
    assert_eq!(fields[7].1, [&[2, 0], &write.encode()[..]].concat());
    assert_eq!(fields.len(), 8);
}

#[test]
fn the_types_of_changes_and_the_numbers_of_kinds() {
    let target = target("a", &[], None);
    let delta = HistogramDelta {
        counts: [0].into(),
        sum: 0.0,
    };
    let (one, value) = (target.clone(), 0.0);
    let changes = [
        ("create", Change::Series(one.clone(), Op::Ensure)),
        ("set", Change::Series(one.clone(), Op::Set(value))),
        ("add", Change::Series(one.clone(), Op::Add(value))),
        ("observe", Change::Series(one.clone(), Op::Observe(value))),
        ("merge", Change::Series(one, Op::Merge(delta.into()))),
        (
            "delete",
            Change::Delete {
                family: target.family.clone(),
                labels: None,
            },
        ),
        (
            "delete-matching",
            Change::DeleteMatching {
                selector: "a".parse().unwrap(),
                prefix: "".into(),
            },
        ),
        (
            "expire",
            Change::Expire {
                family: target.family,
                labels: target.labels,
                sequence: 1,
            },
        ),
    ];
    let rows = table("\n| changes | each a type byte and what the type needs |\n");
    let documented: Vec<(String, String)> = rows.iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let written: Vec<(String, String)> = changes
        .iter()
        .map(|(name, change)| {
            (
                write_of(vec![change.clone()]).encode()[6].to_string(),
                (*name).to_owned(),
            )
        })
        .collect();
    assert_eq!(documented[..written.len()], written);
    assert_eq!(
        documented[written.len()..],
        [("8".to_owned(), "kept for replace-group".to_owned())]
    );

    let documented: Vec<(String, String)> = table("without braces, empty ones too)")
        .iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    let written: Vec<(String, String)> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let target = super::target("a", &[], Some(kind));
            let bytes = write_of(vec![Change::Series(target, Op::Ensure)]).encode();
            // Behind owner, flag, number of changes: type, family, labels, flags, kind.
            (bytes[11].to_string(), kind.to_string())
        })
        .collect();
    assert_eq!(documented, written);
}

#[test]
fn a_write_begins_as_it_says() {
    let mut write = write_of(vec![add("a", 1.0)]);
    write.idempotency = Some(Idempotency {
        id: [1; 16],
        fingerprint: [2; 8],
    });
    let rows = table("*text* a number and as many bytes of UTF-8, *value* an IEEE 754 double.");
    let names: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(
        names,
        [
            "number, number",
            "text",
            "byte",
            "16 + 8 bytes",
            "byte",
            "number",
            "number",
            "changes"
        ]
    );
    let bytes = write.encode();
    assert_eq!(bytes[..4], *b"\x03key");
    assert_eq!(bytes[4], 1);
    assert_eq!(bytes[5..29], [[1; 8], [1; 8], [2; 8]].concat());
    assert_eq!(bytes[29..31], [1, 3]);

    for origin in Origin::ALL {
        let mut refused = Refusals::default();
        refused.push(0, Reason::ReservedLabel("le"));
        let bytes = Write {
            origin,
            refused,
            ..write_of(vec![add("a", 1.0)])
        }
        .encode();
        let number = origin as u8;
        let direct = number == 0;
        assert_eq!(bytes[4], if direct { 4 } else { 4 + 2 });
        assert_eq!(bytes[if direct { 4 } else { 5 }..][1..4], [1, 1, 3]);
        let name = format!("{number} {origin:?}").to_lowercase();
        assert!(direct || (bytes[5] == number && rows[4][1].contains(&name)), "{name}");
    }
}

/// The example is a whole file: it is read, and written again to the byte.
#[test]
fn the_example_of_a_snapshot() {
    let (_, example) = README.split_once("```yaml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let disk = MemoryDisk::default();
    disk.put(SNAPSHOT, example);
    let loaded = crate::snapshot::load(&disk, Path::new(SNAPSHOT)).unwrap().unwrap();
    let written = crate::snapshot::begin(
        Arc::new(disk.clone()),
        Path::new(SNAPSHOT),
        &loaded.state.catalog(),
        crate::snapshot::StandsFor {
            position: loaded.position.unwrap(),
            joint: loaded.joint,
        },
        1_795_289_368_895,
        &loaded.clients,
    );
    written.unwrap().commit().unwrap();
    assert_eq!(String::from_utf8(disk.get(SNAPSHOT).unwrap()).unwrap(), example);
    assert!(loaded.newest == 13 && loaded.state.catalog().series_len() == 3);
}

#[test]
fn the_names_of_files() {
    let documented: BTreeSet<String> = table("One hub at a time uses it.")
        .iter()
        .flat_map(|row| quoted(&row[0]).into_iter().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let state = StatePaths::in_directory("");
    let segment = MemoryDisk::default();
    drop(open(&segment, Durability::Sync));
    let journal = |name: &str| state.journal_dir().join(name);
    assert_eq!(segment.paths(), [journal("000001.log"), journal("newest")]);
    let snapshot = |extension: &str| state.snapshot.with_added_extension(extension);
    let mut files = vec![
        state.snapshot.clone(),
        snapshot("new"),
        snapshot("original"),
        snapshot("before-accept"),
        journal("NNNNNN.log"),
        journal("newest"),
        journal("newest.new"),
        state.keys_file(),
        state.keys_file().with_extension("lock"),
        state.settings_file(),
        state.usage_file(),
        state.usage_file().with_extension("db-wal"),
        state.usage_file().with_extension("db-shm"),
        state.usage_log_file(),
        state.usage_log_file().with_extension("db-wal"),
        state.usage_log_file().with_extension("db-shm"),
        state.usage_log_file().with_extension("db.lock"),
        state.usage_log_dir().join(""),
        state.admin_key_file(),
        state.lock_file(),
        PathBuf::from(".NAME.….tmp"),
    ];
    files.extend(["ca.pem", "ca.key", "server.pem", "server.key"].map(|name| state.tls_dir().join(name)));
    let files: BTreeSet<String> = files.iter().map(|file| file.display().to_string()).collect();
    assert_eq!(documented, files);
}

/// Each row names fields that are optional, and no others are.
#[test]
fn what_may_be_left_out_by_hand() {
    let rows = table("What may be left out of an item by hand");
    let optional = |section: &str| -> Vec<String> {
        let rows = rows.iter().filter(|row| row[0] == section);
        rows.flat_map(|row| quoted(&row[1]).into_iter().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let check = |section: &str, item: &str, other: &str| {
        let whole: serde_json::Map<String, serde_json::Value> = serde_json::from_str(item).unwrap();
        for field in whole.keys() {
            let mut item = whole.clone();
            item.remove(field);
            let item = format!("- {}\n", serde_json::Value::Object(item));
            let (families, series) = match section {
                "families" => (item, String::new()),
                _ => (other.to_owned(), item),
            };
            let disk = MemoryDisk::default();
            let text = format!("hub: {{\"format\": 1, \"sequence\": 3}}\nfamilies:\n{families}series:\n{series}");
            disk.put(SNAPSHOT, text);
            let accepted = super::super::accept(&settings(&disk, Durability::Sync), |_| Ok(()));
            assert_eq!(accepted.is_ok(), optional(section).contains(field), "{section} {field}");
        }
    };
    check(
        "families",
        r#"{"name": "h", "kind": "histogram", "help": "", "unit": "", "buckets": [1.0], "defined_ms": 1, "sequence": 1}"#,
        "",
    );
    check(
        "series",
        r#"{"name": "a", "labels": {}, "value": 1.0, "owner": "", "created_ms": 1, "changed_ms": 1, "sequence": 1}"#,
        "- {\"name\": \"a\", \"kind\": \"gauge\"}\n",
    );
}
