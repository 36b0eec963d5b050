//! What an agent's monitors see and show reaches the controller, proved like everything else and never repeated.

use std::sync::Arc;

use vcops::domain::id::StreamId;
use vcops::domain::live::{Level, LiveItem, Thumbnail};
use vcops::domain::time::Utc;
use vcops::observation::{Analysis, DownWhy, Reception, StreamReport, TransportFigures};
use vcops::uplink::clock::utc_now;
use vcops::uplink::key::Identity;
use vcops::uplink::live::LiveBody;

use crate::uplink_rig::{
    Agent, Controller, Embedded, SharedStore, agent_access, agent_id, hub_access, until, users, venue,
};

fn report(n: u32) -> StreamReport {
    StreamReport {
        stream: StreamId::parse(&format!("s-{n}")).unwrap(),
        reception: Reception::Down { why: DownWhy::Silent, tries: n },
        since: Utc(0),
        video: None,
        audio: None,
        transport: TransportFigures::default(),
        detections: Vec::new(),
        analysis: Analysis::Keyframes,
    }
}

fn level(at: Utc) -> LiveBody {
    let stream = StreamId::parse("s-1").unwrap();
    let level = Level { at, rms_dbfs: -20.0, peak_dbfs: -3.0, clipped: false };
    LiveBody::of(LiveItem::Meter { stream, level }).unwrap()
}

fn picture(at: Utc) -> LiveBody {
    let stream = StreamId::parse("s-1").unwrap();
    let mut jpeg = vec![7; 20_000];
    jpeg.splice(0..2, [0xff, 0xd8]);
    jpeg.extend([0xff, 0xd9]);
    LiveBody::of(LiveItem::Thumbnail { stream, picture: Thumbnail { at, jpeg: jpeg.into() } }).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_pictures_and_levels_arrive_and_a_picture_from_the_future_does_not() {
    let directory = tempfile::tempdir().unwrap();
    let identity = Arc::new(Identity::open(&directory.path().join("controller")).unwrap());
    let store = SharedStore::default();
    let own = directory.path().join("agent");
    let key = *Identity::open(&own).unwrap().key().public();
    let enrolled = [vcops::uplink::hub::Enrolled { agent: agent_id(0), venue: venue(0), key, mark: None }];
    let embedded = Embedded::start(([127, 0, 0, 1], 0).into(), users(&enrolled, identity.key().id()));
    let address = embedded.broker.address();
    let controller = Controller::start(&identity, hub_access(address), &enrolled, &store);
    let agent = Agent::start(0, &own, identity.key().public(), agent_access(address, &agent_id(0)));
    until("a heartbeat", || store.lock().unwrap().heartbeats.contains_key(&agent_id(0))).await;

    for n in 0..20 {
        agent.reports.send(report(n)).await.unwrap();
    }
    let now = utc_now();
    agent.live.send(picture(Utc(now.0 + 3_600_000_000))).await.unwrap();
    for body in [level(now), level(now), picture(now), level(now)] {
        agent.live.send(body).await.unwrap();
    }
    until("every report", || store.lock().unwrap().reports.len() == 20).await;
    let levels = |body: &LiveBody| match body {
        LiveBody::Levels { levels } => levels.len(),
        LiveBody::Picture { .. } | LiveBody::Evidence { .. } => 0,
    };
    until("every level", || store.lock().unwrap().shown.iter().map(levels).sum::<usize>() == 3).await;
    {
        let store = store.lock().unwrap();
        assert_eq!(store.reports, (0..20).map(report).collect::<Vec<_>>());
        let pictures: Vec<LiveBody> =
            store.shown.iter().filter(|body| matches!(body, LiveBody::Picture { .. })).cloned().collect();
        assert_eq!(pictures, [picture(now)]);
        assert!(store.misbehaviours.is_empty(), "{:?}", store.misbehaviours);
    }
    agent.stop().await;
    controller.stop().await;
}
