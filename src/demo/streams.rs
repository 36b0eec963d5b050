//! What the city's cameras and microphones send: a stream from every venue, the MCU's mix and the slides, and faults
//! on command while they run.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use super::city::{self, agent_of};
use super::lines::HUB;
use crate::domain::id::{StreamId, VenueId};
use crate::domain::inventory::{Item, PictureKind, SoundKind, Stream, StreamRole, Watcher};
use crate::domain::stream::{AudioCodec, StreamSource};
use crate::engine::finding::RuleCode;
use crate::media::clip::recipe::{AudioRecipe, Shown, VideoRecipe};
use crate::media::clip::studio::Studio;
use crate::media::picture::Size;
use crate::media::scene::Look;
use crate::media::sender::impairment::Impairment;
use crate::media::sender::outlet::{Outlet, RtpOutlet};
use crate::media::sender::packed::Packed;
use crate::media::sender::{Entry, Onset, Sender, StreamSpec, Transmitter};
use crate::media::sound::Voice;
use crate::metrics::Counters;
use crate::worker::pool::{Pool, PoolSettings};

/// Small pictures: thirteen streams share a machine with everything that watches them.
const SIZE: Size = Size::P360;
const KBPS: u32 = 400;
/// Faces there are; venues share them, each with a phase of its own.
const FACES: usize = 3;
/// Later than this a unit is late.
const TOLERANCE: Duration = Duration::from_millis(40);
/// How long a fault may take to begin: the next key picture comes within two seconds.
const ORDER_WAIT: Duration = Duration::from_secs(10);
/// Of so many packets one is lost when a line is bad.
const LOSE_ONE_IN: u32 = 12;

/// What can go wrong with a venue's stream at a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamFault {
    /// 图像冻结: the camera's last picture again and again.
    Freeze,
    /// 黑屏.
    Black,
    /// 静音: the microphone gives nothing.
    Mute,
    /// 丢包.
    Loss,
    /// 断流: nothing leaves any more.
    Cut,
}

impl StreamFault {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Freeze, Self::Black, Self::Mute, Self::Loss, Self::Cut];

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Black => "black",
            Self::Mute => "mute",
            Self::Loss => "loss",
            Self::Cut => "cut",
        }
    }

    /// The fault of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.word() == word)
    }

    /// The findings that show it.
    pub fn rules(self) -> &'static [RuleCode] {
        match self {
            Self::Freeze => &[RuleCode::StreamFreeze],
            Self::Black => &[RuleCode::StreamBlack],
            Self::Mute => &[RuleCode::StreamSilence, RuleCode::StreamNoAudio],
            Self::Loss => &[RuleCode::StreamLoss, RuleCode::StreamCorrupt],
            Self::Cut => &[RuleCode::StreamLost],
        }
    }

    /// The bar from onset to the screen, milliseconds, where the design names one.
    pub fn bar_ms(self) -> Option<u64> {
        match self {
            Self::Freeze | Self::Cut => Some(1_000),
            Self::Black => Some(600),
            Self::Mute | Self::Loss => None,
        }
    }
}

/// Everything that is sent.
#[derive(Debug)]
pub(super) struct Streams {
    studio: Studio,
    transmitter: Transmitter,
    sites: BTreeMap<StreamId, Site>,
    items: Vec<Item>,
}

/// One stream's sender and what it plays in order.
#[derive(Debug)]
struct Site {
    sender: Sender,
    recipe: VideoRecipe,
    video: Arc<Packed>,
    audio: Arc<Packed>,
}

impl Streams {
    /// Makes the clips and begins to send. The stream of `by_agent` goes to that venue's agent, the others to the hub.
    pub(super) async fn start(program: PathBuf, clips: PathBuf, by_agent: &VenueId) -> anyhow::Result<Self> {
        let pool = PoolSettings { program, children: 1, ..PoolSettings::default() };
        let studio = Studio::new(Pool::start(pool, Arc::new(Counters::new())), Some(clips));
        let transmitter = Transmitter::start().context("starting the sending thread")?;
        let mut streams =
            Self { studio, transmitter: transmitter.clone(), sites: BTreeMap::new(), items: Vec::new() };
        for (n, venue) in city::venue_ids().into_iter().enumerate() {
            let look = if n == 0 { Look::Talker } else { Look::CalmTalker };
            let face = (n % FACES) as u64;
            // Only who has the floor is heard: the main venue.
            let voice = if n == 0 { Voice::Speech } else { Voice::Hush };
            let watcher = if venue == *by_agent { Watcher::Agent(agent_of(&venue)) } else { Watcher::Hub };
            let name = format!("{}画面", city::name_of(&venue));
            let part =
                Part { venue: Some(venue.clone()), role: StreamRole::Venue, watcher, look, voice, face };
            streams.add(&transmitter, stream_of(&venue), name, part).await?;
        }
        let shared = [
            ("mix", "会议合成画面", StreamRole::Mix, Look::Mix, Voice::Speech),
            ("content", "会议材料", StreamRole::Content, Look::Slides { every: 100 }, Voice::Silence),
        ];
        for (id, name, role, look, voice) in shared {
            let part = Part { venue: None, role, watcher: Watcher::Hub, look, voice, face: 9 };
            streams.add(&transmitter, city::stream_id(id), name.into(), part).await?;
        }
        Ok(streams)
    }

    /// The streams for the inventory.
    pub(super) fn items(&self) -> Vec<Item> {
        self.items.clone()
    }

    /// A voice as telephones carry it: G.711.
    pub(super) async fn telephone(&self, voice: Voice) -> anyhow::Result<Arc<Packed>> {
        let recipe = AudioRecipe::of(voice, AudioCodec::Pcma, 0);
        Ok(Packed::audio(&*self.studio.audio(&recipe).await?))
    }

    /// Whoever sends all of it.
    pub(super) fn transmitter(&self) -> &Transmitter {
        &self.transmitter
    }

    /// Lets something go wrong; tells when it truly began.
    pub(super) async fn spoil(&self, stream: &StreamId, fault: StreamFault) -> anyhow::Result<Onset> {
        let site = self.site(stream)?;
        let pending = match fault {
            StreamFault::Freeze => {
                site.sender.play(self.video(&site.recipe, Shown::Still).await?, Entry::NextKey)
            }
            StreamFault::Black => {
                site.sender.play(self.video(&site.recipe, Shown::Black).await?, Entry::NextKey)
            }
            StreamFault::Mute => site.sender.play(self.voice(Voice::Silence, 0).await?, Entry::Now),
            StreamFault::Loss => {
                site.sender.impair(Impairment { lose_one_in: LOSE_ONE_IN, seed: 7, ..Impairment::default() })
            }
            StreamFault::Cut => site.sender.impair(Impairment { cut: true, ..Impairment::default() }),
        };
        Ok(pending.within(ORDER_WAIT).await?)
    }

    /// Everything in order again.
    pub(super) async fn mend(&self, stream: &StreamId) -> anyhow::Result<()> {
        let site = self.site(stream)?;
        let impaired = site.sender.impair(Impairment::default());
        let pictures = site.sender.play(Arc::clone(&site.video), Entry::NextKey);
        let sound = site.sender.play(Arc::clone(&site.audio), Entry::Now);
        for pending in [impaired, pictures, sound] {
            pending.within(ORDER_WAIT).await?;
        }
        Ok(())
    }

    fn site(&self, stream: &StreamId) -> anyhow::Result<&Site> {
        self.sites.get(stream).with_context(|| format!("no stream {stream} / 没有这一路流"))
    }

    async fn video(&self, recipe: &VideoRecipe, ending: Shown) -> anyhow::Result<Arc<Packed>> {
        Ok(Packed::video(&*self.studio.video(&recipe.ending_in(ending)).await?))
    }

    async fn voice(&self, voice: Voice, seed: u64) -> anyhow::Result<Arc<Packed>> {
        let recipe = AudioRecipe::of(voice, AudioCodec::Opus, seed);
        Ok(Packed::audio(&*self.studio.audio(&recipe).await?))
    }

    async fn add(&mut self, to: &Transmitter, id: StreamId, name: String, part: Part) -> anyhow::Result<()> {
        let recipe = VideoRecipe::live(part.look, SIZE, KBPS, part.face);
        let video = Packed::video(&*self.studio.video(&recipe).await?);
        let audio = self.voice(part.voice, part.face).await?;
        let (picture_port, sound_port) = ports().context("finding free ports")?;
        let address = |port| SocketAddr::from((HUB, port));
        let outlet =
            RtpOutlet::new(Some(address(picture_port)), Some(address(sound_port)), Ipv4Addr::UNSPECIFIED)?;
        let spec = StreamSpec {
            video: Some(Arc::clone(&video)),
            audio: Some(Arc::clone(&audio)),
            outlets: vec![Outlet::Rtp(outlet)],
            phase: Duration::from_millis(137 * self.sites.len() as u64 % 2_000),
            tolerance: TOLERANCE,
        };
        let sender = to.send(spec)?;
        let source = format!(
            "rtp://{HUB}:{picture_port}?video=h264/{}&audio=opus/{}&audio_port={sound_port}",
            video.payload_type(),
            audio.payload_type()
        );
        self.items.push(part.item(id.clone(), name, &source));
        self.sites.insert(id, Site { sender, recipe, video, audio });
        Ok(())
    }
}

/// What a stream is to be.
struct Part {
    venue: Option<VenueId>,
    role: StreamRole,
    watcher: Watcher,
    look: Look,
    voice: Voice,
    face: u64,
}

impl Part {
    fn item(self, id: StreamId, name: String, source: &str) -> Item {
        let slides = self.role == StreamRole::Content;
        Item::Stream(Stream {
            id,
            name,
            venue: self.venue,
            mcu: None,
            role: self.role,
            source: Some(StreamSource::parse(source).expect("made of an address and ports")),
            credential: None,
            watcher: self.watcher,
            picture: if slides { PictureKind::Slides } else { PictureKind::Camera },
            sound: if slides { SoundKind::Optional } else { SoundKind::Expected },
            codec: None,
            fps: Some(25),
        })
    }
}

/// The stream of a venue bears the venue's name.
pub(super) fn stream_of(venue: &VenueId) -> StreamId {
    city::stream_id(venue.as_str())
}

/// Two pairs of free ports, even and odd (RFC 3550 §11). Somebody else could take them before the hub does; then the
/// stream is seen as silent, which is what it is.
fn ports() -> std::io::Result<(u16, u16)> {
    let mut found = Vec::new();
    while found.len() < 2 {
        let socket = UdpSocket::bind((HUB, 0))?;
        let port = socket.local_addr()?.port() & !1;
        drop(socket);
        let both = UdpSocket::bind((HUB, port)).and_then(|_| UdpSocket::bind((HUB, port + 1)));
        if both.is_ok() && !found.contains(&port) {
            found.push(port);
        }
    }
    Ok((found[0], found[1]))
}
