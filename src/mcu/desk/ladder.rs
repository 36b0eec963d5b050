//! The ladder of least force: what can be tried for one site, the gentlest first. Pure.

use std::collections::BTreeSet;

use crate::domain::mcu::{ConferenceRef, NodeRef};
use crate::observation::action::{Action, Does};
use crate::observation::device::{Medium, Presence, SiteSeen, Way};

/// What ails a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// Its picture is frozen or damaged.
    Picture,
    /// Its sound disturbs the others.
    Sound,
    /// It is not there, or dead.
    Gone,
}

/// What this make can do for a site, the gentlest first. `standby` is where its conference could move as the last
/// resort. Each step stands for itself: whoever climbs looks after each whether it helped.
pub fn ladder(
    ailment: Ailment,
    conference: &ConferenceRef,
    site: &SiteSeen,
    does: &BTreeSet<Does>,
    standby: Option<&NodeRef>,
) -> Vec<Action> {
    let (conference, participant) = (conference.clone(), site.participant.clone());
    let is_there = matches!(site.presence, Presence::Connected | Presence::OnHold);
    let mut steps = Vec::new();
    if is_there && ailment == Ailment::Picture {
        steps.push(Action::KeyFrame { conference: conference.clone(), participant: participant.clone() });
    }
    if is_there && ailment == Ailment::Sound {
        let (medium, way) = (Medium::Audio, Way::FromSite);
        let participant = Some(participant.clone());
        steps.push(Action::Mute { conference: conference.clone(), participant, medium, way, on: true });
        return able(steps, does);
    }
    // A platform that calls again by itself is not fought.
    if !site.redialled_by_platform || is_there {
        steps.push(Action::Redial { conference: conference.clone(), participant });
    }
    steps.extend(standby.map(|to| Action::MigrateConference { conference, to: to.clone() }));
    able(steps, does)
}

fn able(steps: Vec<Action>, does: &BTreeSet<Does>) -> Vec<Action> {
    // A conference can always be moved by hanging up and calling from elsewhere.
    let by_calls = does.contains(&Does::Dial) && does.contains(&Does::Disconnect);
    let can =
        |step: &Action| does.contains(&step.does()) || (step.does() == Does::MigrateConference && by_calls);
    let mut steps: Vec<Action> = steps.into_iter().filter(can).collect();
    steps.sort_by_key(Action::force);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::scripted::{conference, site};

    #[test]
    fn the_gentlest_comes_first_and_what_a_make_cannot_do_is_left_out() {
        let all = BTreeSet::from([Does::KeyFrame, Does::Redial, Does::Mute, Does::MigrateConference]);
        let few = BTreeSet::from([Does::Redial]);
        let standby = NodeRef::new("mcu-2");
        let cases = [
            (
                Ailment::Picture,
                &all,
                Presence::Connected,
                vec![Does::KeyFrame, Does::Redial, Does::MigrateConference],
            ),
            (Ailment::Picture, &few, Presence::Connected, vec![Does::Redial]),
            (Ailment::Gone, &all, Presence::Unknown, vec![Does::Redial, Does::MigrateConference]),
            (Ailment::Sound, &all, Presence::Connected, vec![Does::Mute]),
            (Ailment::Sound, &few, Presence::Connected, vec![]),
        ];
        for (ailment, does, presence, expected) in cases {
            let site = SiteSeen { presence, ..site(1) };
            let steps = ladder(ailment, &conference(), &site, does, Some(&standby));
            assert_eq!(steps.iter().map(Action::does).collect::<Vec<_>>(), expected, "{ailment:?}");
        }
    }

    #[test]
    fn a_platform_that_calls_again_by_itself_is_not_fought() {
        let gone = Presence::Left { cause: String::new() };
        let site = SiteSeen { presence: gone, redialled_by_platform: true, ..site(1) };
        assert!(
            ladder(Ailment::Gone, &conference(), &site, &BTreeSet::from([Does::Redial]), None).is_empty()
        );
    }
}
