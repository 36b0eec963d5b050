//! The store as its callers see it.

use std::path::Path;

use serde_json::json;
use vcops::domain::id::PersonId;
use vcops::domain::time::{Span, Utc};
use vcops::store::canonical::Body;
use vcops::store::error::StoreError;
use vcops::store::journal::{Batch, NewRow};
use vcops::store::marks::SeqMark;
use vcops::store::outbox::{Attempt, NewDelivery};
use vcops::store::people::{Person, PersonNumber};
use vcops::store::{Settings, Store};

/// 2026-11-22T00:00:00Z.
pub(crate) const START: Utc = Utc(1_795_305_600_000_000);

pub(crate) fn row(kind: &str, number: u64) -> NewRow {
    NewRow {
        time: START + Span::seconds(number),
        actor: "engine".into(),
        kind: kind.into(),
        subject: format!("venue-{}", number % 7),
        version: 1,
        body: Body::of(&json!({"number": number, "说明": "线路中断"})).unwrap(),
        mark: None,
    }
}

pub(crate) fn rows(count: u64) -> Batch {
    Batch {
        at: START,
        rows: (1..=count).map(|number| row("finding.raised", number)).collect(),
        ..Batch::default()
    }
}

pub(crate) async fn open(dir: &Path) -> Store {
    Store::open(Settings::new(dir)).await.unwrap()
}

fn mark(event: u64) -> SeqMark {
    SeqMark { lane: "guidong".into(), outbox: u64::MAX, event, boot: 3, seq: event }
}

pub(crate) async fn committed_rows_come_back_in_order_and_chained_after_reopening(place: Settings) {
    let store = Store::open(place.clone()).await.unwrap();
    assert!(store.key_is_new());
    let committed = store.commit(rows(3)).await.unwrap();
    assert_eq!(committed.seqs, [Some(2), Some(3), Some(4)], "row 1 opens the segment");
    assert!(committed.unsealed.is_none());
    store.close(START).await.unwrap();

    let store = Store::open(place).await.unwrap();
    assert!(!store.key_is_new());
    let back = store.read(1, 100).await.unwrap();
    assert_eq!(back.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(back.windows(2).all(|pair| pair[0].hash == pair[1].prev));
    assert_eq!(back[1].body, row("finding.raised", 1).body.as_bytes());
    assert_eq!(store.tail(2).await.unwrap(), back[2..]);
    assert_eq!(store.head().await.unwrap(), committed.head);
}

#[tokio::test]
async fn a_second_process_is_refused_while_the_first_has_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await;
    let refused = Store::open(Settings::new(dir.path())).await.unwrap_err();
    assert_eq!(refused.code(), "store.locked");
    drop(first);
    open(dir.path()).await;
}

pub(crate) async fn a_repeated_message_adds_nothing(place: Settings) {
    let store = Store::open(place.clone()).await.unwrap();
    let message = |seq: u64| NewRow { mark: Some(mark(seq)), ..row("result", seq) };
    let delivery = |index| NewDelivery {
        channel: "agent".into(),
        target: "guidong".into(),
        key: format!("ack-{index}"),
        body: b"ack".to_vec(),
        row: Some(index),
        not_before: START,
    };
    let batch = Batch {
        rows: vec![message(1), message(1), message(2)],
        outbox: vec![delivery(0), delivery(2)],
        ..rows(0)
    };
    let first = store.commit(batch.clone()).await.unwrap();
    assert_eq!(first.seqs, [Some(2), Some(3), Some(4)], "two rows of one message are both written");

    let again = store.commit(batch).await.unwrap();
    assert_eq!(again.seqs, [None, None, None]);
    assert_eq!(again.head, first.head);
    assert_eq!(store.count_deliveries().await.unwrap().pending, 2);

    let mixed = Batch { rows: vec![message(2), message(4), message(3)], marks: vec![mark(4)], ..rows(0) };
    assert_eq!(store.commit(mixed).await.unwrap().seqs, [None, Some(5), None]);
    let marks = store.marks().await.unwrap();
    assert_eq!(marks.get("guidong"), Some(&mark(4)));
}

pub(crate) async fn a_batch_that_follows_another_head_commits_nothing(place: Settings) {
    let store = Store::open(place.clone()).await.unwrap();
    let head = store.commit(rows(1)).await.unwrap().head;
    let stale = store.commit(Batch { after: Some(head.seq - 1), ..rows(1) }).await.unwrap_err();
    assert!(matches!(stale, StoreError::HeadMoved { expected: 1, found: 2 }), "{stale}");
    store.commit(Batch { after: Some(head.seq), ..rows(1) }).await.unwrap();
    assert_eq!(store.head().await.unwrap().seq, 3);
}

pub(crate) async fn a_delivery_waits_until_it_is_delivered(place: Settings) {
    let store = Store::open(place.clone()).await.unwrap();
    let delivery = NewDelivery {
        channel: "mail".into(),
        target: "duty".into(),
        key: "k".into(),
        body: b"text".to_vec(),
        row: Some(0),
        not_before: START,
    };
    store.commit(Batch { outbox: vec![delivery], ..rows(1) }).await.unwrap();
    let due = store.due_deliveries(START, 10).await.unwrap();
    assert_eq!((due.len(), due[0].cause, due[0].attempts), (1, Some(2), 0));

    let later = START + Span::seconds(30);
    let again = Attempt::Again { next: later, detail: "no answer".into(), progress: "{}".into() };
    store.record_attempt(due[0].id, &again, START).await.unwrap();
    assert!(store.due_deliveries(START, 10).await.unwrap().is_empty());
    assert_eq!(store.next_delivery().await.unwrap(), Some(later));
    store.record_attempt(due[0].id, &Attempt::Delivered { progress: "{}".into() }, later).await.unwrap();
    assert!(store.due_deliveries(later, 10).await.unwrap().is_empty());
    let ended = store.ended_deliveries("mail", later, 10).await.unwrap();
    assert_eq!((ended.len(), ended[0].delivered, ended[0].progress.as_str()), (1, true, "{}"));
    assert!(store.ended_deliveries("mail", later + Span::seconds(1), 10).await.unwrap().is_empty());
    assert_eq!(store.delivery_body("mail", "k").await.unwrap().as_deref(), Some(b"text".as_slice()));
    assert_eq!(store.delivery_body("mail", "other").await.unwrap(), None);
    assert_eq!(store.forget_deliveries(later + Span::seconds(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_full_store_refuses_whole_batches_and_stays_usable() {
    let dir = tempfile::tempdir().unwrap();
    let small = Settings { size_max_bytes: Some(300 << 10), ..Settings::new(dir.path()) };
    let store = Store::open(small).await.unwrap();
    let mut last = store.commit(rows(1)).await.unwrap().head;
    let full = loop {
        match store.commit(rows(200)).await {
            Ok(committed) => last = committed.head,
            Err(error) => break error,
        }
    };
    assert_eq!(full.code(), "store.full", "{full}");
    assert_eq!(store.head().await.unwrap(), last, "nothing of the refused batch is left");
    store.close(START).await.unwrap();

    let store = open(dir.path()).await;
    assert_eq!(store.commit(rows(200)).await.unwrap().head.seq, last.seq + 200);
}

pub(crate) async fn what_cannot_be_stored_is_named(place: Settings) {
    let store = Store::open(place.clone()).await.unwrap();
    let cases = [
        NewRow { kind: String::new(), ..row("x", 1) },
        NewRow { kind: "segment.opened".into(), ..row("x", 1) },
        NewRow { subject: "s".repeat(257), ..row("x", 1) },
        NewRow { body: Body::of(&"b".repeat(1 << 20)).unwrap(), ..row("x", 1) },
        NewRow { mark: Some(SeqMark { boot: u64::MAX, ..mark(1) }), ..row("x", 1) },
    ];
    for bad in cases {
        let error = store.commit(Batch { rows: vec![row("x", 0), bad], ..rows(0) }).await.unwrap_err();
        assert_eq!(error.code(), "store.unfit", "{error}");
        assert_eq!(store.head().await.unwrap().seq, 0, "{error}: nothing was written");
    }
    let short = Settings { retention_days: 183, dir: place.dir.join("other"), ..place };
    assert_eq!(Store::open(short).await.unwrap_err().code(), "store.unfit");
}

pub(crate) async fn people_are_kept_apart_and_can_be_erased(place: Settings) {
    let store = Store::open(place.clone()).await.unwrap();
    let number = PersonNumber { kind: "mobile".into(), number: "13800000000".into() };
    let person = Person { id: PersonId::parse("p1").unwrap(), name: "张三".into(), numbers: vec![number] };
    store.commit(Batch { people: vec![person.clone()], ..rows(1) }).await.unwrap();
    assert_eq!(store.people().await.unwrap(), std::slice::from_ref(&person));
    assert!(store.erase_person(&person.id).await.unwrap());
    assert!(!store.erase_person(&person.id).await.unwrap());
    assert!(store.people().await.unwrap().is_empty());
}
