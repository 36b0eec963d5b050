//! ZTE's answers as values. Total over any answer.
//!
//! Two statuses of a terminal are read: the fourth, which knows presence and switches, and the first, which knows codec
//! and rate. None knows loss, jitter, round trip, size or frame rate, so these are absent as not provided and never
//! zero. The rate is the agreed one of the whole call, not measured. Codes are assumed as marked.

use super::super::fault::Fault;
use super::super::fields::required;
use super::super::xml::Element;
use crate::domain::mcu::{ConferenceRef, ParticipantRef, bounded};
use crate::observation::device::{
    Absent, Flow, Given, Medium, Presence, ROSTER_MAX, Service, SiteSeen, StreamSample, Way,
};

/// `randomKey` of a login.
pub fn random_key(answer: &Element) -> Result<String, Fault> {
    required(answer.text_at(&["randomKey"]).map(str::to_owned), "randomKey")
}

/// `mcuState` of 查询MCU是否就绪. That 1 is ready and 0 is not yet is assumed; another word says nothing.
pub fn service(answer: &Element) -> Result<Service, Fault> {
    Ok(match required(answer.text_at(&["mcuState"]), "mcuState")? {
        "1" | "true" => Service::Up,
        "0" | "false" => Service::Starting,
        _ => Service::Unknown,
    })
}

/// The running conferences: reference and name.
pub fn conferences(answer: &Element) -> Result<Vec<(ConferenceRef, String)>, Fault> {
    let list = required(answer.child("conferenceList"), "conferenceList")?;
    let one = |entry: &Element| {
        let id = required(entry.text_at(&["conferenceIdentifier"]), "conferenceIdentifier")?;
        let name = entry.text_at(&["conferenceName"]).unwrap_or(id);
        Ok((ConferenceRef::new(id), bounded(name).to_owned()))
    };
    list.children.iter().take(ROSTER_MAX).map(one).collect()
}

/// One page of a conference's terminals.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The terminals.
    pub sites: Vec<SiteSeen>,
    /// How many there are in all, where it says so.
    pub total: Option<usize>,
}

/// `getParticipantStatusV4`.
pub fn page(answer: &Element) -> Result<Page, Fault> {
    let list = required(answer.child("partStaV4"), "partStaV4")?;
    let sites = list.children.iter().take(ROSTER_MAX).map(site).collect::<Result<_, Fault>>()?;
    Ok(Page { sites, total: answer.text_at(&["totalCount"]).and_then(|total| total.parse().ok()) })
}

/// A terminal. State 5 is connected (seen in public code); that every other one is not is assumed, and the number is
/// told as the cause. `mute` silences what comes from the site.
fn site(entry: &Element) -> Result<SiteSeen, Fault> {
    let id = required(entry.text_at(&["id"]), "id")?;
    let state = required(entry.text_at(&["state"]), "state")?;
    let number = entry.text_at(&["no"]);
    let presence = match state {
        "5" => Presence::Connected,
        other => Presence::Left { cause: format!("state {}", bounded(other)) },
    };
    Ok(SiteSeen {
        participant: ParticipantRef::new(id),
        name: bounded(entry.text_at(&["name"]).or(number).unwrap_or(id)).to_owned(),
        address: number.map(|number| bounded(number).to_owned()),
        presence,
        muted: switch(entry, "mute"),
        redialled_by_platform: false,
        cascade: false,
        probe: false,
        streams: Vec::new(),
    })
}

fn switch(entry: &Element, name: &str) -> Option<bool> {
    match entry.text_at(&[name]) {
        Some("1" | "true") => Some(true),
        Some("0" | "false") => Some(false),
        Some(_) | None => None,
    }
}

/// `getParticipantStatus` of one terminal: sound and pictures each way, as agreed. Content is named without its
/// direction, so it is left out. Nothing is listed for a terminal of which there is no status.
pub fn streams(answer: &Element, wanted: &ParticipantRef) -> Result<Vec<StreamSample>, Fault> {
    let list = required(answer.child("participantStatus"), "participantStatus")?;
    let is_wanted = |entry: &&Element| entry.text_at(&["terminalIdentifier"]) == Some(wanted.as_str());
    let Some(entry) = list.children.iter().find(is_wanted) else { return Ok(Vec::new()) };
    let kbps = entry.text_at(&["rate"]).and_then(|rate| rate.parse::<f64>().ok());
    let kbps = Given::or_absent(kbps.filter(|kbps| kbps.is_finite() && *kbps > 0.0), Absent::Sentinel);
    let muted = switch(entry, "mute") == Some(true);
    let pairs = [(Medium::Audio, "audioType"), (Medium::Video, "videoFormat")];
    let both = pairs.into_iter().filter_map(|(medium, field)| Some((medium, entry.text_at(&[field])?)));
    let sample = |medium, way, codec: &str| {
        let paused = medium == Medium::Audio && way == Way::FromSite && muted;
        let mut sample = StreamSample::bare(medium, way, if paused { Flow::Paused } else { Flow::Unknown });
        sample.codec = Some(bounded(codec).to_owned());
        sample.kbps = if medium == Medium::Video { kbps } else { Given::Absent(Absent::NotProvided) };
        sample
    };
    Ok(both
        .flat_map(|(medium, codec)| [Way::FromSite, Way::ToSite].map(|way| sample(medium, way, codec)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::super::xml;
    use super::*;

    fn read(text: &str) -> Element {
        xml::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_page_of_terminals_is_read() {
        let text = "<r><totalCount>7</totalCount><partStaV4>\
            <item><id>31</id><no>051201</no><name>A县分会场</name><state>5</state><mute>1</mute><silent>0</silent>\
            <mic>1</mic><unheardOf>x</unheardOf></item>\
            <item><id>32</id><no>051202</no><state>2</state></item></partStaV4></r>";
        let page = page(&read(text)).unwrap();
        assert_eq!(page.total, Some(7));
        assert_eq!((page.sites[0].presence.clone(), page.sites[0].muted), (Presence::Connected, Some(true)));
        assert_eq!((page.sites[1].name.as_str(), page.sites[1].muted), ("051202", None));
        assert_eq!(page.sites[1].presence, Presence::Left { cause: "state 2".into() });
    }

    #[test]
    fn agreed_media_are_told_and_measured_ones_are_not_provided() {
        let text = "<r><participantStatus><item><terminalIdentifier>31</terminalIdentifier><audioType>G.722</audioType>\
            <videoFormat>H.264 720P</videoFormat><dualVideoFormat/><rate>1920</rate><mute>true</mute></item>\
            </participantStatus></r>";
        let all = streams(&read(text), &ParticipantRef::new("31")).unwrap();
        assert_eq!(all.len(), 4);
        let none = Given::Absent(Absent::NotProvided);
        for stream in &all {
            assert_eq!([stream.loss_pct, stream.jitter_ms, stream.rtt_ms, stream.fps], [none; 4]);
            let paused = stream.medium == Medium::Audio && stream.way == Way::FromSite;
            assert_eq!(stream.flow, if paused { Flow::Paused } else { Flow::Unknown });
            let kbps = if stream.medium == Medium::Video { Given::Value(1920.0) } else { none };
            assert_eq!(stream.kbps, kbps);
        }
        assert_eq!(streams(&read(text), &ParticipantRef::new("99")).unwrap(), []);
    }

    #[test]
    fn a_field_of_another_name_is_another_shape() {
        let shapes = [
            "<r/>",
            "<r><partStaV4><i><id>1</id></i></partStaV4></r>",
            "<r><partStaV4><i><state>5</state></i></partStaV4></r>",
        ];
        for shape in shapes {
            assert!(matches!(page(&read(shape)), Err(Fault::Shape(_))), "{shape}");
        }
        assert!(service(&read("<r><state>1</state></r>")).is_err());
        assert_eq!(service(&read("<r><mcuState>0</mcuState></r>")), Ok(Service::Starting));
        assert_eq!(service(&read("<r><mcuState>9</mcuState></r>")), Ok(Service::Unknown));
    }
}
