//! ConfigMaps, Secrets, Services and tokens, as pods refer to them.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use navarch_client::Client;
use navarch_machinery::status::StatusError;
use serde_json::json;

use crate::{Token, spec};

/// Reads what a pod's spec refers to. Everything is read when it is needed: a container sees what was there when it started.
#[derive(Clone)]
pub struct Objects {
    client: Client,
}

impl Objects {
    /// Reads through this client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    pub(crate) async fn config_map(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<ConfigMap>>, StatusError> {
        found(self.client.get(Some(namespace), name).await)
    }

    pub(crate) async fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Secret>>, StatusError> {
        found(self.client.get(Some(namespace), name).await)
    }

    /// A token of the pod's service account, bound to the pod.
    pub(crate) async fn token(
        &self,
        pod: &Pod,
        audience: Option<&str>,
        seconds: i64,
    ) -> Result<Token, StatusError> {
        let account = spec::spec(pod)
            .service_account_name
            .as_deref()
            .filter(|n| !n.is_empty())
            .unwrap_or("default");
        let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": spec::name(pod), "uid": spec::uid(pod)});
        let audiences: Vec<&str> = audience.into_iter().filter(|a| !a.is_empty()).collect();
        let spec =
            json!({"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound});
        Token::request(&self.client, (spec::namespace(pod), account), spec).await
    }
}

fn found<T>(answer: Result<T, StatusError>) -> Result<Option<T>, StatusError> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
