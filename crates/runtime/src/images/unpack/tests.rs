//! Layers from strangers onto a plain directory; onto parents: in `snapshots`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use tar::EntryType;

use super::super::testing::{Layer, header};
use super::*;

/// A directory to unpack into, beside one that must stay as it is.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("layer")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/victim"), "safe").unwrap();
        Self { dir }
    }

    fn layer(&self) -> std::path::PathBuf {
        self.dir.path().join("layer")
    }

    fn unpack_limited(&self, layer: &Layer, limits: Limits) -> io::Result<Unpacked> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let view = rustix::fs::open(self.layer(), flags, Mode::empty()).unwrap();
        unpack(layer.tar().as_slice(), Target { view, own: None }, limits)
    }

    fn unpack(&self, layer: &Layer) -> io::Result<Unpacked> {
        self.unpack_limited(layer, Limits::default())
    }

    #[track_caller]
    fn outside_is_untouched(&self) {
        let names: Vec<_> = fs::read_dir(self.dir.path().join("outside"))
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names, ["victim"]);
        let victim = self.dir.path().join("outside/victim");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "safe");
        assert_eq!(fs::metadata(&victim).unwrap().nlink(), 1);
        assert_eq!(fs::metadata(victim).unwrap().mode() & 0o7777, 0o644);
        let names: Vec<_> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    /// The directory outside, as an absolute path.
    fn outside(&self) -> String {
        self.dir.path().join("outside").to_str().unwrap().to_owned()
    }
}

#[track_caller]
fn refused(layer: impl FnOnce(&str) -> Layer, why: &str) {
    let place = Place::new();
    let error = place
        .unpack(&layer(&place.outside()))
        .unwrap_err()
        .to_string();
    assert!(error.contains(why), "{error}");
    place.outside_is_untouched();
}

/// It may be unpacked, but only inside.
#[track_caller]
fn contained(layer: impl FnOnce(&str) -> Layer) -> Place {
    let place = Place::new();
    let _ = place.unpack(&layer(&place.outside()));
    place.outside_is_untouched();
    place
}

#[test]
fn a_name_that_climbs_out_is_refused() {
    refused(
        |_| Layer::default().file("../outside/new", "evil"),
        "leads out",
    );
    refused(
        |_| Layer::default().file("a/../../outside/victim", "evil"),
        "leads out",
    );
    refused(|_| Layer::default().directory(".."), "leads out");
    refused(|_| Layer::default().file("a/..", "evil"), "leads out");
}

#[test]
fn an_absolute_name_lands_inside() {
    let place = contained(|outside| Layer::default().file(&format!("{outside}/victim"), "evil"));
    let inside = place
        .layer()
        .join(place.outside().trim_start_matches('/'))
        .join("victim");
    assert_eq!(fs::read_to_string(inside).unwrap(), "evil");
}

#[test]
fn writing_through_an_absolute_symlink_stays_inside() {
    contained(|outside| {
        Layer::default()
            .symlink("link", outside)
            .file("link/victim", "evil")
    });
    contained(|outside| {
        Layer::default()
            .symlink("link", &format!("{outside}/victim"))
            .file("link", "evil")
    });
}

#[test]
fn writing_through_a_climbing_symlink_stays_inside() {
    let place = contained(|_| {
        Layer::default()
            .directory("outside")
            .symlink("link", "../../../outside")
            .file("link/new", "contained")
    });
    assert_eq!(
        fs::read_to_string(place.layer().join("outside/new")).unwrap(),
        "contained"
    );
    contained(|_| {
        Layer::default()
            .symlink("a", "..")
            .symlink("a/b", "../outside")
            .file("b/victim", "evil")
    });
}

#[test]
fn writing_through_a_chain_of_symlinks_stays_inside() {
    contained(|outside| {
        Layer::default()
            .symlink("one", "two/x")
            .symlink("two", "/")
            .symlink("two/x", outside)
            .file("one/victim", "evil")
    });
}

#[test]
fn attributes_do_not_follow_a_symlink() {
    contained(|outside| {
        let target = format!("{outside}/victim");
        let mut directory = header(EntryType::Directory, "link", "", 0);
        directory.set_mode(0o777);
        Layer::default()
            .symlink("link", &target)
            .entry(directory, b"")
    });
    contained(|outside| {
        let mut link = header(EntryType::Symlink, "link", outside, 0);
        link.set_mode(0o777);
        link.set_uid(1234);
        Layer::default().entry(link, b"")
    });
}

#[test]
fn a_hard_link_to_the_outside_is_refused() {
    refused(
        |_| Layer::default().hardlink("mine", "../outside/victim"),
        "leads out",
    );
    refused(
        |outside| Layer::default().hardlink("mine", &format!("{outside}/victim")),
        "hard link",
    );
    refused(
        |outside| {
            Layer::default()
                .symlink("link", outside)
                .hardlink("mine", "link/victim")
        },
        "hard link",
    );
}

#[test]
fn a_hard_link_to_a_symlink_is_the_symlink() {
    let place = contained(|outside| {
        Layer::default()
            .symlink("link", &format!("{outside}/victim"))
            .hardlink("mine", "link")
            .file("mine", "evil")
    });
    assert_eq!(
        fs::read_to_string(place.layer().join("mine")).unwrap(),
        "evil"
    );
}

#[test]
fn a_directory_replaced_by_a_symlink_leads_nowhere_outside() {
    contained(|outside| {
        Layer::default()
            .directory("d")
            .file("d/x", "1")
            .symlink("d", outside)
            .file("d/victim", "evil")
    });
}

#[test]
fn a_whiteout_removes_nothing_outside() {
    contained(|outside| {
        Layer::default()
            .symlink("link", outside)
            .file("link/.wh.victim", "")
            .file("link/.wh..wh..opq", "")
    });
    refused(
        |_| Layer::default().file(".wh...", ""),
        "whiteout of no file",
    );
    refused(
        |_| Layer::default().file("d/.wh..", ""),
        "whiteout of no file",
    );
    refused(|_| Layer::default().file(".wh.", ""), "whiteout of no file");
}

#[test]
fn whiteouts_without_parents_leave_no_trace() {
    let place = contained(|_| {
        Layer::default()
            .file("nothing/.wh.gone", "")
            .file(".wh..wh.plnk", "")
            .file("kept", "x")
    });
    let names: Vec<_> = fs::read_dir(place.layer())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["kept"]);
}

fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut buffer = [0; 256];
    rustix::fs::lgetxattr(path, name, &mut buffer)
        .ok()
        .map(|n| buffer[..n].to_vec())
}

#[test]
fn owners_modes_times_and_attributes_are_kept() {
    let place = Place::new();
    let mut program = header(EntryType::Regular, "bin/su", "", 2);
    program.set_mode(0o4755);
    program.set_uid(12);
    program.set_gid(34);
    // A capability set (version 2, CAP_NET_RAW permitted and effective), with a line feed for a mask.
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut sticky = header(EntryType::Directory, "tmp/", "", 0);
    sticky.set_mode(0o1777);
    let layer = Layer::default()
        .record("SCHILY.xattr.security.capability", &capability)
        .entry(program, b"su")
        .entry(sticky, b"")
        .record("SCHILY.xattr.user.note", b"a\nb")
        .file("tmp/file", "x");
    place.unpack(&layer).unwrap();
    let su = fs::metadata(place.layer().join("bin/su")).unwrap();
    assert_eq!(
        (su.mode() & 0o7777, su.uid(), su.gid(), su.mtime()),
        (0o4755, 12, 34, 1_000_000)
    );
    assert_eq!(
        xattr(&place.layer().join("bin/su"), "security.capability"),
        Some(capability.to_vec())
    );
    assert_eq!(
        xattr(&place.layer().join("tmp/file"), "user.note"),
        Some(b"a\nb".to_vec())
    );
    let tmp = fs::metadata(place.layer().join("tmp")).unwrap();
    assert_eq!(
        (tmp.mode() & 0o7777, tmp.mtime()),
        (0o1777, 1_000_000),
        "times of directories come last"
    );
}

#[test]
fn attributes_that_steer_the_overlay_are_dropped() {
    let place = Place::new();
    let layer = Layer::default()
        .record("SCHILY.xattr.trusted.overlay.redirect", b"/etc")
        .directory("d/")
        .record("SCHILY.xattr.trusted.overlay.opaque", b"y")
        .directory("e/");
    place.unpack(&layer).unwrap();
    assert_eq!(
        xattr(&place.layer().join("d"), "trusted.overlay.redirect"),
        None
    );
    assert_eq!(
        xattr(&place.layer().join("e"), "trusted.overlay.opaque"),
        None
    );
}

#[test]
fn links_devices_and_fifos_are_made() {
    let place = Place::new();
    let mut null = header(EntryType::Char, "dev/null", "", 0);
    null.set_device_major(1).unwrap();
    null.set_device_minor(3).unwrap();
    null.set_mode(0o666);
    let layer = Layer::default()
        .file("a", "content")
        .hardlink("sub/b", "a")
        .symlink("c", "/a")
        .entry(null, b"")
        .entry(header(EntryType::Fifo, "pipe", "", 0), b"");
    place.unpack(&layer).unwrap();
    let at = |name: &str| fs::symlink_metadata(place.layer().join(name)).unwrap();
    assert_eq!(at("a").ino(), at("sub/b").ino());
    assert_eq!(
        fs::read_link(place.layer().join("c")).unwrap(),
        Path::new("/a")
    );
    assert_eq!(
        (at("dev/null").rdev(), at("dev/null").mode() & 0o7777),
        (rustix::fs::makedev(1, 3), 0o666)
    );
    assert!(at("pipe").file_type().is_fifo());
}

#[test]
fn a_later_entry_replaces_an_earlier_one_of_any_kind() {
    let place = Place::new();
    let layer = Layer::default()
        .directory("x/")
        .file("x/y", "1")
        .file("x", "file")
        .file("z", "1")
        .directory("z/")
        .file("z/a", "2");
    place.unpack(&layer).unwrap();
    assert_eq!(fs::read_to_string(place.layer().join("x")).unwrap(), "file");
    assert_eq!(fs::read_to_string(place.layer().join("z/a")).unwrap(), "2");
}

#[test]
fn layers_beyond_the_limits_are_refused() {
    let place = Place::new();
    let many = (0..20).fold(Layer::default(), |layer, n| {
        layer.file(&format!("f{n}"), "")
    });
    assert!(
        place
            .unpack_limited(
                &many,
                Limits {
                    entries: 19,
                    bytes: 1000
                }
            )
            .is_err()
    );
    let big = Layer::default().file("big", &"x".repeat(600));
    assert!(
        place
            .unpack_limited(
                &big,
                Limits {
                    entries: 9,
                    bytes: 599
                }
            )
            .is_err()
    );
    refused(
        |_| {
            Layer::default()
                .record("path", "n".repeat(256).as_bytes())
                .file("x", "")
        },
        "too long",
    );
    refused(
        |_| {
            Layer::default()
                .record("path", "n/".repeat(2100).as_bytes())
                .file("x", "")
        },
        "too long",
    );
    refused(
        |_| Layer::default().record("uid", b"4294967295").file("x", ""),
        "owner",
    );
}
