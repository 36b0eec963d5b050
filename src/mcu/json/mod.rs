//! Any HTTP interface that answers JSON, as a mapping file of the site describes it.
//!
//! It only reads: an action that nobody has documented is not sent. A mapping has paths and comparisons and no
//! language, so that what it does can be seen by reading it.

pub mod path;
pub mod mapping;
pub mod reply;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::http::{HttpLine, Intent};
use super::trust::Login;
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface};
use crate::domain::time::Utc;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, SiteSeen, StreamSample,
};
use mapping::{AccountStyle, CONFERENCE_PLACE, Figure, Mapping, Number, Request};

/// One device behind a mapping.
#[derive(Debug)]
pub struct Json {
    line: HttpLine,
    login: Option<Login>,
    mapping: Mapping,
}

impl Json {
    /// An adapter; requests are below the line's base.
    pub fn new(line: HttpLine, login: Option<Login>, mapping: Mapping) -> Self {
        Self { line, login, mapping }
    }

    async fn ask(&self, path: &str) -> Result<Value, Fault> {
        let mut request = self.line.request(Method::GET, path)?.header(ACCEPT, "application/json");
        if let Some(login) = &self.login {
            request = match &self.mapping.account {
                AccountStyle::Basic => request.basic_auth(&login.user, Some(login.secret.as_str())),
                AccountStyle::Bearer => request.bearer_auth(login.secret.as_str()),
                AccountStyle::Header(name) => request.header(name.as_str(), login.secret.as_str()),
            };
        }
        let reply = self.line.send(request, Intent::Read).await?;
        match reply.status {
            // The words of a reader's error carry a part of the answer, which may hold what nobody should see.
            200 => serde_json::from_slice(&reply.body)
                .map_err(|error| Fault::Shape(format!("no JSON at line {}", error.line()))),
            status => Err(Fault::Said { code: status.to_string(), words: String::new() }),
        }
    }

    /// Several requests, each sent once.
    async fn ask_all(&self, requests: BTreeSet<&Request>) -> Result<BTreeMap<Request, Value>, Fault> {
        let mut found = BTreeMap::new();
        for request in requests {
            found.insert(request.clone(), self.ask(&request.0).await?);
        }
        Ok(found)
    }
}

#[async_trait]
impl Bridge for Json {
    fn interface(&self) -> Interface {
        Interface::Json
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            tells: tells(&self.mapping),
            does: BTreeSet::new(),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let map = &self.mapping.health;
        Ok(reply::health(map, &self.ask(&map.request.0).await?))
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        let maps = &self.mapping.capacities;
        if maps.is_empty() {
            return Err(Fault::NotSupported);
        }
        let answers = self.ask_all(maps.iter().map(|map| &map.request).collect()).await?;
        let given = |number: &Option<Number>, document: Option<&Value>| match (number, document) {
            (Some(number), Some(document)) => number.read(document),
            (Some(_) | None, Some(_) | None) => Given::Absent(Absent::NotProvided),
        };
        let capacity = |map: &mapping::CapacityMap| Capacity {
            what: map.what.clone(),
            unit: map.unit,
            total: given(&map.total, answers.get(&map.request)),
            used: given(&map.used, answers.get(&map.request)),
        };
        Ok(maps.iter().map(capacity).collect())
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        let map = self.mapping.alarms.as_ref().ok_or(Fault::NotSupported)?;
        reply::alarms(map, &self.ask(&map.request.0).await?).map_err(Fault::Shape)
    }

    async fn readings(&self) -> Result<BTreeMap<String, Given<f64>>, Fault> {
        let maps = &self.mapping.readings;
        if maps.is_empty() {
            return Err(Fault::NotSupported);
        }
        let answers = self.ask_all(maps.iter().map(|map| &map.request).collect()).await?;
        let read = |map: &mapping::ReadingMap| {
            let given = answers.get(&map.request).map(|document| reply::reading(&map.value, document));
            (map.name.as_str().to_owned(), given.unwrap_or(Given::Absent(Absent::NotProvided)))
        };
        Ok(maps.iter().map(read).collect())
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        let map = self.mapping.conferences.as_ref().ok_or(Fault::NotSupported)?;
        reply::conferences(map, &self.ask(&map.request.0).await?, now()).map_err(Fault::Shape)
    }

    async fn roster(&self, conference: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        let map = self.mapping.participants.as_ref().ok_or(Fault::NotSupported)?;
        let escaped: String = url::form_urlencoded::byte_serialize(conference.as_str().as_bytes()).collect();
        let path = map.request.0.replace(CONFERENCE_PLACE, &escaped.replace('+', "%20"));
        let (present, complete) = reply::participants(map, &self.ask(&path).await?).map_err(Fault::Shape)?;
        Ok(ConferenceSeen {
            conference: conference.clone(),
            name: conference.to_string(),
            expected: None,
            present,
            complete,
            at: now(),
        })
    }

    /// The roster holds the media already, so nothing is asked.
    async fn streams(&self, _: &ConferenceRef, site: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        match &self.mapping.participants {
            Some(map) if !map.streams.is_empty() => Ok(site.streams.clone()),
            Some(_) | None => Err(Fault::NotSupported),
        }
    }

    async fn listen(&self, _: mpsc::Sender<Pushed>, _: CancellationToken) -> Result<(), Fault> {
        Err(Fault::NotSupported)
    }

    fn plan(&self, _: &Action, _: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        Err(Refused::NotProvided)
    }

    async fn execute(&self, _: &Plan, _: &ActionKey) -> ActionOutcome {
        ActionOutcome::Rejected { code: "not_provided".into(), retryable: false }
    }

    async fn look(&self, _: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        Ok(Looked::DidNot)
    }
}

fn tells(mapping: &Mapping) -> BTreeSet<Tells> {
    let streams = mapping.participants.iter().flat_map(|map| &map.streams);
    let figures: BTreeSet<Figure> = streams.flat_map(|stream| stream.figures.keys().copied()).collect();
    let any = |wanted: &[Figure]| wanted.iter().any(|figure| figures.contains(figure));
    let told = [
        (Tells::Load, mapping.health.load_pct.is_some()),
        (Tells::Capacity, !mapping.capacities.is_empty()),
        (Tells::Alarms, mapping.alarms.is_some()),
        (Tells::Roster, mapping.participants.is_some()),
        (Tells::Bitrate, any(&[Figure::Kbps])),
        (Tells::Loss, any(&[Figure::Lost, Figure::LossPct])),
        (Tells::Jitter, any(&[Figure::JitterMs])),
        (Tells::RoundTrip, any(&[Figure::RttMs])),
        (Tells::Resolution, any(&[Figure::Width, Figure::Height])),
        (Tells::FrameRate, any(&[Figure::Fps])),
    ];
    told.into_iter().filter(|(_, told)| *told).map(|(tells, _)| tells).collect()
}

fn now() -> Utc {
    Utc::from_timestamp(SystemTime::now().try_into().unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}
