//! Whether an action worked, by what can be seen afterwards: media before presence, and other eyes before the
//! device's own word.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::{Eyes, Means};
use crate::domain::mcu::ConferenceRef;
use crate::mcu::fault::Fault;
use crate::observation::action::{Action, Verified};
use crate::observation::device::{
    ConferenceSeen, Flow, Medium, Presence, Service, SiteSeen, StreamSample, Way,
};

/// Media begin some time after a call; before this, what is seen may be the call that was hung up.
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for one look.
const LOOK_PATIENCE: Duration = Duration::from_secs(8);

/// Looks until the action is seen to have worked, or the time is over. `before` is the conference as it was.
pub(super) async fn verify(
    means: &Means,
    action: &Action,
    before: Option<&ConferenceSeen>,
    within: Duration,
) -> Verified {
    let deadline = Instant::now() + within;
    let mut shown = None;
    sleep(FIRST_LOOK).await;
    loop {
        if let Ok(now) = timeout(LOOK_PATIENCE, look(means, action, before)).await {
            shown = now;
        }
        if shown == Some(true) {
            return Verified::Worked;
        }
        if Instant::now() + LOOK_EVERY > deadline {
            return if shown.is_none() { Verified::CannotTell } else { Verified::DidNotWork };
        }
        sleep(LOOK_EVERY).await;
    }
}

/// One look: whether it worked; `None` where it cannot be told.
async fn look(means: &Means, action: &Action, before: Option<&ConferenceSeen>) -> Option<bool> {
    let Some(conference) = looked_at(action) else { return drained(means, action).await };
    let mut seen = match means.bridge.roster(conference).await {
        Ok(seen) => seen,
        Err(Fault::NotSupported) => return None,
        Err(_) => return None,
    };
    for site in seen.present.iter_mut().filter(|site| concerns(action, before, site)) {
        if site.streams.is_empty() && is_there(site) {
            let read = means.bridge.streams(conference, site).await;
            site.streams = read.unwrap_or_default();
        }
    }
    worked(action, before, &seen, means.eyes.as_ref())
}

/// The conference in which to look; none where the whole device is meant.
fn looked_at(action: &Action) -> Option<&ConferenceRef> {
    match action {
        Action::MoveParticipant { to, .. } => Some(to),
        Action::Dial { conference, .. }
        | Action::Redial { conference, .. }
        | Action::Disconnect { conference, .. }
        | Action::Mute { conference, .. }
        | Action::Layout { conference, .. }
        | Action::Broadcast { conference, .. }
        | Action::KeyFrame { conference, .. }
        | Action::MigrateConference { conference, .. } => Some(conference),
        Action::Drain { .. } => None,
    }
}

async fn drained(means: &Means, action: &Action) -> Option<bool> {
    let Action::Drain { on } = action else { return None };
    match means.bridge.health().await.ok()?.service {
        Service::Draining => Some(*on),
        Service::Up | Service::Degraded => Some(!*on),
        Service::Starting | Service::Failed | Service::Unknown => None,
    }
}

/// Whether this is the site that the action was about. A redialled site may have another reference afterwards: then
/// its address tells, or its name.
pub(super) fn concerns(action: &Action, before: Option<&ConferenceSeen>, site: &SiteSeen) -> bool {
    if let Action::Dial { address, name, .. } = action {
        let called = site.address.as_deref().is_some_and(|at| same_address(at, address));
        return called || site.address.is_none() && !name.is_empty() && &site.name == name;
    }
    let Some(participant) = action.participant() else {
        return matches!(action, Action::Mute { .. } | Action::MigrateConference { .. });
    };
    let known = before.and_then(|seen| seen.present.iter().find(|site| &site.participant == participant));
    let same = |known: &SiteSeen| match (&known.address, &site.address) {
        (Some(known), Some(address)) => same_address(known, address),
        (None, _) | (_, None) => known.name == site.name,
    };
    &site.participant == participant || known.is_some_and(same)
}

/// Whether two texts name one address: a scheme, its parameters and capitals make no difference.
pub fn same_address(one: &str, other: &str) -> bool {
    bare(one) == bare(other)
}

fn bare(address: &str) -> String {
    let rest = ["sips:", "sip:", "h323:", "tel:"].iter().find_map(|scheme| {
        address.get(..scheme.len()).filter(|it| it.eq_ignore_ascii_case(scheme)).map(str::len)
    });
    let rest = address.get(rest.unwrap_or(0)..).unwrap_or_default();
    let end = rest.find([';', '?']).unwrap_or(rest.len());
    rest.get(..end).unwrap_or_default().trim().to_ascii_lowercase()
}

fn is_there(site: &SiteSeen) -> bool {
    matches!(site.presence, Presence::Connected | Presence::OnHold)
}

/// What a conference shows of an action. Pure.
pub(super) fn worked(
    action: &Action,
    before: Option<&ConferenceSeen>,
    seen: &ConferenceSeen,
    eyes: &dyn Eyes,
) -> Option<bool> {
    let mut sites = seen.present.iter().filter(|site| concerns(action, before, site));
    match action {
        Action::Dial { .. } | Action::Redial { .. } | Action::MoveParticipant { .. } => {
            best(sites.map(|site| lives(site, eyes)))
        }
        Action::Disconnect { .. } => Some(!sites.any(is_there)),
        Action::Mute { medium, way, on, .. } => {
            all(sites.filter(|site| is_there(site)).map(|site| muted(site, *medium, *way, *on)))
        }
        Action::KeyFrame { .. } => sites.next().and_then(|site| eyes.flow(site)),
        Action::MigrateConference { .. } => {
            let flowed = before.map(|before| before.present.iter().filter(|site| is_there(site)))?;
            all(flowed.map(|site| {
                let again = seen
                    .present
                    .iter()
                    .filter(|now| now.participant == site.participant || now.name == site.name);
                best(again.map(|site| lives(site, eyes)))
            }))
        }
        // What people see of a layout no figure shows.
        Action::Layout { .. } | Action::Broadcast { .. } | Action::Drain { .. } => None,
    }
}

/// Whether a site is there and its media come. Other eyes count before the device's own.
fn lives(site: &SiteSeen, eyes: &dyn Eyes) -> Option<bool> {
    if !is_there(site) {
        return Some(false);
    }
    if let Some(flows) = eyes.flow(site) {
        return Some(flows);
    }
    let from: Vec<&StreamSample> = site.streams.iter().filter(|it| it.way == Way::FromSite).collect();
    let any = |flow: fn(&Flow) -> bool| from.iter().any(|sample| flow(&sample.flow));
    if any(|flow| matches!(flow, Flow::Flowing | Flow::Paused)) {
        Some(true)
    } else if any(|flow| matches!(flow, Flow::NoMedia { .. })) {
        Some(false)
    } else {
        None
    }
}

fn muted(site: &SiteSeen, medium: Medium, way: Way, on: bool) -> Option<bool> {
    if (medium, way) == (Medium::Audio, Way::FromSite)
        && let Some(muted) = site.muted
    {
        return Some(muted == on);
    }
    let sample = site.streams.iter().find(|sample| sample.medium == medium && sample.way == way)?;
    match sample.flow {
        Flow::Paused => Some(on),
        Flow::Flowing => Some(!on),
        Flow::NoMedia { .. } | Flow::Unknown => None,
    }
}

/// True when any is, false when none can be and at least one is not or there is none.
fn best(found: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let found: Vec<Option<bool>> = found.collect();
    if found.contains(&Some(true)) {
        Some(true)
    } else if found.contains(&None) {
        None
    } else {
        Some(false)
    }
}

/// True when all are, false when any is not.
fn all(found: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let found: Vec<Option<bool>> = found.collect();
    if found.contains(&Some(false)) {
        Some(false)
    } else if found.is_empty() || found.contains(&None) {
        None
    } else {
        Some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mcu::ParticipantRef;
    use crate::domain::time::Utc;
    use crate::mcu::scripted::{conference, site};

    #[derive(Debug)]
    struct Looks(Option<bool>);

    impl Eyes for Looks {
        fn flow(&self, _: &SiteSeen) -> Option<bool> {
            self.0
        }
    }

    fn seen(present: Vec<SiteSeen>) -> ConferenceSeen {
        let (conference, at) = (conference(), Utc(0));
        ConferenceSeen { conference, name: String::new(), expected: None, present, complete: true, at }
    }

    fn with(flow: Flow) -> SiteSeen {
        SiteSeen { streams: vec![StreamSample::bare(Medium::Video, Way::FromSite, flow)], ..site(1) }
    }

    fn redial() -> Action {
        Action::Redial { conference: conference(), participant: ParticipantRef::new("1") }
    }

    #[test]
    fn connected_is_not_enough_and_other_eyes_count_before_the_devices_word() {
        let dead = Flow::NoMedia { since: None };
        let left = SiteSeen { presence: Presence::Left { cause: String::new() }, ..with(Flow::Flowing) };
        let cases = [
            (with(Flow::Flowing), None, Some(true)),
            (with(Flow::Paused), None, Some(true)),
            (with(dead), None, Some(false)),
            (with(Flow::Unknown), None, None),
            (site(1), None, None),
            (left, Some(true), Some(false)),
            (with(Flow::Flowing), Some(false), Some(false)),
            (with(Flow::Unknown), Some(true), Some(true)),
        ];
        for (site, eyes, expected) in cases {
            let shown = worked(&redial(), None, &seen(vec![site.clone()]), &Looks(eyes));
            assert_eq!(shown, expected, "{site:?} {eyes:?}");
        }
        assert_eq!(worked(&redial(), None, &seen(Vec::new()), &Looks(None)), Some(false), "it is not there");
    }

    #[test]
    fn a_redialled_site_is_found_again_under_another_reference() {
        let before = seen(vec![site(1)]);
        let again = SiteSeen {
            participant: ParticipantRef::new("other"),
            address: Some("SIP:1@county.example;transport=tcp".into()),
            ..with(Flow::Flowing)
        };
        assert_eq!(worked(&redial(), Some(&before), &seen(vec![again]), &Looks(None)), Some(true));
    }

    #[test]
    fn muting_and_hanging_up_are_seen_without_media() {
        let mute = |on| Action::Mute {
            conference: conference(),
            participant: None,
            medium: Medium::Audio,
            way: Way::FromSite,
            on,
        };
        let muted = SiteSeen { muted: Some(true), ..site(1) };
        let both = seen(vec![muted.clone(), site(2)]);
        assert_eq!(worked(&mute(true), None, &both, &Looks(None)), Some(false), "one is not");
        assert_eq!(worked(&mute(true), None, &seen(vec![muted]), &Looks(None)), Some(true));
        let hang_up = Action::Disconnect { conference: conference(), participant: ParticipantRef::new("1") };
        assert_eq!(worked(&hang_up, None, &seen(vec![site(1)]), &Looks(None)), Some(false));
        assert_eq!(worked(&hang_up, None, &seen(vec![site(2)]), &Looks(None)), Some(true));
    }

    #[test]
    fn addresses_are_compared_as_people_mean_them() {
        for (one, other, same) in [
            ("sip:a@b", "a@B", true),
            ("sips:a@b;transport=tls", "sip:a@b?x=1", true),
            ("h323:10.0.0.1", "10.0.0.1", true),
            ("a@b", "a@c", false),
            ("", "sip:", true),
            ("县@b", "sip:县@b", true),
        ] {
            assert_eq!(same_address(one, other), same, "{one} {other}");
        }
    }
}
