//! The README's commands, run to the letter: what they print is what the README shows.

use super::{
    hub::{PROGRAM, Place},
    programs::{require, run},
    readme::{Block, blocks},
};

#[tokio::test]
async fn the_tour_goes_as_the_readme_says() {
    check("A tour in one minute").await;
}

#[tokio::test]
async fn keys_are_made_as_the_readme_says() {
    check("Keys").await;
}

/// Starts a hub, pastes the lines that it prints into a shell, and then the section's.
async fn check(heading: &str) {
    if !require(&["bash", "curl"]) {
        return;
    }
    let mut hub = Place::new().hub(&[]).await;
    let banner = hub.banner().await;
    let paste = banner.iter().filter(|line| line.starts_with("  HUB=") || line.starts_with("  nexus()"));
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
        let found = shown(printed.next().unwrap_or_default());
        assert_eq!(found, shown(expected), "{commands}\n{said:?}");
    }
    assert_eq!(said.code, Some(0), "{said:?}");
    hub.stop().await;
}

const MARK: &str = "=== the next step ===";

/// Commands, each with the output that the README shows below them, which may be none.
fn steps(blocks: &[Block]) -> Vec<(String, String)> {
    let mut steps: Vec<(String, String)> = Vec::new();
    for block in blocks {
        match block.language.as_str() {
            "sh" => steps.push((block.text.clone(), String::new())),
            "text" => steps.last_mut().expect("output follows commands").1.push_str(&block.text),
            other => panic!("a tour has no {other} blocks"),
        }
    }
    steps
}

/// What is to be compared: no blank lines, which curl's `-w '\n'` leaves, and no key, which is another one each time.
fn shown(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.map(|line| if line.starts_with("mnx_") { "mnx_…".to_owned() } else { line.to_owned() }).collect()
}
