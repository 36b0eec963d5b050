//! Replies of an RMX, read into our words. Total over any bytes; knows no line.
//!
//! The reader of a reply takes what it knows from where it is documented to stand and lets everything else pass. What
//! must be there and is not is [`Fault::Shape`]. `-1` and what never was measured are absent.

use zeroize::Zeroizing;

use crate::domain::mcu::{ConferenceRef, ParticipantRef, bounded};
use crate::domain::time::Utc;
use crate::mcu::fault::Fault;
use crate::mcu::xml::{self, Element};
use crate::observation::device::{
    Absent, AlarmLevel, Capacity, CapacityUnit, ConferenceSeen, DeviceAlarm, Given, NodeHealth, Presence,
    ROSTER_MAX, Service, SiteSeen,
};

use super::request::Tokens;

/// A reply that the RMX itself calls good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The element of the action, with what was asked for.
    pub action: Element,
    /// The RMX took the request and is still at it: `RETURN_STATUS` 1.
    pub in_progress: bool,
}

/// Opens a reply. A status other than 0 (done) and 1 (in progress) is [`Fault::Said`] with its number and words.
pub fn open(bytes: &[u8]) -> Result<Answer, Fault> {
    let reply = xml::parse(bytes)?;
    let code = required(reply.text_at(&["RETURN_STATUS", "ID"]), "RETURN_STATUS/ID")?;
    let in_progress = match code {
        "0" => false,
        "1" => true,
        _ => {
            let words = reply.text_at(&["RETURN_STATUS", "DESCRIPTION"]).unwrap_or_default();
            return Err(Fault::Said { code: cut(code), words: cut(words) });
        }
    };
    let action = reply.children.into_iter().find(|child| child.is("ACTION")).unwrap_or_default();
    Ok(Answer { action, in_progress })
}

/// What a login gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// For every later request.
    pub tokens: Tokens,
    /// Product and version as far as they are told.
    pub version: Option<String>,
}

/// Reads the reply to a login.
pub fn login(answer: &Answer) -> Result<LoggedIn, Fault> {
    let login = required(answer.action.child("LOGIN"), "LOGIN")?;
    let token = |name: &str| required(login.text_at(&[name]).map(cut).map(Zeroizing::new), name);
    let tokens = Tokens { mcu: token("MCU_TOKEN")?, user: token("MCU_USER_TOKEN")? };
    let parts = ["PRODUCT_TYPE", "MCU_VERSION", "API_NUMBER"];
    let told: Vec<&str> = parts.iter().filter_map(|name| login.text_at(&[name])).collect();
    Ok(LoggedIn { tokens, version: Some(cut(&told.join(" "))).filter(|text| !text.is_empty()) })
}

/// What the state says of the MCU.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Without version and clock, which are told elsewhere.
    pub health: NodeHealth,
    /// Its own active alarms: how many, for the state does not say which.
    pub alarms: Vec<DeviceAlarm>,
}

/// Reads the reply to `GET_STATE`.
pub fn state(answer: &Answer) -> Result<State, Fault> {
    let state = required(answer.action.at(&["GET_STATE", "MCU_STATE"]), "GET_STATE/MCU_STATE")?;
    let words = required(state.text_at(&["DESCRIPTION"]), "MCU_STATE/DESCRIPTION")?;
    let startup = ["SYSTEM_STARTUP_DURATION", "SYSTEM_STARTUP_DURATION_REMAINING_SECONDS"];
    let starting = state.text_at(&startup).and_then(whole).is_some_and(|seconds| seconds > 0);
    let licensed = state.text_at(&["LICENSING_VALIDATION_STATE"]).is_none_or(|text| text == "success");
    let told = service(words);
    let service = if told == Service::Up && starting {
        Service::Starting
    } else if told == Service::Up && !licensed {
        Service::Degraded
    } else {
        told
    };
    let none = Given::Absent(Absent::NotProvided);
    let health = NodeHealth {
        service,
        load_pct: none,
        uptime: Given::Absent(Absent::NotProvided),
        version: None,
        boot: None,
        clock_skew_ms: none,
        nodes: Vec::new(),
    };
    Ok(State { health, alarms: counts(state) })
}

/// By the words of the state; the numbers beside them are known for `Normal` alone.
fn service(words: &str) -> Service {
    let words = words.to_lowercase();
    let has = |stem: &str| words.contains(stem);
    if has("normal") {
        Service::Up
    } else if has("startup") || has("starting") {
        Service::Starting
    } else if has("minor") || has("major") {
        Service::Degraded
    } else if has("fault") || has("fail") {
        Service::Failed
    } else {
        Service::Unknown
    }
}

fn counts(state: &Element) -> Vec<DeviceAlarm> {
    let counted = |name: &str, level| {
        let count = state.text_at(&[name]).and_then(whole).filter(|count| *count > 0)?;
        let what = name.to_lowercase();
        Some(DeviceAlarm { id: what.clone(), what, detail: count.to_string(), level, since: None })
    };
    let alarms = counted("NUMBER_OF_ACTIVE_ALARMS", AlarmLevel::Minor);
    let dumps = counted("NUMBER_OF_CORE_DUMPS", AlarmLevel::Information);
    alarms.into_iter().chain(dumps).collect()
}

/// Reads the resource report. Reserved resources count as used, for nobody else can have them. The threshold
/// `PORT_GAUGE_VALUE` is no measurement.
pub fn resources(answer: &Answer) -> Result<Vec<Capacity>, Fault> {
    let report = required(answer.action.child("GET_CARMEL_REPORT"), "GET_CARMEL_REPORT")?;
    let mut found: Vec<Capacity> = Vec::new();
    for item in report.children.iter().flat_map(|list| list.children("RSRC_REPORT_RMX")) {
        let Some(what) = item.text_at(&["RSRC_REPORT_ITEM"]).map(cut) else { continue };
        // Both lists of the report have a row for sound; the first is the one that counts.
        if found.len() >= ITEMS_MAX || found.iter().any(|known| known.what == what) {
            continue;
        }
        let figure = |name: &str| given(item.text_at(&[name]));
        let used = match (figure("OCCUPIED"), figure("RESERVED")) {
            (Given::Value(occupied), Given::Value(reserved)) => Given::Value(occupied + reserved),
            (occupied, _) => occupied,
        };
        found.push(Capacity { what, unit: CapacityUnit::Ports, total: figure("TOTAL"), used });
    }
    if found.is_empty() { Err(shape("RSRC_REPORT_RMX")) } else { Ok(found) }
}

/// Most rows that are read of a resource report.
const ITEMS_MAX: usize = 64;

/// The list of conferences.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// Names this state of the list; asked with it, the RMX tells what is newer.
    pub token: i64,
    /// Whether anything is newer than what was asked with.
    pub changed: bool,
    /// The conferences that are listed, without their rosters.
    pub conferences: Vec<ConferenceSeen>,
    /// Those of them that changed; a row may stand there unchanged.
    pub touched: Vec<ConferenceRef>,
    /// The conferences that ended.
    pub deleted: Vec<ConferenceRef>,
}

/// Reads the list of conferences.
pub fn list(answer: &Answer, at: Utc) -> Result<List, Fault> {
    let path = ["GET_LS", "CONF_SUMMARY_LS"];
    let list = required(answer.action.at(&path), "GET_LS/CONF_SUMMARY_LS")?;
    let (mut conferences, mut touched) = (Vec::new(), Vec::new());
    for row in list.children("CONF_SUMMARY").take(ROSTER_MAX) {
        let conference = ConferenceRef::new(required(row.text_at(&["ID"]), "CONF_SUMMARY/ID")?);
        if !row.text_at(&["CONF_CHANGE"]).is_some_and(|text| text.contains("not_changed")) {
            touched.push(conference.clone());
        }
        let name = row.text_at(&["DISPLAY_NAME"]).or_else(|| row.text_at(&["NAME"])).unwrap_or_default();
        conferences.push(ConferenceSeen {
            conference,
            name: cut(name),
            expected: None,
            present: Vec::new(),
            complete: false,
            at,
        });
    }
    let deleted = list.child("DELETED_CONF_LIST").into_iter().flat_map(|list| &list.children);
    Ok(List {
        token: token(list)?,
        changed: changed(list)?,
        conferences,
        touched,
        deleted: deleted.filter_map(ended).take(ROSTER_MAX).collect(),
    })
}

fn ended(row: &Element) -> Option<ConferenceRef> {
    row.text_at(&["ID"]).or(Some(row.text.as_str())).filter(|id| !id.is_empty()).map(ConferenceRef::new)
}

/// One conference with its roster.
#[derive(Debug, Clone, PartialEq)]
pub struct Conference {
    /// Names this state of the conference, as in [`List::token`].
    pub token: i64,
    /// Whether anything is newer than what was asked with; if not, nothing else is told.
    pub changed: bool,
    /// As it is.
    pub seen: ConferenceSeen,
    /// Who is muted, sound and pictures, by party.
    pub muted: Vec<(ParticipantRef, Muted)>,
}

/// What of a party is muted, by whomever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Muted {
    /// Its sound.
    pub audio: bool,
    /// Its pictures.
    pub video: bool,
}

/// Reads a conference. Its defined parties are those expected; those connected or being called are present. A list
/// with fewer connected parties than the conference counts was not read whole.
pub fn conference(answer: &Answer, asked: &ConferenceRef, at: Utc) -> Result<Conference, Fault> {
    let root = required(answer.action.at(&["GET", "CONFERENCE"]), "GET/CONFERENCE")?;
    let (token, changed) = (token(root)?, changed(root)?);
    let reservation = root.child("RESERVATION");
    let said = |name: &str| reservation.and_then(|reservation| reservation.text_at(&[name]));
    let redials = said("AUTO_REDIAL").is_some_and(flag);
    let name = said("DISPLAY_NAME").or_else(|| said("NAME")).unwrap_or_default();
    let list = root.child("ONGOING_PARTY_LIST");
    if changed && list.is_none() {
        return Err(shape("CONFERENCE/ONGOING_PARTY_LIST"));
    }
    let rows = list.into_iter().flat_map(|list| list.children("ONGOING_PARTY"));
    let parties: Vec<Party> =
        rows.take(ROSTER_MAX).map(|row| party(row, redials)).collect::<Result<_, _>>()?;
    let connected = parties.iter().filter(|party| party.site.presence == Presence::Connected).count();
    let counted = root.text_at(&["NUM_CONNECTED_PARTIES"]).and_then(whole);
    let complete = counted.is_none_or(|counted| usize::try_from(counted) == Ok(connected));
    let sites = |wanted: fn(&Party) -> bool| parties.iter().filter(move |party| wanted(party));
    let seen = ConferenceSeen {
        conference: asked.clone(),
        name: cut(name),
        expected: Some(sites(|party| party.defined).map(|party| party.site.clone()).collect()),
        present: sites(Party::is_there).map(|party| party.site.clone()).collect(),
        complete,
        at,
    };
    let muted = parties.iter().map(|party| (party.site.participant.clone(), party.muted));
    Ok(Conference { token, changed, seen, muted: muted.collect() })
}

struct Party {
    site: SiteSeen,
    defined: bool,
    muted: Muted,
}

impl Party {
    fn is_there(&self) -> bool {
        match self.site.presence {
            Presence::Connected | Presence::Calling | Presence::OnHold => true,
            Presence::Left { .. } | Presence::Unknown => false,
        }
    }
}

fn party(row: &Element, redials: bool) -> Result<Party, Fault> {
    let party = required(row.child("PARTY"), "ONGOING_PARTY/PARTY")?;
    let id = required(party.text_at(&["ID"]), "PARTY/ID")?;
    let status = required(row.text_at(&["ONGOING_PARTY_STATUS", "DESCRIPTION"]), "ONGOING_PARTY_STATUS")?;
    let name = row.text_at(&["VISUAL_NAME"]).or_else(|| party.text_at(&["NAME"])).unwrap_or(id);
    let is = |name: &str| row.text_at(&[name]).is_some_and(flag);
    let muted = Muted {
        audio: is("AUDIO_MUTE") || is("AUDIO_MCU_MUTE") || is("AUDIO_SELF_MUTE"),
        video: is("VIDEO_MUTE") || is("VIDEO_MCU_MUTE") || is("VIDEO_SELF_MUTE"),
    };
    let at_mcu = row.text_at(&["AUDIO_MCU_MUTE"]).or_else(|| row.text_at(&["AUDIO_MUTE"]));
    let role = party.text_at(&["CASCADE", "CASCADE_ROLE"]);
    let recorder = party.text_at(&["IS_RECORDING_LINK_PARTY"]).is_some_and(flag);
    let site = SiteSeen {
        participant: ParticipantRef::new(id),
        name: cut(name),
        address: address(party).map(cut),
        presence: presence(status, row),
        muted: at_mcu.map(flag),
        redialled_by_platform: redials,
        // A recorder is no site either.
        cascade: recorder || role.is_some_and(|role| role != "none"),
        probe: false,
        streams: Vec::new(),
    };
    Ok(Party { site, defined: !party.text_at(&["UNDEFINED"]).is_some_and(flag), muted })
}

fn address(party: &Element) -> Option<&str> {
    let alias = party.text_at(&["ALIAS", "NAME"]);
    let ip = party.text_at(&["IP"]).filter(|ip| *ip != "0.0.0.0");
    party.text_at(&["SIP_ADDRESS"]).or(alias).or(ip)
}

/// By the stems of the words that the administrator's guide uses. A party that is connected with a problem, partly or
/// as a secondary one is connected by signalling; what is wrong its media tell.
fn presence(status: &str, row: &Element) -> Presence {
    let status = status.to_lowercase();
    let has = |stem: &str| status.contains(stem);
    if has("disconnect") || has("idle") || has("wait") || has("delet") {
        let cause = row.text_at(&["DISCONNECTION_CAUSE", "DESCRIPTION"]).unwrap_or_default();
        let cause = if cause.eq_ignore_ascii_case("none") { "" } else { cause };
        Presence::Left { cause: cut(cause) }
    } else if has("connecting") || has("redial") {
        Presence::Calling
    } else if has("connected") || has("partial") || has("secondary") {
        Presence::Connected
    } else if has("stand") {
        Presence::OnHold
    } else {
        Presence::Unknown
    }
}

fn token(of: &Element) -> Result<i64, Fault> {
    required(of.text_at(&["OBJ_TOKEN"]).and_then(whole), "OBJ_TOKEN")
}

fn changed(of: &Element) -> Result<bool, Fault> {
    required(of.text_at(&["CHANGED"]).map(flag), "CHANGED")
}

/// A figure that is never negative; `-1` says that there is none.
pub(super) fn given(text: Option<&str>) -> Given<f64> {
    match text.and_then(|text| text.parse::<f64>().ok()).filter(|figure| figure.is_finite()) {
        None => Given::Absent(Absent::NotProvided),
        Some(figure) if figure < 0.0 => Given::Absent(Absent::Sentinel),
        Some(figure) => Given::Value(figure),
    }
}

/// A whole number.
pub(super) fn whole(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn flag(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text == "1"
}

fn cut(text: &str) -> String {
    bounded(text).to_owned()
}

/// What must be there.
pub(super) fn required<T>(found: Option<T>, name: &str) -> Result<T, Fault> {
    found.ok_or_else(|| shape(name))
}

fn shape(name: &str) -> Fault {
    Fault::Shape(format!("no `{name}`"))
}
