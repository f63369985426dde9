//! Profiles into programs.

use std::io::{Read, Seek};

use libseccomp::{
    ScmpAction, ScmpArch, ScmpArgCompare, ScmpCompareOp, ScmpFilterContext, ScmpSyscall,
};

use super::Error;
use super::profile::{Action, Condition, Operator, Profile};

/// What `Errno` returns where nothing else is said.
const EPERM: i32 = 1;

/// Compiles a profile for this machine (and its 32-bit sibling): an array of the kernel's `struct sock_filter`, 8 bytes each.
///
/// # Errors
/// Where a rule contradicts itself, as the same argument compared twice.
pub fn compile(profile: &Profile) -> Result<Vec<u8>, Error> {
    let default_action = action(profile.default_action, profile.default_errno_ret);
    let mut filter = ScmpFilterContext::new(default_action)?;
    // A tree over the numbers: some ten comparisons for a call in place of some hundred.
    filter.set_ctl_optimize(2)?;
    #[cfg(target_arch = "x86_64")]
    for other in [ScmpArch::X86, ScmpArch::X32] {
        filter.add_arch(other)?;
    }
    #[cfg(target_arch = "aarch64")]
    filter.add_arch(ScmpArch::Arm)?;
    for rule in &profile.syscalls {
        let rule_action = action(rule.action, rule.errno_ret);
        if rule_action == default_action {
            continue;
        }
        let conditions: Vec<ScmpArgCompare> = rule.args.iter().map(compare).collect();
        for name in &rule.names {
            let Ok(syscall) = ScmpSyscall::from_name(name) else {
                continue;
            };
            filter.add_rule_conditional(rule_action, syscall, &conditions)?;
        }
    }
    let mut file = memory_file()?;
    filter.export_bpf(&file)?;
    let mut program = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut program)?;
    Ok(program)
}

fn memory_file() -> std::io::Result<std::fs::File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    Ok(memfd_create(c"seccomp", MFdFlags::MFD_CLOEXEC)?.into())
}

fn action(action: Action, errno: Option<i32>) -> ScmpAction {
    match action {
        Action::Allow => ScmpAction::Allow,
        Action::Errno => ScmpAction::Errno(errno.unwrap_or(EPERM)),
        Action::Log => ScmpAction::Log,
        Action::Trap => ScmpAction::Trap,
        Action::Trace => ScmpAction::Trace(
            errno
                .and_then(|value| u16::try_from(value).ok())
                .unwrap_or(1),
        ),
        Action::KillThread => ScmpAction::KillThread,
        Action::KillProcess => ScmpAction::KillProcess,
    }
}

fn compare(condition: &Condition) -> ScmpArgCompare {
    let (operator, datum) = match condition.op {
        Operator::NotEqual => (ScmpCompareOp::NotEqual, condition.value),
        Operator::Less => (ScmpCompareOp::Less, condition.value),
        Operator::LessOrEqual => (ScmpCompareOp::LessOrEqual, condition.value),
        Operator::Equal => (ScmpCompareOp::Equal, condition.value),
        Operator::GreaterOrEqual => (ScmpCompareOp::GreaterEqual, condition.value),
        Operator::Greater => (ScmpCompareOp::Greater, condition.value),
        Operator::MaskedEqual => (
            ScmpCompareOp::MaskedEqual(condition.value),
            condition.value_two,
        ),
    };
    ScmpArgCompare::new(condition.index, operator, datum)
}
