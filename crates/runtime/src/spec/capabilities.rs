//! Which capabilities a container has.

use std::sync::OnceLock;

use crate::cri::{Error, Result, SecurityContext};

/// All, in the order of their numbers.
const ALL: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// What a container has if nothing is said: Docker's and containerd's set.
const DEFAULT: [&str; 14] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];

/// The capabilities, with `CAP_`, that a container with this security context gets: those asked for that the node itself has.
///
/// # Errors
/// `Invalid` for a name that is no capability.
pub fn capabilities_of(security: &SecurityContext) -> Result<Vec<String>> {
    let add = names(&security.add_capabilities, "add")?;
    let drop = names(&security.drop_capabilities, "drop")?;
    let mut have = vec![false; ALL.len()];
    for (index, name) in ALL.iter().enumerate() {
        let all = security.privileged || add.contains(&"ALL");
        let base = (DEFAULT.contains(name) || all) && !drop.contains(&"ALL");
        have[index] = (base || add.contains(name)) && !drop.contains(name) || security.privileged;
    }
    let bounding = bounding();
    let held = ALL
        .iter()
        .enumerate()
        .filter(|(index, _)| have[*index] && bounding >> index & 1 == 1);
    Ok(held.map(|(_, name)| format!("CAP_{name}")).collect())
}

fn names<'a>(given: &'a [String], verb: &str) -> Result<Vec<&'a str>> {
    given
        .iter()
        .map(|name| {
            let plain = name.strip_prefix("CAP_").unwrap_or(name);
            let known = ALL.iter().find(|known| known.eq_ignore_ascii_case(plain));
            match known {
                Some(known) => Ok(*known),
                None if plain.eq_ignore_ascii_case("ALL") => Ok("ALL"),
                None => Err(Error::Invalid(format!(
                    "unknown capability to {verb}: \"CAP_{plain}\""
                ))),
            }
        })
        .collect()
}

/// The bounding set of this process: what no child of it can have more of.
pub fn bounding() -> u64 {
    static BOUNDING: OnceLock<u64> = OnceLock::new();
    *BOUNDING.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
        line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
            .unwrap_or(0)
    })
}
