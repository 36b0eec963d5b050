//! The power goes: what no sync made durable is gone (see `docs/decisions/0003-powercut-shim.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use vcops::store::journal::Batch;
use vcops::store::{Settings, Store};

use crate::store::{START, rows};
use crate::store_workload::{Orders, audit, check};

/// Cuts per mode: a slice, or with `VCOPS_SOAK` the full count.
fn cuts() -> u64 {
    if std::env::var("VCOPS_SOAK").is_ok() { 100 } else { 6 }
}

pub(crate) fn shim(dir: &Path) -> PathBuf {
    let library = dir.join("powercut.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/powercut/shim.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(source)
        .arg("-ldl")
        .status();
    assert!(compiled.unwrap().success(), "the shim does not compile");
    library
}

/// Runs a writer until the power goes, and takes back what was not synced.
fn cut(library: &Path, orders: &Orders, after: u64, seed: u64) -> u64 {
    let log = orders.home.join("undo.log");
    let _ = fs::remove_file(&log);
    let mut writer = orders.start(&[
        ("LD_PRELOAD", library),
        ("POWERCUT_DIR", &orders.store_dir()),
        ("POWERCUT_LOG", &log),
    ]);
    writer.kill_after(after);
    let dropped = Undo::read(&fs::read(&log).unwrap()).apply(&orders.store_dir(), seed);
    assert!(dropped.records > 0, "the shim saw nothing");
    writer.acknowledged
}

#[tokio::test]
async fn after_a_power_cut_every_acknowledged_row_is_there() {
    let home = tempfile::tempdir().unwrap();
    let library = shim(home.path());
    for seed in 0..cuts() {
        // Every third cut strikes the very first start, the others a store that has history.
        let home = tempfile::tempdir().unwrap();
        let mut orders = Orders { batches: 100_000, everything: seed % 2 == 1, ..Orders::new(home.path()) };
        for round in 0..1 + seed % 3 {
            let after = orders.acknowledged + 1 + (seed * 7 + round * 5) % 40;
            orders.acknowledged = cut(&library, &orders, after, seed * 31 + round);
            let found =
                audit(&orders).await.unwrap_or_else(|problem| panic!("cut {seed}.{round}: {problem}"));
            check(&found, orders.acknowledged)
                .unwrap_or_else(|problem| panic!("cut {seed}.{round}: {problem}"));
        }
    }
}

/// The same cut without waiting for the disk loses acknowledged rows: so the test above can fail.
#[tokio::test]
async fn without_syncing_the_same_cut_loses_acknowledged_rows() {
    let home = tempfile::tempdir().unwrap();
    let library = shim(home.path());
    for seed in 0..3 {
        let home = tempfile::tempdir().unwrap();
        let orders =
            Orders { batches: 100_000, synced: false, everything: false, ..Orders::new(home.path()) };
        let acknowledged = cut(&library, &orders, 30, seed * 2);
        let lost = match audit(&orders).await {
            Ok(found) => check(&found, acknowledged).unwrap_err(),
            Err(problem) => problem,
        };
        assert!(lost.contains("is lost") || lost.contains("tail was cut off"), "cut {seed}: {lost}");
    }
}

#[tokio::test]
async fn a_full_disk_and_a_failing_one_refuse_whole_batches_and_the_store_recovers() {
    if let Ok(home) = std::env::var("VCOPS_TEST_DISK") {
        return full_then_failing(Path::new(&home)).await;
    }
    let home = tempfile::tempdir().unwrap();
    let library = shim(home.path());
    let [full, eio, log] = ["full", "eio", "undo.log"].map(|name| home.path().join(name));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "store_powercut::a_full_disk_and_a_failing_one_refuse_whole_batches_and_the_store_recovers",
        "--exact",
    ]);
    child.env("VCOPS_TEST_DISK", home.path()).env("LD_PRELOAD", library).env("POWERCUT_LOG", log);
    child.env("POWERCUT_DIR", home.path().join("store")).env("POWERCUT_FULL", full).env("POWERCUT_EIO", eio);
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Runs where writes and syncs can be made to fail.
async fn full_then_failing(home: &Path) {
    let store =
        Store::open(Settings { checkpoint_rows: 1000, ..Settings::new(home.join("store")) }).await.unwrap();
    store.commit(rows(3)).await.unwrap();
    // The first batch is sealed at once; these rows wait for the checkpoints that fail below.
    let mut last = store.commit(rows(3)).await.unwrap().head;
    for (flag, code) in [("full", "store.full"), ("eio", "store.io")] {
        fs::write(home.join(flag), "").unwrap();
        let refused = store.commit(rows(300)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert_eq!(store.put_evidence(flag.into(), START).await.unwrap_err().code(), code);
        assert_eq!(store.checkpoint(START).await.unwrap_err().code(), code);
        fs::remove_file(home.join(flag)).unwrap();
        assert_eq!(store.head().await.unwrap(), last, "{flag}: nothing of the refused batch is left");
        last = store.commit(Batch { after: Some(last.seq), ..rows(300) }).await.unwrap().head;
        store.put_evidence(flag.into(), START).await.unwrap();
    }
    store.checkpoint(START).await.unwrap();
    let whole = store.verify(&[]).await.unwrap();
    assert_eq!((whole.problem, whole.last_seq, whole.evidence), (None, last.seq, 2));
}

/// The shim's log: what to take back.
struct Undo {
    records: Vec<Record>,
}

struct Record {
    kind: u8,
    inode: u64,
    offset: u64,
    old_size: u64,
    bytes: Vec<u8>,
}

struct Dropped {
    records: usize,
}

impl Undo {
    /// Reads records; a torn last one belongs to a change that never happened.
    fn read(log: &[u8]) -> Self {
        let mut rest = log;
        let mut records = Vec::new();
        while let Some((head, tail)) = rest.split_at_checked(33) {
            let number = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().unwrap());
            let Some((bytes, tail)) = tail.split_at_checked(number(25) as usize) else { break };
            records.push(Record {
                kind: head[0],
                inode: number(1),
                offset: number(9),
                old_size: number(17),
                bytes: bytes.to_vec(),
            });
            rest = tail;
        }
        Self { records }
    }

    /// Takes back what no sync made final: by an even seed all of it, by an odd one a part from each file's end.
    fn apply(self, dir: &Path, seed: u64) -> Dropped {
        let paths = inodes(dir);
        let mut pending: BTreeMap<u64, Vec<&Record>> = BTreeMap::new();
        let mut names: Vec<&Record> = Vec::new();
        for record in &self.records {
            match record.kind {
                b'W' => pending.entry(record.inode).or_default().push(record),
                b'S' => {
                    pending.remove(&record.inode);
                    names.retain(|name| name.inode != record.inode);
                }
                _ => names.push(record),
            }
        }
        for (inode, writes) in pending {
            let kept = if seed.is_multiple_of(2) {
                0
            } else {
                (seed.wrapping_mul(0x9E37_79B9) >> 8) as usize % (writes.len() + 1)
            };
            if let Some(path) = paths.get(&inode) {
                writes[kept..].iter().rev().for_each(|write| take_back(path, write));
            }
        }
        names.iter().rev().for_each(|name| unname(name));
        fs::remove_file(dir.join("journal.db-shm")).ok();
        Dropped { records: self.records.len() }
    }
}

fn take_back(path: &Path, write: &Record) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&write.bytes, write.offset).unwrap();
    file.set_len(write.old_size).unwrap();
}

/// Takes back a name whose directory was not synced. A replaced file cannot come back; the store replaces only its
/// list of public keys, whose older text is not at stake here.
fn unname(record: &Record) {
    let names: Vec<PathBuf> = record
        .bytes
        .split(|byte| *byte == 0)
        .map(|name| String::from_utf8(name.to_vec()).unwrap().into())
        .collect();
    match &names[..] {
        [created] if !created.is_dir() => drop(fs::remove_file(created)),
        [from, to] if record.offset == 0 => drop(fs::rename(to, from)),
        _ => {}
    }
}

fn inodes(dir: &Path) -> BTreeMap<u64, PathBuf> {
    let mut found = BTreeMap::new();
    let mut waiting = BTreeSet::from([dir.to_owned()]);
    while let Some(dir) = waiting.pop_first() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                waiting.insert(entry.path());
            } else {
                found.insert(metadata.ino(), entry.path());
            }
        }
    }
    found
}
