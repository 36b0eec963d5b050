//! Questions to a device that are on their way, each with a time limit. Knows what to ask, not when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::host::Host;
use super::rota::Read;
use crate::domain::mcu::ConferenceRef;
use crate::mcu::fault::Fault;
use crate::mcu::{Bridge, Pushed};
use crate::observation::device::{
    Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, Signal, SiteSeen, StreamSample,
};

/// Longest wait for an answer. Every adapter is bounded itself; this bounds a wrong one.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub(super) enum Answer {
    Health(Result<NodeHealth, Fault>),
    Details(Read, Result<Details, Fault>),
    Host(bool),
    /// The interface's other sign of life, where it has one.
    Second(Option<(Signal, Result<(), Fault>)>),
    /// The push source ended.
    Listened(Result<(), Fault>),
}

/// What was read beside the health.
#[derive(Debug)]
pub(super) enum Details {
    Conferences(Vec<ConferenceSeen>),
    Roster(ConferenceSeen),
    Alarms(Vec<DeviceAlarm>),
    Capacity(Vec<Capacity>),
    Readings(BTreeMap<String, Given<f64>>),
    Media(Vec<StreamSample>),
}

/// All questions on their way. Dropped, they are given up.
pub(super) struct Lanes {
    bridge: Arc<dyn Bridge>,
    open: FuturesUnordered<BoxFuture<'static, Answer>>,
}

impl Lanes {
    pub(super) fn new(bridge: Arc<dyn Bridge>) -> Self {
        Self { bridge, open: FuturesUnordered::new() }
    }

    /// The next answer; waits for ever when nothing was asked.
    pub(super) async fn next(&mut self) -> Answer {
        match self.open.next().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    pub(super) fn ask_health(&self) {
        let bridge = Arc::clone(&self.bridge);
        self.open.push(Box::pin(async move { Answer::Health(in_time(bridge.health()).await) }));
    }

    pub(super) fn ask_second(&self) {
        let bridge = Arc::clone(&self.bridge);
        let asking = async move { timeout(PATIENCE, bridge.second_sign()).await.unwrap_or(None) };
        self.open.push(Box::pin(async move { Answer::Second(asking.await) }));
    }

    pub(super) fn ask_host(&self, host: Arc<dyn Host>) {
        let asking = async move { timeout(PATIENCE, host.answers()).await.unwrap_or(false) };
        self.open.push(Box::pin(async move { Answer::Host(asking.await) }));
    }

    pub(super) fn listen(&self, pushed: mpsc::Sender<Pushed>, stop: CancellationToken) {
        let bridge = Arc::clone(&self.bridge);
        self.open.push(Box::pin(async move { Answer::Listened(bridge.listen(pushed, stop).await) }));
    }

    /// Asks for one thing; `site` is the one whose media are asked for.
    pub(super) fn ask(&self, read: Read, site: Option<SiteSeen>) {
        let bridge = Arc::clone(&self.bridge);
        self.open.push(Box::pin(async move {
            let answer = details(bridge.as_ref(), &read, site).await;
            Answer::Details(read, answer)
        }));
    }
}

async fn details(bridge: &dyn Bridge, read: &Read, site: Option<SiteSeen>) -> Result<Details, Fault> {
    match (read, site) {
        (Read::Conferences, _) => in_time(bridge.conferences()).await.map(Details::Conferences),
        (Read::Roster(conference), _) => roster(bridge, conference).await,
        (Read::Alarms, _) => in_time(bridge.alarms()).await.map(Details::Alarms),
        (Read::Capacity, _) => in_time(bridge.capacity()).await.map(Details::Capacity),
        (Read::Readings, _) => in_time(bridge.readings()).await.map(Details::Readings),
        (Read::Media(conference, _), Some(site)) => {
            in_time(bridge.streams(conference, &site)).await.map(Details::Media)
        }
        // It left between the choice and the question.
        (Read::Media(..), None) => Ok(Details::Media(Vec::new())),
    }
}

/// A roster under the reference by which it was asked for, whatever the device calls it.
async fn roster(bridge: &dyn Bridge, conference: &ConferenceRef) -> Result<Details, Fault> {
    let seen = in_time(bridge.roster(conference)).await?;
    Ok(Details::Roster(ConferenceSeen { conference: conference.clone(), ..seen }))
}

async fn in_time<T>(asking: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(PATIENCE, asking).await.unwrap_or(Err(Fault::Timeout { sent: true }))
}
