//! A watched stream as pieces of a movie, while it comes: units from a monitor's tap, foreign sound made AAC by a
//! worker, both put together. Ends with the tap; a worker that dies costs a moment of sound.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::task::AbortHandle;

use super::{Muxer, Tracks};
use crate::domain::live::MediaPiece;
use crate::domain::stream::AudioCodec;
use crate::stream::unit::{SoundFormat, Track, Unit};
use crate::worker::kind::AudioKind;
use crate::worker::pool::Pool;
use crate::worker::session::TranscodeSession;
use crate::worker::sound::SoundFrame;

/// Frames of foreign sound that may wait for the worker; what finds no room is lost.
const FRAMES_MAX: usize = 128;
/// Most frames handed to a worker at once.
const BATCH_MAX: usize = 16;
/// How long a worker may wait before it begins.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long sound pauses after a worker failed.
const PAUSE: Duration = Duration::from_millis(500);

/// Makes pieces of one stream.
#[derive(Debug)]
pub struct Feed {
    units: broadcast::Receiver<Arc<Unit>>,
    muxer: Muxer,
    pool: Option<Pool>,
    foreign: Option<Foreign>,
    made: mpsc::Receiver<Unit>,
    make: mpsc::Sender<Unit>,
}

/// Sound that must be made AAC.
#[derive(Debug)]
struct Foreign {
    format: SoundFormat,
    frames: mpsc::Sender<SoundFrame>,
    task: AbortHandle,
}

impl Feed {
    /// Takes the units of a tap. Without a pool, sound that is not AAC is left out.
    pub fn new(units: broadcast::Receiver<Arc<Unit>>, pool: Option<Pool>, tracks: Tracks) -> Self {
        let (make, made) = mpsc::channel(FRAMES_MAX);
        Self { units, muxer: Muxer::new(tracks), pool, foreign: None, made, make }
    }

    /// The next pieces, perhaps none; `None` when the stream is not watched any longer. Cancel-safe.
    pub async fn next(&mut self) -> Option<Vec<MediaPiece>> {
        let unit = tokio::select! {
            unit = self.units.recv() => match unit {
                Ok(unit) => unit,
                // What was lost shows as a gap in the movie.
                Err(RecvError::Lagged(_)) => return Some(Vec::new()),
                Err(RecvError::Closed) => return None,
            },
            Some(unit) = self.made.recv() => return Some(self.muxer.push(&unit)),
        };
        match &unit.track {
            Track::Audio(format) if format.codec != AudioCodec::Aac => {
                self.translate(format, &unit);
                Some(Vec::new())
            }
            Track::Audio(_) | Track::Video(_) => Some(self.muxer.push(&unit)),
        }
    }

    fn translate(&mut self, format: &SoundFormat, unit: &Unit) {
        let Some(pool) = &self.pool else { return };
        let frame = SoundFrame { pts_us: unit.pts_us, data: unit.data.clone() };
        if self.foreign.as_ref().is_none_or(|foreign| foreign.format != *format) {
            self.foreign = Some(Foreign::start(pool, format.clone(), self.make.clone()));
        }
        // A worker that is busy loses sound, not pictures.
        let _ = self.foreign.as_ref().map(|foreign| foreign.frames.try_send(frame));
    }
}

impl Foreign {
    fn start(pool: &Pool, format: SoundFormat, make: mpsc::Sender<Unit>) -> Self {
        let kind = AudioKind {
            codec: format.codec,
            rate_hz: format.rate_hz,
            channels: format.channels.max(1),
            config: format.config.to_vec(),
        };
        let (frames, waiting) = mpsc::channel(FRAMES_MAX);
        let task =
            tokio::spawn(translate(pool.transcode(kind), format.clone(), waiting, make)).abort_handle();
        Self { format, frames, task }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn translate(
    mut session: TranscodeSession,
    format: SoundFormat,
    mut waiting: mpsc::Receiver<SoundFrame>,
    make: mpsc::Sender<Unit>,
) {
    let mut frames = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut frames, BATCH_MAX).await > 0 {
        let coded = match session.transcode(std::mem::take(&mut frames), PATIENCE).await {
            Ok(coded) => coded,
            Err(error) => {
                tracing::debug!(%error, "sound for viewers is interrupted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let track =
            Track::Audio(SoundFormat { codec: AudioCodec::Aac, config: coded.config, ..format.clone() });
        for unit in coded.units {
            let at = crate::domain::time::Mono(u64::try_from(unit.pts_us).unwrap_or(0));
            let unit = Unit {
                track: track.clone(),
                at,
                pts_us: unit.pts_us,
                data: unit.data,
                facts: None,
                damaged: false,
            };
            if make.try_send(unit).is_err() {
                break;
            }
        }
    }
}
