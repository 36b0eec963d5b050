//! Whether the standby MCU could take the meeting: there, with room, of a kind with the primary, and proved.

use std::collections::BTreeMap;

use super::Finding;
use super::calls::caller;
use super::schedule;
use crate::domain::check::{CheckKey, RoundId};
use crate::domain::inventory::{Mcu, Meeting};
use crate::engine::draft::Draft;
use crate::engine::proof;
use crate::engine::roster::plain_address;
use crate::engine::rules::device::room::{counts, least_room};
use crate::engine::verdict::{ReasonCode, Verdict};
use crate::observation::device::{Capacity, Device, DeviceReport, Given, Sight, SiteSeen};

/// A certificate that ends sooner is a warning, days. The reading's name is `certificate_days_left`.
const CERTIFICATE_DAYS_LEAST: f64 = 30.0;

/// Judges the standby, or waits for it to be seen and proved.
pub(super) fn attend(draft: &mut Draft<'_>, round: RoundId, key: &CheckKey) {
    let meeting = schedule::meeting_of(draft, round);
    let standby = meeting.and_then(|meeting| caller(draft, meeting, &key.check));
    let (Some(meeting), Some(standby)) = (meeting, standby) else {
        return draft.judge(round, key, None, Finding::broke(ReasonCode::DeviceUnregistered));
    };
    let device = Device::Mcu(standby.id.clone());
    let finding = match draft.state.sight(&device, draft.now.mono) {
        Sight::Seen => match proved(draft, standby, schedule::grace_over(draft, round)) {
            Some(finding) => finding.unwrap_or_else(|| compared(draft, meeting, standby)),
            None => return,
        },
        Sight::Down { .. } => Finding::bare(Verdict::Fail, ReasonCode::StandbyDown),
        Sight::Unknown | Sight::Blind { .. } | Sight::Suspected { .. } => {
            if !schedule::grace_over(draft, round) {
                return;
            }
            Finding::broke(ReasonCode::McuUnseen)
        }
    };
    draft.judge(round, key, None, finding);
}

/// What its proof says: `None` while one is awaited, a finding when it failed or cannot be had.
fn proved(draft: &mut Draft<'_>, standby: &Mcu, grace_over: bool) -> Option<Option<Finding>> {
    let known = draft.state.picture.proofs.get(&standby.id);
    let failed = Finding::bare(Verdict::Fail, ReasonCode::StandbyUnproved);
    match known.map(|known| known.verdict(draft.now.mono)) {
        Some(Some(true)) => Some(None),
        Some(Some(false)) => Some(Some(failed)),
        Some(None) | None => {
            let provable = known.is_none_or(|known| known.provided);
            if provable && proof::ask(draft, &standby.id) {
                return None;
            }
            // A first failure is tried again; whoever cannot be proved is said to be unproved.
            let again = known.is_some_and(|known| known.provided && known.failures == 1);
            (!again && (grace_over || !provable))
                .then(|| Some(Finding::bare(Verdict::Warn, ReasonCode::StandbyUnproved)))
        }
    }
}

/// Holds the standby against the primary and the meeting; any difference is a warning.
fn compared(draft: &Draft<'_>, meeting: &Meeting, standby: &Mcu) -> Finding {
    let devices = &draft.state.picture.devices;
    let report = |mcu| devices.fresh(&Device::Mcu(mcu), draft.now.mono).map(|known| &*known.report);
    let Some(own) = report(standby.id.clone()) else { return Finding::broke(ReasonCode::McuUnseen) };
    let primary = meeting.mcu.clone().and_then(report);
    let needed = meeting.all_venues().count() as f64;
    let mut figures = BTreeMap::from([("needed".to_owned(), needed)]);
    if let Some((_, free)) = least_room(&own.capacity) {
        figures.insert("free".to_owned(), free);
        if free < needed {
            return with(Verdict::Fail, ReasonCode::StandbyNoRoom, figures);
        }
    }
    let days = own.readings.get("certificate_days_left").and_then(Given::value);
    if let Some(days) = days.filter(|days| *days < CERTIFICATE_DAYS_LEAST) {
        figures.insert("days".to_owned(), days);
        return with(Verdict::Warn, ReasonCode::StandbyCertificate, figures);
    }
    let differences = primary.map_or(0, |primary| differences(primary, own));
    figures.insert("differences".to_owned(), differences as f64);
    if differences > 0 {
        return with(Verdict::Warn, ReasonCode::StandbyDiffers, figures);
    }
    with(Verdict::Pass, ReasonCode::WithinLimits, figures)
}

fn with(verdict: Verdict, reason: ReasonCode, figures: BTreeMap<String, f64>) -> Finding {
    Finding { figures, ..Finding::bare(verdict, reason) }
}

/// In how many things a standby is less than the primary, or otherwise: its version, its ports and licences, and whom
/// it expects.
fn differences(primary: &DeviceReport, standby: &DeviceReport) -> usize {
    let version = |report: &DeviceReport| report.health.as_ref().and_then(|health| health.version.clone());
    let versions = version(primary).zip(version(standby)).is_some_and(|(a, b)| a != b);
    let total = |report: &DeviceReport, what: &str| {
        let same = |room: &&Capacity| room.what == what && counts(room);
        report.capacity.iter().find(same).and_then(|room| room.total.value())
    };
    let less = |room: &&Capacity| {
        let here = total(standby, &room.what);
        room.total.value().zip(here).is_some_and(|(there, here)| here < there)
    };
    let rooms = primary.capacity.iter().filter(counts).filter(less).count();
    let rosters = expected(primary).zip(expected(standby)).is_some_and(|(a, b)| a != b);
    usize::from(versions) + rooms + usize::from(rosters)
}

/// Whom a device expects, by address, over all its conferences; `None` where it does not know.
fn expected(report: &DeviceReport) -> Option<std::collections::BTreeSet<String>> {
    let known: Vec<&Vec<SiteSeen>> =
        report.conferences.iter().filter_map(|room| room.expected.as_ref()).collect();
    let addresses = known.iter().flat_map(|sites| sites.iter()).filter_map(|site| site.address.as_deref());
    (!known.is_empty()).then(|| addresses.map(plain_address).collect())
}
