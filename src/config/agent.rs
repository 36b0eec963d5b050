//! `agent.toml`: the settings of one venue's agent. What this file forbids, no command can allow.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::link::reflector::Network;

/// The venue's agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentSettings {
    /// Where key, membership, waiting events and consent are kept; readable by the agent alone.
    pub directory: PathBuf,
    /// Most that waiting events may take on the disk, MiB.
    #[serde(default = "default_outbox_mib")]
    pub outbox_mib: u64,
    /// Time zone of the no-test windows, such as `Asia/Shanghai`.
    #[serde(default = "default_zone")]
    pub zone: String,
    /// Broker to use instead of the one that enrolment gave, as `host:port`, when the venue sees it elsewhere.
    #[serde(default)]
    pub broker: Option<String>,
    /// The reflector that answers the controller's path tests.
    #[serde(default)]
    pub reflector: ReflectorLimits,
    /// What the agent itself may send.
    #[serde(default)]
    pub tests: TestLimits,
    /// Standing permission 长期许可 for tests that touch the hall. Without it, `vcops agent consent --for 2h`.
    #[serde(default)]
    pub standing_consent: bool,
    /// No-test windows 禁测时段: nothing active in them, whoever asks.
    #[serde(default)]
    pub no_test: Vec<NoTestWindow>,
}

/// What the reflector answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReflectorLimits {
    /// Addresses to bind, one per link as a rule. Empty: no reflector.
    pub listen: Vec<SocketAddr>,
    /// Networks that are answered. Empty answers nobody.
    pub allow: Vec<Network>,
    /// Probes per second answered to one source.
    pub packets_per_second_max: u32,
    /// Ask for real-time priority; needs CAP_SYS_NICE and is done without when it is missing.
    pub realtime: bool,
}

/// What the agent itself may send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TestLimits {
    /// Networks that tests may be sent to. Empty: the agent sends none.
    pub targets: Vec<Network>,
    /// Fastest test, packets per second. Above 50 a test loads the line and needs the controller's lease.
    pub pps_max: u16,
    /// Longest test, packets.
    pub packets_max: u32,
    /// Tests at once.
    pub at_once_max: usize,
    /// Ask for real-time priority.
    pub realtime: bool,
}

/// A window of local time, each week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoTestWindow {
    /// Days on which it begins; empty means every day.
    #[serde(default)]
    pub days: Vec<Day>,
    /// It begins then.
    pub from: ClockTime,
    /// It ends before then; not later than `from` means on the next day.
    pub until: ClockTime,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    /// 周一.
    Mon,
    /// 周二.
    Tue,
    /// 周三.
    Wed,
    /// 周四.
    Thu,
    /// 周五.
    Fri,
    /// 周六.
    Sat,
    /// 周日.
    Sun,
}

/// A time of day, written `08:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime {
    /// Minutes since midnight, below 1,440.
    pub minute: u16,
}

/// Why a text is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("时间应写作 08:30，而不是 {0:?} / a time of day is written 08:30, not {0:?}")]
pub struct BadClockTime(String);

fn default_outbox_mib() -> u64 {
    64
}

fn default_zone() -> String {
    "Asia/Shanghai".into()
}

impl Default for ReflectorLimits {
    fn default() -> Self {
        Self { listen: Vec::new(), allow: Vec::new(), packets_per_second_max: 500, realtime: true }
    }
}

impl Default for TestLimits {
    fn default() -> Self {
        Self { targets: Vec::new(), pps_max: 50, packets_max: 6_000, at_once_max: 4, realtime: true }
    }
}

impl FromStr for ClockTime {
    type Err = BadClockTime;

    fn from_str(text: &str) -> Result<Self, BadClockTime> {
        let bad = || BadClockTime(text.into());
        let two = |part: &str, below: u16| match part.len() {
            2 => part.parse::<u16>().ok().filter(|n| *n < below).ok_or_else(bad),
            _ => Err(bad()),
        };
        let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
        Ok(Self { minute: two(hour, 24)? * 60 + two(minute, 60)? })
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

impl Serialize for ClockTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ClockTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_read_and_a_bad_time_named() {
        let shipped: AgentSettings = toml::from_str(include_str!("../../config/agent.toml")).unwrap();
        assert_eq!((shipped.outbox_mib, shipped.tests.pps_max), (64, 50));
        assert_eq!(shipped.no_test.len(), 1);
        for bad in ["8:30", "24:00", "08:60", "0830", "08:3o", ""] {
            let error = bad.parse::<ClockTime>().unwrap_err();
            let expected =
                format!("时间应写作 08:30，而不是 {bad:?} / a time of day is written 08:30, not {bad:?}");
            assert_eq!(error.to_string(), expected);
        }
        let unknown = toml::from_str::<AgentSettings>("directory = '/x'\npps = 3").unwrap_err();
        assert!(unknown.to_string().contains("unknown field `pps`"), "{unknown}");
    }
}
