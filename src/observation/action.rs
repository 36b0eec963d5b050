//! What a device can be told to do, and how that went. At most once, always: what is unknown is looked at or asked
//! about, never repeated.

use serde::{Deserialize, Serialize};

use super::device::{Device, Medium, Way};
use crate::domain::mcu::{ConferenceRef, NodeRef, ParticipantRef};

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Call an address into a conference.
    Dial {
        /// Into which.
        conference: ConferenceRef,
        /// The address to call: a SIP URI, an H.323 address.
        address: String,
        /// The name to show.
        name: String,
        /// The rate, kbit/s, if it is to be fixed.
        kbps: Option<u32>,
        /// From which node of a cluster.
        via: Option<NodeRef>,
    },
    /// Hang up, if connected, and call again.
    Redial {
        /// In which conference.
        conference: ConferenceRef,
        /// Whom.
        participant: ParticipantRef,
    },
    /// Hang up.
    Disconnect {
        /// In which conference.
        conference: ConferenceRef,
        /// Whom.
        participant: ParticipantRef,
    },
    /// Mute or unmute one site, or all.
    Mute {
        /// In which conference.
        conference: ConferenceRef,
        /// Whom; all when none is named.
        participant: Option<ParticipantRef>,
        /// Sound or pictures.
        medium: Medium,
        /// What comes from the site, or what goes to it.
        way: Way,
        /// Muted or not.
        on: bool,
    },
    /// Set the layout of a conference, or of what one site sees.
    Layout {
        /// In which conference.
        conference: ConferenceRef,
        /// For whom; for all when none is named.
        participant: Option<ParticipantRef>,
        /// The layout in the device's words.
        layout: String,
    },
    /// Show one site to all 广播.
    Broadcast {
        /// In which conference.
        conference: ConferenceRef,
        /// Whom.
        participant: ParticipantRef,
    },
    /// Ask a site for a key frame: the least force against a frozen or damaged picture.
    KeyFrame {
        /// In which conference.
        conference: ConferenceRef,
        /// Whom.
        participant: ParticipantRef,
    },
    /// Move a site to another conference.
    MoveParticipant {
        /// From which conference.
        conference: ConferenceRef,
        /// Whom.
        participant: ParticipantRef,
        /// To which conference.
        to: ConferenceRef,
    },
    /// Move a whole conference to another node.
    MigrateConference {
        /// Which.
        conference: ConferenceRef,
        /// Where to.
        to: NodeRef,
    },
    /// Take no new calls, or take them again.
    Drain {
        /// Drain or not.
        on: bool,
    },
}

impl Action {
    /// Its kind.
    pub fn does(&self) -> Does {
        match self {
            Self::Dial { .. } => Does::Dial,
            Self::Redial { .. } => Does::Redial,
            Self::Disconnect { .. } => Does::Disconnect,
            Self::Mute { .. } => Does::Mute,
            Self::Layout { .. } => Does::Layout,
            Self::Broadcast { .. } => Does::Broadcast,
            Self::KeyFrame { .. } => Does::KeyFrame,
            Self::MoveParticipant { .. } => Does::MoveParticipant,
            Self::MigrateConference { .. } => Does::MigrateConference,
            Self::Drain { .. } => Does::Drain,
        }
    }

    /// How much it disturbs at least, whatever the make. An adapter's plan may know better and say more.
    pub fn force(&self) -> Force {
        match self {
            Self::KeyFrame { .. } => Force::Gentle,
            Self::Dial { .. } => Force::OneSite,
            Self::Mute { participant, .. } | Self::Layout { participant, .. } => {
                if participant.is_some() {
                    Force::OneSite
                } else {
                    Force::Conference
                }
            }
            Self::Redial { .. } | Self::Disconnect { .. } | Self::MoveParticipant { .. } => {
                Force::OneSiteLeaves
            }
            Self::Broadcast { .. } => Force::Conference,
            Self::MigrateConference { .. } => Force::ConferenceLeaves,
            Self::Drain { .. } => Force::Device,
        }
    }

    /// Whom it calls, by address or by reference; none for what calls nobody, or many.
    pub fn calls(&self) -> Option<&str> {
        match self {
            Self::Dial { address, .. } => Some(address),
            Self::Redial { participant, .. } => Some(participant.as_str()),
            Self::Disconnect { .. }
            | Self::Mute { .. }
            | Self::Layout { .. }
            | Self::Broadcast { .. }
            | Self::KeyFrame { .. }
            | Self::MoveParticipant { .. }
            | Self::MigrateConference { .. }
            | Self::Drain { .. } => None,
        }
    }

    /// The participant it names; none for what touches a whole conference or device, or an address.
    pub fn participant(&self) -> Option<&ParticipantRef> {
        match self {
            Self::Redial { participant, .. }
            | Self::Disconnect { participant, .. }
            | Self::Broadcast { participant, .. }
            | Self::KeyFrame { participant, .. }
            | Self::MoveParticipant { participant, .. } => Some(participant),
            Self::Mute { participant, .. } | Self::Layout { participant, .. } => participant.as_ref(),
            Self::Dial { .. } | Self::MigrateConference { .. } | Self::Drain { .. } => None,
        }
    }

    /// The conference it touches; none for what touches the whole device.
    pub fn conference(&self) -> Option<&ConferenceRef> {
        match self {
            Self::Dial { conference, .. }
            | Self::Redial { conference, .. }
            | Self::Disconnect { conference, .. }
            | Self::Mute { conference, .. }
            | Self::Layout { conference, .. }
            | Self::Broadcast { conference, .. }
            | Self::KeyFrame { conference, .. }
            | Self::MoveParticipant { conference, .. }
            | Self::MigrateConference { conference, .. } => Some(conference),
            Self::Drain { .. } => None,
        }
    }
}

/// How much an action can disturb. The ladder of least force, gentlest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Force {
    /// Nobody notices: a key frame.
    Gentle,
    /// What one site sees or is heard: layout, mute.
    OneSite,
    /// One site leaves for a moment: redial, disconnect, move.
    OneSiteLeaves,
    /// The whole conference sees it: broadcast, mute all.
    Conference,
    /// Every site of the conference leaves for a moment: migrate.
    ConferenceLeaves,
    /// All conferences of the device.
    Device,
}

/// What would be sent, on what it depends and whom it touches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The action.
    pub action: Action,
    /// How much it disturbs.
    pub force: Force,
    /// Names of the sites it touches: the blast radius.
    pub touches: Vec<String>,
    /// What must hold at the moment of sending, in words for the operator, zh and en.
    pub preconditions: Vec<(String, String)>,
    /// What would be sent, request by request, without secrets: the dry run.
    pub steps: Vec<String>,
    /// Whether it can be taken back, and how.
    pub undone_by: Option<Action>,
}

/// Names one attempt of one action for the device and for us. Made once, journalled before anything is sent, and
/// used as the maker's idempotency key where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionKey(pub String);

/// How an action went, as far as the device says. Only media verify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionOutcome {
    /// The device says that it is done.
    Applied,
    /// The device took it and will do it.
    Accepted {
        /// What to look for: a participant's reference, a job's number.
        handle: Option<String>,
    },
    /// The device said no, or was never asked.
    Rejected {
        /// Its code, or ours.
        code: String,
        /// Whether the same may be asked again later.
        retryable: bool,
    },
    /// It may or may not have happened. Nothing more is sent.
    Unknown,
    /// The first steps happened and the others did not.
    Partial {
        /// Done.
        done: Vec<String>,
        /// Not done.
        undone: Vec<String>,
    },
}

/// The code of an order that was not given because its site was called too often.
pub const TOO_OFTEN: &str = "too_often";

/// The code of an order of which a look found that it certainly did not happen.
pub const DID_NOT_HAPPEN: &str = "did_not_happen";

/// What a look after an unknown outcome shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Looked {
    /// It happened.
    Happened,
    /// It certainly did not.
    DidNot,
    /// It cannot be told: the operator decides.
    CannotTell,
}

/// Why an action is not even planned. Codes are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Refused {
    /// This make cannot do it.
    NotProvided,
    /// The participant is not in the roster that was read last.
    NoSuchParticipant {
        /// Whom.
        participant: ParticipantRef,
    },
    /// The conference is not known.
    NoSuchConference {
        /// Which.
        conference: ConferenceRef,
    },
    /// It is being called already, by us or by the platform.
    CalledAlready,
    /// A value cannot be sent: a layout that this make does not know, a name with control characters.
    BadValue {
        /// Which value.
        field: String,
        /// Why.
        why: String,
    },
    /// Known to harm this make or version.
    Harmful {
        /// What happens.
        why: String,
    },
}

/// Something that a make can be told to do: the kinds of [`Action`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "one per kind of action, documented there")]
pub enum Does {
    Dial,
    Redial,
    Disconnect,
    Mute,
    Layout,
    Broadcast,
    KeyFrame,
    MoveParticipant,
    MigrateConference,
    Drain,
}

/// An order to a device. Journalled before it leaves, so that it is never given twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceOrder {
    /// Names it for ever.
    pub key: ActionKey,
    /// Which device.
    pub device: Device,
    /// What.
    pub action: Action,
}

/// How far an order is. Each report replaces the one before; one with [`Step::Ended`] is the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionReport {
    /// Which order.
    pub key: ActionKey,
    /// How far.
    pub step: Step,
}

/// How far an order is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Waits in the device's queue.
    Queued,
    /// Not planned; nothing was sent.
    Refused {
        /// Why.
        why: Refused,
    },
    /// The device was told; now media are to verify it.
    Told {
        /// What the device said.
        outcome: ActionOutcome,
    },
    /// Over.
    Ended {
        /// What the device said.
        outcome: ActionOutcome,
        /// What media say.
        verified: Verified,
    },
}

/// What media say about an action after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// Media show that it worked.
    Worked,
    /// Within the deadline media did not show it.
    DidNotWork,
    /// Media cannot show it, or we are blind: the operator looks.
    CannotTell,
}
