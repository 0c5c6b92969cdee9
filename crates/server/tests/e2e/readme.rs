//! What stands in the README.

/// A fenced block: its language and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

const README: &str = include_str!("../../../../README.md");

/// The blocks of the section with this heading.
pub(crate) fn blocks(heading: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut here, mut open) = (false, false);
    for line in README.lines() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                if here {
                    blocks.push(Block {
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
            }
            None if open && here => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None if !open && line.starts_with("## ") => here = line == format!("## {heading}"),
            None => {}
        }
    }
    assert!(!blocks.is_empty(), "the README has no section {heading:?} with blocks");
    blocks
}

/// The only block of that language in a section.
pub(crate) fn block(heading: &str, language: &str) -> String {
    let mut found = blocks(heading).into_iter().filter(|block| block.language == language);
    let first = found.next().expect("the section has such a block");
    assert_eq!(found.next(), None, "{heading}");
    first.text
}

/// The rows of the table of limits: names and defaults.
pub(crate) fn limits() -> Vec<(&'static str, &'static str)> {
    let cells = README
        .lines()
        .filter(|line| line.starts_with("| `") || line.starts_with("| | |"));
    let mut limits = Vec::new();
    for row in cells {
        let cells: Vec<&str> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        limits.extend(cells[1..].chunks_exact(2).map(|pair| (pair[0], pair[1])));
    }
    limits.retain(|(name, _)| name.ends_with("_max") || name.ends_with("_timeout"));
    limits
}
