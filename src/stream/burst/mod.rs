//! Who may decode how much: one budget of processor time and one fair queue for all streams of a process. Knows what
//! decoding costs, not what pictures mean.

/// All decoding of a process.
#[derive(Debug)]
pub struct AnalysisBench {
    _settings: BenchSettings,
}

/// How much may be decoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BenchSettings {
    /// Processor seconds per second for bursts and continuous decoding, over all streams.
    pub cores: f64,
}

impl Default for BenchSettings {
    fn default() -> Self {
        Self { cores: 1.0 }
    }
}

impl AnalysisBench {
    /// Starts its tasks. Must be called inside a tokio runtime.
    pub fn start(settings: BenchSettings) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self { _settings: settings })
    }
}
