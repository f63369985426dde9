//! As whom a container runs.

use std::path::Path;

use super::passwd::{Account, accounts, groups};
use crate::cri::{
    ContainerConfig, Error, ImageConfig, Result, SandboxConfig, SecurityContext, UserSpec,
};

/// Numbers for the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResolvedUser {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Further groups, in order, each once.
    pub groups: Vec<u32>,
}

/// Finds the ids that the configuration, the image and the image's `/etc/passwd` and `/etc/group` mean.
///
/// # Errors
/// `Invalid` for a name that the image does not know, and where `runAsNonRoot` forbids the user, in the kubelet's words.
pub fn resolve_user(
    sandbox: &SandboxConfig,
    config: &ContainerConfig,
    image: &ImageConfig,
    rootfs: &Path,
) -> Result<ResolvedUser> {
    let accounts = accounts(rootfs);
    let (wanted_user, wanted_group) = match image.user.split_once(':') {
        Some((user, group)) => (user, group),
        None => (image.user.as_str(), ""),
    };
    let mut user = match config.security.user {
        UserSpec::Ids {
            uid: Some(uid),
            gid,
        } => by_id(&accounts, uid, gid),
        UserSpec::Ids { uid: None, gid } => {
            from_image(&accounts, rootfs, wanted_user, wanted_group, gid)?
        }
        UserSpec::Image => from_image(&accounts, rootfs, wanted_user, wanted_group, None)?,
    };
    if config.security.run_as_non_root {
        forbid_root(sandbox, config, wanted_user, user.uid)?;
    }
    user.groups = further_groups(&accounts, rootfs, &user, &config.security);
    Ok(user)
}

fn by_id(accounts: &[Account], uid: u32, gid: Option<u32>) -> ResolvedUser {
    let primary = || {
        accounts
            .iter()
            .find(|account| account.uid == uid)
            .map_or(0, |account| account.gid)
    };
    ResolvedUser {
        uid,
        gid: gid.unwrap_or_else(primary),
        groups: Vec::new(),
    }
}

fn from_image(
    accounts: &[Account],
    rootfs: &Path,
    user: &str,
    group: &str,
    gid: Option<u32>,
) -> Result<ResolvedUser> {
    let mut resolved = if user.is_empty() {
        by_id(accounts, 0, None)
    } else if let Some(account) = accounts.iter().find(|account| account.name == user) {
        ResolvedUser {
            uid: account.uid,
            gid: account.gid,
            groups: Vec::new(),
        }
    } else if let Ok(uid) = user.parse() {
        by_id(accounts, uid, None)
    } else {
        return Err(Error::Invalid(format!(
            "unable to find user {user}: no matching entries in passwd file"
        )));
    };
    if let Some(gid) = gid {
        resolved.gid = gid;
    } else if !group.is_empty() {
        let known = groups(rootfs)
            .into_iter()
            .find(|entry| entry.name == group)
            .map(|entry| entry.gid);
        resolved.gid = known.or_else(|| group.parse().ok()).ok_or_else(|| {
            Error::Invalid(format!(
                "unable to find group {group}: no matching entries in group file"
            ))
        })?;
    }
    Ok(resolved)
}

fn forbid_root(
    sandbox: &SandboxConfig,
    config: &ContainerConfig,
    image_user: &str,
    uid: u32,
) -> Result<()> {
    let place = format!(
        "(pod: \"{}_{}({})\", container: {})",
        sandbox.name, sandbox.namespace, sandbox.uid, config.name
    );
    let by_config = matches!(config.security.user, UserSpec::Ids { uid: Some(_), .. });
    if by_config && uid == 0 {
        return Err(Error::Invalid(format!(
            "container's runAsUser breaks non-root policy {place}"
        )));
    }
    if !by_config && !image_user.is_empty() && image_user.parse::<u32>().is_err() {
        return Err(Error::Invalid(format!(
            "container has runAsNonRoot and image has non-numeric user ({image_user}), cannot verify user is non-root {place}"
        )));
    }
    if uid == 0 {
        return Err(Error::Invalid(format!(
            "container has runAsNonRoot and image will run as root {place}"
        )));
    }
    Ok(())
}

fn further_groups(
    accounts: &[Account],
    rootfs: &Path,
    user: &ResolvedUser,
    security: &SecurityContext,
) -> Vec<u32> {
    let mut found = vec![user.gid];
    found.extend(&security.supplemental_groups);
    if !security.strict_groups
        && let Some(account) = accounts.iter().find(|account| account.uid == user.uid)
    {
        let member = |group: &super::passwd::Group| group.members.contains(&account.name);
        found.extend(
            groups(rootfs)
                .iter()
                .filter(|group| member(group))
                .map(|group| group.gid),
        );
    }
    let mut once = Vec::with_capacity(found.len());
    for gid in found {
        if !once.contains(&gid) {
            once.push(gid);
        }
    }
    once
}
