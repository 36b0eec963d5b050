//! When a child counts as hung, and what the system says of a process. The judgement is pure; reading is at the end.

use std::time::Duration;

use super::Usage;

/// A process that stands stopped for this long was not merely in passing.
pub(super) const STOPPED_AFTER: Duration = Duration::from_millis(100);
/// Beyond its limit a child that got no processor is waited for this many times as long.
const STARVED_FACTOR: u32 = 3;
/// Clock ticks a second in `/proc` (fixed on Linux for all programs).
const TICKS_PER_S: f64 = 100.0;

/// What a process is doing, as `/proc` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Stopped by a signal or a debugger.
    Stopped,
    /// Using or wanting the processor.
    Running,
    /// Waiting for something.
    Waiting,
}

/// Whether to wait on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It may still answer.
    Wait,
    /// It will not answer.
    Hung,
}

/// What a process did since a request was given to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    /// What it does now.
    pub(super) doing: Doing,
    /// Processor time since then.
    pub(super) cpu: Duration,
    /// Time since then.
    pub(super) elapsed: Duration,
}

/// Whether a child that has worked on a request like this is to be waited for. A child that is merely kept from the
/// processor by others is not hung.
pub(super) fn judge(effort: Effort, limit: Duration) -> Patience {
    let Effort { doing, cpu, elapsed } = effort;
    let over = match doing {
        Doing::Stopped | Doing::Waiting => elapsed >= limit,
        Doing::Running => cpu >= limit || elapsed >= limit * STARVED_FACTOR,
    };
    if over { Patience::Hung } else { Patience::Wait }
}

/// What a process does and how much processor time it has used in all; `None` when there is no such process.
pub(super) fn look(pid: u32) -> Option<(Doing, Duration)> {
    let stat = Stat::read(pid)?;
    let doing = match stat.state {
        'T' | 't' => Doing::Stopped,
        'R' => Doing::Running,
        _ => Doing::Waiting,
    };
    Some((doing, Duration::from_secs_f64(stat.cpu_s)))
}

/// What a process holds; `None` when there is no such process.
pub(super) fn usage(pid: u32) -> Option<Usage> {
    let stat = Stat::read(pid)?;
    Some(Usage { pid, rss_bytes: stat.rss_pages * 4096, cpu_s: stat.cpu_s, threads: stat.threads })
}

struct Stat {
    state: char,
    cpu_s: f64,
    threads: u32,
    rss_pages: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        if pid == 0 {
            return None;
        }
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// proc(5): the name in parentheses may hold anything, so the fields are counted from the last parenthesis.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let ticks = number(14)? + number(15)?;
        Some(Self {
            state: fields.first()?.chars().next()?,
            cpu_s: u32::try_from(ticks).map_or(f64::MAX, f64::from) / TICKS_PER_S,
            threads: u32::try_from(number(20)?).ok()?,
            rss_pages: number(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starved_is_not_hung() {
        let ms = Duration::from_millis;
        let limit = ms(500);
        let cases = [
            ("fresh", Doing::Waiting, 0, 100, Patience::Wait),
            ("stopped", Doing::Stopped, 0, 500, Patience::Hung),
            ("waits for ever", Doing::Waiting, 10, 500, Patience::Hung),
            ("spins", Doing::Running, 500, 520, Patience::Hung),
            ("starved", Doing::Running, 80, 900, Patience::Wait),
            ("starved too long", Doing::Running, 80, 1500, Patience::Hung),
        ];
        for (name, doing, cpu, elapsed, expected) in cases {
            let effort = Effort { doing, cpu: ms(cpu), elapsed: ms(elapsed) };
            assert_eq!(judge(effort, limit), expected, "{name}");
        }
    }

    #[test]
    fn a_process_with_any_name_is_read() {
        let text = "42 (a) b (c) T 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 25 5 7 0 100 1000000 256 18446744073709551615";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.state, stat.cpu_s, stat.threads, stat.rss_pages), ('T', 2.0, 7, 256));
        assert!(Stat::parse("").is_none() && Stat::parse("1 (x) R").is_none());
        let own = usage(std::process::id()).unwrap();
        assert!(own.rss_bytes > 1 << 20 && own.threads >= 1);
    }
}
