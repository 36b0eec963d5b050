//! The state machine of one alarm: a table, without time and without overlays.
//!
//! Overlays never touch it: what is shelved, suppressed or out of service goes on underneath.

use serde::{Deserialize, Serialize};

/// Where an alarm that is known stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Core {
    /// 正常: nothing is wrong, or it was looked at and is over.
    #[default]
    Normal,
    /// 未确认: raised, and nobody has said that they saw it.
    Unack,
    /// 已确认: raised, and somebody takes care.
    Ack,
    /// 已恢复未确认: over by itself before anybody looked.
    RtnUnack,
    /// 锁存: over, and to be reset by somebody who knows why it was.
    Latched,
}

/// What happens to an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Its finding is raised.
    Raised,
    /// Its finding is over.
    Cleared,
    /// Somebody says that they saw it.
    Acked,
    /// That counts no more: taken back, or too old.
    Unacked,
    /// Somebody resets it.
    Reset,
}

impl Core {
    /// Where it goes. `latches`: it is not over before somebody resets it. A signal that does not fit changes
    /// nothing.
    #[must_use]
    pub fn after(self, signal: Signal, latches: bool) -> Self {
        match (self, signal) {
            (Self::Normal | Self::RtnUnack | Self::Latched, Signal::Raised) => Self::Unack,
            (Self::Unack | Self::Ack, Signal::Cleared) if latches => Self::Latched,
            (Self::Unack, Signal::Cleared) => Self::RtnUnack,
            (Self::Ack, Signal::Cleared) => Self::Normal,
            (Self::Unack, Signal::Acked) => Self::Ack,
            (Self::RtnUnack, Signal::Acked) => Self::Normal,
            (Self::Ack, Signal::Unacked) => Self::Unack,
            (Self::Latched, Signal::Reset) => Self::Normal,
            (core, Signal::Raised | Signal::Cleared | Signal::Acked | Signal::Unacked | Signal::Reset) => {
                core
            }
        }
    }

    /// Whether its finding is raised.
    pub fn is_active(self) -> bool {
        match self {
            Self::Unack | Self::Ack => true,
            Self::Normal | Self::RtnUnack | Self::Latched => false,
        }
    }
}

/// Where an alarm stands, as it is shown: what is only seen now as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// 正常.
    Normal,
    /// 待定: its condition holds, not yet long enough.
    Pending,
    /// 未确认.
    Unack,
    /// 已确认.
    Ack,
    /// 已恢复未确认.
    RtnUnack,
    /// 锁存待复位.
    Latched,
    /// 未知: nothing fresh is seen, so nobody can say.
    Unknown,
    /// 抖动: it comes and goes too often to be told each time.
    Chatter,
}

/// What is seen of an alarm's subject now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing fresh.
    Stale,
    /// Something is wrong, and not long enough yet.
    Holds,
    /// Nothing that is not said already.
    Calm,
}

impl Look {
    /// By whether anything fresh is seen, and a hold that runs.
    pub fn of<T>(seen: bool, hold: Option<&T>) -> Self {
        match hold {
            _ if !seen => Self::Stale,
            Some(_) => Self::Holds,
            None => Self::Calm,
        }
    }
}

impl AlarmState {
    /// Every state, in order.
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::Pending,
        Self::Unack,
        Self::Ack,
        Self::RtnUnack,
        Self::Latched,
        Self::Unknown,
        Self::Chatter,
    ];

    /// From the core and what is seen now. What is raised stays raised while nothing is seen.
    pub fn of(core: Core, look: Look, chatters: bool) -> Self {
        match (core, look) {
            _ if chatters => Self::Chatter,
            (Core::Unack, _) => Self::Unack,
            (Core::Ack, _) => Self::Ack,
            (Core::RtnUnack, _) => Self::RtnUnack,
            (Core::Latched, _) => Self::Latched,
            (Core::Normal, Look::Stale) => Self::Unknown,
            (Core::Normal, Look::Holds) => Self::Pending,
            (Core::Normal, Look::Calm) => Self::Normal,
        }
    }

    /// A stable word: the serialised form.
    pub fn code(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Pending => "pending",
            Self::Unack => "unack",
            Self::Ack => "ack",
            Self::RtnUnack => "rtn_unack",
            Self::Latched => "latched",
            Self::Unknown => "unknown",
            Self::Chatter => "chatter",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_meets_every_signal() {
        use Core::{Ack, Latched, Normal, RtnUnack, Unack};
        // Rows: the state before. Columns: raised, cleared, acked, unacked, reset; then cleared when it latches.
        let table = [
            (Normal, [Unack, Normal, Normal, Normal, Normal], Normal),
            (Unack, [Unack, RtnUnack, Ack, Unack, Unack], Latched),
            (Ack, [Ack, Normal, Ack, Unack, Ack], Latched),
            (RtnUnack, [Unack, RtnUnack, Normal, RtnUnack, RtnUnack], RtnUnack),
            (Latched, [Unack, Latched, Latched, Latched, Normal], Latched),
        ];
        let signals = [Signal::Raised, Signal::Cleared, Signal::Acked, Signal::Unacked, Signal::Reset];
        for (before, expected, latched) in table {
            let after = signals.map(|signal| before.after(signal, false));
            assert_eq!(after, expected, "{before:?}");
            assert_eq!(before.after(Signal::Cleared, true), latched, "{before:?} latching");
        }
    }

    #[test]
    fn what_is_raised_stays_so_while_nothing_is_seen() {
        let cases = [
            ((Core::Normal, Look::Calm, false), AlarmState::Normal),
            ((Core::Normal, Look::Holds, false), AlarmState::Pending),
            ((Core::Normal, Look::of(false, Some(&())), false), AlarmState::Unknown),
            ((Core::Unack, Look::Stale, false), AlarmState::Unack),
            ((Core::Ack, Look::Stale, false), AlarmState::Ack),
            ((Core::RtnUnack, Look::Stale, false), AlarmState::RtnUnack),
            ((Core::Latched, Look::Stale, false), AlarmState::Latched),
            ((Core::Unack, Look::Calm, true), AlarmState::Chatter),
            ((Core::Normal, Look::of::<()>(true, None), true), AlarmState::Chatter),
        ];
        for ((core, look, chatters), expected) in cases {
            assert_eq!(AlarmState::of(core, look, chatters), expected, "{core:?}");
        }
        for state in AlarmState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.code());
        }
    }
}
