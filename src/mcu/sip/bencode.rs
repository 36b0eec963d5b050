//! Bencode, in which rtpengine speaks: numbers, strings, lists, dictionaries. Total, bounded by the input's length.

use std::collections::BTreeMap;

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 16;

/// One value. Strings are bytes: what they mean is the reader's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `i42e`.
    Number(i64),
    /// `4:spam`.
    Text(Vec<u8>),
    /// `l…e`.
    List(Vec<Value>),
    /// `d…e`; of two equal keys the last counts.
    Dictionary(BTreeMap<Vec<u8>, Value>),
}

/// Why bytes are not bencode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotBencode {
    /// They end too early.
    #[error("the value ends too early")]
    Short,
    /// A byte that begins no value, or a number that is none.
    #[error("byte {0} is out of place")]
    Byte(usize),
    /// Deeper than `DEPTH_MAX`.
    #[error("nested too deeply")]
    Deep,
    /// Something follows the value.
    #[error("something follows the value")]
    More,
}

impl Value {
    /// Reads one value that takes all of the bytes.
    ///
    /// # Errors
    /// See [`NotBencode`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NotBencode> {
        let mut reader = Reader { bytes, at: 0 };
        let value = reader.value(0)?;
        if reader.at == bytes.len() { Ok(value) } else { Err(NotBencode::More) }
    }

    /// A dictionary of texts, as requests are.
    pub fn texts(pairs: &[(&str, &str)]) -> Self {
        let pair = |(key, value): &(&str, &str)| (key.as_bytes().to_vec(), Self::text(value));
        Self::Dictionary(pairs.iter().map(pair).collect())
    }

    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    /// Appends the value as bytes; dictionaries in the order of their keys.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => out.extend_from_slice(format!("i{number}e").as_bytes()),
            Self::Text(text) => write_text(text, out),
            Self::List(items) => {
                out.push(b'l');
                items.iter().for_each(|item| item.write(out));
                out.push(b'e');
            }
            Self::Dictionary(pairs) => {
                out.push(b'd');
                for (key, value) in pairs {
                    write_text(key, out);
                    value.write(out);
                }
                out.push(b'e');
            }
        }
    }

    /// What stands under a key of a dictionary.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Dictionary(pairs) => pairs.get(key.as_bytes()),
            Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// A number under a key.
    pub fn number(&self, key: &str) -> Option<i64> {
        match self.get(key)? {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    /// A text under a key, if it is UTF-8.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The value as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => std::str::from_utf8(text).ok(),
            Self::Number(_) | Self::List(_) | Self::Dictionary(_) => None,
        }
    }

    /// The items of a list under a key; none when there is no such list.
    pub fn items(&self, key: &str) -> &[Self] {
        match self.get(key) {
            Some(Self::List(items)) => items,
            Some(Self::Number(_) | Self::Text(_) | Self::Dictionary(_)) | None => &[],
        }
    }

    /// The pairs of a dictionary under a key; none when there is no such dictionary.
    pub fn pairs(&self, key: &str) -> impl Iterator<Item = (&[u8], &Self)> {
        let pairs = match self.get(key) {
            Some(Self::Dictionary(pairs)) => Some(pairs),
            Some(Self::Number(_) | Self::Text(_) | Self::List(_)) | None => None,
        };
        pairs.into_iter().flatten().map(|(key, value)| (key.as_slice(), value))
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{}:", text.len()).as_bytes());
    out.extend_from_slice(text);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, NotBencode> {
        if depth > DEPTH_MAX {
            return Err(NotBencode::Deep);
        }
        match self.peek()? {
            b'i' => {
                self.at += 1;
                self.digits(b'e').map(Value::Number)
            }
            b'0'..=b'9' => self.text().map(Value::Text),
            b'l' => self.list(depth),
            b'd' => self.dictionary(depth),
            _ => Err(NotBencode::Byte(self.at)),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, NotBencode> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.ended()? {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn dictionary(&mut self, depth: usize) -> Result<Value, NotBencode> {
        self.at += 1;
        let mut pairs = BTreeMap::new();
        while !self.ended()? {
            let key = self.text()?;
            pairs.insert(key, self.value(depth + 1)?);
        }
        Ok(Value::Dictionary(pairs))
    }

    fn text(&mut self) -> Result<Vec<u8>, NotBencode> {
        if !self.peek()?.is_ascii_digit() {
            return Err(NotBencode::Byte(self.at));
        }
        let length = self.digits(b':')?;
        let length = usize::try_from(length).map_err(|_| NotBencode::Byte(self.at))?;
        let end = self.at.checked_add(length).ok_or(NotBencode::Short)?;
        let text = self.bytes.get(self.at..end).ok_or(NotBencode::Short)?.to_vec();
        self.at = end;
        Ok(text)
    }

    /// A number up to its end mark.
    fn digits(&mut self, end: u8) -> Result<i64, NotBencode> {
        let rest = &self.bytes[self.at..];
        // Twenty characters hold every number of 64 bits.
        let length = rest.iter().take(21).position(|byte| *byte == end);
        let length =
            length.ok_or(if rest.len() > 20 { NotBencode::Byte(self.at) } else { NotBencode::Short })?;
        let number = std::str::from_utf8(&rest[..length]).ok().and_then(|text| text.parse().ok());
        let number = number.ok_or(NotBencode::Byte(self.at))?;
        self.at += length + 1;
        Ok(number)
    }

    fn ended(&mut self) -> Result<bool, NotBencode> {
        let ended = self.peek()? == b'e';
        self.at += usize::from(ended);
        Ok(ended)
    }

    fn peek(&self) -> Result<u8, NotBencode> {
        self.bytes.get(self.at).copied().ok_or(NotBencode::Short)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_read() {
        let value = Value::parse(b"d6:numberi-7e4:listl1:a0:e4:text2:oke").unwrap();
        assert_eq!((value.number("number"), value.str("text")), (Some(-7), Some("ok")));
        assert_eq!(value.items("list"), [Value::text("a"), Value::text("")]);
        assert_eq!((value.str("number"), value.get("none"), value.items("text").len()), (None, None, 0));
    }

    #[test]
    fn what_is_not_bencode_says_why() {
        let deep = [b"l".repeat(40), b"e".repeat(40)].concat();
        let cases: [(&[u8], NotBencode); 10] = [
            (b"", NotBencode::Short),
            (b"5:spam", NotBencode::Short),
            (b"d1:a", NotBencode::Short),
            (b"i12", NotBencode::Short),
            (b"9223372036854775807:a", NotBencode::Short),
            (b"-1:a", NotBencode::Byte(0)),
            (b"i1-e", NotBencode::Byte(1)),
            (b"di1ei2ee", NotBencode::Byte(1)),
            (b"i1ei2e", NotBencode::More),
            (&deep, NotBencode::Deep),
        ];
        for (bytes, why) in cases {
            assert_eq!(Value::parse(bytes), Err(why), "{}", String::from_utf8_lossy(bytes));
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let text = proptest::collection::vec(any::<u8>(), 0..12);
        let leaf = prop_oneof![any::<i64>().prop_map(Value::Number), text.clone().prop_map(Value::Text)];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
                proptest::collection::btree_map(text.clone(), inner, 0..6).prop_map(Value::Dictionary),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(value in any_value(), cut: prop::sample::Index) {
            let mut bytes = Vec::new();
            value.write(&mut bytes);
            prop_assert_eq!(Value::parse(&bytes), Ok(value));
            prop_assert!(Value::parse(&bytes[..cut.index(bytes.len())]).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_panic(text in "[dlie0-9:a-c-]{0,80}") {
            let _ = Value::parse(text.as_bytes());
        }
    }
}
