use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;

use super::*;

/// Sees nothing any more.
struct Stuck;

impl Watched for Stuck {
    fn resource(&self) -> Gvr {
        Gvr::of::<ConfigMap>()
    }

    fn reached(&self, _: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }

    fn revision(&self) -> u64 {
        1
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_a_restored_store_has_lost_is_given_up() {
    let (writes, key) = (OwnWrites::default(), ObjectKey::new("default", "a"));
    let mut map = ConfigMap::default();
    map.metadata.resource_version = Some("7".into());
    let remember = || {
        let answer = Answer::Object(Arc::new(map.clone()));
        writes.remember(&key, Gvr::of::<ConfigMap>(), &answer, &[&Stuck]);
    };
    remember();
    for _ in 1..WAITS {
        assert!(!writes.seen(&key, &[&Stuck]).await);
    }
    assert!(writes.seen(&key, &[&Stuck]).await);
    assert!(writes.seen(&key, &[&Stuck]).await);
    // Another write is waited for again.
    remember();
    assert!(!writes.seen(&key, &[&Stuck]).await);
}
