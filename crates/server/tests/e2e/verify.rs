//! The certificate that the hub makes can be verified, by whoever wants to.

use std::{fs, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    time::timeout,
};

use super::{
    hub::{PROGRAM, Place},
    programs::{DEADLINE, require, run},
};

#[tokio::test]
async fn curl_verifies_the_hub_by_its_ca_and_by_nothing_else() {
    if !require(&["curl"]) {
        return;
    }
    let place = Place::new();
    let hub = place.hub(&[]).await;
    for name in ["127.0.0.1", "localhost"] {
        let url = format!("https://{name}:{}/-/ready", hub.address.port());
        let curl = |more: &'static [&str]| {
            let arguments = [&["-sS", url.as_str()], more].concat();
            let place = place.clone();
            async move { run("curl", &arguments, place.path(), "").await }
        };
        assert_eq!(curl(&["--cacert", "state/tls/ca.pem"]).await.ok(), "OK\n");
        assert_eq!(curl(&[]).await.code, Some(60), "nobody else vouches for the hub");
    }
    let (ca, port) = (fs::read(place.file("state/tls/ca.pem")).unwrap(), hub.address);
    hub.stop().await;
    let hub = place.hub_on(&port.to_string(), &[]).await;
    assert_eq!(
        fs::read(place.file("state/tls/ca.pem")).unwrap(),
        ca,
        "a restart changes no authority"
    );
    hub.stop().await;
}

#[tokio::test]
async fn openssl_verifies_the_certificate_and_finds_the_printed_fingerprint() {
    if !require(&["openssl"]) {
        return;
    }
    let place = Place::new();
    let mut hub = place.hub(&[]).await;
    let openssl = |arguments: &'static [&'static str]| {
        let place = place.clone();
        async move { run("openssl", arguments, place.path(), "").await.ok() }
    };
    let verify = &[
        "verify",
        "-x509_strict",
        "-CAfile",
        "state/tls/ca.pem",
        "-purpose",
        "sslserver",
    ];
    for name in [["-verify_hostname", "localhost"], ["-verify_ip", "127.0.0.1"]] {
        let arguments = [&verify[..], &name, &["state/tls/server.pem"]].concat();
        let said = run("openssl", &arguments, place.path(), "").await.ok();
        assert_eq!(said, "state/tls/server.pem: OK\n");
    }
    let said = openssl(&["x509", "-in", "state/tls/ca.pem", "-noout", "-fingerprint", "-sha256"]).await;
    let expected = said.trim().rsplit('=').next().unwrap().replace(':', "").to_lowercase();
    let banner = hub.banner().await;
    let line = banner.iter().find_map(|line| line.trim().strip_prefix("fingerprint"));
    assert_eq!(line.unwrap().trim(), format!("sha256:{expected}"));
    hub.stop().await;
}

#[tokio::test]
async fn a_terminal_is_shown_the_admin_key_once() {
    if !require(&["script"]) {
        return;
    }
    let place = Place::new();
    let said = on_a_terminal(&place, "hub \"$HUB/__metrics").await;
    let key = said.lines().find_map(|line| line.trim().strip_prefix("admin key"));
    let key = key.and_then(|rest| rest.split_whitespace().next()).unwrap();
    assert!(
        key.starts_with("mnx_") && said.contains(&format!(" KEY={key}\n")),
        "{said}"
    );
    assert!(!place.file("state/admin.key").exists(), "it stands in no file");
    let kept = fs::read_to_string(place.file("state/keys.yaml")).unwrap();
    assert!(!kept.contains(key), "only its digest is kept");
    let said = on_a_terminal(&place, "fingerprint").await;
    assert!(said.contains("listens on") && !said.contains("mnx_"), "{said}");
}

/// All that a hub prints on a terminal until a line begins so; Ctrl-C ends it then.
pub(crate) async fn on_a_terminal(place: &Place, last: &str) -> String {
    let mut command = Command::new("script");
    command.args(["-qec", &format!("exec '{PROGRAM}' --listen 127.0.0.1:0"), "/dev/null"]);
    command.current_dir(place.path()).kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut keys, mut lines) = (
        child.stdin.take().unwrap(),
        BufReader::new(child.stdout.take().unwrap()).lines(),
    );
    let mut said = String::new();
    let talk = async {
        let mut pressed = false;
        while let Some(line) = lines.next_line().await.unwrap() {
            said.push_str(line.trim_end());
            said.push('\n');
            if !pressed && line.trim_start().starts_with(last) {
                keys.write_all(b"\x03").await.unwrap();
                pressed = true;
            }
        }
        child.wait().await.unwrap()
    };
    let status = timeout(DEADLINE, talk).await.expect("it ends in time");
    assert_eq!(status.code(), Some(0), "{said}");
    said
}
