//! Listeners beside TLS over TCP: unix sockets, HTTP/2 by prior knowledge, and several at once.

use super::*;

use std::path::PathBuf;
use std::process::Output;
use tokio::net::UnixStream;
use tokio::process::Command;

use crate::serve::Socket;

/// By a unix socket, whose path comes with it.
fn on_a_socket(transport: Transport, limits: Limits) -> (Served, PathBuf) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("hub.sock");
    let listener = Listener::Unix(Socket::bind(&path, 0o600).unwrap());
    (Served::on(listener, transport, limits, None, directory), path)
}

async fn by_prior_knowledge(limits: Limits) -> Served {
    let listener = Listener::Tcp(TcpListener::bind("127.0.0.1:0").await.unwrap());
    Served::on(listener, Transport::Http2, limits, None, TempDir::new().unwrap())
}

/// Runs curl. `None`, loudly, where there is none.
async fn curl(arguments: &[&str], url: &str) -> Option<Output> {
    let mut command = Command::new("curl");
    command.args(["-sS", "-w", " %{http_version}"]).args(arguments).arg(url);
    match timeout(DEADLINE, command.kill_on_drop(true).output()).await.unwrap() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("SKIPPED, nothing was tested: cannot run curl: {error}");
            None
        }
    }
}

/// What curl says, and the version of HTTP it was said in.
async fn check(arguments: &[&str], url: &str, expected: &str) {
    if let Some(output) = curl(arguments, url).await {
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, expected, "{arguments:?} {url} {complaint}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_served_and_its_clients_have_no_address() {
    let (served, path) = on_a_socket(Transport::Http1, patient());
    let socket = ["--unix-socket", path.to_str().unwrap()];
    check(&socket, "http://localhost/hello", "hello 1.1").await;
    check(&socket, "http://localhost/whoami", "unix 1.1").await;
    let post = [&socket[..], &["-d", "said"]].concat();
    check(&post, "http://localhost/echo", "said 1.1").await;
    check(
        &[&socket[..], &["-o", "/dev/null"]].concat(),
        "http://localhost/big",
        " 1.1",
    )
    .await;
    assert_eq!(served.stop().await, Drained { cut: 0 });
    assert!(!path.exists());
}

#[tokio::test]
async fn http2_by_prior_knowledge_is_served_over_tcp_and_a_socket() {
    let served = by_prior_knowledge(patient()).await;
    let url = |path: &str| format!("http://{}{path}", served.address);
    let prior = ["--http2-prior-knowledge"];
    check(&prior, &url("/hello"), "hello 2").await;
    check(&[&prior[..], &["-d", "said"]].concat(), &url("/echo"), "said 2").await;
    check(&[&prior[..], &["-o", "/dev/null"]].concat(), &url("/big"), " 2").await;
    if let Some(output) = curl(&["--http1.1"], &url("/hello")).await {
        assert!(!output.status.success(), "it speaks nothing else");
    }
    let (_served, path) = on_a_socket(Transport::Http2, patient());
    let both = [&prior[..], &["--unix-socket", path.to_str().unwrap()]].concat();
    check(&both, "http://localhost/whoami", "unix 2").await;
}

#[tokio::test]
async fn whoever_says_nothing_to_them_is_cut() {
    let served = by_prior_knowledge(quick()).await;
    let _silent = served.connect().await;
    served.until(|c| &c.idle_timeouts, 1).await;
    let mut halting = served.connect().await;
    send(&mut halting, "PRI * HTTP/2.0\r\n").await;
    served.until(|c| &c.idle_timeouts, 2).await;

    let (served, path) = on_a_socket(Transport::Http1, quick());
    let _silent = UnixStream::connect(&path).await.unwrap();
    served.until(|c| &c.idle_timeouts, 1).await;
    let mut halting = UnixStream::connect(&path).await.unwrap();
    send(&mut halting, "GET /hello HTTP/1.1\r\n").await;
    assert!(read_rest(&mut halting).await.starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn listeners_share_the_cap_and_one_to_which_nobody_comes_takes_none_of_it() {
    let (trigger, shutdown) = Shutdown::new();
    let limits = Limits {
        connections_max: 1,
        ..patient()
    };
    let app = Router::new().route("/hello", get(async || "hello"));
    let (counters, bandwidth) = (Arc::new(Counters::default()), Bandwidth::new(&Throttle::default()));
    let server = Server::new(app, limits, counters, bandwidth, shutdown);
    let (mut addresses, mut serving) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        addresses.push(listener.local_addr().unwrap());
        serving.push(tokio::spawn(
            server.clone().serve(Listener::Tcp(listener), Transport::Http1),
        ));
    }
    for address in addresses {
        let mut client = TcpStream::connect(address).await.unwrap();
        send(
            &mut client,
            "GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .await;
        assert!(read_rest(&mut client).await.ends_with("hello"));
    }
    trigger.fire();
    for ended in serving {
        assert_eq!(timeout(DEADLINE, ended).await.unwrap().unwrap(), Drained { cut: 0 });
    }
}
