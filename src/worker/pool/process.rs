//! Starts and ends child processes. Knows programs and pipes; must not know what is said through them.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc as plain;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use super::PoolSettings;

/// Starts that may wait for their turn.
const STARTS_MAX: usize = 64;
/// A start, that is fork and exec, never takes this long.
const START_LIMIT: Duration = Duration::from_secs(5);
/// A killed process is gone after this long, or the system is in trouble.
const END_LIMIT: Duration = Duration::from_secs(2);
/// Longest line of a child's complaint that is kept.
const COMPLAINT_BYTES_MAX: u64 = 400;
/// Pipes this large hold a key picture whole, which saves a change of process per 64 KiB.
const PIPE_BYTES: usize = 1 << 20;

/// A running child and its pipes.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Its process id.
    pub(super) pid: u32,
    /// What it reads.
    pub(super) input: ChildStdin,
    /// What it says.
    pub(super) output: ChildStdout,
    /// The last line of its complaints.
    complaint: watch::Receiver<String>,
}

/// Starts processes from one thread that lives as long as anyone may ask: a child asks the system to be killed when
/// the *thread* that started it ends, so that thread must not be one of a runtime's that come and go.
#[derive(Debug, Clone)]
pub(super) struct Spawner {
    starts: plain::SyncSender<oneshot::Sender<std::io::Result<Process>>>,
}

impl Spawner {
    /// Must be called inside a runtime.
    pub(super) fn start(settings: &PoolSettings) -> Self {
        let (starts, asked) = plain::sync_channel::<oneshot::Sender<std::io::Result<Process>>>(STARTS_MAX);
        let (recipe, runtime) = (Recipe::of(settings), Handle::current());
        let serve = move || {
            let _inside = runtime.enter();
            while let Ok(answer) = asked.recv() {
                // Whoever asked may have gone; the child then ends with the handle.
                let _ = answer.send(recipe.start());
            }
        };
        std::thread::Builder::new()
            .name("worker-starter".to_owned())
            .spawn(serve)
            .expect("a process that starts can start a thread");
        Self { starts }
    }

    /// A new child.
    pub(super) async fn spawn(&self) -> std::io::Result<Process> {
        let (answer, wait) = oneshot::channel();
        self.starts.try_send(answer).map_err(|_| std::io::Error::other("too many starts at once"))?;
        match tokio::time::timeout(START_LIMIT, wait).await {
            Ok(Ok(process)) => process,
            Ok(Err(_)) | Err(_) => Err(std::io::Error::other("the starter does not answer")),
        }
    }
}

/// How to start a child.
#[derive(Debug)]
struct Recipe {
    program: PathBuf,
    arguments: [String; 5],
    registry: Option<PathBuf>,
}

impl Recipe {
    fn of(settings: &PoolSettings) -> Self {
        let arguments = [
            "worker".to_owned(),
            "--memory-mib".to_owned(),
            settings.memory_mib.to_string(),
            "--nice".to_owned(),
            settings.nice.min(19).to_string(),
        ];
        Self { program: settings.program.clone(), arguments, registry: settings.registry.clone() }
    }

    fn start(&self) -> std::io::Result<Process> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // One heap arena for all threads: fewer pages, and address space that the limit is not spent on.
        command.env("MALLOC_ARENA_MAX", "1").env("GST_REGISTRY_FORK", "no");
        if let Some(registry) = &self.registry {
            command.env("GST_REGISTRY", registry);
        }
        let mut child = command.spawn()?;
        let (Some(input), Some(output), Some(errors), Some(pid)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take(), child.id())
        else {
            return Err(std::io::Error::other("a child without pipes"));
        };
        // A system may allow less; then the pipe is as it was.
        let _ = rustix::pipe::fcntl_setpipe_size(&input, PIPE_BYTES);
        let _ = rustix::pipe::fcntl_setpipe_size(&output, PIPE_BYTES);
        let (complain, complaint) = watch::channel(String::new());
        tokio::spawn(listen(errors, complain, pid));
        Ok(Process { child, pid, input, output, complaint })
    }
}

impl Process {
    /// Ends it, waits until the system has forgotten it, and says how it ended, in words for a log.
    pub(super) async fn end(mut self) -> String {
        let by_itself = self.child.try_wait().ok().flatten();
        let _ = self.child.start_kill();
        let status = match tokio::time::timeout(END_LIMIT, self.child.wait()).await {
            Ok(Ok(status)) => Some(by_itself.unwrap_or(status)),
            Ok(Err(_)) | Err(_) => None,
        };
        let complaint = self.complaint.borrow().clone();
        let how = status.map_or_else(|| "does not end".to_owned(), words);
        if complaint.is_empty() { how } else { format!("{how}; {complaint}") }
    }
}

fn words(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, code) => format!("exit {}", code.unwrap_or(-1)),
    }
}

/// Reads what a child complains of, so that it never waits for us, and keeps the last line.
async fn listen(errors: ChildStderr, complain: watch::Sender<String>, pid: u32) {
    let mut errors = BufReader::new(errors);
    loop {
        let mut line = Vec::new();
        match (&mut errors).take(COMPLAINT_BYTES_MAX).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let line = String::from_utf8_lossy(&line).trim().to_owned();
                tracing::debug!(pid, line, "a worker complains");
                if !line.is_empty() {
                    let _ = complain.send(line);
                }
            }
        }
    }
}
