//! Who comes when there is no room, and what whoever is lost is told.

use super::*;

/// One connection of a client that says who it is, and what it got.
async fn known(served: &Served) -> TcpStream {
    let mut client = served.connect().await;
    send(
        &mut client,
        "GET /hello HTTP/1.1\r\nhost: x\r\nauthorization: a\r\n\r\n",
    )
    .await;
    read_until(&mut client, "hello").await;
    client
}

#[tokio::test]
async fn strangers_give_way_to_whoever_comes_and_known_clients_do_not() {
    let limits = Limits {
        connections_max: 3,
        ..patient()
    };
    let served = Served::plain(limits).await;
    let mut first = known(&served).await;
    // Each of them may be asked, and is a stranger all the same: nobody showed a key.
    let mut strangers = Vec::new();
    for _ in 0..8 {
        let mut stranger = served.connect().await;
        send(&mut stranger, "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
        read_until(&mut stranger, "hello").await;
        strangers.push(stranger);
    }
    served.until(|c| &c.sent_away, 6).await;
    // Those that were here longest are gone.
    for stranger in &mut strangers[..6] {
        assert_eq!(read_rest(stranger).await, "");
    }
    let mut second = known(&served).await;
    for client in [&mut first, &mut second, &mut strangers[7]] {
        send(client, "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
        read_until(client, "hello").await;
    }
}

#[tokio::test]
async fn plain_http_on_a_port_for_tls_is_told_so_in_http() {
    let served = Served::encrypted(patient()).await;
    let check = async |request: &str| {
        let mut client = served.connect().await;
        send(&mut client, request).await;
        let answer = read_rest(&mut client).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(
            head.contains(&format!("content-length: {}\r\n", body.len())),
            "{answer}"
        );
        assert!(body.ends_with("use https://\n"), "{answer}");
    };
    check("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    check("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello").await;
    check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    check("get").await;
    served.until(|c| &c.handshake_failures, 4).await;
}

#[tokio::test]
async fn a_connection_on_a_port_for_tls_on_which_nothing_comes_ends() {
    let served = Served::encrypted(quick()).await;
    assert_eq!(read_rest(&mut served.connect().await).await, "");
    served.until(|c| &c.handshake_timeouts, 1).await;
}
