//! How much a fault of a stream matters: by what is wrong, by the meeting's phase, and by the part it plays.

use super::look::Sight;
use crate::domain::inventory::{Phase, StreamRole};
use crate::engine::finding::{Proof, RuleCode, Severity};
use crate::engine::rules::{Weight, by_part};
use crate::engine::state::{Floor, Part, StreamPicture};
use crate::observation::Sure;

/// Severity and proof of something wrong. A finding that was grave once stays so until it is over: a figure that
/// swings around its higher limit is one fault.
pub(super) fn weight(
    rule: RuleCode,
    sight: &Sight,
    stream: &StreamPicture,
    before: Option<&Proof>,
) -> Weight {
    let grave = sight.grave || before.is_some_and(|before| before.grave);
    let sure = before.map_or(sight.sure, |before| before.sure.max(sight.sure));
    let severity = stream
        .part
        .as_ref()
        .map_or(Severity::Information, |part| severity(rule, (grave, sure), stream.role, part));
    let known = before.and_then(|before| before.evidence.clone());
    let proof = Proof {
        sure,
        grave,
        why: sight.why.clone(),
        figures: sight.figures.clone(),
        evidence: known.or_else(|| sight.evidence.clone()),
    };
    Weight { severity, proof: Some(Box::new(proof)) }
}

/// | | live, weighs first | live | roll call, first | roll call | the hour before |
/// |---|---|---|---|---|---|
/// | grave | critical | severe | severe | warning | information |
/// | slight | warning | warning | warning | information | information |
///
/// What is only suspected is at most a warning.
fn severity(rule: RuleCode, (grave, sure): (bool, Sure), role: StreamRole, part: &Part) -> Severity {
    let live = part.phase == Phase::Live;
    let gone_content = rule == RuleCode::StreamLost && role == StreamRole::Content;
    if part.phase < Phase::RollCall || rule == RuleCode::StreamStatic || gone_content {
        return Severity::Information;
    }
    if rule == RuleCode::StreamUnavailable {
        return if live && part.first { Severity::Warning } else { Severity::Information };
    }
    if rule == RuleCode::StreamOpenMicrophone {
        // Without an agenda nobody knows who may speak.
        let unknown = part.floor == Some(Floor::Unknown);
        return if unknown { Severity::Information } else { Severity::Severe };
    }
    let found = by_part(grave, part);
    match sure {
        Sure::Confirmed => found,
        Sure::Suspected => found.min(Severity::Warning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::MeetingId;
    use crate::domain::inventory::Limits;

    #[test]
    fn severity_follows_phase_part_and_certainty() {
        use RuleCode::{StreamFreeze, StreamLost, StreamOpenMicrophone, StreamStatic, StreamUnavailable};
        use Severity::{Critical, Information, Severe, Warning};
        let part = |phase, first, floor| Part {
            meeting: MeetingId::parse("m").unwrap(),
            phase,
            first,
            floor,
            after: None,
            keeps: true,
            limits: Limits::default(),
        };
        let listens = Some(Floor::Listens);
        let (venue, content) = (StreamRole::Venue, StreamRole::Content);
        let (yes, maybe) = (Sure::Confirmed, Sure::Suspected);
        let cases = [
            (StreamFreeze, (true, yes), venue, part(Phase::Live, true, None), Critical),
            (StreamFreeze, (true, yes), venue, part(Phase::Live, false, listens), Severe),
            (StreamFreeze, (true, maybe), venue, part(Phase::Live, true, None), Warning),
            (StreamFreeze, (true, yes), venue, part(Phase::RollCall, true, None), Severe),
            (StreamFreeze, (true, yes), venue, part(Phase::RollCall, false, listens), Warning),
            (StreamFreeze, (true, yes), venue, part(Phase::HourBefore, true, None), Information),
            (StreamFreeze, (false, yes), venue, part(Phase::Live, false, listens), Warning),
            (StreamFreeze, (false, yes), venue, part(Phase::RollCall, false, listens), Information),
            (StreamStatic, (true, yes), venue, part(Phase::Live, true, None), Information),
            (StreamLost, (true, yes), content, part(Phase::Live, true, None), Information),
            (StreamLost, (true, yes), venue, part(Phase::Live, true, None), Critical),
            (StreamUnavailable, (true, yes), venue, part(Phase::Live, true, None), Warning),
            (StreamUnavailable, (true, yes), venue, part(Phase::Live, false, listens), Information),
            (StreamOpenMicrophone, (true, yes), venue, part(Phase::Live, false, listens), Severe),
            (
                StreamOpenMicrophone,
                (true, yes),
                venue,
                part(Phase::Live, false, Some(Floor::Unknown)),
                Information,
            ),
        ];
        for (rule, seen, role, part, expected) in cases {
            assert_eq!(severity(rule, seen, role, &part), expected, "{rule:?} {seen:?} {part:?}");
        }
    }
}
