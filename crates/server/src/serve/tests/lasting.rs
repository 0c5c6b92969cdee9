//! How many fit, what a panic does, and how serving ends.

use super::*;

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn requests_know_their_connection() {
    let served = Served::plain(patient()).await;
    let mut client = served.connect().await;
    send(&mut client, "GET /whoami HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let peer = client.local_addr().unwrap();
    read_until(&mut client, &peer.to_string()).await;
}

#[tokio::test]
async fn bytes_on_the_wire_are_counted() {
    let served = Served::plain(patient()).await;
    let mut client = served.connect().await;
    let request = "GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    send(&mut client, request).await;
    let answer = read_rest(&mut client).await;
    let check = async |counter: fn(&Counters) -> &AtomicU64, expected: usize| {
        served.until(counter, u64::try_from(expected).unwrap()).await;
    };
    check(|c| &c.wire_bytes_in, request.len()).await;
    check(|c| &c.wire_bytes_out, answer.len()).await;
    check(|c| &c.connections_total, 1).await;
    check(|c| &c.connections_open, 0).await;
}

#[tokio::test]
async fn one_more_than_fits_waits_for_a_place_if_all_have_shown_a_key() {
    let limits = Limits {
        connections_max: 2,
        ..patient()
    };
    let served = Served::plain(limits).await;
    let mut first = served.connect().await;
    let mut second = served.connect().await;
    for client in [&mut first, &mut second] {
        send(client, &WAIT.replace("\r\n\r\n", "\r\nauthorization: a\r\n\r\n")).await;
        served.until_waiting().await;
    }
    let mut third = served.connect().await;
    send(&mut third, WAIT).await;
    served.until(|c| &c.at_cap, 1).await;
    served.gate.add_permits(2);
    for client in [&mut first, &mut second] {
        read_until(client, "waited").await;
    }
    assert_eq!(served.counters.connections_total.load(Relaxed), 2);
    drop(first);
    served.gate.add_permits(1);
    read_until(&mut third, "waited").await;
    assert_eq!(served.counters.connections_total.load(Relaxed), 3);
}

#[tokio::test]
async fn a_panic_ends_its_connection_only() {
    let served = Served::plain(patient()).await;
    let mut other = served.connect().await;
    send(&mut other, WAIT).await;
    let mut client = served.connect().await;
    send(&mut client, "GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(read_rest(&mut client).await, "");
    served.until(|c| &c.panics, 1).await;
    served.until(|c| &c.connections_open, 1).await;
    served.gate.add_permits(1);
    read_until(&mut other, "waited").await;
}

#[tokio::test]
async fn draining_answers_what_is_under_way_and_closes_the_rest() {
    let served = Served::plain(patient()).await;
    let mut busy = served.connect().await;
    let mut fresh = served.connect().await;
    let mut half = served.connect().await;
    let mut idle = served.connect().await;
    send(&mut busy, WAIT).await;
    send(&mut half, "GET").await;
    send(&mut idle, "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n").await;
    read_until(&mut idle, "hello").await;
    served.until(|c| &c.connections_open, 4).await;
    served.trigger.fire();
    for client in [&mut fresh, &mut half, &mut idle] {
        assert_eq!(read_rest(client).await, "");
    }
    assert!(TcpStream::connect(served.address).await.is_err());
    served.gate.add_permits(1);
    assert!(read_rest(&mut busy).await.ends_with("waited"));
    assert_eq!(served.stop().await, Drained { cut: 0 });
}

#[tokio::test]
async fn what_cannot_be_answered_in_time_is_cut() {
    let served = Served::plain(quick()).await;
    let mut client = served.connect().await;
    send(&mut client, WAIT).await;
    served.until_waiting().await;
    let (gate, counters) = (served.gate.clone(), served.counters.clone());
    assert_eq!(served.stop().await, Drained { cut: 1 });
    assert_eq!(counters.connections_open.load(Relaxed), 0);
    assert_eq!(Arc::strong_count(&gate), 1, "the request goes on");
}

#[tokio::test]
async fn headers_have_a_limit_in_fields_and_in_bytes() {
    let served = Served::plain(patient()).await;
    let check = async |fields: usize, value: usize, status: &str| {
        let field = format!("x: {}\r\n", "y".repeat(value));
        let head = "GET /hello HTTP/1.1\r\nconnection: close\r\n";
        let mut client = served.connect().await;
        // What is refused is not read to its end: the rest may find the connection closed.
        let request = format!("{head}{}\r\n", field.repeat(fields));
        drop(client.write_all(request.as_bytes()).await);
        let answer = read_until(&mut client, "\r\n").await;
        assert_eq!(answer, format!("HTTP/1.1 {status}\r\n"), "{fields} {value}");
    };
    check(99, 1, "200 OK").await;
    check(100, 1, "431 Request Header Fields Too Large").await;
    let others = "GET /hello HTTP/1.1\r\nconnection: close\r\nx: \r\n\r\n".len();
    check(1, (64 << 10) - others, "200 OK").await;
    check(1, (64 << 10) - others + 1, "431 Request Header Fields Too Large").await;
}
