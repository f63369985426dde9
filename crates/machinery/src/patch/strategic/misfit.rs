//! What a merged document has that its type cannot hold, in the words of Kubernetes' conversion from maps: it does not go by way of JSON
//! there, and so does not speak as its decoder does.

#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::schema::{Shape, TypeId, Types};

/// The first value of a document that does not fit its type, if it is not one that tells itself why.
pub fn misfit(types: &Types, ty: TypeId, document: &Value) -> Option<String> {
    in_shape(types, &Shape::Struct(ty), None, document)
}

/// `printed`: how Go prints the type, where the shape does not say it.
fn in_shape(types: &Types, shape: &Shape, printed: Option<&str>, value: &Value) -> Option<String> {
    match (shape, value) {
        (_, Value::Null) => None,
        (Shape::Struct(id), Value::Object(fields)) => {
            types[*id].fields().iter().find_map(|field| {
                let printed = types.go_field(*id, &field.name).printed;
                in_shape(types, &field.shape, printed, fields.get(&*field.name)?)
            })
        }
        (Shape::Struct(_), other) => Some(format!("cannot restore struct from: {}", kind(other))),
        (Shape::Map(inner), Value::Object(fields)) => {
            let mut values = fields.values();
            values.find_map(|value| in_shape(types, inner, None, value))
        }
        (Shape::Map(_), other) => Some(format!("cannot restore map from {}", kind(other))),
        (Shape::List(inner), Value::Array(items)) => items
            .iter()
            .find_map(|value| in_shape(types, inner, None, value)),
        // Text may be base64, and says itself why it is not.
        (Shape::Bytes, Value::String(_) | Value::Array(_)) => None,
        (Shape::List(_) | Shape::Bytes, other) => {
            Some(format!("cannot restore slice from {}", kind(other)))
        }
        (Shape::String, other) => scalar("string", printed, other),
        (Shape::Bool, other) => scalar("bool", printed, other),
        (Shape::Int32, other) => scalar("int32", printed, other),
        (Shape::Int64, other) => scalar("int64", printed, other),
        (Shape::Double, other) => scalar("float64", printed, other),
        // These read themselves.
        (Shape::Any | Shape::IntOrString | Shape::Quantity | Shape::Time | Shape::MicroTime, _) => {
            None
        }
    }
}

/// Go can convert between numbers, and makes text of whole ones, which this conversion then refuses; for all else it has no word.
fn scalar(wanted: &str, printed: Option<&str>, value: &Value) -> Option<String> {
    let given = kind(value);
    let whole = value.as_f64().is_some_and(|number| number.fract() == 0.0);
    match (wanted, given) {
        _ if wanted == given => None,
        ("float64" | "int32", "int64") => None,
        ("int32" | "int64", "float64") if whole => None,
        ("int32" | "int64", "float64") | ("string", "int64") => {
            let wanted = printed.unwrap_or(wanted);
            Some(format!("cannot convert {given} to {wanted}"))
        }
        _ => Some(format!("unrecognized type: {wanted}")),
    }
}

/// Go's kind of the value that its JSON reader makes.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "invalid",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_i64() => "int64",
        Value::Number(_) => "float64",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}

/// What a value that reads itself has to say, which does not know what it is a field of. `words`: the same of a decoder that does.
pub fn alone(words: &str) -> String {
    if words.starts_with("illegal base64") {
        return format!("error decoding from json: {words}");
    }
    let field = words.split_once("Go struct field ");
    let ty = field.and_then(|(what, field)| Some((what, field.split_once(" of type ")?.1)));
    match ty {
        Some((what, ty)) => format!("{what}Go value of type {ty}"),
        None => words.to_owned(),
    }
}

/// A value as Go prints a map of anything: `map[data:map[a:5]]`.
pub fn go_map(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => go_float(number.as_f64().unwrap_or_default()),
        },
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_map).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(name, value)| format!("{name}:{}", go_map(value)))
                .collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

/// Go writes an exponent below 1e-4 and from 1e21, with two digits at least.
fn go_float(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || (1e-4..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    let Some((digits, exponent)) = text.split_once('e') else {
        return text;
    };
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}
