//! Alarms 告警: one per rule and subject, as ISA-18.2 and IEC 62682 have them.
//!
//! A finding says that something is wrong; its alarm says whether anybody knows. The core goes on whatever lies over
//! it. Three things may: a person puts it aside for a time 暂不提醒, it is worked on 停用, or it comes and goes too
//! often 抖动. Whether it is silent by design follows from its incident, the phase and a flood, is worked out when
//! somebody asks, and names what it is silent for: the cause itself is never silent.
//!
//! Deadlines are wall-clock moments in the journal, so a restart knows them.

mod change;
mod command;
pub mod load;
mod machine;
pub mod sheet;
mod view;

use std::collections::BTreeMap;

pub use change::AlarmChange;
pub(super) use command::answer;
pub use machine::{AlarmState, Core, Look, Signal};
pub use view::{AlarmView, Suppressor, view};

use super::draft::Draft;
use super::event::{Event, Picture, What};
use super::finding::{FindingKey, Severity};
use super::input::Input;
use super::state::{Alarm, State};
use crate::domain::lang::Text;
use crate::domain::time::{Mono, Span, Utc};

/// So often raised within [`CHATTER_WITHIN`], an alarm chatters: ten transitions in a minute.
pub const CHATTER_RISES: usize = 5;
/// See [`CHATTER_RISES`].
pub const CHATTER_WITHIN: Span = Span::minutes(1);
/// So long a chattering alarm is told once.
pub const CHATTER_LASTS: Span = Span::minutes(5);

/// How long an acknowledgement lasts: who took care of a critical alarm has something to show in ten minutes.
pub fn ack_lasts(severity: Severity) -> Span {
    match severity {
        Severity::Critical => Span::minutes(10),
        Severity::Severe => Span::minutes(20),
        Severity::Warning | Severity::Information => Span::minutes(30),
    }
}

/// Follows alarms after an input.
pub(super) fn go_on(draft: &mut Draft<'_>, input: &Input) {
    if *input == Input::Woke {
        run_out(draft);
        load::turn(draft);
    }
    let raised: Vec<(FindingKey, Severity)> = draft.events.iter().filter_map(weighed).collect();
    for (key, severity) in raised {
        latch(draft, &key, severity);
    }
    let rises: Vec<FindingKey> = draft.events.iter().filter_map(raised_now).collect();
    rises.iter().for_each(|key| count(draft, key));
}

/// The next moment at which something of an alarm runs out.
pub(super) fn next_utc(state: &State) -> Option<Utc> {
    let due = state.picture.alarms.due.first().map(|(at, _)| *at);
    [due, load::next_utc(state)].into_iter().flatten().min()
}

fn weighed(event: &Event) -> Option<(FindingKey, Severity)> {
    let Event::Durable(durable) = event else { return None };
    if let What::FindingRaised { finding, severity, .. } | What::FindingWeighed { finding, severity, .. } =
        &durable.what
    {
        Some((finding.clone(), *severity))
    } else {
        None
    }
}

fn raised_now(event: &Event) -> Option<FindingKey> {
    let Event::Durable(durable) = event else { return None };
    if let What::FindingRaised { finding, .. } = &durable.what { Some(finding.clone()) } else { None }
}

/// What everybody in the meeting noticed is not forgotten because it went away.
fn latch(draft: &mut Draft<'_>, key: &FindingKey, severity: Severity) {
    let latched = draft.state.durable.alarms.get(key).is_some_and(|alarm| alarm.latches);
    if severity == Severity::Critical && key.rule.is_stream() && !latched {
        conclude(draft, vec![key.clone()], AlarmChange::Latches);
    }
}

/// Counts how often an alarm is raised, and says when it chatters.
fn count(draft: &mut Draft<'_>, key: &FindingKey) {
    let now = draft.now;
    draft.picture(Picture::AlarmRose { alarm: key.clone(), at: now.mono });
    let lately = lately(draft.state, key, now.mono) + 1;
    let chatters = draft.state.durable.alarms.get(key).is_some_and(|alarm| alarm.chatters_until.is_some());
    if lately >= CHATTER_RISES && !chatters {
        let until = now.utc + CHATTER_LASTS;
        conclude(draft, vec![key.clone()], AlarmChange::Chattering { until });
    }
}

/// How often an alarm was raised within [`CHATTER_WITHIN`].
fn lately(state: &State, key: &FindingKey, now: Mono) -> usize {
    let rises = state.picture.alarms.rises.get(key).into_iter().flatten();
    rises.filter(|at| now.since(**at) < CHATTER_WITHIN).count()
}

/// What one alarm loses when its time is over.
fn overdue(state: &State, alarm: &Alarm, now: (Mono, Utc)) -> Vec<AlarmChange> {
    let (mono, utc) = now;
    let mut changes = Vec::new();
    let over = |until: Option<Utc>| until.is_some_and(|until| until <= utc);
    if over(alarm.acked.as_ref().and_then(|acked| acked.until)) {
        let why = Text::new("确认已过期", "the acknowledgement is too old");
        changes.push(AlarmChange::Unacked { why });
    }
    if over(alarm.shelf.as_ref().map(|shelf| shelf.until)) {
        let why = Text::new("暂不提醒到期", "its time on the shelf is over");
        changes.push(AlarmChange::Unshelved { why });
    }
    if over(alarm.service.as_ref().map(|service| service.until)) {
        let why = Text::new("停用到期", "its time out of service is over");
        changes.push(AlarmChange::InService { why });
    }
    if over(alarm.chatters_until) {
        let still = lately(state, &alarm.key, mono) > 0;
        let until = utc + CHATTER_LASTS;
        changes.push(if still { AlarmChange::Chattering { until } } else { AlarmChange::Calmed });
    }
    changes
}

/// Ends what has run out; equal ends are one event.
fn run_out(draft: &mut Draft<'_>) {
    let (state, now) = (draft.state, draft.now);
    let mut ends: BTreeMap<&str, (AlarmChange, Vec<FindingKey>)> = BTreeMap::new();
    for (_, key) in state.picture.alarms.due.iter().take_while(|(at, _)| *at <= now.utc) {
        let alarm = state.durable.alarms.get(key);
        for change in alarm.into_iter().flat_map(|alarm| overdue(state, alarm, (now.mono, now.utc))) {
            let of = ends.entry(change.code()).or_insert_with(|| (change, Vec::new()));
            of.1.push(key.clone());
        }
    }
    for (change, alarms) in ends.into_values() {
        conclude(draft, alarms, change);
    }
}

fn conclude(draft: &mut Draft<'_>, alarms: Vec<FindingKey>, change: AlarmChange) {
    draft.conclude(What::AlarmsChanged { alarms, change });
}
