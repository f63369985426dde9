//! The key that packets to this node's pods are encrypted for: made once, and kept.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use navarch_network::PrivateKey;

/// Reads it, or makes it where there is none. It is on the disk before anybody hears of it, and nobody but its owner can read it.
pub(crate) fn keep(path: &Path) -> Result<PrivateKey> {
    match fs::read_to_string(path) {
        Ok(text) => return text.parse().context("not a key of WireGuard"),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let key = PrivateKey::generate()?;
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    navarch_auth::pki::write(path, &(key.reveal() + "\n"), 0o600)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owner_s() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("pki/wireguard.key");
        let key = keep(&path).unwrap();
        assert_eq!(keep(&path).unwrap(), key);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(keep(&place.path().join("other.key")).unwrap(), key);
        // One that is cut short is not made anew: others know the node by it.
        fs::write(&path, "x").unwrap();
        assert!(keep(&path).is_err());
    }
}
