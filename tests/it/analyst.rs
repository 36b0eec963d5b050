//! An analyst over real workers: what it sees in clips with faults, and what it says while its workers die.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use vcops::domain::inventory::{PictureKind, SoundKind};
use vcops::domain::live::{LiveItem, Still};
use vcops::domain::stream::{StreamSource, VideoCodec};
use vcops::domain::time::{Mono, Now, Utc};
use vcops::media::clip::VideoClip;
use vcops::media::clip::recipe::{Act, Shown, VideoRecipe};
use vcops::media::clip::studio::Studio;
use vcops::media::picture::{Colour, Size};
use vcops::media::scene::Look;
use vcops::metrics::Counters;
use vcops::observation::{Analysis, Detection, StreamOrder, Sure};
use vcops::stream::Outlets;
use vcops::stream::analyst::{Analyst, View, Wish};
use vcops::stream::burst::{AnalysisBench, BenchSettings};
use vcops::stream::unit::{Track, Unit};
use vcops::wire::nal::PictureReader;
use vcops::worker::pool::{Pool, PoolSettings};

const FRAME_US: u64 = 40_000;
/// Pictures come at five times their pace: workers decode faster than that.
const PACE: Duration = Duration::from_millis(8);

/// An analyst with a clip to look at.
struct Rig {
    analyst: Analyst,
    clip: VideoClip,
    reader: PictureReader,
    next: usize,
    /// Pictures whose coding effort is low.
    low: Vec<std::ops::Range<usize>>,
    stills: mpsc::Receiver<Still>,
    live: mpsc::Receiver<LiveItem>,
}

impl Rig {
    fn new(pool: &Pool, clip: VideoClip, picture: PictureKind) -> Self {
        let (reports, _) = mpsc::channel(1);
        let (live, shown) = mpsc::channel(64);
        let (stills, kept) = mpsc::channel(64);
        let bench = AnalysisBench::start(pool.clone(), BenchSettings::default());
        let mut analyst = Analyst::new(&order(picture), bench, Outlets { reports, live, stills });
        analyst.want(Wish { thumbnails: true, closely: false, meters: false });
        let reader = PictureReader::new(VideoCodec::H264);
        Self { analyst, clip, reader, next: 0, low: Vec::new(), stills: kept, live: shown }
    }

    /// Shows the next pictures; gives the view after each.
    async fn show(&mut self, pictures: usize) -> Vec<View> {
        let mut views = Vec::new();
        for _ in 0..pictures {
            let unit = self.unit();
            let at = unit.at;
            self.analyst.unit(&unit);
            self.suspect(at);
            let until = tokio::time::Instant::now() + PACE;
            while tokio::time::timeout_at(until, self.analyst.ready()).await.is_ok() {
                self.analyst.take_news(now(at));
            }
            self.analyst.take_news(now(at));
            views.push(self.analyst.view(now(at)));
        }
        views
    }

    /// Says what headers say: eight pictures after the coding effort fell, and as long as it is low.
    fn suspect(&mut self, at: Mono) {
        let shown = self.next - 1;
        let low = self.low.iter().find(|low| low.contains(&shown)).map(|low| shown - low.start);
        let since = low.filter(|pictures| *pictures >= 8).map(|pictures| pictures as u64 * FRAME_US);
        self.analyst.suspect(if since.is_some() { 2.0 } else { 0.0 }, since.map(|ago| Mono(at.0 - ago)));
    }

    fn unit(&mut self) -> Unit {
        let at = self.next as u64 * FRAME_US + 10_000_000;
        let coded = &self.clip.units()[self.next % self.clip.units().len()];
        self.next += 1;
        Unit {
            track: Track::Video(VideoCodec::H264),
            at: Mono(at),
            pts_us: i64::try_from(at).unwrap(),
            data: coded.data.clone(),
            facts: self.reader.read(&coded.data),
            damaged: false,
        }
    }
}

fn now(at: Mono) -> Now {
    Now { mono: at, utc: Utc(1_700_000_000_000_000 + i64::try_from(at.0).unwrap()) }
}

fn order(picture: PictureKind) -> StreamOrder {
    StreamOrder {
        stream: "hall".parse().unwrap(),
        source: StreamSource::parse("rtp://127.0.0.1:5004").unwrap(),
        credential: None,
        picture,
        sound: SoundKind::None,
        codec: None,
        fps: None,
    }
}

fn pool() -> Pool {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_vcops"));
    Pool::start(PoolSettings { program, ..PoolSettings::default() }, Arc::new(Counters::new()))
}

async fn clip(pool: &Pool, acts: &[(Shown, u32)]) -> VideoClip {
    let acts = acts.iter().map(|&(shown, pictures)| Act { shown, pictures }).collect();
    let recipe = VideoRecipe { acts, ..VideoRecipe::live(Look::Talker, Size::P180, 200, 4) };
    let clip = Studio::new(pool.clone(), None).video(&recipe).await.unwrap();
    VideoClip::clone(&clip)
}

/// What is confirmed, by word, without what merely stands still.
fn words(view: &View) -> Vec<&'static str> {
    let wrong = |it: &&Detection| it.sure == Sure::Confirmed && it.seen.code() != "static";
    view.detections.iter().filter(wrong).map(|it| it.seen.code()).collect()
}

fn first_with(views: &[View], word: &str) -> Option<usize> {
    views.iter().position(|view| words(view).contains(&word))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_black_and_blue_pictures_are_told_apart_with_pictures_before_and_after() {
    let pool = pool();
    let live = (Shown::Live, 160);
    let acts =
        [live, (Shown::Still, 90), live, (Shown::Black, 60), live, (Shown::Flat(Colour::BLUE), 60), live];
    let clip = clip(&pool, &acts).await;
    let mut rig = Rig::new(&pool, clip, PictureKind::Camera);
    rig.low = vec![160..250, 410..470, 630..690];
    let views = rig.show(850).await;
    for (word, begins, ends) in [("freeze", 160, 250), ("black", 410, 470), ("flat", 630, 690)] {
        let found = first_with(&views, word).unwrap_or_else(|| panic!("{word} was not seen"));
        assert!((begins..ends).contains(&found), "{word} at {found}");
        assert!(first_with(&views[ends + 75..], word).is_none(), "{word} did not end");
        let detection = views[found..ends]
            .iter()
            .flat_map(|view| &view.detections)
            .filter(|it| it.seen.code() == word)
            .find(|it| it.evidence.as_ref().is_some_and(|it| it.before.is_some() && it.after.is_some()))
            .unwrap_or_else(|| panic!("{word} has no pictures"));
        let since = now(Mono(begins as u64 * FRAME_US + 10_000_000)).utc;
        assert!(
            detection.since.since(since).as_s() + since.since(detection.since).as_s() < 0.2,
            "{detection:?}"
        );
    }
    let stills: Vec<Still> = std::iter::from_fn(|| rig.stills.try_recv().ok()).collect();
    assert!(stills.len() >= 6 && stills.iter().all(|still| still.jpeg.starts_with(&[0xff, 0xd8])));
    assert!(matches!(rig.live.try_recv(), Ok(LiveItem::Thumbnail { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declared_slides_are_never_frozen() {
    let pool = pool();
    let clip = clip(&pool, &[(Shown::Live, 160), (Shown::Still, 200)]).await;
    let mut rig = Rig::new(&pool, clip, PictureKind::Slides);
    let views = rig.show(340).await;
    assert!(views.iter().all(|view| words(view).is_empty()));
    assert!(views.last().unwrap().detections.iter().any(|it| it.seen.code() == "static"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_are_killed_again_and_again_are_no_alarm() {
    let pool = pool();
    let clip = clip(&pool, &[(Shown::Live, 400)]).await;
    let mut rig = Rig::new(&pool, clip, PictureKind::Camera);
    let mut views = rig.show(100).await;
    for _ in 0..3 {
        for child in pool.usage() {
            kill(child.pid);
        }
        views.extend(rig.show(150).await);
    }
    let analyses: Vec<Analysis> = views.iter().map(|view| view.analysis).collect();
    assert!(views.iter().all(|view| view.detections.is_empty()));
    let last_gone = analyses.iter().rposition(|it| *it == Analysis::Unavailable);
    assert!(last_gone.is_none_or(|at| at < views.len() - 1), "analysis did not come back");
    assert_eq!(analyses.last(), Some(&Analysis::Keyframes));
}

/// Kills a worker that this test started.
fn kill(pid: u32) {
    let status = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
    assert!(status.success());
}
