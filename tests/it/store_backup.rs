//! Backup and restore, proved by each other.

use std::fs;

use vcops::domain::time::Span;
use vcops::store::Settings;
use vcops::store::backup::restore;
use vcops::store::chain::sha256;
use vcops::store::people::Person;
use vcops::store::{Store, journal::Batch};

use crate::store::{START, open, rows};

#[tokio::test]
async fn a_backup_of_a_busy_store_restores_to_a_store_that_verifies_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let (source, copy, back) =
        (home.path().join("source"), home.path().join("copy"), home.path().join("back"));
    let store = Store::open(Settings { checkpoint_rows: 5, ..Settings::new(&source) }).await.unwrap();
    let person = Person {
        id: vcops::domain::id::PersonId::parse("p1").unwrap(),
        name: "张三".into(),
        numbers: vec![],
    };
    store.commit(Batch { people: vec![person.clone()], ..rows(20) }).await.unwrap();
    store.put_evidence(b"picture".to_vec(), START).await.unwrap();

    // Rows go on being committed while the copy is made.
    let writer = store.clone();
    let busy = tokio::spawn(async move {
        for _ in 0..20 {
            writer.commit(rows(3)).await.unwrap();
        }
    });
    let manifest = store.backup(&copy, START).await.unwrap();
    busy.await.unwrap();
    assert!(manifest.seq >= 21);
    assert_eq!(manifest.key, store.key_fingerprint());
    assert!(!copy.join("signing.key").exists(), "the secret key is not in a backup");
    assert_eq!(store.backup(&copy, START).await.unwrap_err().code(), "store.refused", "not empty");

    let restored = restore(&copy, &back).await.unwrap();
    assert_eq!(restored.manifest, manifest);
    assert_eq!((restored.verification.last_seq, restored.verification.evidence), (manifest.seq, 1));
    assert_eq!(restore(&copy, &back).await.unwrap_err().code(), "store.refused", "not empty");

    let twin = open(&back).await;
    assert!(twin.key_is_new() && twin.key_fingerprint() != manifest.key);
    let all = |seq| u32::try_from(seq).unwrap();
    assert_eq!(
        twin.read(1, all(manifest.seq)).await.unwrap(),
        store.read(1, all(manifest.seq)).await.unwrap()
    );
    assert_eq!(twin.people().await.unwrap(), [person]);
    assert_eq!(twin.evidence(&sha256(b"picture")).await.unwrap(), b"picture");
    twin.commit(rows(2)).await.unwrap();
    twin.checkpoint(START + Span::minutes(5)).await.unwrap();
    let verified = twin.verify(&[]).await.unwrap();
    assert_eq!((verified.problem, verified.keys.len()), (None, 2));
}

#[tokio::test]
async fn a_changed_backup_is_refused_and_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let (copy, back) = (home.path().join("copy"), home.path().join("back"));
    let store = open(&home.path().join("source")).await;
    store.commit(rows(20)).await.unwrap();
    let hash = hex::encode(store.put_evidence(b"picture".to_vec(), START).await.unwrap());
    store.backup(&copy, START).await.unwrap();

    let evidence = format!("evidence/{}/{hash}", &hash[..2]);
    for name in ["journal.db", "checkpoints.log", "signing.pub", "manifest.json", &evidence] {
        let path = copy.join(name);
        let bytes = fs::read(&path).unwrap();
        for position in [0, bytes.len() / 2, bytes.len() - 2] {
            let mut changed = bytes.clone();
            changed[position] ^= 1;
            fs::write(&path, changed).unwrap();
            let error = restore(&copy, &back).await.unwrap_err();
            assert!(
                matches!(error.code(), "store.unverified" | "store.damaged"),
                "{name}[{position}]: {error}"
            );
            assert!(
                fs::read_dir(&back).unwrap().next().is_none() && !home.path().join("back.restoring").exists()
            );
        }
        fs::write(&path, &bytes).unwrap();
    }
    fs::remove_file(copy.join("manifest.json")).unwrap();
    assert_eq!(restore(&copy, &back).await.unwrap_err().code(), "store.io");
}
