//! What a container may do, and as whom.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, SeccompProfile, SecurityContext, WindowsSecurityContextOptions,
};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::{is_valid_group_id, is_valid_user_id};

use super::super::absent::{flag, items};
use super::super::check::{self, Json};
use super::super::windows;

/// The longest path of an AppArmor profile: that of any path, less its end.
const MAX_PROFILE: usize = 4095;

/// The security context of a container. `host_users`: the pod's users are the host's.
pub(super) fn check(
    errors: &mut ErrorList,
    path: &Path,
    security: &SecurityContext,
    host_users: bool,
) {
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
    if let Some(mount) = &security.proc_mount {
        let path = path.child("procMount");
        check::supported_value(errors, &path, mount, &["Default", "Unmasked"]);
        if host_users && mount == "Unmasked" {
            errors.push(Error::invalid(
                &path,
                mount,
                "`hostUsers` must be false to use `Unmasked`",
            ));
        }
    }
    check_seccomp(
        errors,
        &path.child("seccompProfile"),
        security.seccomp_profile.as_ref(),
    );
    check_escalation(errors, path, security);
    check_windows_options(
        errors,
        &path.child("windowsOptions"),
        security.windows_options.as_ref(),
    );
    check_app_armor(
        errors,
        &path.child("appArmorProfile"),
        security.app_armor_profile.as_ref(),
    );
}

/// Whoever has all privileges cannot be kept from getting more.
fn check_escalation(errors: &mut ErrorList, path: &Path, security: &SecurityContext) {
    if security.allow_privilege_escalation != Some(false) {
        return;
    }
    if flag(security.privileged) {
        let detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        errors.push(Error::invalid(path, shape(security), detail));
    }
    let added = security
        .capabilities
        .as_ref()
        .map_or(&[][..], |capabilities| items(&capabilities.add));
    for _ in added
        .iter()
        .filter(|capability| *capability == "CAP_SYS_ADMIN")
    {
        let detail =
            "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN";
        errors.push(Error::invalid(path, shape(security), detail));
    }
}

/// A security context as Kubernetes shows it in errors.
fn shape(security: &SecurityContext) -> Json {
    let profile = |type_: &str, path: &Option<String>| {
        Json::object(&[
            ("Type", Json::of(&type_)),
            ("LocalhostProfile", Json::of(path)),
        ])
    };
    Json::object(&[
        (
            "Capabilities",
            Json::object_or_null(&security.capabilities, |it| {
                let list = |names: &Option<Vec<String>>| Json::list(items(names), Json::of);
                Json::object(&[("Add", list(&it.add)), ("Drop", list(&it.drop))])
            }),
        ),
        ("Privileged", Json::of(&security.privileged)),
        (
            "SELinuxOptions",
            Json::object_or_null(&security.se_linux_options, |it| {
                let text = |value: &Option<String>| Json::of(&super::super::absent::text(value));
                Json::object(&[
                    ("User", text(&it.user)),
                    ("Role", text(&it.role)),
                    ("Type", text(&it.type_)),
                    ("Level", text(&it.level)),
                ])
            }),
        ),
        (
            "WindowsOptions",
            Json::object_or_null(&security.windows_options, |it| {
                Json::object(&[
                    (
                        "GMSACredentialSpecName",
                        Json::of(&it.gmsa_credential_spec_name),
                    ),
                    ("GMSACredentialSpec", Json::of(&it.gmsa_credential_spec)),
                    ("RunAsUserName", Json::of(&it.run_as_user_name)),
                    ("HostProcess", Json::of(&it.host_process)),
                ])
            }),
        ),
        ("RunAsUser", Json::of(&security.run_as_user)),
        ("RunAsGroup", Json::of(&security.run_as_group)),
        ("RunAsNonRoot", Json::of(&security.run_as_non_root)),
        (
            "ReadOnlyRootFilesystem",
            Json::of(&security.read_only_root_filesystem),
        ),
        (
            "AllowPrivilegeEscalation",
            Json::of(&security.allow_privilege_escalation),
        ),
        ("ProcMount", Json::of(&security.proc_mount)),
        (
            "SeccompProfile",
            Json::object_or_null(&security.seccomp_profile, |it| {
                profile(&it.type_, &it.localhost_profile)
            }),
        ),
        (
            "AppArmorProfile",
            Json::object_or_null(&security.app_armor_profile, |it| {
                profile(&it.type_, &it.localhost_profile)
            }),
        ),
    ])
}

/// A filter of system calls.
pub(in super::super) fn check_seccomp(
    errors: &mut ErrorList,
    path: &Path,
    profile: Option<&SeccompProfile>,
) {
    let Some(profile) = profile else { return };
    let type_path = path.child("type");
    match profile.type_.as_str() {
        "" => errors.push(Error::required(
            &type_path,
            "type is required when seccompProfile is set",
        )),
        other => check::supported_value(
            errors,
            &type_path,
            other,
            &["Localhost", "RuntimeDefault", "Unconfined"],
        ),
    }
    let path = path.child("localhostProfile");
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", None) => errors.push(Error::required(
            &path,
            "must be set when seccomp type is Localhost",
        )),
        ("Localhost", Some(file)) => check::descending_path(errors, &path, file),
        (type_, Some(file)) => {
            let shape = Json::object(&[
                ("Type", Json::of(&type_)),
                ("LocalhostProfile", Json::of(file)),
            ]);
            errors.push(Error::invalid(
                &path,
                shape,
                "can only be set when seccomp type is Localhost",
            ));
        }
        (_, None) => {}
    }
}

/// An AppArmor profile.
pub(in super::super) fn check_app_armor(
    errors: &mut ErrorList,
    path: &Path,
    profile: Option<&AppArmorProfile>,
) {
    let Some(profile) = profile else { return };
    let file_path = path.child("localhostProfile");
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Localhost", file) => check_app_armor_file(errors, &file_path, file.as_deref()),
        ("RuntimeDefault" | "Unconfined", Some(file)) => {
            errors.push(Error::invalid(
                &file_path,
                file,
                "can only be set when AppArmor type is Localhost",
            ));
        }
        ("RuntimeDefault" | "Unconfined", None) => {}
        ("", _) => errors.push(Error::required(
            &path.child("type"),
            "type is required when appArmorProfile is set",
        )),
        (other, _) => {
            errors.push(Error::not_supported(
                &path.child("type"),
                other,
                &["Localhost", "RuntimeDefault", "Unconfined"],
            ));
        }
    }
}

fn check_app_armor_file(errors: &mut ErrorList, path: &Path, file: Option<&str>) {
    let missing = || Error::required(path, "must be set when AppArmor type is Localhost");
    let Some(file) = file else {
        errors.push(missing());
        return;
    };
    if file.trim() != file {
        errors.push(Error::invalid(
            path,
            file,
            "must not be padded with whitespace",
        ));
    } else if file.is_empty() {
        errors.push(missing());
    }
    if file.len() > MAX_PROFILE {
        errors.push(Error::too_long(path, MAX_PROFILE));
    }
}

/// Options for Windows.
pub(in super::super) fn check_windows_options(
    errors: &mut ErrorList,
    path: &Path,
    options: Option<&WindowsSecurityContextOptions>,
) {
    if let Some(options) = options {
        windows::check_options(errors, path, options);
    }
}
