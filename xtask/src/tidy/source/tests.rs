use super::*;

fn found(path: &str, line: &str) -> usize {
    check(path, line).len()
}

#[test]
fn macros_in_place_of_code_are_found_in_code_only() {
    for call in [
        concat!("to", "do!()"),
        concat!("unimpl", "emented!(\"x\")"),
        concat!("d", "bg!(x)"),
    ] {
        assert_eq!(found("crates/api/src/lib.rs", call), 1, "{call}");
        assert_eq!(
            found("crates/api/src/lib.rs", &format!("// {call}")),
            0,
            "{call}"
        );
        assert_eq!(found("docs/a.md", call), 0, "{call}");
    }
}

#[test]
fn a_task_needs_an_issue() {
    let word = concat!("TO", "DO");
    assert_eq!(found("a.rs", &format!("// {word}: later")), 1);
    assert_eq!(found("a.rs", &format!("// {word}(somebody): later")), 1);
    assert_eq!(found("a.rs", &format!("// {word}(#12): later")), 0);
    assert_eq!(found("a.rs", &format!("const {word}S: u8 = 1;")), 0);
}

#[test]
fn marks_of_unfinished_work_are_found_everywhere() {
    for mark in [concat!("// FIX", "ME later"), concat!("<<<<", "<<< HEAD")] {
        assert_eq!(found("docs/a.md", mark), 1, "{mark}");
    }
}

#[test]
fn paths_of_one_machine_are_found() {
    for path in [
        concat!("/ho", "me/jane/src"),
        concat!("(/Us", "ers/jane/x"),
        concat!("\"/ro", "ot/.kube\""),
        concat!("=/bui", "lds/x"),
    ] {
        assert_eq!(found("Makefile", path), 1, "{path}");
    }
    for path in [
        "web:x:33:34::/home/web:/bin/sh",
        "https://host/work/x",
        "$DIR/root/x",
        "/var/lib/navarch",
        "home/a/b",
    ] {
        assert_eq!(found("Makefile", path), 0, "{path}");
    }
}

#[test]
fn unsafe_is_for_the_edge() {
    let line = concat!("let x = uns", "afe { f() };");
    assert_eq!(found("crates/store/src/lib.rs", line), 1);
    assert_eq!(found("xtask/src/main.rs", line), 1);
    assert_eq!(found("crates/runtime/src/lib.rs", line), 0);
    assert_eq!(
        found(
            "crates/store/src/lib.rs",
            concat!("patch(x); // uns", "afe { }")
        ),
        1
    );
    assert_eq!(found("crates/store/src/lib.rs", "patch_unsafe(x);"), 0);
}

#[test]
fn pure_crates_read_no_clock() {
    let line = "let now = Timestamp::now();";
    assert_eq!(found("crates/scheduler/src/placement.rs", line), 1);
    assert_eq!(found("crates/scheduler/src/tests.rs", line), 0);
    assert_eq!(found("crates/client/src/clock.rs", line), 0);
}

#[test]
fn length_is_judged_in_two_steps() {
    let of = |lines: usize| length("a.rs", &"x\n".repeat(lines));
    assert_eq!(of(400), Length::Fine);
    assert_eq!(of(401), Length::WorthALook(401));
    assert!(matches!(of(801), Length::TooLong(_)));
    assert_eq!(length("a.md", &"x\n".repeat(900)), Length::Fine);
}
