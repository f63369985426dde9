//! What containers may not do.

use navarch_runtime::cri::{ContainerConfig, Error, Runtime, SecurityContext, UserSpec};

use crate::fixture::{Fixture, is_root, shell};

fn with(script: &str, security: SecurityContext) -> ContainerConfig {
    ContainerConfig {
        security,
        ..shell(script)
    }
}

fn default_seccomp() -> SecurityContext {
    SecurityContext {
        seccomp_profile: "RuntimeDefault".into(),
        ..Default::default()
    }
}

const STATUS: &str = "/bin/busybox grep -E '^(CapEff|CapBnd|CapPrm|NoNewPrivs|Seccomp):' /proc/self/status | /bin/busybox tr '\\t' ' '";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_and_groups() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let user = UserSpec::Ids {
        uid: Some(33),
        gid: None,
    };
    let security = SecurityContext {
        user,
        supplemental_groups: vec![777],
        run_as_non_root: true,
        ..Default::default()
    };
    let text = fixture
        .output(
            &sandbox,
            with(
                "id; echo $HOME; echo err > /dev/stderr; cat /dev/null > /dev/stdout",
                security,
            ),
        )
        .await;
    // In the order of each stream; the two may come mixed.
    assert!(
        text.contains("uid=33(web) gid=34(web) groups=4(logs),34(web),777\n"),
        "{text}"
    );
    assert!(
        text.contains("/home/web\n") && text.contains("err\n"),
        "{text}"
    );
    let root = with(
        "id",
        SecurityContext {
            run_as_non_root: true,
            ..Default::default()
        },
    );
    let Err(Error::Invalid(message)) = fixture.runtime.create_container(&sandbox.id, root).await
    else {
        panic!("made")
    };
    assert!(
        message.starts_with("container has runAsNonRoot and image will run as root"),
        "{message}"
    );
    assert!(fixture.runtime.list_containers().await.unwrap().is_empty());
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capabilities_and_privileges() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let text = fixture
        .output(&sandbox, with(STATUS, default_seccomp()))
        .await;
    assert_eq!(
        text,
        "CapPrm: 00000000a80425fb\nCapEff: 00000000a80425fb\nCapBnd: 00000000a80425fb\nNoNewPrivs: 0\nSeccomp: 2\n"
    );
    let none = SecurityContext {
        drop_capabilities: vec!["ALL".into()],
        no_new_privs: true,
        ..default_seccomp()
    };
    let text = fixture.output(&sandbox, with(STATUS, none)).await;
    assert_eq!(
        text,
        "CapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapBnd: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n"
    );
    let text = fixture
        .output(
            &sandbox,
            with(
                STATUS,
                SecurityContext {
                    privileged: true,
                    ..default_seccomp()
                },
            ),
        )
        .await;
    assert!(
        text.contains("Seccomp: 0") && !text.contains("a80425fb"),
        "{text}"
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exec_has_no_more_than_its_container() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let user = UserSpec::Ids {
        uid: Some(33),
        gid: None,
    };
    let security = SecurityContext {
        drop_capabilities: vec!["KILL".into()],
        no_new_privs: true,
        user,
        ..default_seccomp()
    };
    let container = fixture.start(&sandbox, with("sleep 1000", security)).await;
    let command = ["/bin/busybox", "sh", "-c", STATUS]
        .map(str::to_owned)
        .to_vec();
    let output = fixture
        .runtime
        .exec_sync(&container.id, command, std::time::Duration::from_secs(5))
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        "CapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapBnd: 00000000a80425db\nNoNewPrivs: 1\nSeccomp: 2\n"
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_filter_refuses() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let script = "unshare -U true 2>/dev/null || echo refused; /bin/busybox seq 1 2";
    assert_eq!(
        fixture
            .output(&sandbox, with(script, default_seccomp()))
            .await,
        "refused\n1\n2\n"
    );
    assert_eq!(
        fixture
            .output(&sandbox, with(script, SecurityContext::default()))
            .await,
        "1\n2\n"
    );
    let profile = fixture.directory().join("profile.json");
    std::fs::write(&profile, r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":13}]}"#).unwrap();
    let local = SecurityContext {
        seccomp_profile: profile.display().to_string(),
        ..Default::default()
    };
    assert_eq!(
        fixture
            .output(&sandbox, with("mkdir /x 2>&1 || true", local))
            .await,
        "mkdir: can't create directory '/x': Permission denied\n"
    );
    let missing = SecurityContext {
        seccomp_profile: "/no/such/profile".into(),
        ..Default::default()
    };
    let Err(Error::Invalid(message)) = fixture
        .runtime
        .create_container(&sandbox.id, with("true", missing))
        .await
    else {
        panic!("made")
    };
    assert!(
        message.starts_with("failed to load seccomp profile"),
        "{message}"
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_system() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let script = "touch /x 2>/dev/null && echo rootfs; touch /proc/sys/kernel/x 2>/dev/null; (echo 1 > /proc/sys/vm/drop_caches) 2>/dev/null && echo sysctl; \
        cat /proc/kcore 2>/dev/null | head -c 1; ls /proc/acpi /sys/firmware; ls /dev; touch /dev/shm/x && echo shm";
    let frozen = SecurityContext {
        readonly_rootfs: true,
        ..Default::default()
    };
    let text = fixture.output(&sandbox, with(script, frozen)).await;
    let expected = [
        "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
        "stdout", "tty", "urandom", "zero", "shm",
    ];
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.ends_with(':'))
        // A link to what is masked, where the kernel has it.
        .filter(|line| *line != "kcore")
        .collect();
    assert_eq!(lines, expected);
    assert!(
        fixture
            .output(&sandbox, with(script, SecurityContext::default()))
            .await
            .starts_with("rootfs\n")
    );
    // Devices that are not its own cannot be used, though it may make nodes.
    let script = "/bin/busybox mknod /disk b 254 0; head -c 1 /disk 2>/dev/null && echo read; head -c 1 /dev/zero >/dev/null && echo zero";
    assert_eq!(
        fixture
            .output(&sandbox, with(script, SecurityContext::default()))
            .await,
        "zero\n"
    );
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unmasked_proc_and_host_cgroups_hidden() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let script = "/bin/busybox mount | grep -c ' /proc/sys ' || true; ls /proc/1/fd 2>/dev/null | /bin/busybox wc -l";
    let masked = fixture
        .output(&sandbox, with(script, SecurityContext::default()))
        .await;
    assert!(masked.starts_with("1\n"), "{masked}");
    // Nothing of the shim's is open in a container: its three streams, and those of `ls`.
    assert!(
        masked.lines().nth(1).unwrap().parse::<u32>().unwrap() <= 5,
        "{masked}"
    );
    let unmasked = fixture
        .output(
            &sandbox,
            with(
                script,
                SecurityContext {
                    unmasked_proc: true,
                    ..Default::default()
                },
            ),
        )
        .await;
    assert!(unmasked.starts_with("0\n"), "{unmasked}");
    fixture.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shims_program_cannot_be_written() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new().await;
    let sandbox = fixture.sandbox().await;
    let container = fixture.start(&sandbox, shell("sleep 1000")).await;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", container.pid.unwrap())).unwrap();
    let shim = stat
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .to_owned();
    // Held as a container could hold it, which was its own program for a moment.
    let held = nix::fcntl::open(
        format!("/proc/{shim}/exe").as_str(),
        nix::fcntl::OFlag::O_PATH,
        nix::sys::stat::Mode::empty(),
    )
    .unwrap();
    fixture.runtime.remove_sandbox(&sandbox.id).await.unwrap();
    let mount = nix::sys::statvfs::fstatvfs(&held).unwrap();
    assert!(
        mount
            .flags()
            .contains(nix::sys::statvfs::FsFlags::ST_RDONLY)
    );
    fixture.finish().await;
}
