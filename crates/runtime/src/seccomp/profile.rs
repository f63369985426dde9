//! Profiles: what the default one says, and the file format (that of the OCI runtime specification and of Docker).

use serde::Deserialize;

use super::Error;
use super::syscalls::{ALLOWED, WITH_CAPABILITY};

/// What happens to a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum Action {
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    #[serde(rename = "SCMP_ACT_KILL", alias = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
}

/// How an argument is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)]
pub enum Operator {
    #[serde(rename = "SCMP_CMP_NE")]
    NotEqual,
    #[serde(rename = "SCMP_CMP_LT")]
    Less,
    #[serde(rename = "SCMP_CMP_LE")]
    LessOrEqual,
    #[serde(rename = "SCMP_CMP_EQ")]
    Equal,
    #[serde(rename = "SCMP_CMP_GE")]
    GreaterOrEqual,
    #[serde(rename = "SCMP_CMP_GT")]
    Greater,
    /// The argument and `value` together equal `valueTwo`.
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEqual,
}

/// A condition on one argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which argument, from 0.
    pub index: u32,
    /// What it is compared with.
    pub value: u64,
    /// The second operand of `MaskedEqual`.
    #[serde(default)]
    pub value_two: u64,
    /// How.
    pub op: Operator,
}

/// What happens to some system calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Their names; those that the kernel's headers do not know are passed over.
    #[serde(default)]
    pub names: Vec<String>,
    /// What happens.
    pub action: Action,
    /// The error that `Errno` returns; EPERM where not given.
    #[serde(default)]
    pub errno_ret: Option<i32>,
    /// All must hold.
    #[serde(default)]
    pub args: Vec<Condition>,
}

/// A profile.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// What happens to system calls without a rule.
    pub default_action: Action,
    /// As for a rule.
    #[serde(default)]
    pub default_errno_ret: Option<i32>,
    /// The rules.
    #[serde(default)]
    pub syscalls: Vec<Rule>,
}

/// Namespaces that `clone` may not make without `CAP_SYS_ADMIN`: mount, cgroup, uts, ipc, user, pid, net.
const NAMESPACE_FLAGS: u64 = 0x7E02_0000;
const ENOSYS: i32 = 38;
const AF_VSOCK: u64 = 40;

impl Profile {
    /// Reads a profile file.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        Ok(serde_json::from_slice(text)?)
    }

    /// `RuntimeDefault` for a process that may have `capabilities` (names with `CAP_`).
    pub fn runtime_default(capabilities: &[String]) -> Self {
        let has = |name: &str| capabilities.iter().any(|capability| capability == name);
        let mut syscalls = vec![allow(ALLOWED, None)];
        for (capability, names) in WITH_CAPABILITY {
            if has(capability) {
                syscalls.push(allow(names, None));
            }
        }
        for persona in [0x0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF] {
            syscalls.push(allow(
                "personality",
                Some(condition(Operator::Equal, persona, 0)),
            ));
        }
        syscalls.push(allow(
            "socket",
            Some(condition(Operator::NotEqual, AF_VSOCK, 0)),
        ));
        if !has("CAP_SYS_ADMIN") {
            syscalls.push(allow(
                "clone",
                Some(condition(Operator::MaskedEqual, NAMESPACE_FLAGS, 0)),
            ));
            // Its flags lie in memory where no filter sees them; C libraries fall back to `clone` when told there is none.
            syscalls.push(Rule {
                names: vec!["clone3".into()],
                action: Action::Errno,
                errno_ret: Some(ENOSYS),
                args: Vec::new(),
            });
        }
        Self {
            default_action: Action::Errno,
            default_errno_ret: None,
            syscalls,
        }
    }
}

fn allow(names: &str, on_first_argument: Option<Condition>) -> Rule {
    let names = names.split_whitespace().map(str::to_owned).collect();
    Rule {
        names,
        action: Action::Allow,
        errno_ret: None,
        args: on_first_argument.into_iter().collect(),
    }
}

fn condition(op: Operator, value: u64, value_two: u64) -> Condition {
    Condition {
        index: 0,
        value,
        value_two,
        op,
    }
}
