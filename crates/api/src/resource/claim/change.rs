//! What follows from a change of what was given.

use k8s_openapi::api::resource::v1::ResourceClaimStatus;

use crate::pod::absent::{items, text};

/// A device as it is given: driver, pool, name, and the share where it is shared.
pub(super) type Given<'a> = (&'a str, &'a str, &'a str, &'a str);

/// The devices that a status gives.
pub(super) fn given(status: &ResourceClaimStatus) -> Vec<Given<'_>> {
    let devices = status
        .allocation
        .as_ref()
        .and_then(|it| it.devices.as_ref());
    let results = devices.map(|devices| items(&devices.results));
    let results = results.into_iter().flatten();
    results
        .map(|it| {
            let share = text(&it.share_id);
            (
                it.driver.as_str(),
                it.pool.as_str(),
                it.device.as_str(),
                share,
            )
        })
        .collect()
}

/// Drops what drivers said of devices that are given no longer.
pub(super) fn drop_deallocated(
    status: &mut ResourceClaimStatus,
    old: Option<&ResourceClaimStatus>,
) {
    let before = old.map(given).unwrap_or_default();
    let now = given(status);
    let taken: Vec<Given<'_>> = before.into_iter().filter(|it| !now.contains(it)).collect();
    let Some(mut devices) = status.devices.clone() else {
        return;
    };
    devices.retain(|it| {
        let share = text(&it.share_id);
        !taken.contains(&(
            it.driver.as_str(),
            it.pool.as_str(),
            it.device.as_str(),
            share,
        ))
    });
    status.devices = Some(devices).filter(|devices| !devices.is_empty());
}
