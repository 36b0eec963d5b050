//! A writer in a process of its own, for tests that end it without warning. The test binary runs itself again with
//! one test as filter; what the writer acknowledges, it prints.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use vcops::domain::time::{Span, Utc};
use vcops::metrics::failpoint;
use vcops::store::backup::restore;
use vcops::store::canonical::Body;
use vcops::store::checkpoint::read_anchors;
use vcops::store::journal::{Batch, NewRow};
use vcops::store::marks::SeqMark;
use vcops::store::outbox::{Attempt, NewDelivery};
use vcops::store::recording::{self, Recorder, read_recording};
use vcops::store::{Durability, Settings, Store};

use crate::store::{START, row};

const CHILD: &str = "store_workload::a_writer_without_accidents_leaves_a_whole_store";
const MESSAGES_PER_BATCH: u64 = 3;
const AGENT: &str = "guidong";

/// What a writer is told; passed on as one line of JSON.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Orders {
    /// Its store, anchors, exports and recording lie below.
    pub(crate) home: PathBuf,
    /// Messages up to here were acknowledged before; the next are sent, perhaps again.
    pub(crate) acknowledged: u64,
    /// How many batches to commit.
    pub(crate) batches: u64,
    /// Where to be killed.
    pub(crate) failpoint: Option<String>,
    /// Whether commits wait for the disk.
    pub(crate) synced: bool,
    /// Whether to do more than commit: segments, evidence, recording, backup.
    pub(crate) everything: bool,
}

impl Orders {
    pub(crate) fn new(home: &Path) -> Self {
        let home = home.to_owned();
        Self { home, acknowledged: 0, batches: 8, failpoint: None, synced: true, everything: true }
    }

    pub(crate) fn store_dir(&self) -> PathBuf {
        self.home.join("store")
    }

    fn settings(&self) -> Settings {
        let durability = if self.synced { Durability::Full } else { Durability::Off };
        let anchors = Some(self.home.join("anchors"));
        Settings {
            anchors,
            checkpoint_rows: 4,
            retention_days: 184,
            durability,
            ..Settings::new(self.store_dir())
        }
    }

    /// Starts the writer in a process of its own.
    pub(crate) fn start(&self, environment: &[(&str, &Path)]) -> Writer {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([CHILD, "--exact", "--nocapture", "--test-threads=1"]);
        command.env("VCOPS_TEST_ORDERS", serde_json::to_string(self).unwrap());
        command.envs(environment.iter().copied());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Writer { child, acknowledged: self.acknowledged }
    }
}

/// A running writer.
pub(crate) struct Writer {
    child: Child,
    pub(crate) acknowledged: u64,
}

impl Writer {
    /// Reads acknowledgements until the writer ends; whether it ended by itself and well.
    pub(crate) fn finish(&mut self) -> bool {
        self.read(u64::MAX);
        self.child.wait().unwrap().success()
    }

    /// Reads acknowledgements until there are `enough`, then kills the writer.
    pub(crate) fn kill_after(&mut self, enough: u64) {
        self.read(enough);
        self.child.kill().unwrap();
        // What it had printed before the kill still counts.
        self.read(u64::MAX);
        self.child.wait().unwrap();
    }

    fn read(&mut self, enough: u64) {
        let Some(out) = self.child.stdout.as_mut() else { return };
        // One byte at a time: a reader that looks ahead would swallow what the next call must see.
        for line in BufReader::with_capacity(1, out).lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("acknowledged ") {
                self.acknowledged = number.parse().unwrap();
                if self.acknowledged >= enough {
                    return;
                }
            }
        }
    }
}

/// The writer itself when it has orders; else the same work in this process, with nothing going wrong.
#[tokio::test]
async fn a_writer_without_accidents_leaves_a_whole_store() {
    if let Ok(text) = std::env::var("VCOPS_TEST_ORDERS") {
        let orders: Orders = serde_json::from_str(&text).unwrap();
        failpoint::arm(orders.failpoint.as_deref().map(|spec| spec.parse().unwrap()));
        return work(&orders).await;
    }
    let home = tempfile::tempdir().unwrap();
    let orders = Orders::new(home.path());
    work(&orders).await;
    let found = audit(&orders).await.unwrap();
    assert_eq!(found.len() as u64, orders.batches * MESSAGES_PER_BATCH);
    assert!(found.values().all(|times| *times == 1));
}

/// An agent's messages, batch by batch, each acknowledged after its commit; and all else that the store can do.
async fn work(orders: &Orders) {
    let store = Store::open(orders.settings()).await.unwrap();
    let recording = recording::Settings {
        file_bytes: 300,
        files: 4,
        buffer_bytes: 1,
        ..recording::Settings::new(orders.home.join("inputs"))
    };
    let mut recorder = Recorder::open(recording).await.unwrap();
    let mut next = orders.acknowledged + 1;
    for batch in 0..orders.batches {
        // Forty days pass with each batch, so that segments grow old enough to be dropped.
        let at = START + Span::seconds(next * 40 / MESSAGES_PER_BATCH * 86_400);
        let state = orders.everything && store.roll_due(at).await.unwrap();
        store.commit(messages(orders.acknowledged + 1, next, at, state)).await.unwrap();
        next += MESSAGES_PER_BATCH;
        println!("\nacknowledged {}", next - 1);
        if orders.everything {
            housekeeping(orders, &store, at).await;
            recorder.append(at, &[b'x'; 100]).await.unwrap();
            if batch == 3 {
                copy_and_restore(orders, &store, at).await;
            }
        }
    }
    store.close(START).await.unwrap();
}

/// Messages that a later start sends again come with a higher start number.
fn messages(start: u64, first: u64, at: Utc, state: bool) -> Batch {
    let message = |number| NewRow {
        mark: Some(SeqMark { lane: AGENT.into(), outbox: 1, event: number, boot: start, seq: number }),
        time: at,
        ..row("result", number)
    };
    let delivery = NewDelivery {
        channel: "agent".into(),
        target: AGENT.into(),
        key: format!("{first}"),
        body: b"acknowledged".to_vec(),
        row: Some(0),
        not_before: START,
    };
    let state = state.then(|| Body::of(&json!({"before": first})).unwrap());
    let rows = (first..first + MESSAGES_PER_BATCH).map(message).collect();
    Batch { at, rows, outbox: vec![delivery], state, ..Batch::default() }
}

async fn housekeeping(orders: &Orders, store: &Store, at: Utc) {
    for delivery in store.due_deliveries(at, 10).await.unwrap() {
        store.record_attempt(delivery.id, &Attempt::Delivered { progress: String::new() }, at).await.unwrap();
    }
    store.put_evidence(at.to_string().into_bytes(), at).await.unwrap();
    let exports = orders.home.join("exports");
    fs::create_dir_all(&exports).unwrap();
    for segment in store.segments().await.unwrap() {
        if segment.dropped.is_some() || segment.closing.is_none() {
            continue;
        }
        let exported = store.export_segment(segment.number, &exports, at).await.unwrap();
        match store.drop_segment(segment.number, &exported.file, at).await {
            Ok(_) => {}
            Err(refused) => assert_eq!(refused.code(), "store.refused", "{refused}"),
        }
    }
}

async fn copy_and_restore(orders: &Orders, store: &Store, at: Utc) {
    let [copy, back] = ["copy", "back"].map(|name| orders.home.join(name));
    for dir in [&copy, &back] {
        if dir.exists() {
            fs::remove_dir_all(dir).unwrap();
        }
    }
    store.backup(&copy, at).await.unwrap();
    restore(&copy, &back).await.unwrap();
}

/// Opens the store again and verifies it with its anchors: how often each message is there, in the journal or, when
/// its segment was dropped, in the export. An error says what is wrong. The store is closed in order: a connection
/// left behind in this process would still be closing its files while the next writer runs and loses its power.
pub(crate) async fn audit(orders: &Orders) -> Result<BTreeMap<u64, u32>, String> {
    let store = Store::open(orders.settings()).await.map_err(|e| e.to_string())?;
    let found = look(orders, &store).await;
    store.close(START).await.map_err(|e| e.to_string())?;
    found
}

async fn look(orders: &Orders, store: &Store) -> Result<BTreeMap<u64, u32>, String> {
    let anchors = read_anchors(&orders.home.join("anchors")).unwrap_or_default();
    let verified = store.verify(&anchors).await.map_err(|e| e.to_string())?;
    if let Some(problem) = verified.problem {
        return Err(problem.to_string());
    }
    let mut found = BTreeMap::new();
    let mut from = 1;
    loop {
        let page = store.read(from, 1000).await.map_err(|e| e.to_string())?;
        let Some(last) = page.last() else { break };
        from = last.seq + 1;
        page.iter().filter(|row| row.kind == "result").for_each(|row| count(&mut found, &row.body));
    }
    for segment in store.segments().await.map_err(|e| e.to_string())? {
        if segment.dropped.is_some() {
            let name = format!("segment-{:04}-{}.jsonl", segment.number, segment.month);
            exported(&mut found, &orders.home.join("exports").join(name));
        }
    }
    let marks = store.marks().await.map_err(|e| e.to_string())?;
    let (marked, newest) = (marks.get(AGENT).map(|mark| mark.event), found.keys().last().copied());
    if marked != newest {
        return Err(format!("the mark says {marked:?}, the journal {newest:?}"));
    }
    if orders.everything {
        read_recording(&orders.home.join("inputs")).map_err(|e| e.to_string())?;
    }
    Ok(found)
}

fn count(found: &mut BTreeMap<u64, u32>, body: &[u8]) {
    let body: Value = serde_json::from_slice(body).unwrap();
    *found.entry(body["number"].as_u64().unwrap()).or_default() += 1;
}

fn exported(found: &mut BTreeMap<u64, u32>, file: &Path) {
    for line in fs::read_to_string(file).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["kind"] == "result" {
            count(found, line["body"].to_string().as_bytes());
        }
    }
}

/// Every acknowledged message once, no other more than once, none in between missing.
pub(crate) fn check(found: &BTreeMap<u64, u32>, acknowledged: u64) -> Result<(), String> {
    if let Some((number, times)) = found.iter().find(|(_, times)| **times != 1) {
        return Err(format!("message {number} is there {times} times"));
    }
    match (1..=acknowledged).find(|number| !found.contains_key(number)) {
        Some(lost) => Err(format!("message {lost} was acknowledged (up to {acknowledged}) and is lost")),
        None => Ok(()),
    }
}
