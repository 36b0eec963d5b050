//! `vcops backup` and `vcops restore`: journal, people, accounts and evidence, and the keys by which agents know this
//! controller.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::daemon::{Client, DaemonError};
use super::{Daemon, exit, runtime};
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::store::backup::restore as restore_store;
use crate::store::{Settings, Store};

/// Beside the journal: the line's key and the certificate that enrolment tokens pin. The line's count of starts is
/// left out on purpose: without it a restored controller counts on from the clock, above all that agents have seen.
const KEYS: [&str; 3] = ["line/key", "enrolment/web.crt", "enrolment/web.key"];

#[derive(Debug, clap::Args)]
pub(super) struct BackupArguments {
    #[command(flatten)]
    daemon: Daemon,
    /// 数据目录 the controller's data directory.
    #[arg(long, default_value = "/var/lib/vcops")]
    data: PathBuf,
    /// 目标目录 where to; must be empty or missing.
    dest: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArguments {
    /// 备份目录 the backup.
    source: PathBuf,
    /// 数据目录 the data directory to restore into; must be empty or missing.
    #[arg(long, default_value = "/var/lib/vcops")]
    data: PathBuf,
}

pub(super) fn backup(arguments: &BackupArguments, lang: Lang) -> anyhow::Result<ExitCode> {
    fs::create_dir_all(&arguments.dest).with_context(|| arguments.dest.display().to_string())?;
    let dest = fs::canonicalize(&arguments.dest)?;
    let empty = fs::read_dir(&dest)?.next().is_none();
    anyhow::ensure!(empty, "{}: {}", dest.display(), lang.pick("目录不为空", "not empty"));
    fs::set_permissions(&dest, fs::Permissions::from_mode(0o700))?;
    give_to_owner(&arguments.data, &dest)?;
    let manifest = runtime::block_on(copy_store(arguments, &dest.join("store"), lang))?;
    copy_keys(&arguments.data, &dest)?;
    println!("{}: {}", lang.pick("已备份到", "backed up to"), dest.display());
    println!("{manifest}");
    Ok(ExitCode::SUCCESS)
}

/// A running controller writes the copy under its own account, which owns the data directory.
fn give_to_owner(data: &Path, dest: &Path) -> anyhow::Result<()> {
    let (Ok(data), here) = (fs::metadata(data), fs::metadata(dest)?) else { return Ok(()) };
    if data.uid() != here.uid() {
        std::os::unix::fs::chown(dest, Some(data.uid()), Some(data.gid()))
            .with_context(|| format!("giving {} to the controller's account", dest.display()))?;
    }
    Ok(())
}

/// A running controller copies its own store; a stopped one's is copied from here.
async fn copy_store(
    arguments: &BackupArguments,
    dest: &Path,
    lang: Lang,
) -> anyhow::Result<serde_json::Value> {
    let client = Client::new(&arguments.daemon.socket, lang);
    match client.post("/v1/backup", &dest).await {
        Ok(manifest) => return Ok(manifest),
        Err(DaemonError::Unreachable { .. }) => {}
        Err(error @ (DaemonError::Refused { .. } | DaemonError::Protocol(_))) => return Err(error.into()),
    }
    let store = Store::open(Settings::new(arguments.data.join("store"))).await?;
    let at = Utc::from_timestamp(jiff::Timestamp::now());
    let manifest = store.backup(dest, at).await?;
    store.close(at).await?;
    Ok(serde_json::to_value(manifest)?)
}

pub(super) fn restore(arguments: &RestoreArguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let empty = !arguments.data.exists() || fs::read_dir(&arguments.data)?.next().is_none();
    anyhow::ensure!(empty, "{}: {}", arguments.data.display(), lang.pick("目录不为空", "not empty"));
    fs::create_dir_all(&arguments.data)?;
    let (source, dest) = (arguments.source.join("store"), arguments.data.join("store"));
    let restored = runtime::block_on(async { Ok(restore_store(&source, &dest).await?) })?;
    copy_keys(&arguments.source, &arguments.data)?;
    println!("{}: {}", lang.pick("已恢复到", "restored into"), arguments.data.display());
    println!("{}", serde_json::to_string(&restored)?);
    let sound = restored.verification.problem.is_none();
    Ok(if sound { ExitCode::SUCCESS } else { exit::bad_input() })
}

/// Copies what is there, readable by its owner alone, and syncs it.
fn copy_keys(from: &Path, to: &Path) -> anyhow::Result<()> {
    for name in KEYS {
        let (from, to) = (from.join(name), to.join(name));
        if !from.exists() {
            continue;
        }
        let content = fs::read(&from).with_context(|| from.display().to_string())?;
        let dir = to.parent().context("a key lies in a directory")?;
        fs::create_dir_all(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to)?;
        std::io::Write::write_all(&mut file, &content)?;
        file.sync_all()?;
    }
    Ok(())
}
