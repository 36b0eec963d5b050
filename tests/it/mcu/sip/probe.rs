//! A probe participant in real calls: through proxy and relay to an endpoint that sends back what it hears. What goes
//! wrong with the media is seen by the probe, and by the relay beside it.

use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;
use vcops::mcu::Bridge as _;
use vcops::mcu::sip::SipRtpengine;
use vcops::media::call::{ProbeOrder, probe};
use vcops::media::sender::Transmitter;
use vcops::observation::device::{Flow, Given, Medium, Service, SiteSeen, StreamSample, Way};
use vcops::observation::{NotCalled, ProbeEnd, ProbeFigures};
use vcops::sip::call::Account;
use vcops::sip::target::Target;
use zeroize::Zeroizing;

use super::rig::{Process, Town, port, sipp, until};
use super::seat::{Mood, Seat};
use crate::stream_rig::pictures;

/// The endpoint of the town reports each five seconds.
const TALK: Duration = Duration::from_secs(8);

fn order(address: &str) -> ProbeOrder {
    ProbeOrder {
        target: Target::parse(address).unwrap(),
        name: "联调测试".into(),
        account: None,
        patience: Duration::from_secs(3),
        ringing: Duration::from_secs(10),
        talk: TALK,
        hz: 1000,
        others_hz: vec![1730],
        pictures: None,
    }
}

fn to_echo(town: &Town) -> ProbeOrder {
    order(&format!("sip:echo@127.0.0.1:{}", town.sip))
}

async fn run(order: ProbeOrder) -> ProbeFigures {
    probe(order, &Transmitter::start().unwrap()).await
}

fn sample(streams: &[StreamSample], medium: Medium, way: Way) -> &StreamSample {
    streams.iter().find(|sample| sample.medium == medium && sample.way == way).unwrap()
}

fn sound(figures: &ProbeFigures, way: Way) -> &StreamSample {
    sample(&figures.streams, Medium::Audio, way)
}

/// The sides of the one call that the relay carries: who calls first, who is called second.
async fn sides(bridge: &SipRtpengine) -> [SiteSeen; 2] {
    let calls = bridge.conferences().await.unwrap();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let mut present = bridge.roster(&calls[0].conference).await.unwrap().present;
    // The endpoint of the town has its media ports below those of the system.
    present.sort_by_key(|site| std::cmp::Reverse(port_of(site)));
    present.try_into().unwrap()
}

fn port_of(site: &SiteSeen) -> u16 {
    site.address.as_deref().unwrap().rsplit_once(':').unwrap().1.parse().unwrap()
}

fn flows(side: &SiteSeen) -> [Flow; 2] {
    [Way::FromSite, Way::ToSite].map(|way| sample(&side.streams, Medium::Audio, way).flow)
}

fn flowing(flow: Flow) -> bool {
    flow == Flow::Flowing
}

fn dead(flow: Flow) -> bool {
    matches!(flow, Flow::NoMedia { .. })
}

async fn until_flows(bridge: &SipRtpengine) {
    until("the relay carries a call", async || {
        bridge.conferences().await.unwrap().len() == 1
            && sides(bridge).await.iter().all(|side| flows(side).into_iter().all(flowing))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_call_is_measured_both_ways() {
    let town = Town::start().await;
    let bridge = town.bridge();
    // Two reports of the endpoint's: the first may leave before it has heard one of ours, the second has what a round
    // trip is made of (RFC 3550 §6.4.1).
    let talk = Duration::from_secs(13);
    let call = tokio::spawn(run(ProbeOrder { talk, ..to_echo(&town) }));
    until_flows(&bridge).await;
    let figures = call.await.unwrap();
    assert_eq!(figures.end, ProbeEnd::Talked { farewell_heard: true }, "{figures:?}");
    let (sent, came) = (sound(&figures, Way::FromSite), sound(&figures, Way::ToSite));
    assert_eq!((sent.flow, came.flow), (Flow::Flowing, Flow::Flowing), "{figures:?}");
    assert_eq!((sent.loss_pct, came.loss_pct), (Given::Value(0.0), Given::Value(0.0)), "{figures:?}");
    // A report of ours that came back cannot have travelled longer than the call.
    let round_trip = sent.rtt_ms.value().expect("the second report tells it");
    assert!((0.0..talk.as_secs_f64() * 1e3).contains(&round_trip), "{sent:?}");
    assert!(came.packets.value().is_some_and(|counted| counted.count > 200), "{came:?}");
    let [own, other] = figures.tones[..] else { panic!("{figures:?}") };
    assert!(own.level_dbov.value().is_some_and(|level| (-22.0..-18.0).contains(&level)), "{own:?}");
    assert!(own.share_pct.value().is_some_and(|share| (35.0..65.0).contains(&share)), "{own:?}");
    let delay = own.delay_ms.value().expect("a tone that came back has a delay");
    assert!((0.0..talk.as_secs_f64() * 1e3).contains(&delay), "{own:?}");
    assert_eq!(other.share_pct, Given::Value(0.0), "nobody sends this tone");
    until("the call ends", async || bridge.conferences().await.unwrap().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sound_and_pictures_come_back_from_another_make() {
    let seat = sipp().await;
    let order = ProbeOrder {
        pictures: Some(pictures()),
        talk: Duration::from_secs(4),
        ..order(&format!("sip:echo@127.0.0.1:{}", seat.port))
    };
    let figures = run(order).await;
    assert_eq!(figures.end, ProbeEnd::Talked { farewell_heard: true }, "{figures:?}");
    for medium in [Medium::Audio, Medium::Video] {
        let came = sample(&figures.streams, medium, Way::ToSite);
        assert_eq!((came.flow, came.loss_pct), (Flow::Flowing, Given::Value(0.0)), "{figures:?}");
        let sent = sample(&figures.streams, medium, Way::FromSite);
        assert_eq!(sent.flow, Flow::Unknown, "it sends no reports: {sent:?}");
    }
    assert!(figures.tones[0].level_dbov.value().is_some(), "{figures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_endpoint_and_a_held_relay_are_seen_while_signalling_still_stands() {
    let mut town = Town::start().await;
    let bridge = town.bridge();
    let call = tokio::spawn(run(to_echo(&town)));
    until_flows(&bridge).await;
    town.seat.kill();
    until("the relay sees it", async || {
        let [caller, echo] = sides(&bridge).await;
        dead(flows(&echo)[0]) && flowing(flows(&caller)[0])
    })
    .await;
    let figures = call.await.unwrap();
    assert!(dead(sound(&figures, Way::ToSite).flow), "{figures:?}");

    let town = Town::start().await;
    let bridge = town.bridge();
    let call = tokio::spawn(run(to_echo(&town)));
    until_flows(&bridge).await;
    town.relay.signal("-STOP");
    let health = bridge.health().await.unwrap();
    assert_eq!(
        (health.service, health.nodes[1].service),
        (Service::Degraded, Service::Unknown),
        "blind, not down"
    );
    let figures = call.await.unwrap();
    assert!(dead(sound(&figures, Way::ToSite).flow), "{figures:?}");
    town.relay.signal("-CONT");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_says_why() {
    let town = Town::start().await;
    let account =
        |secret: &str| Some(Account { user: "vcops".into(), secret: Zeroizing::new(secret.into()) });
    let locked = order(&format!("sip:locked@127.0.0.1:{}", town.sip));
    let why = |figures: ProbeFigures| match figures.end {
        ProbeEnd::NotPlaced { why } => why,
        ProbeEnd::Talked { .. } | ProbeEnd::HungUp => panic!("{figures:?}"),
    };
    assert_eq!(why(run(ProbeOrder { account: account("wrong"), ..locked.clone() }).await), NotCalled::Auth);
    let opened = ProbeOrder { account: account("open sesame"), talk: Duration::from_secs(1), ..locked };
    assert_eq!(run(opened).await.end, ProbeEnd::Talked { farewell_heard: true });
    let nobody = order(&format!("sip:nobody@127.0.0.1:{}", town.sip));
    assert_eq!(why(run(nobody).await), NotCalled::Refused { code: 404 });
    assert_eq!(why(run(order(&format!("127.0.0.1:{}", port()))).await), NotCalled::NoAnswer);
    let speechless = Seat::open(Mood::Speechless).await;
    assert_eq!(why(run(order(&speechless.address.to_string())).await), NotCalled::NoMedia);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_before_the_end_is_told_and_what_came_is_kept() {
    let seat = Seat::open(Mood::Takes).await;
    let call = tokio::spawn(run(order(&seat.address.to_string())));
    until("the call is taken", async || seat.has_heard("ACK")).await;
    sleep(Duration::from_millis(300)).await;
    seat.ask("BYE", "").await;
    let figures = call.await.unwrap();
    assert_eq!(figures.end, ProbeEnd::HungUp);
    assert!(dead(sound(&figures, Way::ToSite).flow), "{figures:?}");
}

/// Set in the child that runs in a network of its own.
const INSIDE: &str = "VCOPS_TEST_OWN_NETWORK";

/// The endpoint of the town does not speak on a machine that has no address but loopback's.
const NETWORK: &str = "ip link set lo up && ip link add v0 type veth peer name v1 && ip link set v1 up \
    && ip addr add 10.99.0.1/24 dev v0 && ip link set v0 up && exec \"$0\" \"$@\"";

/// Runs a test of this file again in a network namespace of its own, where lines may be cut; whether this is it.
fn inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "--kill-child", "sh", "-c"]);
    command.arg(NETWORK).arg(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1").stdin(Stdio::null());
    assert!(command.status().unwrap().success(), "inside its own network");
    false
}

/// Adds a rule to this namespace's own filter.
fn nft(rule: &str) {
    let add = |what: &str| assert!(Command::new("nft").arg(what).status().unwrap().success(), "{what}");
    add("add table inet cut");
    add("flush table inet cut");
    add("add chain inet cut in { type filter hook input priority 0; }");
    add(&format!("add rule inet cut in {rule}"));
}

fn media_of(process: &Process) -> String {
    let (from, to) = process.media_ports.unwrap();
    format!("{from}-{to}")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_way_media_and_loss_are_seen_from_both_ends() {
    if !inside("mcu::sip::probe::one_way_media_and_loss_are_seen_from_both_ends") {
        return;
    }
    let town = Town::start().await;
    let bridge = town.bridge();
    let seat = media_of(&town.seat);

    // One packet in ten of the endpoint's is lost on its way to the relay.
    nft(&format!("udp sport {seat} meta length > 190 numgen inc mod 10 0 drop"));
    let figures = run(to_echo(&town)).await;
    let came = sound(&figures, Way::ToSite);
    assert!(came.loss_pct.value().is_some_and(|loss| (9.0..11.0).contains(&loss)), "{came:?}");
    assert_eq!(sound(&figures, Way::FromSite).loss_pct, Given::Value(0.0), "{figures:?}");

    // The endpoint's packets are cut off in the middle of a call: the relay and the probe see it, its roster does not.
    nft("udp dport 1 accept");
    let call = tokio::spawn(run(ProbeOrder { talk: Duration::from_secs(14), ..to_echo(&town) }));
    until_flows(&bridge).await;
    nft(&format!("udp sport {seat} drop"));
    let cut = tokio::time::Instant::now();
    until("the relay sees one way dead", async || {
        let [caller, echo] = sides(&bridge).await;
        dead(flows(&echo)[0])
            && dead(flows(&caller)[1])
            && flowing(flows(&caller)[0])
            && flowing(flows(&echo)[1])
    })
    .await;
    println!("one-way media seen by the relay after {:.2} s", cut.elapsed().as_secs_f64());
    let figures = call.await.unwrap();
    assert!(dead(sound(&figures, Way::ToSite).flow), "{figures:?}");

    // Nothing reaches the endpoint: it goes on to send, silence. Counts alone would call that good.
    nft(&format!("udp dport {seat} drop"));
    let figures = run(ProbeOrder { talk: Duration::from_secs(12), ..to_echo(&town) }).await;
    assert!(!flowing(sound(&figures, Way::FromSite).flow), "{figures:?}");
    assert!(figures.tones[0].level_dbov.value().is_none(), "{figures:?}");
}
