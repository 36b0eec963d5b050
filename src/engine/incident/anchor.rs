//! What holds an incident together: a cause that findings share, or one place with one kind of trouble.

use serde::{Deserialize, Serialize};

use crate::domain::fault::FaultClass;
use crate::domain::id::{McuId, VenueId};
use crate::domain::inventory::{EquipmentKind, Inventory, Resource};
use crate::engine::finding::{FindingKey, RuleCode, Subject, Who};
use crate::engine::state::Finding;
use crate::observation::device::Device;

/// Findings with equal anchors belong to one incident.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchor {
    /// One thing beneath them failed.
    Cause(Resource),
    /// One venue has one kind of trouble.
    Venue {
        /// Which.
        venue: VenueId,
        /// What kind.
        class: FaultClass,
    },
    /// Something that is no venue's has one kind of trouble.
    Alone {
        /// What.
        subject: Subject,
        /// What kind.
        class: FaultClass,
    },
}

impl Anchor {
    /// What a raised finding holds on to.
    pub(in crate::engine) fn of(inventory: &Inventory, finding: &Finding) -> Self {
        match &finding.cause {
            // The whole venue is gone: what is found of it alone is the same trouble.
            Some(Resource::Venue(venue)) => {
                return Self::Venue { venue: venue.clone(), class: FaultClass::EndpointFault };
            }
            Some(cause) => return Self::Cause(cause.clone()),
            None => {}
        }
        // Agents that fall silent with our own line have this cause too.
        if finding.key.rule == RuleCode::SelfLine {
            return Self::Cause(Resource::Hub);
        }
        let class = class_of(inventory, &finding.key);
        match (mcu_of(&finding.key), venue_of(inventory, &finding.key.subject)) {
            (Some(mcu), _) if class == FaultClass::McuDown => Self::Cause(Resource::Mcu(mcu.clone())),
            // A venue on its battery, and then gone, is one trouble.
            (_, Some(venue)) if class == FaultClass::Power => {
                Self::Venue { venue, class: FaultClass::EndpointFault }
            }
            (_, Some(venue)) => Self::Venue { venue, class },
            (_, None) => Self::Alone { subject: finding.key.subject.clone(), class },
        }
    }

    /// The cause, if there is one.
    pub fn cause(&self) -> Option<&Resource> {
        match self {
            Self::Cause(cause) => Some(cause),
            Self::Venue { .. } | Self::Alone { .. } => None,
        }
    }
}

fn mcu_of(key: &FindingKey) -> Option<&McuId> {
    match &key.subject {
        Subject::Device(Device::Mcu(mcu)) => Some(mcu),
        Subject::Device(Device::Endpoint(_) | Device::Equipment(_))
        | Subject::Agent(_)
        | Subject::Resource(_)
        | Subject::Stream(_)
        | Subject::Site(_)
        | Subject::Reading(_) => None,
    }
}

/// The venue that a finding is about, if it is about one.
pub fn venue_of(inventory: &Inventory, subject: &Subject) -> Option<VenueId> {
    match subject {
        Subject::Agent(agent) => inventory.agents.get(agent).map(|agent| agent.venue.clone()),
        Subject::Resource(Resource::Link(link)) => inventory.links.get(link).map(|link| link.venue.clone()),
        Subject::Resource(Resource::Venue(venue)) => Some(venue.clone()),
        Subject::Resource(
            Resource::Trunk(_)
            | Resource::Carrier(_)
            | Resource::Region(_)
            | Resource::Mcu(_)
            | Resource::Hub,
        ) => None,
        Subject::Stream(stream) => inventory.streams.get(stream).and_then(|stream| stream.venue.clone()),
        Subject::Device(device) => venue_of_device(inventory, device),
        Subject::Reading(reading) => venue_of_device(inventory, &reading.device),
        Subject::Site(site) => match &site.who {
            Who::Venue(venue) => Some(venue.clone()),
            Who::Stranger { .. } => None,
        },
    }
}

fn venue_of_device(inventory: &Inventory, device: &Device) -> Option<VenueId> {
    match device {
        Device::Mcu(_) => None,
        Device::Endpoint(id) => inventory.endpoints.get(id).map(|endpoint| endpoint.venue.clone()),
        Device::Equipment(id) => inventory.equipment.get(id).and_then(|equipment| equipment.venue.clone()),
    }
}

/// What kind of trouble a finding is by itself.
pub fn class_of(inventory: &Inventory, key: &FindingKey) -> FaultClass {
    match key.rule {
        RuleCode::McuDown
        | RuleCode::McuSuspected
        | RuleCode::McuDegraded
        | RuleCode::McuAlarm
        | RuleCode::McuCapacity
        | RuleCode::McuDiedAfterAction
        | RuleCode::McuNoProof => FaultClass::McuDown,
        RuleCode::LinkPath
        | RuleCode::SiteLoss
        | RuleCode::StreamLoss
        | RuleCode::StreamJitter
        | RuleCode::StreamBitrate
        | RuleCode::StreamTransport => FaultClass::LinkDegraded,
        RuleCode::SiteMissing
        | RuleCode::SiteNoMedia
        | RuleCode::DeviceDown
        | RuleCode::DeviceAlarm
        | RuleCode::StreamLost => endpoint_or_room(inventory, key),
        RuleCode::StreamNoVideo
        | RuleCode::StreamFps
        | RuleCode::StreamCorrupt
        | RuleCode::StreamFreeze
        | RuleCode::StreamStatic
        | RuleCode::StreamBlack
        | RuleCode::StreamFlat => FaultClass::Picture,
        RuleCode::StreamNoAudio
        | RuleCode::StreamSilence
        | RuleCode::StreamClipping
        | RuleCode::StreamSkew => FaultClass::Sound,
        RuleCode::StreamOpenMicrophone => FaultClass::OpenMicrophone,
        RuleCode::AgentOffline | RuleCode::McuBlind | RuleCode::DeviceBlind | RuleCode::StreamUnavailable => {
            FaultClass::PlatformLost
        }
        RuleCode::RosterDrift | RuleCode::SiteWrongName | RuleCode::SiteDuplicate | RuleCode::StreamCodec => {
            FaultClass::Drift
        }
        RuleCode::SiteIntruder => FaultClass::Intruder,
        RuleCode::AgentMisbehaves | RuleCode::AccountBreakGlass => FaultClass::Security,
        RuleCode::AgentClock
        | RuleCode::AgentDisk
        | RuleCode::AgentTemperature
        | RuleCode::SelfDisk
        | RuleCode::SelfClock => FaultClass::Environment,
        RuleCode::EquipmentReading => endpoint_or_room(inventory, key),
        RuleCode::SelfQueue
        | RuleCode::SelfTask
        | RuleCode::SelfLine
        | RuleCode::SelfJournal
        | RuleCode::SelfNotices => FaultClass::PlatformLost,
    }
}

/// What a piece of equipment has is power or the room; anything else is the endpoint.
fn endpoint_or_room(inventory: &Inventory, key: &FindingKey) -> FaultClass {
    let device = key.subject.device();
    let Some(Device::Equipment(id)) = device else { return FaultClass::EndpointFault };
    match inventory.equipment.get(&id).map(|equipment| equipment.kind) {
        Some(EquipmentKind::Ups | EquipmentKind::Generator) => FaultClass::Power,
        Some(
            EquipmentKind::AirConditioning
            | EquipmentKind::Sensor
            | EquipmentKind::Server
            | EquipmentKind::Recorder
            | EquipmentKind::Other,
        )
        | None => FaultClass::Environment,
    }
}

/// Whether a rule can have a cause that others share: such a finding waits a moment for the others.
pub(super) fn may_share(rule: RuleCode) -> bool {
    match rule {
        RuleCode::AgentOffline
        | RuleCode::LinkPath
        | RuleCode::SiteMissing
        | RuleCode::SiteNoMedia
        | RuleCode::SiteLoss
        | RuleCode::DeviceDown
        | RuleCode::DeviceBlind
        | RuleCode::EquipmentReading
        | RuleCode::StreamLost
        | RuleCode::StreamNoVideo
        | RuleCode::StreamNoAudio
        | RuleCode::StreamLoss
        | RuleCode::StreamJitter
        | RuleCode::StreamBitrate
        | RuleCode::StreamCorrupt
        | RuleCode::StreamFreeze
        | RuleCode::StreamBlack
        | RuleCode::StreamUnavailable => true,
        RuleCode::AgentClock
        | RuleCode::AgentDisk
        | RuleCode::AgentTemperature
        | RuleCode::AgentMisbehaves
        | RuleCode::AccountBreakGlass
        | RuleCode::SelfDisk
        | RuleCode::SelfQueue
        | RuleCode::SelfTask
        | RuleCode::SelfLine
        | RuleCode::SelfClock
        | RuleCode::SelfJournal
        | RuleCode::SelfNotices
        | RuleCode::McuDown
        | RuleCode::McuSuspected
        | RuleCode::McuBlind
        | RuleCode::McuDegraded
        | RuleCode::McuAlarm
        | RuleCode::McuCapacity
        | RuleCode::McuDiedAfterAction
        | RuleCode::McuNoProof
        | RuleCode::RosterDrift
        | RuleCode::SiteIntruder
        | RuleCode::SiteWrongName
        | RuleCode::SiteDuplicate
        | RuleCode::DeviceAlarm
        | RuleCode::StreamCodec
        | RuleCode::StreamFps
        | RuleCode::StreamStatic
        | RuleCode::StreamFlat
        | RuleCode::StreamSilence
        | RuleCode::StreamClipping
        | RuleCode::StreamOpenMicrophone
        | RuleCode::StreamSkew
        | RuleCode::StreamTransport => false,
    }
}
