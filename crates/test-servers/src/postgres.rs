//! A PostgreSQL server of the test's own.

use std::{
    os::unix::fs::{MetadataExt, chown},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    certificates::Certificates,
    leash::{Leash, Signal},
    ports::free_port,
    programs::{find, run},
};

/// A running `postgres` on loopback and on a socket in its directory. Its superuser is `postgres`.
#[derive(Debug)]
pub struct PostgresServer {
    leash: Option<Leash>,
    directory: PathBuf,
    port: u16,
    settings: Vec<String>,
    user: Option<User>,
    certificates: Option<Certificates>,
}

/// As whom to run: PostgreSQL refuses to run as root.
#[derive(Debug, Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl PostgresServer {
    /// What tests of it need.
    pub const PROGRAMS: &[&str] = &["initdb", "postgres", "pg_isready", "psql", "setpriv"];

    /// What a killed server wrote is in the kernel's hands: only a crash of the machine would take it.
    pub const QUICK: &[&str] = &["fsync=off", "shared_buffers=16MB"];

    /// Starts one that trusts everyone on this machine.
    pub fn start() -> PostgresServer {
        PostgresServer::start_with_settings(PostgresServer::QUICK)
    }

    /// Starts one that takes TCP connections only with TLS.
    pub fn start_with_tls() -> PostgresServer {
        PostgresServer::start_with(PostgresServer::QUICK, true)
    }

    /// Starts one with these settings, each as `name=value`, and otherwise its own defaults.
    pub fn start_with_settings(settings: &[&str]) -> PostgresServer {
        PostgresServer::start_with(settings, false)
    }

    fn start_with(settings: &[&str], tls: bool) -> PostgresServer {
        let directory = tempfile::Builder::new()
            .prefix("nexus-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        let certificates = tls.then(|| Certificates::make(&directory));
        let user = unprivileged_user(&directory);
        if let Some(User { uid, gid }) = user {
            chown(&directory, Some(uid), Some(gid)).unwrap();
            if let Some(certificates) = &certificates {
                chown(&certificates.key, Some(uid), Some(gid)).unwrap();
            }
        }
        let mut server = PostgresServer {
            leash: None,
            directory,
            port: free_port(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            user,
            certificates,
        };
        let data = server.data();
        run(
            &server.as_user(
                "initdb",
                &[
                    "--no-sync",
                    "--auth=trust",
                    "--username=postgres",
                    "--encoding=UTF8",
                    "--locale=C",
                    "-D",
                    &data,
                ],
            ),
            &server.directory,
        );
        if tls {
            std::fs::write(
                server.directory.join("data/pg_hba.conf"),
                "local all all trust\nhostssl all all 127.0.0.1/32 trust\n",
            )
            .unwrap();
        }
        server.start_again();
        server
    }

    fn data(&self) -> String {
        self.directory.join("data").display().to_string()
    }

    fn as_user(&self, program: &str, arguments: &[&str]) -> Vec<String> {
        let mut command = Vec::new();
        if let Some(User { uid, gid }) = self.user {
            command.push(find("setpriv").unwrap().display().to_string());
            command.extend([
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
                "--clear-groups".to_owned(),
            ]);
        }
        command.push(find(program).unwrap().display().to_string());
        command.extend(arguments.iter().map(|&argument| argument.to_owned()));
        command
    }

    /// The port on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that signed its certificate.
    pub fn authority(&self) -> &Path {
        &self.certificates.as_ref().expect("TLS was asked for").authority
    }

    /// How to reach a database of it.
    pub fn url(&self, database: &str) -> String {
        postgres_url(self.port, database)
    }

    /// Makes an empty database of a name that no other has.
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("database_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.create_database(&name);
        name
    }

    /// Makes an empty database of this name.
    pub fn create_database(&self, name: &str) {
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
    }

    /// Runs statements and returns what they answer, unaligned and without headings.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let directory = self.directory.display().to_string();
        let port = self.port.to_string();
        let command = [
            "-h",
            &directory,
            "-p",
            &port,
            "-U",
            "postgres",
            "-d",
            database,
            "-v",
            "ON_ERROR_STOP=1",
            "-qAtc",
            statements,
        ];
        let answer = run(&self.as_user("psql", &command), &self.directory);
        answer.trim_end().to_owned()
    }

    /// Ends it at once, as a crash of all its processes does.
    pub fn kill(&mut self) {
        if let Some(leash) = self.leash.take() {
            leash.end_and_keep_the_files();
        }
    }

    /// Starts it on the same port and files, and waits until it takes queries.
    pub fn start_again(&mut self) {
        let port = self.port.to_string();
        let directory = self.directory.display().to_string();
        let data = self.data();
        let mut settings = vec![
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={directory}"),
        ];
        settings.extend(self.settings.iter().cloned());
        if let Some(certificates) = &self.certificates {
            settings.push("ssl=on".to_owned());
            settings.push(format!("ssl_cert_file={}", certificates.certificate.display()));
            settings.push(format!("ssl_key_file={}", certificates.key.display()));
        }
        let mut arguments = vec!["-D", data.as_str(), "-p", port.as_str()];
        for setting in &settings {
            arguments.extend(["-c", setting.as_str()]);
        }
        self.leash = Some(Leash::start(
            &self.as_user("postgres", &arguments),
            &self.directory,
            Signal::Quit,
        ));
        crate::poll_until(&format!("PostgreSQL answers on port {port}"), || {
            let command = self.as_user("pg_isready", &["-q", "-h", &directory, "-p", &port]);
            let ready = std::process::Command::new(&command[0])
                .args(&command[1..])
                .status()
                .unwrap()
                .success();
            ready
                .then_some(())
                .ok_or_else(|| self.leash.as_ref().map(Leash::output).unwrap_or_default())
        });
    }
}

/// The address of a database behind a port of loopback.
pub fn postgres_url(port: u16, database: &str) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/{database}")
}

/// `None` if this process may run the server as it is; else the account that Debian's package makes for it.
fn unprivileged_user(own: &Path) -> Option<User> {
    let running_as_root = std::fs::metadata(own).unwrap().uid() == 0;
    running_as_root.then(|| {
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
        let line = accounts
            .lines()
            .find(|line| line.starts_with("postgres:"))
            .expect("an account postgres");
        let mut fields = line.split(':').skip(2).map(|field| field.parse().unwrap());
        User {
            uid: fields.next().unwrap(),
            gid: fields.next().unwrap(),
        }
    })
}
