//! Pods without files.

use async_trait::async_trait;
use k8s_openapi::api::core::v1::{Container, Pod};
use navarch_node::Volumes;
use navarch_node::cri::Mount;
use navarch_node::ports::VolumeError;

/// Volumes that are nowhere.
pub(crate) struct NoVolumes;

#[async_trait]
impl Volumes for NoVolumes {
    async fn set_up(&self, _: &Pod) -> Result<(), VolumeError> {
        Ok(())
    }

    async fn refresh(&self, _: &Pod) -> Result<(), VolumeError> {
        Ok(())
    }

    fn due(&self, _: jiff::Timestamp) -> Option<jiff::Timestamp> {
        None
    }

    async fn mounts(
        &self,
        _: &Pod,
        _: &Container,
        _: &[(String, String)],
    ) -> Result<Vec<Mount>, VolumeError> {
        Ok(Vec::new())
    }

    async fn tear_down(&self, _: &str) -> Result<(), VolumeError> {
        Ok(())
    }

    async fn over_limit(&self, _: &Pod) -> Option<String> {
        None
    }

    async fn disk_usage(&self, _: &Pod) -> u64 {
        0
    }
}
