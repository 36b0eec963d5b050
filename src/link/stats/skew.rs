//! Queueing delay between two clocks that run apart.
//!
//! Two clocks differ by an offset, which the smallest delay takes away, and by a rate, which would look like a queue that
//! slowly grows. The rate is the slope of the lower convex hull of the delays over time (Moon, Skelly, Towsley,
//! INFOCOM 1999): queues only ever add, so the hull touches packets that met none.

/// Clocks of computers run apart by less than this, nanoseconds per nanosecond; a steeper rise is a queue.
const DRIFT_MAX: f64 = 200e-6;

/// A point of the hull: when a packet left, and how long it took, nanoseconds.
type Point = (i64, i64);

/// Each packet's delay beyond the line that fits packets without a queue, milliseconds. `points` are in the order of
/// their numbers, which is the order of their times but for a few.
pub(super) fn queueing_ms(points: &[Point]) -> Vec<f64> {
    let mut by_time = points.to_vec();
    by_time.sort_unstable();
    let Some(&(start_ns, _)) = by_time.first() else {
        return Vec::new();
    };
    let slope = drift(&by_time);
    let level = |&(at, delay): &Point| delay as f64 - slope * (at - start_ns) as f64;
    let least = by_time.iter().map(level).fold(f64::INFINITY, f64::min);
    by_time.iter().map(|point| (level(point) - least) / 1e6).collect()
}

/// Slope of the hull where it spans the middle of the time; 0 when it is steeper than any two clocks.
fn drift(by_time: &[Point]) -> f64 {
    let hull = lower_hull(by_time);
    let (Some(first), Some(last)) = (hull.first(), hull.last()) else {
        return 0.0;
    };
    let middle = first.0.midpoint(last.0);
    let edge = hull.windows(2).find(|edge| edge[0].0 <= middle && middle <= edge[1].0);
    let slope =
        edge.map_or(0.0, |edge| (edge[1].1 - edge[0].1) as f64 / ((edge[1].0 - edge[0].0) as f64).max(1.0));
    if slope.abs() <= DRIFT_MAX { slope } else { 0.0 }
}

/// Andrew's monotone chain, lower half.
fn lower_hull(by_time: &[Point]) -> Vec<Point> {
    let mut hull: Vec<Point> = Vec::new();
    for &point in by_time {
        while hull.len() >= 2 && !turns_up(hull[hull.len() - 2], hull[hull.len() - 1], point) {
            hull.pop();
        }
        hull.push(point);
    }
    hull
}

fn turns_up(a: Point, b: Point, c: Point) -> bool {
    let cross = |from: Point, to: Point| (i128::from(to.0 - from.0), i128::from(to.1 - from.1));
    let ((abx, aby), (acx, acy)) = (cross(a, b), cross(a, c));
    abx * acy > aby * acx
}
