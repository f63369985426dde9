//! The variables of a container.

mod expand;
pub(crate) mod field_ref;
mod services;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Container, EnvFromSource, EnvVar, EnvVarSource, Pod, Service};

pub(crate) use expand::expand;
pub(crate) use field_ref::Downward;
pub(crate) use services::service_variables;

use crate::objects::Objects;
use crate::spec;

/// What a container's environment is made from.
pub(crate) struct Sources<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) container: &'a Container,
    pub(crate) objects: &'a Objects,
    pub(crate) services: Vec<Arc<Service>>,
    pub(crate) downward: Downward<'a>,
}

/// The variables, and what to warn of: names in `envFrom` that are no names of variables.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) warnings: Vec<String>,
}

/// Makes the environment: `envFrom` first, then `env`, where the values may refer to those before; service variables beneath.
/// Error: what `CreateContainerConfigError` tells.
pub(crate) async fn environment(sources: &Sources<'_>) -> Result<Environment, String> {
    let mut made = Environment::default();
    let mut named = Ordered::default();
    for source in sources.container.env_from.as_deref().unwrap_or_default() {
        let (kind, name, values) = from_source(sources, source).await?;
        let prefix = source.prefix.as_deref().unwrap_or("");
        let mut invalid = Vec::new();
        for (key, value) in values {
            let name = format!("{prefix}{key}");
            if is_variable_name(&name) {
                named.set(name, value);
            } else {
                invalid.push(key);
            }
        }
        if !invalid.is_empty() {
            let keys = invalid.join(", ");
            let namespace = spec::namespace(sources.pod);
            made.warnings.push(format!(
                "Keys [{keys}] from the EnvFrom {kind} {namespace}/{name} were skipped since they are considered invalid environment variable names."
            ));
        }
    }
    let services = service_variables(sources.pod, &sources.services);
    for variable in sources.container.env.as_deref().unwrap_or_default() {
        let value = match &variable.value_from {
            None => {
                let value = variable.value.as_deref().unwrap_or("");
                let known = |name: &str| named.get(name).or_else(|| services.get(name)).cloned();
                Some(expand(value, known))
            }
            Some(source) => from_reference(sources, variable, source).await?,
        };
        if let Some(value) = value {
            named.set(variable.name.clone(), value);
        }
    }
    made.variables = services
        .into_iter()
        .filter(|(name, _)| named.get(name).is_none())
        .collect();
    made.variables.append(&mut named.list);
    Ok(made)
}

/// Variables in the order in which they were first named.
#[derive(Default)]
struct Ordered {
    list: Vec<(String, String)>,
    places: HashMap<String, usize>,
}

impl Ordered {
    fn set(&mut self, name: String, value: String) {
        match self.places.get(&name) {
            Some(place) => self.list[*place].1 = value,
            None => {
                self.places.insert(name.clone(), self.list.len());
                self.list.push((name, value));
            }
        }
    }

    fn get(&self, name: &str) -> Option<&String> {
        self.places.get(name).map(|place| &self.list[*place].1)
    }
}

type FromSource<'a> = (&'static str, &'a str, BTreeMap<String, String>);

async fn from_source<'a>(
    sources: &Sources<'_>,
    source: &'a EnvFromSource,
) -> Result<FromSource<'a>, String> {
    let namespace = spec::namespace(sources.pod);
    if let Some(reference) = &source.config_map_ref {
        let found = sources
            .objects
            .config_map(namespace, &reference.name)
            .await
            .map_err(|e| e.to_string())?;
        let values = match found {
            Some(map) => map.data.clone().unwrap_or_default(),
            None if reference.optional == Some(true) => BTreeMap::new(),
            None => return Err(format!("configmap {:?} not found", reference.name)),
        };
        return Ok(("configMap", &reference.name, values));
    }
    let Some(reference) = &source.secret_ref else {
        return Ok(("", "", BTreeMap::new()));
    };
    let found = sources
        .objects
        .secret(namespace, &reference.name)
        .await
        .map_err(|e| e.to_string())?;
    let values = match found {
        Some(secret) => secret
            .data
            .iter()
            .flatten()
            .map(|(k, v)| (k.clone(), text(&v.0)))
            .collect(),
        None if reference.optional == Some(true) => BTreeMap::new(),
        None => return Err(format!("secret {:?} not found", reference.name)),
    };
    Ok(("secret", &reference.name, values))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `None`: an optional reference to nothing.
async fn from_reference(
    sources: &Sources<'_>,
    variable: &EnvVar,
    source: &EnvVarSource,
) -> Result<Option<String>, String> {
    let namespace = spec::namespace(sources.pod);
    if let Some(field) = &source.field_ref {
        return sources.downward.field(&field.field_path).map(Some);
    }
    if let Some(resource) = &source.resource_field_ref {
        return sources
            .downward
            .resource(resource, Some(sources.container))
            .map(Some);
    }
    if let Some(reference) = &source.config_map_key_ref {
        let optional = reference.optional == Some(true);
        let Some(map) = sources
            .objects
            .config_map(namespace, &reference.name)
            .await
            .map_err(|e| e.to_string())?
        else {
            return if optional {
                Ok(None)
            } else {
                Err(format!("configmap {:?} not found", reference.name))
            };
        };
        return match map.data.as_ref().and_then(|data| data.get(&reference.key)) {
            Some(value) => Ok(Some(value.clone())),
            None if optional => Ok(None),
            None => Err(format!(
                "couldn't find key {} in ConfigMap {namespace}/{}",
                reference.key, reference.name
            )),
        };
    }
    if let Some(reference) = &source.secret_key_ref {
        let optional = reference.optional == Some(true);
        let Some(secret) = sources
            .objects
            .secret(namespace, &reference.name)
            .await
            .map_err(|e| e.to_string())?
        else {
            return if optional {
                Ok(None)
            } else {
                Err(format!("secret {:?} not found", reference.name))
            };
        };
        return match secret
            .data
            .as_ref()
            .and_then(|data| data.get(&reference.key))
        {
            Some(value) => Ok(Some(text(&value.0))),
            None if optional => Ok(None),
            None => Err(format!(
                "couldn't find key {} in Secret {namespace}/{}",
                reference.key, reference.name
            )),
        };
    }
    Err(format!(
        "the source of variable {:?} is not supported on this node",
        variable.name
    ))
}

/// Since 1.34 any printable ASCII but `=`.
fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'=')
}
