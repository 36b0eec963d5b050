//! A device that dies shortly after it was told to do something: a finding of its own, and the action is frozen.
//!
//! Whoever carries out orders says so in its reports; the engine looks at its own books besides. The action is refused
//! from then on for that interface and version, until somebody takes that back.

use super::{Sign, View, make, of_mcu};
use crate::domain::time::{Span, Utc};
use crate::engine::draft::Draft;
use crate::engine::event::What;
use crate::engine::finding::Why;
use crate::engine::rules::Condition;
use crate::engine::state::{ActionRecord, DevicePicture, Freeze, State};
use crate::observation::action::ActionKey;
use crate::observation::device::{Device, Sight};

/// A device that goes within this time of an order went after it.
const DIED_WITHIN: Span = Span::seconds(15);

/// What the rule sees.
pub(super) fn look(view: &View<'_>) -> Condition {
    let Some(known) = view.known else { return Condition::Unknown };
    let after = after(view.state, view.device, known, view.sight);
    if known.report.died_after.is_none() && after.is_none() {
        return if view.sight == Sight::Seen { Condition::False } else { Condition::Unknown };
    }
    let why = Why::After(after.map(|record| record.order.action.does()));
    view.wrong_since_utc(known.report.since, of_mcu(true, view.role()), Sign::new(true, why))
}

/// The order after which a device died, if it did: the one that its report names by its key, else the last.
fn after<'a>(
    state: &'a State,
    device: &Device,
    known: &DevicePicture,
    sight: Sight,
) -> Option<&'a ActionRecord> {
    let actions = &state.durable.actions;
    let named = known.report.died_after.as_ref();
    if let Some(record) = named.and_then(|key| actions.get(&ActionKey(key.clone()))) {
        return Some(record);
    }
    let of_device = actions.values().filter(|record| &record.order.device == device);
    let last = of_device.filter(|record| record.told.is_some()).max_by_key(|record| record.told)?;
    let gone = matches!(sight, Sight::Down { .. }) && soon_after(known.report.since, last.told?);
    (named.is_some() || gone).then_some(last)
}

fn soon_after(died: Utc, told: Utc) -> bool {
    died >= told && died.since(told) <= DIED_WITHIN
}

/// Freezes the action after which a device died, once for each order.
pub(super) fn freeze(draft: &mut Draft<'_>, device: &Device) {
    let state = draft.state;
    let Some(known) = state.picture.devices.fresh(device, draft.now.mono) else { return };
    let sight = state.sight(device, draft.now.mono);
    let Some(record) = after(state, device, known, sight).filter(|record| !record.froze) else { return };
    let Some((interface, version)) = make(state, device) else { return };
    let freeze = Freeze { interface, version, does: record.order.action.does() };
    draft.conclude(What::ActionFrozen { freeze, key: record.order.key.clone() });
}
