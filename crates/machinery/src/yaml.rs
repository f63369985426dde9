//! YAML in and out, as `sigs.k8s.io/yaml` reads and writes it: YAML 1.1 for what plain scalars mean (`yes` is true, `010` is 8).

mod read;
mod resolve;
mod scalars;
#[cfg(test)]
mod tests;
mod words;
mod write;

/// Why a document is no YAML, in Kubernetes' words. The field has them bare (`yaml: line 3: ...`), as the API tells them for a
/// body; displayed they have the prefix that they have for an apply patch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error converting YAML to JSON: {0}")]
pub struct YamlError(pub String);

/// A YAML document as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The JSON.
    pub json: Vec<u8>,
    /// What strict field validation says of keys that are there twice, of which the last counts.
    pub duplicates: Option<String>,
}

/// Turns the first YAML document into JSON.
///
/// # Errors
/// Where it is no YAML, has a key that JSON cannot have, or exceeds a bound.
pub fn convert(yaml: &[u8]) -> Result<Converted, YamlError> {
    let text = std::str::from_utf8(yaml).map_err(|error| {
        let broken = yaml.get(error.valid_up_to()..).unwrap_or_default();
        YamlError(format!("yaml: {}", words::encoding(broken)))
    })?;
    let (value, duplicates) = read::document(text)?;
    let duplicates = (!duplicates.is_empty())
        .then(|| format!("yaml: unmarshal errors:\n  {}", duplicates.join("\n  ")));
    Ok(Converted {
        json: value.to_string().into_bytes(),
        duplicates,
    })
}

/// Turns the first YAML document into JSON; of keys that are there twice the last counts.
///
/// # Errors
/// Where it is no YAML, has a key that JSON cannot have, or exceeds a bound.
pub fn to_json(yaml: &[u8]) -> Result<Vec<u8>, YamlError> {
    convert(yaml).map(|converted| converted.json)
}

/// Turns JSON into YAML: block style, keys in the order of their bytes.
///
/// # Errors
/// Where it is no JSON.
pub fn from_json(json: &[u8]) -> Result<Vec<u8>, YamlError> {
    let value = serde_json::from_slice(json).map_err(|error| YamlError(error.to_string()))?;
    Ok(write::document(&value).into_bytes())
}
