//! Which rates hold for which server, key and connection.

use super::*;
use std::collections::BTreeMap;

fn rates(read: u64, write: u64) -> Rates {
    Rates {
        read_bytes_per_second: read,
        write_bytes_per_second: write,
    }
}

fn rates_of(node: &Limiter) -> Rates {
    rates(
        node.limits(Direction::Read).rate.get(),
        node.limits(Direction::Write).rate.get(),
    )
}

#[test]
fn every_node_gets_its_rates_whenever_it_comes() {
    let throttle = |server, connection, ci| Throttle {
        server,
        connection,
        keys: BTreeMap::from([("ci".to_owned(), ci)]),
    };
    let bandwidth = Bandwidth::new(&throttle(rates(1, 2), rates(3, 4), rates(5, 6)));
    let ci = bandwidth.of_key(&"ci".into());
    let stranger = bandwidth.unauthenticated();
    let connection = ci.share.child();
    let check = |server, connections, own| {
        let other = bandwidth.of_key(&"other".into());
        assert_eq!(rates_of(&bandwidth.shared.server), server);
        for node in [
            &stranger,
            &connection,
            &bandwidth.unauthenticated(),
            &other.share.child(),
        ] {
            assert_eq!(rates_of(node), connections);
        }
        assert_eq!(rates_of(&ci.own), own);
        assert_eq!(rates_of(&ci.share), rates(0, 0), "a share has no rate of its own");
        assert_eq!(rates_of(&other.own), rates(0, 0));
    };
    check(rates(1, 2), rates(3, 4), rates(5, 6));
    bandwidth.set(&throttle(rates(7, 0), rates(0, 8), rates(9, 10)));
    check(rates(7, 0), rates(0, 8), rates(9, 10));
    bandwidth.set(&Throttle::default());
    check(rates(0, 0), rates(0, 0), rates(0, 0));
}

#[test]
fn a_key_is_one_however_often_it_is_asked_for() {
    let bandwidth = Bandwidth::new(&Throttle::default());
    let (one, again, other) = (
        bandwidth.of_key(&"ci".into()),
        bandwidth.of_key(&"ci".into()),
        bandwidth.of_key(&"other".into()),
    );
    assert!(one.own.is(&again.own) && one.share.is(&again.share));
    assert!(!one.own.is(&other.own) && one.id != other.id);
}
