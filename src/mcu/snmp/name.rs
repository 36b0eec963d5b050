//! Names of objects (OBJECT IDENTIFIER) and the values they have. Total over whatever an agent answers.

use std::fmt;

use snmp2::{Oid, Value};

/// Most arcs of a name (RFC 2578 §3.5).
const ARCS_MAX: usize = 128;

/// Longest text that is kept of a value, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

/// The name of an object, such as `1.3.6.1.2.1.33.1.2.3.0`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(Vec<u32>);

impl ObjectName {
    /// Reads a dotted name of two to 128 arcs, the first two within what can be encoded; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |arc: &str| arc.bytes().all(|byte| byte.is_ascii_digit()).then(|| arc.parse().ok())?;
        let arcs: Vec<u32> = text.split('.').take(ARCS_MAX + 1).map(digits).collect::<Option<_>>()?;
        let fits = match arcs.as_slice() {
            [0..=2, second, ..] => *second < 40,
            _ => false,
        };
        (fits && arcs.len() <= ARCS_MAX).then_some(Self(arcs))
    }

    /// This name with further arcs.
    pub fn with(&self, arcs: &[u32]) -> Self {
        Self(self.0.iter().chain(arcs).copied().collect())
    }

    /// What follows `base`, if this name lies below it.
    pub fn below(&self, base: &Self) -> Option<&[u32]> {
        self.0.strip_prefix(base.0.as_slice())
    }

    /// As the library takes it; `None` when it cannot be encoded.
    pub(super) fn wire(&self) -> Option<Oid<'static>> {
        let arcs: Vec<u64> = self.0.iter().copied().map(u64::from).collect();
        Oid::from(&arcs).ok()
    }

    /// From what the library read; `None` when it is no name or too long.
    pub(super) fn of(oid: &Oid<'_>) -> Option<Self> {
        let arcs = oid.iter()?.take(ARCS_MAX + 1).map(|arc| u32::try_from(arc).ok());
        let arcs: Vec<u32> = arcs.collect::<Option<_>>()?;
        (arcs.len() <= ARCS_MAX).then_some(Self(arcs))
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, arc) in self.0.iter().enumerate() {
            write!(f, "{}{arc}", if place == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an object has.
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// A whole number, a counter or a gauge.
    Whole(i128),
    /// A number with a fraction, as some agents wrap it in an Opaque.
    Number(f64),
    /// Bytes, mostly text, at most [`TEXT_BYTES_MAX`].
    Text(Vec<u8>),
    /// The name of another object.
    Name(ObjectName),
    /// Hundredths of a second.
    Ticks(u32),
    /// The agent has no such object, or it holds nothing that can be read.
    Missing,
}

impl Datum {
    /// From what the library read.
    pub(super) fn of(value: &Value<'_>) -> Self {
        match value {
            Value::Integer(number) => Self::Whole(i128::from(*number)),
            Value::Counter32(number) | Value::Unsigned32(number) => Self::Whole(i128::from(*number)),
            Value::Counter64(number) => Self::Whole(i128::from(*number)),
            Value::Timeticks(ticks) => Self::Ticks(*ticks),
            Value::OctetString(bytes) => Self::Text(bytes.iter().take(TEXT_BYTES_MAX).copied().collect()),
            Value::Opaque(bytes) => opaque(bytes),
            Value::ObjectIdentifier(oid) => ObjectName::of(oid).map_or(Self::Missing, Self::Name),
            Value::IpAddress([a, b, c, d]) => Self::Text(format!("{a}.{b}.{c}.{d}").into_bytes()),
            Value::Boolean(_) | Value::Null | Value::Sequence(_) | Value::Set(_) => Self::Missing,
            Value::Constructed(..) | Value::EndOfMibView | Value::NoSuchObject => Self::Missing,
            Value::NoSuchInstance | Value::GetRequest(_) | Value::GetNextRequest(_) => Self::Missing,
            Value::GetBulkRequest(_) | Value::Response(_) | Value::SetRequest(_) => Self::Missing,
            Value::InformRequest(_) | Value::Trap(_) | Value::Report(_) => Self::Missing,
        }
    }

    /// The number, also where a text says one: many sensors write `"23.5"`.
    pub fn number(&self) -> Option<f64> {
        match self {
            // Figures of devices are far below 2^53.
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => number.is_finite().then_some(*number),
            Self::Ticks(ticks) => Some(f64::from(*ticks)),
            Self::Text(bytes) => {
                let text = std::str::from_utf8(bytes).ok()?.trim();
                text.parse().ok().filter(|number: &f64| number.is_finite())
            }
            Self::Name(_) | Self::Missing => None,
        }
    }

    /// The whole number, if it is one.
    pub fn whole(&self) -> Option<i128> {
        match self {
            Self::Whole(number) => Some(*number),
            Self::Ticks(ticks) => Some(i128::from(*ticks)),
            Self::Number(_) | Self::Text(_) | Self::Name(_) | Self::Missing => None,
        }
    }

    /// As words: what is no UTF-8 is replaced, control characters become blanks.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Text(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                Some(text.trim().to_owned())
            }
            Self::Name(name) => Some(name.to_string()),
            Self::Whole(number) => Some(number.to_string()),
            Self::Number(_) | Self::Ticks(_) | Self::Missing => None,
        }
    }
}

/// A float within an Opaque, as net-snmp writes one: tag 0x9f78, length 4 (draft-perkins-float-00).
fn opaque(bytes: &[u8]) -> Datum {
    match bytes {
        [0x9f, 0x78, 4, a, b, c, d] => Datum::Number(f64::from(f32::from_be_bytes([*a, *b, *c, *d]))),
        _ => Datum::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written_alike() {
        for text in ["1.3.6.1.2.1.33.1.2.3.0", "0.39", "2.39.4294967295"] {
            let name = ObjectName::parse(text).unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(ObjectName::of(&name.wire().unwrap()), Some(name));
        }
        let long = ["1"; 129].join(".");
        for text in ["", "1", "1.", ".1.3", "1.40", "3.1", "1.3.x", "1.3.-1", "1.3.4294967296", long.as_str()]
        {
            assert_eq!(ObjectName::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_knows_what_lies_below_another() {
        let name = |text: &str| ObjectName::parse(text).unwrap();
        assert_eq!(name("1.3.6.4.7").below(&name("1.3.6")), Some([4, 7].as_slice()));
        assert_eq!(name("1.3.6").below(&name("1.3.6.4")), None);
        assert_eq!(name("1.3.6").with(&[1, 0]), name("1.3.6.1.0"));
    }

    #[test]
    fn values_become_numbers_and_words_where_they_are() {
        let text = |text: &str| Datum::of(&Value::OctetString(text.as_bytes()));
        let cases = [
            (Datum::of(&Value::Integer(-3)), Some(-3.0), Some("-3")),
            (text(" 23.5 "), Some(23.5), Some("23.5")),
            (text("NaN"), None, Some("NaN")),
            (text("a\nb"), None, Some("a b")),
            (Datum::of(&Value::NoSuchObject), None, None),
            (Datum::of(&Value::Opaque(&[0x9f, 0x78, 4, 0x41, 0x20, 0, 0])), Some(10.0), None),
            (Datum::of(&Value::Opaque(&[1, 2])), None, None),
        ];
        for (datum, number, words) in cases {
            assert_eq!(datum.number(), number, "{datum:?}");
            assert_eq!(datum.text().as_deref(), words, "{datum:?}");
        }
        let long = Datum::of(&Value::OctetString(&[b'a'; 5000]));
        assert_eq!(long.text().unwrap().len(), TEXT_BYTES_MAX);
    }
}
