//! How this machine is: CPU, memory, temperature, disk. Read from the kernel's text files by total parsers.

use std::fs;

/// Reads the machine's condition again and again; the CPU's share needs two looks.
#[derive(Debug, Default)]
pub(super) struct Machine {
    last: Option<CpuTimes>,
}

/// CPU time since the machine started, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CpuTimes {
    busy: u64,
    all: u64,
}

impl Machine {
    /// Percent of all cores used since the last look; `None` at the first.
    pub(super) fn cpu_pct(&mut self) -> Option<f64> {
        let now = cpu_times(&fs::read_to_string("/proc/stat").ok()?)?;
        let before = self.last.replace(now)?;
        let all = now.all.checked_sub(before.all).filter(|all| *all > 0)?;
        Some(now.busy.saturating_sub(before.busy) as f64 * 100.0 / all as f64)
    }
}

/// Memory this process holds, MiB.
pub(super) fn memory_mib() -> Option<u64> {
    resident_mib(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The hottest sensor, degrees Celsius; `None` on machines without one.
pub(super) fn temperature_c() -> Option<f64> {
    let zones = fs::read_dir("/sys/class/thermal").ok()?;
    let readings = zones.flatten().filter_map(|zone| fs::read_to_string(zone.path().join("temp")).ok());
    readings.filter_map(|text| degrees(&text)).max_by(f64::total_cmp)
}

/// The first line of `/proc/stat` (proc(5)): user nice system idle iowait irq softirq steal.
fn cpu_times(stat: &str) -> Option<CpuTimes> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().take(8).map_while(|n| n.parse().ok()).collect();
    let idle = ticks.get(3)?.saturating_add(*ticks.get(4)?);
    let all = ticks.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
    Some(CpuTimes { busy: all.saturating_sub(idle), all })
}

fn resident_mib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

/// Thousandths of a degree; sensors that are not there report absurd values.
fn degrees(text: &str) -> Option<f64> {
    let milli: i64 = text.trim().parse().ok()?;
    (-40_000..=150_000).contains(&milli).then_some(milli as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read_and_nonsense_is_absent() {
        let stat = "cpu  10 1 5 100 20 2 2 0 0 0\ncpu0 1 2 3\n";
        assert_eq!(cpu_times(stat), Some(CpuTimes { busy: 20, all: 140 }));
        for bad in ["", "cpu", "cpu  1 2", "intr 1 2 3 4 5"] {
            assert_eq!(cpu_times(bad), None, "{bad}");
        }
        assert_eq!(resident_mib("Name:\tx\nVmRSS:\t   20480 kB\n"), Some(20));
        assert_eq!(resident_mib("VmRSS: much\n"), None);
        assert_eq!((degrees("47500\n"), degrees("-273000"), degrees("")), (Some(47.5), None, None));
    }
}
