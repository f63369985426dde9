//! Whose a bridge is: two nodes on one would give out the same addresses, and the first to be taken down would take the other's network.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::host::HostSettings;

/// Notes in the directory that all nodes of the host share that the bridge is the node's of `settings_file`.
///
/// # Errors
/// It is another node's, which was not taken down.
pub(crate) fn take(settings: &HostSettings, settings_file: &Path) -> Result<()> {
    let place = place(settings)?;
    let owner = owner(&place)?;
    if let Some(owner) = owner.filter(|owner| owner != settings_file)
        && uses(&owner, &settings.bridge)
    {
        let data = owner.parent().unwrap_or(&owner).display();
        bail!(
            "the bridge {} is the one of the node in {data}: take that down (`navarch down --data-dir {data}`), or give this one its \
             own with --bridge, --cluster-cidr and --node-port",
            settings.bridge
        );
    }
    if let Some(directory) = place.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
    }
    std::fs::write(&place, settings_file.as_os_str().as_encoded_bytes())
        .with_context(|| format!("cannot write {}", place.display()))
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

/// Whether there is such a node still: its settings go when it is taken down.
fn uses(settings_file: &Path, bridge: &str) -> bool {
    std::fs::read(settings_file)
        .ok()
        .and_then(|text| serde_json::from_slice::<HostSettings>(&text).ok())
        .is_some_and(|settings| settings.bridge == bridge)
}
