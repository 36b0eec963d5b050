//! Which of a device's conferences a meeting is: the one of its name, else the one where most of its venues are.

use super::index::{Index, MatchedBy};
use super::text::plain_name;
use crate::domain::inventory::Meeting;
use crate::observation::device::{ConferenceSeen, DeviceReport};

/// The conference that a meeting is; of equals the first.
pub(super) fn of_meeting<'a>(
    meeting: &Meeting,
    index: &Index<'_>,
    report: &'a DeviceReport,
) -> Option<&'a ConferenceSeen> {
    let names = [plain_name(&meeting.name), plain_name(meeting.id.as_str())];
    let named = |seen: &&ConferenceSeen| {
        let own = [plain_name(&seen.name), plain_name(seen.conference.as_str())];
        own.iter().any(|own| !own.is_empty() && names.contains(own))
    };
    report.conferences.iter().find(named).or_else(|| most_known(index, report))
}

/// An address says twice as much as a name. A single name alone is too little: two meetings may share a venue's name.
fn most_known<'a>(index: &Index<'_>, report: &'a DeviceReport) -> Option<&'a ConferenceSeen> {
    let known = |seen: &ConferenceSeen| -> usize {
        let expected = seen.expected.iter().flatten();
        let sites = seen.present.iter().chain(expected).filter(|site| !site.probe);
        let weight = |by: MatchedBy| if matches!(by, MatchedBy::Address(_)) { 2 } else { 1 };
        sites.filter_map(|site| index.find(site)).map(|(_, by)| weight(by)).sum()
    };
    let mut best: Option<(usize, &ConferenceSeen)> = None;
    for seen in &report.conferences {
        let count = known(seen);
        if count >= 2 && best.is_none_or(|(most, _)| count > most) {
            best = Some((count, seen));
        }
    }
    best.map(|(_, seen)| seen)
}
