//! A page of metrics over HTTP: Jitsi Videobridge, LiveKit, MediaMTX, any host with node_exporter.
//!
//! It only reads. One page answers every question, so it is fetched at most once a second whoever asks. Counters
//! become rates, series by series, and one that started again gives none until the next page.

pub mod text;
pub mod rate;
pub mod profile;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::ACCEPT;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::http::{HttpLine, Intent};
use super::{Abilities, Bridge, Pushed, Tells};
use crate::domain::mcu::{ConferenceRef, Interface, bounded};
use crate::domain::reading::ReadingName;
use crate::domain::time::Span;
use crate::mcu::trust::Login;
use crate::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, SiteSeen, StreamSample,
};
use profile::{Fold, Kind, Row};
use rate::Counters;
use text::{Page, parse};

/// How long a page answers every question.
const FRESH: Duration = Duration::from_millis(900);
/// Counters are compared over at least this long, or a rate would be noise.
const COMPARED_OVER: Duration = Duration::from_millis(800);
/// What we can read, the better one first.
const READABLE: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";

/// A page of metrics.
#[derive(Debug)]
pub struct Prometheus {
    line: HttpLine,
    login: Option<Login>,
    further: Vec<Further>,
    memory: tokio::sync::Mutex<Option<Arc<Seen>>>,
    compared: Mutex<Option<(Instant, Counters)>>,
}

/// A reading that a mapping of the site adds.
#[derive(Debug, Clone, PartialEq)]
pub struct Further {
    /// Its name.
    pub name: ReadingName,
    /// The series.
    pub series: String,
    /// Labels that it must have.
    pub labels: BTreeMap<String, String>,
    /// The largest of the samples counts.
    pub means: FurtherMeans,
}

/// How a sample becomes a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FurtherMeans {
    /// `value × scale + offset`.
    Number {
        /// Multiplies.
        scale: f64,
        /// Is added.
        offset: f64,
    },
    /// The value is a moment in seconds since 1970; the figure is its age in hours.
    AgeHours,
}

/// A page that was fetched, and what its counters grew by.
#[derive(Debug)]
struct Seen {
    at: Instant,
    utc_s: f64,
    page: Page,
    kinds: Vec<Kind>,
    now: Counters,
    before: Option<(Counters, f64)>,
}

impl Prometheus {
    /// An adapter to the page at the line's base, or at `metrics` below it when the base has no path.
    pub fn new(line: HttpLine, login: Option<Login>, further: Vec<Further>) -> Self {
        Self { line, login, further, memory: tokio::sync::Mutex::default(), compared: Mutex::default() }
    }

    async fn seen(&self) -> Result<Arc<Seen>, Fault> {
        let mut memory = self.memory.lock().await;
        if let Some(seen) = memory.as_ref().filter(|seen| seen.at.elapsed() < FRESH) {
            return Ok(Arc::clone(seen));
        }
        *memory = None;
        let page = self.fetch().await?;
        let seen = Arc::new(self.compared(page));
        *memory = Some(Arc::clone(&seen));
        Ok(seen)
    }

    async fn fetch(&self) -> Result<Page, Fault> {
        let path = if self.line.base().path() == "/" { "metrics" } else { "" };
        let mut request = self.line.request(Method::GET, path)?.header(ACCEPT, READABLE);
        if let Some(login) = &self.login {
            request = match login.user.is_empty() {
                true => request.bearer_auth(login.secret.as_str()),
                false => request.basic_auth(&login.user, Some(login.secret.as_str())),
            };
        }
        let reply = self.line.send(request, Intent::Read).await?;
        if reply.status != 200 {
            return Err(Fault::Said { code: reply.status.to_string(), words: String::new() });
        }
        parse(&reply.body).map_err(|error| Fault::Shape(error.to_string()))
    }

    fn compared(&self, page: Page) -> Seen {
        let at = Instant::now();
        let now = Counters::of(&page.samples, &profile::counters());
        let mut last = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.take().filter(|(then, _)| at.duration_since(*then) >= COMPARED_OVER);
        let before = before.map(|(then, counters)| (counters, at.duration_since(then).as_secs_f64()));
        *last = Some((at, now.clone()));
        let utc = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Seen { at, utc_s: utc.as_secs_f64(), kinds: Kind::of(&page), page, now, before }
    }
}

impl Seen {
    fn first(&self, series: &[&str]) -> Option<f64> {
        profile::values(&self.page, series).first().copied()
    }

    /// A reading; `None` when the page has none of its series.
    fn reading(&self, row: &Row) -> Option<Given<f64>> {
        let values = profile::values(&self.page, row.series);
        let given = match row.fold {
            _ if values.is_empty() => return None,
            Fold::Sum => Given::Value(values.iter().sum::<f64>()),
            Fold::Max => Given::or_absent(values.into_iter().reduce(f64::max), Absent::NotProvided),
            Fold::Count => {
                Given::or_absent(u32::try_from(values.len()).ok().map(f64::from), Absent::OutOfRange)
            }
            Fold::PerSecond => {
                let grown = self.before.as_ref().and_then(|(before, seconds)| {
                    Some(self.now.grown(before, row.series, |_| true)? / seconds)
                });
                Given::or_absent(grown, Absent::NotYet)
            }
        };
        Some(given.map(|figure| figure * row.scale))
    }

    fn load_pct(&self) -> Given<f64> {
        let before = self.before.as_ref().map(|(before, seconds)| (before, *seconds));
        let why = if self.kinds.contains(&Kind::Node) { Absent::NotYet } else { Absent::NotProvided };
        Given::or_absent(profile::load_pct(&self.page, &self.now, before), why)
    }

    /// Lost packets of all, percent; only while packets moved.
    fn loss_pct(&self) -> Option<Given<f64>> {
        let (before, _) = self.before.as_ref()?;
        let grown = |name: &str| self.now.grown(before, &[name], |_| true);
        let (lost, all) = (grown("livekit_packet_loss_total")?, grown("livekit_packet_total")?);
        let pct = (all > 0.0).then(|| 100.0 * lost / all);
        Some(match pct {
            None => Given::Absent(Absent::NothingMoved),
            Some(pct) if pct <= 100.0 => Given::Value(pct),
            Some(_) => Given::Absent(Absent::OutOfRange),
        })
    }

    fn further(&self, further: &Further) -> Given<f64> {
        let has_labels = |sample: &&text::Sample| {
            further.labels.iter().all(|(name, value)| sample.labels.get(name) == Some(value))
        };
        let samples = self.page.samples.iter().filter(|sample| sample.name == further.series);
        let value = samples.filter(has_labels).map(|sample| sample.value).reduce(f64::max);
        let Some(value) = value else { return Given::Absent(Absent::NotProvided) };
        let figure = match further.means {
            FurtherMeans::Number { scale, offset } => value * scale + offset,
            FurtherMeans::AgeHours => (self.utc_s - value) / 3600.0,
        };
        Given::or_absent(figure.is_finite().then_some(figure), Absent::Sentinel)
    }
}

#[async_trait]
impl Bridge for Prometheus {
    fn interface(&self) -> Interface {
        Interface::Prometheus
    }

    fn abilities(&self) -> Abilities {
        // Hosts with node_exporter were; of the bridges only the documented names are known.
        Abilities {
            tells: BTreeSet::from([Tells::Load]),
            does: BTreeSet::new(),
            requests_per_minute: None,
            tried_on_a_real_device: false,
        }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        let seen = self.seen().await?;
        let started = seen.first(&["node_boot_time_seconds", "process_start_time_seconds"]);
        let clock = seen.first(&["node_time_seconds"]);
        let up_s = started.map(|started| clock.unwrap_or(seen.utc_s) - started);
        let up = up_s.filter(|s| (0.0..1e10).contains(s)).map(|s| Span::millis((s * 1000.0) as u64));
        let info = ["node_uname_info", "node_exporter_build_info", "livekit_build_info"];
        let about = seen.page.samples.iter().find(|sample| info.contains(&sample.name.as_str()));
        let version = about.and_then(|about| about.labels.get("release").or(about.labels.get("version")));
        Ok(NodeHealth {
            service: profile::service(&seen.page),
            load_pct: seen.load_pct(),
            uptime: Given::or_absent(up, Absent::NotProvided),
            version: version.map(|version| bounded(version).to_owned()),
            boot: started.map(|started| format!("{started:.0}")),
            clock_skew_ms: Given::or_absent(
                clock.map(|clock| (clock - seen.utc_s) * 1000.0),
                Absent::NotProvided,
            ),
            nodes: Vec::new(),
        })
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn readings(&self) -> Result<BTreeMap<String, Given<f64>>, Fault> {
        let seen = self.seen().await?;
        let rows = seen.kinds.iter().flat_map(|kind| kind.rows());
        let mut found: BTreeMap<String, Given<f64>> =
            rows.filter_map(|row| Some((row.reading.to_owned(), seen.reading(row)?))).collect();
        if seen.kinds.contains(&Kind::Node) {
            found.insert("load_pct".into(), seen.load_pct());
            let used = [
                ("disk_used_pct", profile::disk_used_pct(&seen.page)),
                ("memory_used_pct", profile::memory_used_pct(&seen.page)),
            ];
            found.extend(used.map(|(name, pct)| (name.into(), Given::or_absent(pct, Absent::NotProvided))));
        }
        if seen.kinds.contains(&Kind::LiveKit) {
            let loss = seen.loss_pct().unwrap_or(Given::Absent(Absent::NotYet));
            found.insert("packet_loss_pct".into(), loss);
        }
        found.extend(self.further.iter().map(|each| (each.name.as_str().to_owned(), seen.further(each))));
        Ok(found)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn roster(&self, _: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        Err(Fault::NotSupported)
    }

    async fn streams(&self, _: &ConferenceRef, _: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        Err(Fault::NotSupported)
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
