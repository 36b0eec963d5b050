//! Incidents in words.

use crate::domain::fault::FaultClass;
use crate::domain::incident::{Confidence, IncidentState};
use crate::domain::lang::Lang;

/// How far an incident is.
pub fn incident_state(state: IncidentState, lang: Lang) -> &'static str {
    match state {
        IncidentState::Open => lang.pick("待确认", "open"),
        IncidentState::Acked => lang.pick("已确认", "acknowledged"),
        IncidentState::Mitigating => lang.pick("处置中", "being dealt with"),
        IncidentState::Mitigated => lang.pick("已临时恢复(备用)", "mitigated"),
        IncidentState::Resolved => lang.pick("故障排除", "resolved"),
        IncidentState::Reviewed => lang.pick("已审签", "reviewed"),
        IncidentState::FalseAlarm => lang.pick("误报", "false alarm"),
        IncidentState::Merged => lang.pick("已并入", "merged"),
    }
}

/// How sure vcops is.
pub fn confidence(confidence: Confidence, lang: Lang) -> &'static str {
    match confidence {
        Confidence::Low => lang.pick("研判可信度低", "low confidence"),
        Confidence::Medium => lang.pick("研判可信度中", "medium confidence"),
        Confidence::High => lang.pick("研判可信度高", "high confidence"),
    }
}

/// A kind of trouble.
pub fn fault_class(class: FaultClass, lang: Lang) -> &'static str {
    lang.pick(class.zh(), class.en())
}
