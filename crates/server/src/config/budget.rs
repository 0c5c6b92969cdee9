//! How much memory something may take: so much, or a share of the machine's.

use std::{fs, ops::RangeInclusive};

use yaml_serde::Value;

use super::units;

/// A limit on memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Budget {
    /// `auto`: a share of what the machine has.
    #[default]
    Auto,
    /// So many bytes.
    Bytes(usize),
}

impl Budget {
    pub(super) fn read(value: &Value, range: &RangeInclusive<usize>) -> Result<Self, String> {
        match value.as_str() {
            Some("auto") => Ok(Budget::Auto),
            _ => units::size(value, range)
                .map(Budget::Bytes)
                .map_err(|error| format!("{error}, or auto")),
        }
    }

    /// In bytes, where `auto` means so many.
    pub(crate) fn or(self, auto: usize) -> usize {
        match self {
            Budget::Auto => auto,
            Budget::Bytes(bytes) => bytes,
        }
    }
}

/// What there is where nothing says how much.
const MEMORY_BYTES_UNKNOWN: usize = 2 << 30;

/// The memory that this process may use: the machine's, or what its control group (a container, a systemd unit) is given of it.
pub(crate) fn memory_bytes() -> usize {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text));
    let group = fs::read_to_string("/proc/self/cgroup").ok();
    let group = group.as_deref().and_then(group_path).into_iter().chain(["/"]);
    let group = group.filter_map(|path| fs::read_to_string(format!("/sys/fs/cgroup{path}/memory.max")).ok());
    let group = group.filter_map(|text| text.trim().parse().ok()).min();
    match (machine, group) {
        (Some(machine), Some(group)) => machine.min(group),
        (found, None) | (None, found) => found.unwrap_or(MEMORY_BYTES_UNKNOWN),
    }
}

fn total(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The path in the one hierarchy of cgroup v2.
fn group_path(cgroup: &str) -> Option<&str> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_as_the_kernel_tells_it() {
        let text = "MemTotal:       24571968 kB\nMemFree:        1 kB\n";
        assert_eq!(total(text), Some(24_571_968 * 1024));
        assert_eq!(total("MemFree: 1 kB"), None);
        assert_eq!(
            group_path("1:x:/y\n0::/system.slice/hub.service\n"),
            Some("/system.slice/hub.service")
        );
        assert_eq!(group_path(""), None);
        assert!(memory_bytes() > 16 << 20);
    }
}
