//! Configurations that are taken, and each mistake that one can have.

use super::*;
use crate::auth::{ApiKey, Digest, KeySource, Scopes};
use std::time::Duration;

/// A configuration out of a file alone.
pub(crate) fn load(yaml: &str) -> Result<Config, ConfigErrors> {
    load_all(yaml, &[], &Overrides::default())
}

fn load_all(yaml: &str, variables: &[(&str, &str)], flags: &Overrides) -> Result<Config, ConfigErrors> {
    let find = |name: &str| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    Config::load(flags, &find, Some(&file("config.yaml", yaml)))
}

/// What is spoken where.
pub(crate) fn listening(config: &Config) -> Vec<String> {
    let listeners = config.listen.listeners();
    listeners
        .map(|(protocol, address)| format!("{}://{address}", protocol.name()))
        .collect()
}

fn file(path: &str, text: &str) -> ConfigFile {
    ConfigFile {
        path: path.into(),
        text: text.to_owned(),
    }
}

/// The mistakes in a file, without the file's name.
pub(crate) fn mistakes(yaml: &str) -> Vec<String> {
    let errors = load(yaml).unwrap_err();
    let inside = |error: &error::ConfigError| error.to_string().strip_prefix("config.yaml: ").unwrap().to_owned();
    errors.errors().iter().map(inside).collect()
}

#[test]
fn without_a_word_all_is_default() {
    assert_eq!(
        Config::load(&Overrides::default(), &|_| None, None),
        Ok(Config::default())
    );
    for yaml in ["", "# nothing", "{}", "limits:", "keys:\ntls: {}"] {
        assert_eq!(load(yaml), Ok(Config::default()), "{yaml}");
    }
}

#[test]
fn the_example_is_the_default_and_has_every_setting() {
    assert_eq!(load(EXAMPLE), Ok(Config::default()));

    let errors = Errors::default();
    Config::from_file(&file("all", "keys: [{sha256: x}]\nlisten: [{address: x}]"), &errors);
    let asked_for = errors.asked_for.take();
    assert!(asked_for.len() > 40, "{asked_for:?}");
    let example: Value = yaml_serde::from_str(EXAMPLE).unwrap();
    for path in asked_for {
        let mut names = path.split('.');
        let (first, second) = (names.next().unwrap(), names.next());
        match (first, second) {
            ("host" | "port" | "cert" | "key", None) => {
                assert!(EXAMPLE.contains(&format!("`{first}`")), "{path}");
            }
            ("keys[0]" | "listen[0]", Some(name)) => {
                assert!(
                    EXAMPLE.contains(&format!("#     {name}: ")) || ["name", "protocol"].contains(&name),
                    "{path}"
                );
            }
            (_, None) => assert!(!example[first].is_null(), "{path}"),
            (_, Some(second)) => assert!(!example[first][second].is_null(), "{path}"),
        }
    }
}

#[test]
fn a_configuration_of_metric_nexus_works_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("nexus.state.yaml");
    let yaml = format!(
        "host: 127.0.0.1\nport: 3000\nstate: {}\nkey: ''\ncert: ''\nkeys:\n  - 7f6c0a6e-3f7a-4f1c-9a59-0b1c2d3e4f50\n  - secret\n  - secret\n",
        state.display()
    );
    let config = load(&yaml).unwrap();
    assert_eq!(config.listen, Listen::default());
    assert_eq!(config.state, StatePaths::beside_file(&state));
    assert_eq!(config.tls, Tls::default());
    assert_eq!(config.keys.len(), 2);
    let key = &config.keys[1];
    assert_eq!(&*key.name, "config-2bb80d53");
    assert_eq!(key.digest, Digest::of("secret"));
    assert_eq!((key.scopes, &key.prefix), (Scopes::CLIENT, &None));
    assert_eq!(
        config.warnings,
        ["keys[1]: a key of fewer than 16 characters can be guessed; `metric-nexus key new` makes a safe one"; 2]
            .map(|warning| warning.to_owned())
            .into_iter()
            .enumerate()
            .map(|(index, warning)| warning.replace("keys[1]", &format!("keys[{}]", index + 1)))
            .collect::<Vec<_>>()
    );
    let rest = Config {
        state: StatePaths::default(),
        keys: Vec::new(),
        warnings: Vec::new(),
        ..config
    };
    assert_eq!(rest, Config::default());
}

#[test]
fn metric_nexus_without_a_state_keeps_it_beside_the_configuration() {
    fn check(yaml: &str, expected: &StatePaths) {
        let config = Config::load(&Overrides::default(), &|_| None, Some(&file("/nowhere/hub.yaml", yaml)));
        assert_eq!(&config.unwrap().state, expected, "{yaml}");
    }
    let beside = StatePaths::beside_file("/nowhere/hub.state.yaml");
    check("host: localhost", &beside);
    check("port: '3000'", &beside);
    check("keys: [0123456789abcdef]\nstate: ''", &beside);
    check("cert: /nowhere/c.pem\nkey: /nowhere/k.pem", &beside);
    check(
        "port: 3000\nstate: /nowhere/values",
        &StatePaths::beside_file("/nowhere/values"),
    );
    let ours = StatePaths::default();
    check("listen: 127.0.0.1:3000", &ours);
    check("keys: [{key: 0123456789abcdef}]", &ours);
    check("state: /nowhere/values", &StatePaths::in_directory("/nowhere/values"));
}

#[test]
fn every_setting_is_taken() {
    let yaml = "
listen: '[::1]:0'
plain_http: true
state: /nowhere/state
durability: flush
tls: { cert: c.pem, key: k.pem, names: [hub.example.org, 10.0.0.1, '::1', '*.example.org'] }
keys:
  - { name: ci, key: 0123456789abcdef, scopes: [read, write], prefix: ci_ }
  - { sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, scopes: 'scrape,admin' }
snapshot: { interval: 30s, time_share_max: 0.5 }
journal: { segment_bytes_max: 1MiB }
idempotency: { retention: 1h, keys_max: 10 }
throttle: { server: { read_bytes_per_second: 1KiB } }
usage: { limits: { ci: { api_requests: 1_000_000, egress_bytes: 1GB } } }
usage_log: { enabled: false, raw_kept: 1d }
scrape: { created: true, gzip_parts_bytes_max: 1MiB }
cors: { origins: ['https://pages.example.org', 'http://localhost:8080'] }
log: { format: json, level: 'warn,nexus_server=debug' }
";
    let config = load(yaml).unwrap();
    let expected = Config {
        listen: load("listen: '[::1]:0'\nplain_http: true").unwrap().listen,
        state: StatePaths::in_directory("/nowhere/state"),
        durability: Durability::Flush,
        tls: Tls {
            certificate: Certificate::Files {
                cert: "c.pem".into(),
                key: "k.pem".into(),
            },
            names: ["hub.example.org", "10.0.0.1", "::1", "*.example.org"]
                .map(str::to_owned)
                .into(),
        },
        keys: vec![
            ApiKey {
                name: "ci".into(),
                digest: Digest::of("0123456789abcdef"),
                scopes: "read,write".parse().unwrap(),
                prefix: Some("ci_".parse().unwrap()),
                created: None,
                source: KeySource::Config,
            },
            ApiKey {
                name: "config-ba7816bf".into(),
                digest: Digest::of("abc"),
                scopes: "scrape,admin".parse().unwrap(),
                prefix: None,
                created: None,
                source: KeySource::Config,
            },
        ],
        snapshot: Snapshot {
            interval: Duration::from_secs(30),
            time_share_max: 0.5,
        },
        idempotency: Idempotency {
            retention: Duration::from_secs(3600),
            keys_max: 10,
        },
        journal: Journal {
            segment_bytes_max: 1 << 20,
        },
        limits: Limits::default(),
        throttle: Throttle {
            server: Rates {
                read_bytes_per_second: 1024,
                write_bytes_per_second: 0,
            },
            ..Throttle::default()
        },
        usage: Usage {
            limits: [(
                "ci".to_owned(),
                KeyLimits {
                    api_requests: 1_000_000,
                    egress_bytes: 1_000_000_000,
                    ..KeyLimits::default()
                },
            )]
            .into(),
            ..Usage::default()
        },
        usage_log: UsageLog {
            enabled: false,
            raw_kept: Duration::from_secs(86_400),
            ..UsageLog::default()
        },
        scrape: Scrape {
            created: Created::Exposed,
            gzip_parts_bytes_max: 1 << 20,
        },
        cors: Cors {
            origins: ["https://pages.example.org", "http://localhost:8080"]
                .map(String::from)
                .into(),
        },
        log: Log {
            format: LogFormat::Json,
            level: "warn,nexus_server=debug".to_owned(),
        },
        warnings: Vec::new(),
        file: None,
        as_in_file: None,
    };
    assert_eq!(config, expected);
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let yaml = "listen: h:1\nstate: /nowhere/1\ndurability: flush\nplain_http: true\nlog: {level: warn}";
    let variables = [
        ("METRIC_NEXUS_LISTEN", "h:2"),
        ("METRIC_NEXUS_NAME", "two.example.org, 10.0.0.2"),
        ("METRIC_NEXUS_STATE", "/nowhere/2"),
        ("METRIC_NEXUS_DURABILITY", "snapshot"),
        ("METRIC_NEXUS_PLAIN_HTTP", "false"),
        ("METRIC_NEXUS_LOG", "debug"),
    ];
    let flags = Overrides {
        config: None,
        listen: vec!["h:3".to_owned()],
        names: vec!["three.example.org".to_owned()],
        state: Some("/nowhere/3".into()),
        durability: Some("sync".to_owned()),
        plain_http: true,
    };
    let check = |variables: &[(&str, &str)], flags: &Overrides, listen: &str, state: &str, durability, level: &str| {
        let config = load_all(yaml, variables, flags).unwrap();
        assert_eq!(listening(&config), [listen]);
        assert_eq!(config.state, StatePaths::in_directory(state));
        assert_eq!(config.durability, durability);
        assert_eq!(config.log.level, level);
    };
    let none = Overrides::default();
    check(&[], &none, "http://h:1", "/nowhere/1", Durability::Flush, "warn");
    check(
        &variables,
        &none,
        "https://h:2",
        "/nowhere/2",
        Durability::Snapshot,
        "debug",
    );
    check(
        &variables,
        &flags,
        "http://h:3",
        "/nowhere/3",
        Durability::Sync,
        "debug",
    );
    let empty = variables.map(|(name, _)| (name, ""));
    check(&empty, &none, "http://h:1", "/nowhere/1", Durability::Flush, "warn");
}

#[test]
fn all_mistakes_are_reported_at_once_wherever_they_are() {
    let yaml = "listen: 3000\nlimits: {series_max: many, idle_timeout: 10}\nlog: {format: xml}\ndurabillity: sync";
    let variables = [
        ("METRIC_NEXUS_LISTEN", "here"),
        ("METRIC_NEXUS_PLAIN_HTTP", "maybe"),
        ("METRIC_NEXUS_STATE", "\u{fffd}"),
        ("METRIC_NEXUS_LOG", "loud"),
    ];
    let flags = Overrides {
        durability: Some("always".to_owned()),
        state: Some(PathBuf::new()),
        ..Overrides::default()
    };
    let errors = load_all(yaml, &variables, &flags).unwrap_err();
    let expected = [
        "config.yaml: listen: expected a text, got 3000",
        "config.yaml: limits.series_max: expected a whole number, got \"many\"",
        "config.yaml: limits.idle_timeout: expected a duration such as 500ms, 10s or 1m, got 10",
        "config.yaml: log.format: expected text or json, got \"xml\"",
        "config.yaml: durabillity: unknown setting; did you mean `durability`?",
        "METRIC_NEXUS_LISTEN: expected an address such as 127.0.0.1:3000, got \"here\"",
        "METRIC_NEXUS_STATE: expected a path in UTF-8",
        "METRIC_NEXUS_PLAIN_HTTP: expected true or false, got \"maybe\"",
        "METRIC_NEXUS_LOG: expected a level (off, error, warn, info, debug, trace), and module=level behind commas, got \"loud\"",
        "--state: expected a path, got an empty text",
        "--durability: expected sync or flush or snapshot, got \"always\"",
    ];
    assert_eq!(errors.to_string(), expected.join("\n"));
}

#[test]
fn every_kind_of_mistake_in_the_file() {
    fn check(yaml: &str, expected: &[&str]) {
        assert_eq!(mistakes(yaml), expected, "{yaml}");
    }
    check("[]", &["expected a mapping of settings, got a list"]);
    check(
        "a: [",
        &["not YAML: did not find expected node content at line 2 column 1, while parsing a flow node"],
    );
    check("state: a\nstate: b", &["not YAML: duplicate entry with key \"state\""]);
    check("hunter2", &["expected a mapping of settings, got a text"]);
    check("1: 2", &["expected settings named by text, got 1 as a name"]);
    check("limits: 3", &["limits: expected a mapping of settings, got 3"]);
    check(
        "limits: {series_mx: 3}",
        &["limits.series_mx: unknown setting; did you mean `series_max`?"],
    );
    check(
        "scrape: {x: 1}",
        &["scrape.x: unknown setting; known here: created, gzip_parts_bytes_max"],
    );
    check(
        "listen: a:1\nhost: b\nport: 2",
        &[
            "host: says the same as `listen`: give only one of them",
            "port: says the same as `listen`: give only one of them",
        ],
    );
    check(
        "host: 'a b'",
        &["host: expected an address or a host name, got \"a b\""],
    );
    check("port: 65536", &["port: expected a port, 0 to 65535, got 65536"]);
    check("port: http", &["port: expected a port, 0 to 65535, got \"http\""]);
    check(
        "plain_http: 'perhaps'",
        &["plain_http: expected true or false, got \"perhaps\""],
    );
    check("state: []", &["state: expected a text, got a list"]);
    check(
        "durability: never",
        &["durability: expected sync or flush or snapshot, got \"never\""],
    );
    check(
        "tls: {cert: a}",
        &["tls.key: missing, since there is a `cert`: give both or neither"],
    );
    check(
        "key: a",
        &["tls.cert: missing, since there is a `key`: give both or neither"],
    );
    check(
        "cert: a\ntls: {cert: a, key: b}",
        &["cert: says the same as `tls.cert`: give only one of them"],
    );
    check("tls: {names: x}", &["tls.names: expected a list"]);
    check(
        "tls: {names: [a, 'b c', 3]}",
        &[
            "tls.names[1]: expected a host name or an address, got \"b c\"",
            "tls.names[2]: expected a host name or an address, got 3",
        ],
    );
    check(
        "snapshot: {interval: 60}",
        &["snapshot.interval: expected a duration such as 500ms, 10s or 1m, got 60"],
    );
    check(
        "snapshot: {interval: 0s}",
        &["snapshot.interval: expected 1ms to 86400s, got \"0s\""],
    );
    check(
        "snapshot: {time_share_max: 2}",
        &["snapshot.time_share_max: expected a number above 0 and at most 1, got 2"],
    );
    check(
        "idempotency: {keys_max: 0}",
        &["idempotency.keys_max: expected 1 to 1000000000, got 0"],
    );
    check(
        "journal: {segment_bytes_max: 1KiB}",
        &["journal.segment_bytes_max: expected 64KiB to 64GiB, got \"1KiB\""],
    );
    check(
        "scrape: {created: 2}",
        &["scrape.created: expected true or false, got 2"],
    );
    check(
        "log: {level: inof}",
        &[
            "log.level: expected a level (off, error, warn, info, debug, trace), and module=level behind commas, got \"inof\"",
        ],
    );
    check(
        "usage_log: {follow: [/a, /b, /a], syslog: ['127.0.0.1:5140', '127.0.0.1:5140']}",
        &[
            "usage_log.syslog[1]: 127.0.0.1:5140 is named twice: leave one out",
            "usage_log.follow[2]: /a is named twice: leave one out",
        ],
    );
    check(
        "usage_log: {store: postgres}",
        &["usage_log.store: postgres has settings: say store: {postgres: {url: …}}"],
    );
    check(
        "usage_log: {store: 'postgres://user:hunter2@db/billing'}",
        &["usage_log.store: expected sqlite, postgres: {url: …} or bigquery: {project: …}, got another text"],
    );
    check(
        "usage_log: {store: {}}",
        &["usage_log.store: expected sqlite, postgres: {url: …} or bigquery: {project: …}"],
    );
    #[cfg(feature = "postgres")]
    check(
        "usage_log: {store: {postgres: {url: 'postgres://db', ur: x}}}",
        &["usage_log.store.postgres.ur: unknown setting; did you mean `url`?"],
    );
    #[cfg(not(feature = "postgres"))]
    check(
        "usage_log: {store: {postgres: {url: 'postgres://db'}}}",
        &[
            "usage_log.store.postgres: this metric-nexus was built without the feature postgres: build it with `--features postgres`, or take a package, which has all features",
        ],
    );
    #[cfg(feature = "bigquery")]
    check(
        "usage_log: {store: {bigquery: {project: acme, table: ''}}}",
        &[
            "usage_log.store.bigquery.dataset: is missing",
            "usage_log.store.bigquery.table: expected a text, got an empty one",
            "usage_log.store.bigquery.token_file: is missing",
        ],
    );
    #[cfg(not(feature = "bigquery"))]
    check(
        "usage_log: {store: {bigquery: {project: acme}}}",
        &[
            "usage_log.store.bigquery: this metric-nexus was built without the feature bigquery: build it with `--features bigquery`, or take a package, which has all features",
        ],
    );
}

#[cfg(feature = "postgres")]
#[test]
fn the_url_of_the_usage_log_is_given_by_the_file_or_the_environment() {
    let check = |yaml: &str, variable: Option<&str>, expected: Result<&str, &str>| {
        let variables: Vec<_> = variable
            .map(|url| ("METRIC_NEXUS_USAGE_LOG_POSTGRES_URL", url))
            .into_iter()
            .collect();
        let found = load_all(yaml, &variables, &Default::default());
        let url = match &found {
            Ok(config) => match &config.usage_log.store {
                UsageLogStore::Postgres(postgres) => Ok(postgres.url.expose().to_owned()),
                other => panic!("{yaml}: {other:?}"),
            },
            Err(errors) => Err(errors
                .errors()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")),
        };
        assert_eq!(url.as_deref().map_err(|text| &**text), expected, "{yaml}");
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    };
    let url = "postgres://usage:hunter2@db/billing";
    let given = format!("usage_log: {{store: {{postgres: {{url: '{url}'}}}}}}");
    check(&given, None, Ok(url));
    check(&given, Some("postgres://other"), Ok("postgres://other"));
    let without = "usage_log: {store: {postgres: {ca: ''}}}";
    check(without, Some(url), Ok(url));
    let missing = "usage_log.store.postgres.url: is missing, and so is METRIC_NEXUS_USAGE_LOG_POSTGRES_URL";
    check(without, None, Err(missing));
}

#[test]
fn every_kind_of_mistake_in_a_key_and_none_shows_the_key() {
    fn check(keys: &str, expected: &[&str]) {
        let found = mistakes(&format!("keys: {keys}"));
        assert_eq!(found, expected, "{keys}");
        assert!(!found.concat().contains("hunter2"));
    }
    check("hunter2", &["keys: expected a list"]);
    check(
        "[12]",
        &["keys[0]: expected a key in quotes, or a mapping with name, key or sha256, scopes, prefix"],
    );
    check("['']", &["keys[0]: expected a key, got an empty text"]);
    let spaced = "a key cannot begin or end with a space, or hold control characters: no header carries it";
    check("[' hunter2']", &[&format!("keys[0]: {spaced}")]);
    check("[\"hunter2\\n3\"]", &[&format!("keys[0]: {spaced}")]);
    check(
        &format!("[{}]", "x".repeat(4097)),
        &["keys[0]: expected a key of at most 4096 bytes"],
    );
    check("[{name: a}]", &["keys[0]: expected either `key` or `sha256`"]);
    check(
        "[{key: hunter2, sha256: hunter2}]",
        &[
            "keys[0]: expected either `key` or `sha256`",
            "keys[0].sha256: expected 64 hexadecimal digits in quotes, the SHA-256 of the key",
        ],
    );
    check("[{key: [hunter2]}]", &["keys[0].key: expected a key in quotes"]);
    check("[{key: ' hunter2'}]", &[&format!("keys[0].key: {spaced}")]);
    check(
        "[{key: hunter2, name: a b}]",
        &["keys[0].name: expected a name of 1 to 64 letters, digits, '.', '_' and '-', got \"a b\""],
    );
    check(
        "[{key: hunter2, scopes: []}]",
        &["keys[0].scopes: expected at least one scope"],
    );
    check(
        "[{key: hunter2, scopes: [read, root]}]",
        &["keys[0].scopes: expected scopes out of read, write, scrape, usage, admin, got \"root\""],
    );
    check(
        "[{key: hunter2, prefix: 'a b'}]",
        &["keys[0].prefix: expected a prefix of 1 to 512 bytes without spaces, such as team_"],
    );
    check(
        "[{key: hunter2, scope: [read]}]",
        &["keys[0].scope: unknown setting; did you mean `scopes`?"],
    );
    check(
        "[{key: hunter2, name: a}, {key: hunter3, name: a}]",
        &["keys[1]: another key is named a already"],
    );
    check(
        "[{key: hunter2}, {key: hunter2}]",
        &["keys[1]: the same key stands there already"],
    );
}

#[test]
fn what_is_unwise_is_said() {
    fn check(yaml: &str, expected: &[&str]) {
        assert_eq!(load(yaml).unwrap().warnings, expected, "{yaml}");
    }
    check("plain_http: true", &[]);
    check(
        "plain_http: true\nlisten: ':80'",
        &["keys and values travel unencrypted: plain HTTP on 0.0.0.0:80, which other machines reach"],
    );
    check(
        "keys: [{name: a, key: 0123456789abcdef, prefix: team}]",
        &["the prefix team of the key a does not end in _, so it also covers teamx_…"],
    );
    check(
        "keys: [{name: a, key: short}]",
        &["keys[0]: a key of fewer than 16 characters can be guessed; `metric-nexus key new` makes a safe one"],
    );
}

#[test]
fn no_secret_is_in_the_debug_output() {
    let yaml = "keys: [hunter2-hunter2-hunter2, {key: hunter2-hunter2-hunter3}]";
    assert!(!format!("{:?}", load(yaml).unwrap()).contains("hunter2"));
    assert!(!format!("{:?}", file("config.yaml", yaml)).contains("hunter2"));
}

#[test]
fn the_file_is_found_by_flag_or_environment_and_must_be_there() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("1.yaml"), directory.path().join("2.yaml"));
    fs::write(&one, "listen: h:1").unwrap();
    fs::write(&two, "listen: h:2").unwrap();
    let variable = |name: &str| (name == "METRIC_NEXUS_CONFIG").then(|| one.display().to_string());
    let flags = Overrides {
        config: Some(two.clone()),
        ..Overrides::default()
    };
    let listen = |flags: &Overrides| listening(&Config::find_and_load(flags, &variable).unwrap());
    assert_eq!(listen(&Overrides::default()), ["https://h:1"]);
    assert_eq!(listen(&flags), ["https://h:2"]);

    fs::remove_file(&two).unwrap();
    let error = Config::find_and_load(&flags, &variable).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}: cannot be read: No such file or directory (os error 2)",
            two.display()
        )
    );
}
