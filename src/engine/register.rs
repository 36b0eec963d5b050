//! What vcops is told about the world and its agents: inventory changes, invitations, keys.

use super::draft::Draft;
use super::effect::{Outcome, Refusal};
use super::event::What;
use super::input::Command;
use super::picture;
use crate::domain::actor::Actor;
use crate::domain::id::AgentId;
use crate::domain::inventory::{Broken, BrokenWhy, Change, ItemRef};
use crate::domain::time::Utc;

/// Bytes of a SHA-256 digest or an Ed25519 key, in hex digits.
const HEX_DIGITS: usize = 64;

/// Answers a command about the register; `None` when it is about something else.
pub(super) fn answer(draft: &mut Draft<'_>, command: &Command) -> Option<Outcome> {
    let outcome = match command {
        Command::SubmitInventory { base, changes, origin } => submit(draft, *base, changes, origin),
        Command::InviteAgent { agent, secret_hash, expires } => invite(draft, agent, secret_hash, *expires),
        Command::EnrolAgent { agent, secret_hash, public_key } => {
            enrol(draft, agent, secret_hash, public_key)
        }
        Command::RotateAgentKey { agent, public_key } => rotate(draft, agent, public_key),
        Command::RevokeAgent { agent, why } => revoke(draft, agent, why),
        Command::RecordIdentity { what, subject } => {
            draft.record(What::IdentityChanged { what: what.clone(), subject: subject.clone() });
            Ok(Outcome::Done)
        }
        Command::Incident { .. }
        | Command::Plan { .. }
        | Command::Duty { .. }
        | Command::Alarms { .. }
        | Command::Act { .. }
        | Command::DecideAction { .. }
        | Command::ThawAction { .. }
        | Command::OpenRound { .. }
        | Command::Retest { .. }
        | Command::CloseRound { .. }
        | Command::Waive { .. }
        | Command::RecordRoom { .. }
        | Command::Confirm { .. }
        | Command::GiveConsent { .. }
        | Command::RecordRollCall { .. }
        | Command::SignOff { .. } => return None,
    };
    Some(outcome.unwrap_or_else(Outcome::Refused))
}

/// Takes changes whole or not at all: afterwards nothing may refer to what is not there.
fn submit(draft: &mut Draft<'_>, base: u64, changes: &[Change], origin: &str) -> Result<Outcome, Refusal> {
    let durable = &draft.state.durable;
    let current = durable.inventory.version;
    if base != current {
        return Err(Refusal::StaleVersion { current });
    }
    // What changes nothing is not a change: submitting a file twice leaves one version.
    let mut after = durable.inventory.clone();
    let mut real = Vec::new();
    for change in changes {
        let before = after.item(&change.subject());
        after.apply(change);
        if after.item(&change.subject()) != before {
            real.push(change.clone());
        }
    }
    if real.is_empty() {
        return Ok(Outcome::Version(current));
    }
    let broken = after.broken();
    if !broken.is_empty() {
        return Err(Refusal::WouldBreak { what: broken.iter().map(describe).collect() });
    }
    let mut rounds = draft.state.picture.open_rounds.iter().filter_map(|id| durable.rounds.get(id));
    if let Some(round) = rounds.find(|round| !after.meetings.contains_key(&round.meeting)) {
        return Err(Refusal::RoundRunning { round: round.id });
    }
    let version = current.saturating_add(1);
    draft.record(What::InventoryChanged { version, changes: real, origin: origin.to_owned() });
    Ok(Outcome::Version(version))
}

/// A broken reference in words, Chinese first.
fn describe(broken: &Broken) -> String {
    let Broken { item, field, why } = broken;
    let (zh, en) = match why {
        BrokenWhy::Missing(to) => (format!("所指的 {to} 不存在"), format!("names {to}, which is not there")),
        BrokenWhy::Cycle => ("上级关系成环".to_owned(), "leads back to itself".to_owned()),
        BrokenWhy::EndsBeforeStart => ("结束早于开始".to_owned(), "ends before it starts".to_owned()),
        BrokenWhy::Limits => ("限值不合理".to_owned(), "limits do not fit together".to_owned()),
        BrokenWhy::Twice(what) => (format!("重复：{what}"), format!("names {what} twice")),
        BrokenWhy::SameAsPrimary => ("备用与主用相同".to_owned(), "standby is the primary itself".to_owned()),
        BrokenWhy::OtherNetwork => ("与会议不在同一网络".to_owned(), "is on another network".to_owned()),
        BrokenWhy::PathPlan => ("线路探测参数超出范围".to_owned(), "path plan out of range".to_owned()),
        BrokenWhy::Address(_) => {
            ("接口地址的写法不对".to_owned(), "is no address of that interface".to_owned())
        }
        BrokenWhy::Plan(flaw) => {
            let (what, _) = flaw.words();
            (what.zh, what.en)
        }
    };
    format!("{item} · {field}: {zh} / {en}")
}

fn invite(
    draft: &mut Draft<'_>,
    agent: &AgentId,
    secret_hash: &str,
    expires: Utc,
) -> Result<Outcome, Refusal> {
    known(draft, agent)?;
    if !is_hex(secret_hash) || expires <= draft.now.utc {
        return Err(Refusal::BadSecret);
    }
    let secret_hash = secret_hash.to_ascii_lowercase();
    draft.record(What::AgentInvited { agent: agent.clone(), secret_hash, expires });
    Ok(Outcome::Done)
}

/// A secret works once: the invitation is gone with the key's arrival.
fn enrol(draft: &mut Draft<'_>, agent: &AgentId, secret_hash: &str, key: &str) -> Result<Outcome, Refusal> {
    known(draft, agent)?;
    let invitation =
        draft.state.durable.enrolments.get(agent).and_then(|enrolment| enrolment.invitation.as_ref());
    let good = invitation.is_some_and(|invitation| {
        invitation.secret_hash.eq_ignore_ascii_case(secret_hash) && draft.now.utc < invitation.expires
    });
    if !good || !is_hex(key) {
        return Err(Refusal::BadSecret);
    }
    take_key(draft, agent, key);
    Ok(Outcome::Done)
}

fn rotate(draft: &mut Draft<'_>, agent: &AgentId, key: &str) -> Result<Outcome, Refusal> {
    known(draft, agent)?;
    let own = match &draft.actor {
        Actor::Agent { id } => id == agent,
        Actor::Vcops | Actor::User { .. } | Actor::Local { .. } => true,
        Actor::Person { .. } => false,
    };
    if !own || !is_hex(key) || draft.state.durable.agent_key(agent).is_none() {
        return Err(Refusal::BadSecret);
    }
    take_key(draft, agent, key);
    Ok(Outcome::Done)
}

fn revoke(draft: &mut Draft<'_>, agent: &AgentId, why: &str) -> Result<Outcome, Refusal> {
    if !draft.state.durable.enrolments.contains_key(agent) {
        return Err(Refusal::NotFound { what: ItemRef::Agent(agent.clone()).to_string() });
    }
    if why.trim().is_empty() {
        return Err(Refusal::Empty { field: "why".to_owned() });
    }
    draft.record(What::AgentRevoked { agent: agent.clone(), why: why.trim().to_owned() });
    Ok(Outcome::Done)
}

fn take_key(draft: &mut Draft<'_>, agent: &AgentId, key: &str) {
    draft.record(What::AgentEnrolled { agent: agent.clone(), public_key: key.to_ascii_lowercase() });
    picture::expect(draft, agent);
}

fn known(draft: &Draft<'_>, agent: &AgentId) -> Result<(), Refusal> {
    if draft.state.durable.inventory.agents.contains_key(agent) {
        return Ok(());
    }
    Err(Refusal::NotFound { what: ItemRef::Agent(agent.clone()).to_string() })
}

fn is_hex(text: &str) -> bool {
    text.len() == HEX_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
