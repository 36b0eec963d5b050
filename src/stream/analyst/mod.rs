//! Looks at one stream's pictures and listens to its sound: decides what is decoded when, and says what it saw.
//!
//! Never waits: decoding happens elsewhere, under one budget for all streams, and answers come back through
//! [`Analyst::ready`]. Must not know how the stream is received.

use std::sync::Arc;

use crate::domain::live::Level;
use crate::domain::time::{Mono, Now};
use crate::observation::{Analysis, Detection, StreamOrder};

use super::burst::AnalysisBench;
use super::set::Outlets;
use super::unit::Unit;

/// What somebody who looks wants to have beside the verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    /// A picture every two seconds.
    pub thumbnails: bool,
    /// A picture each second: somebody looks closely.
    pub closely: bool,
    /// Levels ten times a second.
    pub meters: bool,
}

/// What headers say of a picture that the analyst needs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Head {
    /// Decoding can begin here and every later picture is whole: an IDR, or H.265's other entry points.
    pub entry: bool,
    /// Pictures that can be held back for reordering.
    pub reorder: u8,
}

/// What the analyst says now.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What looks or sounds wrong, in the order of [`crate::observation::Seen`].
    pub detections: Vec<Detection>,
    /// How deeply it looks.
    pub analysis: Analysis,
    /// The last second of sound; `None` while it is not decoded.
    pub level: Option<Level>,
}

/// Looks at one stream.
#[derive(Debug)]
pub struct Analyst {
    _order: StreamOrder,
    _bench: Arc<AnalysisBench>,
    _outlets: Outlets,
}

impl Analyst {
    /// Starts with nothing seen. Pictures of the order's kind only: slides are never frozen.
    pub fn new(order: &StreamOrder, bench: Arc<AnalysisBench>, outlets: Outlets) -> Self {
        Self { _order: order.clone(), _bench: bench, _outlets: outlets }
    }

    /// The next unit, in decoding order. Never waits.
    pub fn unit(&mut self, unit: &Unit, head: Head) {
        let _ = (unit, head);
    }

    /// The coding effort is `drop` powers of two below its usual, and has been suspiciously low since then; `None` when
    /// it is not suspicious (any more).
    pub fn effort(&mut self, drop: f32, low_since: Option<Mono>) {
        let _ = (drop, low_since);
    }

    /// Units are missing from here on: another source, a lost connection, another format.
    pub fn interrupted(&mut self) {}

    /// What somebody wants to see and hear, from now on.
    pub fn want(&mut self, wish: Wish) {
        let _ = wish;
    }

    /// Waits until there is something to take in. Cancel-safe.
    pub async fn ready(&mut self) {
        std::future::pending().await
    }

    /// Takes in what came back, and whether the view is another one now.
    pub fn take_news(&mut self, now: Now) -> bool {
        let _ = now;
        false
    }

    /// What it says now.
    pub fn view(&self, now: Now) -> View {
        let _ = now;
        View { detections: Vec::new(), analysis: Analysis::Headers, level: None }
    }
}
