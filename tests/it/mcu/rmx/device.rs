//! A stand-in for an RMX: one conference, sessions by token, states that are numbered, calls that take their time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use tokio::time::Instant;

use crate::mcu::contract::Upset;

/// The number of the conference.
pub(super) const CONFERENCE: &str = "96";
/// The only password that is taken.
pub(super) const PASSWORD: &str = "rmx-pass<word>&";

/// How long a party takes to hang up.
const HANGING_UP: Duration = Duration::from_millis(700);

#[derive(Debug, Clone)]
pub(super) struct Party {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) defined: bool,
    pub(super) connected: bool,
    /// Still hanging up until then.
    pub(super) leaving: Option<Instant>,
    pub(super) muted: bool,
    packets: u64,
}

/// What a test may turn.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) parties: BTreeMap<u32, Party>,
    pub(super) tokens: BTreeSet<u32>,
    pub(super) logins: usize,
    pub(super) added: usize,
    pub(super) upset: Option<Upset>,
    /// Numbers the states; what is told as newer is newer than this.
    pub(super) number: i64,
    /// The list tells its last change once more.
    pub(super) twice: bool,
    /// Changing requests are taken as "in progress".
    pub(super) slowly: bool,
    /// A party never hangs up.
    pub(super) stubborn: bool,
    /// The next changing request is answered with this status.
    pub(super) status: Option<(u32, &'static str)>,
    pub(super) layout: String,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Device(Arc<Mutex<Desk>>);

impl Device {
    /// With that many parties, all connected.
    pub(super) fn with_parties(count: u32) -> Self {
        let device = Self::default();
        let party = |id: u32| Party {
            name: format!("会场{id}"),
            address: format!("{id}@172.16.100.232"),
            defined: true,
            connected: true,
            leaving: None,
            muted: false,
            packets: 0,
        };
        device.desk().parties = (1..=count).map(|id| (id, party(id))).collect();
        device.desk().number = 1000;
        device
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.0.lock().unwrap()
    }

    pub(super) fn router(&self) -> Router {
        Router::new().route("/", post(answer)).with_state(self.clone())
    }
}

async fn answer(State(device): State<Device>, body: String) -> String {
    let mut desk = device.desk();
    let transaction = body.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
    if body.contains("<LOGIN>") {
        return login(&mut desk, &body);
    }
    let token: u32 = tag(&body, "MCU_USER_TOKEN").parse().unwrap_or_default();
    if !desk.tokens.contains(&token) {
        return said(&transaction, 30_001, "User not found", "");
    }
    let (_, action) = body.split_once("<ACTION>").unwrap_or_default();
    let name = action.split(['<', '>', '/', ' ']).nth(1).unwrap_or_default();
    match (transaction.as_str(), name) {
        ("TRANS_MCU", "GET_STATE") => said(&transaction, 0, "Status OK", STATE),
        ("TRANS_RSRC_REPORT", "GET_CARMEL_REPORT") => said(&transaction, 0, "Status OK", &resources(&desk)),
        ("TRANS_CONF_LIST", "GET_LS") => said(&transaction, 0, "Status OK", &list(&mut desk, action)),
        ("TRANS_CONF_2", "GET") => said(&transaction, 0, "Status OK", &conference(&desk, action)),
        ("TRANS_PARTY", "GET") => party(&mut desk, &transaction, action),
        _ => change(&mut desk, &transaction, name, action),
    }
}

fn login(desk: &mut Desk, body: &str) -> String {
    desk.logins += 1;
    let password = tag(body, "PASSWORD").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    if desk.upset == Some(Upset::SecretRefused) || password != PASSWORD {
        return said("TRANS_MCU", 20, "Invalid user name or password", "");
    }
    let token = u32::try_from(desk.logins).unwrap() + 100;
    desk.tokens.insert(token);
    let login = format!(
        "<LOGIN><MCU_TOKEN>7</MCU_TOKEN><MCU_USER_TOKEN>{token}</MCU_USER_TOKEN><API_NUMBER>2000</API_NUMBER>\
         <PRODUCT_TYPE>Rmx_1800</PRODUCT_TYPE></LOGIN>"
    );
    said("TRANS_MCU", 0, "Status OK", &login)
}

fn change(desk: &mut Desk, transaction: &str, name: &str, action: &str) -> String {
    if let Some((id, words)) = desk.status.take() {
        return said(transaction, id, words, "");
    }
    let status = if desk.slowly { (1, "In progress") } else { (0, "Status OK") };
    let id: u32 = tag(action, "PARTY_ID").parse().unwrap_or_default();
    let on = |name: &str| tag(action, name) == "true";
    let mut reply = String::new();
    match (transaction, name) {
        ("TRANS_CONF_1", "ADD_PARTY") => {
            let id = desk.parties.keys().max().map_or(1, |last| last + 1);
            desk.added += 1;
            desk.parties.insert(id, added(action));
            reply = format!("<ADD_PARTY><ID>{id}</ID></ADD_PARTY>");
        }
        ("TRANS_CONF_1", "SET_VIDEO_LAYOUT") => desk.layout = tag(action, "LAYOUT").to_owned(),
        ("TRANS_CONF_1", "DELETE_PARTY") => drop(desk.parties.remove(&id)),
        ("TRANS_CONF_2", "SET_CONNECT") => {
            let stubborn = desk.stubborn;
            let Some(party) = desk.parties.get_mut(&id) else {
                return said(transaction, 10_041, "Party not found", "");
            };
            if on("CONNECT") && party.leaving.is_some_and(|until| until > Instant::now()) {
                return said(transaction, 10_050, "Party is disconnecting", "");
            }
            party.connected = on("CONNECT") || stubborn;
            party.leaving = (!on("CONNECT")).then(|| Instant::now() + HANGING_UP);
        }
        ("TRANS_CONF_2", "SET_AUDIO_VIDEO_MUTE") => {
            let Some(party) = desk.parties.get_mut(&id) else {
                return said(transaction, 10_041, "Party not found", "");
            };
            party.muted = on("AUDIO_MUTE");
        }
        _ => return said(transaction, 4, "Unknown action", ""),
    }
    desk.number += 1;
    said(transaction, status.0, status.1, &reply)
}

fn added(action: &str) -> Party {
    let (_, party) = action.split_once("<PARTY>").unwrap_or_default();
    Party {
        name: tag(party, "NAME").to_owned(),
        address: tag(party, "SIP_ADDRESS").to_owned(),
        defined: tag(party, "UNDEFINED") == "false",
        connected: true,
        leaving: None,
        muted: false,
        packets: 0,
    }
}

fn list(desk: &mut Desk, action: &str) -> String {
    let since: i64 = tag(action, "OBJ_TOKEN").parse().unwrap_or(-1);
    let twice = since == desk.number && std::mem::take(&mut desk.twice);
    let changed = since < desk.number || twice;
    let row = format!(
        "<CONF_SUMMARY><NAME>flood</NAME><ID>{CONFERENCE}</ID><CONF_CHANGE>new</CONF_CHANGE>\
         <NUM_PARTIES>{}</NUM_PARTIES><DISPLAY_NAME>防汛会商</DISPLAY_NAME></CONF_SUMMARY>",
        desk.parties.len()
    );
    format!(
        "<GET_LS><CONF_SUMMARY_LS><OBJ_TOKEN>{}</OBJ_TOKEN><CHANGED>{changed}</CHANGED>{}\
         <DELETED_CONF_LIST/></CONF_SUMMARY_LS></GET_LS>",
        desk.number,
        if changed { row.as_str() } else { "" }
    )
}

fn conference(desk: &Desk, action: &str) -> String {
    let since: i64 = tag(action, "OBJ_TOKEN").parse().unwrap_or(-1);
    let (number, changed) = (desk.number, since < desk.number);
    if !changed {
        return format!(
            "<GET><CONFERENCE><OBJ_TOKEN>{number}</OBJ_TOKEN><CHANGED>false</CHANGED></CONFERENCE></GET>"
        );
    }
    let shrunk = desk.upset == Some(Upset::PageShrinks);
    let all: Vec<String> = desk.parties.iter().map(|(id, party)| ongoing(*id, party)).collect();
    let told = &all[..all.len() - if shrunk { 2 } else { 0 }];
    let connected = desk.parties.values().filter(|party| is_connected(party)).count();
    format!(
        "<GET><CONFERENCE><OBJ_TOKEN>{number}</OBJ_TOKEN><CHANGED>true</CHANGED>\
         <RESERVATION><NAME>flood</NAME><ID>{CONFERENCE}</ID><AUTO_REDIAL>false</AUTO_REDIAL></RESERVATION>\
         <NUM_CONNECTED_PARTIES>{connected}</NUM_CONNECTED_PARTIES>\
         <ONGOING_PARTY_LIST>{}</ONGOING_PARTY_LIST></CONFERENCE></GET>",
        told.concat()
    )
}

fn is_connected(party: &Party) -> bool {
    party.connected || party.leaving.is_some_and(|until| until > Instant::now())
}

fn ongoing(id: u32, party: &Party) -> String {
    let status = match (is_connected(party), party.connected) {
        (true, true) => "connected",
        (true, false) => "partially connected",
        (false, _) => "disconnected",
    };
    format!(
        "<ONGOING_PARTY><PARTY><NAME>{}</NAME><ID>{id}</ID><INTERFACE>sip</INTERFACE><IP>0.0.0.0</IP>\
         <SIP_ADDRESS>{}</SIP_ADDRESS><UNDEFINED>{}</UNDEFINED></PARTY>\
         <ONGOING_PARTY_STATUS><ID>1</ID><DESCRIPTION>{status}</DESCRIPTION></ONGOING_PARTY_STATUS>\
         <DISCONNECTION_CAUSE><DESCRIPTION>None</DESCRIPTION></DISCONNECTION_CAUSE>\
         <AUDIO_MUTE>{m}</AUDIO_MUTE><AUDIO_MCU_MUTE>{m}</AUDIO_MCU_MUTE></ONGOING_PARTY>",
        party.name,
        party.address,
        !party.defined,
        m = party.muted,
    )
}

fn party(desk: &mut Desk, transaction: &str, action: &str) -> String {
    let id: u32 = tag(action, "PARTY_ID").parse().unwrap_or_default();
    let Some(party) = desk.parties.get_mut(&id) else {
        return said(transaction, 10_041, "Party not found", "");
    };
    party.packets += 1500;
    let kinds = ["audio_in", "audio_out", "video_in", "video_out", "video_content_in", "video_content_out"];
    let channels: Vec<String> = kinds.iter().map(|kind| channel(kind, party.packets)).collect();
    // Half of a real reply are texts about what the far end can do.
    let padding = "H264 - 1048500 bps\n  264Mode: standard\n".repeat(400);
    let all = format!(
        "<GET><ONGOING_PARTY><PARTY><NAME>{}</NAME><ID>{id}</ID></PARTY>\
         <H323_REMOTE_CAP>{padding}</H323_REMOTE_CAP>\
         <IP_MONITOR_CHANNELS>{}</IP_MONITOR_CHANNELS></ONGOING_PARTY></GET>",
        party.name,
        channels.concat()
    );
    said(transaction, 0, "Status OK", &all)
}

fn channel(kind: &str, packets: u64) -> String {
    let content = kind.starts_with("video_content");
    let (rate, packets) = if content { (0, 0) } else { (760_779, packets) };
    let size = "<RESOLUTION>720p</RESOLUTION><VIDEO_FRAME_RATE>25</VIDEO_FRAME_RATE>\
                <RESOLUTION_WIDTH>1280</RESOLUTION_WIDTH><RESOLUTION_HEIGHT>720</RESOLUTION_HEIGHT>";
    let size = if kind.starts_with("video") && !content { size } else { "" };
    let percent = if kind == "video_in" { "0.4" } else { "-1" };
    format!(
        "<IP_MONITOR_CHANNEL><ADVANCED_VIDEO_IN><ADVANCED_VIDEO_PARAM><GLOBAL_PARAM>\
         <BASIC_PARAM><BIT_RATE>{rate}</BIT_RATE><PROTOCOL>h264</PROTOCOL><CHANNEL_TYPE>{kind}</CHANNEL_TYPE>\
         <CONNECTION_STATUS>1</CONNECTION_STATUS></BASIC_PARAM><NUMBER_OF_PACKETS>{packets}</NUMBER_OF_PACKETS>\
         <LATENCY>0</LATENCY><PACKET_LOSS>0</PACKET_LOSS><JITTER>3</JITTER><JITTER_PEAK>9</JITTER_PEAK>\
         </GLOBAL_PARAM>{size}</ADVANCED_VIDEO_PARAM><RTP_INFO><RTP_PACKET_LOSS><ACCUMULATE>6</ACCUMULATE>\
         <INTERVAL_PERCENT>{percent}</INTERVAL_PERCENT></RTP_PACKET_LOSS></RTP_INFO></ADVANCED_VIDEO_IN>\
         </IP_MONITOR_CHANNEL>"
    )
}

fn resources(desk: &Desk) -> String {
    let used = desk.parties.values().filter(|party| party.connected).count();
    format!(
        "<GET_CARMEL_REPORT><RSRC_REPORT_RMX_LIST><RSRC_REPORT_RMX><RSRC_REPORT_ITEM>video</RSRC_REPORT_ITEM>\
         <TOTAL>120</TOTAL><OCCUPIED>{used}</OCCUPIED><RESERVED>0</RESERVED></RSRC_REPORT_RMX>\
         <PORT_GAUGE_VALUE>80</PORT_GAUGE_VALUE></RSRC_REPORT_RMX_LIST></GET_CARMEL_REPORT>"
    )
}

const STATE: &str = "<GET_STATE><MCU_STATE><ID>1</ID><DESCRIPTION>Normal</DESCRIPTION>\
    <LICENSING_VALIDATION_STATE>success</LICENSING_VALIDATION_STATE>\
    <NUMBER_OF_ACTIVE_ALARMS>0</NUMBER_OF_ACTIVE_ALARMS></MCU_STATE></GET_STATE>";

fn said(transaction: &str, id: u32, words: &str, action: &str) -> String {
    format!(
        "<RESPONSE_{transaction}><RETURN_STATUS><ID>{id}</ID><DESCRIPTION>{words}</DESCRIPTION>\
         <YOUR_TOKEN1>0</YOUR_TOKEN1><YOUR_TOKEN2>0</YOUR_TOKEN2><MESSAGE_ID>1</MESSAGE_ID></RETURN_STATUS>\
         <ACTION>{action}</ACTION></RESPONSE_{transaction}>"
    )
}

/// The text of the first element of that name: enough for requests that are known.
fn tag<'a>(text: &'a str, name: &str) -> &'a str {
    let open = format!("<{name}>");
    let rest = text.split_once(open.as_str()).map_or("", |(_, rest)| rest);
    rest.split_once("</").map_or("", |(found, _)| found)
}
