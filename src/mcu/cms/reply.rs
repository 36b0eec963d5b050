//! Replies of a Cisco Meeting Server about itself, its alarms, conferences and call legs.
//!
//! Total functions over its XML (Cisco's published API description, versions 2.8 to 3.0). Names are read without case
//! and order, for the documents spell some of them in two ways. Asks nothing.

use crate::domain::mcu::{ConferenceRef, NodeRef, bounded};
use crate::domain::time::{Span, Utc};
use crate::mcu::fault::Fault;
use crate::mcu::figure;
use crate::mcu::xml::{self, Element};
use crate::observation::device::{
    Absent, AlarmLevel, Capacity, CapacityUnit, DeviceAlarm, Given, Node, NodeHealth, ROSTER_MAX, Service,
};

/// Kinds of alarm that Cisco documents, with how much of a conference they touch. Others are kept by their word.
const ALARMS: [(&str, AlarmLevel); 20] = [
    ("callBrandingResourceInvalid", AlarmLevel::Minor),
    ("callBridgeConnectionFailure", AlarmLevel::Major),
    ("callDistributionFailure", AlarmLevel::Major),
    ("cdrConnectionFailure", AlarmLevel::Minor),
    ("c2wConnectionFailure", AlarmLevel::Minor),
    ("databaseClusternodeOutofSync", AlarmLevel::Major),
    ("databaseConnectionError", AlarmLevel::Critical),
    ("guestAccountConnectionFailure", AlarmLevel::Minor),
    ("ivrBrandingResourceInvalid", AlarmLevel::Minor),
    ("recorderLowDiskSpace", AlarmLevel::Minor),
    ("recorderUnavailable", AlarmLevel::Major),
    ("turnServerUnavailable", AlarmLevel::Major),
    ("webBridgeArchivePushFailure", AlarmLevel::Minor),
    ("webBridgeArchiveRetrievalFailure", AlarmLevel::Minor),
    ("webBridgeBackgroundImagePushFailure", AlarmLevel::Minor),
    ("webBridgeBackgroundImageRetrievalFailure", AlarmLevel::Minor),
    ("webBridgeLoginLogoImagePushFailure", AlarmLevel::Minor),
    ("webBridgeLoginLogoImageRetrievalFailure", AlarmLevel::Minor),
    ("xmppAuthenticationRegistrationFailure", AlarmLevel::Minor),
    ("xmppRegistrationFailure", AlarmLevel::Minor),
];

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// How many there are on all pages.
    pub total: usize,
    /// Those of this page, at most [`ROSTER_MAX`].
    pub entries: Vec<Element>,
}

/// Reads a page of a list called `list` with entries called `entry`.
pub fn page(bytes: &[u8], list: &str, entry: &str) -> Result<Page, Fault> {
    let root = root(bytes, list)?;
    let total = root.attribute("total").and_then(|text| text.trim().parse().ok());
    let total = total.ok_or_else(|| Fault::Shape(format!("`{list}` without a total")))?;
    let entries = root.children.into_iter().filter(|child| child.is(entry)).take(ROSTER_MAX);
    Ok(Page { total, entries: entries.collect() })
}

/// Reads a reply whose root has that name.
pub fn root(bytes: &[u8], name: &str) -> Result<Element, Fault> {
    let root = xml::parse(bytes)?;
    if root.is(name) {
        Ok(root)
    } else {
        Err(Fault::Shape(format!("`{}` where `{name}` belongs", bounded(&root.name))))
    }
}

/// The code in a refusal, such as `callLegDoesNotExist`.
pub fn failure(bytes: &[u8]) -> Option<String> {
    let root = xml::parse(bytes).ok().filter(|root| root.is("failureDetails"))?;
    root.children.first().map(|code| bounded(&code.name).to_owned())
}

/// What a bridge says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// Software version.
    pub version: Option<String>,
    /// How long it has been up.
    pub uptime: Span,
    /// Whether it may work; always so since version 3.0.
    pub activated: bool,
    /// Its clock.
    pub clock: Option<Utc>,
    /// Legs that are there now. Their highest number ever is no capacity and is not read.
    pub legs: Given<f64>,
    /// Rates of all media, kbit/s: sound in, sound out, pictures in, pictures out.
    pub kbps: [Given<f64>; 4],
}

/// Reads `/system/status`.
pub fn status(bytes: &[u8]) -> Result<Status, Fault> {
    let root = root(bytes, "status")?;
    let uptime = root.text_at(&["uptimeSeconds"]).and_then(|text| text.parse::<u64>().ok());
    let uptime = uptime.ok_or_else(|| Fault::Shape("no uptimeSeconds".to_owned()))?;
    let rates =
        ["audioBitRateIncoming", "audioBitRateOutgoing", "videoBitRateIncoming", "videoBitRateOutgoing"];
    Ok(Status {
        version: root.text_at(&["softwareVersion"]).map(|text| bounded(text).to_owned()),
        uptime: Span(uptime.saturating_mul(1_000_000)),
        activated: root.text_at(&["activated"]) != Some("false"),
        clock: root.text_at(&["cdrTime"]).and_then(Utc::parse),
        legs: figure::of_text(root.text_at(&["callLegsActive"]), figure::COUNT),
        kbps: rates.map(|name| kbps(&root, name)),
    })
}

/// Rates are bit/s here.
pub(super) fn kbps(element: &Element, name: &str) -> Given<f64> {
    let bits = element.child(name).map(|child| child.text.as_str());
    figure::of_text(bits, 0.0..=1e10).map(|bits| bits / 1_000.0)
}

/// The load, a number without a unit: only beside a configured limit it is a percentage.
pub fn load(bytes: &[u8]) -> Result<Given<f64>, Fault> {
    let root = root(bytes, "load")?;
    let said =
        root.child("mediaProcessingLoad").ok_or_else(|| Fault::Shape("no mediaProcessingLoad".to_owned()))?;
    Ok(figure::of_text(Some(&said.text), figure::COUNT))
}

/// Limits that somebody configured; absent where nobody did.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// Highest load.
    pub load: Option<f64>,
    /// Most participants.
    pub participants: Option<f64>,
}

/// Reads `/system/configuration/cluster`.
pub fn limits(bytes: &[u8]) -> Result<Limits, Fault> {
    let root = xml::parse(bytes)?;
    let limit = |name: &str| figure::of_text(root.text_at(&[name]), 1.0..=1e12).value();
    Ok(Limits { load: limit("loadLimit"), participants: limit("participantLimit") })
}

/// How a bridge is. `now` is our clock.
pub fn health(status: &Status, load: Given<f64>, limits: Limits, nodes: Vec<Node>, now: Utc) -> NodeHealth {
    let skew = status.clock.map(|clock| clock.0.saturating_sub(now.0) as f64 / 1e3);
    let pct = match (load, limits.load) {
        (Given::Value(load), Some(limit)) => Given::Value(load * 100.0 / limit),
        (Given::Value(_), None) => Given::Absent(Absent::NotProvided),
        (Given::Absent(why), _) => Given::Absent(why),
    };
    NodeHealth {
        service: if status.activated { Service::Up } else { Service::Failed },
        load_pct: pct,
        uptime: Given::Value(status.uptime),
        version: status.version.clone(),
        boot: None,
        clock_skew_ms: Given::or_absent(skew, Absent::NotProvided),
        nodes,
    }
}

/// What a bridge has room for: its load and its participants, each beside its limit.
pub fn capacity(status: &Status, load: Given<f64>, limits: Limits) -> Vec<Capacity> {
    let limit = |limit: Option<f64>| Given::or_absent(limit, Absent::NotProvided);
    vec![
        Capacity {
            what: "media_processing_load".to_owned(),
            unit: CapacityUnit::Tokens,
            total: limit(limits.load),
            used: load,
        },
        Capacity {
            what: "participants".to_owned(),
            unit: CapacityUnit::Ports,
            total: limit(limits.participants),
            used: status.legs,
        },
    ]
}

/// Reads `/system/multipartyLicensing`. A limit of zero is a kind of licence that was not bought.
pub fn licences(bytes: &[u8]) -> Result<Vec<Capacity>, Fault> {
    let root = root(bytes, "multipartyLicensing")?;
    let kinds = [
        ("personal", "personalLicenseLimit", "personalLicenses"),
        ("shared", "sharedLicenseLimit", "weightedCallsWithoutPersonalLicense"),
        ("capacity_units", "capacityUnitLimit", "capacityUnitUsage"),
    ];
    let counted = kinds.into_iter().filter_map(|(what, limit, used)| {
        let total = figure::of_text(root.text_at(&[limit]), figure::COUNT);
        let used = figure::of_text(root.text_at(&[used]), figure::COUNT);
        let bought = total.value().is_some_and(|total| total > 0.0);
        bought.then(|| Capacity { what: what.to_owned(), unit: CapacityUnit::Licences, total, used })
    });
    Ok(counted.collect())
}

/// An active alarm. What it is about and why it was raised are its further words.
pub fn alarm(entry: &Element, now: Utc) -> Result<DeviceAlarm, Fault> {
    let missing = |what: &str| Fault::Shape(format!("an alarm without {what}"));
    let what = entry.text_at(&["type"]).ok_or_else(|| missing("type"))?;
    let words = entry.children.iter().filter(|child| !child.is("type") && !child.is("activeTimeSeconds"));
    let words: Vec<String> = words.take(8).map(|child| format!("{}: {}", child.name, child.text)).collect();
    let active = entry.text_at(&["activeTimeSeconds"]).and_then(|text| text.parse::<u64>().ok());
    Ok(DeviceAlarm {
        id: bounded(entry.attribute("id").ok_or_else(|| missing("id"))?).to_owned(),
        what: bounded(what).to_owned(),
        detail: bounded(&words.join("; ")).to_owned(),
        level: level(what),
        since: active.map(|seconds| now - Span(seconds.saturating_mul(1_000_000))),
    })
}

/// An alarm that we do not know is no small matter until somebody has looked.
fn level(what: &str) -> AlarmLevel {
    let known = ALARMS.iter().find(|(name, _)| name.eq_ignore_ascii_case(what));
    known.map_or(AlarmLevel::Major, |(_, level)| *level)
}

/// A call that runs: its reference and its name.
pub fn call(entry: &Element) -> Result<(ConferenceRef, String), Fault> {
    let id = entry.attribute("id").ok_or_else(|| Fault::Shape("a call without id".to_owned()))?;
    let name = entry.text_at(&["name"]).unwrap_or(id);
    Ok((ConferenceRef::new(id), bounded(name).to_owned()))
}

/// Another bridge of the cluster. Each answers for itself, so nothing is said of how it is.
pub fn call_bridge(entry: &Element) -> Option<Node> {
    let node = NodeRef::new(entry.attribute("id")?);
    Some(Node { node, service: Service::Unknown, load_pct: Given::Absent(Absent::NotProvided) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_documented_alarm_has_a_level_and_an_unknown_one_is_kept() {
        let entry = |what: &str| {
            let text = format!(
                "<alarms total='1'><alarm id='a1'><type>{what}</type><activeTimeSeconds>60</activeTimeSeconds>\
                 <failureReason>connectFailure</failureReason><callBridge>b2</callBridge></alarm></alarms>"
            );
            page(text.as_bytes(), "alarms", "alarm").unwrap().entries.remove(0)
        };
        for (what, level) in ALARMS {
            let read = alarm(&entry(what), Utc(90_000_000)).unwrap();
            assert_eq!((read.what.as_str(), read.level), (what, level));
            assert_eq!(read.detail, "failureReason: connectFailure; callBridge: b2");
            assert_eq!(read.since, Some(Utc(30_000_000)));
        }
        let new = alarm(&entry("anAlarmOfALaterVersion"), Utc(0)).unwrap();
        assert_eq!((new.what.as_str(), new.level), ("anAlarmOfALaterVersion", AlarmLevel::Major));
    }

    #[test]
    fn a_load_is_a_percentage_only_beside_a_limit() {
        let said = status(
            b"<status><softwareVersion>3.0</softwareVersion><uptimeSeconds>90</uptimeSeconds>\
              <cdrTime>2026-11-22T01:00:05Z</cdrTime><activated>true</activated>\
              <callLegsActive>12</callLegsActive><callLegsMaxActive>900</callLegsMaxActive></status>",
        )
        .unwrap();
        let now = Utc::parse("2026-11-22T01:00:00Z").unwrap();
        let with = limits(b"<cluster><loadLimit>400</loadLimit><participantLimit/></cluster>").unwrap();
        let health_of = |limits| {
            health(
                &said,
                load(b"<load><mediaProcessingLoad>100</mediaProcessingLoad></load>").unwrap(),
                limits,
                Vec::new(),
                now,
            )
        };
        assert_eq!(health_of(with).load_pct, Given::Value(25.0));
        assert_eq!(health_of(with).clock_skew_ms, Given::Value(5_000.0));
        assert_eq!(health_of(Limits::default()).load_pct, Given::Absent(Absent::NotProvided));
        let room = capacity(&said, Given::Value(100.0), with);
        assert_eq!(room[0].free(), Given::Value(300.0));
        assert_eq!(room[1].free(), Given::Absent(Absent::NotProvided), "a peak of the past is no capacity");
    }

    #[test]
    fn a_refusal_has_its_code_and_a_list_its_total() {
        let text = b"<?xml version=\"1.0\"?><failureDetails><callLegDoesNotExist /></failureDetails>";
        assert_eq!(failure(text).as_deref(), Some("callLegDoesNotExist"));
        assert_eq!(failure(b"<html/>"), None);
        assert!(page(b"<calls><call id='1'/></calls>", "calls", "call").is_err());
        assert!(page(b"<calls total='x'/>", "calls", "call").is_err());
        assert!(page(b"<callLegs total='0'/>", "calls", "call").is_err());
        assert_eq!(page(b"<calls total='0'/>", "calls", "call").unwrap().entries.len(), 0);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = (status(&bytes), load(&bytes), limits(&bytes), licences(&bytes), failure(&bytes));
        }
    }
}
