//! Whose a bridge is: two nodes on one would give out the same addresses, and the first to be taken down would take the other's network.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use navarch_machinery::ranges::Ranges;

use crate::host::HostSettings;

/// Notes in the directory that all nodes of the host share that the bridge is the node's of `settings_file`.
///
/// # Errors
/// As [`must_be_free`].
pub(crate) fn take(settings: &HostSettings, settings_file: &Path) -> Result<()> {
    must_be_free(settings, settings_file)?;
    let place = place(settings)?;
    if let Some(directory) = place.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    std::fs::write(&place, settings_file.as_os_str().as_encoded_bytes())
        .with_context(|| format!("cannot write {}", place.display()))
}

/// # Errors
/// The bridge, some of the pods' addresses or the port of encrypted packets are another node's, which was not taken down.
pub(crate) fn must_be_free(settings: &HostSettings, settings_file: &Path) -> Result<()> {
    let place = place(settings)?;
    for owner in owners(&place)? {
        let Some(other) = settings_of(&owner).filter(|_| owner != settings_file) else {
            continue;
        };
        let data = owner.parent().unwrap_or(&owner).display();
        let shared = if other.bridge == settings.bridge {
            format!("the bridge {} is the one", other.bridge)
        } else if let Some(its) = both(settings.cluster_cidr, other.cluster_cidr) {
            format!("the addresses {its} are those of the pods")
        } else if let Some(its) = both(settings.service_cidr, other.service_cidr) {
            format!("the addresses {its} are those of the services")
        } else if let Some(port) = settings
            .wireguard_port
            .filter(|port| other.wireguard_port == Some(*port))
        {
            format!("the UDP port {port}, which encrypted packets come to, is the one")
        } else {
            continue;
        };
        bail!(
            "{shared} of the node in {data}: take that down (`navarch down --data-dir {data}`), or give this one its own with --bridge, \
             --cluster-cidr, --service-cidr, --wireguard-port and --node-port"
        );
    }
    Ok(())
}

/// The other's range, where it has addresses in common with this node's.
fn both(own: Option<Ranges>, other: Option<Ranges>) -> Option<Ranges> {
    let (own, other) = (own?, other?);
    own.overlap(&other).then_some(other)
}

/// Gives it up.
pub(crate) fn give_up(settings: &HostSettings, settings_file: &Path) -> Result<()> {
    let place = place(settings)?;
    if owner(&place)?.is_some_and(|owner| owner == settings_file) {
        std::fs::remove_file(&place)
            .with_context(|| format!("cannot remove {}", place.display()))?;
    }
    Ok(())
}

/// One file a bridge and network namespace: hosts that share a kernel may each have a bridge of that name.
fn place(settings: &HostSettings) -> Result<PathBuf> {
    let namespace = std::fs::read_link("/proc/self/ns/net").context("network namespace")?;
    let digits = |letter: &char| letter.is_ascii_digit();
    let namespace: String = namespace.to_string_lossy().chars().filter(digits).collect();
    let shared = settings.run.parent().unwrap_or(&settings.run);
    Ok(shared.join(format!("{}.{namespace}.owner", settings.bridge)))
}

fn owner(place: &Path) -> Result<Option<PathBuf>> {
    match std::fs::read_to_string(place) {
        Ok(owner) => Ok(Some(owner.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| place.display().to_string()),
    }
}

/// Those that have noted themselves in the same network namespace as `place` is of.
fn owners(place: &Path) -> Result<Vec<PathBuf>> {
    let file = place.file_name().unwrap_or_default().to_string_lossy();
    let namespace = file.rsplit('.').nth(1).unwrap_or_default();
    let ending = format!(".{namespace}.owner");
    let directory = match place.parent().map(std::fs::read_dir) {
        Some(Ok(directory)) => directory,
        Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| place.display().to_string());
        }
        _ => return Ok(Vec::new()),
    };
    let mut owners = Vec::new();
    for entry in directory.flatten() {
        if entry.file_name().to_string_lossy().ends_with(&ending) {
            owners.extend(owner(&entry.path())?);
        }
    }
    Ok(owners)
}

/// The settings of a node that there is still: they go when it is taken down.
fn settings_of(settings_file: &Path) -> Option<HostSettings> {
    serde_json::from_slice(&std::fs::read(settings_file).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::checks::ClusterRanges;
    use crate::cli::{Cli, Command};
    use crate::layout::Layout;

    /// Of a node that shares nothing with another of another number, but for what these flags say.
    fn settings(place: &Path, number: u8, flags: &[&str]) -> HostSettings {
        let bridge = format!("--bridge=nvtclaim{number}");
        let words = ["navarch", "agent", "--server=https://192.0.2.1", &bridge];
        let words = words.iter().chain(flags);
        let Command::Agent(agent) = Cli::parse_from(words).command else {
            panic!("another command");
        };
        let (pods, services) = (
            format!("10.{number}.0.0/17"),
            format!("10.{number}.128.0/17"),
        );
        let layout = Layout::existing(place).unwrap();
        let ranges = ClusterRanges::parse(&pods, &services).unwrap();
        let mut settings = HostSettings::of(&layout, &agent.node, &ranges);
        settings.run = place.join("run").join(number.to_string());
        settings
    }

    #[test]
    fn encrypted_packets_come_to_ports_of_their_own() {
        let place = tempfile::tempdir().unwrap();
        let encrypts = "--pod-encryption=wireguard";
        let (first, file) = (
            settings(place.path(), 1, &[encrypts]),
            place.path().join("1"),
        );
        std::fs::write(&file, serde_json::to_vec(&first).unwrap()).unwrap();
        take(&first, &file).unwrap();
        take(&first, &file).unwrap();
        let refused = |flags: &[&str]| {
            let second = settings(place.path(), 2, flags);
            let free = must_be_free(&second, &place.path().join("2"));
            free.err().map(|error| error.to_string())
        };
        let why = refused(&[encrypts]).unwrap();
        assert!(
            why.starts_with(
                "the UDP port 51820, which encrypted packets come to, is the one of the node in"
            ),
            "{why}"
        );
        assert_eq!(refused(&[encrypts, "--wireguard-port=51821"]), None);
        assert_eq!(refused(&[]), None);
    }
}
