//! The README's commands, run to the letter: what they print is what the README shows.

use super::{
    hub::{PROGRAM, Place},
    programs::{require, run},
    readme::{self, Block, blocks},
    verify::on_a_terminal,
};

#[tokio::test]
async fn the_tour_goes_as_the_readme_says() {
    check("A tour in one minute").await;
}

#[tokio::test]
async fn keys_are_made_as_the_readme_says() {
    check("Keys").await;
}

#[tokio::test]
async fn bandwidth_is_limited_as_the_readme_says() {
    check("Bandwidth limits").await;
}

#[tokio::test]
async fn usage_is_limited_as_the_readme_says() {
    check("Quotas").await;
}

#[tokio::test]
async fn usage_is_reported_as_the_readme_says() {
    check("Usage log").await;
}

#[tokio::test]
async fn the_first_start_prints_what_the_readme_shows() {
    if !require(&["script"]) {
        return;
    }
    let place = Place::new();
    let said = on_a_terminal(&place, "hub \"$HUB/__metrics").await;
    let url = said.lines().find_map(|line| line.split_once(" listens on ")).unwrap().1;
    let said = said
        .replace(url, "https://127.0.0.1:3000")
        .replace(&place.path().display().to_string(), "/home/me/metric-nexus");
    let shown: String = blocks("Start")
        .into_iter()
        .filter(|block| block.language == "text")
        .map(|block| block.text)
        .collect();
    let lines: Vec<String> = said.lines().map(without_secrets).collect();
    for line in shown.lines() {
        assert!(lines.contains(&line.to_owned()), "{line}\n{said}");
    }
}

/// What differs each time is `…`.
fn without_secrets(line: &str) -> String {
    let words = line
        .split(' ')
        .map(|word| match (word.find("mnx_"), word.find("sha256:")) {
            (Some(at), _) => format!("{}mnx_…", &word[..at]),
            (None, Some(at)) => format!("{}sha256:…", &word[..at]),
            (None, None) => word.to_owned(),
        });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn the_limits_are_those_of_the_example_configuration() {
    let example = include_str!("../../../../metric-nexus.example.yaml");
    let limits = example
        .split("\nlimits:\n")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .unwrap();
    let mut expected: Vec<&str> = limits
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .collect();
    let shown: Vec<String> = readme::limits()
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let mut shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    expected.sort_unstable();
    shown.sort_unstable();
    assert_eq!(shown, expected);
}

/// Starts a hub, pastes the lines that it prints into a shell, and then the section's.
async fn check(heading: &str) {
    if !require(&["bash", "curl"]) {
        return;
    }
    let mut hub = Place::new().hub(&[]).await;
    let banner = hub.banner().await;
    let paste = banner
        .iter()
        .filter(|line| line.starts_with("  HUB=") || line.starts_with("  hub()"));
    let paste: Vec<&str> = paste.map(|line| line.trim()).collect();
    assert_eq!(paste.len(), 2, "{banner:?}");
    let steps = steps(&blocks(heading));
    // The README's `cargo run --release --` is the program; it has been built already.
    let cargo = format!("cargo() {{ while [[ $1 != -- ]]; do shift; done; shift; '{PROGRAM}' \"$@\"; }}");
    let mut script = format!("set -euo pipefail\nexec 2>&1\n{cargo}\n{}\n", paste.join("\n"));
    for (commands, _) in &steps {
        script.push_str(&format!("{commands}echo '{MARK}'\n"));
    }
    let said = run("bash", &["--noprofile", "--norc"], hub.place.path(), &script).await;
    let mut printed = said.out.split(MARK);
    for (commands, expected) in &steps {
        let (found, expected) = (shown(printed.next().unwrap_or_default()), shown(expected));
        let as_shown =
            found.len() == expected.len() && found.iter().zip(&expected).all(|(found, line)| fits(found, line));
        assert!(as_shown, "{commands}\n{found:#?} instead of {expected:#?}\n{said:?}");
    }
    assert_eq!(said.code, Some(0), "{said:?}");
    hub.stop().await;
}

/// Whether a line is as shown, where `…` stands for any text.
fn fits(found: &str, shown: &str) -> bool {
    let Some((start, end)) = shown.split_once('…') else {
        return found == shown;
    };
    let rest = found.strip_prefix(start);
    rest.is_some_and(|rest| {
        (0..=rest.len())
            .filter_map(|at| rest.get(at..))
            .any(|rest| fits(rest, end))
    })
}

const MARK: &str = "=== the next step ===";

/// Commands, each with the output that the README shows below them, which may be none.
fn steps(blocks: &[Block]) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for block in blocks {
        match block.language.as_str() {
            "sh" => steps.push((block.text.clone(), String::new())),
            "text" => steps
                .last_mut()
                .expect("output follows commands")
                .1
                .push_str(&block.text),
            other => panic!("a tour has no {other} blocks"),
        }
    }
    steps
}

/// What is to be compared: no blank lines, which curl's `-w '\n'` leaves, and no key, which is another one each time.
fn shown(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.map(without_secrets).collect()
}
