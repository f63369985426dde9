//! What the host tells of itself.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::core::v1::NodeSystemInfo;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::Error;
use crate::options::NodeOptions;
use crate::quantity::ResourceList;

/// The version of Kubernetes whose node this is.
const VERSION: &str = concat!("v1.36.0+navarch.", env!("CARGO_PKG_VERSION"));

/// What the host has.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) info: NodeSystemInfo,
    pub(crate) memory: i64,
    cpus: usize,
    disk: u64,
}

impl Machine {
    /// Looks at the host.
    pub(crate) fn read(options: &NodeOptions, runtime_version: String) -> Result<Self, Error> {
        let meminfo = file("/proc/meminfo")?;
        let memory = kibibytes(&meminfo, "MemTotal")
            .unwrap_or(0)
            .saturating_mul(1024);
        // On the first start it is not there yet, and what is not there has no file system.
        crate::files::make_private(&options.data_dir).map_err(|source| Error::Host {
            what: options.data_dir.display().to_string(),
            source,
        })?;
        let disk = disk(&options.data_dir).map_or(0, |(total, _, _)| total);
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let trimmed = |path: &str| {
            std::fs::read_to_string(path)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let machine_id = Some(trimmed("/etc/machine-id")).filter(|id| !id.is_empty());
        let info = NodeSystemInfo {
            architecture: architecture().to_owned(),
            boot_id: trimmed("/proc/sys/kernel/random/boot_id"),
            container_runtime_version: runtime_version,
            kernel_version: trimmed("/proc/sys/kernel/osrelease"),
            kube_proxy_version: String::new(),
            kubelet_version: VERSION.to_owned(),
            machine_id: machine_id.unwrap_or_default(),
            operating_system: "linux".to_owned(),
            os_image: os_image(),
            system_uuid: trimmed("/sys/class/dmi/id/product_uuid"),
            ..NodeSystemInfo::default()
        };
        Ok(Self {
            info,
            memory,
            cpus,
            disk,
        })
    }

    /// All there is.
    pub(crate) fn capacity(&self, options: &NodeOptions) -> ResourceList {
        let disk = format!("{}Ki", self.disk / 1024);
        resources(&[
            ("cpu", self.cpus.to_string()),
            ("memory", format!("{}Ki", self.memory / 1024)),
            ("ephemeral-storage", disk),
            ("pods", options.max_pods.to_string()),
            ("hugepages-1Gi", "0".into()),
            ("hugepages-2Mi", "0".into()),
        ])
    }

    /// What pods may use of it: without the reservations; a tenth of the disk stays free, as the kubelet has it.
    pub(crate) fn allocatable(&self, options: &NodeOptions) -> ResourceList {
        let milli =
            (i64::try_from(self.cpus).unwrap_or(1) * 1000 - options.reserved_cpu_milli).max(0);
        let cpu = if milli % 1000 == 0 {
            (milli / 1000).to_string()
        } else {
            format!("{milli}m")
        };
        let memory = (self.memory - options.reserved_memory).max(0) / 1024;
        let mut all = self.capacity(options);
        let changed = [
            ("cpu", cpu),
            ("memory", format!("{memory}Ki")),
            ("ephemeral-storage", (self.disk / 10 * 9).to_string()),
        ];
        all.append(&mut resources(&changed));
        all
    }
}

fn resources(list: &[(&str, String)]) -> BTreeMap<String, Quantity> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), Quantity(value.clone())))
        .collect()
}

fn file(path: &str) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| Error::Host {
        what: path.to_owned(),
        source,
    })
}

/// Go's name of the architecture.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn os_image() -> String {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    pretty.map_or_else(
        || "Linux".to_owned(),
        |name| name.trim_matches('"').to_owned(),
    )
}

/// A line of `/proc/meminfo`.
fn kibibytes(text: &str, name: &str) -> Option<i64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes of memory that can still be had.
pub(super) fn memory_available() -> Option<i64> {
    kibibytes(
        &std::fs::read_to_string("/proc/meminfo").ok()?,
        "MemAvailable",
    )
    .map(|k| k.saturating_mul(1024))
}

/// Processes there are, and may be.
pub(super) fn processes() -> Option<(u64, u64)> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    let running = load
        .split_whitespace()
        .nth(3)?
        .split_once('/')?
        .1
        .parse()
        .ok()?;
    let most = std::fs::read_to_string("/proc/sys/kernel/pid_max")
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some((running, most))
}

/// Bytes in all and free, and the share of inodes that is free in percent, of the file system that holds `path`.
pub(super) fn disk(path: &Path) -> Option<(u64, u64, u64)> {
    let found = nix::sys::statvfs::statvfs(path).ok()?;
    let block = found.fragment_size();
    let free = found
        .files_available()
        .saturating_mul(100)
        .checked_div(found.files())
        .unwrap_or(100);
    Some((
        found.blocks().saturating_mul(block),
        found.blocks_available().saturating_mul(block),
        free,
    ))
}
