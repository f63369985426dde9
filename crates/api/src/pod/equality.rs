//! When two values say the same: absent, empty lists and empty maps are alike, and quantities compare by number.

use navarch_machinery::quantity::Quantity;
use serde::Serialize;
use serde_json::Value;

/// Whether two values say the same, however quantities and what is empty are written.
pub fn same<T: Serialize + PartialEq>(one: &T, other: &T) -> bool {
    one == other || normal(one) == normal(other)
}

fn normal(value: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(value).unwrap_or_default();
    prune(&mut value, false);
    value
}

/// Members of these are amounts; an empty one says as much as none.
const AMOUNTS: &[&str] = &["requests", "limits", "overhead"];
/// Members of these are texts; an empty one says as much as none.
const MAPS: &[&str] = &[
    "labels",
    "annotations",
    "matchLabels",
    "nodeSelector",
    "options",
    "volumeAttributes",
    "userAnnotations",
];

/// Not said of these is the same as no.
const FLAGS: &[&str] = &[
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
];

fn prune(value: &mut Value, amounts: bool) {
    match value {
        Value::String(text) if amounts => {
            if let Ok(quantity) = Quantity::parse(text) {
                *text = format!("{} {}", quantity.value(), quantity.milli_value());
            }
        }
        Value::Array(members) => members.iter_mut().for_each(|member| prune(member, false)),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let amounts = amounts
                    || AMOUNTS.contains(&name.as_str())
                    || matches!(name.as_str(), "sizeLimit" | "divisor");
                if !MAPS.contains(&name.as_str()) {
                    prune(field, amounts);
                }
            }
            fields.retain(|name, field| !is_nothing(name, field));
        }
        _ => {}
    }
}

fn is_nothing(name: &str, field: &Value) -> bool {
    let is_map = || AMOUNTS.contains(&name) || MAPS.contains(&name);
    match field {
        Value::Null => true,
        Value::Bool(false) => FLAGS.contains(&name),
        Value::Array(members) => members.is_empty(),
        Value::Object(fields) => fields.is_empty() && is_map(),
        _ => false,
    }
}
