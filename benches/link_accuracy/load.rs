//! A machine with nothing to do, and one with too much.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Tells a copy of this bench to keep a core busy.
const BUSY_CHILD: &str = "--busy-child";
/// How long a spinning task keeps its worker before it yields.
const SPIN: Duration = Duration::from_millis(5);

/// How busy the machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// As found.
    Quiet,
    /// Four spinning tasks in the runtime and two busy processes.
    Saturated,
}

impl Load {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Saturated => "saturated",
        }
    }
}

/// The load; it ends when dropped.
pub(crate) struct Spinners {
    stop: Arc<AtomicBool>,
    children: Vec<Child>,
}

impl Spinners {
    pub(crate) fn start(runtime: &tokio::runtime::Runtime, load: Load) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut children = Vec::new();
        if load == Load::Saturated {
            (0..4).for_each(|_| drop(runtime.spawn(spin(Arc::clone(&stop)))));
            for _ in 0..2 {
                let program = std::env::current_exe()?;
                children.push(Command::new(program).arg(BUSY_CHILD).stdin(Stdio::piped()).spawn()?);
            }
        }
        Ok(Self { stop, children })
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for child in &mut self.children {
            // One that has ended by itself is as good.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn spin(stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        while began.elapsed() < SPIN {
            std::hint::spin_loop();
        }
        tokio::task::yield_now().await;
    }
}

/// Whether this process is one of the busy ones.
pub(crate) fn is_busy_child() -> bool {
    std::env::args().any(|arg| arg == BUSY_CHILD)
}

/// Keeps a core busy until the parent is gone.
pub(crate) fn spin_for_ever() -> ! {
    std::thread::spawn(|| {
        // The parent holds the other end and writes nothing: reading ends when it ends.
        let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
        std::process::exit(0);
    });
    loop {
        std::hint::spin_loop();
    }
}

/// Whether this process may use real-time priorities.
pub(crate) fn realtime_granted() -> bool {
    std::thread::spawn(|| vcops::udp::socket::make_punctual(Some(1))).join().unwrap_or(false)
}
