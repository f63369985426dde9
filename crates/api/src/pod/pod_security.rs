//! What all containers of a pod may do, and as whom.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{PodSpec, Sysctl};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_valid_group_id, is_valid_user_id};

use super::absent::{flag, items};
use super::{check, container};

/// The longest name of a kernel parameter.
const MAX_SYSCTL: usize = 253;

/// The security context of a pod.
pub(super) fn check(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let Some(security) = &spec.security_context else {
        return;
    };
    if let Some(group) = security.fs_group {
        check::each(
            errors,
            &path.child("fsGroup"),
            group,
            is_valid_group_id(group),
        );
    }
    if let Some(user) = security.run_as_user {
        check::each(
            errors,
            &path.child("runAsUser"),
            user,
            is_valid_user_id(user),
        );
    }
    if let Some(group) = security.run_as_group {
        check::each(
            errors,
            &path.child("runAsGroup"),
            group,
            is_valid_group_id(group),
        );
    }
    for (index, group) in items(&security.supplemental_groups).iter().enumerate() {
        check::each(
            errors,
            &path.child("supplementalGroups").index(index),
            *group,
            is_valid_group_id(*group),
        );
    }
    if flag(spec.share_process_namespace) && flag(spec.host_pid) {
        let detail = "ShareProcessNamespace and HostPID cannot both be enabled";
        errors.push(Error::invalid(
            &path.child("shareProcessNamespace"),
            true,
            detail,
        ));
    }
    check_sysctls(
        errors,
        &path.child("sysctls"),
        items(&security.sysctls),
        spec,
    );
    if let Some(policy) = &security.fs_group_change_policy {
        check::supported_value(
            errors,
            &path.child("fsGroupChangePolicy"),
            policy,
            &["Always", "OnRootMismatch"],
        );
    }
    container::check_seccomp(
        errors,
        &path.child("seccompProfile"),
        security.seccomp_profile.as_ref(),
    );
    container::check_windows_options(
        errors,
        &path.child("windowsOptions"),
        security.windows_options.as_ref(),
    );
    container::check_app_armor(
        errors,
        &path.child("appArmorProfile"),
        security.app_armor_profile.as_ref(),
    );
    if let Some(policy) = &security.supplemental_groups_policy {
        check::supported_value(
            errors,
            &path.child("supplementalGroupsPolicy"),
            policy,
            &["Merge", "Strict"],
        );
    }
    if let Some(policy) = &security.se_linux_change_policy {
        // `MountOption` comes with a feature that is not on by default.
        check::supported_value(
            errors,
            &path.child("seLinuxChangePolicy"),
            policy,
            &["Recursive"],
        );
    }
}

fn check_sysctls(errors: &mut ErrorList, list: &Path, sysctls: &[Sysctl], spec: &PodSpec) {
    let mut names = BTreeSet::new();
    for (index, sysctl) in sysctls.iter().enumerate() {
        let path = list.index(index).child("name");
        let name = sysctl.name.as_str();
        if name.is_empty() {
            errors.push(Error::required(&path, ""));
        } else if !is_sysctl(name) {
            let regex = r"^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
            let detail =
                format!("must have at most {MAX_SYSCTL} characters and match regex {regex}");
            errors.push(Error::invalid(&path, name, detail));
        } else if names.contains(name) {
            errors.push(Error::duplicate(&path, name));
        }
        names.insert(name);
        match namespace_of(name) {
            Some(Namespace::Net) if flag(spec.host_network) => {
                errors.push(Error::invalid(
                    &path,
                    name,
                    "may not be specified when 'hostNetwork' is true",
                ));
            }
            Some(Namespace::Ipc) if flag(spec.host_ipc) => {
                errors.push(Error::invalid(
                    &path,
                    name,
                    "may not be specified when 'hostIPC' is true",
                ));
            }
            _ => {}
        }
    }
}

fn is_sysctl(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() <= MAX_SYSCTL
        && name.split(['.', '/']).all(|segment| {
            let ends = |b: Option<u8>| b.is_some_and(word);
            ends(segment.bytes().next())
                && ends(segment.bytes().last())
                && segment.bytes().all(|b| word(b) || matches!(b, b'-' | b'_'))
        })
}

/// A namespace of the kernel that has parameters of its own.
enum Namespace {
    Ipc,
    Net,
}

/// Names may be written with slashes: if the first separator is one, slashes and dots change places.
fn namespace_of(name: &str) -> Option<Namespace> {
    let slashes_separate = name
        .find(['.', '/'])
        .is_some_and(|at| name.as_bytes()[at] == b'/');
    let swap = |c| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    let name: String = if slashes_separate {
        name.chars().map(swap).collect()
    } else {
        name.to_owned()
    };
    let name = name.split('*').next().unwrap_or_default();
    match name {
        "kernel.sem"
        | "kernel.shmall"
        | "kernel.shmmax"
        | "kernel.shmmni"
        | "kernel.shm_rmid_forced"
        | "kernel.shm" => Some(Namespace::Ipc),
        "kernel.msgmax" | "kernel.msgmnb" | "kernel.msgmni" | "kernel.msg" => Some(Namespace::Ipc),
        _ if name.starts_with("net.") => Some(Namespace::Net),
        _ if name.starts_with("fs.mqueue.") => Some(Namespace::Ipc),
        _ => None,
    }
}
