//! Meetings, their phases and profiles, and the limits a rehearsal holds them to.

use serde::{Deserialize, Serialize};

use super::NetworkAttribute;
use crate::domain::check::{ConfirmItem, PathPlan, RoomItem};
use crate::domain::id::{McuId, MeetingId, ProfileId, RegionId, VenueId};
use crate::domain::time::{Span, Utc, Window};

/// A meeting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meeting {
    /// Identifier.
    pub id: MeetingId,
    /// Shown name.
    pub name: String,
    /// The region that holds it.
    pub region: RegionId,
    /// First minute.
    pub starts: Utc,
    /// Planned end.
    pub ends: Utc,
    /// How its content may be kept.
    #[serde(default)]
    pub class: MeetingClass,
    /// Who controls it.
    #[serde(default)]
    pub owner: MeetingOwner,
    /// 保障等级: how much care it is given.
    #[serde(default, skip_serializing_if = "SupportLevel::is_default")]
    pub support: SupportLevel,
    /// Which network it runs on.
    pub network: NetworkAttribute,
    /// What is asked of the lines.
    pub profile: ProfileId,
    /// 主会场.
    pub main_venue: VenueId,
    /// 分会场, in seating order, without the main venue.
    pub venues: Vec<VenueId>,
    /// The MCU it runs on.
    #[serde(default)]
    pub mcu: Option<McuId>,
    /// The MCU that stands by.
    #[serde(default)]
    pub standby_mcu: Option<McuId>,
    /// 发言顺序.
    #[serde(default)]
    pub agenda: Vec<AgendaItem>,
    /// Whether rounds 会前一天 and 会前1小时 start by themselves.
    #[serde(default = "yes")]
    pub automatic_rounds: bool,
}

fn yes() -> bool {
    true
}

impl Meeting {
    /// How long before the start the roll call 点名 is due.
    pub const ROLL_CALL_BEFORE: Span = Span::minutes(30);

    /// Main venue first, then the branch venues.
    pub fn all_venues(&self) -> impl Iterator<Item = &VenueId> {
        std::iter::once(&self.main_venue).chain(&self.venues)
    }

    /// The time the meeting takes, from the roll call to its planned end.
    pub fn window(&self) -> Window {
        Window { from: self.roll_call_at(), until: self.ends }
    }

    /// When the roll call is due.
    pub fn roll_call_at(&self) -> Utc {
        self.starts - Self::ROLL_CALL_BEFORE
    }

    /// Which phase the meeting is in at a moment.
    pub fn phase(&self, at: Utc) -> Phase {
        let before = |span: Span| at < self.starts - span;
        match () {
            () if at >= self.ends => Phase::Over,
            () if at >= self.starts => Phase::Live,
            () if !before(Self::ROLL_CALL_BEFORE) => Phase::RollCall,
            () if !before(Span::minutes(60)) => Phase::HourBefore,
            () if !before(Span::minutes(24 * 60)) => Phase::DayBefore,
            () => Phase::Planned,
        }
    }
}

/// Where a meeting stands in time. Severity follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// More than a day ahead.
    Planned,
    /// 会前一天.
    DayBefore,
    /// 会前1小时.
    HourBefore,
    /// From the roll call 点名 to the start: idle checks and passive watching only.
    RollCall,
    /// 会中.
    Live,
    /// 散会.
    Over,
}

/// 保障等级: how much care a meeting is given. Who is told, and how soon, follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupportLevel {
    /// 一般保障.
    #[default]
    Routine,
    /// 重要保障.
    Important,
    /// 特级保障.
    Highest,
}

impl SupportLevel {
    /// The stable word, as serialised.
    pub fn code(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Important => "important",
            Self::Highest => "highest",
        }
    }

    /// Whether it is what is meant where nothing is written.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference in")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How a meeting's content may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingClass {
    /// 一般.
    #[default]
    General,
    /// 重要.
    Important,
    /// 不得留存: no thumbnails, recordings or content in messages.
    NoRetention,
}

/// Who controls a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeetingOwner {
    /// Ours.
    #[default]
    Own,
    /// 上级会议: watched, never controlled.
    Superior,
}

/// One line of the agenda.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgendaItem {
    /// Who speaks.
    pub venue: VenueId,
    /// When, if fixed.
    #[serde(default)]
    pub at: Option<Utc>,
    /// About what.
    #[serde(default)]
    pub title: String,
}

/// What a kind of meeting asks of its venues.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Identifier, such as `720p25`.
    pub id: ProfileId,
    /// Shown name, such as 1080p25 · 4 Mbit/s.
    pub name: String,
    /// The meeting's rate per venue in kbit/s.
    pub rate_kbps: u32,
    /// Limits that differ from the defaults.
    #[serde(default)]
    pub limits: LimitsPatch,
    /// How each path is tested.
    #[serde(default)]
    pub path: PathPlan,
    /// The manual items asked of each venue.
    #[serde(default)]
    pub room: Vec<RoomItem>,
    /// Height of the picture that a codec must send, pixels, if that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Whether content 辅流 is shown in both directions.
    #[serde(default, skip_serializing_if = "is_false")]
    pub content: bool,
    /// What people of each venue are asked to confirm 看听确认.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirm: Vec<ConfirmItem>,
    /// How many codecs one MCU calls at once in a rehearsal.
    #[serde(default = "calls_at_once", skip_serializing_if = "is_usual_pace")]
    pub calls_at_once: u8,
}

/// How many codecs an MCU calls at once where the profile does not say.
pub const CALLS_AT_ONCE: u8 = 5;

fn calls_at_once() -> u8 {
    CALLS_AT_ONCE
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference in")]
fn is_usual_pace(calls: &u8) -> bool {
    *calls == CALLS_AT_ONCE
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference in")]
fn is_false(yes: &bool) -> bool {
    !*yes
}

/// The limits of one venue in one meeting. Profile and venue may differ from the defaults below.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Loss per direction that warns, percent.
    pub loss_warn_pct: f64,
    /// Loss per direction that fails, percent.
    pub loss_fail_pct: f64,
    /// Jitter (p95 of IPDV, RFC 5481) that warns, milliseconds.
    pub jitter_warn_ms: f64,
    /// Jitter that fails, milliseconds.
    pub jitter_fail_ms: f64,
    /// Median round trip that warns, milliseconds.
    pub rtt_warn_ms: f64,
    /// Median round trip that fails, milliseconds.
    pub rtt_fail_ms: f64,
    /// Clock offset of an agent that warns, milliseconds.
    pub clock_warn_ms: f64,
    /// Loss in a stream that warns, percent of ten seconds.
    pub stream_loss_warn_pct: f64,
    /// Loss in a stream that is severe, percent of ten seconds.
    pub stream_loss_severe_pct: f64,
    /// Jitter of a stream (RFC 3550) that warns, milliseconds.
    pub stream_jitter_warn_ms: f64,
    /// Jitter of a stream that is severe, milliseconds.
    pub stream_jitter_severe_ms: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            loss_warn_pct: 1.0,
            loss_fail_pct: 3.0,
            jitter_warn_ms: 30.0,
            jitter_fail_ms: 50.0,
            rtt_warn_ms: 200.0,
            rtt_fail_ms: 300.0,
            clock_warn_ms: 500.0,
            stream_loss_warn_pct: 1.0,
            stream_loss_severe_pct: 5.0,
            stream_jitter_warn_ms: 30.0,
            stream_jitter_severe_ms: 100.0,
        }
    }
}

/// Limits that replace others where they are given.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsPatch {
    /// See [`Limits::loss_warn_pct`].
    pub loss_warn_pct: Option<f64>,
    /// See [`Limits::loss_fail_pct`].
    pub loss_fail_pct: Option<f64>,
    /// See [`Limits::jitter_warn_ms`].
    pub jitter_warn_ms: Option<f64>,
    /// See [`Limits::jitter_fail_ms`].
    pub jitter_fail_ms: Option<f64>,
    /// See [`Limits::rtt_warn_ms`].
    pub rtt_warn_ms: Option<f64>,
    /// See [`Limits::rtt_fail_ms`].
    pub rtt_fail_ms: Option<f64>,
    /// See [`Limits::clock_warn_ms`].
    pub clock_warn_ms: Option<f64>,
    /// See [`Limits::stream_loss_warn_pct`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_loss_warn_pct: Option<f64>,
    /// See [`Limits::stream_loss_severe_pct`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_loss_severe_pct: Option<f64>,
    /// See [`Limits::stream_jitter_warn_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_jitter_warn_ms: Option<f64>,
    /// See [`Limits::stream_jitter_severe_ms`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_jitter_severe_ms: Option<f64>,
}

impl LimitsPatch {
    /// These limits where given, `base` elsewhere.
    pub fn over(&self, base: Limits) -> Limits {
        Limits {
            loss_warn_pct: self.loss_warn_pct.unwrap_or(base.loss_warn_pct),
            loss_fail_pct: self.loss_fail_pct.unwrap_or(base.loss_fail_pct),
            jitter_warn_ms: self.jitter_warn_ms.unwrap_or(base.jitter_warn_ms),
            jitter_fail_ms: self.jitter_fail_ms.unwrap_or(base.jitter_fail_ms),
            rtt_warn_ms: self.rtt_warn_ms.unwrap_or(base.rtt_warn_ms),
            rtt_fail_ms: self.rtt_fail_ms.unwrap_or(base.rtt_fail_ms),
            clock_warn_ms: self.clock_warn_ms.unwrap_or(base.clock_warn_ms),
            stream_loss_warn_pct: self.stream_loss_warn_pct.unwrap_or(base.stream_loss_warn_pct),
            stream_loss_severe_pct: self.stream_loss_severe_pct.unwrap_or(base.stream_loss_severe_pct),
            stream_jitter_warn_ms: self.stream_jitter_warn_ms.unwrap_or(base.stream_jitter_warn_ms),
            stream_jitter_severe_ms: self.stream_jitter_severe_ms.unwrap_or(base.stream_jitter_severe_ms),
        }
    }
}
