//! Equipment beside the meeting: power, air, machines. It is asked how it is; a meeting stands on it without knowing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::id::{EquipmentId, RegionId, VenueId};
use crate::domain::mcu::Control;
use crate::domain::reading::{ReadingLimit, ReadingName};

/// Something in a machine room or a venue that can be asked how it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equipment {
    /// Identifier.
    pub id: EquipmentId,
    /// Shown name, such as 机房空调.
    pub name: String,
    /// Where it stands.
    pub region: RegionId,
    /// The venue it serves; none for what serves the whole machine room.
    #[serde(default)]
    pub venue: Option<VenueId>,
    /// What it is.
    pub kind: EquipmentKind,
    /// How it is asked; without it, it is known but not asked.
    #[serde(default)]
    pub control: Option<Control>,
    /// Between which values its readings are in order, by their name; elsewhere [`ReadingName::usual`] holds.
    #[serde(default)]
    pub limits: BTreeMap<ReadingName, ReadingLimit>,
}

impl Equipment {
    /// Between which values a reading is in order: its own limit, else the usual one. `None` when there is neither:
    /// such a reading is shown and not judged.
    pub fn limit(&self, name: &ReadingName) -> Option<ReadingLimit> {
        self.limits.get(name).copied().or_else(|| name.usual())
    }
}

/// What a piece of equipment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EquipmentKind {
    /// Uninterruptible power supply 不间断电源.
    Ups,
    /// Air conditioning 空调.
    AirConditioning,
    /// A sensor of temperature, humidity, water 环境传感器.
    Sensor,
    /// A server 服务器.
    Server,
    /// A generator 发电机.
    Generator,
    /// A recorder 录播.
    Recorder,
    /// Anything else.
    Other,
}
