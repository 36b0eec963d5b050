//! One contract for both databases: every case runs on SQLite and on a PostgreSQL cluster of the tests' own; and what
//! only PostgreSQL can do to us.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::Command;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection};
use vcops::domain::time::Span;
use vcops::store::{Home, Settings, Store};

use crate::store::{self, START, rows};
use crate::store_tables as tables;

type Running = Pin<Box<dyn Future<Output = ()>>>;
type Case = (&'static str, fn(Settings) -> Running);

macro_rules! cases {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        [$((stringify!($name), |place| -> Running { Box::pin($module::$name(place)) })),+]
    };
}

const CASES: [Case; 13] = cases! {
    store::committed_rows_come_back_in_order_and_chained_after_reopening,
    store::a_repeated_message_adds_nothing,
    store::a_batch_that_follows_another_head_commits_nothing,
    store::a_delivery_waits_until_it_is_delivered,
    store::what_cannot_be_stored_is_named,
    store::people_are_kept_apart_and_can_be_erased,
    tables::sessions_end_by_idling_by_age_and_with_their_user,
    tables::a_lock_out_survives_reopening,
    tables::a_one_time_token_works_once_in_time_and_for_its_purpose,
    tables::expired_rows_are_forgotten_and_others_kept,
    tables::samples_of_one_minute_are_one_row,
    segments::a_month_is_closed_exported_and_dropped_whole,
    segments::everything_verifies_and_what_was_changed_is_named,
};

mod segments {
    use super::*;

    /// A later month begins with a state; the old one can then be exported and dropped.
    pub(super) async fn a_month_is_closed_exported_and_dropped_whole(place: Settings) {
        let out = tempfile::tempdir().unwrap();
        let store = Store::open(place).await.unwrap();
        store.commit(rows(3)).await.unwrap();
        let later = START + Span::minutes(60 * 24 * 40);
        assert!(store.roll_due(later).await.unwrap());
        let state = Some(vcops::store::canonical::Body::of(&serde_json::json!({"v": 1})).unwrap());
        let batch = vcops::store::journal::Batch { at: later, state, ..rows(1) };
        store.commit(batch).await.unwrap();
        assert_eq!(store.latest_state().await.unwrap().unwrap().state, br#"{"v":1}"#);
        let exported = store.export_segment(1, out.path(), later).await.unwrap();
        let file = out.path().join("segment-0001-2026-11.jsonl");
        let much_later = later + Span::minutes(60 * 24 * 500);
        assert_eq!(store.drop_segment(1, &file, later).await.unwrap_err().code(), "store.refused");
        assert_eq!(store.drop_segment(1, &file, much_later).await.unwrap(), 4, "{exported:?}");
        assert_eq!(store.read(1, 10).await.unwrap()[0].seq, 5);
        assert_eq!(store.verify(&[]).await.unwrap().problem, None);
    }

    /// On SQLite what is changed is `store_verify`'s to show in full; here that both are walked alike.
    pub(super) async fn everything_verifies_and_what_was_changed_is_named(place: Settings) {
        let home = place.home.clone();
        let store = Store::open(place.clone()).await.unwrap();
        store.commit(rows(20)).await.unwrap();
        store.put_evidence(b"picture".to_vec(), START).await.unwrap();
        store.checkpoint(START).await.unwrap();
        let whole = store.verify(&[]).await.unwrap();
        assert_eq!((whole.problem, whole.rows, whole.evidence), (None, 21, 1));
        let Home::Postgres(url) = &home else { return };
        let mut owner = PgConnection::connect(url).await.unwrap();
        for refused in ["UPDATE journal SET actor = 'x'", "DELETE FROM journal", "TRUNCATE journal"] {
            let error = owner.execute(refused).await.unwrap_err().to_string();
            assert!(error.contains("never"), "{refused}: {error}");
        }
        let gap = "INSERT INTO journal SELECT seq + 9, segment, time_us, actor, kind, subject, version, body, prev, hash
                   FROM journal WHERE seq = 5";
        assert!(owner.execute(gap).await.unwrap_err().to_string().contains("one after the other"));
        // Who owns the tables can turn triggers off; verification still names the row.
        owner.execute("ALTER TABLE journal DISABLE TRIGGER USER").await.unwrap();
        owner.execute("UPDATE journal SET actor = 'somebody' WHERE seq = 7").await.unwrap();
        let found = store.verify(&[]).await.unwrap();
        assert_eq!(found.last_seq, 6, "{found:?}");
        assert!(found.problem.unwrap().to_string().contains('7'));
    }
}

#[tokio::test]
async fn the_contract_holds_on_sqlite() {
    for (name, case) in CASES {
        println!("{name}");
        let dir = tempfile::tempdir().unwrap();
        case(Settings::new(dir.path())).await;
    }
}

#[tokio::test]
async fn the_contract_holds_on_postgres() {
    let cluster = Cluster::start();
    for (at, (name, case)) in CASES.into_iter().enumerate() {
        println!("{name}");
        case(cluster.place(&format!("case_{at}")).await).await;
    }
}

#[tokio::test]
async fn another_writer_waits_a_moment_and_is_refused() {
    let cluster = Cluster::start();
    let place = cluster.place("two").await;
    let other = tempfile::tempdir().unwrap();
    let first = Store::open(place.clone()).await.unwrap();
    let second = Settings { dir: other.path().join("elsewhere"), ..place };
    assert_eq!(Store::open(second.clone()).await.unwrap_err().code(), "store.refused");
    first.close(START).await.unwrap();
    Store::open(second).await.unwrap();
}

#[tokio::test]
async fn a_server_that_ends_a_connection_or_crashes_loses_nothing_that_was_acknowledged() {
    let cluster = Cluster::start();
    let place = cluster.place("crash").await;
    let store = Store::open(place.clone()).await.unwrap();
    let mut acknowledged = store.commit(rows(2)).await.unwrap().head.seq;
    let Home::Postgres(url) = &place.home else { panic!("a place in PostgreSQL") };
    let mut owner = PgConnection::connect(url).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vcops'";
    owner.execute(end).await.unwrap();
    let refused = store.commit(rows(1)).await.unwrap_err();
    assert_eq!(refused.code(), "store.database", "{refused}");
    acknowledged = store.commit(rows(1)).await.map_or(acknowledged, |committed| committed.head.seq);
    for _ in 0..3 {
        cluster.crash();
        let mut tries = 0;
        let committed = loop {
            match store.commit(rows(3)).await {
                Ok(committed) => break committed,
                Err(error) => assert!(tries < 50, "{error}"),
            }
            tries += 1;
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        assert!(committed.head.seq >= acknowledged + 3, "{committed:?} after {acknowledged}");
        acknowledged = committed.head.seq;
    }
    assert_eq!(store.verify(&[]).await.unwrap().problem, None);
    assert_eq!(store.head().await.unwrap().seq, acknowledged);
}

/// A cluster of PostgreSQL in a folder of its own, run by an account without rights; its socket lies in that folder.
struct Cluster {
    dir: tempfile::TempDir,
    programs: PathBuf,
}

impl Cluster {
    fn start() -> Self {
        let programs = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
        let newest = programs.map(|entry| entry.unwrap().path().join("bin")).max();
        let programs = newest.expect("postgresql is missing: scripts/system-packages.sh test installs it");
        let dir = tempfile::tempdir().unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root.
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        let cluster = Self { dir, programs };
        let data = cluster.data();
        cluster
            .run("initdb", &["-D", &data, "-U", "vcops", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]);
        cluster.control("start");
        cluster
    }

    fn data(&self) -> String {
        self.dir.path().join("data").display().to_string()
    }

    /// The server ends as by a power cut of its process, and comes back.
    fn crash(&self) {
        self.control("stop");
        self.control("start");
    }

    fn control(&self, what: &str) {
        let (data, socket) = (self.data(), self.dir.path().display().to_string());
        let log = self.dir.path().join("log").display().to_string();
        let options = format!("-c listen_addresses='' -c unix_socket_directories='{socket}'");
        match what {
            "start" => self.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &options, "start"]),
            _ => self.run("pg_ctl", &["-D", &data, "-w", "-m", "immediate", "stop"]),
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program, arguments).status().unwrap();
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        assert!(status.success(), "{program} {arguments:?}: {log}");
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.programs.join(program);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.args(arguments).current_dir("/").stdin(std::process::Stdio::null());
        // The server keeps what it inherits, so its outputs must not be pipes of ours.
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        command
    }

    fn url(&self, database: &str) -> String {
        let socket = self.dir.path().display().to_string().replace('/', "%2F");
        format!("postgres://vcops@{socket}/{database}")
    }

    /// A database of its own, and a directory for what lies beside it.
    async fn place(&self, database: &str) -> Settings {
        let mut owner = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}"));
        sqlx::raw_sql(create).execute(&mut owner).await.unwrap();
        let home = Home::Postgres(self.url(database).into());
        Settings { home, ..Settings::new(self.beside(database)) }
    }

    fn beside(&self, database: &str) -> PathBuf {
        Path::new(self.dir.path()).join(format!("store-{database}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        let _ = self.command("pg_ctl", &["-D", &data, "-w", "-m", "immediate", "stop"]).status();
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
