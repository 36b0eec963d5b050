//! What a trap means: an alarm where its MIB has pairs, otherwise a hint to read anew.

use super::Trap;
use crate::mcu::snmp::name::{Datum, ObjectName};
use crate::mcu::snmp::sets::{object, rmx, ups};
use crate::observation::device::{AlarmLevel, DeviceAlarm};

/// `coldStart`, `warmStart`, `linkDown`, `linkUp` (RFC 3418, RFC 2863).
const COLD_START: &str = "1.3.6.1.6.3.1.1.5.1";
const WARM_START: &str = "1.3.6.1.6.3.1.1.5.2";
const LINK_DOWN: &str = "1.3.6.1.6.3.1.1.5.3";
const LINK_UP: &str = "1.3.6.1.6.3.1.1.5.4";
/// `ifIndex`, which both carry.
const INTERFACE: &str = "1.3.6.1.2.1.2.2.1.1";
/// `upsTrapAlarmEntryAdded`, `upsTrapAlarmEntryRemoved`, and what they carry: number and kind (RFC 1628).
const UPS_ADDED: &str = "1.3.6.1.2.1.33.2.3";
const UPS_REMOVED: &str = "1.3.6.1.2.1.33.2.4";
const UPS_NUMBER: &str = "1.3.6.1.2.1.33.1.6.2.1.1";
const UPS_KIND: &str = "1.3.6.1.2.1.33.1.6.2.1.2";

/// What a trap means.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// Something changed: read anew.
    Hint,
    /// An alarm was raised.
    Raised(DeviceAlarm),
    /// The alarm with this id is over.
    Cleared(String),
    /// The device has started: what traps raised before is over.
    Restarted,
}

/// What a trap means.
pub fn meaning(trap: &Trap) -> Meaning {
    if let Some(said) = rmx::trap(&trap.is, &trap.carries) {
        return said.map_or_else(Meaning::Cleared, Meaning::Raised);
    }
    let is = |name| trap.is == object(name);
    match () {
        () if is(COLD_START) || is(WARM_START) => Meaning::Restarted,
        () if is(LINK_DOWN) => link(trap).map_or(Meaning::Hint, Meaning::Raised),
        () if is(LINK_UP) => link(trap).map_or(Meaning::Hint, |alarm| Meaning::Cleared(alarm.id)),
        () if is(UPS_ADDED) => power(trap).map_or(Meaning::Hint, Meaning::Raised),
        () if is(UPS_REMOVED) => power(trap).map_or(Meaning::Hint, |alarm| Meaning::Cleared(alarm.id)),
        () => Meaning::Hint,
    }
}

fn carried<'a>(trap: &'a Trap, base: &'static str) -> Option<&'a Datum> {
    let base: ObjectName = object(base);
    trap.carries.iter().find(|(name, _)| name.below(&base).is_some()).map(|(_, datum)| datum)
}

fn link(trap: &Trap) -> Option<DeviceAlarm> {
    let index = carried(trap, INTERFACE)?.whole()?;
    Some(DeviceAlarm {
        id: format!("link.{index}"),
        what: "link_down".into(),
        detail: format!("ifIndex {index}"),
        level: AlarmLevel::Minor,
        since: None,
    })
}

fn power(trap: &Trap) -> Option<DeviceAlarm> {
    let number = carried(trap, UPS_NUMBER)?.whole()?;
    match carried(trap, UPS_KIND)? {
        Datum::Name(kind) => Some(ups::alarm(&number.to_string(), kind)),
        Datum::Whole(_) | Datum::Number(_) | Datum::Text(_) | Datum::Ticks(_) | Datum::Missing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(is: &'static str, carries: &[(&'static str, Datum)]) -> Trap {
        let carries = carries.iter().map(|(name, datum)| (object(name), datum.clone())).collect();
        Trap { is: object(is), carries }
    }

    #[test]
    fn pairs_raise_and_clear_the_same_and_everything_else_is_a_hint() {
        let interface = [("1.3.6.1.2.1.2.2.1.1.3", Datum::Whole(3))];
        let alarm = [
            ("1.3.6.1.2.1.33.1.6.2.1.1.7", Datum::Whole(7)),
            ("1.3.6.1.2.1.33.1.6.2.1.2.7", Datum::Name(object("1.3.6.1.2.1.33.1.6.3.2"))),
        ];
        for (raise, clear, carries, id) in [
            (LINK_DOWN, LINK_UP, interface.as_slice(), "link.3"),
            (UPS_ADDED, UPS_REMOVED, alarm.as_slice(), "ups.7"),
        ] {
            let Meaning::Raised(raised) = meaning(&trap(raise, carries)) else {
                panic!("{raise} raises nothing")
            };
            assert_eq!(raised.id, id);
            assert_eq!(meaning(&trap(clear, carries)), Meaning::Cleared(id.into()));
            assert_eq!(meaning(&trap(raise, &[])), Meaning::Hint);
        }
        assert_eq!(meaning(&trap(COLD_START, &[])), Meaning::Restarted);
        assert_eq!(meaning(&trap("1.3.6.1.2.1.33.2.1", &[])), Meaning::Hint);
    }
}
