//! Fault classes 故障类别: what kind of trouble an emergency plan is written for, and how much it matters.

use serde::{Deserialize, Serialize};

/// The kinds of trouble. Codes are stable: plans, statistics and reviews name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// F1 MCU 宕机、板卡故障: an MCU is down or half down.
    McuDown,
    /// F2 线路中断: a line, trunk or carrier is gone.
    LinkLost,
    /// F3 线路质量下降: loss, jitter, delay.
    LinkDegraded,
    /// F4 终端故障、掉线: an endpoint is gone or has left the meeting.
    EndpointFault,
    /// F5 图像异常: no picture, black, frozen, damaged.
    Picture,
    /// F6 声音异常: no sound, clipping, echo.
    Sound,
    /// F7 停电: power is lost or runs on its reserve.
    Power,
    /// F8 平台失联: the management of the meeting, or vcops itself, is gone or blind.
    PlatformLost,
    /// F9 会场冲突、人员未到岗: nobody is there, or the hall is taken.
    VenueUnready,
    /// F10 误操作、状态漂移: what is differs from what was agreed.
    Drift,
    /// F11 非法入会: somebody is in the meeting whom nobody invited.
    Intruder,
    /// F12 网络安全事件: an attack, or what looks like one.
    Security,
    /// 未闭麦: the microphone of a venue that does not speak is open.
    OpenMicrophone,
    /// 共因故障: many things failed together.
    CommonCause,
    /// 环境: temperature, air conditioning, disks, certificates.
    Environment,
}

impl FaultClass {
    /// Every class, in the order of the list above.
    pub const ALL: [Self; 15] = [
        Self::McuDown,
        Self::LinkLost,
        Self::LinkDegraded,
        Self::EndpointFault,
        Self::Picture,
        Self::Sound,
        Self::Power,
        Self::PlatformLost,
        Self::VenueUnready,
        Self::Drift,
        Self::Intruder,
        Self::Security,
        Self::OpenMicrophone,
        Self::CommonCause,
        Self::Environment,
    ];

    /// The name that people read, Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Self::McuDown => "MCU故障",
            Self::LinkLost => "线路中断",
            Self::LinkDegraded => "线路质量下降",
            Self::EndpointFault => "终端故障或掉线",
            Self::Picture => "图像异常",
            Self::Sound => "声音异常",
            Self::Power => "停电",
            Self::PlatformLost => "平台失联",
            Self::VenueUnready => "会场未就绪",
            Self::Drift => "状态不一致",
            Self::Intruder => "非法入会",
            Self::Security => "网络安全事件",
            Self::OpenMicrophone => "未闭麦",
            Self::CommonCause => "共因故障",
            Self::Environment => "机房环境",
        }
    }

    /// The same in English.
    pub fn en(self) -> &'static str {
        match self {
            Self::McuDown => "MCU failure",
            Self::LinkLost => "line lost",
            Self::LinkDegraded => "line degraded",
            Self::EndpointFault => "endpoint failed or left",
            Self::Picture => "picture fault",
            Self::Sound => "sound fault",
            Self::Power => "power lost",
            Self::PlatformLost => "platform lost",
            Self::VenueUnready => "venue not ready",
            Self::Drift => "state differs",
            Self::Intruder => "intruder",
            Self::Security => "network security event",
            Self::OpenMicrophone => "open microphone",
            Self::CommonCause => "common cause",
            Self::Environment => "machine room",
        }
    }
}

/// How much a finding matters now. It follows the meeting's phase and the part that its subject plays there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// 提示: worth knowing, nobody has to act.
    Information,
    /// 告警: somebody should look. What journals without severities meant.
    #[default]
    Warning,
    /// 严重: the meeting suffers somewhere.
    Severe,
    /// 紧急: everybody in the meeting notices, or will at the next word.
    Critical,
}

impl Severity {
    /// A stable word, such as `severe`: the serialised form.
    pub fn code(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Severe => "severe",
            Self::Critical => "critical",
        }
    }

    /// Whether it is what is meant where nothing is written.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_whole() {
        assert!(FaultClass::ALL.windows(2).all(|pair| pair[0] < pair[1]));
        for class in FaultClass::ALL {
            let word = serde_json::to_value(class).unwrap();
            assert_eq!(serde_json::from_value::<FaultClass>(word).unwrap(), class);
            assert!(!class.zh().is_empty() && class.en().is_ascii());
        }
    }
}
