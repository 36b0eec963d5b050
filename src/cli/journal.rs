//! `vcops journal`: verifies or exports the journal, with or without a running controller.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::{exit, runtime};
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::store::checkpoint::read_anchors;
use crate::store::export::verify_export;
use crate::store::verify::{Verification, verify_home};
use crate::store::{Home, Settings, Store};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// 校验 read everything and name what is not as it was written. Works beside a running controller.
    Verify {
        /// 数据目录 the controller's data directory.
        #[arg(long, default_value = "/var/lib/vcops")]
        data: PathBuf,
        /// 外部检查点副本 checkpoint copies kept elsewhere; without them a rollback of everything goes unnoticed.
        #[arg(long)]
        anchors: Option<PathBuf>,
        #[command(flatten)]
        tables: Tables,
        /// 机器可读 JSON.
        #[arg(long)]
        json: bool,
    },
    /// 导出 write rows to a file, signed. The controller must be stopped.
    Export {
        /// 数据目录 the controller's data directory.
        #[arg(long, default_value = "/var/lib/vcops")]
        data: PathBuf,
        /// 从第几条 from this row.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// 到第几条 to this row.
        #[arg(long, default_value_t = u64::MAX >> 1)]
        to: u64,
        #[command(flatten)]
        tables: Tables,
        /// 文件 where to.
        file: PathBuf,
    },
    /// 校验导出文件 verify an export against the public keys.
    VerifyExport {
        /// 公钥文件 public keys, one hex key a line.
        #[arg(long)]
        keys: PathBuf,
        /// 文件 the export.
        file: PathBuf,
    },
}

/// Where the journal's tables are, when they are not in the data directory.
#[derive(Debug, clap::Args)]
struct Tables {
    /// 数据库 URL of PostgreSQL, where the settings name one; better in the environment than on the command line.
    #[arg(long, env = "VCOPS_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

impl Tables {
    fn home(self) -> Home {
        self.database.map_or(Home::File, |url| Home::Postgres(url.into()))
    }
}

pub(super) fn run(arguments: Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    match arguments.what {
        What::Verify { data, anchors, tables, json } => verify((&data, &tables.home()), anchors, json, lang),
        What::Export { data, from, to, tables, file } => {
            let exported = runtime::block_on(async {
                let settings = Settings { home: tables.home(), ..Settings::new(data.join("store")) };
                let store = Store::open(settings).await?;
                Ok(store.export(from..=to, &file, now()).await?)
            })?;
            println!("{}", serde_json::to_string(&exported)?);
            Ok(ExitCode::SUCCESS)
        }
        What::VerifyExport { keys, file } => {
            let seal = verify_export(&file, &keys)?;
            println!("{}", lang.pick("完整性已校验", "verified"));
            println!("{}", serde_json::to_string(&seal)?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify(
    (data, home): (&std::path::Path, &Home),
    anchors: Option<PathBuf>,
    json: bool,
    lang: Lang,
) -> anyhow::Result<ExitCode> {
    let anchors = anchors.map(|path| read_anchors(&path)).transpose()?.unwrap_or_default();
    let found = runtime::block_on(async { Ok(verify_home(&data.join("store"), home, &anchors).await?) })?;
    if json {
        println!("{}", serde_json::to_string(&found)?);
    } else {
        print(&found, lang);
    }
    Ok(if found.problem.is_none() { ExitCode::SUCCESS } else { exit::bad_input() })
}

fn print(found: &Verification, lang: Lang) {
    match &found.problem {
        None => println!("{}", lang.pick("记录完整性已校验", "the journal is as it was written")),
        Some(problem) => {
            println!("{}: {problem}", lang.pick("记录已被改动或损坏", "the journal was changed or damaged"))
        }
    }
    println!("{}", serde_json::to_string(found).unwrap_or_default());
}

fn now() -> Utc {
    Utc::from_timestamp(jiff::Timestamp::now())
}
