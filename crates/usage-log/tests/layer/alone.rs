//! The layer by itself, on responses of all shapes.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use nexus_usage_log::{
    Outcome,
    layer::{PendingRecord, Wire, WireBytes, WireMeter},
};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::harness::Remembered;

/// A chunk of 1 000 bytes every 400 ms.
fn slow(chunks: usize) -> Response<Body> {
    let chunks = futures_util::stream::iter(0..chunks).then(|_| async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1_000]))
    });
    Response::new(Body::from_stream(chunks))
}

#[tokio::test(start_paused = true)]
async fn a_long_response_gives_slices_as_it_goes() {
    let remembered = Remembered::new();
    let service = remembered
        .layer()
        .layer(service_fn(async |_| Ok::<_, Infallible>(slow(10))));
    let response = service.oneshot(Request::new(Body::empty())).await.unwrap();
    response.into_body().collect().await.unwrap();
    let records = remembered.take(4);
    let said: Vec<_> = records
        .iter()
        .map(|record| {
            (
                record.amounts.calls,
                record.amounts.body_bytes,
                record.dimensions.outcome,
            )
        })
        .collect();
    // A slice with the first byte after a second, that is with every third chunk.
    let slice = (0, 3_000, Outcome::Ongoing);
    assert_eq!(said, [slice, slice, slice, (1, 1_000, Outcome::Complete)]);
    let spent: u64 = records.iter().map(|record| record.amounts.duration_ns).sum();
    assert!((4_000..4_100).contains(&(spent / 1_000_000)), "{spent}");
}

/// Keeps records until the test says what went over the wire.
#[derive(Default)]
struct Connection(Mutex<Vec<Arc<PendingRecord>>>);

impl WireMeter for Connection {
    fn ended(&self, record: Arc<PendingRecord>) {
        self.0.lock().unwrap().push(record);
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_says_what_went_over_the_wire() {
    let remembered = Remembered::new();
    let connection = Arc::new(Connection::default());
    let service = remembered
        .layer()
        .layer(service_fn(async |_| Ok::<_, Infallible>(slow(4))));
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(Wire(connection.clone()));
    let response = service.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(remembered.take(1)[0].dimensions.outcome, Outcome::Ongoing);
    let pending = connection.0.lock().unwrap().remove(0);
    assert!(pending.seen().bytes_out >= 4_000);
    let sliced = pending.seen().bytes_out - 1_000;
    pending.finish(Some(WireBytes {
        bytes_in: 500,
        bytes_out: 4_321,
    }));
    let last = remembered.take(1).remove(0);
    assert_eq!((last.amounts.bytes_out, last.amounts.calls), (4_321 - sliced, 1));
}

#[tokio::test]
async fn a_record_that_no_one_finishes_is_recorded_as_it_was_seen() {
    let remembered = Remembered::new();
    let connection = Arc::new(Connection::default());
    let service = remembered.layer().layer(service_fn(async |_| {
        Ok::<_, Infallible>(Response::new(Body::from("four")))
    }));
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(Wire(connection.clone()));
    let response = service.oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(remembered.records(), []);
    connection.0.lock().unwrap().clear();
    let record = remembered.take(1).remove(0);
    assert_eq!((record.amounts.body_bytes, record.amounts.calls), (4, 1));
}

#[tokio::test]
async fn a_service_that_fails_is_an_error() {
    let remembered = Remembered::new();
    let fails = service_fn(async |_| Err::<Response<Body>, _>("no"));
    let service = remembered.layer().layer(fails);
    assert!(service.oneshot(Request::new(Body::empty())).await.is_err());
    let record = remembered.take(1).remove(0);
    assert_eq!(
        (record.dimensions.status, record.dimensions.outcome),
        (500, Outcome::Error)
    );
}

#[tokio::test]
async fn a_request_that_is_given_up_before_its_answer_is_recorded_without_status() {
    let remembered = Remembered::new();
    let never = service_fn(async |_| std::future::pending::<Result<Response<Body>, Infallible>>().await);
    let mut asked = Box::pin(remembered.layer().layer(never).oneshot(Request::new(Body::empty())));
    let once = std::future::poll_fn(|context| std::task::Poll::Ready(asked.as_mut().poll(context).is_pending()));
    assert!(once.await);
    assert_eq!(remembered.records(), []);
    drop(asked);
    let record = remembered.take(1).remove(0);
    assert_eq!(
        (record.dimensions.status, record.dimensions.outcome),
        (0, Outcome::Aborted)
    );
}
