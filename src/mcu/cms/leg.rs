//! Call legs of a Cisco Meeting Server and their media, as total functions over its XML.
//!
//! `rx` is what the bridge receives, so it comes from the site: `rxAudioMute` mutes the site. `tx` goes to the site, and
//! only there a round trip is measured. Rates are bit/s. The bridge counts no packets.

use std::collections::BTreeSet;

use super::reply::kbps;
use crate::domain::mcu::{ConferenceRef, ParticipantRef, bounded};
use crate::mcu::fault::Fault;
use crate::mcu::figure;
use crate::mcu::xml::Element;
use crate::observation::device::{Absent, Flow, Given, Medium, Presence, SiteSeen, StreamSample, Way};

/// Media of one leg that are read.
const MEDIA_MAX: usize = 16;

/// A leg as the list names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// Its reference.
    pub id: ParticipantRef,
    /// Its shown name.
    pub name: String,
    /// Where it was called or calls from.
    pub address: Option<String>,
    /// In which conference.
    pub call: Option<ConferenceRef>,
}

/// Reads a leg of a list.
pub fn leg(entry: &Element) -> Result<Leg, Fault> {
    let id = entry.attribute("id").ok_or_else(|| Fault::Shape("a leg without id".to_owned()))?;
    // Without it nobody could be called again, nor told from another: that is another shape.
    let remote =
        entry.child("remoteParty").ok_or_else(|| Fault::Shape("a leg without remoteParty".to_owned()))?;
    let original = entry.text_at(&["originalRemoteParty"]);
    let address = original.or(Some(remote.text.as_str()).filter(|text| !text.is_empty()));
    Ok(Leg {
        id: ParticipantRef::new(id),
        name: bounded(entry.text_at(&["name"]).or(address).unwrap_or(id)).to_owned(),
        address: address.map(|text| bounded(text).to_owned()),
        call: entry.text_at(&["call"]).map(ConferenceRef::new),
    })
}

/// What only a leg's own page says.
#[derive(Debug, Clone, PartialEq)]
pub struct Details {
    /// Presence by signalling.
    pub presence: Presence,
    /// A link to another bridge, not a site.
    pub cascade: bool,
    /// Whether it can be moved to another conference.
    pub can_move: bool,
    /// The key of the order that made it, if it was made by one.
    pub owner: Option<String>,
    /// What is muted: sound and pictures, from the site and to it.
    pub muted: BTreeSet<(Medium, Way)>,
    /// Whether the page says of the sound from the site if it is muted.
    pub mute_known: bool,
}

/// Reads what a leg's own page says beside its media.
pub fn details(page: &Element) -> Result<Details, Fault> {
    let status = page.child("status").ok_or_else(|| Fault::Shape("a leg without status".to_owned()))?;
    let mutes = [
        ("rxAudioMute", Medium::Audio, Way::FromSite),
        ("txAudioMute", Medium::Audio, Way::ToSite),
        ("rxVideoMute", Medium::Video, Way::FromSite),
        ("txVideoMute", Medium::Video, Way::ToSite),
    ];
    let set = |name: &str| page.text_at(&["configuration", name]);
    let muted = mutes.iter().filter(|(name, _, _)| set(name) == Some("true"));
    Ok(Details {
        presence: presence(status.text_at(&["state"])),
        cascade: matches!(page.text_at(&["subtype"]), Some("distributionLink" | "lyncDistribution")),
        can_move: page.text_at(&["canMove"]) == Some("true"),
        owner: set("ownerId").map(|text| bounded(text).to_owned()),
        muted: muted.map(|(_, medium, way)| (*medium, *way)).collect(),
        mute_known: page.child("configuration").is_some(),
    })
}

fn presence(state: Option<&str>) -> Presence {
    match state {
        Some("initial" | "ringing") => Presence::Calling,
        Some("connected") => Presence::Connected,
        Some("onHold") => Presence::OnHold,
        Some(_) | None => Presence::Unknown,
    }
}

/// A site of the roster. What was never read of it is not said.
pub fn site(leg: Leg, details: Option<&Details>) -> SiteSeen {
    let known = details.filter(|details| details.mute_known);
    SiteSeen {
        participant: leg.id,
        name: leg.name,
        address: leg.address,
        presence: details.map_or(Presence::Unknown, |details| details.presence.clone()),
        muted: known.map(|details| details.muted.contains(&(Medium::Audio, Way::FromSite))),
        redialled_by_platform: false,
        cascade: details.is_some_and(|details| details.cascade),
        probe: false,
        streams: Vec::new(),
    }
}

/// Reads the media of a leg. `before` are the media that it had when it was read the last time: what was there and is
/// not listed any more has stopped, for the bridge lists only what is active.
pub fn streams(
    page: &Element,
    details: &Details,
    before: &BTreeSet<(Medium, Way)>,
) -> Result<Vec<StreamSample>, Fault> {
    let status = page.child("status").ok_or_else(|| Fault::Shape("a leg without status".to_owned()))?;
    let mut found = Vec::new();
    for element in status.children.iter().filter(|child| child.children.len() > 1) {
        let Some((medium, way)) = kind(element) else { continue };
        if found.len() < MEDIA_MAX
            && !found.iter().any(|it: &StreamSample| (it.medium, it.way) == (medium, way))
        {
            found.push(sample(element, medium, way, details));
        }
    }
    for (medium, way) in before {
        let listed = found.iter().any(|it| (it.medium, it.way) == (*medium, *way));
        if !listed && *medium != Medium::Content {
            found.push(StreamSample::bare(*medium, *way, silent(*medium, *way, details)));
        }
    }
    Ok(found)
}

fn kind(element: &Element) -> Option<(Medium, Way)> {
    let content = element.attribute("role").is_some_and(|role| role.eq_ignore_ascii_case("presentation"));
    let pictures = if content { Medium::Content } else { Medium::Video };
    match element.name.to_ascii_lowercase().as_str() {
        "rxaudio" => Some((Medium::Audio, Way::FromSite)),
        "txaudio" => Some((Medium::Audio, Way::ToSite)),
        "rxvideo" => Some((pictures, Way::FromSite)),
        "txvideo" => Some((pictures, Way::ToSite)),
        _ => None,
    }
}

fn sample(element: &Element, medium: Medium, way: Way, details: &Details) -> StreamSample {
    let text = |name: &str| element.child(name).map(|child| child.text.as_str());
    let kbps = kbps(element, "bitRate");
    let flow = match kbps {
        Given::Value(kbps) if kbps > 0.0 => Flow::Flowing,
        Given::Value(_) => silent(medium, way, details),
        Given::Absent(_) => Flow::Unknown,
    };
    let loss = figure::of_text(text("packetLossPercentage"), figure::PERCENT);
    let pixels = |name: &str| match medium {
        Medium::Audio => Given::Absent(Absent::NotProvided),
        Medium::Video | Medium::Content => figure::of_text(text(name), figure::PIXELS).map(|it| it as u32),
    };
    StreamSample {
        flow,
        codec: text("codec").filter(|text| !text.is_empty()).map(|text| bounded(text).to_owned()),
        kbps,
        loss_pct: if kbps == Given::Value(0.0) { Given::Absent(Absent::NothingMoved) } else { loss },
        jitter_ms: figure::of_text(text("jitter"), figure::MILLISECONDS),
        rtt_ms: figure::of_text(text("roundTripTime"), figure::MILLISECONDS),
        width: pixels("width"),
        height: pixels("height"),
        fps: match medium {
            Medium::Audio => Given::Absent(Absent::NotProvided),
            Medium::Video | Medium::Content => figure::of_text(text("frameRate"), figure::FPS),
        },
        ..StreamSample::bare(medium, way, flow)
    }
}

/// What silence means: nothing where it was asked for, no fault where content may simply have ended.
fn silent(medium: Medium, way: Way, details: &Details) -> Flow {
    if details.muted.contains(&(medium, way)) || details.presence == Presence::OnHold {
        Flow::Paused
    } else if medium == Medium::Content || details.presence != Presence::Connected {
        Flow::Unknown
    } else {
        Flow::NoMedia { since: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::mcu::xml;

    fn page(configuration: &str, media: &str) -> Element {
        let text = format!(
            "<callLeg id=\"l1\"><name>A县</name><remoteParty>a@b.cn</remoteParty><call>c1</call><type>sip</type>\
             <direction>outgoing</direction><canMove>true</canMove><configuration>{configuration}</configuration>\
             <status><state>connected</state><sipCallId>x</sipCallId>{media}</status></callLeg>"
        );
        xml::parse(text.as_bytes()).unwrap()
    }

    fn read(configuration: &str, media: &str) -> Vec<StreamSample> {
        let page = page(configuration, media);
        streams(&page, &details(&page).unwrap(), &BTreeSet::new()).unwrap()
    }

    #[test]
    fn what_the_bridge_receives_comes_from_the_site() {
        let media = "<rxVideo role=\"main\"><codec>h264</codec><bitRate>1975241</bitRate>\
            <packetLossPercentage>0.5</packetLossPercentage><jitter>11</jitter></rxVideo>\
            <txVideo role=\"presentation\"><codec>h264</codec><width>1280</width><height>720</height>\
            <frameRate>4.9</frameRate><bitRate>678</bitRate><packetLossPercentage>0.0</packetLossPercentage>\
            <jitter>4</jitter><roundTripTime>1</roundTripTime></txVideo>";
        let found = read("", media);
        assert_eq!((found[0].medium, found[0].way), (Medium::Video, Way::FromSite));
        assert_eq!(
            (found[0].kbps, found[0].rtt_ms),
            (Given::Value(1975.241), Given::Absent(Absent::NotProvided))
        );
        assert_eq!(
            (found[0].width, found[0].fps),
            (Given::Absent(Absent::NotProvided), Given::Absent(Absent::NotProvided))
        );
        assert_eq!((found[1].medium, found[1].way), (Medium::Content, Way::ToSite));
        assert_eq!((found[1].rtt_ms, found[1].width), (Given::Value(1.0), Given::Value(1280)));
    }

    #[test]
    fn rx_audio_mute_mutes_the_site_and_tx_audio_mute_what_it_hears() {
        let quiet = "<rxAudio><codec>opus</codec><bitRate>0</bitRate></rxAudio>\
                     <txAudio><codec>opus</codec><bitRate>0</bitRate></txAudio>";
        let dark = Flow::NoMedia { since: None };
        for (configuration, from, to) in [
            ("<rxAudioMute>true</rxAudioMute>", Flow::Paused, dark),
            ("<txAudioMute>true</txAudioMute>", dark, Flow::Paused),
            ("<rxAudioMute>false</rxAudioMute>", dark, dark),
        ] {
            let found = read(configuration, quiet);
            assert_eq!((found[0].way, found[0].flow), (Way::FromSite, from), "{configuration}");
            assert_eq!((found[1].way, found[1].flow), (Way::ToSite, to), "{configuration}");
            assert_eq!(found[0].loss_pct, Given::Absent(Absent::NothingMoved));
            let page = page(configuration, quiet);
            let site = site(leg(&page).unwrap(), Some(&details(&page).unwrap()));
            assert_eq!(site.muted, Some(configuration.contains("<rxAudioMute>true")));
        }
    }

    #[test]
    fn what_was_there_and_is_not_listed_any_more_has_stopped() {
        let page = page("", "<txAudio><codec>opus</codec><bitRate>64000</bitRate></txAudio>");
        let before =
            [(Medium::Audio, Way::ToSite), (Medium::Video, Way::FromSite), (Medium::Content, Way::FromSite)];
        let found = streams(&page, &details(&page).unwrap(), &before.into()).unwrap();
        let shown: Vec<_> = found.iter().map(|it| (it.medium, it.way, it.flow)).collect();
        assert_eq!(
            shown,
            [
                (Medium::Audio, Way::ToSite, Flow::Flowing),
                (Medium::Video, Way::FromSite, Flow::NoMedia { since: None }),
            ],
            "a presentation that ended is no fault"
        );
    }

    #[test]
    fn a_link_between_bridges_is_no_site() {
        let link = xml::parse(
            b"<callLeg id='l2'><remoteParty>cb2</remoteParty><subtype>distributionLink</subtype>\
              <status><state>ringing</state></status></callLeg>",
        )
        .unwrap();
        let found = site(leg(&link).unwrap(), Some(&details(&link).unwrap()));
        assert!(found.cascade && found.presence == Presence::Calling);
        let unread = site(leg(&link).unwrap(), None);
        assert_eq!((unread.presence, unread.muted), (Presence::Unknown, None), "not read yet, not said");
    }

    proptest! {
        #[test]
        fn any_text_in_any_field_is_read_without_panic(
            fields in prop::collection::vec(("[a-zA-Z]{1,12}", "[^<&]{0,6}"), 0..8),
            name in prop_oneof!["rxAudio", "txVideo", "RXVIDEO", "other"],
        ) {
            let inside: String = fields.iter().map(|(name, text)| format!("<{name}>{text}</{name}>")).collect();
            let known = "<bitRate>-5</bitRate><packetLossPercentage>300</packetLossPercentage>";
            for sample in read("", &format!("<{name}>{inside}{known}</{name}>")) {
                prop_assert!(sample.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)));
                prop_assert!(sample.kbps.value().is_none_or(|kbps| kbps >= 0.0));
            }
        }
    }
}
