//! The command line: what it takes and what it says.

use super::*;
use crate::config::EXAMPLE;
use std::{fs, path::Path};

fn parsed(line: &str) -> Result<Command, Stop> {
    let words = line.split_whitespace().map(OsString::from);
    parse(std::iter::once("metric-nexus".into()).chain(words))
}

/// Runs a `key` or `config` command: output, notes, or exit code and message.
fn run(line: &str) -> Result<(String, String), (u8, String)> {
    let (mut output, mut notes) = (Vec::new(), Vec::new());
    let done = match parsed(line).map_err(|stop| (stop.exit_code(), stop.0.to_string()))? {
        Command::Key(command) => command.run(&|_| None, &mut output, &mut notes),
        Command::Config(command) => command.run(&mut output, &mut notes),
        other => panic!("{other:?}"),
    };
    done.map_err(|failure| (failure.exit_code(), failure.to_string()))?;
    Ok((String::from_utf8(output).unwrap(), String::from_utf8(notes).unwrap()))
}

fn in_state(directory: &Path, line: &str) -> Result<(String, String), (u8, String)> {
    run(&format!("{line} --state {}", directory.display()))
}

#[test]
fn the_definition_is_sound() {
    use clap::CommandFactory;
    Arguments::command().debug_assert();
}

#[test]
fn serve_is_what_no_command_means() {
    fn check(line: &str, expected: &ServeArgs) {
        for line in [line.to_owned(), format!("serve {line}")] {
            match parsed(&line) {
                Ok(Command::Serve(flags)) => assert_eq!(&flags, expected, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }
    check("", &ServeArgs::default());
    check(
        "--config c.yaml --listen 127.0.0.1:0 --name a --name b --state s --durability flush --plain-http",
        &ServeArgs {
            config: Some("c.yaml".into()),
            listen: vec!["127.0.0.1:0".to_owned()],
            names: vec!["a".to_owned(), "b".to_owned()],
            state: Some("s".into()),
            durability: Some("flush".to_owned()),
            plain_http: true,
        },
    );
}

#[test]
fn the_state_commands_take_a_directory_or_find_it() {
    fn check(line: &str, state: Option<&str>, config: Option<&str>) {
        let place = match parsed(line) {
            Ok(Command::State(
                StateCommand::Check { place, .. } | StateCommand::Repair { place, .. } | StateCommand::Accept { place },
            )) => place,
            other => panic!("{line}: {other:?}"),
        };
        let flags = place.overrides();
        assert_eq!(
            (flags.state, flags.config),
            (state.map(PathBuf::from), config.map(PathBuf::from))
        );
    }
    check("state check", None, None);
    check("state check s", Some("s"), None);
    check("state check --config c.yaml", None, Some("c.yaml"));
    check("state check --json s", Some("s"), None);
    check("state repair --into new s", Some("s"), None);
    check("state repair --into new --config c.yaml", None, Some("c.yaml"));
    check("state accept s", Some("s"), None);
}

#[test]
fn usage_mistakes_exit_64_and_help_exits_0() {
    fn check(line: &str, code: u8) {
        assert_eq!(parsed(line).unwrap_err().exit_code(), code, "{line}");
    }
    check("--help", 0);
    check("--version", 0);
    check("key new --help", 0);
    check("help serve", 0);
    check("--lisen x", 64);
    check("sreve", 64);
    check("key", 64);
    check("key new", 64);
    check("key new a/b", 64);
    check("key new ci --scope root", 64);
    check("config check", 64);
    check("state", 64);
    check("state repair s", 64);
    check("--listen", 64);
    check("--listen a:1 key list", 64);
}

#[test]
fn a_key_is_made_listed_and_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let (key, notes) = in_state(&state, "key new ci --create").unwrap();
    assert!(
        key.starts_with("mnx_") && key.ends_with('\n') && key.lines().count() == 1,
        "{key}"
    );
    assert_eq!(notes, "");
    let (_, notes) = in_state(&state, "key new team --scope write,admin --prefix team").unwrap();
    assert_eq!(
        notes,
        "warning: the prefix team of the key team does not end in _, so it also covers teamx_…\n\
         warning: the scope admin of the key team concerns the whole hub, whatever its prefix\n"
    );

    let (list, _) = in_state(&state, "key list").unwrap();
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "SCOPES", "PREFIX", "CREATED", "FROM"]);
    assert_eq!(rows[1][..3], ["ci", "read,write,scrape", "-"]);
    assert_eq!(rows[2][..3], ["team", "write,admin", "team"]);
    assert_eq!(rows[2][4], "keys.yaml");
    assert!(rows[2][3].ends_with('Z') && rows[2][3].len() == 20, "{list}");

    let (code, text) = in_state(&state, "key new ci").unwrap_err();
    assert_eq!((code, text.contains("a key named ci already")), (1, true), "{text}");
    in_state(&state, "key revoke ci").unwrap();
    let (code, text) = in_state(&state, "key revoke ci").unwrap_err();
    assert_eq!(
        (code, text.starts_with("there is no key named ci in ")),
        (1, true),
        "{text}"
    );
}

#[test]
fn beside_the_wrong_directory_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    for line in ["key new ci", "key list", "key revoke ci"] {
        let (code, text) = in_state(&state, line).unwrap_err();
        let expected = format!("no hub has used {} yet: name the state", state.display());
        assert_eq!((code, text.starts_with(&expected)), (1, true), "{line}: {text}");
        assert!(!state.exists());
    }
    in_state(&state, "key new ci --create").unwrap();
    in_state(&state, "key new other").unwrap();
    in_state(&state, "key revoke ci").unwrap();
}

#[test]
fn keys_are_found_by_the_configuration_too() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("hub.yaml");
    fs::write(&config, "port: 3000\nkeys: [0123456789abcdef]").unwrap();
    let with = |line: &str| run(&format!("{line} --config {}", config.display()));
    with("key new ci --create").unwrap();
    assert!(directory.path().join("hub.state.yaml.d/keys.yaml").exists());
    assert!(!directory.path().join("hub.state.yaml").exists());

    let (list, _) = with("key list").unwrap();
    let names: Vec<_> = list
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert_eq!(names, ["NAME", "ci", "config-9f9f5111"]);
    assert!(
        list.contains("read,write,scrape  -       -                     configuration"),
        "{list}"
    );

    let (code, text) = with("key new config-9f9f5111").unwrap_err();
    assert_eq!((code, text.contains("already")), (1, true), "{text}");
    let (code, text) = with("key revoke config-9f9f5111").unwrap_err();
    assert_eq!(
        (code, text.contains("stands in the configuration file")),
        (1, true),
        "{text}"
    );

    fs::write(&config, "prot: 3000").unwrap();
    let (code, text) = with("key list").unwrap_err();
    assert_eq!((code, text.contains("did you mean `port`?")), (64, true), "{text}");
}

#[test]
fn metric_nexus_s_state_file_names_the_place_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("old.state.yaml");
    fs::write(&state, "metrics:").unwrap();
    in_state(&state, "key new ci").unwrap();
    assert!(directory.path().join("old.state.yaml.d/keys.yaml").exists());
}

#[test]
fn a_key_that_cannot_be_printed_is_no_key() {
    struct Closed;
    impl io::Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let Ok(Command::Key(command)) = parsed(&format!("key new ci --create --state {}", directory.path().display()))
    else {
        panic!("expected a key command");
    };
    let failure = command.run(&|_| None, &mut Closed, &mut Vec::new()).unwrap_err();
    assert_eq!(failure.exit_code(), 1);
    let (list, _) = in_state(directory.path(), "key list").unwrap();
    assert_eq!(list.lines().count(), 1);
}

#[test]
fn the_example_is_printed_and_passes_its_own_check() {
    assert_eq!(run("config default"), Ok((EXAMPLE.to_owned(), String::new())));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hub.yaml");
    let line = format!("config check {}", file.display());
    fs::write(&file, EXAMPLE).unwrap();
    assert_eq!(
        run(&line),
        Ok((format!("{}: no mistakes\n", file.display()), String::new()))
    );

    fs::write(&file, "lisen: x\nlimits: 3").unwrap();
    let place = file.display();
    let expected = format!(
        "{place}: limits: expected a mapping of settings, got 3\n{place}: lisen: unknown setting; did you mean `listen`?"
    );
    assert_eq!(run(&line), Err((64, expected)));
}
