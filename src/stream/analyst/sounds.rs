//! One stream's sound: gathers frames, has them decoded or decodes them itself, and lets the ear judge. Must not know
//! how they were received.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::hand::Hand;
use crate::domain::stream::AudioCodec;
use crate::stream::burst::AnalysisBench;
use crate::stream::ear::g722;
use crate::stream::ear::meter::Meter;
use crate::stream::ear::{Ear, Tenth};
use crate::stream::unit::{SoundFormat, Unit};
use crate::wire::g711::{ALAW, MULAW};
use crate::worker::kind::AudioKind;
use crate::worker::session::{AudioSession, WorkerError};
use crate::worker::sound::{Levels, Loudness, SoundFrame};

/// Sound that is decoded at once, microseconds: few requests, and silence needs two seconds anyway.
const BATCH_US: i64 = 500_000;
/// The same while somebody watches the meters.
const BATCH_WATCHED_US: i64 = 100_000;
/// Frames that may wait for the one before: two seconds of 10 ms frames.
const WAITING_MAX: usize = 200;
/// How long a request may wait at the worker.
const PATIENCE: Duration = Duration::from_secs(2);

/// What came of a request.
pub(super) type Heard = Result<Levels, WorkerError>;

/// Listens to one stream.
#[derive(Debug)]
pub(super) struct Sounds {
    bench: Arc<AnalysisBench>,
    track: Option<(SoundFormat, Decoder)>,
    ear: Ear,
    fresh: Vec<Tenth>,
    unavailable: bool,
    watched: bool,
}

/// Who decodes.
#[derive(Debug)]
enum Decoder {
    /// A worker.
    Worker { hand: Hand<AudioSession, Heard>, waiting: Vec<SoundFrame> },
    /// G.711 here.
    Law { law: &'static [i16; 256], meter: Meter, channels: usize },
    /// G.722 here.
    G722 { decoder: Box<g722::Decoder>, meter: Meter },
}

impl Sounds {
    pub(super) fn new(bench: Arc<AnalysisBench>) -> Self {
        Self {
            bench,
            track: None,
            ear: Ear::default(),
            fresh: Vec::new(),
            unavailable: false,
            watched: false,
        }
    }

    /// Whether somebody watches the meters.
    pub(super) fn watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    /// Takes the next frame.
    pub(super) fn unit(&mut self, format: &SoundFormat, unit: &Unit) {
        if self.track.as_ref().is_none_or(|(known, _)| known != format) {
            self.ear.restart();
            self.track = Some((format.clone(), self.decoder(format)));
        }
        let Some((_, decoder)) = &mut self.track else { return };
        let tenths = decoder.take(unit);
        self.hear(tenths);
        self.ask();
    }

    /// Units are missing: nothing before counts.
    pub(super) fn interrupted(&mut self) {
        self.track = None;
        self.ear.restart();
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        match &mut self.track {
            Some((_, Decoder::Worker { hand, .. })) => hand.poll(context),
            Some((_, Decoder::Law { .. } | Decoder::G722 { .. })) | None => Poll::Pending,
        }
    }

    /// Takes what came of a request.
    pub(super) fn answer(&mut self, heard: Heard) {
        match heard {
            Ok(levels) => {
                self.unavailable = false;
                self.hear(levels.levels.iter().map(tenth).collect());
            }
            Err(WorkerError::Gone | WorkerError::Crashed | WorkerError::Stopped) => self.unavailable = true,
            // Frames that were not decoded are a gap in what is heard, and gaps begin anew.
            Err(WorkerError::Busy | WorkerError::Late | WorkerError::Refused(_) | WorkerError::TooLarge) => {}
        }
        self.ask();
    }

    /// The ear.
    pub(super) fn ear(&self) -> &Ear {
        &self.ear
    }

    /// Tenths that were heard since the last call.
    pub(super) fn take_fresh(&mut self) -> Vec<Tenth> {
        std::mem::take(&mut self.fresh)
    }

    /// Whether the worker that decodes it is being restarted.
    pub(super) fn is_unavailable(&self) -> bool {
        self.unavailable
    }

    fn decoder(&self, format: &SoundFormat) -> Decoder {
        let law = |law| Decoder::Law {
            law,
            meter: Meter::new(format.rate_hz),
            channels: usize::from(format.channels.max(1)),
        };
        match format.codec {
            AudioCodec::Pcma => law(&ALAW),
            AudioCodec::Pcmu => law(&MULAW),
            AudioCodec::G722 => Decoder::G722 { decoder: Box::default(), meter: Meter::new(16_000) },
            AudioCodec::Aac | AudioCodec::Opus => {
                let kind = AudioKind {
                    codec: format.codec,
                    rate_hz: format.rate_hz,
                    channels: format.channels,
                    config: format.config.to_vec(),
                };
                Decoder::Worker { hand: Hand::Free(self.bench.pool().audio(kind)), waiting: Vec::new() }
            }
        }
    }

    fn hear(&mut self, tenths: Vec<Tenth>) {
        for tenth in tenths {
            self.ear.push(tenth);
            self.fresh.push(tenth);
        }
    }

    /// Gives the worker what has gathered, once that is enough.
    fn ask(&mut self) {
        let Some((_, Decoder::Worker { hand, waiting })) = &mut self.track else { return };
        let (Some(first), Some(last)) = (waiting.first(), waiting.last()) else { return };
        let batch_us = if self.watched { BATCH_WATCHED_US } else { BATCH_US };
        if !hand.is_free() || last.pts_us - first.pts_us < batch_us {
            return;
        }
        let frames = std::mem::take(waiting);
        hand.give(|mut session: AudioSession| async move {
            let heard = session.levels(frames, PATIENCE).await;
            (session, heard)
        });
    }
}

impl Decoder {
    fn take(&mut self, unit: &Unit) -> Vec<Tenth> {
        match self {
            Self::Worker { waiting, .. } => {
                if waiting.len() >= WAITING_MAX {
                    waiting.clear();
                }
                waiting.push(SoundFrame { pts_us: unit.pts_us, data: unit.data.clone() });
                Vec::new()
            }
            // The first channel is enough for a level.
            Self::Law { law, meter, channels } => meter
                .push(unit.pts_us, unit.data.iter().step_by(*channels).map(|&byte| law[usize::from(byte)])),
            Self::G722 { decoder, meter } => {
                meter.push(unit.pts_us, unit.data.iter().flat_map(|&byte| decoder.push(byte)))
            }
        }
    }
}

fn tenth(loudness: &Loudness) -> Tenth {
    Tenth {
        until_us: loudness.pts_us,
        rms_dbfs: loudness.rms_dbfs,
        peak_dbfs: loudness.peak_dbfs,
        clipped: loudness.clipped_runs > 0,
        speech_band: Some(loudness.speech_band),
    }
}
