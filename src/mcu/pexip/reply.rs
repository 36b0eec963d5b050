//! Replies of a Pexip Infinity management node about nodes, licences, alarms and conferences.
//!
//! Total functions over its JSON (docs.pexip.com, management API; lists as Tastypie writes them). Asks nothing.

use serde_json::Value;

use crate::domain::mcu::{NodeRef, bounded};
use crate::domain::time::{Span, Utc};
use crate::mcu::fault::Fault;
use crate::mcu::{fields, figure};
use crate::observation::device::{
    Absent, AlarmLevel, Capacity, CapacityUnit, DeviceAlarm, Given, Node, NodeHealth, ROSTER_MAX, Service,
};

/// A node that the management node has not heard for so long is not known to work. Nodes report about once a minute.
const NODE_SILENT: Span = Span::minutes(3);

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// How many there are on all pages.
    pub total: usize,
    /// Those of this page, at most [`ROSTER_MAX`].
    pub objects: Vec<Value>,
}

/// Reads a page.
pub fn page(bytes: &[u8]) -> Result<Page, Fault> {
    let mut reply = fields::json(bytes)?;
    let total = reply.get("meta").and_then(|meta| fields::whole(meta, "total_count"));
    let total = fields::required(total.and_then(|total| usize::try_from(total).ok()), "total_count")?;
    let Some(Value::Array(mut objects)) = reply.get_mut("objects").map(Value::take) else {
        return Err(Fault::Shape("no `objects`".to_owned()));
    };
    objects.truncate(ROSTER_MAX);
    Ok(Page { total, objects })
}

/// A conferencing or edge node, as the management node knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Worker {
    /// Its number in the configuration, by which it is put into maintenance.
    pub id: Option<i64>,
    /// Its name.
    pub name: String,
    /// Software version.
    pub version: Option<String>,
    /// Load of media, percent.
    pub load_pct: Given<f64>,
    /// Media tokens in use and in all.
    pub tokens: (Given<f64>, Given<f64>),
    /// Takes no new calls.
    pub maintenance: bool,
    /// Whether it was deployed, where that is said.
    pub deployed: Option<bool>,
    /// When it started.
    pub boot: Option<Utc>,
    /// When it was last heard.
    pub contact: Option<Utc>,
}

/// Reads a node. When it was last heard must be said, under the old name or the new one: without it a dead node would
/// pass for a living one.
pub fn worker(value: &Value) -> Result<Worker, Fault> {
    let contact = value.get("last_attempted_contact").or_else(|| value.get("last_reported"));
    let contact = fields::required(contact, "last_attempted_contact")?;
    Ok(Worker {
        id: fields::whole(value, "configuration_id").or_else(|| fields::whole(value, "id")),
        name: fields::required(fields::text(value, "name"), "name")?,
        version: fields::text(value, "version"),
        load_pct: figure::of_json(value.get("media_load"), figure::PERCENT),
        tokens: (
            figure::of_json(value.get("media_tokens_used"), figure::COUNT),
            figure::of_json(value.get("max_media_tokens"), figure::COUNT),
        ),
        maintenance: fields::flag(value, "maintenance_mode").unwrap_or(false),
        deployed: fields::text(value, "deploy_status").map(|status| status == "deploy_succeeded"),
        boot: fields::text(value, "boot_time").and_then(|text| utc(&text)),
        contact: contact.as_str().and_then(utc),
    })
}

impl Worker {
    fn service(&self, now: Utc) -> Service {
        let heard = self.contact.is_some_and(|at| now.since(at) <= NODE_SILENT);
        match (self.maintenance, self.deployed, heard) {
            (true, _, _) => Service::Draining,
            (false, Some(false), _) => Service::Starting,
            (false, _, false) => Service::Unknown,
            (false, _, true) => Service::Up,
        }
    }
}

/// How the platform is, from its nodes. `date` is the reply's `Date` header, by which its clock is read; `now` is ours.
pub fn health(workers: &[Worker], date: Option<&str>, now: Utc) -> NodeHealth {
    let its_clock = date.and_then(http_date);
    let nodes: Vec<Node> = workers
        .iter()
        .map(|worker| Node {
            node: NodeRef::new(&worker.name),
            service: worker.service(its_clock.unwrap_or(now)),
            load_pct: worker.load_pct,
        })
        .collect();
    let youngest = workers.iter().filter_map(|worker| worker.boot).max();
    let uptime = youngest.map(|boot| its_clock.unwrap_or(now).since(boot));
    let skew = its_clock.map(|clock| (clock.0.saturating_sub(now.0) as f64 / 1e6).round() * 1e3);
    NodeHealth {
        service: whole_service(&nodes),
        load_pct: whole_load(workers),
        uptime: Given::or_absent(uptime, Absent::NotProvided),
        version: workers.first().and_then(|worker| worker.version.clone()),
        boot: youngest.map(|boot| boot.to_string()),
        clock_skew_ms: Given::or_absent(skew, Absent::NotProvided),
        nodes,
    }
}

/// The platform works while a node works; a node that is not heard or not ready is a fault, one in maintenance is not.
fn whole_service(nodes: &[Node]) -> Service {
    let any = |service: Service| nodes.iter().any(|node| node.service == service);
    match (any(Service::Up), any(Service::Unknown) || any(Service::Starting)) {
        (true, false) => Service::Up,
        (true, true) => Service::Degraded,
        (false, _) if nodes.is_empty() => Service::Unknown,
        (false, _) if any(Service::Starting) => Service::Starting,
        (false, true) => Service::Failed,
        (false, false) => Service::Draining,
    }
}

/// Tokens in use of all tokens; without tokens the highest load of a node.
fn whole_load(workers: &[Worker]) -> Given<f64> {
    let sum = |which: fn(&Worker) -> Given<f64>| -> f64 {
        workers.iter().filter_map(|worker| which(worker).value()).sum()
    };
    let (used, total) = (sum(|worker| worker.tokens.0), sum(|worker| worker.tokens.1));
    if total > 0.0 && used <= total {
        return Given::Value(used * 100.0 / total);
    }
    let highest = workers.iter().filter_map(|worker| worker.load_pct.value()).max_by(f64::total_cmp);
    Given::or_absent(highest, Absent::NotProvided)
}

/// Room for media, summed over nodes that take calls.
pub fn tokens(workers: &[Worker]) -> Capacity {
    let open = || workers.iter().filter(|worker| !worker.maintenance);
    let sum = |figures: Vec<Given<f64>>| {
        let absent = figures.iter().find(|figure| figure.value().is_none()).copied();
        absent.unwrap_or(Given::Value(figures.iter().filter_map(Given::value).sum()))
    };
    Capacity {
        what: "media_tokens".to_owned(),
        unit: CapacityUnit::Tokens,
        used: sum(open().map(|worker| worker.tokens.0).collect()),
        total: sum(open().map(|worker| worker.tokens.1).collect()),
    }
}

/// Licences, whatever kinds this version counts: each `X_count` with its `X_total`.
pub fn licences(bytes: &[u8]) -> Result<Vec<Capacity>, Fault> {
    let reply = fields::json(bytes)?;
    let first = fields::list(&reply, "objects").and_then(<[Value]>::first);
    let Some(kinds) = first.unwrap_or(&reply).as_object() else {
        return Err(Fault::Shape("no licences".to_owned()));
    };
    let counted = kinds.iter().filter_map(|(name, used)| {
        let what = name.strip_suffix("_count")?;
        let total = kinds.get(&format!("{what}_total"))?;
        Some(Capacity {
            what: bounded(what).to_owned(),
            unit: CapacityUnit::Licences,
            total: figure::of_json(Some(total), figure::COUNT),
            used: figure::of_json(Some(used), figure::COUNT),
        })
    });
    let found: Vec<Capacity> = counted.take(64).collect();
    if found.is_empty() { Err(Fault::Shape("no licence is counted".to_owned())) } else { Ok(found) }
}

/// An active alarm.
pub fn alarm(value: &Value) -> Result<DeviceAlarm, Fault> {
    let words = ["details", "instance", "node"].iter().filter_map(|name| fields::text(value, name));
    let level = fields::text(value, "level").unwrap_or_default();
    Ok(DeviceAlarm {
        id: fields::required(fields::text(value, "id"), "id")?,
        what: fields::required(fields::text(value, "name"), "name")?,
        detail: bounded(&words.collect::<Vec<_>>().join("; ")).to_owned(),
        level: level_of(&level),
        since: fields::text(value, "time_raised").and_then(|text| utc(&text)),
    })
}

/// Levels by their word. One that we do not know is no small matter until somebody has looked.
fn level_of(word: &str) -> AlarmLevel {
    match word.to_ascii_lowercase().as_str() {
        "critical" => AlarmLevel::Critical,
        "minor" | "warning" => AlarmLevel::Minor,
        "info" | "information" => AlarmLevel::Information,
        _ => AlarmLevel::Major,
    }
}

/// A running conference: its number, by which it is told things, and its name, by which participants refer to it.
pub fn conference(value: &Value) -> Result<(String, String), Fault> {
    let id = fields::required(fields::text(value, "id"), "id")?;
    Ok((id, fields::required(fields::text(value, "name"), "name")?))
}

/// The first alias of a configured conference: what it is called by.
pub fn alias(value: &Value) -> Option<String> {
    fields::list(value, "aliases")?.iter().find_map(|alias| fields::text(alias, "alias"))
}

/// What a command made: the reference of the participant that is being called, if any.
pub fn accepted(bytes: &[u8]) -> Result<Option<String>, Fault> {
    // A command that was taken is taken, whatever is written about it.
    let Ok(reply) = fields::json(bytes) else { return Ok(None) };
    let status = fields::text(&reply, "status");
    if status.as_deref().is_some_and(|status| status != "success") {
        return Err(Fault::Said { code: status.unwrap_or_default(), words: said(bytes) });
    }
    let data = reply.get("data").unwrap_or(&Value::Null);
    let first = fields::list(data, "participant_ids").and_then(<[Value]>::first).and_then(Value::as_str);
    Ok(fields::text(data, "participant_id").or_else(|| first.map(|id| bounded(id).to_owned())))
}

/// Its words in a refusal.
pub fn said(bytes: &[u8]) -> String {
    let reply = fields::json(bytes).unwrap_or_default();
    let words = ["message", "error", "error_message", "reason"];
    words.iter().find_map(|name| fields::text(&reply, name)).unwrap_or_default()
}

/// Times are UTC without saying so.
pub(super) fn utc(text: &str) -> Option<Utc> {
    let naive = || text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    Utc::parse(text).or_else(|| naive().map(|zoned| Utc::from_timestamp(zoned.timestamp())))
}

/// The `Date` of HTTP, to the second (RFC 9110).
fn http_date(text: &str) -> Option<Utc> {
    jiff::fmt::rfc2822::parse(text).ok().map(|zoned| Utc::from_timestamp(zoned.timestamp()))
}
