//! What a client may say to the broker: MQTT 3.1.1 packets, judged one by one before they reach it.
//!
//! The broker library knows neither topic rights nor rates; this does. A parser of foreign bytes: total and bounded.
//! Pure: who may log in is asked through a function.

use crate::domain::id::VenueId;
use crate::uplink::envelope::BYTES_MAX;
use crate::uplink::message::TOPIC_ROOT;

/// Longest packet let through: an envelope, its topic and the header.
pub(super) const PACKET_MAX: usize = BYTES_MAX + 1024;
/// Longest time without a packet that a client may ask for, in seconds.
const KEEP_ALIVE_MAX: u16 = 60;

/// What a logged-in client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// An agent: publish upward and listen downward for its own venue.
    Agent(VenueId),
    /// The controller: listen to everything upward, publish everything downward.
    Hub,
}

/// A log-in as the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt<'a> {
    pub(super) client: &'a str,
    pub(super) user: &'a str,
    pub(super) password: &'a [u8],
}

/// Why a client is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than an envelope can be.
    #[error("报文过长 / packet too long")]
    TooLong,
    /// No MQTT 3.1.1 packet, or one that does not belong here.
    #[error("不是有效的 MQTT 3.1.1 报文 / not a valid MQTT 3.1.1 packet")]
    Malformed,
    /// Name, password or client id do not fit.
    #[error("用户名、口令或客户端标识不符 / name, password or client id do not fit")]
    Login,
    /// A topic of somebody else.
    #[error("无权使用该主题 / no right to this topic")]
    Topic,
    /// Nothing on this line may be retained.
    #[error("不允许保留消息 / retained messages are not allowed")]
    Retained,
}

impl Refusal {
    /// Stable machine word.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "broker.too_long",
            Self::Malformed => "broker.malformed",
            Self::Login => "broker.login",
            Self::Topic => "broker.topic",
            Self::Retained => "broker.retained",
        }
    }
}

impl Scope {
    fn may_publish(&self, topic: &str) -> bool {
        match self {
            Self::Agent(venue) => ours(topic).is_some_and(|(v, way, _)| v == venue.as_str() && way == "up"),
            Self::Hub => ours(topic).is_some_and(|(_, way, _)| way == "down"),
        }
    }

    fn may_subscribe(&self, filter: &str) -> bool {
        match self {
            Self::Agent(venue) => {
                ours(filter).is_some_and(|(v, way, _)| v == venue.as_str() && way == "down")
            }
            Self::Hub => ours(filter).is_some_and(|(_, way, _)| way == "up"),
        }
    }
}

/// Venue, way and kind of one of our topics or filters.
fn ours(topic: &str) -> Option<(&str, &str, &str)> {
    let mut words = topic.strip_prefix(TOPIC_ROOT)?.strip_prefix('/')?.split('/');
    let found = (words.next()?, words.next()?, words.next()?);
    words.next().is_none().then_some(found)
}

/// The length of the first whole packet in `bytes`; `None` when more bytes are needed.
pub(super) fn whole_packet(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    let (mut length, mut at) = (0usize, 1usize);
    loop {
        let Some(byte) = bytes.get(at) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if at == 5 {
            return Err(Refusal::Malformed);
        }
    }
    let whole = at + length;
    if whole > PACKET_MAX {
        return Err(Refusal::TooLong);
    }
    Ok((bytes.len() >= whole).then_some(whole))
}

/// Reads the log-in of a CONNECT packet and judges everything in it but the password, which `admit` does: it gives
/// the scope of whoever may come in.
pub(super) fn connect<T>(
    packet: &[u8],
    admit: impl FnOnce(&Attempt<'_>) -> Option<(Scope, T)>,
) -> Result<(Scope, T), Refusal> {
    let mut rest = Reader(body(packet)?);
    let sound = packet[0] == 0x10 && rest.text()? == "MQTT" && rest.byte()? == 4;
    let flags = rest.byte()?;
    let keep_alive = rest.number()?;
    if !sound || flags & 1 != 0 || !(1..=KEEP_ALIVE_MAX).contains(&keep_alive) {
        return Err(Refusal::Malformed);
    }
    let client = rest.text()?;
    let will = if flags & 0x04 != 0 { Some((rest.text()?, rest.bytes()?)) } else { None };
    if flags & 0xc0 != 0xc0 {
        return Err(Refusal::Login);
    }
    let attempt = Attempt { client, user: rest.text()?, password: rest.bytes()? };
    if !rest.0.is_empty() {
        return Err(Refusal::Malformed);
    }
    let (scope, with) = admit(&attempt).ok_or(Refusal::Login)?;
    match will {
        Some(_) if flags & 0x20 != 0 => Err(Refusal::Retained),
        Some((topic, _)) if !scope.may_publish(topic) => Err(Refusal::Topic),
        Some(_) | None => Ok((scope, with)),
    }
}

/// Judges a packet after the log-in.
pub(super) fn packet(packet: &[u8], scope: &Scope) -> Result<(), Refusal> {
    let rest = Reader(body(packet)?);
    match packet[0] >> 4 {
        3 => publish(packet[0], rest, scope),
        8 => subscribe(rest, scope),
        // Receipts, unsubscribing, pings and the good-bye.
        4..=7 | 10 | 12 | 14 => Ok(()),
        _ => Err(Refusal::Malformed),
    }
}

fn publish(flags: u8, mut rest: Reader<'_>, scope: &Scope) -> Result<(), Refusal> {
    let topic = rest.text()?;
    if flags & 0x06 > 0x02 {
        // QoS 2 and the reserved 3: nothing of ours uses them.
        return Err(Refusal::Malformed);
    }
    if flags & 1 != 0 {
        return Err(Refusal::Retained);
    }
    if scope.may_publish(topic) { Ok(()) } else { Err(Refusal::Topic) }
}

fn subscribe(mut rest: Reader<'_>, scope: &Scope) -> Result<(), Refusal> {
    rest.number()?;
    while !rest.0.is_empty() {
        let filter = rest.text()?;
        rest.byte()?;
        if !scope.may_subscribe(filter) {
            return Err(Refusal::Topic);
        }
    }
    Ok(())
}

/// What follows the fixed header of a whole packet.
fn body(packet: &[u8]) -> Result<&[u8], Refusal> {
    let header = packet.iter().skip(1).position(|byte| byte & 0x80 == 0).ok_or(Refusal::Malformed)?;
    packet.get(header + 2..).ok_or(Refusal::Malformed)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, Refusal> {
        let (first, rest) = self.0.split_first().ok_or(Refusal::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u16, Refusal> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    fn bytes(&mut self) -> Result<&'a [u8], Refusal> {
        let length = usize::from(self.number()?);
        let (found, rest) = self.0.split_at_checked(length).ok_or(Refusal::Malformed)?;
        self.0 = rest;
        Ok(found)
    }

    fn text(&mut self) -> Result<&'a str, Refusal> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Refusal::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn agent() -> Scope {
        Scope::Agent(VenueId::parse("guidong").unwrap())
    }

    fn text(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap();
        [&length.to_be_bytes(), text.as_bytes()].concat()
    }

    fn framed(first: u8, body: &[u8]) -> Vec<u8> {
        assert!(body.len() < 128);
        [&[first, u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn login(flags: u8, will: &str) -> Vec<u8> {
        let mut body = [text("MQTT"), vec![4, flags, 0, 2], text("client")].concat();
        if flags & 4 != 0 {
            body.extend([text(will), text("")].concat());
        }
        if flags & 0x80 != 0 {
            body.extend([text("user"), text("secret")].concat());
        }
        framed(0x10, &body)
    }

    fn try_connect(packet: &[u8]) -> Result<Scope, Refusal> {
        let admit = |attempt: &Attempt<'_>| (attempt.password == b"secret").then(|| (agent(), ()));
        connect(packet, admit).map(|(scope, ())| scope)
    }

    #[test]
    fn a_login_needs_name_and_password_and_a_will_of_its_own() {
        let cases = [
            (login(0xc2, ""), Ok(agent())),
            (login(0xc6, "vcops/v1/guidong/up/gone"), Ok(agent())),
            (login(0xc6, "vcops/v1/rucheng/up/gone"), Err(Refusal::Topic)),
            (login(0xe6, "vcops/v1/guidong/up/gone"), Err(Refusal::Retained)),
            (login(0x02, ""), Err(Refusal::Login)),
            (framed(0x10, b"\0\x04MQTT"), Err(Refusal::Malformed)),
            (framed(0x30, &text("x")), Err(Refusal::Malformed)),
        ];
        for (packet, expected) in cases {
            assert_eq!(try_connect(&packet), expected, "{packet:?}");
        }
    }

    #[test]
    fn an_agent_speaks_and_hears_for_its_own_venue_only() {
        let publish = |first, topic| packet(&framed(first, &text(topic)), &agent());
        let cases = [
            (0x30, "vcops/v1/guidong/up/event", Ok(())),
            (0x32, "vcops/v1/guidong/up/event", Ok(())),
            (0x31, "vcops/v1/guidong/up/event", Err(Refusal::Retained)),
            (0x34, "vcops/v1/guidong/up/event", Err(Refusal::Malformed)),
            (0x30, "vcops/v1/guidong/down/command", Err(Refusal::Topic)),
            (0x30, "vcops/v1/rucheng/up/event", Err(Refusal::Topic)),
            (0x30, "elsewhere", Err(Refusal::Topic)),
            (0x00, "", Err(Refusal::Malformed)),
            (0x10, "again", Err(Refusal::Malformed)),
        ];
        for (first, topic, expected) in cases {
            assert_eq!(publish(first, topic), expected, "{first:#x} {topic}");
        }
        let subscribe = |filter: &str, scope: &Scope| {
            packet(&framed(0x82, &[vec![0, 1], text(filter), vec![1]].concat()), scope)
        };
        assert_eq!(subscribe("vcops/v1/guidong/down/command", &agent()), Ok(()));
        for filter in
            ["#", "vcops/v1/+/down/command", "vcops/v1/guidong/up/event", "vcops/v1/rucheng/down/ack"]
        {
            assert_eq!(subscribe(filter, &agent()), Err(Refusal::Topic), "{filter}");
        }
        assert_eq!(subscribe("vcops/v1/+/up/+", &Scope::Hub), Ok(()));
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(whole_packet(&[0x30]), Ok(None));
        assert_eq!(whole_packet(&[0xc0, 0]), Ok(Some(2)));
        assert_eq!(whole_packet(&[0x30, 0x80, 0x80, 0x80, 0x80]), Err(Refusal::Malformed));
        assert_eq!(whole_packet(&[0x30, 0xff, 0xff, 0xff, 0x7f]), Err(Refusal::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 1..300)) {
            let _ = whole_packet(&bytes);
            let _ = try_connect(&bytes);
            let _ = packet(&bytes, &agent());
        }
    }
}
