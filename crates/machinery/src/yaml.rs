//! YAML in and out, as `sigs.k8s.io/yaml` reads and writes it.

/// Why a document is no YAML, in Kubernetes' words (`error converting YAML to JSON: yaml: line 3: ...`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error converting YAML to JSON: {0}")]
pub struct YamlError(pub String);

/// Turns one YAML document into JSON.
///
/// # Errors
/// Where it is no YAML, has a duplicate key or a key that is no scalar, or exceeds a bound.
pub fn to_json(yaml: &[u8]) -> Result<Vec<u8>, YamlError> {
    let text = std::str::from_utf8(yaml).map_err(|error| YamlError(format!("yaml: {error}")))?;
    let value: serde_json::Value =
        serde_saphyr::from_str(text).map_err(|error| YamlError(format!("yaml: {error}")))?;
    Ok(value.to_string().into_bytes())
}

/// Turns JSON into YAML: block style, keys in the order of their bytes.
///
/// # Errors
/// Where it is no JSON.
pub fn from_json(json: &[u8]) -> Result<Vec<u8>, YamlError> {
    let value: serde_json::Value =
        serde_json::from_slice(json).map_err(|error| YamlError(error.to_string()))?;
    serde_saphyr::to_string(&value)
        .map(String::into_bytes)
        .map_err(|error| YamlError(error.to_string()))
}
