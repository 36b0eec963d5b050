//! Whether something that was told has happened: by the order's key, which the bridge gives back, and by the roster.

use super::Cms;
use super::leg::Details;
use super::line::Owned;
use crate::domain::mcu::ParticipantRef;
use crate::mcu::fault::Fault;
use crate::observation::action::{Action, ActionKey, Looked, Plan};

impl Cms {
    pub(super) async fn look_at(&self, plan: &Plan, key: &ActionKey) -> Result<Looked, Fault> {
        match &plan.action {
            Action::Dial { conference, .. } | Action::Redial { conference, .. } => {
                Ok(match self.owned(conference, key).await? {
                    Owned::There => Looked::Happened,
                    // A call that failed is listed as little as one that was never made.
                    Owned::Nowhere | Owned::NotAllRead => Looked::CannotTell,
                })
            }
            Action::Disconnect { participant, .. } => Ok(told(self.details_of(participant).await?.is_none())),
            Action::Mute { participant: Some(participant), medium, way, on, .. } => {
                let details = self.details_of(participant).await?.filter(|details| details.mute_known);
                let muted = details.map(|details| details.muted.contains(&(*medium, *way)));
                Ok(muted.map_or(Looked::CannotTell, |muted| told(muted == *on)))
            }
            Action::MoveParticipant { conference, participant, .. } => {
                let (there, complete) = self.legs(conference).await?;
                Ok(match (there.iter().any(|leg| leg.id == *participant), complete) {
                    (true, _) => Looked::DidNot,
                    // It left; whether it was moved or hung up is not said.
                    (false, _) => Looked::CannotTell,
                })
            }
            Action::Mute { .. }
            | Action::Layout { .. }
            | Action::Broadcast { .. }
            | Action::KeyFrame { .. }
            | Action::MigrateConference { .. }
            | Action::Drain { .. } => Ok(Looked::CannotTell),
        }
    }

    /// What a leg's page says; none when the bridge knows no such leg.
    async fn details_of(&self, participant: &ParticipantRef) -> Result<Option<Details>, Fault> {
        match self.leg_page(participant).await {
            Ok((_, details)) => Ok(Some(details)),
            Err(Fault::Said { code, .. }) if code == "callLegDoesNotExist" || code == "404" => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

fn told(happened: bool) -> Looked {
    if happened { Looked::Happened } else { Looked::DidNot }
}
