use std::collections::BTreeMap;
use std::fs;

use super::payload::{File, Payload};
use super::*;

fn payload(files: &[(&str, &str)]) -> Payload {
    let file = |content: &str| File {
        content: content.as_bytes().to_vec(),
        mode: 0o640,
        owner: None,
    };
    files
        .iter()
        .map(|(path, content)| ((*path).to_owned(), file(content)))
        .collect::<BTreeMap<_, _>>()
}

#[test]
fn files_change_all_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    atomic_writer::write(root, &payload(&[("a", "1"), ("d/b", "2")]), None).unwrap();
    let first = fs::read_link(root.join("..data")).unwrap();
    assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "1");
    assert_eq!(fs::read_to_string(root.join("d/b")).unwrap(), "2");
    assert_eq!(
        fs::metadata(root.join("a")).unwrap().permissions().mode() & 0o777,
        0o640
    );
    atomic_writer::write(root, &payload(&[("a", "1"), ("d/b", "2")]), None).unwrap();
    assert_eq!(
        fs::read_link(root.join("..data")).unwrap(),
        first,
        "nothing changed"
    );
    atomic_writer::write(root, &payload(&[("a", "3")]), None).unwrap();
    assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "3");
    assert!(fs::symlink_metadata(root.join("d")).is_err());
    assert!(!root.join(first).exists());
}

#[test]
fn usage_counts_what_is_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("d")).unwrap();
    fs::write(directory.path().join("d/f"), vec![1; 100_000]).unwrap();
    std::os::unix::fs::symlink("/usr", directory.path().join("l")).unwrap();
    let used = empty_dir::usage(directory.path());
    assert!((100_000..400_000).contains(&used), "{used}");
}

#[test]
fn host_paths_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let check = |name: &str, kind: &str| {
        let path = directory.path().join(name).to_string_lossy().into_owned();
        host_path::check(&k8s_openapi::api::core::v1::HostPathVolumeSource {
            path,
            type_: Some(kind.to_owned()),
        })
    };
    assert!(check("x", "").is_ok());
    assert!(
        check("x", "Directory")
            .unwrap_err()
            .ends_with("/x is not a directory")
    );
    assert!(check("d", "DirectoryOrCreate").is_ok());
    assert!(check("d", "Directory").is_ok());
    assert!(check("d", "File").is_err());
    assert!(check("f", "FileOrCreate").is_ok());
    assert!(check("f", "Socket").is_err());
}

#[test]
fn paths_stay_below() {
    for (path, below) in [
        ("a/b", true),
        ("a", true),
        ("", false),
        ("/a", false),
        ("a/../b", false),
        ("..", false),
        ("./a", false),
    ] {
        assert_eq!(is_below(path), below, "{path:?}");
    }
}
