//! An incident as a plan sees it: what is in trouble, where, in which part of which meeting. Facts for conditions.

use std::collections::BTreeSet;

use crate::domain::id::{McuId, VenueId};
use crate::domain::incident::IncidentId;
use crate::domain::inventory::{Inventory, LinkRole, Meeting, MeetingOwner, Phase, Resource, SupportLevel};
use crate::domain::plan::{FactName, FactValue, Facts, SubjectKind, VenuePart};
use crate::domain::time::Now;
use crate::engine::finding::{FindingKey, Subject};
use crate::engine::incident::{Assessment, venue_of};
use crate::engine::state::{Floor, Incident, State};
use crate::observation::device::{Device, Sight};

/// What a plan is for: an incident at one moment.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Trouble<'a> {
    pub(in crate::engine) incident: IncidentId,
    pub(in crate::engine) assessment: &'a Assessment,
    pub(in crate::engine) findings: Vec<&'a FindingKey>,
    pub(in crate::engine) venues: BTreeSet<VenueId>,
    pub(in crate::engine) meeting: Option<&'a Meeting>,
    pub(in crate::engine) phase: Option<Phase>,
    state: &'a State,
    now: Now,
}

impl<'a> Trouble<'a> {
    /// One that was just opened.
    pub(in crate::engine) fn new(
        state: &'a State,
        now: Now,
        incident: IncidentId,
        assessment: &'a Assessment,
        findings: Vec<&'a FindingKey>,
    ) -> Self {
        let inventory = &state.durable.inventory;
        let mut venues: BTreeSet<VenueId> =
            findings.iter().filter_map(|key| venue_of(inventory, &key.subject)).collect();
        let meeting = assessment.meeting.as_ref().and_then(|id| inventory.meetings.get(id));
        // An MCU that is gone is trouble for every venue of its meeting.
        if let (Some(Resource::Mcu(_)), Some(meeting)) = (&assessment.cause, meeting) {
            venues.extend(meeting.all_venues().cloned());
        }
        let phase = meeting.map(|meeting| meeting.phase(now.utc));
        Self { incident, assessment, findings, venues, meeting, phase, state, now }
    }

    /// One that is known.
    pub(in crate::engine) fn of(state: &'a State, now: Now, incident: &'a Incident) -> Self {
        let raised = incident.raised().collect();
        let mut trouble = Self::new(state, now, incident.id, &incident.assessment, raised);
        // Of one that is over, those that it was about.
        trouble.venues.extend(incident.venues().into_iter().cloned());
        trouble
    }

    pub(in crate::engine) fn inventory(&self) -> &'a Inventory {
        &self.state.durable.inventory
    }

    /// Whose meeting: what belongs to none is ours.
    pub(in crate::engine) fn owner(&self) -> MeetingOwner {
        self.meeting.map_or(MeetingOwner::Own, |meeting| meeting.owner)
    }

    /// The level of support of its meeting.
    pub(in crate::engine) fn support(&self) -> SupportLevel {
        self.meeting.map_or(SupportLevel::Routine, |meeting| meeting.support)
    }

    /// What kind of thing is in trouble: the cause, else the first finding's subject.
    pub(super) fn subject(&self) -> Option<SubjectKind> {
        let by_cause = self.assessment.cause.as_ref().map(kind_of_resource);
        by_cause.or_else(|| self.findings.first().map(|key| kind_of(&key.subject)))
    }

    /// The parts that its venues play.
    pub(super) fn parts(&self) -> BTreeSet<VenuePart> {
        self.venues.iter().flat_map(|venue| self.parts_of(venue)).collect()
    }

    fn parts_of(&self, venue: &VenueId) -> Vec<VenuePart> {
        let Some(meeting) = self.meeting else { return Vec::new() };
        let floor = self.state.picture.devices.parts.get(venue).and_then(|part| part.floor);
        let by_floor = match floor {
            Some(Floor::Speaks) => Some(VenuePart::Speaker),
            Some(Floor::Next) => Some(VenuePart::NextSpeaker),
            Some(Floor::MaySpeak | Floor::Listens | Floor::Unknown) | None => None,
        };
        let main = (venue == &meeting.main_venue).then_some(VenuePart::MainHall);
        let found: Vec<VenuePart> = main.into_iter().chain(by_floor).collect();
        if found.is_empty() { vec![VenuePart::Branch] } else { found }
    }

    /// The MCU of the meeting, and the one that stands by.
    pub(super) fn mcus(&self) -> (Option<&'a McuId>, Option<&'a McuId>) {
        self.meeting.map_or((None, None), |meeting| (meeting.mcu.as_ref(), meeting.standby_mcu.as_ref()))
    }

    /// Whether an MCU can be seen. While it is not and nothing says that it is gone, that is not known.
    fn seen(&self, mcu: Option<&McuId>) -> Option<bool> {
        let Some(mcu) = mcu else { return Some(false) };
        match self.state.sight(&Device::Mcu(mcu.clone()), self.now.mono) {
            Sight::Seen => Some(true),
            Sight::Down { .. } => Some(false),
            Sight::Blind { .. } | Sight::Suspected { .. } | Sight::Unknown => None,
        }
    }

    fn each_venue(&self, has: impl Fn(&VenueId) -> bool) -> bool {
        !self.venues.is_empty() && self.venues.iter().all(has)
    }

    /// What is known of it, for conditions. What is not known is not there.
    pub(in crate::engine) fn facts(&self) -> Facts {
        let inventory = self.inventory();
        let (mcu, standby) = self.mcus();
        let text = |text: &str| Some(FactValue::Text(text.to_owned()));
        let flag = |flag: bool| Some(FactValue::Flag(flag));
        let parts = self.parts();
        let spare = |venue: &VenueId| {
            inventory.endpoints.values().filter(|endpoint| &endpoint.venue == venue).count() > 1
        };
        let network = self.meeting.map(|meeting| meeting.network);
        let second = |venue: &VenueId| {
            let mut links = inventory.links_of(venue).into_iter();
            links.any(|link| link.role == LinkRole::Backup && Some(link.network) == network)
        };
        let known = [
            (FactName::Class, text(&word(&self.assessment.class))),
            (FactName::Rule, self.findings.first().and_then(|key| text(key.rule.code()))),
            (FactName::Severity, text(self.assessment.severity.code())),
            (FactName::Subject, self.subject().and_then(|kind| text(kind.code()))),
            (FactName::Phase, self.phase.and_then(|phase| text(&word(&phase)))),
            (FactName::Support, self.meeting.and_then(|meeting| text(meeting.support.code()))),
            (FactName::Network, network.and_then(|network| text(&word(&network)))),
            (FactName::Venues, Some(FactValue::Number(i64::try_from(self.venues.len()).unwrap_or(i64::MAX)))),
            (FactName::MainHall, self.meeting.and_then(|_| flag(parts.contains(&VenuePart::MainHall)))),
            (FactName::Speaker, self.speaker(&parts).and_then(flag)),
            (FactName::McuSeen, mcu.and_then(|mcu| self.seen(Some(mcu))).and_then(flag)),
            (FactName::StandbySeen, self.meeting.and_then(|_| self.seen(standby)).and_then(flag)),
            (FactName::SpareDevice, flag(self.each_venue(spare))),
            (FactName::SecondLink, network.and_then(|_| flag(self.each_venue(second)))),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Whether who speaks is among them; not known where the agenda does not say.
    fn speaker(&self, parts: &BTreeSet<VenuePart>) -> Option<bool> {
        if parts.contains(&VenuePart::Speaker) {
            return Some(true);
        }
        let floor = |venue| self.state.picture.devices.parts.get(venue).and_then(|part| part.floor);
        let known = self.venues.iter().all(|venue| floor(venue).is_some_and(|floor| floor != Floor::Unknown));
        (known && self.meeting.is_some()).then_some(false)
    }
}

fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

fn kind_of_resource(resource: &Resource) -> SubjectKind {
    match resource {
        Resource::Link(_) => SubjectKind::Link,
        Resource::Venue(_) => SubjectKind::Venue,
        Resource::Trunk(_) | Resource::Carrier(_) => SubjectKind::Trunk,
        Resource::Region(_) => SubjectKind::Region,
        Resource::Mcu(_) => SubjectKind::Mcu,
        Resource::Hub => SubjectKind::Hub,
    }
}

fn kind_of(subject: &Subject) -> SubjectKind {
    match subject {
        Subject::Agent(_) => SubjectKind::Agent,
        Subject::Resource(resource) => kind_of_resource(resource),
        Subject::Stream(_) => SubjectKind::Stream,
        Subject::Device(Device::Mcu(_)) => SubjectKind::Mcu,
        Subject::Device(Device::Endpoint(_) | Device::Equipment(_)) | Subject::Reading(_) => {
            SubjectKind::Device
        }
        Subject::Site(_) => SubjectKind::Venue,
    }
}
