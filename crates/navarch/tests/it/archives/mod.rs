//! Images of strangers: whatever an archive says, nothing outside the image store is touched.

mod layer;

use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::EntryType;

use crate::cluster::Cluster;
use crate::starts::refused::{Ended, navarch};
use layer::{Layer, archive, plain, shell};

/// A place with a data directory, and beside it what must stay as it is.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret"), "untouched").unwrap();
        Self(place)
    }

    fn outside(&self) -> String {
        self.0.path().join("outside").display().to_string()
    }

    fn import(&self, bytes: &[u8]) -> Ended {
        let file = self.0.path().join("image.tar");
        std::fs::write(&file, bytes).unwrap();
        let data = self.data().display().to_string();
        navarch(
            &[
                "image",
                "import",
                file.to_str().unwrap(),
                "--data-dir",
                &data,
            ],
            &[],
        )
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// The import is refused in words that hold `why`, and leaves no image.
    fn refuses(&self, bytes: &[u8], why: &str) {
        let complaint = self.import(bytes).refused();
        assert!(complaint.contains(why), "no {why:?} in: {complaint}");
        let data = self.data().display().to_string();
        let list = navarch(&["image", "list", "--data-dir", &data], &[]).fine();
        assert_eq!(list.lines().count(), 1, "{list}");
        self.holds();
    }

    /// Nothing but what was there is outside.
    fn holds(&self) {
        let names = |directory: &Path| {
            let mut names: Vec<_> = std::fs::read_dir(directory)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(self.0.path()), ["data", "image.tar", "outside"]);
        let outside = self.0.path().join("outside");
        assert_eq!(names(&outside), ["secret"]);
        let secret = std::fs::read_to_string(outside.join("secret")).unwrap();
        assert_eq!(secret, "untouched");
    }
}

fn image(layer: Layer) -> Vec<u8> {
    archive("bad:1", &[plain(layer)]).tar()
}

#[test]
fn archives_that_reach_out_or_lie_are_refused() {
    let place = Place::new();
    let outside = place.outside();
    let secret = format!("{outside}/secret");
    let climb = "../../../../../../../../../../..";
    let empty = Layer::default;
    let layers = [
        (
            empty().file(&format!("{climb}{outside}/new"), 0o644, b"x"),
            "..",
        ),
        (empty().file("a/../../b", 0o644, b"x"), ".."),
        (
            empty().link(EntryType::Link, "stolen", &format!("{climb}{secret}")),
            "hard link",
        ),
        (
            empty().link(EntryType::Link, "stolen", &secret),
            "hard link",
        ),
        (empty().file(".wh...", 0o644, b""), "whiteout"),
        (empty().claims("huge", 1 << 62), "larger than is allowed"),
        (empty().claims("huge", 80 << 30), "larger than is allowed"),
    ];
    for (layer, why) in layers {
        place.refuses(&image(layer), why);
    }
    // The same of the archive's own files.
    let good = || archive("bad:1", &[plain(empty().file("a", 0o644, b"x"))]);
    place.refuses(
        &good()
            .file(&format!("{climb}{outside}/new"), 0o644, b"x")
            .tar(),
        "leads out of the archive",
    );
    place.refuses(
        &good()
            .link(EntryType::Symlink, "blobs/x", &format!("{climb}{secret}"))
            .tar(),
        "leads out of the archive",
    );
    place.refuses(
        &good()
            .file(&format!("blobs/sha256/{}", "0".repeat(64)), 0o644, b"x")
            .tar(),
        "does not match its digest",
    );
    place.refuses(&good().claims("huge", 1 << 40).tar(), "huge");

    let tar = empty().file("a", 0o644, &[7; 100_000]).tar();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&tar).unwrap();
    let packed = packed.finish().unwrap();
    let cut = packed[..packed.len() / 2].to_vec();
    place.refuses(&archive("bad:1", &[(tar.clone(), cut)]).tar(), "");
    let other = empty().file("b", 0o644, b"y").tar();
    place.refuses(&archive("bad:1", &[(other, packed.clone())]).tar(), "");
    let whole = archive("bad:1", &[(tar, packed)]).tar();
    place.refuses(&whole[..whole.len() - 2048], "");
    place.refuses(b"no archive at all", "");
    place.import(&whole).fine();
    place.holds();
}

const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: 'strange:1', imagePullPolicy: Never, command: [/bin/busybox, sleep, '3600']}
";

#[test]
fn what_an_image_may_hold_stays_within_its_containers() {
    let cluster = Cluster::start();
    let place = Place::new();
    let outside = place.outside();
    let first = shell()
        .file(&format!("{outside}/absolute"), 0o644, b"inside")
        .directory("kept/")
        .file("kept/gone", 0o644, b"x")
        .file("kept/there", 0o644, b"x")
        .directory("hidden/")
        .file("hidden/old", 0o644, b"x");
    let second = Layer::default()
        .link(EntryType::Symlink, "way-out", &outside)
        .file("way-out/through-link", 0o644, b"inside")
        .file("kept/.wh.gone", 0o644, b"")
        .file("hidden/.wh..wh..opq", 0o644, b"")
        .file("hidden/new", 0o644, b"x")
        .file("set-id", 0o6755, b"x")
        .device(EntryType::Block, "disk", 254, 0)
        .device(EntryType::Char, "log", 1, 11);
    let bytes = archive(
        "docker.io/library/strange:1",
        &[plain(first), plain(second)],
    )
    .tar();
    let file = place.0.path().join("image.tar");
    std::fs::write(&file, bytes).unwrap();
    cluster.navarch(&["image", "import", file.to_str().unwrap()]);
    std::fs::create_dir(place.data()).unwrap();

    let kubectl = cluster.kubectl();
    kubectl.apply(POD);
    kubectl.wait("pod/a", "condition=Ready");
    let inside = |script: &str| kubectl.ok(&format!("exec a -- sh -c '{script}'"));
    assert_eq!(
        inside(&format!("cd {outside}; for f in *; do echo $f; done")),
        "absolute\nthrough-link\n"
    );
    assert_eq!(
        inside("cd /kept; echo *; cd /hidden; echo *"),
        "there\nnew\n"
    );
    assert_eq!(inside("busybox stat -c %a /set-id"), "6755\n");
    // The nodes are there, and are of no use.
    let devices = "busybox head -c 1 /disk 2>/dev/null && echo disk; (: > /log) 2>/dev/null && echo log; echo end";
    assert_eq!(inside(devices), "end\n");
    place.holds();
}
