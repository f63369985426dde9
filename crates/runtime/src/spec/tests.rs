use super::*;
use crate::cri::{Error, Mount, SecurityContext, UserSpec};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/:/bin/false\nbroken\n";
const GROUP: &str = "root:x:0:\nweb:x:34:\nlogs:x:4:web,other\n";

fn rootfs() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("etc")).unwrap();
    std::fs::write(directory.path().join("etc/passwd"), PASSWD).unwrap();
    std::fs::write(directory.path().join("etc/group"), GROUP).unwrap();
    directory
}

fn user(image_user: &str, security: SecurityContext) -> Result<(u32, u32, Vec<u32>)> {
    let sandbox = SandboxConfig {
        name: "p".into(),
        namespace: "n".into(),
        uid: "u".into(),
        ..Default::default()
    };
    let config = ContainerConfig {
        name: "c".into(),
        security,
        ..Default::default()
    };
    let image = ImageConfig {
        user: image_user.into(),
        ..Default::default()
    };
    resolve_user(&sandbox, &config, &image, rootfs().path())
        .map(|user| (user.uid, user.gid, user.groups))
}

fn ids(uid: Option<u32>, gid: Option<u32>) -> SecurityContext {
    SecurityContext {
        user: UserSpec::Ids { uid, gid },
        ..Default::default()
    }
}

#[test]
fn users_by_name_and_number() {
    let plain = SecurityContext::default;
    assert_eq!(user("", plain()).unwrap(), (0, 0, vec![0]));
    assert_eq!(user("web", plain()).unwrap(), (33, 34, vec![34, 4]));
    assert_eq!(user("33", plain()).unwrap(), (33, 34, vec![34, 4]));
    assert_eq!(user("web:logs", plain()).unwrap(), (33, 4, vec![4]));
    assert_eq!(
        user("1000:1001", plain()).unwrap(),
        (1000, 1001, vec![1001])
    );
    assert_eq!(user("web", ids(Some(5), None)).unwrap(), (5, 0, vec![0]));
    assert_eq!(
        user("web", ids(None, Some(7))).unwrap(),
        (33, 7, vec![7, 4])
    );
    let more = SecurityContext {
        supplemental_groups: vec![9, 0],
        ..ids(Some(5), Some(6))
    };
    assert_eq!(user("", more).unwrap(), (5, 6, vec![6, 9, 0]));
    let strict = SecurityContext {
        supplemental_groups: vec![9],
        strict_groups: true,
        ..SecurityContext::default()
    };
    assert_eq!(user("web", strict).unwrap(), (33, 34, vec![34, 9]));
}

#[test]
fn unknown_and_forbidden_users() {
    let check = |image_user: &str, security: SecurityContext, text: &str| match user(
        image_user, security,
    ) {
        Err(Error::Invalid(message)) => assert_eq!(message, text),
        other => panic!("{other:?}"),
    };
    let non_root = |security| SecurityContext {
        run_as_non_root: true,
        ..security
    };
    check(
        "nobody",
        SecurityContext::default(),
        "unable to find user nobody: no matching entries in passwd file",
    );
    check(
        "web:none",
        SecurityContext::default(),
        "unable to find group none: no matching entries in group file",
    );
    check(
        "",
        non_root(SecurityContext::default()),
        "container has runAsNonRoot and image will run as root (pod: \"p_n(u)\", container: c)",
    );
    check(
        "web",
        non_root(SecurityContext::default()),
        "container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root (pod: \"p_n(u)\", container: c)",
    );
    check(
        "",
        non_root(ids(Some(0), None)),
        "container's runAsUser breaks non-root policy (pod: \"p_n(u)\", container: c)",
    );
    assert_eq!(user("web", non_root(ids(Some(5), None))).unwrap().0, 5);
}

#[test]
fn a_passwd_that_points_out_of_the_image_is_not_followed() {
    let directory = rootfs();
    std::fs::remove_file(directory.path().join("etc/passwd")).unwrap();
    std::os::unix::fs::symlink(
        "../../../../../../../../../etc/passwd",
        directory.path().join("etc/passwd"),
    )
    .unwrap();
    assert!(passwd::accounts(directory.path()).is_empty());
}

#[test]
fn capabilities_are_added_and_dropped() {
    let check = |add: &[&str], drop: &[&str]| {
        let strings = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let security = SecurityContext {
            add_capabilities: strings(add),
            drop_capabilities: strings(drop),
            ..Default::default()
        };
        capabilities_of(&security)
    };
    assert_eq!(check(&[], &[]).unwrap().len(), 14);
    assert_eq!(check(&[], &["ALL"]).unwrap(), Vec::<String>::new());
    assert_eq!(
        check(&["NET_BIND_SERVICE"], &["all"]).unwrap(),
        ["CAP_NET_BIND_SERVICE"]
    );
    assert!(
        !check(&["ALL"], &["KILL"])
            .unwrap()
            .contains(&"CAP_KILL".to_owned())
    );
    assert!(
        check(&["CAP_NET_ADMIN"], &[])
            .unwrap()
            .contains(&"CAP_NET_ADMIN".to_owned())
    );
    assert!(check(&["FLY"], &[]).is_err());
}

fn bundle(config: &ContainerConfig, image: &ImageConfig) -> Result<Bundle> {
    let sandbox = SandboxConfig {
        hostname: "host".into(),
        ..Default::default()
    };
    let files = SandboxFiles {
        namespaces: "/ns".into(),
        shm: "/shm".into(),
        hostname: "/hostname".into(),
        resolv_conf: None,
    };
    build(&Input {
        sandbox: &sandbox,
        files: &files,
        config,
        image,
        unified: false,
        no_cgroup: Path::new("/nowhere"),
        rootfs: rootfs().path(),
        target: None,
    })
}

#[test]
fn command_and_environment() {
    let words =
        |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
    let image = ImageConfig {
        entrypoint: words("entry"),
        cmd: words("a b"),
        env: words("A=1 PATH=/x B"),
        working_dir: "w".into(),
        ..Default::default()
    };
    let args = |command: &str, args: &str| {
        let config = ContainerConfig {
            command: words(command),
            args: words(args),
            ..Default::default()
        };
        bundle(&config, &image).unwrap().process.args.join(" ")
    };
    assert_eq!(args("", ""), "entry a b");
    assert_eq!(args("", "c"), "entry c");
    assert_eq!(args("d", ""), "d");
    assert_eq!(args("d", "c"), "d c");
    let config = ContainerConfig {
        env: vec![("A".into(), "2".into()), ("A".into(), "3".into())],
        tty: true,
        ..Default::default()
    };
    let process = bundle(&config, &image).unwrap().process;
    assert_eq!(
        process.env,
        ["PATH=/x", "HOSTNAME=host", "A=3", "TERM=xterm"]
    );
    assert_eq!(process.cwd, "/w");
    assert!(
        matches!(bundle(&ContainerConfig::default(), &ImageConfig::default()), Err(Error::Invalid(text)) if text == "no command specified")
    );
}

#[test]
fn mounts_of_the_pod_replace_ours() {
    let mount = |path: &str| Mount {
        host_path: "/h".into(),
        container_path: path.into(),
        ..Default::default()
    };
    let config = ContainerConfig {
        command: vec!["x".into()],
        mounts: vec![
            mount("/data/deep/er"),
            mount("/etc/hostname"),
            mount("/data"),
        ],
        ..Default::default()
    };
    let config = bundle(&config, &ImageConfig::default()).unwrap().config;
    let targets: Vec<&str> = config["mounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| mount["destination"].as_str().unwrap())
        .collect();
    assert_eq!(
        targets,
        [
            "/proc",
            "/dev",
            "/dev/pts",
            "/dev/mqueue",
            "/sys",
            "/sys/fs/cgroup",
            "/dev/shm",
            "/data",
            "/etc/hostname",
            "/data/deep/er"
        ]
    );
}
