//! What became of pages: taken by a channel, given up, answered.
//!
//! Who answers 收到 takes care: it counts as an acknowledgement by that person. Who answers 无法处理, or whom no channel
//! reaches, is passed over: the next rung is taken at once. Both may be told twice, after a crash between; the second
//! time changes nothing.

use super::{PagingChange, climb};
use crate::domain::id::PersonId;
use crate::domain::incident::{IncidentId, Moment};
use crate::domain::notice::{Answer, AnswerMeans, Delivery, NoticeAnswer, NoticeKey};
use crate::engine::draft::Draft;
use crate::engine::event::What;
use crate::engine::incident;
use crate::engine::input::Input;
use crate::engine::state::{Paging, Told};
use crate::observation::{Fact, Observation, Source};

/// Takes what a channel or a person said of a notice.
pub(in crate::engine) fn hear(draft: &mut Draft<'_>, input: &Input) {
    let Input::Observed { observation: Observation { source: Source::Hub, fact, .. } } = input else {
        return;
    };
    match fact {
        Fact::NoticeDelivered { notice, delivery } => delivered(draft, notice, delivery),
        Fact::NoticeAnswered { answer } => answered(draft, answer),
        Fact::Heartbeat { .. }
        | Fact::Progress { .. }
        | Fact::PathTested { .. }
        | Fact::Misbehaved { .. }
        | Fact::StreamSeen { .. }
        | Fact::DeviceSeen { .. }
        | Fact::ActionReported { .. }
        | Fact::CodecCalled { .. }
        | Fact::Proved { .. }
        | Fact::HubSeen { .. } => {}
    }
}

fn delivered(draft: &mut Draft<'_>, notice: &NoticeKey, delivery: &Delivery) {
    let Some((paging, told)) = about(draft, notice) else { return };
    let id = paging.incident;
    if told.is_some_and(|told| told.delivery.as_ref() == Some(delivery)) {
        return;
    }
    if told.is_some() {
        let (notice, delivery) = (notice.clone(), delivery.clone());
        conclude(draft, id, PagingChange::Delivered { notice, delivery });
    }
    match delivery {
        Delivery::Accepted { .. } => incident::mark(draft, id, Moment::Notified),
        Delivery::Failed { .. } => pass_over(draft, paging, told.filter(|told| told.answered.is_none())),
        // Nobody else could be reached either: the rungs keep their times for whoever looks at a screen.
        Delivery::Nowhere => {}
    }
}

fn answered(draft: &mut Draft<'_>, said: &NoticeAnswer) {
    let Some((paging, Some(told))) = about(draft, &said.notice) else { return };
    if told.answered.as_ref().is_some_and(|before| before.answer == said.answer) {
        return;
    }
    let person = said.person.clone().unwrap_or_else(|| told.to.clone());
    let (notice, means, answer) = (Some(said.notice.clone()), said.means, said.answer);
    let change = PagingChange::Answered { person, notice, means, answer };
    draft.record(What::PagingChanged { incident: paging.incident, change });
    match answer {
        Answer::Acknowledged => incident::acked(draft, paging.incident),
        Answer::Declined => pass_over(draft, paging, Some(told)),
    }
}

/// That somebody said on the telephone that they take care, written down by whoever spoke to them.
pub(in crate::engine) fn telephoned(draft: &mut Draft<'_>, incident: IncidentId, person: PersonId) {
    let (means, answer) = (AnswerMeans::Telephone, Answer::Acknowledged);
    let change = PagingChange::Answered { person, notice: None, means, answer };
    draft.record(What::PagingChanged { incident, change });
}

/// The next rung is taken at once, unless this one is not the latest or somebody else takes care by now.
fn pass_over(draft: &mut Draft<'_>, paging: &Paging, told: Option<&Told>) {
    let latest = told.is_some_and(|told| told.rung + 1 == paging.rung);
    let incident = draft.state.durable.incidents.get(&paging.incident);
    let cared_for = incident.is_none_or(|incident| incident.times.acked.is_some());
    if latest && !cared_for && paging.next.is_some() {
        climb(draft, paging);
    }
}

/// The paging that a notice belongs to, and whom it told; nobody by name when it went to the group.
fn about<'a>(draft: &Draft<'a>, notice: &NoticeKey) -> Option<(&'a Paging, Option<&'a Told>)> {
    let state = draft.state;
    state.durable.duty.paging.values().rev().find_map(|paging| {
        let told = paging.told.iter().find(|told| told.notice.as_ref() == Some(notice));
        (told.is_some() || paging.group.as_ref() == Some(notice)).then_some((paging, told))
    })
}

fn conclude(draft: &mut Draft<'_>, incident: IncidentId, change: PagingChange) {
    draft.conclude(What::PagingChanged { incident, change });
}
