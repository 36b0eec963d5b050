//! Text messages as a modem takes and gives them: PDU mode (3GPP TS 23.040, TS 23.038).
//!
//! What is sent is always UCS-2, because it is Chinese; more than 70 units go as several parts that the telephone joins.
//! What arrives may be in the seven-bit alphabet as well: people answer with digits. Total: any text from a modem gives
//! a message or nothing.

/// Units of one message on its own.
const SINGLE_UNITS: usize = 70;
/// Units of one part of several: six bytes go for the header that joins them.
const PART_UNITS: usize = 67;
/// Most parts of one text.
const PARTS_MAX: usize = 10;

/// A message for the modem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outgoing {
    /// Octets without the centre's address: what `AT+CMGS=` wants.
    pub(super) length: usize,
    /// Hexadecimal digits.
    pub(super) hex: String,
}

/// A message that arrived.
#[derive(Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Whose number, as the network gives it: `+8613800000001`.
    pub from: String,
    /// What it says. Of a text in parts, one part.
    pub text: String,
}

impl std::fmt::Debug for Incoming {
    /// Hides the number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

/// The parts of a text to a number; `reference` joins them. `None` for a number that is none. What is beyond
/// [`PARTS_MAX`] parts is cut.
pub(super) fn encode(number: &str, text: &str, reference: u8) -> Option<Vec<Outgoing>> {
    let address = address(number)?;
    let units: Vec<u16> = text.encode_utf16().collect();
    if units.len() <= SINGLE_UNITS {
        return Some(vec![submit(&address, &units, None)]);
    }
    let parts = split(&units);
    let count = parts.len() as u8;
    let part =
        |(at, units): (usize, &Vec<u16>)| submit(&address, units, Some([reference, count, at as u8 + 1]));
    Some(parts.iter().enumerate().map(part).collect())
}

/// Cuts between characters: half of a surrogate pair is a box on some telephones.
fn split(units: &[u16]) -> Vec<Vec<u16>> {
    let mut parts = Vec::new();
    let mut rest = units;
    while !rest.is_empty() && parts.len() < PARTS_MAX {
        let mut take = rest.len().min(PART_UNITS);
        if take < rest.len() && (0xD800..0xDC00).contains(&rest[take - 1]) {
            take -= 1;
        }
        parts.push(rest[..take].to_vec());
        rest = &rest[take..];
    }
    parts
}

/// SMS-SUBMIT, TS 23.040 §9.2.2.2: no validity period, no status report.
fn submit(address: &[u8], units: &[u16], part: Option<[u8; 3]>) -> Outgoing {
    const SUBMIT: u8 = 0x01;
    const HEADER: u8 = 0x40;
    const UCS2: u8 = 0x08;
    let mut data = Vec::new();
    if let Some([reference, count, at]) = part {
        // Concatenation with an eight-bit reference, §9.2.3.24.1.
        data.extend([0x05, 0x00, 0x03, reference, count, at]);
    }
    data.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
    let first = if part.is_some() { SUBMIT | HEADER } else { SUBMIT };
    let mut pdu = vec![first, 0x00];
    pdu.extend_from_slice(address);
    pdu.extend([0x00, UCS2, data.len() as u8]);
    pdu.extend(data);
    // The centre's address is the card's own.
    let hex = format!("00{}", hex::encode_upper(&pdu));
    Outgoing { length: pdu.len(), hex }
}

/// A destination address, §9.1.2.5: count of digits, type of number, digits in swapped halves.
fn address(number: &str) -> Option<Vec<u8>> {
    let international = number.strip_prefix('+').or_else(|| number.strip_prefix("00"));
    let digits: Vec<u8> =
        international.unwrap_or(number).bytes().filter(|byte| !b" -".contains(byte)).collect();
    let plain = digits.iter().all(u8::is_ascii_digit) && (3..=20).contains(&digits.len());
    if !plain {
        return None;
    }
    let mut address = vec![digits.len() as u8, if international.is_some() { 0x91 } else { 0x81 }];
    for pair in digits.chunks(2) {
        let low = pair[0] - b'0';
        let high = pair.get(1).map_or(0xF, |digit| digit - b'0');
        address.push((high << 4) | low);
    }
    Some(address)
}

/// Reads SMS-DELIVER, §9.2.2.1, from hexadecimal digits.
pub fn decode(hex: &str) -> Option<Incoming> {
    let bytes = hex::decode(hex.trim()).ok()?;
    let centre = usize::from(*bytes.first()?);
    let pdu = bytes.get(1 + centre..)?;
    let first = *pdu.first()?;
    if first & 0x03 != 0 {
        return None;
    }
    let digits = usize::from(*pdu.get(1)?);
    let kind = *pdu.get(2)?;
    let octets = digits.div_ceil(2);
    let from = sender(pdu.get(3..3 + octets)?, digits, kind);
    let rest = pdu.get(3 + octets..)?;
    let coding = *rest.get(1)?;
    let length = usize::from(*rest.get(9)?);
    let data = rest.get(10..)?;
    let header = if first & 0x40 != 0 { usize::from(*data.first()?) + 1 } else { 0 };
    Some(Incoming { from, text: text(data, length, header, coding)? })
}

fn sender(bytes: &[u8], digits: usize, kind: u8) -> String {
    const ALPHANUMERIC: u8 = 0x50;
    if kind & 0x70 == ALPHANUMERIC {
        return seven_bits(bytes, digits * 4 / 7, 0);
    }
    let halves = bytes.iter().flat_map(|byte| [byte & 0xF, byte >> 4]).take(digits);
    let number: String = halves.filter(|half| *half < 10).map(|half| char::from(b'0' + half)).collect();
    if kind & 0x70 == 0x10 { format!("+{number}") } else { number }
}

/// User data by its coding scheme, TS 23.038 §4: seven bits, eight bits, UCS-2.
fn text(data: &[u8], length: usize, header: usize, coding: u8) -> Option<String> {
    match coding & 0x0C {
        0x08 => {
            let data = data.get(header..length.min(data.len()))?;
            let units: Vec<u16> =
                data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            Some(String::from_utf16_lossy(&units))
        }
        0x00 => {
            let skip = (header * 8).div_ceil(7);
            Some(seven_bits(data, length.checked_sub(skip)?, skip))
        }
        _ => Some(data.get(header..length.min(data.len()))?.iter().map(|byte| char::from(*byte)).collect()),
    }
}

/// The basic alphabet, TS 23.038 §6.2.1: what people can answer with. Signs that are neither letters, digits nor common
/// marks are blanks.
fn seven_bits(bytes: &[u8], count: usize, skip: usize) -> String {
    let septet = |at: usize| {
        let bit = at * 7;
        let low = u16::from(*bytes.get(bit / 8)?);
        let high = u16::from(bytes.get(bit / 8 + 1).copied().unwrap_or(0));
        Some(((low | (high << 8)) >> (bit % 8)) as u8 & 0x7F)
    };
    let char_of = |septet: u8| match septet {
        0x00 => '@',
        0x0A | 0x0D => ' ',
        0x11 => '_',
        0x20..=0x23 | 0x25..=0x3F | 0x41..=0x5A | 0x61..=0x7A => char::from(septet),
        _ => ' ',
    };
    (skip..skip + count.min(160)).map_while(septet).map(char_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chinese_text_is_written_as_the_standard_says() {
        let parts = encode("+8613800000001", "收到", 1).unwrap();
        assert_eq!(parts, [Outgoing { length: 18, hex: "0001000D91683108000000F100080465365230".into() }]);
        assert_eq!(encode("13800000001", "收", 1).unwrap()[0].hex, "0001000B813108000000F10008026536");
        assert_eq!(encode("call me", "x", 1), None);
    }

    #[test]
    fn a_long_text_goes_in_parts_that_name_each_other() {
        let text = "甲".repeat(66) + "😀" + &"乙".repeat(70);
        let parts = encode("13800000001", &text, 0x2A).unwrap();
        assert_eq!(parts.len(), 3);
        for (at, part) in parts.iter().enumerate() {
            assert!(part.hex.starts_with("0041"), "{part:?}");
            assert!(part.hex.contains(&format!("0500032A03{:02X}", at + 1)), "{part:?}");
            assert_eq!(part.hex.len() / 2 - 1, part.length);
        }
        assert_eq!(encode("13800000001", &"字".repeat(2000), 0).unwrap().len(), PARTS_MAX);
    }

    #[test]
    fn answers_arrive_in_seven_bits_and_in_chinese() {
        // "3817 0" in the seven-bit alphabet, from +8613800000001.
        let seven =
            "0891683110304105F0240D91683108000000F1000062118231303223 06 335CEC068201".replace(' ', "");
        let message = decode(&seven).unwrap();
        assert_eq!((message.from.as_str(), message.text.as_str()), ("+8613800000001", "3817 0"));
        let chinese = "0891683110304105F0240D91683108000000F1000862118231303223 04 65365230".replace(' ', "");
        assert_eq!(decode(&chinese).unwrap().text, "收到");
        // In parts: the header is no text.
        let part = "00640D91683108000000F1000862118231303223 0A 050003020101 65365230".replace(' ', "");
        assert_eq!(decode(&part).unwrap().text, "收到");
    }

    proptest! {
        #[test]
        fn nothing_from_a_modem_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
            let _ = decode(&hex::encode(&bytes));
            let _ = decode(&text);
        }

        #[test]
        fn every_text_survives(text in "[一-龥a-z0-9]{1,300}") {
            let parts = encode("13800000001", &text, 7).unwrap();
            let mut read = String::new();
            for part in &parts {
                let bytes = hex::decode(&part.hex).unwrap();
                // What is submitted, as it would be delivered: an address and a time stand elsewhere.
                let data = &bytes[14..];
                let header = if parts.len() > 1 { 6 } else { 0 };
                read.push_str(&super::text(data, data.len(), header, 8).unwrap());
            }
            prop_assert_eq!(read, text);
        }
    }
}
