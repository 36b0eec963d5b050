//! Verdicts and their reasons. A reason is a value; its wording in both languages stands beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::check::{CheckKey, Direction, TestId};

/// What a check came to. Ordered from harmless to worst for a venue's own verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// 免测: someone took it out, with a reason.
    Waived,
    /// 通过.
    Pass,
    /// 告警.
    Warn,
    /// 未应答: people did not answer.
    NoAnswer,
    /// 不通过.
    Fail,
    /// 测试未完成: the test broke; never a bad venue.
    TestBroke,
}

/// Why. Codes are stable: reports and integrations rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// Everything within limits.
    WithinLimits,
    /// 测试机离线.
    AgentOffline,
    /// No agent is enrolled at the venue.
    NoAgent,
    /// The agent's version differs from the controller's.
    AgentVersion,
    /// The agent's clock is off.
    ClockOffset,
    /// The agent could not tell its clock's offset yet.
    ClockUnknown,
    /// 丢包, single packets.
    Loss,
    /// 丢包, in bursts.
    BurstLoss,
    /// 抖动.
    Jitter,
    /// 往返时延.
    Rtt,
    /// Nothing came back at all though the agent is there: the line is dead.
    LineDead,
    /// Too few packets for a verdict.
    TooFewPackets,
    /// The measurement itself was not good enough.
    MeasurementPoor,
    /// The link has no address that could be tested.
    NotTestable,
    /// The venue forbids tests now 禁测时段.
    NoTestWindow,
    /// The meeting's roll call is over or the meeting runs: only idle checks.
    MeetingTooNear,
    /// The test could not be carried out.
    TestBroke,
    /// The test did not end in time.
    TimedOut,
    /// The venue's own rules refused the test.
    RefusedByVenue,
    /// The test was called off.
    Cancelled,
    /// 免测.
    Waived,
    /// 现场核对: confirmed in order.
    Confirmed,
    /// 现场核对: reported faulty.
    ReportedFaulty,
    /// 现场核对: nobody answered in time.
    NobodyAnswered,
    /// The inventory has no MCU that can be spoken to, or no codec.
    DeviceUnregistered,
    /// The MCU has no test conference.
    NoTestConference,
    /// The MCU's interface cannot call anybody.
    McuCannotCall,
    /// Venue and MCU have no network in common.
    OtherNetwork,
    /// 上级会议: watched and not controlled.
    SuperiorMeeting,
    /// The venue did not agree to be called.
    NoConsent,
    /// The MCU cannot be seen.
    McuUnseen,
    /// The MCU has no room for a test call.
    McuNoRoom,
    /// The codec is in another call.
    CallBusy,
    /// The codec declined.
    CallDeclined,
    /// The codec did not answer.
    CallNoAnswer,
    /// There is no way to the codec, or it is not registered.
    CallUnreachable,
    /// The codec refused what was offered.
    CallIncompatible,
    /// Connected, and one way there is no picture.
    CallNoPicture,
    /// Connected, and one way there is no sound.
    CallNoSound,
    /// Connected, and one way there is no content 辅流.
    CallNoContent,
    /// The call broke off before it was hung up.
    CallDropped,
    /// At a lower rate than the profile asks.
    CallRateLow,
    /// With a smaller picture than the profile asks.
    CallPictureLow,
    /// Connected; neither the MCU nor we can see whether media flow.
    CallUnseen,
    /// Connected; whether content 辅流 comes through, neither the MCU nor we can see.
    CallContentUnseen,
    /// The standby MCU is down.
    StandbyDown,
    /// The standby MCU has too little room for the meeting.
    StandbyNoRoom,
    /// The standby MCU differs from the primary.
    StandbyDiffers,
    /// A certificate of the standby MCU ends soon.
    StandbyCertificate,
    /// No test conference proved the standby MCU.
    StandbyUnproved,
}

/// A judged check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Which cell.
    #[serde(flatten)]
    pub key: CheckKey,
    /// How often this cell has been judged in its round, from 1.
    pub attempt: u32,
    /// The test behind it, if there was one.
    pub test: Option<TestId>,
    /// Outcome.
    pub verdict: Verdict,
    /// The main reason.
    pub reason: ReasonCode,
    /// The direction that the reason speaks of, if it has one.
    pub direction: Option<Direction>,
    /// Figures with their units in their names (`loss_pct`, `limit_pct`, `rtt_p50_ms` …).
    pub figures: BTreeMap<String, f64>,
    /// Quality of the measurement: `good`, `degraded` or `invalid`; `None` where nothing was measured.
    pub quality: Option<QualityWord>,
}

/// Quality of a measurement in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityWord {
    /// 良好.
    Good,
    /// 欠佳.
    Degraded,
    /// 无效.
    Invalid,
}
