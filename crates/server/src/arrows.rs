//! Holds the drawing in ARCHITECTURE.md, section *The arrows*, against the code: which module of the hub uses which, and which
//! crate uses which. Arrows go to lower floors only, so there can be no circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Who uses whom, tests apart.
type Arrows = BTreeMap<String, BTreeSet<String>>;

/// A row of a table: floor, name, and what it may use (nothing said: all on the floors below).
#[derive(Debug)]
struct Row {
    floor: u32,
    uses: Option<BTreeSet<String>>,
}

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn the_modules_use_each_other_as_it_is_drawn() {
    assert_eq!(problems(&drawn("Modules of the hub"), &modules()), [""; 0]);
}

#[test]
fn the_crates_use_each_other_as_it_is_drawn() {
    assert_eq!(problems(&drawn("Crates"), &crates()), [""; 0]);
}

#[test]
fn whatever_differs_from_the_drawing_is_said_with_what_to_do() {
    fn check(table: &str, code: &[(&str, &[&str])], expected: &[&str]) {
        let owned = |used: &&[&str]| used.iter().map(|one| (*one).to_owned()).collect();
        let code = code.iter().map(|(user, used)| ((*user).to_owned(), owned(used)));
        assert_eq!(problems(&rows(table), &code.collect()), expected, "{table}");
    }
    let table = "| 2 | `a` | all below |\n| 1 | `b` | `c` |\n| 0 | `c` | |";
    check(table, &[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])], &[]);
    check(
        table,
        &[("a", &["b"]), ("b", &[]), ("c", &["b"])],
        &[
            "c uses b, which is not drawn: add it to the row of c if it stands on a lower floor; else pass it in, or move what both need below both",
            "b is drawn to use c, and does not: take the arrow out",
        ],
    );
    check(
        table,
        &[("a", &[]), ("b", &["c", "d"]), ("d", &[])],
        &[
            "b uses d, which is not drawn: add it to the row of b if it stands on a lower floor; else pass it in, or move what both need below both",
            "d is not drawn: give it a row, on the floor above all that it uses",
            "c is drawn, and is not there: take its row out",
        ],
    );
    let circle = "| 1 | `a` | `b` |\n| 1 | `b` | `a` |";
    check(
        circle,
        &[("a", &["b"]), ("b", &["a"])],
        &[
            "a (floor 1) is drawn to use b, which does not stand on a lower floor",
            "b (floor 1) is drawn to use a, which does not stand on a lower floor",
        ],
    );
}

#[test]
fn uses_are_found_however_they_are_written() {
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(uses(text).into_iter().collect::<Vec<_>>(), expected, "{text}");
    }
    check("use crate::a;\npub(crate) use crate::b::{c, d};", &["a", "b"]);
    check("use crate::{\n    a::{self, x::{y, z}},\n    b,\n};", &["a", "b"]);
    check("fn f(a: crate::a::A) -> Result<(), crate::b::B> {}", &["a", "b"]);
    check("//! See [`crate::a`].\n/// And crate::b.\nfn f() {} // crate::c", &[]);
    check("use crate::a;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}", &["a"]);
    check("#[cfg(test)]\nmod tests;\nuse crate::a;", &["a"]);
}

fn problems(drawing: &BTreeMap<String, Row>, code: &Arrows) -> Vec<String> {
    let floor = |name: &String| drawing.get(name).map_or(u32::MAX, |row| row.floor);
    let mut problems = Vec::new();
    for (user, used) in code {
        let Some(row) = drawing.get(user) else {
            problems.push(format!(
                "{user} is not drawn: give it a row, on the floor above all that it uses"
            ));
            continue;
        };
        let may = |one: &&String| match &row.uses {
            Some(uses) => uses.contains(*one),
            None => floor(one) < row.floor,
        };
        let undrawn = used.iter().filter(|one| !may(one));
        problems.extend(undrawn.map(|one| {
            format!("{user} uses {one}, which is not drawn: add it to the row of {user} if it stands on a lower floor; else pass it in, or move what both need below both")
        }));
    }
    for (user, row) in drawing {
        let Some(used) = code.get(user) else {
            problems.push(format!("{user} is drawn, and is not there: take its row out"));
            continue;
        };
        for one in row.uses.iter().flatten() {
            if floor(one) >= row.floor {
                let floor = row.floor;
                problems.push(format!(
                    "{user} (floor {floor}) is drawn to use {one}, which does not stand on a lower floor"
                ));
            } else if !used.contains(one) {
                problems.push(format!(
                    "{user} is drawn to use {one}, and does not: take the arrow out"
                ));
            }
        }
    }
    problems
}

/// The table below this heading.
fn drawn(heading: &str) -> BTreeMap<String, Row> {
    let text = fs::read_to_string(Path::new(ROOT).join("ARCHITECTURE.md")).unwrap();
    let (_, below) = text
        .split_once(&format!("\n### {heading}\n"))
        .expect("ARCHITECTURE.md has the heading");
    rows(below.split("\n#").next().unwrap())
}

/// `| floor | `name` | `used` `used` |`, with anything behind it.
fn rows(table: &str) -> BTreeMap<String, Row> {
    let quoted = |cell: &str| -> BTreeSet<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let floor = cells.next()?.parse().ok()?;
        let name = quoted(cells.next()?).pop_first()?;
        let uses = cells.next()?;
        let uses = (uses != "all below").then(|| quoted(uses));
        Some((name, Row { floor, uses }))
    };
    table.lines().filter_map(row).collect()
}

fn modules() -> Arrows {
    let mut arrows = Arrows::new();
    let source = Path::new(ROOT).join("crates/server/src");
    add_modules(&source, &source, &mut arrows);
    arrows
}

fn add_modules(root: &Path, directory: &Path, arrows: &mut Arrows) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let inside = path.strip_prefix(root).unwrap().with_extension("");
        let is_left_out = path.ends_with("tests")
            || path.ends_with("tests.rs")
            || ["lib", "main", "arrows"].iter().any(|name| inside == Path::new(name));
        if is_left_out {
            continue;
        }
        let module = inside.iter().next().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            add_modules(root, &path, arrows);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let mut used = uses(&fs::read_to_string(&path).unwrap());
            used.remove(&module);
            arrows.entry(module).or_default().append(&mut used);
        }
    }
}

/// The modules that a file names by `crate::…`, comments and its tests apart.
fn uses(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code: String = code
        .lines()
        .map(|line| line.split("//").next().unwrap().to_owned() + "\n")
        .collect();
    let behind = code
        .match_indices("crate::")
        .map(|(at, found)| &code[at + found.len()..]);
    behind.flat_map(first_segments).collect()
}

/// Of `a::b …` it is `a`, of `{a::{b, c}, d} …` it is `a` and `d`.
fn first_segments(path: &str) -> Vec<String> {
    let word = |text: &str| {
        let text = text.trim_start();
        let end = text
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(text.len());
        text[..end].to_owned()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![word(path)];
    };
    let (mut depth, mut segments) = (0, vec![word(group)]);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => segments.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    segments.retain(|segment| !segment.is_empty());
    segments
}

/// What each crate of the repository depends on outside of its tests, `nexus-` left out.
fn crates() -> Arrows {
    let manifest = fs::read_to_string(Path::new(ROOT).join("Cargo.toml")).unwrap();
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("members = "))
        .unwrap();
    let members = members.split('"').skip(1).step_by(2).chain(["fuzz"]);
    let used = |member: &str| {
        let manifest = fs::read_to_string(Path::new(ROOT).join(member).join("Cargo.toml")).unwrap();
        let sections = manifest
            .split("\n[")
            .filter(|section| section.starts_with("dependencies]"));
        let lines = sections
            .flat_map(str::lines)
            .filter_map(|line| line.strip_prefix("nexus-"));
        lines
            .map(|line| line.split(['.', ' ', '=']).next().unwrap().to_owned())
            .collect()
    };
    members
        .map(|member| {
            (
                Path::new(member).file_name().unwrap().to_str().unwrap().to_owned(),
                used(member),
            )
        })
        .collect()
}
