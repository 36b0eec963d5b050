//! Which series mean what, for each kind of page: as data. A kind is told by the names on the page.

use super::rate::{Counters, Series};
use super::text::Page;
use crate::observation::device::Service;

/// Whose page it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Jitsi Videobridge, its own page or that of the exporter beside it.
    Jitsi,
    /// LiveKit: sums over the node, nothing per participant.
    LiveKit,
    /// MediaMTX.
    MediaMtx,
    /// node_exporter: a host.
    Node,
}

/// How the samples of a series become one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Their sum.
    Sum,
    /// The largest.
    Max,
    /// How many there are.
    Count,
    /// How fast they grow together, per second.
    PerSecond,
}

/// One reading of a page.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name, with the unit at the end.
    pub reading: &'static str,
    /// The series, in order of preference: older versions name it otherwise.
    pub series: &'static [&'static str],
    /// How samples become one figure.
    pub fold: Fold,
    /// What the figure is multiplied with.
    pub scale: f64,
}

const fn row(reading: &'static str, series: &'static [&'static str], fold: Fold, scale: f64) -> Row {
    Row { reading, series, fold, scale }
}

const JITSI: &[Row] = &[
    row("conferences", &["jitsi_jvb_conferences"], Fold::Sum, 1.0),
    row("participants", &["jitsi_jvb_local_endpoints", "jitsi_jvb_participants"], Fold::Sum, 1.0),
    row("sending_audio", &["jitsi_jvb_endpoints_sending_audio"], Fold::Sum, 1.0),
    row("sending_video", &["jitsi_jvb_endpoints_sending_video"], Fold::Sum, 1.0),
    row(
        "incoming_loss_pct",
        &["jitsi_jvb_incoming_loss_fraction", "jitsi_jvb_incoming_loss"],
        Fold::Max,
        100.0,
    ),
    row(
        "outgoing_loss_pct",
        &["jitsi_jvb_outgoing_loss_fraction", "jitsi_jvb_outgoing_loss"],
        Fold::Max,
        100.0,
    ),
    row("rtt_ms", &["jitsi_jvb_average_rtt", "jitsi_jvb_rtt_aggregate"], Fold::Max, 1.0),
    row(
        "ice_failed_per_s",
        &["jitsi_jvb_ice_failed_total", "jitsi_jvb_total_ice_failed"],
        Fold::PerSecond,
        1.0,
    ),
];

const LIVEKIT: &[Row] = &[
    row("rooms", &["livekit_room_total"], Fold::Sum, 1.0),
    row("participants", &["livekit_participant_total"], Fold::Sum, 1.0),
    row("tracks_published", &["livekit_track_published_total"], Fold::Sum, 1.0),
    row("tracks_subscribed", &["livekit_track_subscribed_total"], Fold::Sum, 1.0),
    row("packets_per_s", &["livekit_packet_total"], Fold::PerSecond, 1.0),
    row("kbps", &["livekit_packet_bytes"], Fold::PerSecond, 0.008),
    row("nacks_per_s", &["livekit_nack_total"], Fold::PerSecond, 1.0),
    row("key_frame_requests_per_s", &["livekit_pli_total"], Fold::PerSecond, 1.0),
    row("lost_packets_per_s", &["livekit_packet_loss_total"], Fold::PerSecond, 1.0),
];

const MEDIAMTX: &[Row] = &[
    row("paths", &["paths"], Fold::Count, 1.0),
    row("readers", &["paths_readers"], Fold::Sum, 1.0),
    row("inbound_kbps", &["paths_inbound_bytes", "paths_bytes_received"], Fold::PerSecond, 0.008),
    row("outbound_kbps", &["paths_outbound_bytes", "paths_bytes_sent"], Fold::PerSecond, 0.008),
    row("damaged_frames_per_s", &["paths_inbound_frames_in_error"], Fold::PerSecond, 1.0),
    row(
        "lost_packets_per_s",
        &["rtsp_sessions_inbound_rtp_packets_lost", "rtsp_sessions_rtp_packets_lost"],
        Fold::PerSecond,
        1.0,
    ),
    row("srt_rtt_ms", &["srt_conns_ms_rtt"], Fold::Max, 1.0),
];

const NODE: &[Row] = &[row("load_1m", &["node_load1"], Fold::Sum, 1.0)];

/// Seconds that each processor was idle.
const IDLE: &str = "node_cpu_seconds_total";

impl Kind {
    /// Every kind, the most telling first: an exporter of a host may stand on the same page.
    pub const ALL: [Self; 4] = [Self::Jitsi, Self::LiveKit, Self::MediaMtx, Self::Node];

    /// The kinds of a page; none when nothing on it is known.
    pub fn of(page: &Page) -> Vec<Self> {
        let any = |begins: &str| page.samples.iter().any(|sample| sample.name.starts_with(begins));
        let has = |kind: &Self| match kind {
            Self::Jitsi => any("jitsi_jvb_"),
            Self::LiveKit => any("livekit_"),
            Self::MediaMtx => any("paths"),
            Self::Node => any("node_"),
        };
        Self::ALL.into_iter().filter(has).collect()
    }

    /// Its readings.
    pub fn rows(self) -> &'static [Row] {
        match self {
            Self::Jitsi => JITSI,
            Self::LiveKit => LIVEKIT,
            Self::MediaMtx => MEDIAMTX,
            Self::Node => NODE,
        }
    }
}

/// The names of every series that is compared over time.
pub fn counters() -> Vec<&'static str> {
    let rows = Kind::ALL.into_iter().flat_map(Kind::rows);
    let named = rows.filter(|row| row.fold == Fold::PerSecond).flat_map(|row| row.series.iter().copied());
    named.chain([IDLE]).collect()
}

/// The first series of these that the page has, as its finite values.
pub fn values(page: &Page, series: &[&str]) -> Vec<f64> {
    let of = |name: &&str| {
        let samples = page.samples.iter().filter(|sample| sample.name == **name && sample.value.is_finite());
        samples.map(|sample| sample.value).collect::<Vec<f64>>()
    };
    series.iter().map(of).find(|values| !values.is_empty()).unwrap_or_default()
}

/// What a page says of its service.
pub fn service(page: &Page) -> Service {
    let is = |series: &[&str], wanted: f64| values(page, series).first() == Some(&wanted);
    let sum = |name: &str| values(page, &[name]).iter().sum::<f64>();
    let signalling_lost = sum("jitsi_jvb_muc_clients_connected") < sum("jitsi_jvb_muc_clients_configured");
    match () {
        () if is(&["jitsi_jvb_healthy"], 0.0) => Service::Failed,
        () if is(&["jitsi_jvb_drain", "jitsi_jvb_drain_mode"], 1.0)
            || is(&["jitsi_jvb_shutting_down", "jitsi_jvb_graceful_shutdown"], 1.0) =>
        {
            Service::Draining
        }
        // Media run on without it, and nobody can join.
        () if signalling_lost => Service::Degraded,
        () if is(&["jitsi_jvb_healthy"], 1.0) => Service::Up,
        () => Service::Unknown,
    }
}

/// The load, percent: Jitsi says it itself, a host by its idle time. `None` when it is not on the page, or not yet.
pub fn load_pct(page: &Page, now: &Counters, before: Option<(&Counters, f64)>) -> Option<f64> {
    // Above 1 the bridge is overloaded; it says so and goes on.
    let stress = values(page, &["jitsi_jvb_stress", "jitsi_jvb_stress_level"]).first().copied();
    if let Some(stress) = stress {
        return Some(stress * 100.0).filter(|load| *load >= 0.0);
    }
    let idle = |series: &Series| series.1.get("mode").is_some_and(|mode| mode == "idle");
    let processors = u32::try_from(now.count(&[IDLE], idle)).ok().filter(|count| *count > 0)?;
    let (before, seconds) = before?;
    let idled = now.grown(before, &[IDLE], idle)?;
    Some((100.0 * (1.0 - idled / seconds / f64::from(processors))).clamp(0.0, 100.0))
}

/// File systems that hold nothing.
const NO_DISKS: [&str; 6] = ["tmpfs", "overlay", "squashfs", "ramfs", "devtmpfs", "iso9660"];

/// The fullest disk of a host, percent.
pub fn disk_used_pct(page: &Page) -> Option<f64> {
    let of = |name: &'static str| page.samples.iter().filter(move |sample| sample.name == name);
    let disk = |labels: &std::collections::BTreeMap<String, String>| {
        labels.get("fstype").is_none_or(|kind| !NO_DISKS.contains(&kind.as_str()))
    };
    let sizes = of("node_filesystem_size_bytes").filter(|size| disk(&size.labels) && size.value > 0.0);
    let used = sizes.filter_map(|size| {
        let free = of("node_filesystem_avail_bytes").find(|free| free.labels == size.labels)?.value;
        Some(100.0 * (1.0 - free / size.value)).filter(|pct| (0.0..=100.0).contains(pct))
    });
    used.reduce(f64::max)
}

/// The memory of a host that is in use, percent.
pub fn memory_used_pct(page: &Page) -> Option<f64> {
    let first = |name| values(page, &[name]).first().copied();
    let all = first("node_memory_MemTotal_bytes").filter(|all| *all > 0.0)?;
    let free = first("node_memory_MemAvailable_bytes")?;
    Some(100.0 * (1.0 - free / all)).filter(|pct| (0.0..=100.0).contains(pct))
}
