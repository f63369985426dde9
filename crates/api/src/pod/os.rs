//! What pods of one operating system may not ask for.

use k8s_openapi::api::core::v1::{PodSecurityContext, PodSpec, SecurityContext};
use navarch_machinery::field::{Error, ErrorList, Path};

use super::absent::{flag, items};
use super::check;
use super::context::containers;

/// The stated operating system, and what it does not know.
pub(super) fn check(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let Some(os) = &spec.os else { return };
    match os.name.as_str() {
        "linux" => check_linux(errors, path, spec),
        "windows" => check_windows(errors, path, spec),
        "" => errors.push(Error::required(&path.child("os").child("name"), "")),
        other => check::supported_value(errors, &path.child("os"), other, &["linux", "windows"]),
    }
}

fn check_linux(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let detail = "windows options cannot be set for a linux pod";
    if spec
        .security_context
        .as_ref()
        .is_some_and(|context| context.windows_options.is_some())
    {
        errors.push(Error::forbidden(
            &path.child("securityContext").child("windowsOptions"),
            detail,
        ));
    }
    for (path, container) in containers(spec, path) {
        if container
            .security_context
            .as_ref()
            .is_some_and(|context| context.windows_options.is_some())
        {
            errors.push(Error::forbidden(
                &path.child("securityContext").child("windowsOptions"),
                detail,
            ));
        }
    }
}

fn check_windows(errors: &mut ErrorList, path: &Path, spec: &PodSpec) {
    let none = PodSecurityContext::default();
    let set = pod_fields(spec, spec.security_context.as_ref().unwrap_or(&none));
    for (in_context, name, _) in set.into_iter().filter(|(_, _, is_set)| *is_set) {
        let path = if in_context {
            path.child("securityContext").child(name)
        } else {
            path.child(name)
        };
        errors.push(Error::forbidden(&path, "cannot be set for a windows pod"));
    }
    for (path, container) in containers(spec, path) {
        let Some(security) = &container.security_context else {
            continue;
        };
        for (name, _) in container_fields(security)
            .into_iter()
            .filter(|(_, is_set)| *is_set)
        {
            errors.push(Error::forbidden(
                &path.child("securityContext").child(name),
                "cannot be set for a windows pod",
            ));
        }
    }
}

/// Whether it is in the security context, its name, and whether it is set.
fn pod_fields(spec: &PodSpec, security: &PodSecurityContext) -> [(bool, &'static str, bool); 15] {
    [
        (
            true,
            "appArmorProfile",
            security.app_armor_profile.is_some(),
        ),
        (true, "seLinuxOptions", security.se_linux_options.is_some()),
        (false, "hostUsers", spec.host_users.is_some()),
        (false, "hostPID", flag(spec.host_pid)),
        (false, "hostIPC", flag(spec.host_ipc)),
        (true, "seccompProfile", security.seccomp_profile.is_some()),
        (true, "fsGroup", security.fs_group.is_some()),
        (
            true,
            "fsGroupChangePolicy",
            security.fs_group_change_policy.is_some(),
        ),
        (true, "sysctls", !items(&security.sysctls).is_empty()),
        (
            false,
            "shareProcessNamespace",
            spec.share_process_namespace.is_some(),
        ),
        (true, "runAsUser", security.run_as_user.is_some()),
        (true, "runAsGroup", security.run_as_group.is_some()),
        (
            true,
            "supplementalGroups",
            security.supplemental_groups.is_some(),
        ),
        (
            true,
            "supplementalGroupsPolicy",
            security.supplemental_groups_policy.is_some(),
        ),
        (
            true,
            "seLinuxChangePolicy",
            security.se_linux_change_policy.is_some(),
        ),
    ]
}

fn container_fields(security: &SecurityContext) -> [(&'static str, bool); 10] {
    [
        ("appArmorProfile", security.app_armor_profile.is_some()),
        ("seLinuxOptions", security.se_linux_options.is_some()),
        ("seccompProfile", security.seccomp_profile.is_some()),
        ("capabilities", security.capabilities.is_some()),
        (
            "readOnlyRootFilesystem",
            security.read_only_root_filesystem.is_some(),
        ),
        ("privileged", security.privileged.is_some()),
        (
            "allowPrivilegeEscalation",
            security.allow_privilege_escalation.is_some(),
        ),
        ("procMount", security.proc_mount.is_some()),
        ("runAsUser", security.run_as_user.is_some()),
        ("runAsGroup", security.run_as_group.is_some()),
    ]
}
