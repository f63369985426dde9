//! What a process and its shims take, by the kernel's own count.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::figures::{self, float};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The process.
    #[arg(long, value_name = "PID")]
    pid: u32,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let own = Memory::of(args.pid)?;
    own.print("process");
    let shims: Vec<Memory> = shims(args.pid)?
        .into_iter()
        .filter_map(|pid| Memory::of(pid).ok())
        .collect();
    let all = shims
        .iter()
        .fold(Memory::default(), |sum, one| sum.plus(one));
    figures::print("shims", float(shims.len() as u64), "processes");
    all.print("shims");
    own.plus(&all).print("all");
    Ok(())
}

/// KiB.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Memory {
    resident: u64,
    /// Pages that several have are shared out among them.
    pub(super) proportional: u64,
}

impl Memory {
    pub(super) fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        Self::parse(&text).context(path)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name))?;
            value.trim().strip_suffix(" kB")?.parse().ok()
        };
        Some(Self {
            resident: field("Rss:")?,
            proportional: field("Pss:")?,
        })
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            resident: self.resident + other.resident,
            proportional: self.proportional + other.proportional,
        }
    }

    fn print(&self, name: &str) {
        figures::print(&format!("{name}_rss"), float(self.resident) / 1024.0, "MiB");
        figures::print(
            &format!("{name}_pss"),
            float(self.proportional) / 1024.0,
            "MiB",
        );
    }
}

/// Processes that were started as shims: by this one, or by one before it, whose shims are nobody's children now.
fn shims(pid: u32) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(other) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let words = fs::read(format!("/proc/{other}/cmdline")).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{other}/stat")).unwrap_or_default();
        let ours = match parent(&stat) {
            Some(INIT) => network(other).is_some() && network(other) == network(pid),
            parent => parent == Some(pid),
        };
        if ours && is_shim(&words) {
            found.push(other);
        }
    }
    Ok(found)
}

/// Who takes over orphans.
const INIT: u32 = 1;

fn is_shim(words: &[u8]) -> bool {
    words.split(|byte| *byte == 0).nth(1) == Some(b"shim")
}

/// The parent that `/proc/PID/stat` names. A command's name may hold spaces and brackets.
fn parent(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

/// The network namespace of a process: other clusters of this machine are in others.
fn network(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/net")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let text = "5570 [rollup]\nRss:   2048 kB\nPss:    1024 kB\nPss_Dirty:  512 kB\n";
        let expected = Memory {
            resident: 2048,
            proportional: 1024,
        };
        assert_eq!(Memory::parse(text), Some(expected));
        assert_eq!(Memory::parse(""), None);
    }

    #[test]
    fn a_shim_is_known_by_its_first_word() {
        assert!(is_shim(b"/usr/bin/navarch\0shim\0--x\0"));
        assert!(!is_shim(b"/usr/bin/navarch\0up\0shim\0"));
    }

    #[test]
    fn a_parent_is_found_behind_any_name() {
        assert_eq!(parent("7 (a) b (c) S 42 7 7"), Some(42));
        assert_eq!(parent(""), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(Memory::of(std::process::id()).unwrap().resident > 0);
    }
}
