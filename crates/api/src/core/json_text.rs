//! What Go's `encoding/json` says of a text that is not a JSON object, as far as clients see it.

/// What is wrong with a text that should be a JSON object; `None`: nothing.
pub(super) fn object_error(text: &[u8]) -> Option<String> {
    let error = match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_) | serde_json::Value::Null) => return None,
        Ok(other) => {
            return Some(format!(
                "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                word(&other)
            ));
        }
        Err(error) => error,
    };
    if error.is_eof() {
        return Some("unexpected end of JSON input".to_owned());
    }
    let at = text
        .split(|&b| b == b'\n')
        .take(error.line().saturating_sub(1))
        .map(|line| line.len() + 1)
        .sum::<usize>();
    let at = at + error.column().saturating_sub(1);
    let begins = text.iter().take(at).all(u8::is_ascii_whitespace);
    let letter = text.get(at).copied().map_or(' ', char::from);
    let place = if begins {
        "looking for beginning of value"
    } else {
        "in JSON"
    };
    Some(format!("invalid character {letter:?} {place}"))
}

fn word(value: &serde_json::Value) -> &'static str {
    match value {
        serde_json::Value::Bool(_) => "bool",
        serde_json::Value::Number(_) => "number",
        serde_json::Value::String(_) => "string",
        serde_json::Value::Array(_) => "array",
        serde_json::Value::Null | serde_json::Value::Object(_) => "object",
    }
}
