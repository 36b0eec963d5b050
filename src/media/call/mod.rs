//! A probe participant over SIP: calls an address for real, sends the test media, receives and measures both ways,
//! hangs up and hands over figures.
//!
//! It asks nobody whether it may: consent, windows and pacing are the engine's, and so is what the figures mean.
//! Whatever happens to it, the call is hung up: `sip` sees to that.

mod ear;
mod offer;
pub mod plain;
mod score;
mod tally;
mod tone;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::sender::impairment::TrackKind;
use super::sender::outlet::{Outlet, RtpOutlet, TapUnit};
use super::sender::packed::Packed;
use super::sender::{Sender, StreamSpec, Transmitter};
use crate::domain::time::{Mono, Span};
use crate::observation::device::{Absent, Given, Medium, StreamSample};
use crate::observation::{NotCalled, ProbeEnd, ProbeFigures, ToneHeard};
use crate::sip::call::{Account, Call, CallOrder, Farewell, NotPlaced, own_address, place};
use crate::sip::target::Target;
use crate::wire::coding::Coding;
use crate::wire::sdp::Session;
use ear::{Clock, Shared, Sockets};
use offer::Agreed;
use score::Talk;
use tally::{Ours, Tally};
use tone::ToneMeter;

/// Most tones that are listened for.
pub const TONES_MAX: usize = 16;
/// The call may last so much longer than its media before it is hung up by itself.
const SLACK: Duration = Duration::from_secs(15);
/// A packet that leaves later than this is late.
const TOLERANCE: Duration = Duration::from_millis(20);
/// Units of ours that are looked at to learn their name: a report may come before the first packet.
const FIRST_UNITS: usize = 4;
/// Longest wait for the first packet of ours.
const FIRST_PACKET: Duration = Duration::from_secs(1);

/// A call to be made.
#[derive(Debug, Clone)]
pub struct ProbeOrder {
    /// Whom.
    pub target: Target,
    /// The name that is shown there.
    pub name: String,
    /// With which name and password, if it is asked for.
    pub account: Option<Account>,
    /// Longest wait for the first sign that somebody is there.
    pub patience: Duration,
    /// Longest wait for somebody to take the call.
    pub ringing: Duration,
    /// How long media are sent. Far sides report each five seconds or so: below six there may be no word of theirs.
    pub talk: Duration,
    /// Frequency of our own tone, Hz.
    pub hz: u16,
    /// Frequencies of other probes to listen for; at most [`TONES_MAX`] with our own.
    pub others_hz: Vec<u16>,
    /// Pictures to be sent beside the sound, if any.
    pub pictures: Option<Arc<Packed>>,
}

/// Calls, measures and hangs up. Dropped, it hangs up at once.
pub async fn probe(order: ProbeOrder, transmitter: &Transmitter) -> ProbeFigures {
    let clock = Clock::start();
    let began = clock.now().1;
    let address = order.target.to_string();
    let nothing = |end| ProbeFigures {
        address: address.clone(),
        began,
        end,
        setup_ms: Given::Absent(Absent::NotYet),
        talked: Span::ZERO,
        streams: Vec::new(),
        tones: Vec::new(),
    };
    match Connected::new(&order).await {
        Err(why) => nothing(ProbeEnd::NotPlaced { why }),
        Ok(connected) => {
            let setup_ms = Given::Value(connected.call.setup().as_secs_f64() * 1e3);
            let talked = connected.talk(&order, transmitter, clock).await;
            let (end, talked, streams, tones) = talked;
            ProbeFigures { setup_ms, talked, streams, tones, ..nothing(end) }
        }
    }
}

/// A call that was taken, before media flow.
struct Connected {
    call: Call,
    /// Each medium with its sockets, in the order of the offer; `None` where it was refused.
    media: Vec<(Medium, Option<(Agreed, Sockets)>)>,
}

impl Connected {
    async fn new(order: &ProbeOrder) -> Result<Self, NotCalled> {
        let own = own_address(&order.target).await.map_err(|why| not_called(&why))?;
        let ours = |_: io::Error| NotCalled::Ours;
        let sound = Sockets::open(own).map_err(ours)?;
        let pictures =
            order.pictures.as_ref().map(|packed| Ok::<_, io::Error>((packed, Sockets::open(own)?)));
        let pictures = pictures.transpose().map_err(ours)?;
        let described = match &pictures {
            Some((packed, sockets)) => Some((*packed, sockets.port().map_err(ours)?)),
            None => None,
        };
        let offer = offer::offer(own, sound.port().map_err(ours)?, described);
        let call = place(call_order(order), offer.clone()).await.map_err(|why| not_called(&why))?;
        let sockets = [Some(sound), pictures.map(|(_, sockets)| sockets)].into_iter().flatten();
        let media = media(&offer, call.answer(), sockets);
        if media.iter().all(|(_, agreed)| agreed.is_none()) {
            call.hang_up().await;
            return Err(NotCalled::NoMedia);
        }
        Ok(Self { call, media })
    }

    /// Lets media flow for as long as ordered, then hangs up.
    async fn talk(
        self,
        order: &ProbeOrder,
        transmitter: &Transmitter,
        clock: Clock,
    ) -> (ProbeEnd, Span, Vec<StreamSample>, Vec<ToneHeard>) {
        let (from, since) = clock.now();
        let mut call = self.call;
        let mut ears = JoinSet::new();
        let opened = open_lines(self.media, (order, transmitter, clock), &mut ears);
        let Ok(mut lines) = opened else {
            call.hang_up().await;
            return (ProbeEnd::NotPlaced { why: NotCalled::Ours }, Span::ZERO, Vec::new(), Vec::new());
        };
        for line in lines.iter_mut().filter_map(|(_, line)| line.as_mut()) {
            line.learn_name().await;
        }
        let hung_up = timeout(order.talk, call.over()).await.is_ok();
        let until = clock.now().0;
        lines.iter_mut().filter_map(|(_, line)| line.as_mut()).for_each(|line| drop(line.sender.take()));
        let farewell = call.hang_up().await;
        let end = if hung_up {
            ProbeEnd::HungUp
        } else {
            ProbeEnd::Talked { farewell_heard: farewell != Farewell::Unheard }
        };
        let (streams, tones) = scored(&lines, Talk { until, since });
        (end, until.since(from), streams, tones)
    }
}

type Lines = Vec<(Medium, Option<Line>)>;

fn open_lines(
    media: Vec<(Medium, Option<(Agreed, Sockets)>)>,
    with: (&ProbeOrder, &Transmitter, Clock),
    ears: &mut JoinSet<io::Result<()>>,
) -> io::Result<Lines> {
    let mut open = |(medium, agreed): (Medium, Option<(Agreed, Sockets)>)| {
        let line = agreed.map(|(agreed, sockets)| Line::open(medium, agreed, sockets, with, ears));
        Ok((medium, line.transpose()?))
    };
    media.into_iter().map(&mut open).collect()
}

fn scored(lines: &[(Medium, Option<Line>)], talk: Talk) -> (Vec<StreamSample>, Vec<ToneHeard>) {
    let (mut streams, mut tones) = (Vec::new(), Vec::new());
    for (medium, line) in lines {
        match line {
            None => streams.extend(score::refused(*medium)),
            Some(line) => line.tally.with(|tally| {
                streams.extend(score::samples(*medium, &line.agreed, tally, talk));
                if let Some(tone) = &tally.tone {
                    tones = tone.heard(line.left);
                }
            }),
        }
    }
    (streams, tones)
}

/// One medium that flows. Dropped, ours stops.
struct Line {
    agreed: Agreed,
    tally: Shared,
    /// When our first packet left.
    left: Mono,
    first: mpsc::Receiver<TapUnit>,
    sender: Option<Sender>,
}

impl Line {
    fn open(
        medium: Medium,
        agreed: Agreed,
        sockets: Sockets,
        (order, transmitter, clock): (&ProbeOrder, &Transmitter, Clock),
        ears: &mut JoinSet<io::Result<()>>,
    ) -> io::Result<Self> {
        let outgoing = sockets.outgoing()?;
        let law = match &agreed.coding {
            Coding::Audio(format) => tone::law(format.codec),
            Coding::Video(_) => None,
        };
        let wanted: Vec<u16> = [order.hz].iter().chain(&order.others_hz).copied().take(TONES_MAX).collect();
        let meter = law.map(|law| ToneMeter::new(law, &wanted));
        let tally = Shared::new(Tally::new(agreed.payload_type, agreed.coding.rtp_clock_hz(), meter));
        ears.spawn(sockets.hear(tally.clone(), Some(agreed.to[1]), clock));
        let (tap, first) = mpsc::channel(FIRST_UNITS);
        let packed = match (medium, &agreed.coding) {
            (Medium::Audio, Coding::Audio(format)) => tone::packed(format.codec, order.hz),
            (_, _) => order.pictures.clone(),
        };
        let packed = packed.filter(|_| agreed.receives);
        let left = clock.now().0;
        let sender = packed.map(|packed| send(packed, outgoing, &agreed, tap, transmitter)).transpose()?;
        Ok(Self { agreed, tally, left, first, sender })
    }

    /// Waits for our first packet, by which the far side's reports on us are known.
    async fn learn_name(&mut self) {
        let first = timeout(FIRST_PACKET, async {
            while let Some(unit) = self.first.recv().await {
                if let Some(ours) = unit.packets.first().and_then(|bytes| Ours::of(bytes)) {
                    return Some(ours);
                }
            }
            None
        });
        let first = first.await.ok().flatten();
        // Nobody listens any more, so the sender forgets the tap.
        self.first.close();
        self.tally.with(|tally| tally.ours = first);
    }
}

fn send(
    packed: Arc<Packed>,
    outgoing: std::net::UdpSocket,
    agreed: &Agreed,
    tap: mpsc::Sender<TapUnit>,
    transmitter: &Transmitter,
) -> io::Result<Sender> {
    let kind = packed.kind();
    let to = Some(agreed.to);
    let (video, audio) = match kind {
        TrackKind::Video => (to, None),
        TrackKind::Audio => (None, to),
    };
    let outlets = vec![Outlet::Rtp(RtpOutlet::from_socket(outgoing, video, audio)?), Outlet::Tap(tap)];
    let (video, audio) = match kind {
        TrackKind::Video => (Some(packed), None),
        TrackKind::Audio => (None, Some(packed)),
    };
    let spec = StreamSpec { video, audio, outlets, phase: Duration::ZERO, tolerance: TOLERANCE };
    transmitter.send(spec).map_err(io::Error::other)
}

fn media(
    offer: &Session,
    answer: &Session,
    sockets: impl Iterator<Item = Sockets>,
) -> Vec<(Medium, Option<(Agreed, Sockets)>)> {
    let agreed = offer::agreed(offer, answer).into_iter();
    agreed
        .zip(sockets)
        .map(|((medium, agreed), sockets)| (medium, agreed.map(|agreed| (agreed, sockets))))
        .collect()
}

fn call_order(order: &ProbeOrder) -> CallOrder {
    CallOrder {
        target: order.target.clone(),
        name: order.name.clone(),
        account: order.account.clone(),
        patience: order.patience,
        ringing: order.ringing,
        longest: order.talk + SLACK,
    }
}

fn not_called(why: &NotPlaced) -> NotCalled {
    match why {
        NotPlaced::NameUnknown(_) => NotCalled::NameUnknown,
        NotPlaced::Unreachable(_) => NotCalled::Unreachable,
        NotPlaced::NoAnswer => NotCalled::NoAnswer,
        NotPlaced::NotTaken => NotCalled::NotTaken,
        NotPlaced::Auth => NotCalled::Auth,
        NotPlaced::Refused { code, .. } => NotCalled::Refused { code: *code },
        NotPlaced::NoDescription => NotCalled::NoMedia,
        NotPlaced::Ours(_) => NotCalled::Ours,
    }
}
