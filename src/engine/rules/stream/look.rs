//! What one report says of one rule, with the figures that say so.

use std::collections::BTreeMap;

use crate::domain::inventory::{Phase, PictureKind, SoundKind, StreamRole};
use crate::domain::time::{Mono, Span};
use crate::engine::finding::{RuleCode, Why};
use crate::engine::state::{Floor, Part, StreamPicture, StreamSeen};
use crate::observation::{Analysis, Detection, Evidence, Reception, Seen, StreamReport, Sure};

/// What is only suspected waits so long for pictures to confirm it.
const SUSPECTED_WAITS: Span = Span::seconds(2);
/// Content that has not flowed for so long is no longer shown by anybody: its absence is normal.
const CONTENT_IN_USE: Span = Span::seconds(30);
/// What is not a venue's own microphone may be silent for so long: films have pauses.
const MIX_SILENT: Span = Span::seconds(20);
/// Fewest packets in ten seconds of which a share can be lost.
const PACKETS_LEAST: u64 = 100;
/// A raised finding ends only when its figure is clearly below its limit: this share of it.
const STILL: f64 = 0.7;
/// Below this no motion is seen: Microsoft's stream classification calls it poor.
const FPS_SEVERE: f64 = 7.0;
/// Sound later than its picture by so many milliseconds is noticed, and not acceptable (ITU-R BT.1359).
const LATE_MS: (f64, f64) = (125.0, 185.0);
/// The same for sound that comes earlier.
const EARLY_MS: (f64, f64) = (45.0, 90.0);
/// Damage that no clean picture has ended for so long is grave.
const CORRUPT_GRAVE: Span = Span::seconds(5);
/// Longest indicator that is taken over.
const INDICATOR_BYTES_MAX: usize = 16;

/// What a rule sees.
pub(super) enum Look {
    /// Wrong.
    Wrong(Sight),
    /// In order.
    InOrder,
    /// It cannot be seen.
    Unknown,
    /// The rule does not apply here and now.
    Gone,
}

/// Something wrong.
pub(super) struct Sight {
    /// How long ago it began when the report was sent.
    pub(super) age: Span,
    /// Whether it is the rule's higher grade.
    pub(super) grave: bool,
    pub(super) sure: Sure,
    pub(super) why: Option<Why>,
    pub(super) figures: BTreeMap<String, f64>,
    pub(super) evidence: Option<Evidence>,
}

impl Sight {
    /// Something that has no figures.
    pub(super) fn of(why: Why) -> Self {
        let figures = BTreeMap::new();
        Self { age: Span::ZERO, grave: false, sure: Sure::Confirmed, why: Some(why), figures, evidence: None }
    }
}

/// A report, whose it is, and what is known besides.
pub(super) struct View<'a> {
    pub(super) stream: &'a StreamPicture,
    pub(super) part: &'a Part,
    pub(super) seen: &'a StreamSeen,
    pub(super) now: Mono,
    /// Whether the finding is raised already.
    pub(super) raised: bool,
    /// Whether another venue still speaks in this one's place.
    pub(super) yields: bool,
}

/// The rules that something in a report speaks to.
pub(super) fn speaks_to(report: &StreamReport) -> impl Iterator<Item = RuleCode> {
    let reception = match report.reception {
        Reception::Down { .. } => Some(RuleCode::StreamLost),
        Reception::Blind { .. } => Some(RuleCode::StreamUnavailable),
        Reception::Flowing => {
            (report.analysis == Analysis::Unavailable).then_some(RuleCode::StreamUnavailable)
        }
        Reception::Connecting => None,
    };
    reception.into_iter().chain(report.detections.iter().map(|detection| rule_of(&detection.seen)))
}

/// What a report says of one rule.
pub(super) fn look(rule: RuleCode, view: &View<'_>) -> Look {
    let report = &view.seen.report;
    if !applies(rule, view) {
        return Look::Gone;
    }
    if rule == RuleCode::StreamLost {
        return lost(view);
    }
    if rule == RuleCode::StreamUnavailable {
        return unavailable(report);
    }
    if report.reception != Reception::Flowing {
        return Look::Unknown;
    }
    let found = report.detections.iter().find(|detection| rule_of(&detection.seen) == rule);
    match found {
        Some(detection) => detected(detection, view),
        None if hidden(rule, report) => Look::Unknown,
        None => Look::InOrder,
    }
}

/// The rule that a thing seen speaks to.
fn rule_of(seen: &Seen) -> RuleCode {
    match seen {
        Seen::NoVideo => RuleCode::StreamNoVideo,
        Seen::NoAudio => RuleCode::StreamNoAudio,
        Seen::WrongCodec { .. } => RuleCode::StreamCodec,
        Seen::Loss { .. } => RuleCode::StreamLoss,
        Seen::Jitter { .. } => RuleCode::StreamJitter,
        Seen::LowFps { .. } => RuleCode::StreamFps,
        Seen::LowBitrate { .. } => RuleCode::StreamBitrate,
        Seen::Corrupt { .. } => RuleCode::StreamCorrupt,
        Seen::Freeze { .. } => RuleCode::StreamFreeze,
        Seen::Static { .. } => RuleCode::StreamStatic,
        Seen::Black { .. } => RuleCode::StreamBlack,
        Seen::Flat { .. } => RuleCode::StreamFlat,
        Seen::Silence { .. } => RuleCode::StreamSilence,
        Seen::Clipping { .. } => RuleCode::StreamClipping,
        Seen::Sound { .. } => RuleCode::StreamOpenMicrophone,
        Seen::Skew { .. } => RuleCode::StreamSkew,
        Seen::Transport { .. } => RuleCode::StreamTransport,
    }
}

/// Whether a rule has a meaning for this stream in its present part. Silence, an open microphone and stillness
/// mean something only while the meeting runs: at the roll call everybody speaks.
fn applies(rule: RuleCode, view: &View<'_>) -> bool {
    let View { stream, part, .. } = view;
    let live = part.phase == Phase::Live;
    let pictures = stream.picture != PictureKind::None;
    let content = stream.role == StreamRole::Content;
    let sound = stream.sound == SoundKind::Expected && !content;
    match rule {
        RuleCode::StreamLost => !content || in_use(view),
        RuleCode::StreamNoVideo | RuleCode::StreamBlack => pictures,
        RuleCode::StreamFreeze
        | RuleCode::StreamFlat
        | RuleCode::StreamFps
        | RuleCode::StreamBitrate
        | RuleCode::StreamCorrupt => pictures && !stream.is_still() || rule == RuleCode::StreamCorrupt,
        RuleCode::StreamStatic => pictures && !stream.is_still() && live,
        RuleCode::StreamNoAudio => sound,
        RuleCode::StreamSilence => {
            sound && live && matches!(part.floor, Some(Floor::Speaks) | None) && !view.yields
        }
        RuleCode::StreamOpenMicrophone => {
            live && matches!(part.floor, Some(Floor::Listens | Floor::Next | Floor::Unknown))
        }
        RuleCode::StreamCodec
        | RuleCode::StreamLoss
        | RuleCode::StreamJitter
        | RuleCode::StreamClipping
        | RuleCode::StreamSkew
        | RuleCode::StreamTransport
        | RuleCode::StreamUnavailable => true,
        RuleCode::AgentOffline
        | RuleCode::AgentClock
        | RuleCode::AgentDisk
        | RuleCode::AgentTemperature
        | RuleCode::AgentMisbehaves
        | RuleCode::LinkPath
        | RuleCode::AccountBreakGlass
        | RuleCode::SelfDisk
        | RuleCode::SelfQueue
        | RuleCode::SelfTask
        | RuleCode::SelfLine
        | RuleCode::SelfClock
        | RuleCode::SelfJournal
        | RuleCode::SelfNotices
        | RuleCode::McuDown
        | RuleCode::McuSuspected
        | RuleCode::McuBlind
        | RuleCode::McuDegraded
        | RuleCode::McuAlarm
        | RuleCode::McuCapacity
        | RuleCode::McuDiedAfterAction
        | RuleCode::McuNoProof
        | RuleCode::RosterDrift
        | RuleCode::SiteMissing
        | RuleCode::SiteIntruder
        | RuleCode::SiteWrongName
        | RuleCode::SiteDuplicate
        | RuleCode::SiteNoMedia
        | RuleCode::SiteLoss
        | RuleCode::DeviceDown
        | RuleCode::DeviceBlind
        | RuleCode::DeviceAlarm
        | RuleCode::EquipmentReading => false,
    }
}

/// Somebody shows something, or did until a moment ago.
fn in_use(view: &View<'_>) -> bool {
    view.stream.flowed.is_some_and(|at| view.now.since(at) < CONTENT_IN_USE)
}

fn lost(view: &View<'_>) -> Look {
    let report = &view.seen.report;
    match report.reception {
        Reception::Flowing => Look::InOrder,
        Reception::Connecting | Reception::Blind { .. } => Look::Unknown,
        Reception::Down { why, tries } => Look::Wrong(Sight {
            age: view.seen.sent.since(report.since),
            grave: true,
            figures: figures(&[("tries", f64::from(tries))]),
            ..Sight::of(Why::Down(why))
        }),
    }
}

/// Our own trouble. When it began is told for the line, not for the decoder.
fn unavailable(report: &StreamReport) -> Look {
    match report.reception {
        Reception::Blind { why } => Look::Wrong(Sight::of(Why::Blind(why))),
        Reception::Flowing if report.analysis == Analysis::Unavailable => {
            Look::Wrong(Sight::of(Why::NoDecoder))
        }
        Reception::Flowing | Reception::Down { .. } | Reception::Connecting => Look::InOrder,
    }
}

/// Whether a thing would not be seen if it were there: nothing clears because nobody could look.
fn hidden(rule: RuleCode, report: &StreamReport) -> bool {
    let has = |rule| report.detections.iter().any(|detection| rule_of(&detection.seen) == rule);
    let picture = matches!(
        rule,
        RuleCode::StreamFreeze | RuleCode::StreamStatic | RuleCode::StreamBlack | RuleCode::StreamFlat
    );
    let sound =
        matches!(rule, RuleCode::StreamSilence | RuleCode::StreamClipping | RuleCode::StreamOpenMicrophone);
    let blind = (picture || sound) && report.analysis == Analysis::Unavailable;
    blind || (picture && has(RuleCode::StreamNoVideo)) || (sound && has(RuleCode::StreamNoAudio))
}

fn detected(detection: &Detection, view: &View<'_>) -> Look {
    let age = view.seen.sent.since(detection.since);
    let waits = detection.sure == Sure::Suspected && age < SUSPECTED_WAITS;
    if waits && !view.raised {
        return Look::Unknown;
    }
    let Some((grave, why, figures)) = measured(&detection.seen, age, view) else { return Look::InOrder };
    let evidence = detection.evidence.as_ref().filter(|_| view.part.keeps);
    let evidence = evidence.map(|pictures| Evidence {
        before: pictures.before.clone().filter(|hash| is_hash(hash)),
        after: pictures.after.clone().filter(|hash| is_hash(hash)),
    });
    let evidence = evidence.filter(|pictures| pictures.before.is_some() || pictures.after.is_some());
    Look::Wrong(Sight { age, grave, sure: detection.sure, why, figures, evidence })
}

type Measured = (bool, Option<Why>, BTreeMap<String, f64>);

/// Whether figures are wrong here, and gravely; `None` when they are within limits.
fn measured(seen: &Seen, age: Span, view: &View<'_>) -> Option<Measured> {
    let grave = |figures: &[(&str, f64)]| Some((true, None, self::figures(figures)));
    let slight = |figures: &[(&str, f64)]| Some((false, None, self::figures(figures)));
    let f = |value: f32| f64::from(value);
    match seen {
        Seen::NoVideo => grave(&[]),
        // A venue that only listens is missed by nobody yet.
        Seen::NoAudio => Some((view.part.first, None, BTreeMap::new())),
        Seen::WrongCodec { found } => Some((false, Some(Why::Codec(*found)), BTreeMap::new())),
        Seen::Loss { lost, expected } => loss(*lost, *expected, view),
        Seen::Jitter { ms } => jitter(*ms, view),
        Seen::LowFps { fps, declared } => {
            let figures = figures(&[("fps", *fps), ("declared_fps", *declared)]);
            Some((*fps < FPS_SEVERE, None, figures))
        }
        Seen::LowBitrate { kbps, usual_kbps } => slight(&[("kbps", *kbps), ("usual_kbps", *usual_kbps)]),
        Seen::Corrupt { pictures } => {
            Some((age >= CORRUPT_GRAVE, None, figures(&[("pictures", *pictures as f64)])))
        }
        Seen::Freeze { block_max, effort_drop } => {
            grave(&[("block_max", f(*block_max)), ("effort_drop", f(*effort_drop))])
        }
        Seen::Static { block_max } => slight(&[("block_max", f(*block_max))]),
        Seen::Black { luma_p98, luma_sd } => {
            let figures = figures(&[("luma_p98", f64::from(*luma_p98)), ("luma_sd", f(*luma_sd))]);
            Some((!view.stream.is_still(), None, figures))
        }
        Seen::Flat { luma_mean, luma_sd } => grave(&[("luma_mean", f(*luma_mean)), ("luma_sd", f(*luma_sd))]),
        Seen::Silence { rms_dbfs } => {
            let own = view.part.floor.is_some();
            (own || age >= MIX_SILENT).then(|| (own, None, figures(&[("rms_dbfs", f(*rms_dbfs))])))
        }
        Seen::Clipping { tenths } => slight(&[("clipped_tenths", f64::from(*tenths))]),
        Seen::Sound { rms_dbfs } => grave(&[("rms_dbfs", f(*rms_dbfs))]),
        Seen::Skew { audio_late_ms } => skew(*audio_late_ms, view),
        Seen::Transport { indicator, count } => {
            let readable = indicator.len() <= INDICATOR_BYTES_MAX
                && indicator.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
            let why = readable.then(|| Why::Indicator(indicator.clone()));
            Some((false, why, figures(&[("count", *count as f64)])))
        }
    }
}

fn loss(lost: u64, expected: u64, view: &View<'_>) -> Option<Measured> {
    if expected < PACKETS_LEAST {
        return None;
    }
    let share = lost as f64 * 100.0 / expected as f64;
    let limits = &view.part.limits;
    let (limit, grave) = over(share, (limits.stream_loss_warn_pct, limits.stream_loss_severe_pct), view)?;
    let figures = figures(&[
        ("loss_pct", share),
        ("limit_pct", limit),
        ("lost", lost as f64),
        ("expected", expected as f64),
    ]);
    Some((grave, None, figures))
}

fn jitter(ms: f64, view: &View<'_>) -> Option<Measured> {
    let limits = &view.part.limits;
    let (limit, grave) = over(ms, (limits.stream_jitter_warn_ms, limits.stream_jitter_severe_ms), view)?;
    Some((grave, None, figures(&[("jitter_ms", ms), ("limit_ms", limit)])))
}

fn skew(audio_late_ms: f64, view: &View<'_>) -> Option<Measured> {
    let limits = if audio_late_ms < 0.0 { EARLY_MS } else { LATE_MS };
    let (limit, grave) = over(audio_late_ms.abs(), limits, view)?;
    Some((grave, None, figures(&[("audio_late_ms", audio_late_ms), ("limit_ms", limit)])))
}

/// The limit that a figure is over, and whether that is the higher of the two; `None` when it is over neither.
fn over(figure: f64, (warn, severe): (f64, f64), view: &View<'_>) -> Option<(f64, bool)> {
    let least = if view.raised { warn * STILL } else { warn };
    if figure >= severe {
        return Some((severe, true));
    }
    (figure >= least).then_some((warn, false))
}

/// Finite figures with at most three decimals: anything else could not be read back from the journal.
fn figures(list: &[(&str, f64)]) -> BTreeMap<String, f64> {
    let finite = list.iter().filter(|(_, value)| value.is_finite());
    finite.map(|(name, value)| ((*name).to_owned(), (value * 1e3).round() / 1e3)).collect()
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
