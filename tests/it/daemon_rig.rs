//! A real `vcops serve` process and a plain client of its local socket, for tests that kill one and ask the other.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take to answer after its start, on a busy machine.
const UP_WITHIN: Duration = Duration::from_secs(60);
/// How long one request may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

/// A directory with settings in which a daemon can be started again and again.
pub(crate) struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    /// Fresh, with a checkpoint after every row, so that every place of the journal is passed often.
    pub(crate) fn new() -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        let text = format!(
            "data_dir = {:?}\n[web]\nlisten = \"127.0.0.1:0\"\n[socket]\npath = {:?}\n\
             [broker.embedded]\nlisten = \"127.0.0.1:0\"\n[enrolment]\nlisten = \"127.0.0.1:0\"\n\
             [journal]\ncheckpoint_rows = 1\nanchors = {:?}\n[log]\nlevel = \"error\"\n",
            site.data(),
            site.socket(),
            site.anchors(),
        );
        std::fs::create_dir_all(site.anchors()).unwrap();
        std::fs::write(site.config(), text).unwrap();
        site
    }

    /// Adds to the settings.
    pub(crate) fn set(&self, more: &str) {
        let mut text = std::fs::read_to_string(self.config()).unwrap();
        text.push_str(more);
        std::fs::write(self.config(), text).unwrap();
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("vcops.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn anchors(&self) -> PathBuf {
        self.dir.path().join("anchors")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("vcops.sock")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> std::process::Output {
        program().args(arguments).env("VCOPS_SOCKET", self.socket()).output().unwrap()
    }

    /// Starts a daemon with more in its environment.
    pub(crate) fn start_with(&self, environment: &[(&str, PathBuf)]) -> Daemon {
        let mut command = self.serve();
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        Daemon { child: command.spawn().unwrap(), socket: self.socket() }
    }

    /// Starts a daemon, killed at `failpoint` when one is named.
    pub(crate) fn start(&self, failpoint: Option<&str>) -> Daemon {
        let mut command = self.serve();
        if let Some(failpoint) = failpoint {
            command.env("VCOPS_FAILPOINT", failpoint);
        }
        Daemon { child: command.spawn().unwrap(), socket: self.socket() }
    }

    fn serve(&self) -> Command {
        let mut command = program();
        command.arg("serve").arg("--config").arg(self.config()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null()).env_remove("VCOPS_FAILPOINT");
        command
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_vcops"))
}

/// A daemon's process. It is killed when dropped.
pub(crate) struct Daemon {
    child: Child,
    socket: PathBuf,
}

impl Daemon {
    /// Waits until it answers; `false` when it ended first.
    pub(crate) fn is_up(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < UP_WITHIN {
            if self.has_ended() {
                return false;
            }
            let up = self.get("/v1/status").is_some_and(|status| status["seq"].as_u64().unwrap_or(0) > 0);
            if up {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the daemon neither answers nor ends");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Asks it to end and waits; whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        let pid = self.child.id().to_string();
        assert!(Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().unwrap().success());
        self.wait().success()
    }

    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < UP_WITHIN, "the daemon does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn get(&self, uri: &str) -> Option<serde_json::Value> {
        exchange(&self.socket, "GET", uri, "")
    }

    pub(crate) fn post(&self, uri: &str, body: &serde_json::Value) -> Option<serde_json::Value> {
        exchange(&self.socket, "POST", uri, &body.to_string())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request and its answer; `None` when there was none, or when it was refused.
fn exchange(socket: &Path, method: &str, uri: &str, body: &str) -> Option<serde_json::Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    let head = format!(
        "{method} {uri} HTTP/1.1\r\nhost: vcops\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| serde_json::from_str(body).ok())?
}
