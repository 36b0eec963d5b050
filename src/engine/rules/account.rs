//! An account for emergencies 应急账号 is in use: everybody is to know until it is sealed again with a new password.
//!
//! Nothing is measured here. What people did to accounts is told by two words; all other words are not interpreted.

use super::{Weight, raise};
use crate::domain::inventory::Resource;
use crate::engine::draft::Draft;
use crate::engine::event::What;
use crate::engine::finding::{FindingKey, RuleCode, Severity, Subject};
use crate::engine::input::{BREAK_GLASS_SEALED, BREAK_GLASS_USED};

/// Takes in what was done to accounts.
pub(super) fn told(draft: &mut Draft<'_>, what: &str) {
    let key = FindingKey { rule: RuleCode::AccountBreakGlass, subject: Subject::Resource(Resource::Hub) };
    let raised = draft.state.durable.findings.contains_key(&key);
    if what == BREAK_GLASS_USED && !raised {
        let weight = Weight { severity: Severity::Critical, proof: None };
        return raise(draft, &key, draft.now.utc, weight);
    }
    if what == BREAK_GLASS_SEALED && raised {
        draft.conclude(What::FindingCleared { finding: key });
    }
}
