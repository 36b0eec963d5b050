//! What every adapter needs to plan and to carry out: whom an action touches, what may be sent, and what a request
//! that failed means for the action. Knows no device.

use super::fault::Fault;
use crate::domain::mcu::{ConferenceRef, DEVICE_TEXT_BYTES_MAX, ParticipantRef};
use crate::observation::action::{Action, ActionOutcome, Force, Plan, Refused};
use crate::observation::device::{ConferenceSeen, Presence, SiteSeen};

/// The conference as it was read last, if it is the one that is meant.
pub fn conference<'a>(
    seen: Option<&'a ConferenceSeen>,
    wanted: &ConferenceRef,
) -> Result<&'a ConferenceSeen, Refused> {
    seen.filter(|seen| seen.conference == *wanted)
        .ok_or_else(|| Refused::NoSuchConference { conference: wanted.clone() })
}

/// The site in the roster that was read last: among those present, else among those expected.
pub fn site<'a>(
    seen: Option<&'a ConferenceSeen>,
    wanted: &ConferenceRef,
    participant: &ParticipantRef,
) -> Result<&'a SiteSeen, Refused> {
    let seen = conference(seen, wanted)?;
    let sites = seen.present.iter().chain(seen.expected.iter().flatten());
    sites
        .into_iter()
        .find(|site| site.participant == *participant)
        .ok_or_else(|| Refused::NoSuchParticipant { participant: participant.clone() })
}

/// The site that has this address, in the roster that was read last.
pub fn addressed<'a>(seen: &'a ConferenceSeen, address: &str) -> Option<&'a SiteSeen> {
    let sites = seen.present.iter().chain(seen.expected.iter().flatten());
    sites.into_iter().find(|site| site.address.as_deref() == Some(address))
}

/// Names of all who are there.
pub fn all(seen: &ConferenceSeen) -> Vec<String> {
    seen.present.iter().map(|site| site.name.clone()).collect()
}

/// Whether a site is there or on its way, by signalling.
pub fn is_up(site: &SiteSeen) -> bool {
    match site.presence {
        Presence::Calling | Presence::Connected | Presence::OnHold => true,
        Presence::Left { .. } | Presence::Unknown => false,
    }
}

/// Refuses a text that is empty, too long or carries control characters.
pub fn plain(field: &str, text: &str) -> Result<(), Refused> {
    let bad = |why: &str| Err(Refused::BadValue { field: field.to_owned(), why: why.to_owned() });
    if text.trim().is_empty() {
        return bad("empty");
    }
    if text.len() > DEVICE_TEXT_BYTES_MAX {
        return bad("too long");
    }
    if text.chars().any(char::is_control) {
        return bad("control characters");
    }
    Ok(())
}

/// Refuses what is to stand in a path as a name and is not one.
pub fn name_in_path(field: &str, text: &str) -> Result<(), Refused> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(());
    }
    Err(Refused::BadValue { field: field.to_owned(), why: "letters, digits, - and _ only".to_owned() })
}

/// A plan whose steps are the very requests that will be sent.
pub fn plan(action: &Action, touches: Vec<String>, steps: Vec<String>) -> Plan {
    let force = force(action);
    Plan { action: action.clone(), force, touches, preconditions: Vec::new(), steps, undone_by: undo(action) }
}

/// How much an action disturbs, by its kind and its reach.
pub fn force(action: &Action) -> Force {
    match action {
        Action::KeyFrame { .. } => Force::Gentle,
        Action::Mute { participant: Some(_), .. } | Action::Layout { participant: Some(_), .. } => {
            Force::OneSite
        }
        Action::Dial { .. }
        | Action::Redial { .. }
        | Action::Disconnect { .. }
        | Action::MoveParticipant { .. } => Force::OneSiteLeaves,
        Action::Mute { participant: None, .. }
        | Action::Layout { participant: None, .. }
        | Action::Broadcast { .. } => Force::Conference,
        Action::MigrateConference { .. } => Force::ConferenceLeaves,
        Action::Drain { .. } => Force::Device,
    }
}

/// What takes an action back, where its opposite is as plain.
fn undo(action: &Action) -> Option<Action> {
    match action {
        Action::Mute { conference, participant, medium, way, on } => Some(Action::Mute {
            conference: conference.clone(),
            participant: participant.clone(),
            medium: *medium,
            way: *way,
            on: !on,
        }),
        Action::MoveParticipant { conference, participant, to } => Some(Action::MoveParticipant {
            conference: to.clone(),
            participant: participant.clone(),
            to: conference.clone(),
        }),
        Action::Drain { on } => Some(Action::Drain { on: !on }),
        Action::Dial { .. }
        | Action::Redial { .. }
        | Action::Disconnect { .. }
        | Action::Layout { .. }
        | Action::Broadcast { .. }
        | Action::KeyFrame { .. }
        | Action::MigrateConference { .. } => None,
    }
}

/// A plan's steps on their way, one after the other; the first that fails ends it.
#[derive(Debug)]
pub struct Run<'a> {
    steps: &'a [String],
    done: usize,
    handle: Option<String>,
}

impl<'a> Run<'a> {
    /// Nothing done yet.
    pub fn new(steps: &'a [String]) -> Self {
        Self { steps, done: 0, handle: None }
    }

    /// Whether a step was taken already.
    pub fn is_under_way(&self) -> bool {
        self.done > 0
    }

    /// The device took a step; it may have named what came of it.
    pub fn took(&mut self, handle: Option<String>) {
        self.done += 1;
        self.handle = handle.or(self.handle.take());
    }

    /// A step failed. Where it may have happened all the same, nothing more is sent and nothing is claimed.
    pub fn failed(self, fault: &Fault) -> ActionOutcome {
        if fault.may_have_happened() {
            return ActionOutcome::Unknown;
        }
        if self.done == 0 {
            return refused(fault);
        }
        let (done, undone) = self.steps.split_at(self.done.min(self.steps.len()));
        ActionOutcome::Partial { done: done.to_vec(), undone: undone.to_vec() }
    }

    /// Every step was taken.
    pub fn ended(self) -> ActionOutcome {
        if self.steps.is_empty() {
            return ActionOutcome::Rejected { code: "no_steps".to_owned(), retryable: false };
        }
        ActionOutcome::Accepted { handle: self.handle }
    }
}

/// The device said no, or was never asked.
pub fn refused(fault: &Fault) -> ActionOutcome {
    let (code, retryable) = match fault {
        Fault::Unreachable(_) => ("unreachable", true),
        Fault::OwnSide(_) => ("own_side", true),
        Fault::Tls(_) => ("tls", false),
        Fault::Auth(_) => ("auth", false),
        Fault::RateLimited { .. } => ("rate_limited", true),
        Fault::Busy(_) => ("busy", true),
        Fault::Shape(_) => ("shape", false),
        Fault::Timeout { .. } => ("timeout", true),
        Fault::Said { code, .. } => (code.as_str(), false),
        Fault::NotSupported => ("not_provided", false),
        Fault::OverBudget => ("over_budget", true),
        Fault::NotItsTurn => ("not_its_turn", true),
        Fault::NoCredential | Fault::Account(_) => ("no_credential", false),
        Fault::Ours(_) => ("ours", true),
    };
    ActionOutcome::Rejected { code: code.to_owned(), retryable }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_step_that_fails_leaves_half_and_one_that_may_have_happened_leaves_nothing_to_claim() {
        let steps = ["hang up".to_owned(), "call".to_owned()];
        let half = |fault: &Fault| {
            let mut run = Run::new(&steps);
            run.took(None);
            run.failed(fault)
        };
        let said = Fault::Said { code: "20410".into(), words: String::new() };
        let partial = ActionOutcome::Partial { done: vec!["hang up".into()], undone: vec!["call".into()] };
        assert_eq!(half(&said), partial);
        assert_eq!(half(&Fault::Timeout { sent: true }), ActionOutcome::Unknown);
        let rejected = ActionOutcome::Rejected { code: "20410".into(), retryable: false };
        assert_eq!(Run::new(&steps).failed(&said), rejected);
    }

    #[test]
    fn what_would_leave_its_place_is_refused() {
        for bad in ["", "..", "a/b", "a?b", "a b", "%2e", "县"] {
            assert!(name_in_path("conference", bad).is_err(), "{bad}");
        }
        assert!(name_in_path("conference", "0000123-a_B").is_ok());
        assert!(plain("address", "sip:a@b\r\nX: y").is_err());
    }
}
