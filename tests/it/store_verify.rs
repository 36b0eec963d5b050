//! Tampering: whatever is done to the files, verification names it.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use vcops::domain::time::Span;
use vcops::store::canonical::Body;
use vcops::store::checkpoint::{Checkpoint, read_anchors};
use vcops::store::export::verify_export;
use vcops::store::journal::Batch;
use vcops::store::verify::problem::{Fault, Place, Problem};
use vcops::store::verify::{Verification, verify_dir};
use vcops::store::{Settings, Store};

use crate::store::{START, open, row, rows};

/// Rows of the finished store: two segments, checkpoints at 8, 15, 23, 30 and the end.
const LAST: u64 = 33;
const SECOND_SEGMENT: u64 = 16;

struct Site {
    home: tempfile::TempDir,
}

impl Site {
    /// A store with two segments, evidence and anchors, closed in order.
    async fn build() -> Self {
        let site = Self { home: tempfile::tempdir().unwrap() };
        let store = Store::open(site.settings()).await.unwrap();
        for batch in 0..4 {
            let state = (batch == 2).then(|| Body::of(&serde_json::json!({"venues": 13})).unwrap());
            let committed = store.commit(Batch { state, ..site.batch(batch) }).await.unwrap();
            assert!(committed.unsealed.is_none(), "{:?}", committed.unsealed);
        }
        store.put_evidence(b"picture".to_vec(), START).await.unwrap();
        store.commit(rows(3)).await.unwrap();
        store.close(START).await.unwrap();
        let whole = site.verify().await;
        assert_eq!((whole.problem, whole.last_seq, whole.segments), (None, LAST, 2));
        assert_eq!(whole.unsealed_rows, 0);
        site
    }

    fn batch(&self, number: u64) -> Batch {
        let rows = (1..=7).map(|n| row("finding.raised", number * 7 + n)).collect();
        Batch { at: START + Span::seconds(number * 3600), rows, ..Batch::default() }
    }

    fn settings(&self) -> Settings {
        Settings { anchors: Some(self.anchor_dir()), checkpoint_rows: 7, ..Settings::new(self.dir()) }
    }

    fn dir(&self) -> PathBuf {
        self.home.path().join("store")
    }

    fn anchor_dir(&self) -> PathBuf {
        self.home.path().join("anchors")
    }

    fn anchors(&self) -> Vec<Checkpoint> {
        read_anchors(&self.anchor_dir()).unwrap()
    }

    async fn verify(&self) -> Verification {
        verify_dir(&self.dir(), &[]).await.unwrap()
    }

    /// Verifies a copy that was changed.
    async fn after(&self, change: impl AsyncFnOnce(&Path)) -> Option<Problem> {
        self.after_with(&[], change).await
    }

    async fn after_with(&self, anchors: &[Checkpoint], change: impl AsyncFnOnce(&Path)) -> Option<Problem> {
        let copy = tempfile::tempdir().unwrap();
        copy_dir(&self.dir(), copy.path());
        change(copy.path()).await;
        verify_dir(copy.path(), anchors).await.unwrap().problem
    }

    async fn after_sql(&self, statements: &[String]) -> Option<Problem> {
        self.after(async |dir| sql(dir, statements).await).await
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

async fn connect(dir: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(dir.join("journal.db")).foreign_keys(false).connect().await.unwrap()
}

/// What an intruder with full access does: no triggers, no checks.
async fn sql(dir: &Path, statements: &[String]) {
    let mut connection = connect(dir).await;
    for trigger in
        ["journal_append_only", "journal_no_update", "journal_no_delete", "segment_dropping_needs_export"]
    {
        sqlx::query(AssertSqlSafe(format!("DROP TRIGGER {trigger}"))).execute(&mut connection).await.unwrap();
    }
    sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&mut connection).await.unwrap();
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}

fn at_row(seq: u64, fault: Fault) -> Problem {
    Problem { place: Place::Row { seq }, fault }
}

#[tokio::test]
async fn rows_can_be_neither_changed_nor_deleted_through_the_database() {
    let site = Site::build().await;
    let mut connection = connect(&site.dir()).await;
    for statement in [
        "UPDATE journal SET actor = 'nobody' WHERE seq = 5",
        "DELETE FROM journal WHERE seq = 5",
        "DELETE FROM journal",
        "INSERT INTO journal SELECT 99, segment, time_us, actor, kind, subject, version, body, prev, hash FROM journal LIMIT 1",
        "INSERT INTO segment_dropping (number) VALUES (1)",
    ] {
        let refused = sqlx::query(statement).execute(&mut connection).await;
        assert!(refused.is_err(), "{statement}");
    }
    connection.close().await.unwrap();
    assert!(site.verify().await.is_whole());
}

#[tokio::test]
async fn a_changed_byte_in_any_column_is_named_with_its_row() {
    let site = Site::build().await;
    let soak = std::env::var("VCOPS_SOAK").is_ok();
    let seqs: Vec<u64> = if soak { (1..=LAST).collect() } else { vec![1, 2, 14, SECOND_SEGMENT, 20, LAST] };
    let mut flips = 0;
    for seq in seqs {
        for column in ["segment", "time_us", "version"] {
            for bit in [0, 1, 7, 40].into_iter().take(if soak { 4 } else { 2 }) {
                let change = format!(
                    "UPDATE journal SET {column} = ({column} | {m}) - ({column} & {m}) WHERE seq = {seq}",
                    m = 1_i64 << bit
                );
                assert_eq!(
                    site.after_sql(&[change]).await,
                    Some(at_row(seq, Fault::Changed)),
                    "{column} of row {seq}"
                );
                flips += 1;
            }
        }
        for column in ["actor", "kind", "subject", "body", "prev", "hash"] {
            for position in positions(&site.dir(), column, seq, soak).await {
                let expected = match column {
                    "prev" => Fault::PrevChanged,
                    "hash" if seq < LAST => Fault::HashChanged,
                    _ => Fault::Changed,
                };
                let change = flip(&site.dir(), column, seq, position).await;
                assert_eq!(
                    site.after_sql(&[change]).await,
                    Some(at_row(seq, expected)),
                    "{column}[{position}] of row {seq}"
                );
                flips += 1;
            }
        }
        let moved = format!("UPDATE journal SET seq = seq + 1000 WHERE seq = {seq}");
        let found = site.after_sql(&[moved]).await.unwrap();
        let gap = matches!(found, Problem { place: Place::Row { seq: at }, fault: Fault::MissingRow { .. } } if at == seq);
        assert!(gap || seq == LAST && matches!(found.place, Place::Row { .. }), "{found}");
    }
    assert!(flips >= 6 * (6 + 6), "{flips}");
}

async fn column(dir: &Path, column: &str, seq: u64) -> Vec<u8> {
    let query = format!("SELECT CAST({column} AS BLOB) FROM journal WHERE seq = {seq}");
    let mut connection = connect(dir).await;
    let bytes = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    bytes
}

async fn positions(dir: &Path, name: &str, seq: u64, all: bool) -> Vec<usize> {
    let length = column(dir, name, seq).await.len();
    if all { (0..length).collect() } else { vec![0, length / 2, length - 1] }
}

async fn flip(dir: &Path, name: &str, seq: u64, position: usize) -> String {
    let mut bytes = column(dir, name, seq).await;
    bytes[position] ^= 1 << (position % 8);
    let kind = if matches!(name, "actor" | "kind" | "subject") { "TEXT" } else { "BLOB" };
    format!("UPDATE journal SET {name} = CAST(x'{}' AS {kind}) WHERE seq = {seq}", hex::encode(bytes))
}

#[tokio::test]
async fn a_dropped_tail_is_named_by_checkpoints_and_when_they_go_too_by_the_anchors() {
    let site = Site::build().await;
    let cut = |from: u64| format!("DELETE FROM journal WHERE seq >= {from}");
    let found = site.after_sql(&[cut(LAST)]).await.unwrap();
    assert_eq!(found.fault, Fault::TailMissing { ends_at: LAST - 1, stated: LAST });

    // The checkpoints are cut as well, and the database's note of them.
    let thorough = async |dir: &Path| {
        sql(dir, &[cut(25), "UPDATE fact SET value = 0".into()]).await;
        let text = fs::read_to_string(dir.join("checkpoints.log")).unwrap();
        let kept: Vec<&str> =
            text.lines().filter(|line| !line.contains(":30,") && !line.contains(":33,")).collect();
        fs::write(dir.join("checkpoints.log"), kept.join("\n") + "\n").unwrap();
    };
    assert_eq!(site.after(thorough).await, None, "inside the store nothing is left that could tell");
    let found = site.after_with(&site.anchors(), thorough).await.unwrap();
    assert_eq!(found.fault, Fault::TailMissing { ends_at: 24, stated: 30 });
    assert!(matches!(found.place, Place::Anchor { .. }));

    // Only the checkpoint file is shortened.
    let shortened = async |dir: &Path| {
        let text = fs::read_to_string(dir.join("checkpoints.log")).unwrap();
        fs::write(dir.join("checkpoints.log"), text.lines().next().unwrap().to_owned() + "\n").unwrap();
    };
    let found = site.after(shortened).await.unwrap();
    assert_eq!(found.fault, Fault::CheckpointsMissing { noted: LAST, newest: 8 });
}

#[tokio::test]
async fn swapped_inserted_and_removed_rows_are_named() {
    let site = Site::build().await;
    let swap = [
        "UPDATE journal SET seq = -1 WHERE seq = 5",
        "UPDATE journal SET seq = 5 WHERE seq = 9",
        "UPDATE journal SET seq = 9 WHERE seq = -1",
    ];
    assert_eq!(
        site.after_sql(&swap.map(String::from)).await,
        Some(at_row(5, Fault::Moved { belongs_at: 9 }))
    );

    let columns = "segment, time_us, actor, kind, subject, version, body, prev, hash";
    let renumber = |from: u64| {
        (from..=LAST)
            .rev()
            .map(|seq| format!("UPDATE journal SET seq = {} WHERE seq = {seq}", seq + 1))
            .collect::<Vec<_>>()
    };
    let mut insert = renumber(10);
    insert.push(format!("INSERT INTO journal SELECT 10, {columns} FROM journal WHERE seq = 9"));
    assert_eq!(site.after_sql(&insert).await, Some(at_row(10, Fault::Changed)));

    let before = format!("INSERT INTO journal SELECT 0, {columns} FROM journal WHERE seq = 9");
    assert_eq!(site.after_sql(&[before]).await, Some(at_row(1, Fault::MissingRow { found: 0 })));
    let after = format!("INSERT INTO journal SELECT {}, {columns} FROM journal WHERE seq = 9", LAST + 1);
    assert_eq!(site.after_sql(&[after]).await, Some(at_row(LAST + 1, Fault::Changed)));
    let removed = "DELETE FROM journal WHERE seq = 12".to_owned();
    assert_eq!(site.after_sql(&[removed]).await, Some(at_row(12, Fault::MissingRow { found: 13 })));
}

/// The intruder knows the code but not the key: builds a false history with a right chain.
#[tokio::test]
async fn a_rewritten_history_with_right_hashes_is_named_by_what_was_signed() {
    let site = Site::build().await;
    let false_copy = tempfile::tempdir().unwrap();
    let forger = open(false_copy.path()).await;
    forger
        .commit(Batch { rows: (1..LAST).map(|n| row("finding.cleared", n)).collect(), ..rows(0) })
        .await
        .unwrap();
    forger.close(START).await.unwrap();

    let replaced = async |dir: &Path| {
        fs::copy(false_copy.path().join("journal.db"), dir.join("journal.db")).map(drop).unwrap();
    };
    let found = site.after(replaced).await.unwrap();
    assert!(
        matches!(found.fault, Fault::UnknownKey { .. }),
        "the state row is signed by another key: {found}"
    );

    // The forger also lists its own key, and drops the checkpoints: the anchors still know.
    let with_key = async |dir: &Path| {
        replaced(dir).await;
        let keys = [site.dir(), false_copy.path().to_owned()]
            .map(|from| fs::read_to_string(from.join("signing.pub")).unwrap());
        fs::write(dir.join("signing.pub"), keys.concat()).unwrap();
        fs::copy(false_copy.path().join("checkpoints.log"), dir.join("checkpoints.log")).map(drop).unwrap();
    };
    assert_eq!(site.after(with_key).await, None);
    let found = site.after_with(&site.anchors(), with_key).await.unwrap();
    let Fault::Rewritten { stated_by, confirmed: 0 } = &found.fault else { panic!("{found}") };
    assert!(matches!(**stated_by, Place::Anchor { .. }) && found.place == Place::Row { seq: 8 }, "{found}");
}

#[tokio::test]
async fn a_file_rolled_back_to_an_older_copy_is_named() {
    let site = Site::build().await;
    let old = tempfile::tempdir().unwrap();
    copy_dir(&site.dir(), old.path());
    let store = Store::open(site.settings()).await.unwrap();
    store.commit(rows(8)).await.unwrap();
    store.close(START + Span::minutes(1)).await.unwrap();
    let now = LAST + 8;

    let database =
        async |dir: &Path| fs::copy(old.path().join("journal.db"), dir.join("journal.db")).map(drop).unwrap();
    let checkpoints = async |dir: &Path| {
        fs::copy(old.path().join("checkpoints.log"), dir.join("checkpoints.log")).map(drop).unwrap()
    };
    let found = site.after(database).await.unwrap();
    assert_eq!(found.fault, Fault::TailMissing { ends_at: LAST, stated: now });
    let found = site.after(checkpoints).await.unwrap();
    assert_eq!(found.fault, Fault::CheckpointsMissing { noted: now, newest: LAST });
    let both = async |dir: &Path| {
        database(dir).await;
        checkpoints(dir).await;
    };
    assert_eq!(site.after(both).await, None);
    let found = site.after_with(&site.anchors(), both).await.unwrap();
    assert_eq!(found.fault, Fault::TailMissing { ends_at: LAST, stated: now });

    // Rolled back, and then used again: the new rows are not the ones that were signed.
    let used = async |dir: &Path| {
        database(dir).await;
        let store = open(dir).await;
        store.commit(Batch { rows: (0..9).map(|n| row("other", n)).collect(), ..rows(0) }).await.unwrap();
        drop(store);
    };
    let found = site.after(used).await.unwrap();
    assert!(matches!(found.fault, Fault::Rewritten { confirmed: LAST, .. }), "{found}");
}

#[tokio::test]
async fn any_changed_byte_of_the_signed_files_is_named_with_its_line() {
    let site = Site::build().await;
    let text = fs::read(site.dir().join("checkpoints.log")).unwrap();
    let step = if std::env::var("VCOPS_SOAK").is_ok() { 1 } else { 17 };
    for position in (0..text.len() - 1).step_by(step) {
        let mut changed = text.clone();
        changed[position] ^= 1 << (position % 7);
        let line = text[..position].iter().filter(|byte| **byte == b'\n').count() + 1;
        let found = site.after(async |dir| fs::write(dir.join("checkpoints.log"), &changed).unwrap()).await;
        let found = found.unwrap_or_else(|| panic!("byte {position}"));
        assert_eq!(found.place, Place::Checkpoint { line }, "byte {position}: {found}");
    }
    // Without its end the last line is no line: what the database has noted tells that it was one.
    let endless = &text[..text.len() - 1];
    let found =
        site.after(async |dir| fs::write(dir.join("checkpoints.log"), endless).unwrap()).await.unwrap();
    assert!(matches!(found.fault, Fault::CheckpointsMissing { noted: LAST, .. }), "{found}");
    let keys = fs::read(site.dir().join("signing.pub")).unwrap();
    for position in 0..keys.len() - 1 {
        let mut changed = keys.clone();
        changed[position] ^= 1 << (position % 7);
        let found = site.after(async |dir| fs::write(dir.join("signing.pub"), &changed).unwrap()).await;
        assert!(found.is_some(), "byte {position} of the public key");
    }
    for column in ["last_seq", "closed_us"] {
        let found =
            site.after_sql(&[format!("UPDATE segment SET {column} = {column} + 1 WHERE number = 1")]).await;
        let expected = Problem { place: Place::Segment { number: 1 }, fault: Fault::BadSignature };
        assert_eq!(found, Some(expected), "{column}");
    }
}

/// Bytes of the database file itself: either a problem is named, or every journal row still reads as it was.
#[tokio::test]
async fn a_changed_byte_of_the_database_file_is_named_or_touches_no_row() {
    let site = Site::build().await;
    let bytes = fs::read(site.dir().join("journal.db")).unwrap();
    let (mut named, mut step) = (0, if std::env::var("VCOPS_SOAK").is_ok() { 41 } else { 2003 });
    step = step.min(bytes.len());
    for position in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[position] ^= 1 << (position % 8);
        let copy = tempfile::tempdir().unwrap();
        copy_dir(&site.dir(), copy.path());
        fs::write(copy.path().join("journal.db"), &changed).unwrap();
        match verify_dir(copy.path(), &[]).await.unwrap() {
            Verification { problem: Some(_), .. } => named += 1,
            whole => assert_eq!(
                (whole.rows, whole.last_hash),
                (LAST, site.verify().await.last_hash),
                "byte {position}"
            ),
        }
    }
    assert!(named > 0);
}

#[tokio::test]
async fn segments_are_exported_kept_for_their_time_and_dropped_whole() {
    let site = Site::build().await;
    let store = Store::open(site.settings()).await.unwrap();
    let later = |days: u64| START + Span::seconds(days * 86_400);
    assert!(!store.roll_due(START).await.unwrap() && store.roll_due(later(30)).await.unwrap());
    assert_eq!(
        store.export_segment(2, site.home.path(), START).await.unwrap_err().code(),
        "store.refused",
        "open"
    );
    let exported = store.export_segment(1, site.home.path(), START).await.unwrap();
    assert_eq!((exported.first_seq, exported.last_seq, exported.rows), (1, SECOND_SEGMENT - 1, 15));
    let keys = site.dir().join("signing.pub");
    assert_eq!(verify_export(&exported.file, &keys).unwrap().seq, exported.last_seq);

    let early = store.drop_segment(1, &exported.file, later(399)).await.unwrap_err();
    assert!(early.to_string().contains("400 days"), "{early}");
    let text = fs::read_to_string(&exported.file).unwrap();
    for (number, line) in text.lines().enumerate() {
        let mut bytes = line.as_bytes().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&exported.file, text.replace(line, &String::from_utf8(bytes).unwrap())).unwrap();
        let error = verify_export(&exported.file, &keys).unwrap_err().to_string();
        assert!(
            error.contains(&format!("line {}:", number + 1))
                || error.contains(&format!("line {}:", number + 2)),
            "{error}"
        );
    }
    let other = store.drop_segment(1, &exported.file, later(401)).await.unwrap_err();
    assert_eq!(other.code(), "store.unverified", "the export was changed");
    fs::write(&exported.file, text).unwrap();
    assert_eq!(store.drop_segment(1, &exported.file, later(401)).await.unwrap(), 15);

    let whole = store.verify(&site.anchors()).await.unwrap();
    assert_eq!((whole.problem, whole.first_seq, whole.last_seq), (None, 16, LAST));
    let state = store.latest_state().await.unwrap().unwrap();
    assert_eq!((state.seq, &state.state[..]), (16, &br#"{"venues":13}"#[..]));
    assert_eq!(store.read(1, 1).await.unwrap()[0].seq, 16);
}
