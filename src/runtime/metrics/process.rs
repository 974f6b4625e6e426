//! Memory and CPU time of this process, from `/proc`. Where there is none, they read 0.

use std::time::{SystemTime, UNIX_EPOCH};

/// Ticks of `/proc/self/stat` a second: fixed at 100 for user space on every Linux architecture we build for.
const TICKS: f64 = 100.0;

/// One reading.
pub(super) struct Reading {
    pub(super) resident_bytes: i64,
    pub(super) cpu_seconds: f64,
}

pub(super) fn read() -> Reading {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    Reading { resident_bytes: resident_bytes(&status), cpu_seconds: cpu_seconds(&stat) }
}

/// `VmRSS:   1234 kB`
fn resident_bytes(status: &str) -> i64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")).and_then(|text| text.trim().parse::<i64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Fields 14 and 15, counted after the program's name, which may itself hold spaces and brackets.
fn cpu_seconds(stat: &str) -> f64 {
    let Some((_, after)) = stat.rsplit_once(')') else { return 0.0 };
    let fields = after.split_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS
}

/// Now: this is asked once, when the process begins to count.
pub(super) fn started_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_name_does_not_shift_the_fields() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 3";
        assert_eq!(cpu_seconds(stat), 3.0);
        assert_eq!(resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    12 kB\n"), 12_288);
        assert_eq!((cpu_seconds(""), resident_bytes("")), (0.0, 0));
    }
}
