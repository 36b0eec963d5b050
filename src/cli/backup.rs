//! `vcops backup` and `vcops restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::{exit, runtime};
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::store::backup::restore as restore_store;
use crate::store::{Settings, Store};

#[derive(Debug, clap::Args)]
pub(super) struct BackupArguments {
    /// 数据目录 the controller's data directory; the controller must be stopped.
    #[arg(long, default_value = "/var/lib/vcops")]
    data: PathBuf,
    /// 目标目录 where to; must be empty or missing.
    dest: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArguments {
    /// 备份目录 the backup.
    source: PathBuf,
    /// 数据目录 the data directory to restore into; its store must be empty or missing.
    #[arg(long, default_value = "/var/lib/vcops")]
    data: PathBuf,
}

pub(super) fn backup(arguments: &BackupArguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let manifest = runtime::block_on(async {
        let store = Store::open(Settings::new(arguments.data.join("store"))).await?;
        let at = Utc::from_timestamp(jiff::Timestamp::now());
        let manifest = store.backup(&arguments.dest, at).await?;
        store.close(at).await?;
        Ok(manifest)
    })?;
    println!("{}: {}", lang.pick("已备份到", "backed up to"), arguments.dest.display());
    println!("{}", serde_json::to_string(&manifest)?);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn restore(arguments: &RestoreArguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let dest = arguments.data.join("store");
    let restored = runtime::block_on(async { Ok(restore_store(&arguments.source, &dest).await?) })?;
    println!("{}: {}", lang.pick("已恢复到", "restored into"), dest.display());
    println!("{}", serde_json::to_string(&restored)?);
    let sound = restored.verification.problem.is_none();
    Ok(if sound { ExitCode::SUCCESS } else { exit::bad_input() })
}
