//! The program as a server: what clients may do to it, signals, and mistakes at its start.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Stdio};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    time::timeout,
};

use crate::harness::{DEADLINE, Hub, fits, hub, require, until};

/// Timeouts short enough to wait for.
const IMPATIENT: &str =
    "limits: {header_timeout: 300ms, body_idle_timeout: 300ms, idle_timeout: 600ms, handshake_timeout: 300ms}";

/// Says something and waits for the end of the connection, which the hub is to bring about.
async fn left_alone(hub: &Hub, said: &str) -> String {
    String::from_utf8(hub.exchange(said.as_bytes()).await).unwrap()
}

#[tokio::test]
async fn a_request_that_does_not_end_is_ended() {
    for setup in [hub().config(IMPATIENT), hub().config(IMPATIENT).plain()] {
        let hub = setup.start().await;
        hub.check("POST /m", "", "201 Created").await;
        assert_eq!(left_alone(&hub, "").await, "");
        for half in ["G", "PUT /m HTTP/1.1\r\n", "PUT /m HTTP/1.1\r\nhost: hub\r\nx-"] {
            let answer = left_alone(&hub, half).await;
            assert!(answer.starts_with("HTTP/1.1 408 "), "{half:?}: {answer}");
        }
        let key = &hub.key;
        let half = format!("PUT /m HTTP/1.1\r\nhost: hub\r\nx-api-key: {key}\r\ncontent-length: 2\r\n\r\n5");
        let answer = left_alone(&hub, &half).await;
        assert!(fits(&answer, "HTTP/1.1 408 …(limits.body_idle_timeout)\n"), "{answer}");
        // A finished request, and then nothing more.
        let whole = format!("GET /m HTTP/1.1\r\nhost: hub\r\nx-api-key: {key}\r\n\r\n");
        let answer = left_alone(&hub, &whole).await;
        assert!(fits(&answer, "HTTP/1.1 200 OK\r\n…\r\n\r\n0"), "{answer}");
        hub.check("GET /m", "", "200 0").await;
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_ended() {
    let hub = hub().config(IMPATIENT).start().await;
    for said in [&b""[..], b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        let mut answer = Vec::new();
        drop(
            timeout(DEADLINE, stream.read_to_end(&mut answer))
                .await
                .expect("it waits still"),
        );
    }
    let timeouts = "match[]=metric_nexus_timeouts_total{waiting_for=%22handshake%22}";
    hub.check(&format!("GET /__metrics?{timeouts}"), "", "200 …} 2\n").await;
}

#[tokio::test]
async fn garbage_costs_only_its_own_connection() {
    let noise: Vec<u8> = (0..100_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for setup in [hub(), hub().plain()] {
        let mut hub = setup.start().await;
        for said in [
            &noise[..],
            b"\r\n\r\n\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /\x00 HTTP/1.1\r\nhost: hub\r\n\r\n",
            b"PUT /m HTTP/1.1\r\nhost: hub\r\ncontent-length: -1\r\n\r\n",
            b"PUT /m HTTP/1.1\r\nhost: hub\r\ncontent-length: 99999999999999999999\r\n\r\n",
            b"PUT /m HTTP/1.1\r\nhost: hub\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            b"POST /api/v1/batch HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ] {
            let mut stream = TcpStream::connect(hub.address).await.unwrap();
            drop(stream.write_all(said).await);
            stream.shutdown().await.ok();
            let mut answer = Vec::new();
            drop(
                timeout(DEADLINE, stream.read_to_end(&mut answer))
                    .await
                    .expect("it waits still"),
            );
            let answer = String::from_utf8_lossy(&answer);
            assert!(
                !answer.starts_with("HTTP/1.1 2") && !answer.starts_with("HTTP/1.1 5"),
                "{answer}"
            );
        }
        hub.check("POST /m", "", "201 Created").await;
        assert!(hub.runs());
    }
}

#[tokio::test]
async fn plain_http_on_the_port_for_tls_is_explained_in_the_log() {
    let hub = hub().start().await;
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    stream.write_all(b"GET /m HTTP/1.1\r\nhost: hub\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(
        timeout(DEADLINE, stream.read_to_end(&mut answer))
            .await
            .expect("it waits still"),
    );
    until("a word in the log", async || {
        hub.log()
            .contains("plain HTTP came to a port that speaks HTTPS")
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_header_has_its_limits() {
    for setup in [hub(), hub().plain()] {
        let hub = setup.start().await;
        let long = "x".repeat(1 << 20);
        for request in [
            hub.get("/m").header("x-long", &long),
            hub.get(&format!("/m?a={long}")),
            (0..1000).fold(hub.get("/m"), |request, n| request.header(&format!("x-{n}"), "1")),
        ] {
            let answer = hub.exchange(&request.to_bytes()).await;
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
        // On the side that is taken.
        let reply = hub.get("/m").header("x-long", &"x".repeat(60_000)).send().await;
        assert_eq!(reply.status, 404, "{reply}");
        hub.check("POST /m", "", "201 Created").await;
    }
}

#[tokio::test]
async fn requests_follow_each_other_on_a_connection() {
    let hub = hub().start().await;
    let first = hub.post("/m").to_bytes();
    let first = String::from_utf8(first).unwrap().replace("connection: close\r\n", "");
    let last = String::from_utf8(hub.get("/m").to_bytes()).unwrap();
    let answers = hub.exchange(format!("{first}{first}{last}").as_bytes()).await;
    let answers = String::from_utf8(answers).unwrap();
    assert!(
        fits(
            &answers,
            "HTTP/1.1 201 …\r\n\r\nCreatedHTTP/1.1 200 …\r\n\r\nOKHTTP/1.1 200 …\r\n\r\n0"
        ),
        "{answers}"
    );
}

/// Asks by curl, which verifies as OpenSSL does; status, version of HTTP and body.
async fn curl(hub: &Hub, arguments: &[&str], path: &str) -> Option<String> {
    let ca = hub.state().join("tls/ca.pem");
    let (scheme, trust) = match hub.setup.is_plain() {
        true => ("http", vec![]),
        false => ("https", vec!["--cacert", ca.to_str().unwrap()]),
    };
    let url = format!("{scheme}://{}{path}", hub.address);
    curl_url(hub, &[&trust, arguments].concat(), &url).await
}

async fn curl_url(hub: &Hub, arguments: &[&str], url: &str) -> Option<String> {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-w",
        " %{http_code} %{http_version}",
        "-H",
        &format!("Authorization: Bearer {}", hub.key),
    ]);
    curl.args(arguments).arg(url);
    curl.stdin(Stdio::null()).kill_on_drop(true);
    let ran = timeout(DEADLINE, curl.output()).await.unwrap();
    require("curl", ran.is_ok()).then(|| {
        let ran = ran.unwrap();
        assert!(ran.status.success(), "{ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    })
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_and_the_certificate_is_verified() {
    let hub = hub().start().await;
    hub.check("POST /m", "", "201 Created").await;
    for (arguments, path, expected) in [
        (&["--http2", "-X", "PUT", "-d", "5"][..], "/m", " 204 2"),
        (&["--http2"], "/m", "5 200 2"),
        (&["--http1.1"], "/m", "5 200 1.1"),
        (&["--http2", "-X", "PUT"], "/m/inc?queue=mail", " 204 2"),
        (&["--http2", "--tls-max", "1.2"], "/m?queue=mail", "1 200 2"),
        (&["--http2", "-I", "-o", "/dev/null"], "/m", " 200 2"),
        (&["--http2"], "/nothing", "there is no metric nothing\n 404 2"),
        (
            &["--http2", "--compressed"],
            "/__metrics?match[]=m{queue=%22mail%22}&prefix=m",
            "# TYPE m gauge\nm{queue=\"mail\"} 1\n 200 2",
        ),
        (&["--http2", "-X", "PATCH"], "/m", "Method Not Allowed\n 405 2"),
    ] {
        if let Some(answer) = curl(&hub, &[&["-g"], arguments].concat(), path).await {
            assert_eq!(answer, expected, "{arguments:?} {path}");
        }
    }
}

/// Both files are made where they are named and missing; one alone is a mistake, as in metric-nexus.
#[tokio::test]
async fn a_certificate_of_one_s_own_needs_both_files() {
    let setup = hub();
    let (cert, key) = (setup.path("own.cert"), setup.path("own.key"));
    let config = format!("tls: {{cert: {:?}, key: {:?}}}", cert, key);
    let mut hub = setup.config(&config).start().await;
    hub.check("POST /m", "", "201 Created").await;
    if let Some(answer) = curl(&hub, &["--connect-to", &format!("localhost:443:{}", hub.address)], "/m").await {
        assert_eq!(answer, "0 200 2");
    }
    assert_eq!(hub.terminate().await.code(), Some(0));
    for missing in [&cert, &key] {
        let aside = missing.with_extension("aside");
        fs::rename(missing, &aside).unwrap();
        let ended = hub.setup.fail().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        for path in [&cert, &key] {
            assert!(ended.notes.contains(&path.display().to_string()), "{ended:?}");
        }
        assert!(!missing.exists());
        fs::rename(&aside, missing).unwrap();
    }
    hub.start().await;
    hub.check("GET /m", "", "200 0").await;
}

#[tokio::test]
async fn plain_http_is_served_where_it_is_asked_for() {
    let hub = hub().plain().start().await;
    assert!(
        fits(&hub.output(), "Metric Nexus … listens on http://127.0.0.1:…"),
        "{}",
        hub.output()
    );
    hub.check("POST /m", "", "201 Created").await;
    hub.check("PUT /m/inc", "", "204").await;
    if let Some(answer) = curl(&hub, &[], "/m").await {
        assert_eq!(answer, "1 200 1.1");
    }
    assert!(!hub.state().join("tls").exists());
}

#[tokio::test]
async fn what_it_says_at_its_start_is_enough_to_begin() {
    let mut hub = hub().start().await;
    let state = hub.state().display().to_string();
    let url = format!("https://{}", hub.address);
    let expected = format!(
        "Metric Nexus {} listens on {url}\n  state        {state}/state.yaml (durability sync)\n  ca           {state}/tls/ca.pem\n  fingerprint  sha256:…\n  admin key    in {state}/admin.key\n\nTry it: paste this into another terminal.\n…",
        env!("CARGO_PKG_VERSION")
    );
    assert!(fits(&hub.output(), &expected), "{}", hub.output());
    assert_ne!(hub.address.port(), 0);
    // The lines to paste work as they stand.
    let output = hub.output();
    let (_, lines) = output.split_once("another terminal.\n").unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-ec", lines]).kill_on_drop(true);
    let ran = timeout(DEADLINE, shell.output()).await.unwrap().unwrap();
    let version = Command::new("curl").arg("--version").output().await;
    if require("curl", version.is_ok()) {
        let said = String::from_utf8(ran.stdout).unwrap();
        let expected = "\n1\n# TYPE hello_total counter\nhello_total{from=\"me\"} 1\n\n";
        assert_eq!((said.as_str(), ran.status.code()), (expected, Some(0)));
    }
    let fingerprint = |output: &str| output.lines().find(|line| line.contains("sha256:")).unwrap().to_owned();
    let first = fingerprint(&hub.output());
    hub.restart().await;
    assert_eq!(fingerprint(&hub.output()), first);
    assert!(!hub.output().contains("Try it"), "{}", hub.output());
}

#[tokio::test]
async fn signals_end_it_in_order_and_a_hangup_does_not() {
    for signal in ["TERM", "INT"] {
        let mut hub = hub().durability("snapshot").start().await;
        hub.check("POST /m", "", "201 Created").await;
        hub.signal("HUP").await;
        hub.signal("HUP").await;
        hub.check("PUT /m/inc", "", "204").await;
        // A connection without a request does not hold it up.
        let _idle = hub.connect().await;
        hub.signal(signal).await;
        assert_eq!(hub.ended().await.code(), Some(0), "{}", hub.log());
        assert!(TcpStream::connect(hub.address).await.is_err());
        hub.start().await;
        hub.check("GET /m", "", "200 1").await;
    }
}

#[tokio::test]
async fn all_mistakes_of_a_configuration_are_told_at_once() {
    let config = "listen: nowhere\nstate: {}\ndurability: forever\ncolour: red\nlimits: {series_max: -1, no_such_limit: 5}\nkeys: [{name: a b, key: x}]\nlog: {level: loud}\n";
    let setup = hub().config(config).state_of_config().listen_of_config();
    let path = setup.path("config.yaml").display().to_string();
    let served = setup.fail().await;
    let checked = setup.command_line(&["config", "check", &path]).await;
    for ended in [served, checked] {
        assert_eq!((ended.code, ended.output.as_str()), (Some(64), ""), "{ended:?}");
        for mistake in [
            "listen",
            "durability",
            "colour",
            "limits.series_max",
            "limits.no_such_limit",
            "keys[0]",
            "log.level",
        ] {
            assert!(
                ended.notes.contains(&format!("{path}: {mistake}")) || ended.notes.contains(mistake),
                "{mistake}: {ended:?}"
            );
        }
        assert!(ended.notes.lines().count() >= 7, "{ended:?}");
    }
    for (arguments, expected) in [
        (
            &["serve", "--listen", "nowhere", "--durability", "forever"][..],
            &["--listen", "--durability"][..],
        ),
        (&["serve", "--config", "no/such/file.yaml"], &["no/such/file.yaml"]),
        (&["serve", "--colour", "red"], &["--colour"]),
        (&["launch"], &["launch"]),
        (&["key", "new", "a b"], &["a b"]),
        (&["key", "new", "x", "--scope", "root"], &["root"]),
        (&["key", "new"], &["NAME"]),
    ] {
        let ended = setup.command_line(arguments).await;
        assert_eq!(
            (ended.code, ended.output.as_str()),
            (Some(64), ""),
            "{arguments:?}: {ended:?}"
        );
        for named in expected {
            assert!(ended.notes.contains(named), "{arguments:?}: {ended:?}");
        }
    }
    assert!(!setup.path("state").exists());
}

#[tokio::test]
async fn the_printed_example_is_without_mistakes_and_says_the_defaults() {
    let setup = hub();
    let printed = setup.command_line(&["config", "default"]).await;
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../metric-nexus.example.yaml");
    assert_eq!((printed.code, printed.notes.as_str()), (Some(0), ""));
    assert_eq!(printed.output, fs::read_to_string(example).unwrap());
    let setup = setup.config(&printed.output);
    let path = setup.path("config.yaml").display().to_string();
    let checked = setup.command_line(&["config", "check", &path]).await;
    assert_eq!(
        (checked.code, checked.output),
        (Some(0), format!("{path}: no mistakes\n"))
    );
    let hub = setup.start().await;
    hub.check("POST /m", "", "201 Created").await;
    for (arguments, expected) in [
        (&["--version"][..], "metric-nexus "),
        (&["--help"], "A durable hub of metrics"),
        (&["serve", "--help"], ""),
    ] {
        let ended = hub.setup.command_line(arguments).await;
        assert_eq!((ended.code, ended.notes.as_str()), (Some(0), ""), "{ended:?}");
        assert!(ended.output.starts_with(expected), "{ended:?}");
    }
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for address in [address.as_str(), "192.0.2.1:3000", "no-such-host.invalid:3000"] {
        let setup = hub().listen(address);
        let ended = setup.fail().await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
        assert!(
            fits(&ended.notes, &format!("…cannot listen on {address}: …")),
            "{ended:?}"
        );
        assert!(!setup.path("state").exists());
    }
}

#[tokio::test]
async fn several_listeners_serve_one_hub_each_in_its_own_way() {
    let setup = hub();
    let socket = setup.path("hub.sock");
    let listen = format!("unix:{}", socket.display());
    let mut hub = setup
        .listen_of_config()
        .config(&format!(
            "listen:\n- 127.0.0.1:0\n- {{ protocol: http, address: \"{listen}\", mode: \"0600\" }}\n- h2c://127.0.0.1:0\n"
        ))
        .start()
        .await;
    hub.check("POST /m", "", "201 Created").await;
    let by_socket = ["--unix-socket", socket.to_str().unwrap()];
    let increment = [&["-X", "PUT"], &by_socket[..]].concat();
    for count in 1..=2 {
        let said = hub.output();
        let plain = said.lines().find_map(|line| line.split_once("h2c://")).unwrap().1;
        assert!(said.contains(&format!("and on       http://{listen}\n")), "{said}");
        assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
        if let Some(answer) = curl_url(&hub, &increment, "http://localhost/m/inc").await {
            assert_eq!(answer, " 204 1.1");
            let answer = curl_url(&hub, &["--http2-prior-knowledge"], &format!("http://{plain}/m")).await;
            assert_eq!(answer, Some(format!("{count} 200 2")));
        }
        // A kill leaves the socket behind, and the next start takes its place.
        hub.crash().await;
    }
    let second = crate::harness::hub().listen(&listen).fail().await;
    let expected = format!("…cannot listen on {listen}: a process listens there already: …");
    assert!(fits(&second.notes, &expected), "{second:?}");
    assert!(hub.terminate().await.success());
    assert!(!socket.exists());
}
