//! What the store keeps beside the journal.

use serde_json::value::RawValue;
use vcops::domain::id::UserId;
use vcops::domain::time::{Span, Utc};
use vcops::store::chain::sha256;
use vcops::store::identity::{Failures, LockRule, OneTimeToken, Redeemed, Session, User};
use vcops::store::recording::{self, Recorder, read_recording};
use vcops::store::samples::Sample;
use vcops::store::{Settings, Store};

use crate::store::START;

fn user(disabled: bool) -> User {
    User {
        id: UserId::parse("zhang").unwrap(),
        name: "张三".into(),
        roles: RawValue::from_string(r#"[{"role":"technician","region":"guidong"}]"#.into()).unwrap(),
        password_hash: "$argon2id$x".into(),
        disabled,
    }
}

fn session(token: &[u8]) -> Session {
    Session {
        token_hash: sha256(token),
        user: user(false).id,
        proved: START,
        created: START,
        last_seen: START,
        expires: START + Span::minutes(720),
        address: "127.0.0.1".into(),
    }
}

pub(crate) async fn sessions_end_by_idling_by_age_and_with_their_user(place: Settings) {
    let store = Store::open(place).await.unwrap();
    let idle = Span::minutes(15);
    let nobody = store.begin_session(&session(b"a")).await.unwrap_err();
    assert_eq!(nobody.code(), "store.refused");

    store.put_user(&user(false), START).await.unwrap();
    let [first, second] = [session(b"a"), session(b"b")];
    store.begin_session(&first).await.unwrap();
    store.begin_session(&second).await.unwrap();
    let at = |minutes| START + Span::minutes(minutes);
    assert_eq!(store.session(&first.token_hash, at(14), idle).await.unwrap(), Some(first.clone()));
    assert_eq!(store.session(&first.token_hash, at(15), idle).await.unwrap(), None, "idle");
    store.touch_session(&first.token_hash, at(14)).await.unwrap();
    assert!(store.session(&first.token_hash, at(28), idle).await.unwrap().is_some());
    store.touch_session(&first.token_hash, at(719)).await.unwrap();
    assert_eq!(store.session(&first.token_hash, at(720), idle).await.unwrap(), None, "too old");

    assert_eq!(store.end_sessions(&first.user, Some(&first.token_hash)).await.unwrap(), 1);
    assert_eq!(store.sessions().await.unwrap().len(), 1);
    store.put_user(&user(true), START).await.unwrap();
    assert!(store.sessions().await.unwrap().is_empty());
    assert_eq!(store.begin_session(&second).await.unwrap_err().code(), "store.refused");
    let back = store.user(&first.user).await.unwrap().unwrap();
    assert_eq!((back.roles.get(), back.disabled), (user(true).roles.get(), true));
}

pub(crate) async fn a_lock_out_survives_reopening(place: Settings) {
    let rule = LockRule { failures: 3, within: Span::minutes(15), lock: Span::minutes(15) };
    let store = Store::open(place.clone()).await.unwrap();
    for (minute, count) in [(0, 1), (1, 2), (30, 1), (31, 2)] {
        let failures = store.count_failure("zhang", rule, START + Span::minutes(minute)).await.unwrap();
        assert_eq!(failures, Failures { count, until: Utc(0) });
    }
    let locked = store.count_failure("zhang", rule, START + Span::minutes(32)).await.unwrap();
    assert_eq!(locked, Failures { count: 3, until: START + Span::minutes(47) });
    store.close(START).await.unwrap();

    let store = Store::open(place).await.unwrap();
    assert_eq!(store.failures("zhang").await.unwrap(), locked);
    assert_eq!(store.failures("li").await.unwrap(), Failures::default());
    store.clear_failures("zhang").await.unwrap();
    assert_eq!(store.failures("zhang").await.unwrap(), Failures::default());
}

pub(crate) async fn a_one_time_token_works_once_in_time_and_for_its_purpose(place: Settings) {
    let store = Store::open(place).await.unwrap();
    let token = |bytes: &[u8]| OneTimeToken {
        token_hash: sha256(bytes),
        purpose: "setup".into(),
        subject: String::new(),
        expires: START + Span::minutes(30),
    };
    store.put_token(&token(b"old")).await.unwrap();
    store.put_token(&token(b"new")).await.unwrap();
    let (old, hash) = (sha256(b"old"), sha256(b"new"));
    let redeem =
        async |hash, purpose, at| store.put_user_with_token(&user(false), hash, purpose, at).await.unwrap();
    assert_eq!(redeem(&old, "setup", START).await, Redeemed::Unknown, "replaced");
    assert_eq!(redeem(&hash, "enrol", START).await, Redeemed::Unknown);
    assert_eq!(redeem(&hash, "setup", START + Span::minutes(30)).await, Redeemed::Expired);
    assert!(store.users().await.unwrap().is_empty());
    let good = Redeemed::Good { subject: String::new() };
    assert_eq!(store.peek_token(&hash, "setup", START).await.unwrap(), good, "looking does not use it up");
    assert_eq!(redeem(&hash, "setup", START).await, good);
    assert_eq!(store.peek_token(&hash, "setup", START).await.unwrap(), Redeemed::Used);
    assert_eq!(store.redeem_token(&hash, "setup", START).await.unwrap(), Redeemed::Used);
    assert_eq!(store.users().await.unwrap().len(), 1);
}

pub(crate) async fn expired_rows_are_forgotten_and_others_kept(place: Settings) {
    let store = Store::open(place).await.unwrap();
    store.put_user(&user(false), START).await.unwrap();
    store.begin_session(&session(b"a")).await.unwrap();
    store.forget_expired(START + Span::minutes(720)).await.unwrap();
    assert_eq!(store.sessions().await.unwrap().len(), 1);
    store.forget_expired(START + Span::minutes(721)).await.unwrap();
    assert!(store.sessions().await.unwrap().is_empty());
}

pub(crate) async fn samples_of_one_minute_are_one_row(place: Settings) {
    let store = Store::open(place).await.unwrap();
    let sample = |minute, value| Sample::of("guidong-primary", "rtt_ms", minute, value);
    store.add_samples(&[sample(5, 10.0), sample(6, 1.0)]).await.unwrap();
    store.add_samples(&[sample(5, 30.0), sample(7, 1.0)]).await.unwrap();
    let merged = Sample { count: 2, sum: 40.0, min: 10.0, max: 30.0, ..sample(5, 0.0) };
    assert_eq!(store.samples("guidong-primary", 5, 7).await.unwrap(), [merged, sample(6, 1.0)]);
    let refused = store.add_samples(&[sample(8, 1.0), sample(8, f64::NAN)]).await.unwrap_err();
    assert_eq!(refused.code(), "store.unfit");
    assert_eq!(store.forget_samples(7).await.unwrap(), 2);
    assert_eq!(store.samples("guidong-primary", 0, 100).await.unwrap(), [sample(7, 1.0)]);
}

#[tokio::test]
async fn evidence_comes_back_by_hash_and_a_changed_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { evidence_bytes_max: 10, ..Settings::new(dir.path()) };
    let store = Store::open(settings).await.unwrap();
    let hash = store.put_evidence(b"picture".to_vec(), START).await.unwrap();
    assert_eq!(store.put_evidence(b"picture".to_vec(), START).await.unwrap(), hash);
    assert_eq!(store.evidence(&hash).await.unwrap(), b"picture");
    assert_eq!(store.evidence(&sha256(b"other")).await.unwrap_err().code(), "store.missing");
    assert_eq!(store.put_evidence(vec![0; 11], START).await.unwrap_err().code(), "store.unfit");

    let name = hex::encode(hash);
    let file = dir.path().join("evidence").join(&name[..2]).join(&name);
    std::fs::write(&file, b"painted").unwrap();
    assert_eq!(store.evidence(&hash).await.unwrap_err().code(), "store.damaged");
    let found = store.verify(&[]).await.unwrap().problem.unwrap();
    assert!(found.to_string().starts_with(&format!("evidence {name}: was changed")), "{found}");
    std::fs::remove_file(&file).unwrap();
    let found = store.verify(&[]).await.unwrap().problem.unwrap();
    assert_eq!(found.to_string(), format!("evidence {name}: is missing"));
    store.put_evidence(b"picture".to_vec(), START).await.unwrap();
    assert!(store.verify(&[]).await.unwrap().is_whole());
    assert_eq!(store.forget_evidence(START + Span(1)).await.unwrap(), 1);
    assert!(!file.exists() && store.verify(&[]).await.unwrap().is_whole());
}

#[tokio::test]
async fn a_recording_is_bounded_and_read_back_up_to_a_torn_end() {
    let dir = tempfile::tempdir().unwrap();
    let settings = recording::Settings {
        file_bytes: 200,
        files: 3,
        buffer_bytes: 50,
        ..recording::Settings::new(dir.path())
    };
    let mut recorder = Recorder::open(settings.clone()).await.unwrap();
    for number in 0..100_i64 {
        recorder.append(Utc(number), format!("input {number}").as_bytes()).await.unwrap();
    }
    recorder.flush().await.unwrap();
    let recorded = read_recording(dir.path()).unwrap();
    let times: Vec<i64> = recorded.inputs.iter().map(|input| input.at.0).collect();
    assert_eq!(times, (100 - times.len() as i64..100).collect::<Vec<_>>(), "the newest, in order");
    assert!(times.len() < 40 && !times.is_empty() && recorded.torn.is_empty());
    assert_eq!(recorded.inputs.last().unwrap().bytes, b"input 99");

    // A crash in the middle of a frame, then a new start.
    recorder.append(Utc(100), b"lost").await.unwrap();
    recorder.flush().await.unwrap();
    let mut files: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 3);
    let torn = files.pop().unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&torn).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    let mut recorder = Recorder::open(settings).await.unwrap();
    recorder.append(Utc(101), b"next").await.unwrap();
    recorder.flush().await.unwrap();
    let recorded = read_recording(dir.path()).unwrap();
    assert_eq!(recorded.torn, [torn]);
    assert_eq!(recorded.inputs.last().unwrap().at, Utc(101));
    assert!(recorded.inputs.iter().all(|input| input.at != Utc(100)));
}
