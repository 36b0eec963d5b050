//! What a relay does to the packets of one direction.

use serde::{Deserialize, Serialize};

/// Everything at once; each part is off by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Impairment {
    /// Delay of every packet, milliseconds.
    pub delay_ms: f64,
    /// Chance added to the delay; it never becomes negative.
    pub jitter: Jitter,
    /// Whether a packet waits for those before it; otherwise jitter reorders.
    pub keep_order: bool,
    /// Which packets are lost.
    pub loss: Loss,
    /// Share of packets sent twice, percent.
    pub duplicate_pct: f64,
    /// Share of packets held back so that later ones overtake them, percent.
    pub reorder_pct: f64,
    /// How long those are held back, milliseconds.
    pub reorder_by_ms: f64,
    /// A bottleneck.
    pub rate: Option<Rate>,
    /// Nothing gets through.
    pub blackout: bool,
    /// The DSCP that packets leave with, when the line re-marks them.
    pub remark_dscp: Option<u8>,
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            delay_ms: 0.0,
            jitter: Jitter::None,
            keep_order: true,
            loss: Loss::None,
            duplicate_pct: 0.0,
            reorder_pct: 0.0,
            reorder_by_ms: 30.0,
            rate: None,
            blackout: false,
            remark_dscp: None,
        }
    }
}

/// Chance in the delay.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Jitter {
    /// None.
    #[default]
    None,
    /// Evenly between minus and plus so many milliseconds.
    Uniform {
        /// Half the width.
        ms: f64,
    },
    /// Normally distributed round the delay.
    Normal {
        /// Standard deviation.
        sd_ms: f64,
    },
}

/// Which packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each by itself.
    Random {
        /// Percent.
        pct: f64,
    },
    /// In bursts: a two-state chain (Gilbert 1960) that loses everything in its bad state.
    Gilbert {
        /// Chance of turning bad at a packet, percent.
        enter_pct: f64,
        /// Chance of turning good at a packet, percent; the mean burst is 100 / this.
        leave_pct: f64,
    },
}

/// A bottleneck with a queue before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Kilobits per second of UDP payload and 28 bytes of headers.
    pub kbit_s: f64,
    /// Longest wait in the queue, milliseconds; a packet that would wait longer is dropped.
    pub queue_ms: f64,
}
