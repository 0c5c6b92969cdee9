//! Records that come by syslog.

use std::time::Duration;

use nexus_usage_log::{
    Entry, EventOutcome, Settings, Sink, SinkError, UsageLog,
    ingest::syslog::{Datagrams, SyslogCounts, SyslogReceiver, SyslogSettings},
};
use tokio::{
    net::{UdpSocket, UnixDatagram},
    sync::oneshot,
};

use crate::harness::{PATIENCE, World, eventually, origin};

fn datagram(id: &str, sequence: &str) -> String {
    let time = nexus_usage_log::Time::now();
    format!(
        r#"<190>Nov 14 22:13:20 edge nginx: {{"id":"{id}","time":"{time}","bytes_out":"7","sequence":"{sequence}"}}"#
    )
}

/// Sends datagrams by UDP and by a unix socket, and tells what was counted and stored.
async fn check(datagrams: &[&str], expected: SyslogCounts, stored: (u64, u64)) {
    for is_udp in [true, false] {
        let world = World::new();
        let mut settings = SyslogSettings::new(origin("nginx"));
        settings.datagram_bytes_max = 200;
        let receiver = SyslogReceiver::new(world.open(), settings);
        let (shutdown, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let path = world.path("syslog.sock");
        let (socket, address) = if is_udp {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = socket.local_addr().unwrap();
            (Datagrams::Udp(socket), Some(address))
        } else {
            (Datagrams::Unix(UnixDatagram::bind(&path).unwrap()), None)
        };
        let running = receiver.clone();
        let run = tokio::spawn(async move { running.run(socket, stopped).await });
        for datagram in datagrams {
            match address {
                Some(address) => {
                    let from = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                    from.send_to(datagram.as_bytes(), address).await.unwrap();
                }
                None => {
                    let from = UnixDatagram::unbound().unwrap();
                    from.send_to(datagram.as_bytes(), &path).await.unwrap();
                }
            }
        }
        eventually("all datagrams came", || {
            receiver.counts().received == datagrams.len() as u64
        })
        .await;
        shutdown.send(()).unwrap();
        run.await.unwrap().unwrap();
        assert_eq!(receiver.counts(), expected, "udp: {is_udp}");
        eventually("all is stored", || world.total("nginx") == stored).await;
    }
}

fn counts(received: u64, recorded: u64) -> SyslogCounts {
    let mut counts = SyslogCounts::default();
    counts.received = received;
    counts.recorded = recorded;
    counts
}

#[tokio::test]
async fn lines_are_stored_and_each_id_once() {
    let (a, b) = (&datagram("a", "s:1"), &datagram("b", "s:2"));
    check(&[a, b], counts(2, 2), (2, 14)).await;
    check(&[a, b, b], counts(3, 3), (2, 14)).await;
}

#[tokio::test]
async fn what_is_lost_is_counted_by_its_reason() {
    let (a, b) = (&datagram("a", "s:1"), &datagram("b", "s:5"));
    let cut = a.get(..a.len() - 3).unwrap();
    let long = format!("{a}{}", " ".repeat(200));
    let mut expected = counts(6, 2);
    expected.malformed = 2;
    expected.truncated = 2;
    expected.missing = 3;
    check(
        &[a, "nonsense", "<190>Nov 14 22:13:20 nginx: nonsense", cut, &long, b],
        expected,
        (2, 14),
    )
    .await;
}

#[tokio::test]
async fn a_line_without_an_id_is_recorded_each_time() {
    let time = nexus_usage_log::Time::now().seconds();
    let combined = jiff::Timestamp::from_second(time)
        .unwrap()
        .strftime("%d/%b/%Y:%H:%M:%S %z")
        .to_string();
    let datagram =
        format!("<190>Nov 14 22:13:20 nginx: 192.0.2.7 - - [{combined}] \"GET / HTTP/1.1\" 200 9 \"-\" \"-\"");
    check(&[&datagram, &datagram], counts(2, 2), (2, 18)).await;
}

/// A sink that is never there.
struct Gone;

impl Sink for Gone {
    fn store(&mut self, _: &[Entry]) -> Result<Vec<EventOutcome>, SinkError> {
        Err(SinkError::message("the sink is gone"))
    }
}

#[tokio::test]
async fn what_cannot_wait_any_more_is_dropped_and_counted() {
    let world = World::new();
    let log = UsageLog::open(Settings::default(), Gone).unwrap();
    let mut settings = SyslogSettings::new(origin("nginx"));
    settings.waiting_events_max = 2;
    settings.batch_events_max = 1;
    settings.drain_max = Duration::from_millis(10);
    let receiver = SyslogReceiver::new(log, settings);
    let path = world.path("syslog.sock");
    let socket = Datagrams::Unix(UnixDatagram::bind(&path).unwrap());
    let from = UnixDatagram::unbound().unwrap();
    let running = receiver.clone();
    let (shutdown, stopped) = oneshot::channel::<()>();
    let run = tokio::spawn(async move { running.run(socket, async { drop(stopped.await) }).await });
    for number in 1..=10 {
        let datagram = datagram(&number.to_string(), &format!("s:{number}"));
        from.send_to(datagram.as_bytes(), &path).await.unwrap();
    }
    eventually("all came", || receiver.counts().received == 10).await;
    // Two wait, and perhaps one is being stored.
    assert!(receiver.counts().dropped >= 7, "{:?}", receiver.counts());
    shutdown.send(()).unwrap();
    run.await.unwrap().unwrap();
    assert_eq!((receiver.counts().recorded, receiver.counts().dropped), (0, 10));
}

#[tokio::test]
async fn a_receiver_ends_with_its_log() {
    let world = World::new();
    let log = world.open();
    log.close(PATIENCE);
    let receiver = SyslogReceiver::new(log, SyslogSettings::new(origin("nginx")));
    let path = world.path("syslog.sock");
    let socket = Datagrams::Unix(UnixDatagram::bind(&path).unwrap());
    let from = UnixDatagram::unbound().unwrap();
    from.send_to(datagram("a", "s:1").as_bytes(), &path).await.unwrap();
    receiver.run(socket, std::future::pending()).await.unwrap();
    assert_eq!((receiver.counts().received, receiver.counts().dropped), (1, 1));
}
