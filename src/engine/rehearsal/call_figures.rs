//! What a call's figures say of a venue's codec, held against the meeting's profile.
//!
//! A lane flows if either pair of eyes saw it flow. A codec that takes part at a lower rate or smaller picture is a
//! warning, and the verdict names what can be done instead. What neither the MCU nor we can see is said so.

use std::collections::BTreeMap;

use super::Finding;
use crate::domain::check::Direction;
use crate::domain::inventory::Profile;
use crate::engine::verdict::{QualityWord, ReasonCode, Verdict};
use crate::observation::call::{CallBroke, CallFailed, CallFigures, CallOrder, CallOutcome, Lane};
use crate::observation::device::{Flow, Medium, Way};

/// A rate above this share of what was asked is that rate: makers round.
const RATE_SHARE: f64 = 0.9;

/// Judges what came of a call.
pub(super) fn judge(outcome: &CallOutcome, profile: Option<&Profile>, order: &CallOrder) -> Finding {
    match outcome {
        CallOutcome::NotConnected(why) => Finding::bare(Verdict::Fail, not_connected(*why)),
        CallOutcome::Broke(why) => Finding::broke(broke(*why)),
        CallOutcome::Measured(figures) => measured(figures, profile, order),
    }
}

fn not_connected(why: CallFailed) -> ReasonCode {
    match why {
        CallFailed::Busy => ReasonCode::CallBusy,
        CallFailed::Declined => ReasonCode::CallDeclined,
        CallFailed::NoAnswer => ReasonCode::CallNoAnswer,
        CallFailed::Unreachable => ReasonCode::CallUnreachable,
        CallFailed::Incompatible => ReasonCode::CallIncompatible,
    }
}

fn broke(why: CallBroke) -> ReasonCode {
    match why {
        CallBroke::NotProvided => ReasonCode::McuCannotCall,
        CallBroke::NoConference => ReasonCode::NoTestConference,
        CallBroke::Blind => ReasonCode::McuUnseen,
        CallBroke::NoRoom => ReasonCode::McuNoRoom,
        CallBroke::Cancelled => ReasonCode::Cancelled,
        CallBroke::TimedOut => ReasonCode::TimedOut,
        CallBroke::Refused | CallBroke::Unknown => ReasonCode::TestBroke,
    }
}

fn measured(seen: &CallFigures, profile: Option<&Profile>, order: &CallOrder) -> Finding {
    let (verdict, reason, direction) = verdict(seen, profile, order);
    let quality = Some(QualityWord::Good);
    Finding { verdict, reason, direction, figures: figures(seen, profile, order), quality }
}

type Found = (Verdict, ReasonCode, Option<Direction>);

/// The worst thing, in the order in which people would notice.
fn verdict(seen: &CallFigures, profile: Option<&Profile>, order: &CallOrder) -> Found {
    let dead = |medium| ways().find(|way| flows(seen, medium, *way) == Some(false)).map(direction);
    let content = order.content.then(|| dead(Medium::Content)).flatten();
    let unseen = [Medium::Audio, Medium::Video]
        .into_iter()
        .any(|medium| ways().any(|way| flows(seen, medium, way).is_none()));
    if let Some(way) = dead(Medium::Video) {
        return (Verdict::Fail, ReasonCode::CallNoPicture, Some(way));
    }
    if let Some(way) = dead(Medium::Audio) {
        return (Verdict::Fail, ReasonCode::CallNoSound, Some(way));
    }
    if !seen.held {
        return (Verdict::Fail, ReasonCode::CallDropped, None);
    }
    if let Some(way) = content {
        return (Verdict::Warn, ReasonCode::CallNoContent, Some(way));
    }
    let low = seen.kbps.value().is_some_and(|kbps| kbps < f64::from(order.kbps) * RATE_SHARE);
    if low {
        return (Verdict::Warn, ReasonCode::CallRateLow, None);
    }
    let asked = profile.and_then(|profile| profile.height);
    let small = height(seen).zip(asked).is_some_and(|(height, asked)| height < asked);
    match () {
        () if small => (Verdict::Warn, ReasonCode::CallPictureLow, None),
        () if unseen => (Verdict::Warn, ReasonCode::CallUnseen, None),
        () if order.content && content_unseen(seen) => (Verdict::Warn, ReasonCode::CallContentUnseen, None),
        () => (Verdict::Pass, ReasonCode::WithinLimits, None),
    }
}

fn ways() -> impl Iterator<Item = Way> {
    [Way::FromSite, Way::ToSite].into_iter()
}

fn direction(way: Way) -> Direction {
    match way {
        Way::FromSite => Direction::FromVenue,
        Way::ToSite => Direction::ToVenue,
    }
}

/// Whether a lane flows, by whoever saw it; `None` when nobody can say.
fn flows(seen: &CallFigures, medium: Medium, way: Way) -> Option<bool> {
    let lanes = seen.lanes.iter().filter(|lane| lane.medium == medium && lane.way == way);
    let said: Vec<&Flow> = lanes.map(|lane| &lane.flow).filter(|flow| **flow != Flow::Unknown).collect();
    let dead = |flow: &&Flow| matches!(flow, Flow::NoMedia { .. });
    (!said.is_empty()).then(|| !said.iter().all(dead))
}

fn content_unseen(seen: &CallFigures) -> bool {
    ways().any(|way| flows(seen, Medium::Content, way).is_none())
}

/// The height of the venue's picture.
fn height(seen: &CallFigures) -> Option<u32> {
    let own = |lane: &&Lane| lane.medium == Medium::Video && lane.way == Way::FromSite;
    seen.lanes.iter().filter(own).filter_map(|lane| lane.height.value()).max()
}

fn figures(seen: &CallFigures, profile: Option<&Profile>, order: &CallOrder) -> BTreeMap<String, f64> {
    let mut figures = BTreeMap::new();
    let mut put = |name: &str, value: Option<f64>| {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            figures.insert(name.to_owned(), (value * 1e3).round() / 1e3);
        }
    };
    put("setup_ms", Some(seen.setup_ms));
    put("kbps", seen.kbps.value());
    put("asked_kbps", Some(f64::from(order.kbps)));
    put("height", height(seen).map(f64::from));
    put("asked_height", profile.and_then(|profile| profile.height).map(f64::from));
    let loss = |way| {
        let lanes = seen.lanes.iter().filter(move |lane| lane.way == way);
        lanes.filter_map(|lane| lane.loss_pct.value()).max_by(f64::total_cmp)
    };
    put("loss_from_venue_pct", loss(Way::FromSite));
    put("loss_to_venue_pct", loss(Way::ToSite));
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::TestId;
    use crate::domain::inventory::EndpointProtocol;
    use crate::domain::time::Span;
    use crate::observation::call::SeenBy;
    use crate::observation::device::{Absent, Given};

    fn lane(medium: Medium, way: Way, flow: Flow, seen_by: SeenBy) -> Lane {
        let none = Given::Absent(Absent::NotProvided);
        let height = if medium == Medium::Video { Given::Value(720) } else { Given::Absent(Absent::NotYet) };
        Lane { medium, way, seen_by, flow, kbps: none, height, fps: none, loss_pct: none }
    }

    fn seen(change: impl FnOnce(&mut CallFigures)) -> CallFigures {
        let media = [Medium::Audio, Medium::Video, Medium::Content];
        let lanes = media
            .into_iter()
            .flat_map(|medium| ways().map(move |way| lane(medium, way, Flow::Flowing, SeenBy::Mcu)));
        let mut seen =
            CallFigures { setup_ms: 900.0, kbps: Given::Value(4096.0), held: true, lanes: lanes.collect() };
        change(&mut seen);
        seen
    }

    #[test]
    fn a_call_is_judged_by_what_people_would_notice() {
        let order = CallOrder {
            test: TestId { boot: 1, n: 1 },
            mcu: "m".parse().unwrap(),
            endpoint: "e".parse().unwrap(),
            venue: "v".parse().unwrap(),
            address: "sip:e@h".into(),
            protocol: EndpointProtocol::Sip,
            name: "县".into(),
            kbps: 4096,
            content: true,
            stay: Span::seconds(30),
        };
        let profile: Profile = serde_json::from_value(serde_json::json!({
            "id": "p", "name": "p", "rate_kbps": 4096, "height": 720, "content": true
        }))
        .unwrap();
        let dead = Flow::NoMedia { since: None };
        let set = |seen: &mut CallFigures, medium, way, flow| {
            let own = |lane: &&mut Lane| lane.medium == medium && lane.way == way;
            seen.lanes.iter_mut().filter(own).for_each(|lane| lane.flow = flow);
        };
        let (up, down) = (Some(Direction::FromVenue), Some(Direction::ToVenue));
        let cases: [(CallFigures, Found); 10] = [
            (seen(|_| ()), (Verdict::Pass, ReasonCode::WithinLimits, None)),
            (
                seen(|seen| set(seen, Medium::Video, Way::FromSite, dead)),
                (Verdict::Fail, ReasonCode::CallNoPicture, up),
            ),
            (
                seen(|seen| set(seen, Medium::Audio, Way::ToSite, dead)),
                (Verdict::Fail, ReasonCode::CallNoSound, down),
            ),
            // Our own monitor sees what the MCU denies.
            (
                seen(|seen| {
                    set(seen, Medium::Video, Way::FromSite, dead);
                    seen.lanes.push(lane(Medium::Video, Way::FromSite, Flow::Flowing, SeenBy::Us));
                }),
                (Verdict::Pass, ReasonCode::WithinLimits, None),
            ),
            (
                seen(|seen| set(seen, Medium::Content, Way::ToSite, dead)),
                (Verdict::Warn, ReasonCode::CallNoContent, down),
            ),
            (seen(|seen| seen.held = false), (Verdict::Fail, ReasonCode::CallDropped, None)),
            (seen(|seen| seen.kbps = Given::Value(1_300.0)), (Verdict::Warn, ReasonCode::CallRateLow, None)),
            (
                seen(|seen| seen.lanes.iter_mut().for_each(|lane| lane.height = Given::Value(360))),
                (Verdict::Warn, ReasonCode::CallPictureLow, None),
            ),
            (seen(|seen| seen.lanes.clear()), (Verdict::Warn, ReasonCode::CallUnseen, None)),
            (
                seen(|seen| seen.lanes.retain(|lane| lane.medium != Medium::Content)),
                (Verdict::Warn, ReasonCode::CallContentUnseen, None),
            ),
        ];
        for (figures, expected) in cases {
            let outcome = CallOutcome::Measured(Box::new(figures));
            let found = judge(&outcome, Some(&profile), &order);
            assert_eq!((found.verdict, found.reason, found.direction), expected, "{outcome:?}");
        }
        assert_eq!(judge(&CallOutcome::NotConnected(CallFailed::Busy), None, &order).verdict, Verdict::Fail);
        assert_eq!(judge(&CallOutcome::Broke(CallBroke::Blind), None, &order).verdict, Verdict::TestBroke);
    }
}
