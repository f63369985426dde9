//! One object: its bytes as they are stored.

use navarch_machinery::status::{Result, StatusError};

use super::Request;
use crate::ApiServer;
use crate::reply::Output;

impl ApiServer {
    /// GET of an object. A resourceVersion other than 0 makes the answer at least that new.
    pub(crate) async fn get(&self, request: &Request<'_>) -> Result<Output> {
        let version = &*request.params.resource_version;
        // Kubernetes takes this for its own fault.
        revision(version).map_err(|_| StatusError::new(500, "", words(version)))?;
        self.wait_for(version).await?;
        let entry = self
            .store
            .snapshot()
            .get(&request.key())
            .ok_or_else(|| request.not_found())?;
        Ok(Output::Stored {
            served: request.served.clone(),
            entry,
            object: None,
            created: false,
        })
    }

    /// Waits until the state is as new as the client has seen it.
    pub(crate) async fn wait_for(&self, version: &str) -> Result<()> {
        let Some(revision) = revision(version)? else {
            return Ok(());
        };
        if self.store.snapshot().revision() >= revision {
            return Ok(());
        }
        match tokio::time::timeout(crate::limits::FRESHNESS_WAIT, self.store.reached(revision))
            .await
        {
            Ok(reached) => reached.map_err(crate::errors::of_store),
            Err(_) => Err(crate::errors::too_large_version(
                revision,
                self.store.snapshot().revision(),
            )),
        }
    }
}

/// A resourceVersion as a revision; `None` where any will do.
pub(super) fn revision(version: &str) -> Result<Option<u64>> {
    if matches!(version, "" | "0") {
        return Ok(None);
    }
    version.parse().map(Some).map_err(|_| {
        StatusError::bad_request(format!("invalid resource version: {}", words(version)))
    })
}

/// `resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax`.
pub(super) fn words(version: &str) -> String {
    format!(
        "resourceVersion: Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: invalid syntax"
    )
}
