//! What a process and its shims take, by the kernel's own count.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::figures;

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
struct Memory {
    resident: u64,
    /// Pages that several have are shared out among them.
    proportional: u64,
}

impl Memory {
    fn of(pid: u32) -> Result<Self> {
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

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of memory are far below 2^52 KiB"
)]
fn float(number: u64) -> f64 {
    number as f64
}

/// Processes of the same program that were started as shims. They are nobody's children: they outlive who started them.
fn shims(pid: u32) -> Result<Vec<u32>> {
    let program = program(pid).context("the process is gone, or another's")?;
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
        if other != pid
            && is_shim(&words)
            && program_name(&words).is_some_and(|name| Some(name) == program.file_name())
        {
            found.push(other);
        }
    }
    Ok(found)
}

fn program(pid: u32) -> Option<PathBuf> {
    let link = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    // A program that was replaced while it runs.
    Some(
        link.to_str()
            .and_then(|link| link.strip_suffix(" (deleted)"))
            .map_or_else(|| link.clone(), PathBuf::from),
    )
}

/// The name by which a command line calls its program. A shim may run from a copy without a path.
fn program_name(words: &[u8]) -> Option<&OsStr> {
    words
        .split(|byte| *byte == 0)
        .next()?
        .rsplit(|byte| *byte == b'/')
        .next()
        .map(OsStr::from_bytes)
}

fn is_shim(words: &[u8]) -> bool {
    words.split(|byte| *byte == 0).nth(1) == Some(b"shim")
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
        assert_eq!(
            program_name(b"/usr/bin/navarch\0shim\0"),
            Some(OsStr::new("navarch"))
        );
    }

    #[test]
    fn this_process_has_memory() {
        assert!(Memory::of(std::process::id()).unwrap().resident > 0);
    }
}
