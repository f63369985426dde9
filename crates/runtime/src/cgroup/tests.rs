use super::*;

const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,size=4k
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

#[test]
fn version_1_wins_where_it_has_the_controllers() {
    let Some(Hierarchy::Legacy(mounts)) = Hierarchy::parse(HYBRID) else {
        panic!("not legacy")
    };
    let expected = [
        PathBuf::from("/sys/fs/cgroup/cpu,cpuacct/a"),
        PathBuf::from("/sys/fs/cgroup/memory/a"),
    ];
    assert_eq!(mounts.directories(Path::new("a")), expected);
}

#[test]
fn version_2_alone() {
    let line = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    let Some(Hierarchy::Unified(root)) = Hierarchy::parse(line) else {
        panic!("not unified")
    };
    assert_eq!(root, Path::new("/sys/fs/cgroup"));
}

#[test]
fn shares_become_weights() {
    let pairs = [
        (0, 1),
        (2, 1),
        (102, 17),
        (1024, 100),
        (2048, 174),
        (262_144, 10_000),
        (u64::MAX, 10_000),
    ];
    for (shares, weight) in pairs {
        assert_eq!(weight_of_shares(shares), weight, "{shares}");
    }
}

#[test]
fn only_plain_paths() {
    for path in ["", "/", "a/../b", "..", "./a/.."] {
        assert!(
            Cgroup::new(Hierarchy::Unified("/x".into()), Path::new(path)).is_err(),
            "{path}"
        );
    }
    let group = Cgroup::new(Hierarchy::Unified("/x".into()), Path::new("/navarch/pod1")).unwrap();
    assert_eq!(group.path(), Path::new("navarch/pod1"));
}
