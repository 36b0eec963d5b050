//! What a probe offers and what came of it. Pure.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::domain::stream::AudioCodec;
use crate::media::sender::packed::Packed;
use crate::observation::device::Medium;
use crate::wire::coding::{AudioFormat, Coding};
use crate::wire::sdp::{Format, Media, Session};

/// Codecs of sound in the order of our liking, with their payload types (RFC 3551 §6).
const SOUND: [(AudioCodec, u8); 2] = [(AudioCodec::Pcma, 8), (AudioCodec::Pcmu, 0)];

/// One medium on which both sides agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) coding: Coding,
    pub(super) payload_type: u8,
    /// Where our packets go, RTP and RTCP.
    pub(super) to: [SocketAddr; 2],
    /// Whether the other side is to send.
    pub(super) sends: bool,
    /// Whether the other side is to receive.
    pub(super) receives: bool,
}

/// Describes sound at a port, and pictures at another if there are any.
pub(super) fn offer(own: IpAddr, sound: u16, pictures: Option<(&Arc<Packed>, u16)>) -> Session {
    let mut media = Media::track(&Coding::Audio(AudioFormat::telephone(SOUND[0].0)), SOUND[0].1, sound, &[]);
    let formats = SOUND.iter().map(|(codec, payload_type)| {
        Format::of_coding(&Coding::Audio(AudioFormat::telephone(*codec)), *payload_type, &[])
    });
    media.formats = formats.collect();
    let pictures = pictures.map(|(packed, port)| {
        let sets: Vec<Vec<u8>> = packed.parameter_sets().iter().map(|set| set.to_vec()).collect();
        Media::track(packed.coding(), packed.payload_type(), port, &sets)
    });
    let media = [Some(media), pictures].into_iter().flatten().collect();
    Session { name: "vcops".to_owned(), connection: Some(own), media, ..Session::default() }
}

/// What the answer to an offer makes of each medium; `None` for one that was refused or cannot be sent.
pub(super) fn agreed(offer: &Session, answer: &Session) -> Vec<(Medium, Option<Agreed>)> {
    let each = offer.media.iter().enumerate().map(|(at, ours)| {
        let theirs = answer.media.get(at).filter(|theirs| theirs.kind == ours.kind && theirs.port > 0);
        let medium = if at == 0 { Medium::Audio } else { Medium::Video };
        (medium, theirs.and_then(|theirs| one(ours, theirs, answer)))
    });
    each.collect()
}

fn one(ours: &Media, theirs: &Media, answer: &Session) -> Option<Agreed> {
    let both = theirs.formats.iter().find_map(|theirs| {
        let coding = theirs.coding()?;
        let ours = ours.formats.iter().find(|ours| ours.payload_type == theirs.payload_type)?;
        (ours.coding().as_ref() == Some(&coding)).then_some((coding, theirs.payload_type))
    });
    let (coding, payload_type) = both?;
    let ip = answer.address(theirs).filter(|ip| !ip.is_unspecified() && !ip.is_multicast())?;
    let rtcp = theirs.rtcp_port.or(theirs.port.checked_add(1))?;
    Some(Agreed {
        coding,
        payload_type,
        to: [SocketAddr::new(ip, theirs.port), SocketAddr::new(ip, rtcp)],
        sends: theirs.direction.sends(),
        receives: theirs.direction.receives(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sdp;

    fn sound(answer: &str) -> Option<Agreed> {
        let offer = offer([10, 0, 0, 1].into(), 4000, None);
        let answer = sdp::parse(&format!("v=0\r\nc=IN IP4 10.0.0.2\r\n{answer}")).unwrap();
        let [(Medium::Audio, agreed)] = &agreed(&offer, &answer)[..] else { panic!("one medium") };
        agreed.clone()
    }

    #[test]
    fn the_first_codec_that_both_know_is_agreed_on() {
        let at = |port| SocketAddr::from(([10, 0, 0, 2], port));
        let mu = sound("m=audio 5000 RTP/AVP 9 0 8\r\n").unwrap();
        assert_eq!((mu.payload_type, mu.to, mu.sends, mu.receives), (0, [at(5000), at(5001)], true, true));
        let held = sound("m=audio 5000 RTP/AVP 8\r\na=recvonly\r\na=rtcp:5009\r\n").unwrap();
        assert_eq!((held.payload_type, held.to[1], held.sends, held.receives), (8, at(5009), false, true));
    }

    #[test]
    fn what_cannot_be_sent_is_not_agreed_on() {
        for answer in [
            "m=audio 0 RTP/AVP 8\r\n",
            "m=audio 5000 RTP/AVP 9\r\n",
            "m=audio 5000 RTP/AVP 8\r\na=rtpmap:8 G722/8000\r\n",
            "m=audio 5000 RTP/AVP 8\r\nc=IN IP4 0.0.0.0\r\n",
            "m=video 5000 RTP/AVP 8\r\n",
            "m=audio 65535 RTP/AVP 8\r\n",
            "",
        ] {
            assert_eq!(sound(answer), None, "{answer}");
        }
    }
}
