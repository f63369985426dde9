use super::program::{
    self, AND, COPY, END, Instruction, LOAD, SET, SHIFT_RIGHT, SKIP_UNLESS, SKIP_UNLESS_SAME,
};
use super::*;

/// Runs a program as the kernel does.
fn run(program: &[Instruction], argument: [u32; 3]) -> u64 {
    let mut registers = [0_u64; 16];
    let mut at = 0;
    loop {
        let one = program[at];
        let (to, from) = (
            usize::from(one.registers & 15),
            usize::from(one.registers >> 4),
        );
        let immediate = u64::from(one.immediate.cast_unsigned());
        let mut skip = 0;
        match one.code {
            LOAD => registers[to] = argument[usize::try_from(one.offset).unwrap() / 4].into(),
            COPY => registers[to] = registers[from],
            AND => registers[to] &= immediate,
            SHIFT_RIGHT => registers[to] >>= immediate,
            SET => registers[to] = immediate,
            SKIP_UNLESS if registers[to] != immediate => skip = one.offset,
            SKIP_UNLESS_SAME if registers[to] != registers[from] => skip = one.offset,
            SKIP_UNLESS | SKIP_UNLESS_SAME => {}
            END => return registers[0],
            code => panic!("{code:#x}"),
        }
        at += 1 + usize::try_from(skip).unwrap();
    }
}

/// Whether the usual rules and `extra` allow this access: `c 1:3 rw`.
fn check(extra: &[&str], access: &str, allowed: bool) {
    let lines = USUAL.iter().chain(extra);
    let rules: Vec<Rule> = lines.map(|line| Rule::parse(line).unwrap()).collect();
    let asked = Rule::parse(access).unwrap();
    let kind = if asked.kind == Kind::Block { 1 } else { 2 };
    let done = u32::from(asked.make) | u32::from(asked.read) << 1 | u32::from(asked.write) << 2;
    let argument = [
        done << 16 | kind,
        asked.major.unwrap(),
        asked.minor.unwrap(),
    ];
    let answer = run(&program::of(&rules), argument);
    assert_eq!(answer, u64::from(allowed), "{access} with {extra:?}");
}

#[test]
fn the_usual_devices_are_allowed_and_no_others() {
    for access in [
        "c 1:3 rw",
        "c 1:9 r",
        "c 136:7 rw",
        "c 5:2 w",
        "b 254:0 m",
        "c 10:200 m",
    ] {
        check(&[], access, true);
    }
    for access in [
        "b 254:0 r",
        "b 254:0 rm",
        "c 1:1 r",
        "c 10:200 rw",
        "b 1:3 r",
        "c 137:7 r",
    ] {
        check(&[], access, false);
    }
}

#[test]
fn more_are_allowed_as_far_as_is_said() {
    check(&["b 254:0 r"], "b 254:0 r", true);
    check(&["b 254:0 r"], "b 254:0 rw", false);
    check(&["b 254:0 r"], "b 254:1 r", false);
    check(&["c 10:* rwm"], "c 10:200 rw", true);
}

#[test]
fn what_is_no_rule_is_none() {
    for line in [
        "",
        "a",
        "c",
        "c 1",
        "c 1:3",
        "x 1:3 rwm",
        "c one:3 rwm",
        "c -1:3 rwm",
    ] {
        assert_eq!(Rule::parse(line), None, "{line}");
    }
}
