//! Who gets how much, in virtual time.

use nexus_throttle::{Direction, Limiter, Rate};
use tokio::time::Instant;

use crate::harness::{Crowd, assert_near, jain, seconds};

#[tokio::test(start_paused = true)]
async fn a_thousand_share_alike_whatever_their_pieces() {
    let server = Limiter::new();
    server.set_limits(Direction::Write, Rate::kib_per_second(25_600).into());
    let mut crowd = Crowd::default();
    let began = Instant::now();
    for place in 0..1000 {
        crowd.add(&server.child(), if place % 2 == 0 { 64 } else { 1 << 20 });
    }
    crowd.run(seconds(10.0)).await;
    for from in [0.25, 2.0, 5.0] {
        let shares: Vec<f64> = crowd
            .between(began, seconds(from), seconds(from + 5.0))
            .iter()
            .map(|bytes| *bytes as f64)
            .collect();
        assert!(jain(&shares) >= 0.99, "{} from {from} s", jain(&shares));
    }
    let total: u64 = crowd.between(began, seconds(1.0), seconds(9.0)).iter().sum();
    assert_near(total, 8.0 * 25_600.0 * 1024.0, 0.01);
}
