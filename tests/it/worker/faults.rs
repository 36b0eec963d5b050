//! Workers that are killed, stopped, fed with garbage or left alone: others go on, nothing is left behind.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use vcops::domain::stream::{AudioCodec, VideoCodec};
use vcops::metrics::Counters;
use vcops::worker::kind::{AudioKind, VideoFeed, VideoKind, VideoPreset};
use vcops::worker::picture::{Pictures, Want};
use vcops::worker::pool::{Pool, PoolSettings};
use vcops::worker::session::{After, VideoSession, WorkerError};
use vcops::worker::sound::SoundFrame;

use super::{KEYFRAMES, PATIENCE, encode, encoding, pool, settings, unit};

const LIMIT: Duration = Duration::from_secs(20);

async fn key(pool: &Pool) -> Bytes {
    encode(pool, encoding(VideoPreset::X264Cbr), 1).await.units[0].data.clone()
}

async fn ask(session: &mut VideoSession, key: &Bytes) -> Result<Pictures, WorkerError> {
    session.decode(vec![unit(1, key, Want::Luma)], After::Keep, PATIENCE).await
}

/// Asks until there is a picture again.
async fn recover(session: &mut VideoSession, key: &Bytes) -> Duration {
    let since = Instant::now();
    while !ask(session, key).await.is_ok_and(|done| done.pictures.len() == 1) {
        assert!(since.elapsed() < LIMIT, "no picture any more");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    since.elapsed()
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

fn is_gone(pid: u32) -> bool {
    !std::path::Path::new(&format!("/proc/{pid}")).exists()
}

async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < LIMIT, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn restarts(counters: &Counters, reason: &str) -> u64 {
    counters.worker_restarts.with_label_values(&[reason]).get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_is_replaced_and_the_other_ones_sessions_never_notice() {
    let (pool, counters) = pool(2);
    let key = key(&pool).await;
    wait_until("both children run", || pool.usage().len() == 2).await;
    let (mut here, mut there) = (pool.video(KEYFRAMES), pool.video(KEYFRAMES));
    ask(&mut here, &key).await.unwrap();
    ask(&mut there, &key).await.unwrap();
    let before = (here.generation(), there.generation());
    assert_ne!(before.0, before.1, "two sessions sit at two children");
    let pids: BTreeSet<u32> = pool.usage().iter().map(|usage| usage.pid).collect();
    let victim = *pids.first().unwrap();
    signal(victim, Signal::KILL);
    let mut replaced = recover(&mut here, &key).await;
    replaced = replaced.max(recover(&mut there, &key).await);
    println!("a picture again after {} ms", replaced.as_millis());
    let after = (here.generation(), there.generation());
    assert_eq!(
        usize::from(before.0 == after.0) + usize::from(before.1 == after.1),
        1,
        "{before:?} {after:?}"
    );
    assert_eq!(restarts(&counters, "died"), 1);
    assert!(is_gone(victim), "a zombie is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_worker_is_noticed_even_when_nobody_asks() {
    let (pool, counters) = pool(1);
    let key = key(&pool).await;
    let mut session = pool.video(KEYFRAMES);
    ask(&mut session, &key).await.unwrap();
    let victim = pool.usage()[0].pid;
    let since = Instant::now();
    signal(victim, Signal::STOP);
    wait_until("the stopped child is noticed", || restarts(&counters, "stopped") == 1).await;
    println!("noticed after {} ms", since.elapsed().as_millis());
    wait_until("it is gone", || is_gone(victim)).await;
    recover(&mut session, &key).await;
    println!("a picture again {} ms after the stop", since.elapsed().as_millis());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_a_stopped_workers_hands_is_answered() {
    let (pool, _) = pool(1);
    let key = key(&pool).await;
    let mut session = pool.video(KEYFRAMES);
    ask(&mut session, &key).await.unwrap();
    signal(pool.usage()[0].pid, Signal::STOP);
    let mut second = pool.video(KEYFRAMES);
    let (first, second) = tokio::join!(ask(&mut session, &key), ask(&mut second, &key));
    assert_eq!((first, second), (Err(WorkerError::Crashed), Err(WorkerError::Gone)));
    recover(&mut session, &key).await;
}

/// Numbers without a pattern, the same in each run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_gives_no_picture_and_leaves_the_decoder_usable() {
    let (pool, counters) = pool(1);
    let coded = encode(&pool, encoding(VideoPreset::X264Cbr), 20).await;
    let key = coded.units[0].data.clone();
    let kinds = [
        KEYFRAMES,
        VideoKind { feed: VideoFeed::Continuous, ..KEYFRAMES },
        VideoKind { codec: VideoCodec::H265, ..KEYFRAMES },
    ];
    for seed in 0..60 {
        let mut damaged = key.to_vec();
        let at = usize::try_from(seed).unwrap() * damaged.len() / 60;
        damaged[at..].iter_mut().zip(noise(seed, 40)).for_each(|(byte, noise)| *byte ^= noise);
        let garbage = [
            Bytes::from(noise(seed, 3000)),
            Bytes::from(damaged),
            key.slice(..key.len() * usize::try_from(seed).unwrap() / 60),
            Bytes::from([&[0, 0, 0, 1, 0x65][..], &noise(seed, 500)].concat()),
            coded.units[5].data.clone(),
        ];
        let mut session = pool.video(kinds[usize::try_from(seed).unwrap() % 3]);
        for data in &garbage {
            // Whatever it says, it says something.
            let _ = ask(&mut session, data).await;
        }
    }
    let mut session = pool.video(KEYFRAMES);
    assert_eq!(ask(&mut session, &key).await.unwrap().pictures.len(), 1);
    assert_eq!(restarts(&counters, "hung"), 0, "garbage made a decoder hang");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_in_sound_is_no_end() {
    let (pool, _) = pool(1);
    for codec in [AudioCodec::Opus, AudioCodec::Aac, AudioCodec::Pcma, AudioCodec::G722] {
        for seed in 0..20 {
            let kind = AudioKind { codec, rate_hz: 48_000, channels: 2, config: noise(seed, 2) };
            let mut session = pool.audio(kind);
            let frame = |at: u64| SoundFrame { pts_us: 0, data: noise(seed * 50 + at, 120).into() };
            let _ = session.levels((0..20).map(frame).collect(), PATIENCE).await;
        }
    }
    let key = key(&pool).await;
    recover(&mut pool.video(KEYFRAMES), &key).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_beyond_the_memory_limit_ends_one_child_alone() {
    let counters = Arc::new(Counters::new());
    let tight = PoolSettings { children: 1, memory_mib: 400, ..settings() };
    let pool = Pool::start(tight, Arc::clone(&counters));
    let (roomy, _) = super::pool(1);
    let (small, large) = (key(&roomy).await, large_key(&roomy).await);
    let mut session = pool.video(KEYFRAMES);
    recover(&mut session, &small).await;
    let mut others = roomy.video(KEYFRAMES);
    for _ in 0..6 {
        // Refused, without a picture or with the end of its child: all of it is allowed, waiting for ever is not.
        let answer = tokio::time::timeout(LIMIT, ask(&mut session, &large)).await.unwrap();
        println!("a large picture in a tight child: {:?}", answer.map(|done| done.pictures.len()));
        assert_eq!(ask(&mut others, &small).await.unwrap().pictures.len(), 1);
    }
    recover(&mut session, &small).await;
}

async fn large_key(pool: &Pool) -> Bytes {
    let wide =
        vcops::worker::kind::VideoEncoding { width: 4096, height: 2304, ..encoding(VideoPreset::OpenH264) };
    let mut encoder = pool.video_encoder(wide).await.unwrap();
    let grey = vec![99u8; 4096 * 2304 * 3 / 2];
    let frame = vcops::worker::session::RawFrame { pts_us: 0, data: grey.into() };
    match encoder.encode(vec![frame], After::Drain).await {
        Ok(coded) => coded.units[0].data.clone(),
        Err(error) => panic!("the large picture could not be made: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loop_is_slowed_down_and_answers_at_once() {
    let counters = Arc::new(Counters::new());
    let broken = PoolSettings { program: "/bin/false".into(), children: 1, ..settings() };
    let pool = Pool::start(broken, Arc::clone(&counters));
    let mut session = pool.video(KEYFRAMES);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let since = Instant::now();
    let answer = ask(&mut session, &Bytes::from_static(b"x")).await;
    assert_eq!(answer, Err(WorkerError::Gone));
    assert!(since.elapsed() < LIMIT);
    assert!((3..=12).contains(&restarts(&counters, "died")), "{} restarts", restarts(&counters, "died"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_ends_leave_no_process_and_no_descriptor() {
    let (pool, counters) = pool(1);
    let key = key(&pool).await;
    let mut session = pool.video(KEYFRAMES);
    recover(&mut session, &key).await;
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let mut pids = BTreeSet::new();
    // Each life is short, so this is also a crash loop: the sixth start already waits a second.
    for round in 1..=5u64 {
        let pid = pool.usage()[0].pid;
        pids.insert(pid);
        signal(pid, Signal::KILL);
        wait_until("the end is noticed", || restarts(&counters, "died") == round).await;
        recover(&mut session, &key).await;
    }
    assert_eq!(pids.len(), 5);
    wait_until("all are gone", || pids.iter().all(|&pid| is_gone(pid))).await;
    wait_until("descriptors are given back", || open() <= before + 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_end_with_the_pool_and_with_its_last_session() {
    let (pool, _) = pool(2);
    wait_until("both children run", || pool.usage().len() == 2).await;
    let pids: Vec<u32> = pool.usage().iter().map(|usage| usage.pid).collect();
    pool.stop().await;
    wait_until("stopped children are gone", || pids.iter().all(|&pid| is_gone(pid))).await;
    let after = ask(&mut pool.video(KEYFRAMES), &Bytes::from_static(b"x")).await;
    assert_eq!(after, Err(WorkerError::Stopped));
    let (second, _) = super::pool(1);
    wait_until("the child runs", || second.usage().len() == 1).await;
    let pid = second.usage()[0].pid;
    drop(second);
    wait_until("an unneeded child is gone", || is_gone(pid)).await;
}

#[test]
fn a_worker_ends_when_its_input_does() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vcops"))
        .arg("worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdin.take());
    let since = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < LIMIT, "it lives on without a parent");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_worker_is_not_offered_to_people() {
    let help = Command::new(env!("CARGO_BIN_EXE_vcops")).arg("--help").output().unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("worker"));
}
