//! What is left on the host of a cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// How a cluster's things on the host are called.
pub(crate) struct Settings {
    data: PathBuf,
    bridge: String,
    table: String,
    cgroup: String,
    run: String,
    /// The pods' ends on the host, while they can be told by their bridge.
    links: Vec<String>,
}

impl Settings {
    /// As the program wrote them down; empty if it never came so far.
    pub(crate) fn read(data: &Path) -> Self {
        let text = std::fs::read(data.join("host.json")).unwrap_or_default();
        let value: Value = serde_json::from_slice(&text).unwrap_or_default();
        let get = |key: &str| value[key].as_str().unwrap_or("-nothing-").to_owned();
        let bridge = get("bridge");
        let links = output("ip", &["-o", "link", "show", "master", &bridge]);
        let name = |line: &str| Some(line.split(": ").nth(1)?.split('@').next()?.to_owned());
        Self {
            links: links.lines().filter_map(name).collect(),
            data: data.canonicalize().unwrap_or_else(|_| data.into()),
            bridge,
            table: get("table"),
            cgroup: get("cgroup"),
            run: get("run"),
        }
    }

    /// Everything that is still there, a line each.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        let data = self.data.display().to_string();
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let ours = |line: &&str| line.contains(&data) || line.contains(&self.run);
        left.extend(
            mounts
                .lines()
                .filter(ours)
                .map(|line| format!("mount {line}")),
        );
        if Path::new(&self.run).exists() {
            left.push(format!("namespaces and sockets in {}", self.run));
        }
        for controller in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let group = controller.path().join(&self.cgroup);
            if group.exists() || controller.file_name().to_str() == Some(&self.cgroup) {
                left.push(format!("cgroup {}", group.display()));
            }
        }
        let links = output("ip", &["-o", "link"]);
        let ours = |line: &&str| {
            let name = line.split(": ").nth(1).unwrap_or("");
            let name = name.split('@').next().unwrap_or("");
            name == self.bridge
                || name == format!("{}-vx", self.bridge)
                || self.links.iter().any(|link| link == name)
        };
        left.extend(
            links
                .lines()
                .filter(ours)
                .map(|line| format!("link {line}")),
        );
        let tables = output("nft", &["list", "tables"]);
        // The pods' table, those of services, and the one of the tunnel to other nodes.
        let more = ["services", "hosts"].map(|of| format!("{}_{of}", self.table));
        let names = [&[self.table.clone()][..], &more].concat();
        let is_ours = |name: &str| names.iter().any(|own| own == name);
        let ours = |line: &&str| line.split_whitespace().last().is_some_and(is_ours);
        left.extend(tables.lines().filter(ours).map(str::to_owned));
        left.extend(self.processes());
        left
    }

    /// Mounts and processes of pods, while the node runs.
    pub(crate) fn left_of_pods(&self) -> Vec<String> {
        let nodes_own = format!(" {} ", self.run);
        let is_pods = |line: &String| match line.starts_with("mount") {
            true => !line.contains(&nodes_own),
            false => line.starts_with("process"),
        };
        self.left().into_iter().filter(is_pods).collect()
    }

    fn processes(&self) -> Vec<String> {
        let mut left = Vec::new();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let read = |file: &str| {
                let bytes = std::fs::read(process.path().join(file)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            let dead = read("stat").contains(") Z ");
            let command = read("cmdline");
            let ours = read("cgroup").contains(&self.cgroup) || command.contains(&self.run);
            if ours && !dead {
                left.push(format!("process {:?} {command}", process.file_name()));
            }
        }
        left
    }
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
