//! Eviction: a deletion that may be refused. Budgets have their say here when there are any.

use k8s_openapi::api::policy::v1::Eviction;
use navarch_machinery::status::{Result, StatusError};

use super::super::Request;
use super::super::delete_options::DeleteOptions;
use crate::ApiServer;
use crate::reply::{Output, success};

impl ApiServer {
    /// POST to `pods/NAME/eviction`.
    pub(crate) async fn evict(&self, request: &mut Request<'_>) -> Result<Output> {
        let eviction: Eviction = super::body(&request.body, "policy/v1", "Eviction")?;
        let given = eviction.metadata.name.as_deref().unwrap_or_default();
        if !given.is_empty() && given != request.info.name {
            return Err(StatusError::bad_request(
                "name in URL does not match name in Eviction object",
            ));
        }
        let mut options = DeleteOptions::of_wire(&eviction.delete_options.unwrap_or_default())?;
        options.dry_run |= request.params.is_dry_run("CreateOptions")?;
        let key = request.key();
        self.delete_at(request, &key, &options).await?;
        Ok(Output::Value {
            value: success(None, Some(201)),
            code: 201,
        })
    }
}
