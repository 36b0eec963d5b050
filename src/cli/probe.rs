//! `vcops probe`: one stream live in the terminal, without a daemon. It shows what a monitor sees and judges nothing.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use anyhow::Context as _;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{exit, runtime};
use crate::config::value::{LogFormat, LogLevel};
use crate::domain::id::{CredentialId, StreamId};
use crate::domain::inventory::{PictureKind, SoundKind};
use crate::domain::lang::Lang;
use crate::domain::live::{Level, LiveItem};
use crate::domain::stream::StreamSource;
use crate::domain::time::{Span, Utc};
use crate::engine::wording;
use crate::metrics::Counters;
use crate::observation::{Reception, Seen, StreamOrder, StreamReport};
use crate::stream::burst::{AnalysisBench, BenchSettings};
use crate::stream::settings::{Credential, StreamSettings};
use crate::stream::{Means, Outlets, WatchSet};
use crate::worker::pool::{Pool, PoolSettings};

/// Width of a level bar, characters; it spans 60 dB.
const BAR_CHARS: usize = 30;
const BAR_DB: f32 = 60.0;
/// How often the picture on the terminal is drawn again.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// How long one look keeps thumbnails and levels coming.
const LOOK_FOR: Span = Span::seconds(5);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 地址 rtsp:// rtp:// udp:// srt:// rtmp:// http(s)://….m3u8 or sdp:….
    source: String,
    /// 机器可读 one JSON report a line, at each change and each second.
    #[arg(long)]
    json: bool,
    /// 秒数 stop after so many seconds; without it at Ctrl-C.
    #[arg(long)]
    seconds: Option<u64>,
    /// 用户名 user name for the source.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// 口令文件 file that holds the password on one line.
    #[arg(long, requires = "user")]
    password_file: Option<PathBuf>,
    /// 幻灯片 the picture stands still by design.
    #[arg(long)]
    slides: bool,
    /// 不解码 read headers only.
    #[arg(long)]
    headers_only: bool,
}

/// What the terminal shows.
struct Screen {
    lang: Lang,
    json: bool,
    fixed: bool,
    source: String,
    report: Option<StreamReport>,
    level: Option<Level>,
    drawn_lines: usize,
}

pub(super) fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let source = match StreamSource::parse(&arguments.source) {
        Ok(source) => source,
        Err(wrong) => {
            eprintln!("vcops: {}: {wrong}", arguments.source);
            return Ok(exit::bad_input());
        }
    };
    runtime::start_log(LogLevel::Error, LogFormat::Text);
    runtime::block_on(watch(arguments, source, lang))
}

async fn watch(arguments: &Arguments, source: StreamSource, lang: Lang) -> anyhow::Result<ExitCode> {
    let stop = runtime::stop_signal()?;
    let (reports_tx, mut reports) = mpsc::channel(64);
    let (live, mut items) = mpsc::channel(64);
    let (stills, _no_evidence) = mpsc::channel(1);
    let outlets = Outlets { reports: reports_tx, live, stills };
    let (settings, credential) = settings(arguments)?;
    let mut set = WatchSet::start(settings, means(arguments), outlets);
    let order = order(arguments, source, credential);
    set.watch(vec![order.clone()]);
    let ends = Instant::now() + Duration::from_secs(arguments.seconds.unwrap_or(u64::from(u32::MAX)));
    let mut screen = Screen::new(arguments, lang);
    let mut draw = tokio::time::interval(DRAW_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(ends) => break,
            Some(report) = reports.recv() => screen.report(report)?,
            Some(item) = items.recv() => screen.item(&item),
            _ = draw.tick() => {
                set.show(std::slice::from_ref(&order.stream), now() + LOOK_FOR);
                screen.draw()?;
            }
        }
    }
    set.stop().await;
    Ok(screen.code())
}

fn settings(arguments: &Arguments) -> anyhow::Result<(StreamSettings, Option<CredentialId>)> {
    let (Some(user), Some(file)) = (&arguments.user, &arguments.password_file) else {
        return Ok((StreamSettings::default(), None));
    };
    let password = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    let name = CredentialId::parse("probe").expect("a valid word");
    let credentials = [(name.clone(), Credential { user: user.clone(), password })].into();
    Ok((StreamSettings { credentials, ..StreamSettings::default() }, Some(name)))
}

fn means(arguments: &Arguments) -> Means {
    let counters = Arc::new(Counters::new());
    // One child: there is one stream.
    let settings = PoolSettings { children: 1, ..PoolSettings::default() };
    let pool = (!arguments.headers_only).then(|| Pool::start(settings, Arc::clone(&counters)));
    let bench = pool.clone().map(|pool| AnalysisBench::start(pool, BenchSettings::default()));
    Means { bench, pool, counters }
}

fn order(arguments: &Arguments, source: StreamSource, credential: Option<CredentialId>) -> StreamOrder {
    StreamOrder {
        stream: StreamId::parse("probe").expect("a valid word"),
        source,
        credential,
        picture: if arguments.slides { PictureKind::Slides } else { PictureKind::Camera },
        sound: SoundKind::Optional,
        codec: None,
        fps: None,
    }
}

impl Screen {
    fn new(arguments: &Arguments, lang: Lang) -> Self {
        Self {
            lang,
            json: arguments.json,
            fixed: io::stdout().is_terminal(),
            source: arguments.source.clone(),
            report: None,
            level: None,
            drawn_lines: 0,
        }
    }

    fn report(&mut self, report: StreamReport) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(&report)?);
        } else if !self.fixed && self.is_news(&report) {
            println!("{} {}", now().timestamp(), self.verdict(&report));
        }
        self.report = Some(report);
        Ok(())
    }

    /// On something that is no terminal only changes are printed.
    fn is_news(&self, report: &StreamReport) -> bool {
        let codes = |report: &StreamReport| -> Vec<&str> {
            report.detections.iter().map(|detection| detection.seen.code()).collect()
        };
        let before = self.report.as_ref();
        before.is_none_or(|before| before.reception != report.reception || codes(before) != codes(report))
    }

    fn item(&mut self, item: &LiveItem) {
        if let LiveItem::Meter { level, .. } = item {
            self.level = Some(*level);
        }
    }

    /// Draws over what was drawn before.
    fn draw(&mut self) -> anyhow::Result<()> {
        if self.json || !self.fixed {
            return Ok(());
        }
        let lines = self.lines();
        let mut out = io::stdout().lock();
        if self.drawn_lines > 0 {
            write!(out, "\x1b[{}A", self.drawn_lines)?;
        }
        for line in &lines {
            writeln!(out, "\x1b[2K{line}")?;
        }
        for _ in lines.len()..self.drawn_lines {
            writeln!(out, "\x1b[2K")?;
        }
        self.drawn_lines = lines.len().max(self.drawn_lines);
        out.flush()?;
        Ok(())
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.source.clone()];
        let Some(report) = &self.report else {
            lines.push(self.lang.pick("正在连接…", "connecting …").to_owned());
            return lines;
        };
        lines.push(self.verdict(report));
        lines.extend(self.figures(report));
        lines.extend(self.level.map(|level| bar(&level)));
        for detection in &report.detections {
            let since = detection.since.clock(&jiff::tz::TimeZone::system());
            lines.push(format!("  {since} {}", wording::seen(&detection.seen, self.lang)));
        }
        lines
    }

    fn verdict(&self, report: &StreamReport) -> String {
        let seen = report.detections.iter().map(|detection| wording::seen(&detection.seen, self.lang));
        let parts: Vec<String> =
            std::iter::once(wording::reception(&report.reception, self.lang)).chain(seen).collect();
        parts.join(" · ")
    }

    fn figures(&self, report: &StreamReport) -> Vec<String> {
        let video = report.video.as_ref().map(|video| {
            let idr = video.idr_every_s.map_or("—".to_owned(), |s| format!("{s:.1} s"));
            format!(
                "{} {}×{} {:.1} fps {:.0} kbit/s IDR {idr} · {}",
                video.codec.name(),
                video.width,
                video.height,
                video.fps,
                video.kbps,
                wording::analysis(report.analysis, self.lang)
            )
        });
        let audio = report.audio.as_ref().map(|audio| {
            let channels = audio.channels;
            format!("{} {channels} ch {:.0} kbit/s", audio.codec.name(), audio.kbps)
        });
        let t = &report.transport;
        let transport = (t.expected > 0).then(|| {
            let words = self.lang.pick(("丢包", "乱序", "抖动"), ("lost", "reordered", "jitter"));
            format!(
                "{} {}/{} · {} {} · {} {:.1} ms",
                words.0, t.lost, t.expected, words.1, t.reordered, words.2, t.jitter_ms
            )
        });
        [video, audio, transport].into_iter().flatten().collect()
    }

    /// 0 when media flow and nothing looks wrong, 1 when something does, 2 when nothing could be seen.
    fn code(&self) -> ExitCode {
        let wrong = |seen: &Seen| !matches!(seen, Seen::Sound { .. } | Seen::Static { .. });
        match &self.report {
            Some(StreamReport { reception: Reception::Flowing, detections, .. }) => {
                ExitCode::from(u8::from(detections.iter().any(|detection| wrong(&detection.seen))))
            }
            Some(StreamReport { reception: Reception::Down { .. }, .. }) => ExitCode::from(1),
            Some(_) | None => ExitCode::from(2),
        }
    }
}

fn bar(level: &Level) -> String {
    let place = |dbfs: f32| (((dbfs + BAR_DB) / BAR_DB).clamp(0.0, 1.0) * BAR_CHARS as f32) as usize;
    let (rms, peak) = (place(level.rms_dbfs), place(level.peak_dbfs));
    let character = |at: usize| match at {
        at if at < rms => '█',
        at if at < peak => '▒',
        _ => '·',
    };
    let drawn: String = (0..BAR_CHARS).map(character).collect();
    let clipped = if level.clipped { " !" } else { "" };
    format!("{drawn} {:.0} dBFS{clipped}", level.rms_dbfs)
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}
