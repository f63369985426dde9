//! Which pods leave the endpoint slices: purely, from what a slice was and is.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

/// The uids of the pods that a slice sends traffic to.
pub(super) fn targets(slice: &EndpointSlice) -> Vec<String> {
    uids(slice, |endpoint| {
        let conditions = endpoint.conditions.as_ref();
        !is_ending(endpoint) && conditions.is_none_or(|c| c.ready.unwrap_or(true))
    })
}

/// The same, and those that end.
pub(super) fn named(slice: &EndpointSlice) -> Vec<String> {
    let mut uids = targets(slice);
    uids.extend(self::uids(slice, is_ending));
    uids
}

/// The uids of the pods that leave: that end from now on, or have been sent traffic and are not there any more. One that is not ready and
/// may yet be again does not leave.
pub(super) fn departures(
    old: Option<&Arc<EndpointSlice>>,
    new: Option<&Arc<EndpointSlice>>,
) -> HashSet<String> {
    let of = |slice: Option<&Arc<EndpointSlice>>, wanted: fn(&Endpoint) -> bool| {
        let uids = slice.map(|slice| uids(slice, wanted));
        uids.into_iter().flatten().collect::<HashSet<_>>()
    };
    let ended = of(old, is_ending);
    let present = of(new, |_| true);
    let before = old.map(|slice| targets(slice)).unwrap_or_default();
    let removed = before.into_iter().filter(|uid| !present.contains(uid));
    let ending = of(new, is_ending);
    let ending = ending.into_iter().filter(|uid| !ended.contains(uid));
    removed.chain(ending).collect()
}

fn is_ending(endpoint: &Endpoint) -> bool {
    let conditions = endpoint.conditions.as_ref();
    conditions.is_some_and(|conditions| conditions.terminating == Some(true))
}

fn uids(slice: &EndpointSlice, wanted: impl Fn(&Endpoint) -> bool) -> Vec<String> {
    let endpoints = slice.endpoints.iter().flatten();
    let wanted = endpoints.filter(|endpoint| wanted(endpoint));
    // Nobody speaks for the pods of another namespace.
    let namespace = &slice.metadata.namespace;
    let uid = |endpoint: &Endpoint| {
        let target = endpoint.target_ref.as_ref()?;
        let is_own = target.namespace.is_none() || target.namespace == *namespace;
        target.uid.clone().filter(|_| is_own)
    };
    wanted.filter_map(uid).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn slice(endpoints: &[(&str, Value)]) -> Arc<EndpointSlice> {
        let endpoints: Vec<Value> = endpoints
            .iter()
            .map(|(uid, conditions)| {
                json!({"addresses": ["10.0.0.1"], "targetRef": {"uid": uid}, "conditions": conditions})
            })
            .collect();
        let slice = json!({"addressType": "IPv4", "metadata": {}, "endpoints": endpoints});
        Arc::new(serde_json::from_value(slice).unwrap())
    }

    fn leave(old: Option<&Arc<EndpointSlice>>, new: Option<&Arc<EndpointSlice>>) -> Vec<String> {
        let mut uids: Vec<_> = departures(old, new).into_iter().collect();
        uids.sort();
        uids
    }

    #[test]
    fn pods_leave_when_they_end_or_are_gone() {
        let ready = || json!({"ready": true, "serving": true, "terminating": false});
        let unready = || json!({"ready": false, "serving": false, "terminating": false});
        let ending = || json!({"ready": false, "serving": true, "terminating": true});
        let before = slice(&[
            ("stays", ready()),
            ("ends", ready()),
            ("goes", ready()),
            ("fails", ready()),
            ("failed", unready()),
            ("ended", ending()),
            ("unknown", json!({})),
        ]);
        let after = slice(&[
            ("stays", ready()),
            ("ends", ending()),
            ("fails", unready()),
            ("failed", ending()),
            ("ended", ending()),
        ]);
        let (before, after) = (Some(&before), Some(&after));
        assert_eq!(leave(before, after), ["ends", "failed", "goes", "unknown"]);
        assert_eq!(named(after.unwrap()), ["stays", "ends", "failed", "ended"]);
        // What an agent sees first: those that have left before it started.
        assert_eq!(leave(None, after), ["ended", "ends", "failed"]);
        assert_eq!(leave(after, None), ["stays"]);
        assert_eq!(
            targets(before.unwrap()),
            ["stays", "ends", "goes", "fails", "unknown"]
        );
    }
}
