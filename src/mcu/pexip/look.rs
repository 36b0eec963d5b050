//! Whether something that was told has happened: looks at the roster and sends nothing that changes it.

use super::Pexip;
use super::participant::Participant;
use super::plan::{self, Step};
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::fault::Fault;
use crate::observation::action::{Action, Looked, Plan};
use crate::observation::device::{Medium, Way};

impl Pexip {
    pub(super) async fn look_at(&self, plan: &Plan) -> Result<Looked, Fault> {
        match &plan.action {
            Action::Dial { conference, address, .. } => self.look_dialled(conference, address).await,
            Action::Redial { conference, participant } => {
                self.look_redialled(plan, conference, participant).await
            }
            Action::Disconnect { conference, participant } => self.look_gone(conference, participant).await,
            Action::Mute {
                conference,
                participant: Some(participant),
                medium: Medium::Audio,
                way: Way::FromSite,
                on,
            } => {
                let (there, _) = self.participants(conference).await?;
                let muted = find(&there, participant).and_then(|each| each.site.muted);
                Ok(muted.map_or(Looked::CannotTell, |muted| told(muted == *on)))
            }
            Action::MoveParticipant { conference, participant, to } => {
                self.look_moved(conference, participant, to).await
            }
            Action::Drain { on } => self.look_drained(*on).await,
            Action::Mute { .. }
            | Action::Layout { .. }
            | Action::Broadcast { .. }
            | Action::KeyFrame { .. }
            | Action::MigrateConference { .. } => Ok(Looked::CannotTell),
        }
    }

    /// A call that failed at once is listed as little as one that was never made, so an absent one tells nothing.
    async fn look_dialled(&self, conference: &ConferenceRef, address: &str) -> Result<Looked, Fault> {
        let (there, _) = self.participants(conference).await?;
        let called = there.iter().any(|each| each.outbound && plan::same(&each.site, address));
        Ok(if called { Looked::Happened } else { Looked::CannotTell })
    }

    async fn look_redialled(
        &self,
        plan: &Plan,
        conference: &ConferenceRef,
        participant: &ParticipantRef,
    ) -> Result<Looked, Fault> {
        let (there, _) = self.participants(conference).await?;
        if find(&there, participant).is_some() {
            return Ok(Looked::DidNot);
        }
        let steps: Vec<Step> = plan.steps.iter().filter_map(|step| Step::read(step)).collect();
        let address = steps.iter().find_map(Step::calls).unwrap_or_default();
        let called = there.iter().any(|each| each.outbound && plan::same(&each.site, address));
        Ok(if called { Looked::Happened } else { Looked::CannotTell })
    }

    async fn look_gone(
        &self,
        conference: &ConferenceRef,
        participant: &ParticipantRef,
    ) -> Result<Looked, Fault> {
        let (there, complete) = self.participants(conference).await?;
        Ok(match (find(&there, participant), complete) {
            (Some(_), _) => Looked::DidNot,
            (None, true) => Looked::Happened,
            (None, false) => Looked::CannotTell,
        })
    }

    async fn look_moved(
        &self,
        conference: &ConferenceRef,
        participant: &ParticipantRef,
        to: &ConferenceRef,
    ) -> Result<Looked, Fault> {
        let (old, new) = (self.participants(conference).await?.0, self.participants(to).await?.0);
        Ok(match (find(&old, participant), find(&new, participant)) {
            (Some(_), _) => Looked::DidNot,
            (None, Some(_)) => Looked::Happened,
            (None, None) => Looked::CannotTell,
        })
    }

    async fn look_drained(&self, on: bool) -> Result<Looked, Fault> {
        let (workers, _) = self.workers().await?;
        let reached = workers.iter().filter(|worker| worker.maintenance == on).count();
        Ok(match reached {
            0 => Looked::DidNot,
            all if all == workers.len() => Looked::Happened,
            _ => Looked::CannotTell,
        })
    }
}

fn find<'a>(all: &'a [Participant], participant: &ParticipantRef) -> Option<&'a Participant> {
    all.iter().find(|each| each.site.participant == *participant)
}

fn told(happened: bool) -> Looked {
    if happened { Looked::Happened } else { Looked::DidNot }
}
