//! The few words that the engine does not say: roles of people, and the shapes that go with verdicts.

use crate::domain::actor::Role;
use crate::domain::lang::Lang;
use crate::engine::verdict::Verdict;

/// The shape that goes with a verdict, so that colour is never alone. Normal has none: it is quiet.
pub(super) fn verdict_sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Waived => "–",
        Verdict::Pass => "",
        Verdict::Warn => "▲",
        Verdict::NoAnswer => "●",
        Verdict::Fail => "◆",
        Verdict::TestBroke => "?",
    }
}

/// The word for a role.
pub fn role_word(role: Role, lang: Lang) -> &'static str {
    match role {
        Role::Technician => lang.pick("技术员", "technician"),
        Role::CountyTechnician => lang.pick("县技术员", "county technician"),
        Role::Operator => lang.pick("值机员", "operator"),
        Role::Manager => lang.pick("科室负责人", "manager"),
        Role::SystemAdmin => lang.pick("系统管理员", "system administrator"),
        Role::SecurityAdmin => lang.pick("安全管理员", "security administrator"),
        Role::Auditor => lang.pick("审计员", "auditor"),
    }
}
