//! Real agents for the SNMP adapter: net-snmp's `snmpd` and `snmptrap`, and `snmpsimd`, which plays recordings.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use vcops::mcu::Bridge as _;
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::Fault;
use vcops::mcu::snmp::Snmp;
use vcops::mcu::snmp::mapping::SnmpMapping;
use vcops::mcu::snmp::traps::TrapHub;
use vcops::mcu::trust::Login;

use crate::stream_rig::free_port;

/// Longest wait for a process to answer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const COMMUNITY: &str = "watch-2c";
pub(crate) const SIGN: &str = "sign-secret";
pub(crate) const HIDE: &str = "hide-secret";

/// A process with the folder it works in; both end with it.
pub(crate) struct Agent {
    pub(crate) at: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Agent {
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// One that plays recordings starts again at the same address.
    pub(super) async fn comes_back(&mut self) {
        self.child = start(player(self.folder.path(), self.at));
        answers(&adapter(self.at, &login("", "ups"))).await;
    }
}

pub(crate) fn login(user: &str, secret: &str) -> Login {
    Login { user: user.into(), secret: secret.to_owned().into() }
}

pub(crate) fn adapter(at: SocketAddr, login: &Login) -> Snmp {
    Snmp::new(&at.to_string(), login, Arc::new(Budget::new(60_000)), SnmpMapping::default(), None).unwrap()
}

pub(crate) fn listening(at: SocketAddr, login: &Login, traps: &Arc<TrapHub>) -> Snmp {
    let traps = Some(Arc::clone(traps));
    Snmp::new(&at.to_string(), login, Arc::new(Budget::new(60_000)), SnmpMapping::default(), traps).unwrap()
}

/// net-snmp's agent: a community, a user who signs and encrypts, and one who only signs.
pub(crate) async fn snmpd() -> Agent {
    let folder = TempDir::new().unwrap();
    let at = free_port();
    let settings = format!(
        "rocommunity {COMMUNITY} 127.0.0.1\n\
         createUser watch SHA-256 \"{SIGN}\" AES \"{HIDE}\"\n\
         createUser plain SHA-512 \"{SIGN}\"\n\
         rouser watch priv\n\
         rouser plain auth\n\
         sysLocation 机房\n"
    );
    let path = folder.path().join("snmpd.conf");
    std::fs::write(&path, settings).unwrap();
    let mut command = Command::new("/usr/sbin/snmpd");
    command.args(["-f", "-Lf", "/dev/null", "-C", "-c"]).arg(&path).arg("-I").arg("-smux,mteTrigger");
    command.arg(format!("udp:{at}")).env("SNMP_PERSISTENT_DIR", folder.path().join("state"));
    let agent = Agent { at, child: start(command), folder };
    answers(&adapter(at, &login("", COMMUNITY))).await;
    agent
}

/// Plays the recorded devices: each is asked by the community of its name.
pub(crate) async fn snmpsim() -> Agent {
    let folder = TempDir::new().unwrap();
    let at = free_port();
    let (data, cache) = (folder.path().join("data"), folder.path().join("cache"));
    for each in [folder.path(), &data, &cache] {
        std::fs::create_dir_all(each).unwrap();
        // As root it becomes nobody, who must read and write here.
        std::fs::set_permissions(each, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let recorded = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcu/snmp");
    for name in ["ups", "room", "rmx"] {
        copy(&recorded, &data, &format!("{name}.snmprec"));
    }
    let agent = Agent { at, child: start(player(folder.path(), at)), folder };
    answers(&adapter(at, &login("", "ups"))).await;
    agent
}

fn player(folder: &Path, at: SocketAddr) -> Command {
    let (data, cache) = (folder.join("data"), folder.join("cache"));
    let mut command = Command::new("snmpsimd");
    command.arg(format!("--data-dir={}", data.display())).arg(format!("--cache-dir={}", cache.display()));
    command.arg(format!("--agent-udpv4-endpoint={at}")).arg("--logging-method=null");
    if rustix::process::geteuid().is_root() {
        command.args(["--process-user=nobody", "--process-group=nogroup"]);
    }
    command
}

fn copy(from: &Path, to: &Path, name: &str) {
    std::fs::copy(from.join(name), to.join(name)).unwrap();
    std::fs::set_permissions(to.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().expect("scripts/system-packages.sh test installs it")
}

async fn answers(adapter: &Snmp) {
    let asked = async {
        while let Err(fault) = adapter.health().await {
            assert!(matches!(fault, Fault::Timeout { .. } | Fault::Unreachable(_)), "{fault}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("the agent answers");
}

/// Sends a trap or an inform as net-snmp does; whether it ended well.
pub(crate) async fn snmptrap(to: SocketAddr, account: &[&str], says: &[&str]) -> bool {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new("snmptrap");
    command.args(account).args(["-r", "2", "-t", "2"]).arg(to.to_string()).args(says);
    command.env("SNMP_PERSISTENT_DIR", folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().await.expect("scripts/system-packages.sh test installs it").success()
}
