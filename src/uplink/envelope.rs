//! The signed envelope: every message between agent and controller is one.
//!
//! On the wire it is a JSON object of at most [`BYTES_MAX`] bytes:
//! `{"v":1,"direction":"up","kind":"event","venue":"…","key_id":"…","boot":3,"seq":17,"sent_at":"…","expires":"…",
//! "body":…,"sig":"…"}`. The signature is Ed25519 over a canonical length-prefixed encoding of the fields and of the
//! body's bytes as they stand in the message; JSON is never written again to check it. The direction is signed,
//! so that an agent's own message can not be thrown back at it as a command.
//!
//! Pure: time, key and replay mark are handed in. It must not know what a body means.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::domain::id::VenueId;
use crate::domain::time::{Span, Utc};
use crate::uplink::key::{BadKey, KeyId, PublicKey, SecretKey, unhex};
use crate::uplink::replay::Mark;

/// The version this program speaks.
pub const VERSION: u32 = 1;
/// Longest envelope accepted or made, in bytes.
pub const BYTES_MAX: usize = 64 * 1024;
/// How far the two clocks may differ before a message counts as expired or from the future. An agent corrects its
/// stamps by what the controller's acknowledgements tell, so this only covers what is left.
pub const SKEW_MAX: Span = Span::seconds(30);
/// Longest lifetime a message may claim.
pub const LIFETIME_MAX: Span = Span::minutes(10);

const DOMAIN: &[u8] = b"vcops envelope v1";

/// Which way a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the agent to the controller.
    Up,
    /// From the controller to the agent.
    Down,
}

/// What a message is for. Each kind is a lane with its own sequence numbers, because a broker keeps the order
/// within a topic only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Up: something that must not be lost; comes from the outbox.
    Event,
    /// Up: sign of life and health, each second.
    Heartbeat,
    /// Up: the streams that an agent watches, as they are now.
    Streams,
    /// Up: pictures and levels for whoever looks.
    Live,
    /// Down: an order from the closed set.
    Command,
    /// Down: what the controller has committed, and its time.
    Ack,
}

/// What the sender claims about a message; signed with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What it is for.
    pub kind: Kind,
    /// The venue it comes from or goes to.
    pub venue: VenueId,
    /// Where it stands in the sender's lane.
    pub mark: Mark,
    /// When the sender made it, by the sender's best knowledge of the controller's clock.
    pub sent_at: Utc,
    /// After this it must not be acted upon.
    pub expires: Utc,
}

/// A message of the right shape whose signature has not been looked at: nothing in it may be believed yet.
#[derive(Debug, Clone)]
pub struct Sealed<'a> {
    direction: Direction,
    header: Header,
    key_id: KeyId,
    body: &'a RawValue,
    signature: [u8; 64],
}

/// What the receiver expects of a message.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// The key that goes with the claimed key id; `None` when the receiver knows none.
    pub key: Option<&'a PublicKey>,
    /// The way it must travel.
    pub direction: Direction,
    /// The venue it must belong to.
    pub venue: &'a VenueId,
    /// The receiver's clock.
    pub now: Utc,
    /// The highest mark taken in this lane.
    pub mark: Mark,
}

/// Why a message is refused. The sender's fault or an attacker's; each has a stable [`code`](Self::code).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// More than [`BYTES_MAX`] bytes.
    #[error("报文过大：{0} 字节，上限 {BYTES_MAX} / too large: {0} bytes, at most {BYTES_MAX}")]
    TooLarge(usize),
    /// No JSON object of the fields above, all of them, each once, and nothing else.
    #[error("报文格式不对：{0} / malformed: {0}")]
    Malformed(String),
    /// Another version of the protocol.
    #[error("协议版本 {0} 不受支持，应为 {VERSION} / version {0} is not supported, expected {VERSION}")]
    BadVersion(u32),
    /// A message thrown back at its sender, or a kind that does not travel this way.
    #[error("方向不对，可能是被反射的报文 / wrong direction: perhaps a reflected message")]
    WrongDirection,
    /// It belongs to another venue.
    #[error("会场不对：报文属于 {claimed}，应为 {expected} / wrong venue: {claimed}, expected {expected}")]
    WrongVenue {
        /// What the message says.
        claimed: VenueId,
        /// Whose line it came on.
        expected: VenueId,
    },
    /// Nobody enrolled this key, or it was revoked.
    #[error("密钥 {0} 未注册或已吊销 / key {0} is not enrolled or is revoked")]
    UnknownKey(KeyId),
    /// Changed on the way, or forged.
    #[error("签名不符 / bad signature")]
    BadSignature,
    /// Its lifetime is over by the receiver's clock, tolerance included.
    #[error("报文已过期 {late_s} 秒 / expired {late_s} s ago")]
    Expired {
        /// Seconds since `expires`.
        late_s: u64,
    },
    /// It claims to come from the future by more than the tolerance.
    #[error("报文时间超前 {early_s} 秒，请检查时钟 / sent {early_s} s in the future: check the clock")]
    NotYetValid {
        /// Seconds until `sent_at`.
        early_s: u64,
    },
    /// It claims to live longer than [`LIFETIME_MAX`], or ends before it begins.
    #[error("有效期不合法 / lifetime out of range")]
    BadLifetime,
    /// Its mark is not above the highest taken.
    #[error(
        "重放的报文：{boot}:{seq} 不高于 {high_boot}:{high_seq} / replayed: {boot}:{seq} is not above {high_boot}:{high_seq}"
    )]
    Replayed {
        /// The message's count of starts.
        boot: u64,
        /// The message's number.
        seq: u64,
        /// The highest count of starts taken.
        high_boot: u64,
        /// The highest number taken.
        high_seq: u64,
    },
}

impl Kind {
    /// The way this kind travels.
    pub fn direction(self) -> Direction {
        match self {
            Self::Event | Self::Heartbeat | Self::Streams | Self::Live => Direction::Up,
            Self::Command | Self::Ack => Direction::Down,
        }
    }

    /// The word on the wire and in the topic.
    pub fn word(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Heartbeat => "heartbeat",
            Self::Streams => "streams",
            Self::Live => "live",
            Self::Command => "command",
            Self::Ack => "ack",
        }
    }
}

impl Direction {
    /// The word on the wire and in the topic.
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

impl EnvelopeError {
    /// Stable machine word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "envelope.too_large",
            Self::Malformed(_) => "envelope.malformed",
            Self::BadVersion(_) => "envelope.bad_version",
            Self::WrongDirection => "envelope.wrong_direction",
            Self::WrongVenue { .. } => "envelope.wrong_venue",
            Self::UnknownKey(_) => "envelope.unknown_key",
            Self::BadSignature => "envelope.bad_signature",
            Self::Expired { .. } => "envelope.expired",
            Self::NotYetValid { .. } => "envelope.not_yet_valid",
            Self::BadLifetime => "envelope.bad_lifetime",
            Self::Replayed { .. } => "envelope.replayed",
        }
    }
}

/// Signs and writes a message. `body` is written as it is and must be JSON; an error means the message would be
/// refused by any receiver.
pub fn seal(key: &SecretKey, header: &Header, body: &RawValue) -> Result<Vec<u8>, EnvelopeError> {
    check_lifetime(header)?;
    let direction = header.kind.direction();
    let signature = key.sign(&canonical(direction, header, key.id(), body));
    let wire = Wire {
        v: VERSION,
        direction,
        kind: header.kind,
        venue: header.venue.clone(),
        key_id: key.id(),
        boot: header.mark.boot,
        seq: header.mark.seq,
        sent_at: header.sent_at,
        expires: header.expires,
        body,
        sig: hex::encode(signature).into(),
    };
    let bytes = serde_json::to_vec(&wire).map_err(|e| EnvelopeError::Malformed(e.to_string()))?;
    if bytes.len() > BYTES_MAX { Err(EnvelopeError::TooLarge(bytes.len())) } else { Ok(bytes) }
}

/// Reads the shape of a message; total and bounded. Believe nothing before [`Sealed::open`].
pub fn parse(bytes: &[u8]) -> Result<Sealed<'_>, EnvelopeError> {
    if bytes.len() > BYTES_MAX {
        return Err(EnvelopeError::TooLarge(bytes.len()));
    }
    let wire: Wire<'_> = serde_json::from_slice(bytes).map_err(|e| explain(bytes, &e))?;
    if wire.v != VERSION {
        return Err(EnvelopeError::BadVersion(wire.v));
    }
    let signature = unhex(&wire.sig).map_err(|e: BadKey| EnvelopeError::Malformed(e.to_string()))?;
    let mark = Mark { boot: wire.boot, seq: wire.seq };
    let header =
        Header { kind: wire.kind, venue: wire.venue, mark, sent_at: wire.sent_at, expires: wire.expires };
    Ok(Sealed { direction: wire.direction, header, key_id: wire.key_id, body: wire.body, signature })
}

impl<'a> Sealed<'a> {
    /// The key the sender claims to have signed with: for looking it up.
    pub fn claimed_key(&self) -> KeyId {
        self.key_id
    }

    /// The kind the sender claims: for choosing the lane's mark.
    pub fn claimed_kind(&self) -> Kind {
        self.header.kind
    }

    /// When the sender claims to have sent it: for a receiver whose own clock is not yet known to be right and who
    /// has another proof of freshness.
    pub fn claimed_sent_at(&self) -> Utc {
        self.header.sent_at
    }

    /// Checks everything, cheap things first and time after the signature, so that [`EnvelopeError::Expired`] and
    /// [`EnvelopeError::NotYetValid`] prove a genuine sender with a wrong clock.
    pub fn open(self, expect: &Expect<'_>) -> Result<(Header, &'a RawValue), EnvelopeError> {
        let (header, body) = self.authenticate(expect)?;
        check_time(&header, expect.now)?;
        Ok((header, body))
    }

    /// Checks everything but the time: for a receiver that answers a genuine sender's wrong clock with the right one.
    pub fn authenticate(self, expect: &Expect<'_>) -> Result<(Header, &'a RawValue), EnvelopeError> {
        self.check_route(expect)?;
        let key = expect.key.ok_or(EnvelopeError::UnknownKey(self.key_id))?;
        let message = canonical(self.direction, &self.header, self.key_id, self.body);
        if KeyId::of(key) != self.key_id || !key.verifies(&message, &self.signature) {
            return Err(EnvelopeError::BadSignature);
        }
        check_lifetime(&self.header)?;
        check_replay(&self.header, expect.mark)?;
        Ok((self.header, self.body))
    }

    fn check_route(&self, expect: &Expect<'_>) -> Result<(), EnvelopeError> {
        if self.direction != expect.direction || self.header.kind.direction() != expect.direction {
            return Err(EnvelopeError::WrongDirection);
        }
        if self.header.venue != *expect.venue {
            let (claimed, expected) = (self.header.venue.clone(), expect.venue.clone());
            return Err(EnvelopeError::WrongVenue { claimed, expected });
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    v: u32,
    direction: Direction,
    kind: Kind,
    venue: VenueId,
    key_id: KeyId,
    boot: u64,
    seq: u64,
    sent_at: Utc,
    expires: Utc,
    #[serde(borrow)]
    body: &'a RawValue,
    sig: std::borrow::Cow<'a, str>,
}

/// A message of another version has other fields: say that, not that a field is missing.
fn explain(bytes: &[u8], error: &serde_json::Error) -> EnvelopeError {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    match serde_json::from_slice::<Version>(bytes) {
        Ok(Version { v }) if v != VERSION => EnvelopeError::BadVersion(v),
        Ok(_) | Err(_) => EnvelopeError::Malformed(error.to_string()),
    }
}

/// What is signed: the domain word, then each field as a big-endian 32-bit length and its bytes, numbers as eight
/// big-endian bytes. No two different messages have the same encoding.
fn canonical(direction: Direction, header: &Header, key_id: KeyId, body: &RawValue) -> Vec<u8> {
    let mut out = Vec::with_capacity(200 + body.get().len());
    let mut field = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).expect("an envelope is far below 4 GiB");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(bytes);
    };
    field(DOMAIN);
    field(direction.word().as_bytes());
    field(header.kind.word().as_bytes());
    field(header.venue.as_str().as_bytes());
    field(key_id.to_string().as_bytes());
    field(&header.mark.boot.to_be_bytes());
    field(&header.mark.seq.to_be_bytes());
    field(&header.sent_at.0.to_be_bytes());
    field(&header.expires.0.to_be_bytes());
    field(body.get().as_bytes());
    out
}

fn check_lifetime(header: &Header) -> Result<(), EnvelopeError> {
    let sound = header.expires >= header.sent_at && header.expires.since(header.sent_at) <= LIFETIME_MAX;
    if sound { Ok(()) } else { Err(EnvelopeError::BadLifetime) }
}

fn check_replay(header: &Header, high: Mark) -> Result<(), EnvelopeError> {
    if high.admits(header.mark) {
        return Ok(());
    }
    let Mark { boot, seq } = header.mark;
    Err(EnvelopeError::Replayed { boot, seq, high_boot: high.boot, high_seq: high.seq })
}

/// Whether a message may be acted upon at `now`, by the receiver's clock.
pub fn check_time(header: &Header, now: Utc) -> Result<(), EnvelopeError> {
    if now > header.expires + SKEW_MAX {
        return Err(EnvelopeError::Expired { late_s: whole_seconds(now.since(header.expires)) });
    }
    if header.sent_at > now + SKEW_MAX {
        return Err(EnvelopeError::NotYetValid { early_s: whole_seconds(header.sent_at.since(now)) });
    }
    Ok(())
}

fn whole_seconds(span: Span) -> u64 {
    span.0 / 1_000_000
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Utc = Utc(1_800_000_000_000_000);

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    fn venue(text: &str) -> VenueId {
        VenueId::parse(text).unwrap()
    }

    fn header(kind: Kind) -> Header {
        let mark = Mark { boot: 3, seq: 17 };
        Header { kind, venue: venue("guidong"), mark, sent_at: NOW, expires: NOW + Span::seconds(10) }
    }

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.into()).unwrap()
    }

    fn sealed() -> String {
        let body = raw(r#"{"n":1}"#);
        String::from_utf8(seal(&key(1), &header(Kind::Event), &body).unwrap()).unwrap()
    }

    /// A receiver whose expectations a case can change.
    struct Receiver {
        key: Option<PublicKey>,
        direction: Direction,
        venue: VenueId,
        now: Utc,
        mark: Mark,
    }

    fn receiver() -> Receiver {
        let (key, venue, mark) = (Some(*key(1).public()), venue("guidong"), Mark { boot: 3, seq: 16 });
        Receiver { key, direction: Direction::Up, venue, now: NOW, mark }
    }

    fn open<'a>(text: &'a [u8], at: &Receiver) -> Result<(Header, &'a RawValue), EnvelopeError> {
        let (key, venue) = (at.key.as_ref(), &at.venue);
        parse(text)?.open(&Expect { key, direction: at.direction, venue, now: at.now, mark: at.mark })
    }

    fn refusal(text: &str, change: impl FnOnce(&mut Receiver)) -> (&'static str, String) {
        let mut at = receiver();
        change(&mut at);
        let error = open(text.as_bytes(), &at).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn a_good_message_opens_with_its_body_as_it_was() {
        let text = sealed();
        let (opened, body) = open(text.as_bytes(), &receiver()).unwrap();
        assert_eq!((opened, body.get()), (header(Kind::Event), r#"{"n":1}"#));
    }

    #[test]
    fn each_refusal_has_its_code_and_its_words() {
        let good = sealed();
        let long = format!("{good}{}", " ".repeat(BYTES_MAX));
        let (other, stranger) = (venue("rucheng"), key(2));
        let at = good.find("\"sig\":\"").unwrap() + 7;
        let flipped = if good.as_bytes()[at] == b'0' { "1" } else { "0" };
        let mut forged = good.clone();
        forged.replace_range(at..=at, flipped);
        let id = key(1).id();
        let cases: Vec<(&str, (&'static str, String), String)> = vec![
            (
                "envelope.too_large",
                refusal(&long, |_| ()),
                format!(
                    "报文过大：{0} 字节，上限 65536 / too large: {0} bytes, at most 65536",
                    long.len()
                ),
            ),
            (
                "envelope.malformed",
                refusal("[]", |_| ()),
                "报文格式不对：invalid length 0, expected struct Wire with 11 elements at line 1 column 2 / malformed: \
                 invalid length 0, expected struct Wire with 11 elements at line 1 column 2"
                    .into(),
            ),
            (
                "envelope.bad_version",
                refusal(r#"{"v":2,"news":true}"#, |_| ()),
                "协议版本 2 不受支持，应为 1 / version 2 is not supported, expected 1".into(),
            ),
            (
                "envelope.wrong_direction",
                refusal(&good, |e| e.direction = Direction::Down),
                "方向不对，可能是被反射的报文 / wrong direction: perhaps a reflected message".into(),
            ),
            (
                "envelope.wrong_venue",
                refusal(&good, |e| e.venue = other),
                "会场不对：报文属于 guidong，应为 rucheng / wrong venue: guidong, expected rucheng".into(),
            ),
            (
                "envelope.unknown_key",
                refusal(&good, |e| e.key = None),
                format!("密钥 {id} 未注册或已吊销 / key {id} is not enrolled or is revoked"),
            ),
            (
                "envelope.bad_signature",
                refusal(&good, |e| e.key = Some(*stranger.public())),
                "签名不符 / bad signature".into(),
            ),
            ("envelope.bad_signature", refusal(&forged, |_| ()), "签名不符 / bad signature".into()),
            (
                "envelope.expired",
                refusal(&good, |e| e.now = NOW + Span::seconds(41)),
                "报文已过期 31 秒 / expired 31 s ago".into(),
            ),
            (
                "envelope.not_yet_valid",
                refusal(&good, |e| e.now = NOW - Span::seconds(90)),
                "报文时间超前 90 秒，请检查时钟 / sent 90 s in the future: check the clock".into(),
            ),
            (
                "envelope.replayed",
                refusal(&good, |e| e.mark = Mark { boot: 3, seq: 17 }),
                "重放的报文：3:17 不高于 3:17 / replayed: 3:17 is not above 3:17".into(),
            ),
        ];
        for (code, (got, words), expected) in cases {
            assert_eq!((got, words), (code, expected));
        }
    }

    #[test]
    fn nothing_lives_longer_than_ten_minutes() {
        let mut endless = header(Kind::Event);
        endless.expires = NOW + LIFETIME_MAX + Span(1);
        let error = seal(&key(1), &endless, &raw("1")).unwrap_err();
        assert_eq!(error.code(), "envelope.bad_lifetime");
        assert_eq!(error.to_string(), "有效期不合法 / lifetime out of range");
    }

    #[test]
    fn every_field_is_signed() {
        let good = sealed();
        let changes = [
            ("\"kind\":\"event\"", "\"kind\":\"heartbeat\""),
            ("\"boot\":3", "\"boot\":4"),
            ("\"seq\":17", "\"seq\":18"),
            ("{\"n\":1}", "{\"n\":2}"),
            ("{\"n\":1}", "{\"n\": 1}"),
            (":10.000000Z", ":11.000000Z"),
            (":00.000000Z", ":01.000000Z"),
        ];
        for (from, to) in changes {
            assert!(good.contains(from), "{from} in {good}");
            assert_eq!(refusal(&good.replacen(from, to, 1), |_| ()).0, "envelope.bad_signature", "{to}");
        }
        let moved = good.replacen("guidong", "rucheng", 1);
        assert_eq!(refusal(&moved, |e| e.venue = venue("rucheng")).0, "envelope.bad_signature");
        let turned = good.replacen("\"up\"", "\"down\"", 1).replacen("\"event\"", "\"command\"", 1);
        assert_eq!(refusal(&turned, |e| e.direction = Direction::Down).0, "envelope.bad_signature");
    }

    #[test]
    fn a_field_twice_missing_or_unknown_is_malformed() {
        let good = sealed();
        for bad in [
            good.replacen("\"seq\":17", "\"seq\":17,\"seq\":17", 1),
            good.replacen("\"seq\":17,", "", 1),
            good.replacen("\"seq\":17", "\"seq\":17,\"extra\":1", 1),
            good.replacen("\"seq\":17", "\"seq\":-1", 1),
            good.replacen("\"up\"", "\"sideways\"", 1),
            format!("{good}{good}"),
        ] {
            assert_eq!(refusal(&bad, |_| ()).0, "envelope.malformed", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn one_changed_byte_is_never_believed(at in 0usize..10_000, to in any::<u8>()) {
            let good = sealed().into_bytes();
            let at = at % good.len();
            prop_assume!(good[at] != to);
            let mut bad = good.clone();
            bad[at] = to;
            if let Ok((opened, body)) = open(&bad, &receiver()) {
                // White space outside the body, and escapes that spell the same text, carry no meaning.
                prop_assert_eq!((opened, body.get()), (header(Kind::Event), r#"{"n":1}"#));
            }
        }

        #[test]
        fn what_is_sealed_opens(boot in any::<u64>(), seq in 1..u64::MAX, text in ".{0,200}", life in 0u64..600_000_000) {
            let body = raw(&serde_json::to_string(&text).unwrap());
            let mark = Mark { boot, seq };
            let sent = Header { mark, expires: NOW + Span(life), ..header(Kind::Command) };
            let bytes = seal(&key(9), &sent, &body).unwrap();
            let at = Receiver {
                key: Some(*key(9).public()), direction: Direction::Down, mark: Mark::start(boot), ..receiver()
            };
            let (opened, read) = open(&bytes, &at).unwrap();
            prop_assert_eq!((opened, read.get()), (sent, body.get()));
        }
    }
}
