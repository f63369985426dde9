//! Layers on layers, and what containers see of them.

use std::collections::BTreeMap;
use std::os::unix::fs::FileTypeExt;

use super::super::manifest::chain_ids;
use super::super::testing::Layer;
use super::*;

struct Place {
    dir: tempfile::TempDir,
    snapshots: Snapshots,
}

impl Drop for Place {
    fn drop(&mut self) {
        for id in self.snapshots.containers() {
            self.snapshots.remove(&id).unwrap();
        }
    }
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            snapshots: Snapshots::open(dir.path()).unwrap(),
            dir,
        }
    }

    fn try_unpack(&self, layers: &[Layer]) -> Result<Vec<Digest>> {
        let tars: Vec<Vec<u8>> = layers.iter().map(Layer::tar).collect();
        let diff_ids: Vec<Digest> = tars.iter().map(|tar| Digest::of(tar)).collect();
        let chains = chain_ids(&diff_ids);
        for (n, tar) in tars.into_iter().enumerate() {
            let stream = || Ok(Box::new(io::Cursor::new(tar)) as Box<dyn Read>);
            self.snapshots.unpack(
                &chains[n],
                &chains[..n],
                &diff_ids[n],
                stream,
                Limits::default(),
            )?;
        }
        Ok(chains)
    }

    fn container(&self, id: &str, layers: &[Layer]) -> PathBuf {
        let chains = self.try_unpack(layers).unwrap();
        self.snapshots
            .reserve(id, &Digest::of(b"image"), &chains)
            .unwrap();
        self.snapshots.mount(id).unwrap()
    }
}

/// Files and their content without what every container has; directories end with a slash. Listing must agree with looking up.
fn see(root: &Path) -> BTreeMap<String, String> {
    let mut seen = see_all(root);
    for name in [
        "proc/",
        "sys/",
        "dev/",
        "etc/",
        "etc/hosts",
        "etc/resolv.conf",
        "etc/hostname",
    ] {
        assert!(
            seen.remove(name).is_some(),
            "{name} is not there to mount on"
        );
    }
    seen
}

fn see_all(root: &Path) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                seen.insert(format!("{name}/"), String::new());
                todo.push(path);
            } else {
                seen.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    seen
}

#[track_caller]
fn check(layers: &[Layer], expected: &[(&str, &str)]) -> Place {
    let place = Place::new();
    let seen = see(&place.container("c", layers));
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    assert_eq!(seen, expected);
    place
}

fn base() -> Layer {
    Layer::default()
        .directory("d/")
        .file("d/a", "a")
        .file("d/b", "b")
        .directory("d/sub/")
        .file("d/sub/c", "c")
        .file("e", "e")
}

#[test]
fn a_whiteout_hides_what_is_below() {
    let place = check(
        &[
            base(),
            Layer::default().file("d/.wh.a", "").file(".wh.e", ""),
        ],
        &[("d/", ""), ("d/b", "b"), ("d/sub/", ""), ("d/sub/c", "c")],
    );
    let whiteouts = fs::read_dir(place.dir.path().join("layers"))
        .unwrap()
        .filter(|layer| {
            let path = layer.as_ref().unwrap().path().join("fs/d/a");
            fs::symlink_metadata(path)
                .is_ok_and(|m| m.file_type().is_char_device() && m.rdev() == 0)
        });
    assert_eq!(
        whiteouts.count(),
        1,
        "as overlayfs marks it: a character device 0/0"
    );
}

#[test]
fn a_whiteout_hides_a_whole_directory() {
    check(&[base(), Layer::default().file(".wh.d", "")], &[("e", "e")]);
}

#[test]
fn an_opaque_directory_shows_only_its_own_layer() {
    let first = Layer::default()
        .directory("d/")
        .file("d/.wh..wh..opq", "")
        .file("d/new", "n");
    check(&[base(), first], &[("d/", ""), ("d/new", "n"), ("e", "e")]);
    let last = Layer::default()
        .directory("d/")
        .file("d/new", "n")
        .directory("d/sub/")
        .file("d/sub/x", "x")
        .file("d/.wh..wh..opq", "");
    check(
        &[base(), last],
        &[
            ("d/", ""),
            ("d/new", "n"),
            ("d/sub/", ""),
            ("d/sub/x", "x"),
            ("e", "e"),
        ],
    );
}

#[test]
fn a_whiteout_spares_what_its_own_layer_brings() {
    check(
        &[
            base(),
            Layer::default()
                .file("d/a", "new")
                .file("d/.wh.a", "")
                .file(".wh.e", "")
                .file("e", "new"),
        ],
        &[
            ("d/", ""),
            ("d/a", "new"),
            ("d/b", "b"),
            ("d/sub/", ""),
            ("d/sub/c", "c"),
            ("e", "new"),
        ],
    );
}

#[test]
fn a_directory_made_anew_after_its_whiteout_starts_empty() {
    check(
        &[
            base(),
            Layer::default()
                .file(".wh.d", "")
                .directory("d/")
                .file("d/n", "n"),
        ],
        &[("d/", ""), ("d/n", "n"), ("e", "e")],
    );
}

#[test]
fn kinds_change_between_layers() {
    check(
        &[base(), Layer::default().file("d", "file").directory("e/")],
        &[("d", "file"), ("e/", "")],
    );
}

#[test]
fn a_directory_named_only_in_passing_keeps_its_mode() {
    let place = Place::new();
    let mut sticky = super::super::testing::header(tar::EntryType::Directory, "tmp/", "", 0);
    sticky.set_mode(0o1777);
    sticky.set_uid(5);
    let rootfs = place.container(
        "c",
        &[
            Layer::default().entry(sticky, b""),
            Layer::default().file("tmp/x", "x"),
        ],
    );
    let tmp = fs::metadata(rootfs.join("tmp")).unwrap();
    assert_eq!((tmp.mode() & 0o7777, tmp.uid()), (0o1777, 5));
}

#[test]
fn a_symlink_of_a_lower_layer_is_followed_inside_the_image() {
    let merged = [
        Layer::default()
            .directory("usr/lib/")
            .symlink("lib", "usr/lib"),
        Layer::default().file("lib/x", "x"),
    ];
    let place = Place::new();
    let rootfs = place.container("c", &merged);
    assert_eq!(fs::read_to_string(rootfs.join("usr/lib/x")).unwrap(), "x");
    assert_eq!(
        fs::read_link(rootfs.join("lib")).unwrap(),
        Path::new("usr/lib")
    );

    let victim = place.dir.path().join("victim");
    fs::create_dir(&victim).unwrap();
    let evil = [
        Layer::default().symlink("out", victim.to_str().unwrap()),
        Layer::default().file("out/x", "evil").file("out/.wh.y", ""),
    ];
    let _ = place.try_unpack(&evil);
    assert_eq!(fs::read_dir(victim).unwrap().count(), 0);
}

#[test]
fn a_hard_link_reaches_a_lower_layer() {
    check(
        &[base(), Layer::default().hardlink("f", "d/a")],
        &[
            ("d/", ""),
            ("d/a", "a"),
            ("d/b", "b"),
            ("d/sub/", ""),
            ("d/sub/c", "c"),
            ("e", "e"),
            ("f", "a"),
        ],
    );
}

#[test]
fn a_layer_that_is_not_what_the_configuration_says_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let wrong = Digest::of(b"something else");
    let stream = || Ok(Box::new(io::Cursor::new(base().tar())) as Box<dyn Read>);
    let done = place
        .snapshots
        .unpack(&wrong, &[], &wrong, stream, Limits::default());
    assert!(matches!(done, Err(Error::Invalid(_))), "{done:?}");
    for directory in ["layers", "staging"] {
        assert_eq!(
            fs::read_dir(place.dir.path().join(directory))
                .unwrap()
                .count(),
            0,
            "{directory}"
        );
    }
}

#[test]
fn containers_share_layers_and_not_their_changes() {
    let place = Place::new();
    let (one, two) = (
        place.container("one", &[base()]),
        place.container("two", &[base()]),
    );
    fs::write(one.join("e"), "changed").unwrap();
    fs::remove_file(one.join("d/a")).unwrap();
    assert_eq!(fs::read_to_string(two.join("e")).unwrap(), "e");
    assert!(two.join("d/a").exists());
    assert_eq!(
        fs::read_dir(place.dir.path().join("layers"))
            .unwrap()
            .count(),
        1
    );
    assert!(place.snapshots.usage("one").unwrap().inodes >= 2);
    assert!(matches!(
        place.snapshots.usage("none"),
        Err(Error::NotFound(_))
    ));
}

#[test]
fn a_restart_finds_containers_mounted_and_remounts_what_a_reboot_lost() {
    let place = Place::new();
    let rootfs = place.container("c", &[base()]);
    fs::write(rootfs.join("mine"), "m").unwrap();
    let again = Snapshots::open(place.dir.path()).unwrap();
    assert_eq!(again.mounted(), ["c"]);
    overlay::unmount(&rootfs).unwrap();
    assert!(again.mounted().is_empty());
    assert_eq!(again.containers(), ["c"]);
    assert_eq!(again.mount("c").unwrap(), rootfs);
    assert_eq!(fs::read_to_string(rootfs.join("mine")).unwrap(), "m");
    again.remove("c").unwrap();
    again.remove("c").unwrap();
    assert!(!rootfs.exists());
    assert!(matches!(again.mount("c"), Err(Error::NotFound(_))));
}

#[test]
fn a_container_half_made_when_we_crashed_is_cleared_away() {
    let place = Place::new();
    let half = place.dir.path().join("containers/half");
    fs::create_dir_all(half.join("upper")).unwrap();
    let torn = place.dir.path().join("containers/torn");
    fs::create_dir_all(&torn).unwrap();
    fs::write(torn.join("snapshot.json"), "").unwrap();
    let again = Snapshots::open(place.dir.path()).unwrap();
    assert!(again.containers().is_empty());
    assert!(!half.exists() && !torn.exists());
}

#[test]
fn an_id_that_is_a_path_is_refused() {
    let place = Place::new();
    for id in ["", "..", "a/b", ".", "a\0"] {
        assert!(
            place.snapshots.reserve(id, &Digest::of(b""), &[]).is_err(),
            "{id:?}"
        );
    }
}

#[test]
fn an_image_without_layers_gives_an_empty_root() {
    let place = Place::new();
    let rootfs = place.container("c", &[]);
    fs::write(rootfs.join("x"), "x").unwrap();
    assert_eq!(see(&rootfs).len(), 1);
}

#[test]
fn a_root_takes_its_mode_from_the_image() {
    let place = Place::new();
    let mut root = super::super::testing::header(tar::EntryType::Directory, "./", "", 0);
    root.set_mode(0o700);
    let rootfs = place.container(
        "c",
        &[
            Layer::default().entry(root, b""),
            Layer::default().file("x", "x"),
        ],
    );
    assert_eq!(fs::metadata(rootfs).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn several_may_collect_and_remove_at_once() {
    let place = Place::new();
    for round in 0..20 {
        for n in 0..4 {
            for directory in [&place.snapshots.layers, &place.snapshots.containers] {
                let tree = directory.join(format!("{round}x{n}"));
                fs::create_dir_all(tree.join("a/b/c")).unwrap();
                fs::write(tree.join("a/b/file"), "x").unwrap();
            }
        }
        std::thread::scope(|scope| {
            for n in 0..4 {
                let snapshots = &place.snapshots;
                scope.spawn(move || {
                    let own = snapshots.containers.join(format!("{round}x{n}"));
                    snapshots.discard(&own).unwrap();
                    snapshots.empty_trash().unwrap();
                });
            }
            place.snapshots.retain_layers(|_| false).unwrap();
            place.snapshots.empty_trash().unwrap();
        });
    }
    for empty in [&place.snapshots.trash, &place.snapshots.unused] {
        assert_eq!(fs::read_dir(empty).unwrap().count(), 0);
    }
}
