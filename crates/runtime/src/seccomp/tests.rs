use super::*;

#[test]
fn the_default_compiles_to_whole_instructions() {
    let program = compile(&Profile::runtime_default(&[])).unwrap();
    assert_eq!(program.len() % 8, 0);
    // The kernel takes no more than 4096 instructions.
    assert!(
        (100..4096).contains(&(program.len() / 8)),
        "{}",
        program.len() / 8
    );
}

#[test]
fn capabilities_open_system_calls() {
    let allows = |profile: &Profile, name: &str| {
        profile.syscalls.iter().any(|rule| {
            rule.action == Action::Allow
                && rule.args.is_empty()
                && rule.names.iter().any(|n| n == name)
        })
    };
    let plain = Profile::runtime_default(&["CAP_SYS_CHROOT".into()]);
    assert!(allows(&plain, "chroot"));
    for name in [
        "mount",
        "unshare",
        "bpf",
        "clone",
        "clone3",
        "keyctl",
        "io_uring_setup",
        "userfaultfd",
    ] {
        assert!(!allows(&plain, name), "{name}");
    }
    let admin = Profile::runtime_default(&["CAP_SYS_ADMIN".into()]);
    assert!(allows(&admin, "mount") && allows(&admin, "clone3"));
}

#[test]
fn reads_profile_files() {
    let text = br#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{"names": ["mkdir", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
                     {"names": ["socket"], "action": "SCMP_ACT_KILL", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}]}]}"#;
    let profile = Profile::parse(text).unwrap();
    assert_eq!(profile.syscalls.len(), 2);
    assert!(!compile(&profile).unwrap().is_empty());
    assert!(Profile::parse(b"{\"defaultAction\": \"SCMP_ACT_MAYBE\"}").is_err());
}
