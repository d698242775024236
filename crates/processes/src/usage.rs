//! What the kernel of Linux counts of processes.

use std::time::Duration;

use crate::Process;

impl Process {
    /// User and system time so far.
    pub fn cpu(&self) -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: both calls fill plain data, and say so when they do not.
        let known = unsafe {
            let mut clock = 0;
            libc::clock_getcpuclockid(self.id() as libc::pid_t, &raw mut clock) == 0
                && libc::clock_gettime(clock, &raw mut time) == 0
        };
        assert!(known, "it runs");
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }

    /// The most memory that has ever been resident, in bytes: no peak between two looks is missed. `None` of one that has ended.
    pub fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
    }
}

/// CPU time of this process so far.
pub fn own_cpu() -> Duration {
    // SAFETY: rusage is plain data, and filled by the call.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}
