//! The program as it is run at a terminal.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

#[test]
fn who_has_no_kubeconfig_is_told_which_is_missing() {
    let program = env!("CARGO_BIN_EXE_navarch-bench");
    let nowhere = ["crud", "--kubeconfig", "/nowhere/kubeconfig"];
    let output = Command::new(program).args(nowhere).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: ") && said.contains("/nowhere/kubeconfig"),
        "{said}"
    );
    assert!(output.stdout.is_empty());
}
