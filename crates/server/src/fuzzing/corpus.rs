//! The inputs that the fuzz targets begin with, replayed as tests.

use std::{collections::BTreeSet, fs, path::Path};

use super::{batch, headers, journal, path, selector, state, state_yaml};

type Target = (&'static str, fn(&[u8]) -> bool);

const TARGETS: [Target; 7] = [
    ("batch", batch),
    ("headers", headers),
    ("journal", journal),
    ("path", path),
    ("selector", selector),
    ("state", state),
    ("state_yaml", state_yaml),
];

/// Replayed by the tests of `nexus-metric`.
const ELSEWHERE: &str = "text";

fn fuzz(folder: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz").join(folder)
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(fuzz(folder)).unwrap();
    let stem = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    };
    entries.map(stem).collect()
}

#[test]
fn every_seed_passes_and_is_what_its_name_says() {
    let mut wrong = Vec::new();
    for (target, run) in TARGETS {
        let folder = fuzz("corpus").join(target);
        let seeds = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let (mut good, mut bad) = (0, 0);
        for seed in seeds {
            let path = seed.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let expected = name.starts_with("good-");
            assert!(
                expected || name.starts_with("bad-"),
                "{target}/{name} is neither good- nor bad-"
            );
            *(if expected { &mut good } else { &mut bad }) += 1;
            let input = fs::read(&path).unwrap();
            match std::panic::catch_unwind(|| run(&input)) {
                Ok(found) if found == expected => {}
                Ok(found) => wrong.push(format!("{target}/{name}: could be read: {found}")),
                Err(_) => wrong.push(format!("{target}/{name}: panicked")),
            }
        }
        assert!(good > 0 && bad > 0, "{target} has {good} good seeds and {bad} bad ones");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_target_has_seeds_and_is_replayed() {
    let replayed: BTreeSet<String> = TARGETS
        .iter()
        .map(|(name, _)| *name)
        .chain([ELSEWHERE])
        .map(str::to_owned)
        .collect();
    assert_eq!(names("fuzz_targets"), replayed);
    assert_eq!(names("corpus"), replayed);
}
