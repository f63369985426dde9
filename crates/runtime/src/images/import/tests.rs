//! Archives of every kind, and broken ones.

use std::path::PathBuf;

use super::super::testing::{Layer, TestImage, archive, blob_file, gzip, layout, write};
use super::*;

struct Place {
    dir: tempfile::TempDir,
    images: Images,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            images: Images::open(&dir.path().join("images")).unwrap(),
            dir,
        }
    }

    fn import(&self, archive: &[u8]) -> Result<Vec<Image>> {
        let path = write(self.dir.path(), "image.tar", archive);
        self.images.import(&[path])
    }

    /// What is in the store: blobs and layers.
    fn counts(&self) -> (usize, usize) {
        let count = |path: &str| {
            std::fs::read_dir(self.dir.path().join("images").join(path))
                .unwrap()
                .count()
        };
        (count("content/blobs/sha256"), count("snapshots/layers"))
    }

    #[track_caller]
    fn refused(&self, archive: &[u8], why: &str) {
        let before = (self.images.list(), self.counts());
        let error = self.import(archive).unwrap_err();
        assert!(
            matches!(error, Error::Invalid(_) | Error::InvalidImageName { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(
            (self.images.list(), self.counts()),
            before,
            "something of a refused archive was left"
        );
    }
}

fn image(text: &str) -> TestImage {
    TestImage::new(&[
        Layer::default().file("base", "base"),
        Layer::default().file("text", text),
    ])
}

#[test]
fn an_oci_layout_is_imported_plain_and_compressed() {
    let test = image("one");
    let tar = layout(&[("app:1", &test)]);
    for bytes in [
        tar.clone(),
        gzip(&tar),
        zstd::encode_all(tar.as_slice(), 1).unwrap(),
    ] {
        let place = Place::new();
        let images = place.import(&bytes).unwrap();
        assert_eq!(images.len(), 1);
        assert_eq!(images[0].id, test.id());
        assert_eq!(images[0].tags, ["docker.io/library/app:1"]);
        assert_eq!(
            images[0].digests,
            [format!(
                "docker.io/library/app@{}",
                Digest::of(&test.manifest)
            )]
        );
        assert_eq!(
            (
                images[0].config.cmd.as_slice(),
                images[0].config.user.as_str()
            ),
            (&["/bin/app".to_owned()][..], "7")
        );
        assert_eq!(place.images.get("app:1").unwrap(), Some(images[0].clone()));
        assert_eq!(place.counts(), (4, 2));
    }
}

#[test]
fn layers_are_read_in_every_compression() {
    let plain: Vec<Vec<u8>> = ["a", "b", "c"]
        .map(|n| Layer::default().file(n, n).tar())
        .to_vec();
    let stored = vec![
        plain[0].clone(),
        gzip(&plain[1]),
        zstd::encode_all(plain[2].as_slice(), 1).unwrap(),
    ];
    let place = Place::new();
    place
        .import(&layout(&[("app", &TestImage::of(&plain, stored))]))
        .unwrap();
    let rootfs = place.images.prepare("c", "app").unwrap();
    for name in ["a", "b", "c"] {
        assert_eq!(std::fs::read_to_string(rootfs.join(name)).unwrap(), name);
    }
    place.images.release("c").unwrap();
}

#[test]
fn several_images_and_several_names_share_layers() {
    let (one, two) = (image("one"), image("two"));
    let place = Place::new();
    let images = place
        .import(&layout(&[
            ("app:1", &one),
            ("app:latest", &one),
            ("quay.io/x/other:2", &two),
        ]))
        .unwrap();
    assert_eq!(images.len(), 2);
    assert_eq!(
        place.images.get("app").unwrap().unwrap().tags,
        ["docker.io/library/app:1", "docker.io/library/app:latest"]
    );
    assert_eq!(
        place.images.get(&two.id()).unwrap().unwrap().tags,
        ["quay.io/x/other:2"]
    );
    assert_eq!(place.counts().1, 3, "the base layer is unpacked once");
}

fn saved(test: &TestImage, tags: &[&str], new: bool) -> Vec<u8> {
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", Digest::of(bytes).hex());
    let config = if new {
        blob(&test.config)
    } else {
        format!("{}.json", Digest::of(&test.config).hex())
    };
    let layers: Vec<String> = test
        .layers
        .iter()
        .enumerate()
        .map(|(n, layer)| {
            if new {
                blob(layer)
            } else {
                format!("{n}/layer.tar")
            }
        })
        .collect();
    let manifest = serde_json::json!([{"Config": config, "RepoTags": tags, "Layers": layers}]);
    let mut files: Vec<(String, Vec<u8>)> = layers
        .into_iter()
        .zip(test.layers.iter().cloned())
        .collect();
    files.push((config, test.config.clone()));
    files.push(("repositories".to_owned(), b"{}".to_vec()));
    files.push((
        "manifest.json".to_owned(),
        serde_json::to_vec(&manifest).unwrap(),
    ));
    if new {
        files.push(blob_file(&test.manifest));
        let mut descriptor = test.descriptor("app:1");
        descriptor["annotations"]["org.opencontainers.image.ref.name"] = "1".into();
        let index = serde_json::json!({"schemaVersion": 2, "manifests": [descriptor]});
        files.push(("index.json".to_owned(), serde_json::to_vec(&index).unwrap()));
    }
    archive(&files)
}

#[test]
fn docker_save_is_imported_in_its_old_and_its_new_form() {
    let test = image("one");
    for new in [false, true] {
        let place = Place::new();
        let images = place
            .import(&saved(&test, &["app:1", "app:2"], new))
            .unwrap();
        assert_eq!((images.len(), images[0].id.clone()), (1, test.id()));
        assert_eq!(
            images[0].tags,
            ["docker.io/library/app:1", "docker.io/library/app:2"]
        );
        assert_eq!(
            images[0].digests.is_empty(),
            !new,
            "only a digest that a registry may know is told"
        );
    }
}

#[test]
fn docker_save_with_linked_layers_is_imported() {
    let test = TestImage::new(&[
        Layer::default().file("a", "a"),
        Layer::default().file("a", "a"),
    ]);
    let manifest = serde_json::json!([{"Config": "c.json", "RepoTags": null, "Layers": ["1/layer.tar", "2/layer.tar"]}]);
    let mut builder = tar::Builder::new(archive(&[
        ("c.json".into(), test.config.clone()),
        ("1/layer.tar".into(), test.layers[0].clone()),
    ]));
    let end = builder.get_ref().len() - 1024;
    builder.get_mut().truncate(end);
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder
        .append_link(&mut link, "2/layer.tar", "../1/layer.tar")
        .unwrap();
    let mut header = tar::Header::new_gnu();
    let bytes = serde_json::to_vec(&manifest).unwrap();
    header.set_size(bytes.len() as u64);
    builder
        .append_data(&mut header, "manifest.json", bytes.as_slice())
        .unwrap();
    let place = Place::new();
    let images = place.import(&builder.into_inner().unwrap()).unwrap();
    assert_eq!((images[0].id.clone(), images[0].tags.len()), (test.id(), 0));
}

#[test]
fn an_index_of_platforms_gives_this_machines_image() {
    let (ours, other) = (image("ours"), image("other"));
    let host = super::super::manifest::Platform::host();
    let entry = |test: &TestImage, architecture: &str| {
        let mut descriptor = test.descriptor("unused");
        descriptor["platform"] = serde_json::json!({"os": "linux", "architecture": architecture});
        descriptor
    };
    let platforms = [
        entry(&other, "riscv999"),
        entry(&ours, &host.architecture),
        entry(&other, "unknown"),
    ];
    let nested =
        serde_json::to_vec(&serde_json::json!({"schemaVersion": 2, "manifests": platforms}))
            .unwrap();
    let digest = Digest::of(&nested);
    let top = serde_json::json!({"schemaVersion": 2, "manifests": [
        {"digest": digest, "size": nested.len(), "annotations": {"org.opencontainers.image.ref.name": "quay.io/x/app:1"}}]});
    let mut files: Vec<_> = ours.blobs().into_iter().map(|b| blob_file(b)).collect();
    files.extend([
        blob_file(&nested),
        ("index.json".to_owned(), serde_json::to_vec(&top).unwrap()),
    ]);
    let place = Place::new();
    let images = place.import(&archive(&files)).unwrap();
    assert_eq!(images[0].id, ours.id());
    assert_eq!(
        images[0].digests,
        [format!("quay.io/x/app@{digest}")],
        "the digest a registry knows is the index's"
    );
    assert!(
        place
            .images
            .get(&format!("quay.io/x/app@{digest}"))
            .unwrap()
            .is_some()
    );

    let foreign = serde_json::json!({"schemaVersion": 2, "manifests": [entry(&other, "riscv999")]});
    let files: Vec<_> = other
        .blobs()
        .into_iter()
        .map(|b| blob_file(b))
        .chain([("index.json".to_owned(), foreign.to_string().into_bytes())])
        .collect();
    place.refused(&archive(&files), "linux/riscv999");
}

#[test]
fn malformed_archives_are_refused_and_leave_nothing() {
    let place = Place::new();
    place.import(&layout(&[("kept", &image("kept"))])).unwrap();
    let test = image("one");
    let whole = layout(&[("app", &test)]);
    let with = |name: &str, bytes: &[u8]| archive(&[(name.to_owned(), bytes.to_vec())]);
    place.refused(b"hello", "tar:");
    place.refused(&gzip(b"hello"), "tar:");
    place.refused(&[], "no image archive");
    place.refused(&with("readme", b"x"), "no image archive");
    place.refused(&with("index.json", b"{"), "index.json");
    place.refused(
        &with("index.json", br#"{"schemaVersion":1,"manifests":[]}"#),
        "schema version 1",
    );
    place.refused(&with("manifest.json", b"{}"), "manifest.json");
    place.refused(
        &with("manifest.json", br#"[{"Config":"gone.json","Layers":[]}]"#),
        "\"gone.json\" is missing from the archive",
    );
    place.refused(&with("blobs/sha256/00", b"x"), "blobs/sha256/00");
    place.refused(
        &with("blobs/sha512/00", b"x"),
        "unsupported digest algorithm",
    );
    place.refused(
        &with(&format!("blobs/sha256/{}", Digest::of(b"y").hex()), b"x"),
        "does not match its digest",
    );
    place.refused(&with("index.json", &vec![b' '; 5 << 20]), "larger than");
    place.refused(&whole[..whole.len() / 2], "end of");
    place.refused(&gzip(&whole)[..200], "");
    place.refused(&layout(&[("Bad Name", &test)]), "invalid reference format");
    assert!(place.images.get("kept").unwrap().is_some());
}

#[test]
fn documents_that_contradict_each_other_are_refused() {
    let place = Place::new();
    let test = image("one");
    let lost: Vec<_> = test
        .blobs()
        .into_iter()
        .skip(1)
        .map(|b| blob_file(b))
        .collect();
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [test.descriptor("app")]})
        .to_string()
        .into_bytes();
    let files: Vec<_> = lost
        .into_iter()
        .chain([("index.json".to_owned(), index)])
        .collect();
    place.refused(&archive(&files), "is missing from the archive");

    let (other, plain) = (
        Layer::default().file("evil", "evil").tar(),
        test.layers[0].clone(),
    );
    place.refused(
        &layout(&[(
            "app",
            &TestImage::of(std::slice::from_ref(&plain), vec![other]),
        )]),
        "its content has the digest",
    );
    place.refused(
        &layout(&[(
            "app",
            &TestImage::of(&[plain.clone(), plain.clone()], vec![plain.clone()]),
        )]),
        "1 layers but its configuration names 2",
    );
    let junk = TestImage::of(&[b"junk".to_vec()], vec![b"junk".to_vec()]);
    place.refused(&layout(&[("app", &junk)]), "tar:");
    let climbing = TestImage::new(&[Layer::default().file("../../evil", "evil")]);
    place.refused(&layout(&[("app", &climbing)]), "leads out of the image");
}

#[test]
fn of_many_files_all_are_imported_or_none() {
    let place = Place::new();
    let paths: Vec<PathBuf> = (0..3)
        .map(|n| {
            write(
                place.dir.path(),
                &format!("{n}.tar"),
                &layout(&[(&format!("app:{n}"), &image(&n.to_string()))]),
            )
        })
        .collect();
    let broken = write(place.dir.path(), "broken.tar", b"x");
    let error = place
        .images
        .import(&[paths[0].clone(), broken])
        .unwrap_err()
        .to_string();
    assert!(error.contains("broken.tar"), "{error}");
    assert!(place.images.list().is_empty());
    assert_eq!(place.images.import(&paths).unwrap().len(), 3);
    assert_eq!(place.images.list().len(), 3);
    assert!(matches!(
        place.images.import(&[place.dir.path().join("none")]),
        Err(Error::Host { .. })
    ));
}

#[test]
fn an_archives_own_names_lead_nowhere() {
    let place = Place::new();
    let climbing = Layer::default().file("../evil.json", "x").tar();
    place.refused(&climbing, "leads out of the archive");
    let linked = Layer::default()
        .symlink("c.json", "/etc/passwd")
        .file("manifest.json", r#"[{"Config":"c.json"}]"#)
        .tar();
    place.refused(&linked, "missing from the archive");
    let turning = Layer::default()
        .symlink("a", "b")
        .symlink("b", "a")
        .file("manifest.json", r#"[{"Config":"a"}]"#)
        .tar();
    place.refused(&turning, "too many links");
}
