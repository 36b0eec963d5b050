//! Path tests over real sockets: what a line does to packets is found exactly, and a reflector harms nobody.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use vcops::domain::check::{PathPlan, TestId};
use vcops::domain::id::LinkId;
use vcops::link::reflector::{Reflector, ReflectorSettings};
use vcops::link::sender::{LinkProber, ProberSettings, Progress};
use vcops::observation::{DirectionStats, PathOrder, PathStats, TestBroke, TestOutcome};
use vcops::relay::impairment::{Impairment, Jitter, Loss};
use vcops::relay::truth::DirectionTruth;
use vcops::relay::{Relay, RelayHost, RelaySpec};

const LOOPBACK: &str = "127.0.0.1:0";

fn reflector(settings: ReflectorSettings) -> Reflector {
    let listen = vec![LOOPBACK.parse().unwrap()];
    Reflector::start(&ReflectorSettings { listen, ..settings }).unwrap()
}

fn everyone() -> ReflectorSettings {
    ReflectorSettings {
        allow: vec!["127.0.0.0/8".parse().unwrap()],
        packets_per_second_max: 10_000,
        ..Default::default()
    }
}

fn prober() -> LinkProber {
    LinkProber::start(ProberSettings::default()).unwrap()
}

fn order(remote: SocketAddr, packets: u32) -> PathOrder {
    PathOrder {
        test: TestId { boot: 1, n: 1 },
        link: LinkId::parse("line").unwrap(),
        local: Some(IpAddr::from([127, 0, 0, 1])),
        remote,
        plan: PathPlan { pps: 400, packets, ..PathPlan::default() },
    }
}

async fn measure(prober: &LinkProber, order: &PathOrder) -> PathStats {
    let (progress, _) = watch::channel(Progress::default());
    match prober.run(order, &CancellationToken::new(), &progress).await {
        TestOutcome::Measured(stats) => *stats,
        TestOutcome::Broke(broke) => panic!("{broke:?}"),
    }
}

/// Measures through a relay with these impairments and compares every count with the relay's own.
async fn exact(to_target: Impairment, to_client: Impairment, seed: u64) -> PathStats {
    let reflector = reflector(everyone());
    let spec = RelaySpec {
        to_target,
        to_client,
        seed,
        ..RelaySpec::new(LOOPBACK.parse().unwrap(), reflector.local_addrs()[0])
    };
    let relay = Relay::start(spec).unwrap();
    let stats = measure(&prober(), &order(relay.local_addr(), 600)).await;
    let truth = relay.truth().unwrap();
    same(&stats.to_venue, &truth.to_target.first(stats.sent as usize));
    same(&stats.from_venue, &truth.to_client.first(stats.from_venue.sent as usize));
    assert_eq!(stats.unplaced, 0);
    stats
}

fn same(found: &DirectionStats, truth: &DirectionTruth) {
    assert_eq!(found.sent, truth.packets.len() as u64, "sent");
    assert_eq!(found.lost, truth.lost(), "lost");
    assert_eq!(found.bursts, truth.bursts(), "bursts");
    assert_eq!(found.duplicates, truth.duplicates(), "duplicates");
    assert_eq!(found.reordered, truth.reordered(), "reordered");
}

#[tokio::test]
async fn a_clean_line_loses_nothing_and_keeps_its_class() {
    let stats = exact(Impairment::default(), Impairment::default(), 1).await;
    assert_eq!((stats.answered, stats.to_venue.lost, stats.from_venue.lost), (stats.sent, 0, 0));
    assert_eq!((stats.to_venue.dscp_seen, stats.from_venue.dscp_seen), (Some(34), Some(34)));
}

#[tokio::test]
async fn forty_percent_lost_one_way_is_placed_there_to_the_packet() {
    let lossy = Impairment { loss: Loss::Random { pct: 40.0 }, ..Default::default() };
    for (to_target, to_client, seed) in
        [(lossy, Impairment::default(), 2), (Impairment::default(), lossy, 3), (lossy, lossy, 4)]
    {
        let stats = exact(to_target, to_client, seed).await;
        assert!(stats.to_venue.lost + stats.from_venue.lost > 100, "the relay was to lose many");
    }
}

#[tokio::test]
async fn bursts_have_their_lengths_in_each_direction() {
    let bursty = Impairment { loss: Loss::Gilbert { enter_pct: 2.0, leave_pct: 25.0 }, ..Default::default() };
    let stats = exact(bursty, bursty, 5).await;
    assert!(stats.to_venue.burst_max() > 1 && stats.from_venue.burst_max() > 1);
}

#[tokio::test]
async fn copies_and_overtaking_are_told_apart_from_loss() {
    let messy = Impairment {
        delay_ms: 10.0,
        duplicate_pct: 5.0,
        reorder_pct: 5.0,
        reorder_by_ms: 12.0,
        keep_order: false,
        loss: Loss::Random { pct: 3.0 },
        ..Default::default()
    };
    let stats = exact(messy, messy, 6).await;
    assert!(stats.to_venue.duplicates > 5 && stats.to_venue.reordered > 5);
}

#[tokio::test]
async fn jitter_that_reorders_is_counted_exactly() {
    let jittery = Impairment {
        delay_ms: 20.0,
        jitter: Jitter::Uniform { ms: 8.0 },
        keep_order: false,
        ..Default::default()
    };
    let stats = exact(jittery, jittery, 7).await;
    let rtt = stats.rtt.unwrap();
    assert!(rtt.min_ms >= 24.0, "{rtt:?}: the relay holds each packet 12 ms at least, twice");
    assert!(stats.to_venue.reordered > 10);
}

#[tokio::test]
async fn a_dead_line_places_nothing_and_ends_in_time() {
    let dead = Impairment { blackout: true, ..Default::default() };
    let reflector = reflector(everyone());
    let spec = RelaySpec {
        to_client: dead,
        ..RelaySpec::new(LOOPBACK.parse().unwrap(), reflector.local_addrs()[0])
    };
    let relay = Relay::start(spec).unwrap();
    let stats = measure(&prober(), &order(relay.local_addr(), 50)).await;
    assert_eq!((stats.answered, stats.unplaced), (0, stats.sent));
}

#[tokio::test]
async fn many_paths_are_measured_at_once_each_by_itself() {
    let reflector = reflector(everyone());
    let host = RelayHost::start(0).unwrap();
    let lossy = |pct| Impairment { loss: Loss::Random { pct }, ..Default::default() };
    let spec = |n: u64| RelaySpec {
        to_target: lossy(n as f64),
        seed: n,
        ..RelaySpec::new(LOOPBACK.parse().unwrap(), reflector.local_addrs()[0])
    };
    let relays: Vec<Relay> = (0..8).map(|n| host.add(spec(n)).unwrap()).collect();
    let (prober, mut tasks) = (prober(), tokio::task::JoinSet::new());
    for (n, relay) in relays.iter().enumerate() {
        let (prober, mut order) = (prober.clone(), order(relay.local_addr(), 200));
        order.plan.pps = 100;
        tasks.spawn(async move { (n, measure(&prober, &order).await) });
    }
    while let Some(done) = tasks.join_next().await {
        let (n, stats) = done.unwrap();
        same(&stats.to_venue, &relays[n].truth().unwrap().to_target.first(stats.sent as usize));
    }
}

#[tokio::test]
async fn re_marking_shows_in_its_direction() {
    let remarked = Impairment { remark_dscp: Some(0), ..Default::default() };
    let stats = exact(remarked, Impairment::default(), 8).await;
    assert_eq!((stats.to_venue.dscp_seen, stats.from_venue.dscp_seen), (Some(0), Some(34)));
}

#[tokio::test]
async fn a_test_can_be_called_off_and_the_next_one_runs() {
    let reflector = reflector(everyone());
    let prober = prober();
    let (cancel, (progress, _watched)) = (CancellationToken::new(), watch::channel(Progress::default()));
    let long = order(reflector.local_addrs()[0], 60_000);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(prober.run(&long, &cancel, &progress), stop);
    assert_eq!(outcome, TestOutcome::Broke(TestBroke::Cancelled));
    assert!(progress.borrow().sent > 0);
    let stats = measure(&prober, &order(reflector.local_addrs()[0], 50)).await;
    assert_eq!(stats.to_venue.lost + stats.from_venue.lost, 0);
}

/// A plain socket that stands for somebody else's program.
fn stranger(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(400))).unwrap();
    socket
}

fn replies(socket: &UdpSocket) -> Vec<usize> {
    let mut bytes = [0; 4096];
    std::iter::from_fn(|| socket.recv(&mut bytes).ok()).collect()
}

#[test]
fn an_unlisted_source_gets_no_answer() {
    let allow = vec!["127.0.0.9".parse().unwrap()];
    let reflector = reflector(ReflectorSettings { allow, ..Default::default() });
    let (listed, unlisted) = (stranger("127.0.0.9:0"), stranger("127.0.0.8:0"));
    for socket in [&listed, &unlisted] {
        socket.send_to(&[0; 44], reflector.local_addrs()[0]).unwrap();
    }
    assert_eq!(replies(&listed), [44]);
    assert_eq!(replies(&unlisted), [0; 0]);
    assert_eq!((reflector.counts().refused, reflector.counts().reflected), (1, 1));
    assert!(reflector.allow(vec!["127.0.0.8".parse().unwrap()]));
    std::thread::sleep(Duration::from_millis(200));
    unlisted.send_to(&[0; 44], reflector.local_addrs()[0]).unwrap();
    assert_eq!(replies(&unlisted), [44]);
}

#[test]
fn a_source_that_is_too_fast_is_held_to_its_rate() {
    let reflector = reflector(ReflectorSettings { packets_per_second_max: 50, ..everyone() });
    let socket = stranger("127.0.0.1:0");
    for _ in 0..200 {
        socket.send_to(&[0; 44], reflector.local_addrs()[0]).unwrap();
    }
    let answered = replies(&socket).len() as u64;
    let counts = reflector.counts();
    assert_eq!((counts.received, counts.reflected, counts.limited), (200, answered, 200 - answered));
    assert!((10..150).contains(&answered), "{answered}");
}

#[test]
fn no_answer_is_longer_than_its_question() {
    let reflector = reflector(everyone());
    let socket = stranger("127.0.0.1:0");
    for length in [0, 1, 14, 41, 43, 44, 45, 60, 172, 600, 1400] {
        // Bytes that claim extensions of all kinds, long ones too.
        let bytes: Vec<u8> = (0..length).map(|at| (at * 37 % 256) as u8).collect();
        socket.send_to(&bytes, reflector.local_addrs()[0]).unwrap();
        let expected: &[usize] = if length < 44 { &[] } else { &[length] };
        assert_eq!(replies(&socket), expected, "{length}");
    }
    assert_eq!(reflector.counts().malformed, 5);
}

#[tokio::test]
async fn ipv6_is_measured_alike() {
    let listen: SocketAddr = "[::1]:0".parse().unwrap();
    let allow = vec!["::1".parse().unwrap()];
    let Ok(reflector) = Reflector::start(&ReflectorSettings { listen: vec![listen], allow, ..everyone() })
    else {
        // A machine without IPv6 has nothing to measure.
        return;
    };
    let order = PathOrder { local: None, ..order(reflector.local_addrs()[0], 100) };
    let stats = measure(&prober(), &order).await;
    assert_eq!(
        (stats.answered, stats.to_venue.dscp_seen, stats.from_venue.dscp_seen),
        (stats.sent, Some(34), Some(34))
    );
}
