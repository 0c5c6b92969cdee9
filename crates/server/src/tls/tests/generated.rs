//! The local authority and the certificates it signs.

use super::*;

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
    assert_eq!(fs::read(directory.path().join("tls/server.key")).unwrap(), key);
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
        assert_eq!(tls.refresh(now() + after * DAY).unwrap(), expected, "{after}");
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
        assert_eq!(after.fingerprint() == before.fingerprint(), same_fingerprint, "{lost}");
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
    assert!(matches!(refused, TlsError::AuthorityKey { .. }), "{refused}");
}

#[test]
fn openssl_verifies_as_strictly_as_it_can() {
    let directory = TempDir::new().unwrap();
    drop(Tls::open(&settings(&directory), now()).unwrap());
    let check = |name: &str| {
        let verify = "verify -x509_strict -check_ss_sig -purpose sslserver -CAfile ca.pem";
        let mut command = std::process::Command::new("openssl");
        command.args(verify.split(' ')).args(name.split(' ')).arg("server.pem");
        match command.current_dir(directory.path().join("tls")).output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(_) => eprintln!("SKIPPED, nothing was tested: cannot run openssl"),
        }
    };
    check("-verify_hostname localhost");
    check("-verify_ip 127.0.0.1");
    check("-verify_ip ::1");
}

#[test]
fn a_hub_on_every_address_is_valid_for_those_of_the_machine() {
    let directory = TempDir::new().unwrap();
    let on_all = Settings {
        listen: vec![[0, 0, 0, 0].into()],
        machine: || vec!["vm.example.org".to_owned(), "10.9.8.7".to_owned()],
        ..settings(&directory)
    };
    let tls = Tls::open(&on_all, now()).unwrap();
    for name in ["vm.example.org", "10.9.8.7", "localhost", "127.0.0.1"] {
        assert!(names(&tls).contains(&name.to_owned()), "{name}");
    }
    assert!(!names(&tls).contains(&"0.0.0.0".to_owned()));
    // On one address, the others are nobody's business.
    let on_one = Tls::open(
        &Settings {
            listen: vec![[127, 0, 0, 1].into()],
            ..on_all.clone()
        },
        now(),
    )
    .unwrap();
    assert!(!names(&on_one).contains(&"10.9.8.7".to_owned()));
}

#[test]
fn an_address_that_comes_while_it_runs_is_named_and_one_that_goes_stays() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static MOMENT: AtomicUsize = AtomicUsize::new(0);
    let directory = TempDir::new().unwrap();
    let on_all = Settings {
        listen: vec![[0, 0, 0, 0].into()],
        machine: || {
            let now: &[&str] = match MOMENT.load(Ordering::Relaxed) {
                0 => &["10.0.0.1"],
                1 => &[],
                _ => &["10.0.0.2"],
            };
            now.iter().map(|name| (*name).to_owned()).collect()
        },
        ..settings(&directory)
    };
    let tls = Tls::open(&on_all, now()).unwrap();
    let ca = tls.fingerprint();
    let check = |moment: usize, refreshed: Refreshed, address: &str| {
        MOMENT.store(moment, Ordering::Relaxed);
        assert_eq!(
            tls.refresh(now() + Duration::from_secs(moment as u64)).unwrap(),
            refreshed
        );
        assert!(names(&tls).contains(&address.to_owned()), "{moment}: {address}");
    };
    check(0, Refreshed::Unchanged, "10.0.0.1");
    check(1, Refreshed::Unchanged, "10.0.0.1");
    check(2, Refreshed::Renewed, "10.0.0.2");
    assert_eq!(tls.fingerprint(), ca, "clients go on with what they have");
}
