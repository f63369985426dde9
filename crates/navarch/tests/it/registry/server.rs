//! A registry on this host, and the way of images into it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

/// Who may enter a private registry, and by what.
pub(super) const USER: &str = "me";
pub(super) const PASSWORD: &str = "secret";
/// The same as a line of `htpasswd -B`.
const LINE: &str = "me:$2y$05$G/caRGRKaJ5QT4htzxwlDui26kJPrH.CGkYxhYDmAHgowaBQcX5Ce\n";
/// How long a registry may take to listen.
const START: Duration = Duration::from_secs(30);

/// A running registry; its images go with it.
pub(super) struct Registry {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(super) name: String,
    _directory: TempDir,
}

impl Registry {
    /// One for everybody.
    pub(super) fn open() -> Self {
        Self::start("")
    }

    /// One that wants a name and a password.
    pub(super) fn private() -> Self {
        Self::start("auth: {htpasswd: {realm: test, path: DIRECTORY/users}}\n")
    }

    fn start(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().to_str().unwrap();
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: DIRECTORY/images}}}}\nhttp: {{addr: '127.0.0.1:0'}}\n{more}"
        );
        std::fs::write(directory.path().join("users"), LINE).unwrap();
        std::fs::write(
            directory.path().join("config"),
            config.replace("DIRECTORY", at),
        )
        .unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(directory.path().join("config"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry: `make test` installs it");
        let log = BufReader::new(child.stderr.take().unwrap());
        let (sender, listening) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            // Read to its end, or a full pipe would stop the registry.
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("listening on ") {
                    let name: String = rest.chars().take_while(|c| *c != '"').collect();
                    let _ = sender.try_send(name);
                }
            }
        });
        let name = listening
            .recv_timeout(START)
            .expect("a registry that listens");
        Self {
            child,
            name,
            _directory: directory,
        }
    }

    /// Copies the image of an archive to `name` in this registry. Returns the digest of its manifest.
    pub(super) fn push(&self, archive: &Path, name: &str) -> String {
        let digest = archive.with_extension("digest");
        let pushed = Command::new("skopeo")
            .args([
                "copy",
                "--quiet",
                "--insecure-policy",
                "--dest-tls-verify=false",
            ])
            .arg(format!("--dest-creds={USER}:{PASSWORD}"))
            .arg(format!("--digestfile={}", digest.display()))
            .arg(format!("oci-archive:{}", archive.display()))
            .arg(format!("docker://{}/{name}", self.name))
            .status()
            .expect("skopeo: `make test` installs it");
        assert!(pushed.success(), "skopeo copy to {name}: {pushed}");
        std::fs::read_to_string(digest).unwrap().trim().to_owned()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
