//! The certificates on disk: made, kept, renewed, replaced, refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn now() -> SystemTime {
    SystemTime::now()
}

fn settings(directory: &TempDir) -> Settings {
    Settings {
        directory: directory.path().join("tls"),
        cert: None,
        key: None,
        names: Vec::new(),
        listen: ([10, 0, 0, 7], 9091).into(),
    }
}

/// Settings with the operator's own paths, beside the state.
fn own(directory: &TempDir) -> Settings {
    Settings {
        cert: Some(directory.path().join("own.pem")),
        key: Some(directory.path().join("own.key")),
        ..settings(directory)
    }
}

/// Puts a pair made by somebody else at the operator's paths.
fn put_foreign_pair(settings: &Settings) {
    let made = rcgen::generate_simple_self_signed(vec!["own.example".into()]).unwrap();
    fs::write(settings.cert.as_ref().unwrap(), made.cert.pem()).unwrap();
    fs::write(
        settings.key.as_ref().unwrap(),
        made.signing_key.serialize_pem(),
    )
    .unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn names(tls: &Tls) -> Vec<String> {
    tls.state().pair.facts.names.iter().cloned().collect()
}

#[test]
fn the_first_start_makes_an_authority_and_a_certificate_of_it() {
    let directory = TempDir::new().unwrap();
    let tls = Tls::open(&settings(&directory), now()).unwrap();
    let state = directory.path().join("tls");
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("ca.key")), 0o600);
    assert_eq!(mode(&state.join("server.key")), 0o600);
    assert_eq!(fs::read_dir(&state).unwrap().count(), 4);
    for name in ["localhost", "127.0.0.1", "::1", "10.0.0.7"] {
        assert!(names(&tls).contains(&name.to_owned()), "{name}");
    }
    assert!(tls.expires() > now() + 364 * DAY);
    assert_eq!(tls.fingerprint().len(), 64);
    assert_eq!(tls.ca_path(), Some(state.join("ca.pem")));
}

#[test]
fn the_next_start_keeps_everything() {
    let directory = TempDir::new().unwrap();
    let first = Tls::open(&settings(&directory), now()).unwrap();
    let again = Tls::open(&settings(&directory), now() + 300 * DAY).unwrap();
    assert_eq!(again.fingerprint(), first.fingerprint());
    assert_eq!(again.expires(), first.expires());
    assert_eq!(again.refresh(now()).unwrap(), Refreshed::Unchanged);
}

#[test]
fn a_certificate_near_its_end_is_renewed_once() {
    let directory = TempDir::new().unwrap();
    let tls = Tls::open(&settings(&directory), now()).unwrap();
    let fingerprint = tls.fingerprint();
    let key = fs::read(directory.path().join("tls/server.key")).unwrap();
    let check = |after: u32, expected| {
        let then = now() + after * DAY;
        assert_eq!(tls.refresh(then).unwrap(), expected, "after {after} days");
    };
    check(330, Refreshed::Unchanged);
    check(340, Refreshed::Renewed);
    check(340, Refreshed::Unchanged);
    check(341, Refreshed::Unchanged);
    check(680, Refreshed::Renewed);
    assert_eq!(tls.fingerprint(), fingerprint);
    assert_eq!(
        fs::read(directory.path().join("tls/server.key")).unwrap(),
        key
    );
}

#[test]
fn a_start_with_other_names_renews() {
    let directory = TempDir::new().unwrap();
    let mut settings = settings(&directory);
    let first = Tls::open(&settings, now()).unwrap();
    settings.names = vec!["Metrics.Example".into(), "[2001:db8::1]".into()];
    let second = Tls::open(&settings, now()).unwrap();
    assert!(names(&second).contains(&"metrics.example".into()));
    assert!(names(&second).contains(&"2001:db8::1".into()));
    assert_eq!(second.fingerprint(), first.fingerprint());
    settings.names = vec!["no name".into()];
    let refused = Tls::open(&settings, now()).unwrap_err();
    assert!(refused.to_string().contains("no name"), "{refused}");
}

#[test]
fn no_certificate_outlives_its_authority_and_the_end_of_that_makes_a_new_one() {
    let directory = TempDir::new().unwrap();
    let tls = Tls::open(&settings(&directory), now()).unwrap();
    let fingerprint = tls.fingerprint();
    let check = |after: u32, expected| {
        assert_eq!(
            tls.refresh(now() + after * DAY).unwrap(),
            expected,
            "{after}"
        );
    };
    check(3600, Refreshed::Renewed);
    check(3640, Refreshed::Unchanged);
    assert!(tls.expires() < now() + 3653 * DAY);
    assert_eq!(tls.fingerprint(), fingerprint);
    check(3653, Refreshed::Renewed);
    assert_ne!(tls.fingerprint(), fingerprint);
}

#[test]
fn whatever_a_crash_leaves_behind_is_completed() {
    let check = |lost: &str, same_fingerprint: bool| {
        let directory = TempDir::new().unwrap();
        let before = Tls::open(&settings(&directory), now()).unwrap();
        fs::remove_file(directory.path().join("tls").join(lost)).unwrap();
        fs::write(directory.path().join("tls/server.pem.new"), "cut o").unwrap();
        let after = Tls::open(&settings(&directory), now()).unwrap();
        assert_eq!(
            after.fingerprint() == before.fingerprint(),
            same_fingerprint,
            "{lost}"
        );
    };
    check("server.pem", true);
    check("server.key", true);
    check("ca.pem", false);
}

#[test]
fn an_authority_without_its_key_is_refused() {
    let directory = TempDir::new().unwrap();
    drop(Tls::open(&settings(&directory), now()).unwrap());
    fs::remove_file(directory.path().join("tls/ca.key")).unwrap();
    let refused = Tls::open(&settings(&directory), now()).unwrap_err();
    assert!(
        matches!(refused, TlsError::AuthorityKey { .. }),
        "{refused}"
    );
}

#[test]
fn an_own_certificate_is_served_and_never_renewed() {
    let directory = TempDir::new().unwrap();
    let settings = own(&directory);
    put_foreign_pair(&settings);
    let tls = Tls::open(&settings, now()).unwrap();
    assert_eq!(names(&tls), ["own.example"]);
    assert_eq!(tls.ca_path(), None);
    assert_eq!(
        tls.refresh(now() + 100_000 * DAY).unwrap(),
        Refreshed::Unchanged
    );
    assert!(!directory.path().join("tls").exists());
}

#[test]
fn an_own_certificate_follows_its_files_while_they_fit() {
    let directory = TempDir::new().unwrap();
    let settings = own(&directory);
    put_foreign_pair(&settings);
    let tls = Tls::open(&settings, now()).unwrap();
    let first = tls.fingerprint();
    let kept = fs::read(settings.key.as_ref().unwrap()).unwrap();
    put_foreign_pair(&settings);
    assert_eq!(tls.refresh(now()).unwrap(), Refreshed::Reloaded);
    let second = tls.fingerprint();
    assert_ne!(second, first);
    fs::write(settings.key.as_ref().unwrap(), kept).unwrap();
    assert!(matches!(tls.refresh(now()), Err(TlsError::Pair { .. })));
    assert_eq!(tls.refresh(now()).unwrap(), Refreshed::Unchanged);
    assert_eq!(tls.fingerprint(), second);
    fs::write(settings.cert.as_ref().unwrap(), "nonsense").unwrap();
    assert!(matches!(tls.refresh(now()), Err(TlsError::Pem { .. })));
}

#[test]
fn own_paths_without_files_are_filled_and_then_renewed() {
    let directory = TempDir::new().unwrap();
    let settings = own(&directory);
    let tls = Tls::open(&settings, now()).unwrap();
    assert_eq!(mode(settings.key.as_ref().unwrap()), 0o600);
    assert!(tls.ca_path().is_some());
    let again = Tls::open(&settings, now()).unwrap();
    assert_eq!(again.expires(), tls.expires());
    assert_eq!(
        again.refresh(now() + 350 * DAY).unwrap(),
        Refreshed::Renewed
    );
}

#[test]
fn half_a_pair_is_refused_by_the_name_of_what_is_missing() {
    let check = |lost: &str| {
        let directory = TempDir::new().unwrap();
        put_foreign_pair(&own(&directory));
        fs::remove_file(directory.path().join(lost)).unwrap();
        let refused = Tls::open(&own(&directory), now()).unwrap_err().to_string();
        assert!(refused.contains(&format!("{lost} is missing")), "{refused}");
    };
    check("own.key");
    check("own.pem");
    let directory = TempDir::new().unwrap();
    let one_path = Settings {
        key: None,
        ..own(&directory)
    };
    let refused = Tls::open(&one_path, now()).unwrap_err();
    assert!(matches!(refused, TlsError::OnePath));
}

#[test]
fn every_usual_form_of_a_key_is_read() {
    let check = |algorithm: &str, convert: &[&str], header: &str| {
        let directory = TempDir::new().unwrap();
        let openssl = |arguments: &str| {
            let arguments = arguments.split_whitespace();
            let mut command = std::process::Command::new("openssl");
            command.args(arguments).current_dir(&directory).output()
        };
        let make = "req -x509 -nodes -subj /CN=x -keyout own.key -out own.pem -newkey";
        if openssl(&format!("{make} {algorithm}")).is_err() {
            eprintln!("SKIPPED, nothing was tested: cannot run openssl");
            return;
        }
        for arguments in convert {
            let converted = openssl(arguments).unwrap();
            assert!(converted.status.success(), "{converted:?}");
            let file = |name| directory.path().join(name);
            fs::rename(file("converted.key"), file("own.key")).unwrap();
        }
        let key = fs::read_to_string(directory.path().join("own.key")).unwrap();
        assert!(key.contains(header), "{key}");
        Tls::open(&own(&directory), now()).unwrap();
    };
    let ec = "ec -pkeyopt ec_paramgen_curve:P-256";
    let traditional = "pkey -traditional -in own.key -out converted.key";
    check("rsa:2048", &[], "BEGIN PRIVATE KEY");
    check("rsa:2048", &[traditional], "BEGIN RSA PRIVATE KEY");
    check(ec, &[], "BEGIN PRIVATE KEY");
    check(ec, &[traditional], "BEGIN EC PRIVATE KEY");
    check("ed25519", &[], "BEGIN PRIVATE KEY");
}

#[test]
fn openssl_verifies_as_strictly_as_it_can() {
    let directory = TempDir::new().unwrap();
    drop(Tls::open(&settings(&directory), now()).unwrap());
    let check = |name: &str| {
        let verify = "verify -x509_strict -check_ss_sig -purpose sslserver -CAfile ca.pem";
        let mut command = std::process::Command::new("openssl");
        command
            .args(verify.split(' '))
            .args(name.split(' '))
            .arg("server.pem");
        match command.current_dir(directory.path().join("tls")).output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(_) => eprintln!("SKIPPED, nothing was tested: cannot run openssl"),
        }
    };
    check("-verify_hostname localhost");
    check("-verify_ip 127.0.0.1");
    check("-verify_ip ::1");
}
