//! Certificates at the operator's own paths.

use super::*;

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
    fs::write(settings.key.as_ref().unwrap(), made.signing_key.serialize_pem()).unwrap();
}

#[test]
fn an_own_certificate_is_served_and_never_renewed() {
    let directory = TempDir::new().unwrap();
    let settings = own(&directory);
    put_foreign_pair(&settings);
    let tls = Tls::open(&settings, now()).unwrap();
    assert_eq!(names(&tls), ["own.example"]);
    assert_eq!(tls.ca_path(), None);
    assert_eq!(tls.refresh(now() + 100_000 * DAY).unwrap(), Refreshed::Unchanged);
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
    assert_eq!(again.refresh(now() + 350 * DAY).unwrap(), Refreshed::Renewed);
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
