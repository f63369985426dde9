//! A runtime in directories and a cgroup of its own, and what tests ask of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use navarch_runtime::cgroup::Hierarchy;
use navarch_runtime::cri::{
    ContainerConfig, ContainerRecord, ContainerState, ImageConfig, Runtime, SandboxConfig,
    SandboxRecord,
};
use navarch_runtime::embedded::{Embedded, Options, ShimCommand, remove_everything};
use navarch_runtime::images::{Images, build_archive};

pub(crate) struct Fixture {
    pub(crate) runtime: Arc<Embedded>,
    pub(crate) options: Options,
    images: Images,
    directory: PathBuf,
    _owned: Option<tempfile::TempDir>,
    finished: bool,
}

pub(crate) const IMAGE: &str = "docker.io/library/busybox:test";

/// Always true: containers need root, and a run that left their tests out would prove nothing.
pub(crate) fn is_root() -> bool {
    assert!(
        nix::unistd::geteuid().is_root(),
        "these tests make containers: run them as root"
    );
    true
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::on(None).await
    }

    /// On this hierarchy of control groups.
    pub(crate) async fn on(hierarchy: Option<Hierarchy>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::tempdir().unwrap();
        let name = format!(
            "navarch-test-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let mut fixture = Self::at(directory.path().into(), &name, hierarchy).await;
        fixture._owned = Some(directory);
        fixture
    }

    /// In a directory that may hold an earlier one's.
    pub(crate) async fn at(directory: PathBuf, cgroup: &str, hierarchy: Option<Hierarchy>) -> Self {
        let options = Options {
            data: directory.join("data"),
            run: directory.join("run"),
            cgroup: cgroup.to_owned(),
            hierarchy,
            shim: ShimCommand {
                program: env!("CARGO_BIN_EXE_navarch-shim").into(),
                args: Vec::new(),
            },
        };
        let images = Images::open(&directory.join("images")).unwrap();
        images.import(&[archive(&directory)]).unwrap();
        let runtime = Embedded::open(options.clone(), images.clone())
            .await
            .unwrap();
        Self {
            runtime,
            options,
            images,
            directory,
            _owned: None,
            finished: false,
        }
    }

    /// Another runtime on the same directories, as after a restart of the agent.
    pub(crate) async fn reopen(&mut self) {
        self.runtime = Embedded::open(self.options.clone(), self.images.clone())
            .await
            .unwrap();
    }

    pub(crate) fn pod(&self) -> SandboxConfig {
        SandboxConfig {
            name: "pod".into(),
            namespace: "default".into(),
            uid: "uid".into(),
            hostname: "pod-host".into(),
            log_directory: self.directory.join("logs"),
            pid: navarch_runtime::cri::NamespaceMode::Container,
            ..Default::default()
        }
    }

    pub(crate) async fn sandbox(&self) -> SandboxRecord {
        self.runtime.run_sandbox(self.pod()).await.unwrap()
    }

    /// A container of a shell script, started.
    pub(crate) async fn shell(&self, sandbox: &SandboxRecord, script: &str) -> ContainerRecord {
        self.start(sandbox, shell(script)).await
    }

    pub(crate) async fn start(
        &self,
        sandbox: &SandboxRecord,
        config: ContainerConfig,
    ) -> ContainerRecord {
        let record = self
            .runtime
            .create_container(&sandbox.id, config)
            .await
            .unwrap();
        self.runtime.start_container(&record.id).await.unwrap()
    }

    /// Waits for the end of a container.
    pub(crate) async fn ended(&self, id: &str) -> ContainerRecord {
        use futures::StreamExt;
        let mut events = self.runtime.events();
        let wait = async {
            loop {
                let record = self.runtime.container(id).await.unwrap();
                if !matches!(
                    record.state,
                    ContainerState::Created | ContainerState::Running
                ) {
                    return record;
                }
                events.next().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap()
    }

    /// What a script prints, run as a container to its end.
    pub(crate) async fn output(&self, sandbox: &SandboxRecord, config: ContainerConfig) -> String {
        let log = self.log_path(&config);
        let record = self.start(sandbox, config).await;
        let ended = self.ended(&record.id).await;
        let text = messages(&log);
        self.runtime.remove_container(&record.id).await.unwrap();
        std::fs::remove_file(&log).unwrap();
        assert_eq!(ended.exit.unwrap().code, 0, "{text}");
        text
    }

    pub(crate) fn log_path(&self, config: &ContainerConfig) -> PathBuf {
        self.directory.join("logs").join(&config.log_path)
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Removes everything and looks for what is left.
    pub(crate) async fn finish(mut self) {
        self.finished = true;
        remove_everything(self.options.clone(), self.images.clone())
            .await
            .unwrap();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let left: Vec<&str> = mounts
            .lines()
            .filter(|line| line.contains(&*self.directory.to_string_lossy()))
            .collect();
        assert!(left.is_empty(), "mounts are left: {left:#?}");
        assert!(!self.options.run.exists());
        for controller in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            assert!(
                !controller.path().join(&self.options.cgroup).exists(),
                "a cgroup is left in {:?}",
                controller.path()
            );
        }
    }
}

/// A test that failed leaves nothing behind either.
impl Drop for Fixture {
    fn drop(&mut self) {
        if !self.finished {
            let (options, images) = (self.options.clone(), self.images.clone());
            let remove = || {
                tokio::runtime::Runtime::new()
                    .unwrap()
                    .block_on(remove_everything(options, images))
            };
            if let Err(error) = std::thread::spawn(remove).join().unwrap() {
                eprintln!("cleaning up: {error}");
            }
        }
    }
}

pub(crate) fn shell(script: &str) -> ContainerConfig {
    ContainerConfig {
        name: "main".into(),
        image: IMAGE.into(),
        command: ["/bin/busybox", "sh", "-c", script]
            .map(str::to_owned)
            .to_vec(),
        log_path: "main/0.log".into(),
        ..Default::default()
    }
}

/// The messages of a log, each with its newline but for partial ones.
pub(crate) fn messages(log: &Path) -> String {
    let mut text = String::new();
    for line in std::fs::read_to_string(log).unwrap_or_default().lines() {
        let mut parts = line.splitn(4, ' ').skip(2);
        let (tag, message) = (parts.next().unwrap(), parts.next().unwrap());
        text.push_str(message);
        if tag == "F" {
            text.push('\n');
        }
    }
    text
}

/// Whether a process runs; one that only waits to be reaped does not.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn archive(directory: &Path) -> PathBuf {
    let (passwd, group, script) = (
        directory.join("passwd"),
        directory.join("group"),
        directory.join("script"),
    );
    std::fs::write(
        &passwd,
        "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/home/web:/bin/sh\n",
    )
    .unwrap();
    std::fs::write(&group, "root:x:0:\nweb:x:34:\nlogs:x:4:web\n").unwrap();
    std::fs::write(&script, "not executable\n").unwrap();
    let busybox = PathBuf::from("/bin/busybox");
    let mut files = vec![
        (busybox, PathBuf::from("/bin/busybox"), 0o755),
        (passwd, PathBuf::from("/etc/passwd"), 0o644),
        (group, PathBuf::from("/etc/group"), 0o644),
        (script.clone(), PathBuf::from("/bin/plain"), 0o644),
    ];
    // The shell finds its applets as `busybox NAME` or, as these do, by a script each.
    for applet in [
        "sleep", "cat", "id", "ls", "head", "grep", "stty", "nc", "hostname", "mkdir", "chroot",
        "unshare", "mount", "yes", "dd", "seq", "ps", "kill", "tty", "touch", "stat", "true",
    ] {
        let path = directory.join(format!("applet-{applet}"));
        std::fs::write(
            &path,
            format!("#!/bin/busybox sh\nexec /bin/busybox {applet} \"$@\"\n"),
        )
        .unwrap();
        files.push((path, PathBuf::from(format!("/bin/{applet}")), 0o755));
    }
    let out = directory.join("busybox.tar");
    let config = ImageConfig {
        env: vec!["FROM_IMAGE=yes".into()],
        ..Default::default()
    };
    build_archive(&out, IMAGE, &files, &config).unwrap();
    out
}
