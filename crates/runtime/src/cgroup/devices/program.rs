//! Rules as a program for the kernel (`BPF_PROG_TYPE_CGROUP_DEVICE`): it is run for every use of a device and answers 1 for yes.
//!
//! Its argument is `struct bpf_cgroup_dev_ctx` of linux/bpf.h: what is done (upper half) to which kind of device (lower half), the
//! major and the minor number, 32 bits each.

use super::{Kind, Rule};

/// One instruction, as the kernel reads it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u8,
    /// The destination in the lower half, the source in the upper.
    pub(super) registers: u8,
    pub(super) offset: i16,
    pub(super) immediate: i32,
}

// linux/bpf_common.h and linux/bpf.h: classes, sizes and operations put together.
pub(super) const LOAD: u8 = 0x61;
pub(super) const COPY: u8 = 0xbf;
pub(super) const AND: u8 = 0x54;
pub(super) const SHIFT_RIGHT: u8 = 0x74;
pub(super) const SET: u8 = 0xb7;
pub(super) const SKIP_UNLESS: u8 = 0x55;
pub(super) const SKIP_UNLESS_SAME: u8 = 0x5d;
pub(super) const END: u8 = 0x95;

/// Registers: the answer, the argument (free again once it is read), and what is read from it.
const ANSWER: u8 = 0;
const ARGUMENT: u8 = 1;
const KIND: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

// linux/bpf.h: BPF_DEVCG_DEV_* and BPF_DEVCG_ACC_*.
const BLOCK: i32 = 1;
const CHARACTER: i32 = 2;
const MAKE: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;

fn instruction(code: u8, to: u8, from: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction {
        code,
        registers: to | (from << 4),
        offset,
        immediate,
    }
}

/// The program that allows what any of the rules allows.
pub(super) fn of(rules: &[Rule]) -> Vec<Instruction> {
    let load = |to, offset| instruction(LOAD, to, ARGUMENT, offset, 0);
    let mut program = vec![
        load(KIND, 0),
        instruction(AND, KIND, 0, 0, 0xffff),
        load(ACCESS, 0),
        instruction(SHIFT_RIGHT, ACCESS, 0, 0, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    for rule in rules {
        program.extend(allow(rule));
    }
    program.extend(answer(0));
    program
}

fn answer(value: i32) -> [Instruction; 2] {
    [
        instruction(SET, ANSWER, 0, 0, value),
        instruction(END, 0, 0, 0, 0),
    ]
}

/// Answers yes where the rule fits, and goes on behind itself where it does not.
fn allow(rule: &Rule) -> Vec<Instruction> {
    let bit = |has, bit| if has { bit } else { 0 };
    let allowed = bit(rule.read, READ) | bit(rule.write, WRITE) | bit(rule.make, MAKE);
    let kind = match rule.kind {
        Kind::Block => BLOCK,
        Kind::Character => CHARACTER,
    };
    let mut all = vec![
        instruction(SKIP_UNLESS, KIND, 0, 0, kind),
        // Everything that is asked for must be among what is allowed.
        instruction(COPY, ARGUMENT, ACCESS, 0, 0),
        instruction(AND, ARGUMENT, 0, 0, allowed),
        instruction(SKIP_UNLESS_SAME, ARGUMENT, ACCESS, 0, 0),
    ];
    for (register, number) in [(MAJOR, rule.major), (MINOR, rule.minor)] {
        if let Some(number) = number {
            all.push(instruction(
                SKIP_UNLESS,
                register,
                0,
                0,
                number.cast_signed(),
            ));
        }
    }
    all.extend(answer(1));
    let end = all.len();
    for (at, one) in all.iter_mut().enumerate() {
        if matches!(one.code, SKIP_UNLESS | SKIP_UNLESS_SAME) {
            // A rule has ten instructions at most.
            one.offset = i16::try_from(end - at - 1).unwrap_or(i16::MAX);
        }
    }
    all
}
