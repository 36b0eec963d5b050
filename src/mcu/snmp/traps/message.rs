//! A datagram at the trap port, taken apart: version 2c, or version 3 up to what is signed. Total over any bytes.

use snmp2::{AsnReader, MessageType, Pdu, Version};

use super::Trap;
use crate::mcu::snmp::name::{Datum, ObjectName};

/// Most values of one trap.
const CARRIES_MAX: usize = 64;
/// `sysUpTime.0` and `snmpTrapOID.0`, with which every notification begins (RFC 3416 §4.2.6).
const TRAP_IS: &str = "1.3.6.1.6.3.1.1.4.1.0";
/// Flags of a version 3 message: signed, encrypted (RFC 3412 §6.4).
const SIGNED: u8 = 1;
const ENCRYPTED: u8 = 2;
/// The user-based security model (RFC 3411 §5).
const USER_BASED: i64 = 3;
/// Identities of engines are 5 to 32 bytes (RFC 3411 §5).
const ENGINE_BYTES: std::ops::RangeInclusive<usize> = 5..=32;

/// Why a datagram is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Refused {
    /// Not an SNMP message, or one with something left over.
    #[error("no SNMP message")]
    Shape,
    /// Version 1, or another than 2c and 3.
    #[error("a version that is not taken")]
    Version,
    /// A message that is no notification.
    #[error("no notification")]
    Kind,
    /// From an address that no device of the inventory has.
    #[error("from an address of no device")]
    Source,
    /// The community, the user, the signature or the encryption is not the account's.
    #[error("not signed by the account")]
    Account,
    /// Signed, and older than what was seen before: a repetition.
    #[error("older than what was seen")]
    Old,
    /// More from one address than is taken.
    #[error("too many")]
    TooMany,
}

impl Refused {
    /// Its word in counters.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Version => "version",
            Self::Kind => "kind",
            Self::Source => "source",
            Self::Account => "account",
            Self::Old => "old",
            Self::TooMany => "too_many",
        }
    }
}

/// A message as it can be read before it is trusted.
#[derive(Debug, Clone, PartialEq)]
pub enum Opened<'a> {
    /// Version 2c: a community and the notification in the clear.
    Community {
        /// The community.
        community: &'a [u8],
        /// The notification.
        trap: Trap,
        /// Whether the sender waits for a receipt (an inform).
        wants_receipt: bool,
    },
    /// Version 3: who signed it, and where.
    User(Signed<'a>),
}

/// The outside of a version 3 message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The sender's identity.
    pub engine: &'a [u8],
    /// How often it has started.
    pub boots: i64,
    /// Its seconds since then.
    pub time_s: i64,
    /// The user.
    pub user: &'a [u8],
    /// The signature, and where it stands in the message.
    pub signature: &'a [u8],
    /// Where the signature begins.
    pub signature_at: usize,
    /// Whether it says that it is signed.
    pub signed: bool,
    /// Whether it says that it is encrypted.
    pub encrypted: bool,
}

/// Takes a datagram apart.
pub fn open(bytes: &[u8]) -> Result<Opened<'_>, Refused> {
    let shape = |_| Refused::Shape;
    let mut outer = AsnReader::from_bytes(bytes);
    let inside = outer.read_raw(0x30).map_err(shape)?;
    if outer.bytes_left() > 0 {
        return Err(Refused::Shape);
    }
    let mut inside = AsnReader::from_bytes(inside);
    match inside.read_asn_integer().map_err(shape)? {
        1 => community(bytes),
        3 => user(bytes, inside).map(Opened::User),
        _ => Err(Refused::Version),
    }
}

fn community(bytes: &[u8]) -> Result<Opened<'_>, Refused> {
    let pdu = Pdu::from_bytes(bytes).map_err(|_| Refused::Shape)?;
    let wants_receipt = match (pdu.version(), pdu.message_type) {
        (Ok(Version::V2C), MessageType::Trap) => false,
        (Ok(Version::V2C), MessageType::InformRequest) => true,
        _ => return Err(Refused::Kind),
    };
    Ok(Opened::Community { community: pdu.community, trap: notification(&pdu)?, wants_receipt })
}

/// The header of version 3 and its user-based part (RFC 3412 §6, RFC 3414 §2.4).
fn user<'a>(bytes: &'a [u8], mut inside: AsnReader<'a>) -> Result<Signed<'a>, Refused> {
    let shape = |_| Refused::Shape;
    let mut header = AsnReader::from_bytes(inside.read_raw(0x30).map_err(shape)?);
    header.read_asn_integer().map_err(shape)?;
    header.read_asn_integer().map_err(shape)?;
    let flags = header.read_asn_octetstring().map_err(shape)?;
    let &[flags] = flags else { return Err(Refused::Shape) };
    if header.read_asn_integer().map_err(shape)? != USER_BASED {
        return Err(Refused::Kind);
    }
    let parameters = inside.read_asn_octetstring().map_err(shape)?;
    let parameters = AsnReader::from_bytes(parameters).read_raw(0x30).map_err(shape)?;
    let mut parameters = AsnReader::from_bytes(parameters);
    let engine = parameters.read_asn_octetstring().map_err(shape)?;
    let boots = parameters.read_asn_integer().map_err(shape)?;
    let time_s = parameters.read_asn_integer().map_err(shape)?;
    let user = parameters.read_asn_octetstring().map_err(shape)?;
    let signature = parameters.read_asn_octetstring().map_err(shape)?;
    parameters.read_asn_octetstring().map_err(shape)?;
    let counts = 0..=i64::from(i32::MAX);
    if !ENGINE_BYTES.contains(&engine.len()) || !counts.contains(&boots) || !counts.contains(&time_s) {
        return Err(Refused::Shape);
    }
    // The signature is a part of the message, so the distance of the two is its place.
    let signature_at = signature.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr());
    if signature_at.checked_add(signature.len()).is_none_or(|end| end > bytes.len()) {
        return Err(Refused::Shape);
    }
    let (signed, encrypted) = (flags & SIGNED != 0, flags & ENCRYPTED != 0);
    Ok(Signed { engine, boots, time_s, user, signature, signature_at, signed, encrypted })
}

/// What a message notifies of.
pub(super) fn notification(pdu: &Pdu<'_>) -> Result<Trap, Refused> {
    let mut is = None;
    let mut carries = Vec::new();
    for (name, value) in pdu.varbinds.clone().take(CARRIES_MAX) {
        let Some(name) = ObjectName::of(&name) else { continue };
        match (Datum::of(&value), name.to_string().as_str()) {
            (Datum::Name(trap), TRAP_IS) => is = Some(trap),
            (datum, _) => carries.push((name, datum)),
        }
    }
    Ok(Trap { is: is.ok_or(Refused::Kind)?, carries })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // As net-snmp 5.9.3 sent them: `upsTrapAlarmEntryAdded` with number and kind.
    const V2C: &str = include_str!("../../../../tests/data/mcu/snmp/trap_v2c.hex");
    const INFORM: &str = include_str!("../../../../tests/data/mcu/snmp/inform_v2c.hex");
    const V3: &str = include_str!("../../../../tests/data/mcu/snmp/trap_v3_sha256_aes.hex");

    fn recorded(text: &str) -> Vec<u8> {
        hex::decode(text.trim()).unwrap()
    }

    #[test]
    fn a_recorded_trap_is_what_was_sent() {
        for (text, inform) in [(V2C, false), (INFORM, true)] {
            let bytes = recorded(text);
            let Ok(Opened::Community { community, trap, wants_receipt }) = open(&bytes) else {
                panic!("{text}")
            };
            assert_eq!((community, wants_receipt), (b"watch-2c".as_slice(), inform));
            assert_eq!(trap.is.to_string(), "1.3.6.1.2.1.33.2.3");
            let carried: Vec<String> = trap.carries.iter().map(|(name, _)| name.to_string()).collect();
            let expected = ["1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.33.1.6.2.1.1.7", "1.3.6.1.2.1.33.1.6.2.1.2.7"];
            assert_eq!(carried, expected);
        }
    }

    #[test]
    fn a_recorded_signature_is_found_in_its_place() {
        let bytes = recorded(V3);
        let Ok(Opened::User(signed)) = open(&bytes) else { panic!("no version 3") };
        assert_eq!((signed.user, signed.signed, signed.encrypted), (b"watch".as_slice(), true, true));
        assert_eq!(signed.signature.len(), 24);
        assert_eq!(&bytes[signed.signature_at..][..24], signed.signature);
    }

    #[test]
    fn what_is_no_notification_is_refused() {
        let mut version_1 = recorded(V2C);
        version_1[4] = 0;
        let mut more = recorded(V2C);
        more.push(0);
        let mut response = recorded(V2C);
        let kind = response.iter().position(|byte| *byte == 0xa7).unwrap();
        response[kind] = 0xa2;
        for (bytes, why) in [
            (Vec::new(), Refused::Shape),
            (more, Refused::Shape),
            (version_1, Refused::Version),
            (response, Refused::Kind),
        ] {
            assert_eq!(open(&bytes), Err(why));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = open(&bytes);
        }

        #[test]
        fn a_damaged_message_is_taken_apart_or_refused(
            v3 in any::<bool>(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = recorded(if v3 { V3 } else { V2C });
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(Opened::User(signed)) = open(&bytes) {
                prop_assert_eq!(&bytes[signed.signature_at..][..signed.signature.len()], signed.signature);
            }
        }
    }
}
