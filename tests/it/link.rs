//! Path tests over real sockets: what a line does to packets is found exactly, and a reflector harms nobody.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use vcops::domain::check::{PathPlan, TestId};
use vcops::domain::id::LinkId;
use vcops::link::reflector::{Reflector, ReflectorSettings};
use vcops::link::sender::{LinkProber, ProberSettings, Progress};
use vcops::observation::{PathOrder, PathStats, TestOutcome};

fn reflector(settings: ReflectorSettings) -> Reflector {
    let listen = vec!["127.0.0.1:0".parse().unwrap()];
    Reflector::start(&ReflectorSettings { listen, realtime: false, ..settings }).unwrap()
}

fn everyone() -> ReflectorSettings {
    ReflectorSettings { allow: vec!["127.0.0.0/8".parse().unwrap()], packets_per_second_max: 10_000, ..Default::default() }
}

fn order(remote: SocketAddr, packets: u32) -> PathOrder {
    PathOrder {
        test: TestId { boot: 1, n: 1 },
        link: LinkId::parse("line").unwrap(),
        local: Some(IpAddr::from([127, 0, 0, 1])),
        remote,
        plan: PathPlan { pps: 500, packets, ..PathPlan::default() },
    }
}

fn prober() -> LinkProber {
    LinkProber::start(ProberSettings { realtime: false, ..Default::default() }).unwrap()
}

async fn measure(prober: &LinkProber, order: &PathOrder) -> PathStats {
    let (progress, _) = watch::channel(Progress::default());
    match prober.run(order, &CancellationToken::new(), &progress).await {
        TestOutcome::Measured(stats) => *stats,
        TestOutcome::Broke(broke) => panic!("{broke:?}"),
    }
}

#[tokio::test]
async fn a_clean_line_loses_nothing_and_keeps_its_class() {
    let reflector = reflector(everyone());
    let stats = measure(&prober(), &order(reflector.local_addrs()[0], 300)).await;
    eprintln!("{stats:#?}");
    assert_eq!((stats.sent, stats.answered, stats.unplaced), (300, 300, 0));
    assert_eq!((stats.to_venue.lost, stats.from_venue.lost), (0, 0));
    assert_eq!((stats.to_venue.dscp_seen, stats.from_venue.dscp_seen), (Some(34), Some(34)));
}
