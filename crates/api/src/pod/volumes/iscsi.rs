//! Volumes on iSCSI disks.

use k8s_openapi::api::core::v1::{ISCSIVolumeSource, Volume};
use navarch_machinery::field::{Error, ErrorList, Path};
use navarch_machinery::names::inclusive_range_error;

use super::super::absent::flag;
use super::super::check;

/// The most bytes of a volume's name and the portal of its target together.
const MAX_ISCSI_NAME: usize = 64;

pub(super) fn check(errors: &mut ErrorList, path: &Path, iscsi: &ISCSIVolumeSource) {
    check::required(errors, &path.child("targetPortal"), &iscsi.target_portal);
    check::required(errors, &path.child("iqn"), &iscsi.iqn);
    if !iscsi.iqn.is_empty() {
        check_name(errors, &path.child("iqn"), &iscsi.iqn);
    }
    if !(0..=255).contains(&iscsi.lun) {
        errors.push(Error::invalid(
            &path.child("lun"),
            iscsi.lun,
            inclusive_range_error(0, 255),
        ));
    }
    if (flag(iscsi.chap_auth_discovery) || flag(iscsi.chap_auth_session))
        && iscsi.secret_ref.is_none()
    {
        errors.push(Error::required(&path.child("secretRef"), ""));
    }
    if let Some(initiator) = &iscsi.initiator_name {
        check_name(errors, &path.child("initiatorname"), initiator);
    }
}

fn check_name(errors: &mut ErrorList, path: &Path, name: &str) {
    match kind_of_name(name) {
        None => errors.push(Error::invalid(
            path,
            name,
            "must be valid format starting with iqn, eui, or naa",
        )),
        Some(false) => errors.push(Error::invalid(path, name, "must be valid format")),
        Some(true) => {}
    }
}

/// A name as persistent volumes word it: whatever is wrong is told alike.
pub(crate) fn check_target_name(errors: &mut ErrorList, path: &Path, name: &str) {
    if kind_of_name(name) != Some(true) {
        errors.push(Error::invalid(path, name, "must be valid format"));
    }
}

/// Whether a name of one of the three kinds is well formed. `None`: it is of no kind.
fn kind_of_name(name: &str) -> Option<bool> {
    let of_length = |rest: &str, length: usize| {
        let mut rest = rest.chars();
        rest.next().is_some()
            && rest.clone().count() == length
            && rest.all(|c| c.is_ascii_alphanumeric())
    };
    match name.get(..3)? {
        "iqn" => Some(is_iqn(name)),
        "eui" => Some(of_length(&name[3..], 16)),
        "naa" => Some(of_length(&name[3..], 32)),
        _ => None,
    }
}

/// `iqn.2001-04.com.example:storage`.
fn is_iqn(name: &str) -> bool {
    let Some((authority, target)) = name.split_once(':') else {
        return false;
    };
    let digits = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| b.is_ascii_digit())
    };
    let mut parts = authority.splitn(3, '.');
    let (iqn, date, domain) = (
        parts.next(),
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    );
    let date = date
        .split_once('-')
        .is_some_and(|(year, month)| digits(year, 4) && digits(month, 2));
    let domain = !domain.is_empty()
        && domain
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    let target = !target.is_empty()
        && !target.contains([',', ';', '*', '&', '$', '|'])
        && !target.contains(char::is_whitespace);
    iqn == Some("iqn") && date && domain && target
}

/// With an initiator of its own the volume makes an interface, whose name has a limit.
pub(super) fn check_name_length(errors: &mut ErrorList, path: &Path, volume: &Volume) {
    let Some(iscsi) = &volume.iscsi else { return };
    if iscsi.initiator_name.is_some()
        && volume.name.len() + 1 + iscsi.target_portal.len() > MAX_ISCSI_NAME
    {
        let detail = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        errors.push(Error::invalid(&path.child("name"), &volume.name, detail));
    }
}
