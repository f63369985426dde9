//! The images of all tests: a shell and its applets.

use std::path::{Path, PathBuf};

use navarch_runtime::cri::ImageConfig;
use navarch_runtime::images::build_archive;

/// The image's name.
pub(crate) const IMAGE: &str = "busybox:test";

/// One that differs in its name and its page, for rollouts.
pub(crate) const OTHER: &str = "busybox:other";

/// What can be executed by name; within the shell every applet can.
const APPLETS: [&str; 18] = [
    "sh", "cat", "sleep", "wget", "httpd", "nc", "dd", "echo", "id", "ls", "tar", "true", "false",
    "env", "date", "touch", "printf", "seq",
];

/// The files of their archives.
pub(super) const ARCHIVES: [&str; 2] = ["busybox.tar", "other.tar"];

/// Writes the images' archives below `directory`.
pub(crate) fn archives(directory: &Path) -> [PathBuf; 2] {
    let [first, second] = ARCHIVES;
    [
        build(directory, first, IMAGE),
        build(directory, second, OTHER),
    ]
}

fn build(directory: &Path, file: &str, name: &str) -> PathBuf {
    let mut files = vec![(
        PathBuf::from("/bin/busybox"),
        PathBuf::from("/bin/busybox"),
        0o755,
    )];
    let mut add = |path: String, text: String, mode| {
        let source = directory.join(format!("{file}-{}", path.replace('/', "-")));
        std::fs::write(&source, text).unwrap();
        files.push((source, path.into(), mode));
    };
    for applet in APPLETS {
        let script = format!("#!/bin/busybox sh\nexec /bin/busybox {applet} \"$@\"\n");
        add(format!("/bin/{applet}"), script, 0o755);
    }
    let users = "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/:/bin/sh\n";
    add("/etc/passwd".into(), users.into(), 0o644);
    add("/etc/group".into(), "root:x:0:\nweb:x:34:\n".into(), 0o644);
    add("/www/index.html".into(), format!("page of {name}\n"), 0o644);
    let config = ImageConfig {
        env: vec!["PATH=/bin".into()],
        ..Default::default()
    };
    let out = directory.join(file);
    build_archive(&out, &format!("docker.io/library/{name}"), &files, &config).unwrap();
    out
}
