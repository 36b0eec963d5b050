//! The outbox over restarts, torn and flipped bytes, full disks and any order of use.

use std::fs;

use proptest::prelude::*;

use super::*;

const BIG: u64 = 1 << 30;

fn open(directory: &Path) -> Outbox {
    let (outbox, damages) = Outbox::open(directory, BIG).unwrap();
    assert_eq!(damages, []);
    outbox
}

fn numbers(outbox: &Outbox) -> Vec<u64> {
    outbox.waiting(0, usize::MAX).unwrap().into_iter().map(|(number, _)| number).collect()
}

fn files(directory: &Path) -> Vec<PathBuf> {
    segment_files(directory).unwrap()
}

#[test]
fn events_keep_number_order_and_content_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = open(directory.path());
    let id = outbox.id();
    for n in 1..=5u64 {
        assert_eq!(outbox.append(format!("event {n}").as_bytes()).unwrap(), n);
    }
    drop(outbox);
    let outbox = open(directory.path());
    assert_eq!((outbox.id(), outbox.newest(), outbox.first_waiting(), outbox.len()), (id, 5, 1, 5));
    assert_eq!(outbox.waiting(3, 9).unwrap(), [(4, b"event 4".to_vec()), (5, b"event 5".to_vec())]);
}

#[test]
fn acknowledged_segments_go_and_the_numbering_stays() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = open(directory.path());
    for _ in 0..40 {
        outbox.append(&[b'x'; 40_000]).unwrap();
    }
    assert!(files(directory.path()).len() > 3);
    outbox.acknowledge(40).unwrap();
    assert_eq!((files(directory.path()).len(), outbox.is_empty(), outbox.first_waiting()), (1, true, 41));
    drop(outbox);
    let mut outbox = open(directory.path());
    assert_eq!(outbox.append(b"next").unwrap(), 41);
    outbox.acknowledge(u64::MAX).unwrap();
    assert_eq!((outbox.newest(), outbox.is_empty()), (41, true), "an absurd mark harms nothing");
}

#[test]
fn a_full_outbox_refuses_the_new_and_keeps_the_old() {
    let directory = tempfile::tempdir().unwrap();
    let (mut outbox, _) = Outbox::open(directory.path(), 1_000).unwrap();
    let fits = (0..).take_while(|_| outbox.append(&[b'x'; 100]).is_ok()).count() as u64;
    let error = outbox.append(&[b'x'; 100]).unwrap_err();
    assert_eq!(error.code(), "outbox.full");
    assert_eq!(
        error.to_string(),
        "待发事件已满（1000 字节），新事件未收下 / outbox is full (1000 bytes): event refused"
    );
    assert_eq!((outbox.len(), fits), (8, 8));
    let large = outbox.append(&vec![0; PAYLOAD_MAX + 1]).unwrap_err();
    assert_eq!(
        large.to_string(),
        "事件过大：49153 字节，上限 49152 / event too large: 49153 bytes, at most 49152"
    );
}

#[test]
fn a_file_cut_anywhere_keeps_every_whole_record() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = open(directory.path());
    for n in 0..4 {
        outbox.append(&[b'a' + n; 10]).unwrap();
    }
    drop(outbox);
    let path = files(directory.path()).remove(0);
    let whole = fs::read(&path).unwrap();
    for cut in 40..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut outbox, damages) = Outbox::open(directory.path(), BIG).unwrap();
        let kept = ((cut - 40) / 30) as u64;
        assert_eq!(outbox.newest(), kept, "cut at {cut}");
        assert_eq!(damages.len(), usize::from((cut - 40) % 30 != 0), "cut at {cut}");
        assert_eq!(outbox.append(b"after").unwrap(), kept + 1);
    }
}

#[test]
fn a_segment_made_but_not_written_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = open(directory.path());
    outbox.append(b"one").unwrap();
    drop(outbox);
    fs::write(directory.path().join("00000000000000000002.seg"), b"").unwrap();
    let (mut outbox, damages) = Outbox::open(directory.path(), BIG).unwrap();
    assert!(matches!(damages.as_slice(), [Damage::NoHeader(_)]), "{damages:?}");
    assert_eq!(outbox.append(b"two").unwrap(), 2);
}

#[test]
fn a_lost_segment_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = open(directory.path());
    for _ in 0..24 {
        outbox.append(&[b'x'; 40_000]).unwrap();
    }
    drop(outbox);
    fs::remove_file(&files(directory.path())[1]).unwrap();
    let (outbox, damages) = Outbox::open(directory.path(), BIG).unwrap();
    assert_eq!(damages, [Damage::Missing { from: 8, to: 14 }]);
    assert_eq!(numbers(&outbox), (1..=7).chain(15..=24).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever one byte becomes, opening gives a sound head of the events and never a wrong one.
    #[test]
    fn a_flipped_byte_never_gives_a_false_event(at in 0usize..10_000, flip in 1u8..=255) {
        let directory = tempfile::tempdir().unwrap();
        let mut outbox = open(directory.path());
        for n in 0..6 {
            outbox.append(format!("content {n}").as_bytes()).unwrap();
        }
        drop(outbox);
        let path = files(directory.path()).remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        fs::write(&path, &bytes).unwrap();
        let (outbox, damages) = Outbox::open(directory.path(), BIG).unwrap();
        prop_assert!(!damages.is_empty());
        for (number, payload) in outbox.waiting(0, 99).unwrap() {
            prop_assert_eq!(payload, format!("content {}", number - 1).into_bytes());
        }
    }

    /// Any order of putting in, acknowledging and restarting: what waits is exactly what was taken and not
    /// acknowledged, apart from a tail of acknowledged events of the oldest segment after a restart.
    #[test]
    fn what_waits_is_what_was_taken_and_not_acknowledged(steps in prop::collection::vec(0u8..6, 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let mut outbox = open(directory.path());
        let (mut taken, mut acknowledged) = (0u64, 0u64);
        for step in steps {
            match step {
                0..=2 => {
                    taken += 1;
                    prop_assert_eq!(outbox.append(&vec![step; 30_000]).unwrap(), taken);
                }
                3 => {
                    acknowledged = acknowledged.max(taken.saturating_sub(2));
                    outbox.acknowledge(acknowledged).unwrap();
                    prop_assert_eq!(numbers(&outbox), (acknowledged + 1..=taken).collect::<Vec<_>>());
                }
                _ => {
                    drop(outbox);
                    outbox = open(directory.path());
                }
            }
            let waits = numbers(&outbox);
            let must: Vec<u64> = (acknowledged + 1..=taken).collect();
            prop_assert!(waits.ends_with(&must), "{:?} {:?}", waits, must);
            prop_assert_eq!(outbox.len(), waits.len() as u64);
        }
    }
}
