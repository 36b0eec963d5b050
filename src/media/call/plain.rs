//! Two participants by plain RTP in one mixer, each of which hears the other's tone and not its own.
//!
//! Who brings them into the mixer, and takes them out of it, is somebody else's: this gets addresses and payload type,
//! sends, listens and hands over figures. The mixer's own packets prove nothing, for it sends silence as well: media
//! flow where the tone of the other comes through.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::task::JoinSet;

use super::ear::{Clock, Shared, Sockets};
use super::offer::Agreed;
use super::score::{Talk, samples};
use super::tally::Tally;
use super::tone::{self, ToneMeter};
use crate::domain::stream::AudioCodec;
use crate::domain::time::{Mono, Span, Utc};
use crate::media::sender::outlet::{Outlet, RtpOutlet};
use crate::media::sender::{Sender, StreamSpec, Transmitter};
use crate::observation::device::{Absent, Flow, Given, Medium, StreamSample};
use crate::wire::coding::{AudioFormat, Coding};

/// The codec in which both speak: every mixer has it, and we decode it ourselves.
pub const CODEC: AudioCodec = AudioCodec::Pcma;
/// The tones of the two, Hz: no harmonic of one is the other.
const TONES_HZ: [u16; 2] = [1000, 1730];
/// Frames of a tone that must come through: a fifth of a second.
const HEARD_FRAMES: u32 = 10;
/// A packet that leaves later than this is late.
const TOLERANCE: Duration = Duration::from_millis(20);

/// A place from which one of the two speaks: its sockets, open before anybody is told of it.
#[derive(Debug)]
pub struct Seat {
    sockets: Sockets,
    address: SocketAddr,
}

impl Seat {
    /// Opens a place at one of our own addresses.
    ///
    /// # Errors
    /// When no pair of ports is free.
    pub fn open(own: IpAddr) -> io::Result<Self> {
        let sockets = Sockets::open(own)?;
        let address = sockets.address()?;
        Ok(Self { sockets, address })
    }

    /// Where its RTP comes from, and where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A place that was let in.
#[derive(Debug)]
pub struct Seated {
    /// The place.
    pub seat: Seat,
    /// Where the mixer wants its RTP.
    pub to: SocketAddr,
    /// With which payload type.
    pub payload_type: u8,
}

/// What the first of two saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// From the first packet until both tones had come through; absent when one did not.
    pub setup: Given<Span>,
    /// From the first through the mixer to the second, milliseconds.
    pub delay_ms: Given<f64>,
    /// What it sent and what came to it, in this order.
    pub streams: [StreamSample; 2],
}

/// Lets both speak for so long. Dropped, both fall silent.
///
/// # Errors
/// When nothing can be sent.
pub async fn talk(seated: [Seated; 2], talk: Duration, transmitter: &Transmitter) -> io::Result<Heard> {
    let clock = Clock::start();
    let (from, since) = clock.now();
    let mut ears = JoinSet::new();
    let [one, other] = seated;
    let one = Line::open(one, TONES_HZ, (transmitter, clock), &mut ears)?;
    let [own, others] = TONES_HZ;
    let other = Line::open(other, [others, own], (transmitter, clock), &mut ears)?;
    tokio::time::sleep(talk).await;
    let until = clock.now().0;
    Ok(heard(&one, &other, (from, until, since)))
}

/// One of the two while it speaks.
struct Line {
    tally: Shared,
    agreed: Agreed,
    /// Its own tone and the one it listens for.
    tones_hz: [u16; 2],
    left: Mono,
    _sender: Sender,
}

impl Line {
    fn open(
        seated: Seated,
        tones_hz: [u16; 2],
        (transmitter, clock): (&Transmitter, Clock),
        ears: &mut JoinSet<io::Result<()>>,
    ) -> io::Result<Self> {
        let Seated { seat, to, payload_type } = seated;
        let format = AudioFormat::telephone(CODEC);
        let law = tone::law(CODEC).expect("the codec is G.711");
        let packed = tone::packed(CODEC, tones_hz[0]).expect("the codec is G.711");
        let outgoing = RtpOutlet::without_reports(seat.sockets.outgoing()?, to)?;
        let meter = ToneMeter::new(law, &[tones_hz[1]]);
        let tally = Shared::new(Tally::new(payload_type, tone::RATE_HZ, Some(meter)));
        ears.spawn(seat.sockets.hear(tally.clone(), None, clock));
        let left = clock.now().0;
        let spec = StreamSpec {
            video: None,
            audio: Some(packed),
            outlets: vec![Outlet::Rtp(outgoing)],
            phase: Duration::ZERO,
            tolerance: TOLERANCE,
        };
        let sender = transmitter.send(spec).map_err(io::Error::other)?;
        let coding = Coding::Audio(format);
        let agreed = Agreed { coding, payload_type, to: [to, to], sends: true, receives: true };
        Ok(Self { tally, agreed, tones_hz, left, _sender: sender })
    }

    /// Since when the other's tone comes through; `None` when it does not.
    fn hears(&self) -> Option<Mono> {
        let hz = self.tones_hz[1];
        self.tally.with(|tally| {
            let tone = tally.tone.as_ref().filter(|tone| tone.frames(hz) >= HEARD_FRAMES)?;
            tone.first(hz)
        })
    }

    /// How long the tone of a line was under way to this one.
    fn delay_from(&self, speaker: &Self) -> Option<f64> {
        let hz = speaker.tones_hz[0];
        self.tally.with(|tally| tally.tone.as_ref()?.delay_ms(hz, speaker.left))
    }
}

fn heard(one: &Line, other: &Line, (from, until, since): (Mono, Mono, Utc)) -> Heard {
    let [sent, came] =
        one.tally.with(|tally| samples(Medium::Audio, &one.agreed, tally, Talk { until, since }));
    let (to_other, to_one) = (other.hears(), one.hears());
    let flow = |heard: Option<Mono>| match heard {
        Some(_) => Flow::Flowing,
        None => Flow::NoMedia { since: Some(since) },
    };
    // What came and then stopped has stopped, whatever was heard before.
    let coming = if came.flow == Flow::Flowing { flow(to_one) } else { came.flow };
    let both = to_one.zip(to_other).map(|(one, other)| one.max(other).since(from));
    Heard {
        setup: Given::or_absent(both, Absent::NotYet),
        delay_ms: Given::or_absent(other.delay_from(one), Absent::NotYet),
        streams: [StreamSample { flow: flow(to_other), ..sent }, StreamSample { flow: coming, ..came }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::UdpSocket;

    /// A mixer of two: what one says the other hears, and silence while it says nothing, later by some time.
    async fn mixer(loses: bool) -> ([SocketAddr; 2], impl Future<Output = ()>) {
        let sockets = [bound().await, bound().await];
        let places = sockets.each_ref().map(|socket| socket.local_addr().unwrap());
        let carry = async move {
            let (mut one, mut other) = ([0; 2048], [0; 2048]);
            let mut from: [Option<SocketAddr>; 2] = [None, None];
            loop {
                let (at, length) = tokio::select! {
                    Ok((length, sender)) = sockets[0].recv_from(&mut one) => {
                        from[0] = Some(sender);
                        (0, length)
                    }
                    Ok((length, sender)) = sockets[1].recv_from(&mut other) => {
                        from[1] = Some(sender);
                        (1, length)
                    }
                };
                let bytes = if at == 0 { &mut one[..length] } else { &mut other[..length] };
                if loses && at == 0 {
                    // It sends silence in its place, as mixers do.
                    bytes[12..].fill(0xd5);
                }
                if let Some(to) = from[1 - at] {
                    sockets[1 - at].send_to(bytes, to).await.unwrap();
                }
            }
        };
        (places, carry)
    }

    async fn bound() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").await.unwrap()
    }

    async fn through(loses: bool) -> Heard {
        let ([one, other], carry) = mixer(loses).await;
        let seated = |to| Seated { seat: Seat::open([127, 0, 0, 1].into()).unwrap(), to, payload_type: 8 };
        let transmitter = Transmitter::start().unwrap();
        let talking = talk([seated(one), seated(other)], Duration::from_millis(2_600), &transmitter);
        tokio::select! {
            heard = talking => heard.unwrap(),
            () = carry => unreachable!("it carries for ever"),
        }
    }

    #[tokio::test]
    async fn two_hear_each_other_through_a_mixer() {
        let heard = through(false).await;
        assert_eq!(heard.streams.each_ref().map(|stream| stream.flow), [Flow::Flowing; 2]);
        assert!(heard.setup.value().is_some() && heard.delay_ms.value().is_some(), "{heard:?}");
    }

    #[tokio::test]
    async fn silence_in_place_of_what_was_said_is_no_media() {
        let heard = through(true).await;
        let [sent, came] = heard.streams.each_ref().map(|stream| stream.flow);
        assert!(matches!(sent, Flow::NoMedia { .. }), "{sent:?}");
        assert_eq!((came, heard.setup), (Flow::Flowing, Given::Absent(Absent::NotYet)));
        assert_eq!(heard.delay_ms, Given::Absent(Absent::NotYet));
    }
}
