//! What a hand may do to a snapshot.

use std::cell::RefCell;

use super::{
    repair::{lines_of, put_lines, snapshot_alone},
    *,
};
use crate::store::accept::AcceptError;

/// Edits the lines of a snapshot that stands beside a journal with one newer write, and accepts that.
fn edited(edit: impl Fn(&mut Vec<String>)) -> (MemoryDisk, Result<accept::Accepted, AcceptError>) {
    let disk = snapshot_alone();
    accept(
        &open(&disk, Durability::Sync),
        vec![add("a", 10.0), set("b", 20.0), add("c", 30.0)],
    );
    let disk = disk.copy();
    let mut lines = lines_of(&disk);
    edit(&mut lines);
    put_lines(&disk, &lines);
    let accepted = super::super::accept(&settings(&disk, Durability::Sync), |_| Ok(()));
    (disk, accepted)
}

#[test]
fn edited_values_are_taken_over_and_the_journal_is_done_on_top() {
    let check = |edit: fn(&mut Vec<String>), expected: &str, pending: &[&str]| {
        let before = RefCell::new(Vec::new());
        let (disk, accepted) = edited(|lines| {
            edit(lines);
            before.borrow_mut().clone_from(lines);
        });
        let accepted = accepted.unwrap();
        assert_eq!(accepted.pending, pending);
        assert_eq!(accepted.pending_count, pending.len() as u64);
        let kept = String::from_utf8(disk.get("state.yaml.before-accept").unwrap()).unwrap();
        assert_eq!(kept.lines().collect::<Vec<_>>(), *before.borrow());
        let numbers = |dump: String| -> String {
            let lines = dump.lines().filter(|line| !line.starts_with('h'));
            lines.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(numbers(dump(&open(&disk.copy(), Durability::Sync))), expected);
        // And what comes later counts.
        let store = open(&disk, Durability::Sync);
        accept(&store, vec![add("a", 0.5)]);
        let later = dump(&store);
        drop(store);
        assert_eq!(dump(&open(&disk.copy(), Durability::Sync)), later);
        assert_ne!(numbers(later), expected);
    };
    check(
        |lines| lines[7] = lines[7].replace("1.0", "5.0"),
        "a{} 15 b{} 20 c{} 30",
        &[
            "change 4: 10 is added to a",
            "change 5: b is set to 20, whatever the file says",
            "change 6: 30 is added to c",
        ],
    );
    // Without its sequence a value is the last word.
    check(
        |lines| {
            lines[7] = "- {name: a, value: 5}".to_owned();
            lines[8] = "- {\"name\": \"b\", \"labels\": {}, \"value\": 6}".to_owned();
        },
        "a{} 5 b{} 6 c{} 30",
        &["change 6: 30 is added to c"],
    );
    check(
        |lines| {
            lines.insert(9, "- {name: c, value: 7}".to_owned());
            lines.insert(6, "- {name: c, kind: counter}".to_owned());
        },
        "a{} 11 b{} 20 c{} 7",
        &[
            "change 4: 10 is added to a",
            "change 5: b is set to 20, whatever the file says",
        ],
    );
}

#[test]
fn what_a_tool_made_of_the_file_is_taken_over() {
    let (disk, accepted) = edited(|lines| {
        let value: serde_json::Value = yaml_serde::from_str(&lines.join("\n")).unwrap();
        *lines = yaml_serde::to_string(&value)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        assert!(lines.len() > 40, "it is in block style: {lines:?}");
    });
    accepted.unwrap();
    let store = open(&disk, Durability::Sync);
    assert!(
        dump(&store).starts_with("a{} 11\nb{} 20\nc{} 30\nh{l=\"x\"} [0"),
        "{}",
        dump(&store)
    );
}

#[test]
fn all_mistakes_are_listed_and_nothing_is_changed() {
    let check = |edit: fn(&mut Vec<String>), expected: &[&str]| {
        let before = RefCell::new(Vec::new());
        let (disk, accepted) = edited(|lines| {
            edit(lines);
            before.borrow_mut().clone_from(lines);
        });
        let found = accepted.unwrap_err().to_string();
        let found: Vec<&str> = found
            .lines()
            .filter(|line| !line.ends_with("cannot be taken over:"))
            .collect();
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}");
        }
        assert_eq!(lines_of(&disk), *before.borrow());
        assert_eq!(disk.get("state.yaml.before-accept"), None);
        assert!(try_open(&disk, Durability::Sync).is_err());
    };
    check(
        |lines| {
            lines.insert(10, "- {name: b, value: 1}".to_owned());
            lines[9] = "- {name: a, labels: {le: x}, value: 1}".to_owned();
            lines[8] = "- {name: b, value: 1, sequence: 99}".to_owned();
            lines[7] = "- {name: b, vlaue: 1}".to_owned();
            lines[4] = "- {name: b_total, kind: counter}".to_owned();
            lines[3] = "- {name: metric_nexus_x, kind: gauge}".to_owned();
        },
        &[
            "line 4: metric_nexus_x is reserved",
            "line 8: unknown field `vlaue`",
            "line 9: sequence 99 is beyond the last change, 6: leave `sequence` out",
            "line 10: there is no metric \"a\" among the families",
            "line 11: there is no metric \"b\" among the families",
        ],
    );
    check(
        |lines| {
            lines[7] = "- {name: h, value: 1}".to_owned();
            lines[8] = "- {name: b, counts: [1], sum: 1}".to_owned();
            lines[9] = "- {name: h, counts: [1], sum: 1}".to_owned();
        },
        &[
            "line 8: a series of the histogram h needs 12 counts and a sum",
            "line 9: a series of the gauge b needs a value",
            "line 10: a series of the histogram h needs 12 counts and a sum",
        ],
    );
    check(
        |lines| lines[1] = "hub: {\"format\": 1}".to_owned(),
        &["line 2: missing field `sequence`: it says which changes"][..],
    );
    check(
        |lines| drop(lines.remove(1)),
        &["there is no `hub:` with `format` and `sequence`"],
    );
    check(
        |lines| lines[1] = lines[1].replace("\"sequence\": 3", "\"sequence\": 4"),
        &[
            "it holds changes 4 to 6, and change 5 is the next one: the position was not between two frames; if you changed",
        ],
    );
    check(
        |lines| lines[1] = lines[1].replace("\"sequence\": 3", "\"sequence\": 6"),
        &["no segment of the journal begins after change 6: if you changed `sequence`"],
    );
    check(
        |lines| lines[1] = lines[1].replace("\"sequence\": 3", "\"sequence\": 2"),
        &["changes 3 to 3 are missing: journal/000002.log continues after 3; if you changed `sequence`"],
    );
    check(
        |lines| {
            lines[7] = "  a: [".to_owned();
        },
        &["at line "],
    );
    check(
        |lines| *lines = vec!["metrics: []".to_owned()],
        &["a start takes it over by itself"],
    );
}
