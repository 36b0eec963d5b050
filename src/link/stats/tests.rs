//! Known runs and their figures.

use crate::observation::{Quality, QualityFlaw};

use super::super::raw::{FarSide, RawReply, RawRun, Remembered, SentPacket};
use super::loss::reordered;
use super::*;

const MS: i64 = 1_000_000;

/// What happens to one probe on its way.
#[derive(Debug, Clone, Copy)]
enum Way {
    Through,
    LostOut,
    LostBack,
}

/// A run of probes 20 ms apart through a line of 10 ms each way, with a reflector that counts.
fn run(ways: &[Way]) -> RawRun {
    let mut run = RawRun::default();
    let mut number = 0;
    for (at, way) in ways.iter().enumerate() {
        let left = at as i64 * 20 * MS;
        run.sent.push(SentPacket { program_ns: left - 5000, kernel_ns: Some(left) });
        match way {
            Way::LostOut => continue,
            Way::LostBack => {}
            Way::Through => run.replies.push(RawReply {
                probe: at as u32,
                seq: number,
                reached_ns: left + 10 * MS,
                left_ns: left + 11 * MS,
                back_ns: left + 21 * MS,
                back_by_kernel: true,
                ..RawReply::default()
            }),
        }
        number += 1;
    }
    run
}

fn memory(ways: &[Way]) -> FarSide {
    let mut bitmap = vec![0; ways.len().div_ceil(8)];
    let reached = ways.iter().enumerate().filter(|(_, way)| !matches!(way, Way::LostOut));
    let replies = reached.map(|(at, _)| bitmap[at / 8] |= 1 << (at % 8)).count() as u32;
    FarSide::Remembered(Remembered { received: replies, replies, bitmap, ..Remembered::default() })
}

use Way::{LostBack as B, LostOut as O, Through as T};

#[test]
fn loss_goes_to_its_direction_exactly_when_the_reflector_remembers() {
    let ways = [T, O, O, T, B, T, B, O, B, T, O, B];
    let stats = reduce(&RawRun { far_side: memory(&ways), ..run(&ways) }, Side::Hub);
    assert_eq!((stats.sent, stats.answered, stats.unplaced), (12, 4, 0));
    assert_eq!((stats.to_venue.sent, stats.to_venue.lost), (12, 4));
    assert_eq!((stats.from_venue.sent, stats.from_venue.lost), (8, 4));
    assert_eq!(stats.to_venue.bursts, [(1, 2), (2, 1)].into());
    assert_eq!(stats.from_venue.bursts, [(1, 2), (2, 1)].into());
    let second = stats.loss_seconds[0];
    assert_eq!((second.sent, second.to_venue, second.from_venue), (11, 4, 4));
}

#[test]
fn seen_from_the_venue_the_directions_change_their_names() {
    let ways = [T, O, O, T];
    let stats = reduce(&RawRun { far_side: memory(&ways), ..run(&ways) }, Side::Venue);
    assert_eq!((stats.from_venue.lost, stats.to_venue.lost), (2, 0));
}

#[test]
fn a_counting_reflector_places_loss_by_its_numbers() {
    let ways = [T, O, O, T, B, T, O, B, T, B, B, O];
    let cases = [
        (FarSide::Counted { low: 8, high: 8 }, (4, 4, 0)),
        (FarSide::Silent, (3, 2, 3)),
        (FarSide::Stateless, (0, 0, 8)),
        (FarSide::Counted { low: 7, high: 8 }, (5, 3, 1)),
    ];
    for (far_side, expected) in cases {
        let stats = reduce(&RawRun { far_side: far_side.clone(), ..run(&ways) }, Side::Hub);
        let found = (stats.to_venue.lost, stats.from_venue.lost, stats.unplaced);
        assert_eq!(found, expected, "{far_side:?}");
    }
}

#[test]
fn nothing_back_places_nothing() {
    let stats = reduce(&run(&[B, O, B]), Side::Hub);
    assert_eq!((stats.answered, stats.unplaced, stats.rtt), (0, 3, None));
    assert_eq!((stats.to_venue.received, stats.from_venue.sent), (0, 0));
}

#[test]
fn round_trips_leave_out_the_reflector_and_prefer_kernel_stamps() {
    let stats = reduce(&RawRun { far_side: memory(&[T; 4]), ..run(&[T; 4]) }, Side::Hub);
    let rtt = stats.rtt.unwrap();
    assert_eq!((rtt.min_ms, rtt.p50_ms, rtt.p99_ms), (20.0, 20.0, 20.0));
    assert_eq!(stats.clock_offset_ms, Some((0.0, 10.0)));
    let with_follow_up =
        RawRun { follow_ups: (0..4).map(|n| (n, n as i64 * 20 * MS + 13 * MS)).collect(), ..run(&[T; 4]) };
    assert_eq!(reduce(&with_follow_up, Side::Hub).rtt.unwrap().p50_ms, 18.0);
}

#[test]
fn variation_is_taken_between_neighbours_only() {
    let mut run = run(&[T, T, O, T, T]);
    for (reply, extra_ms) in run.replies.iter_mut().zip([0, 3, 50, 51]) {
        reply.reached_ns += extra_ms * MS;
    }
    let stats = reduce(&run, Side::Hub);
    assert_eq!(stats.to_venue.ipdv_mean_ms, Some(2.0));
    assert_eq!(stats.to_venue.queue_p95_ms, Some(51.0));
}

#[test]
fn copies_are_neither_loss_nor_gain() {
    let mut run = run(&[T, T, T]);
    let copy = run.replies[1];
    run.replies.push(copy);
    run.replies.swap(0, 1);
    let stats = reduce(&run, Side::Hub);
    assert_eq!((stats.answered, stats.from_venue.duplicates, stats.from_venue.reordered), (3, 1, 1));
    assert_eq!((stats.to_venue.lost, stats.from_venue.lost), (0, 0));
}

#[test]
fn numbers_are_reordered_when_a_higher_one_came_first() {
    let cases = [(vec![0, 1, 2], 0), (vec![1, 0, 2], 1), (vec![3, 0, 1, 2, 4], 3), (vec![], 0)];
    for (numbers, expected) in cases {
        assert_eq!(reordered(numbers.iter().copied()), expected, "{numbers:?}");
    }
}

#[test]
fn a_drifting_clock_is_not_a_queue_but_a_growing_queue_is() {
    // 2,000 packets in 40 s; every fifth waits 3 ms in a queue.
    let queue_ms = |at: u32| if at.is_multiple_of(5) { 3.0 } else { 0.0 };
    let cases = [(80.0, 3.0), (-150.0, 3.0), (0.0, 3.0)];
    for (drift_ppm, expected) in cases {
        let delay = |at: u32| (1e6 * (queue_ms(at) + 20.0 * f64::from(at) * drift_ppm / 1e6)) as i64;
        let delays = (0..2000).map(|at| (at, (i64::from(at) * 20 * MS, delay(at)))).collect();
        let found = direction_delay(&delays).queue_p95_ms.unwrap();
        assert!((found - expected).abs() < 0.01, "{drift_ppm}: {found}");
    }
    let growing = (0..2000).map(|at| (at, (i64::from(at) * 20 * MS, i64::from(at) * MS / 50))).collect();
    assert!(direction_delay(&growing).queue_p95_ms.unwrap() > 37.0);
}

#[test]
fn a_run_names_its_own_flaws() {
    let good = RawRun { far_side: memory(&[T; 50]), ..run(&[T; 50]) };
    assert_eq!(reduce(&good, Side::Hub).quality, Quality::Good);
    let mut late = good.clone();
    late.sending.late_us = (0..100).map(|n| if n < 98 { 100 } else { 9000 }).collect();
    assert_eq!(
        reduce(&late, Side::Hub).quality,
        Quality::Degraded(vec![QualityFlaw::LateSending { p99_ms: 9.0 }])
    );
    let full = RawRun { overflow: 1, ..good.clone() };
    assert_eq!(
        reduce(&full, Side::Hub).quality,
        Quality::Invalid(vec![QualityFlaw::QueueOverflow { packets: 1 }])
    );
    let stepped = RawRun { clock_step_ns: -5 * MS, ..good };
    assert_eq!(
        reduce(&stepped, Side::Hub).quality,
        Quality::Degraded(vec![QualityFlaw::ClockStepped { ms: -5.0 }])
    );
}
