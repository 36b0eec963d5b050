//! The enrolment desk: invites agents and takes their keys. What counts is the engine's answer, after the commit.

use std::sync::Arc;

use tokio::sync::watch;

use super::arrival::Door;
use super::enrolments::Enrolments;
use super::line;
use crate::domain::actor::Actor;
use crate::domain::id::{AgentId, VenueId};
use crate::domain::time::Utc;
use crate::engine::effect::Outcome;
use crate::engine::input::Command;
use crate::engine::state::Enrolment;
use crate::uplink::client::Membership;
use crate::uplink::enrol::server::{Claim, Registry, Rotation};
use crate::uplink::enrol::{Refusal, Token};
use crate::uplink::key::{Identity, KeyId, PublicKey};
use crate::uplink::mqtt::BrokerAccess;
use crate::web::{Invitation, Invitations};

/// What an agent is told when it is let in.
#[derive(Debug, Clone)]
pub(super) enum BrokerTold {
    /// The embedded broker: each agent has a login of its own.
    Embedded(BrokerAccess),
    /// The site's broker: everybody is told the same.
    External(BrokerAccess),
}

/// The desk. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    /// To the judge.
    pub(super) door: Door,
    /// Who is invited and enrolled.
    pub(super) enrolments: watch::Receiver<Arc<Enrolments>>,
    /// The controller's own key.
    pub(super) identity: Arc<Identity>,
    /// What agents are told of the broker.
    pub(super) broker: BrokerTold,
    /// What tokens pin of the enrolment certificate.
    pub(super) tls_pin: [u8; 32],
}

impl Invitations for Desk {
    fn invite(&self, _: &AgentId) -> Invitation {
        let token = Token::issue(self.tls_pin, self.identity.key().public().fingerprint());
        Invitation { token: token.reveal(), secret_hash: hex::encode(token.hash().0) }
    }
}

impl Registry for Desk {
    async fn enrol(&self, claim: Claim) -> Result<Membership, Refusal> {
        let secret_hash = hex::encode(claim.token.0);
        let (agent, venue, enrolment) = self.invited(&secret_hash)?;
        let public_key = hex::encode(claim.key.bytes());
        if enrolment.key.as_ref() == Some(&public_key) {
            // The answer to an earlier attempt was lost on its way.
            return Ok(self.membership(agent, venue, &claim.key));
        }
        still_good(&enrolment, claim.at)?;
        let actor = Actor::Agent { id: agent.clone() };
        let command = Command::EnrolAgent { agent: agent.clone(), secret_hash, public_key };
        done(self.door.ask_and_wait(actor, command).await)?;
        tracing::info!(%agent, host = claim.host, version = claim.version, "agent enrolled");
        Ok(self.membership(agent, venue, &claim.key))
    }

    async fn key_of(&self, agent: &AgentId, key: KeyId) -> Option<PublicKey> {
        let enrolments = self.enrolments.borrow();
        let (_, enrolment) = enrolments.entries.get(agent)?;
        let found = PublicKey::parse(enrolment.key.as_ref()?).ok()?;
        (KeyId::of(&found) == key).then_some(found)
    }

    async fn rotate(&self, rotation: Rotation) -> Result<Membership, Refusal> {
        let agent = rotation.agent;
        let venue = self.enrolments.borrow().entries.get(&agent).map(|(venue, _)| venue.clone());
        let venue = venue.ok_or(Refusal::UnknownKey)?;
        let public_key = hex::encode(rotation.new.bytes());
        let actor = Actor::Agent { id: agent.clone() };
        let command = Command::RotateAgentKey { agent: agent.clone(), public_key };
        done(self.door.ask_and_wait(actor, command).await)?;
        Ok(self.membership(agent, venue, &rotation.new))
    }
}

impl Desk {
    fn invited(&self, secret_hash: &str) -> Result<(AgentId, VenueId, Enrolment), Refusal> {
        let enrolments = self.enrolments.borrow();
        let invited = |enrolment: &Enrolment| {
            let open =
                enrolment.invitation.as_ref().is_some_and(|invitation| invitation.secret_hash == secret_hash);
            open || enrolment.used.as_deref() == Some(secret_hash)
        };
        let found = enrolments.entries.iter().find(|(_, (_, enrolment))| invited(enrolment));
        let (agent, (venue, enrolment)) = found.ok_or(Refusal::UnknownToken)?;
        Ok((agent.clone(), venue.clone(), enrolment.clone()))
    }

    fn membership(&self, agent: AgentId, venue: VenueId, key: &PublicKey) -> Membership {
        let broker = match &self.broker {
            BrokerTold::Embedded(access) => {
                let login = line::agent_login(&agent, KeyId::of(key), self.identity.key());
                BrokerAccess { login: Some(login), ..access.clone() }
            }
            BrokerTold::External(access) => access.clone(),
        };
        Membership { agent, venue, controller: *self.identity.key().public(), broker }
    }
}

fn still_good(enrolment: &Enrolment, at: Utc) -> Result<(), Refusal> {
    match &enrolment.invitation {
        None => Err(Refusal::UsedToken),
        Some(invitation) if invitation.expires <= at => Err(Refusal::ExpiredToken),
        Some(_) => Ok(()),
    }
}

fn done(outcome: Outcome) -> Result<(), Refusal> {
    match outcome {
        Outcome::Done
        | Outcome::Round(_)
        | Outcome::Version(_)
        | Outcome::Ordered(_)
        | Outcome::Incident(_)
        | Outcome::WouldDo(_) => Ok(()),
        Outcome::Refused(crate::engine::effect::Refusal::BadSecret) => Err(Refusal::UnknownToken),
        Outcome::Refused(_) => Err(Refusal::Unavailable),
    }
}
