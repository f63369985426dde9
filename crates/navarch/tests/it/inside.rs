//! What a pod sees of the network.

use std::process::Command;

use tempfile::NamedTempFile;

/// A program of the host's, in a pod's network and with the pod's resolvers.
pub(crate) struct Inside {
    pub(crate) pid: u32,
    /// A copy of the pod's `resolv.conf`, which `mount` finds.
    resolv_conf: NamedTempFile,
}

impl Inside {
    /// Of the pod whose process sleeps for that many seconds.
    pub(crate) fn of(mark: &str) -> Self {
        let sleeps = |pid: u32| {
            let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).ends_with(&format!("sleep\0{mark}\0"))
        };
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let pid = pids.into_iter().find(|pid| sleeps(*pid)).unwrap();
        let resolv_conf = NamedTempFile::new().unwrap();
        let own = format!("/proc/{pid}/root/etc/resolv.conf");
        std::fs::copy(own, resolv_conf.path()).unwrap();
        Self { pid, resolv_conf }
    }

    /// What `curl` gets, or its complaint.
    pub(crate) fn curl(&self, arguments: &str) -> Result<String, String> {
        let script = format!(
            "mount --bind {} /etc/resolv.conf && exec curl -sS --max-time 5 {arguments}",
            self.resolv_conf.path().display()
        );
        let net = format!("--net=/proc/{}/ns/net", self.pid);
        let output = Command::new("nsenter")
            .args([&net, "unshare", "--mount", "sh", "-c", &script])
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}
