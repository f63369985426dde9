//! The whole of it: names, removal, collection, restart.

use super::testing::{Layer, TestImage, layout, write};
use super::*;
use crate::cri::ImageConfig;

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn open(&self) -> Images {
        Images::open(&self.dir.path().join("images")).unwrap()
    }

    fn import(&self, images: &Images, name: &str, text: &str) -> Image {
        let test = TestImage::new(&[
            Layer::default().file("base", "base"),
            Layer::default().file("text", text),
        ]);
        let path = write(self.dir.path(), "image.tar", &layout(&[(name, &test)]));
        images.import(&[path]).unwrap().remove(0)
    }

    fn count(&self, path: &str) -> usize {
        std::fs::read_dir(self.dir.path().join("images").join(path))
            .unwrap()
            .count()
    }
}

#[test]
fn other_images_ring() {
    let place = Place::new();
    let images = place.open();
    let changes = images.changes();
    assert!(!changes.has_changed().unwrap());
    place.import(&images, "one:1", "text");
    assert!(changes.has_changed().unwrap());
}

#[test]
fn what_nothing_needs_is_collected() {
    let place = Place::new();
    let images = place.open();
    let (one, two) = (
        place.import(&images, "one", "1"),
        place.import(&images, "two", "2"),
    );
    assert_eq!(
        (
            place.count("content/blobs/sha256"),
            place.count("snapshots/layers")
        ),
        (7, 3)
    );
    let rootfs = images.prepare("c", &one.id).unwrap();
    images.remove("one").unwrap();
    images.remove("one").unwrap();
    assert_eq!(images.list(), std::slice::from_ref(&two));
    assert_eq!(place.count("content/blobs/sha256"), 4);
    assert_eq!(
        place.count("snapshots/layers"),
        3,
        "a container still stands on the layer"
    );
    assert_eq!(std::fs::read_to_string(rootfs.join("text")).unwrap(), "1");
    images.release("c").unwrap();
    assert_eq!(place.count("snapshots/layers"), 2);
    images.remove(&two.id).unwrap();
    assert_eq!(
        (
            place.count("content/blobs/sha256"),
            place.count("snapshots/layers")
        ),
        (0, 0)
    );
    assert_eq!(place.count("snapshots/trash"), 0);
    assert_eq!(images.usage().unwrap().used, 0);
}

#[test]
fn a_tag_moves_and_the_old_image_stays_by_its_id() {
    let place = Place::new();
    let images = place.open();
    let (old, new) = (
        place.import(&images, "app", "1"),
        place.import(&images, "app", "2"),
    );
    assert_eq!(images.get("app").unwrap().unwrap().id, new.id);
    let old = images.get(&old.id).unwrap().unwrap();
    assert!(old.tags.is_empty());
    assert_eq!(images.list().len(), 2);
}

#[test]
fn a_restart_knows_everything_again() {
    let place = Place::new();
    let images = place.open();
    let image = place.import(&images, "app:1", "1");
    let rootfs = images.prepare("c", "app:1").unwrap();
    let usage = images.usage().unwrap();
    assert!(usage.used > 0 && usage.capacity > usage.used && usage.inodes == 2);
    drop(images);
    let images = place.open();
    assert_eq!(images.list(), [image]);
    assert_eq!(images.mounted(), ["c"]);
    assert_eq!(images.usage().unwrap(), usage);
    overlay::unmount(&rootfs).unwrap();
    assert!(images.mounted().is_empty());
    images.remove("app:1").unwrap();
    assert_eq!(images.remount("c").unwrap(), rootfs);
    assert_eq!(std::fs::read_to_string(rootfs.join("text")).unwrap(), "1");
    images.release("c").unwrap();
    images.release("c").unwrap();
    assert!(images.prepared().is_empty());
}

#[test]
fn an_image_tells_which_containers_hold_it() {
    let place = Place::new();
    let images = place.open();
    let image = place.import(&images, "app:1", "1");
    assert!(images.held_by("app:1").unwrap().is_empty());
    images.prepare("c", "app:1").unwrap();
    for reference in ["app:1", &image.id] {
        assert_eq!(images.held_by(reference).unwrap(), ["c"], "{reference}");
    }
    assert!(images.held_by("other:1").unwrap().is_empty());
    images.release("c").unwrap();
    assert!(images.held_by("app:1").unwrap().is_empty());
}

#[test]
fn a_container_of_no_image_is_refused() {
    let place = Place::new();
    let images = place.open();
    assert!(matches!(
        images.prepare("c", "app"),
        Err(Error::NotFound(_))
    ));
    assert!(matches!(
        images.prepare("c", "App"),
        Err(Error::InvalidImageName { .. })
    ));
    let image = place.import(&images, "app", "1");
    assert!(images.prepare("../c", &image.id).is_err());
    assert!(images.prepared().is_empty());
}

#[test]
fn a_directory_is_one_process_alone() {
    let place = Place::new();
    let _images = place.open();
    // A record lock does not hold against its own process, so another one asks.
    let lock = place.dir.path().join("images/lock");
    let busy = std::process::Command::new("/bin/sh")
        .args(["-c", "command -v python3 >/dev/null || exit 3; exec python3 -c 'import fcntl,sys\ntry: fcntl.lockf(open(sys.argv[1],\"w\"), fcntl.LOCK_EX|fcntl.LOCK_NB)\nexcept OSError: sys.exit(3)' \"$0\""])
        .arg(&lock)
        .status()
        .unwrap();
    assert_eq!(busy.code(), Some(3));
}

#[test]
fn a_built_archive_is_an_image() {
    let place = Place::new();
    let source = write(place.dir.path(), "program", b"#!program");
    let out = place.dir.path().join("built.tar");
    let config = ImageConfig {
        entrypoint: vec!["/bin/program".into()],
        env: vec!["A=b".into()],
        labels: [("l".to_owned(), "v".to_owned())].into(),
        ..ImageConfig::default()
    };
    let files = [(source, PathBuf::from("/usr/bin/program"), 0o755)];
    build_archive(&out, "navarch.dev/hello:1", &files, &config).unwrap();
    let first = std::fs::read(&out).unwrap();
    build_archive(&out, "navarch.dev/hello:1", &files, &config).unwrap();
    assert_eq!(
        std::fs::read(&out).unwrap(),
        first,
        "the same input gives the same archive"
    );
    assert!(build_archive(&out, "No Name", &files, &config).is_err());
    assert_eq!(
        std::fs::read_dir(place.dir.path()).unwrap().count(),
        2,
        "no temporary file is left"
    );

    let images = place.open();
    let image = images.import(&[out]).unwrap().remove(0);
    assert_eq!(
        (image.tags, image.config),
        (vec!["navarch.dev/hello:1".to_owned()], config)
    );
    let rootfs = images.prepare("c", &image.id).unwrap();
    assert_eq!(
        std::fs::read(rootfs.join("usr/bin/program")).unwrap(),
        b"#!program"
    );
    images.release("c").unwrap();
}

#[test]
fn root_file_systems_are_made_by_many_at_once_and_cheaply() {
    let place = Place::new();
    let images = place.open();
    let id = place.import(&images, "app", "1").id;
    let mut times: Vec<std::time::Duration> = Vec::new();
    for n in 0..20 {
        let start = std::time::Instant::now();
        images.prepare(&format!("one-{n}"), &id).unwrap();
        times.push(start.elapsed());
    }
    times.sort();
    assert!(
        times[10] < std::time::Duration::from_millis(10),
        "{times:?}"
    );
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (images, id) = (&images, &id);
            scope.spawn(move || {
                for m in 0..5 {
                    images.prepare(&format!("many-{n}-{m}"), id).unwrap();
                }
            });
        }
    });
    assert_eq!(images.mounted().len(), 60);
    for container in images.prepared() {
        images.release(&container).unwrap();
    }
    assert_eq!(place.count("snapshots/containers"), 0);
}

/// What is offered needs no registry, is made anew by each process, for the program may be another, and once by each.
#[tokio::test]
async fn what_is_offered_is_made_and_not_pulled() {
    let place = Place::new();
    let program = place.dir.path().join("program");
    let offer = BuiltIn {
        name: "navarch.invalid/own:1".into(),
        program: program.clone(),
        path: "/program".into(),
        config: ImageConfig::default(),
    };
    let pull = async |images: &Images| {
        let pulled = images.pull(&offer.name, None, &Progress::default()).await;
        pulled.unwrap().image.id
    };
    std::fs::write(&program, "first").unwrap();
    let images = place.open();
    images.offer(offer.clone()).unwrap();
    let first = pull(&images).await;
    assert_eq!(images.get(&offer.name).unwrap().unwrap().id, first);
    for other in ["navarch.invalid/own:2", "navarch.invalid/other:1"] {
        let other = images.pull(other, None, &Progress::default()).await;
        let refused = other.unwrap_err().to_string();
        let why = "this host makes navarch.invalid/own:1";
        assert!(refused.contains(why), "{refused}");
    }

    std::fs::write(&program, "second").unwrap();
    assert_eq!(pull(&images).await, first);
    images.remove(&offer.name).unwrap();
    let second = pull(&images).await;
    assert_ne!(second, first);
    assert_eq!(place.count("content/blobs/sha256"), 3);

    std::fs::write(&program, "third").unwrap();
    drop(images);
    let images = place.open();
    images.offer(offer.clone()).unwrap();
    assert_ne!(pull(&images).await, second);
    assert_eq!(place.count("content/blobs/sha256"), 3);
}
