//! Parts of objects with an address of their own that are more than a part of the object's JSON.

mod binding;
mod eviction;
mod log_options;
mod scale;
pub(crate) mod streams;
mod token;

use std::sync::Arc;

use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};
use navarch_store::{Compare, Entry};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::commit::{self, Extra, Written};
use super::{Input, Request};
use crate::ApiServer;
use crate::limits::WRITE_ATTEMPTS;
use crate::managed::Managed;

impl ApiServer {
    /// Changes an object of the request's resource without the hooks of its strategy, for what has rules of its own.
    async fn change_raw(
        &self,
        request: &Request<'_>,
        name: &str,
        dry_run: bool,
        change: &mut (dyn FnMut(&mut dyn Object) -> Result<()> + Send),
    ) -> Result<()> {
        let served = request.served;
        let key = served.key(request.namespace(), name);
        for _ in 0..WRITE_ATTEMPTS {
            let entry = self
                .store
                .snapshot()
                .get(&key)
                .ok_or_else(|| served.not_found(name))?;
            let mut object = served.decode(&entry)?.clone_object();
            change(&mut *object)?;
            if dry_run {
                return Ok(());
            }
            let encoded = commit::to_stored(served, &mut *object, &Managed::of(&entry))?;
            let expected = Compare::Modified(entry.key.clone(), entry.modified);
            if let Written::Done(entry) =
                self.put(&key, encoded, expected, Extra::default()).await?
            {
                let _ = commit::answer(served, entry, object, false);
                return Ok(());
            }
        }
        Err(StatusError::modified(
            &served.def.group,
            &served.def.plural,
            name,
        ))
    }

    /// The object that the request names, decoded.
    fn named(&self, request: &Request<'_>) -> Result<(Arc<Entry>, Arc<dyn Object>)> {
        let entry = self
            .store
            .snapshot()
            .get(&request.key())
            .ok_or_else(|| request.not_found())?;
        let object = request.served.decode(&entry)?;
        Ok((entry, object))
    }
}

/// The request's body as JSON.
fn body_value(input: &Input, kind: &str) -> Result<Value> {
    match input {
        Input::Json(json) if !json.is_empty() => serde_json::from_slice(json).map_err(|_| {
            let why = navarch_machinery::decode::decode::<Value>(json).err().map(|error| error.0).unwrap_or_default();
            StatusError::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {why}"
            ))
        }),
        Input::Yaml(yaml) => {
            let json = navarch_machinery::yaml::to_json(yaml)
                .map_err(|error| StatusError::bad_request(error.0))?;
            body_value(&Input::Json(json.into()), kind)
        }
        Input::Value(value) => Ok(value.clone()),
        Input::Object(object) => super::decode::to_value(object),
        _ => Ok(serde_json::json!({})),
    }
}

/// The request's body as a type that is no resource's.
fn body<T: DeserializeOwned>(input: &Input, version: &str, kind: &str) -> Result<T> {
    let value = body_value(input, kind)?;
    if let Some(given) = value
        .get("kind")
        .and_then(Value::as_str)
        .filter(|given| *given != kind)
    {
        let message = format!("{given} in version {version:?} cannot be handled as a {kind}");
        return Err(StatusError::bad_request(message));
    }
    serde_json::from_value(value).map_err(|error| {
        StatusError::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {kind}: {error}"
        ))
    })
}
