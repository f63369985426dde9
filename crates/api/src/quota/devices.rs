//! What resource claims come to: devices of each device class, and themselves.

use k8s_openapi::api::resource::v1::ResourceClaim;

use super::amounts::{Amounts, number};

const OF_CLASS: &str = ".deviceclass.resource.k8s.io/devices";
/// The most devices that a claim for all of them can get.
const MOST: i64 = 32;

/// `gpu.example.com.deviceclass.resource.k8s.io/devices`.
pub(super) fn is_about(name: &str) -> bool {
    name.ends_with(OF_CLASS)
}

/// The devices that a claim asks for; of those of which it takes the first that is there, the most that it may get of a class.
pub(super) fn usage(claim: &ResourceClaim) -> Amounts {
    let mut usage = Amounts::new();
    let devices = claim.spec.devices.as_ref();
    for request in devices
        .into_iter()
        .flat_map(|it| it.requests.iter().flatten())
    {
        let mut own = Amounts::new();
        let exact = request.exactly.iter().map(|it| {
            let mode = it.allocation_mode.as_deref();
            (it.device_class_name.as_str(), mode, it.count)
        });
        let first = request.first_available.iter().flatten().map(|it| {
            let mode = it.allocation_mode.as_deref();
            (it.device_class_name.as_str(), mode, it.count)
        });
        for (class, mode, count) in exact.chain(first) {
            let count = match mode {
                Some("All") => MOST,
                _ => count.unwrap_or(1),
            };
            let count = number(usize::try_from(count).unwrap_or_default());
            let most = own.entry(format!("{class}{OF_CLASS}")).or_default();
            *most = (*most).max(count);
        }
        for (name, count) in own {
            *usage.entry(name).or_default() += count;
        }
    }
    usage
}
