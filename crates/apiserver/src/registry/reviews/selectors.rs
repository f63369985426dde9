//! The selectors that a question about access may have: no authorizer looks at them, but whoever asks is told of those that nobody could.

use k8s_openapi::api::authorization::v1::ResourceAttributes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    FieldSelectorRequirement, LabelSelectorRequirement,
};
use navarch_machinery::names::{is_label_value, is_qualified_name};
use navarch_machinery::{fields, labels};

/// What of the selectors cannot be read, in Kubernetes' words.
pub(super) fn unread(resource: &ResourceAttributes) -> Option<String> {
    let fields = resource.field_selector.as_ref().and_then(|selector| {
        let raw = selector.raw_selector.as_deref().unwrap_or_default();
        let one = |requirement: &FieldSelectorRequirement| is_field(requirement);
        told("fieldSelector", &selector.requirements, one, || {
            fields::Selector::parse(raw).is_ok()
        })
    });
    let labels = resource.label_selector.as_ref().and_then(|selector| {
        let raw = selector.raw_selector.as_deref().unwrap_or_default();
        let one = |requirement: &LabelSelectorRequirement| is_label(requirement);
        told("labelSelector", &selector.requirements, one, || {
            labels::Selector::parse(raw).is_ok()
        })
    });
    let all: Vec<String> = fields.into_iter().chain(labels).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Requirements where there are any, the text otherwise.
fn told<T>(
    what: &str,
    requirements: &Option<Vec<T>>,
    can_be_read: impl Fn(&T) -> bool,
    raw_can_be_read: impl Fn() -> bool,
) -> Option<String> {
    let requirements = requirements.as_deref().unwrap_or_default();
    let read = requirements.iter().filter(|one| can_be_read(one)).count();
    let partially = match requirements.len() {
        0 if raw_can_be_read() => return None,
        all if all > 0 && read == all => return None,
        _ if read > 0 => "partially ",
        _ => "",
    };
    Some(format!(
        "spec.resourceAttributes.{what} {partially}ignored due to parse error"
    ))
}

/// A field has one value or another.
fn is_field(requirement: &FieldSelectorRequirement) -> bool {
    let values = requirement.values.as_ref().map_or(0, Vec::len);
    matches!(&*requirement.operator, "In" | "NotIn") && values == 1
}

fn is_label(requirement: &LabelSelectorRequirement) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let fits = match &*requirement.operator {
        "In" | "NotIn" => !values.is_empty(),
        "Exists" | "DoesNotExist" => values.is_empty(),
        _ => false,
    };
    fits && is_qualified_name(&requirement.key).is_empty()
        && values.iter().all(|value| is_label_value(value).is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::unread;

    #[test]
    fn tells_what_cannot_be_read() {
        let check = |resource: Value, expected: Option<&str>| {
            let resource = serde_json::from_value(resource).unwrap();
            assert_eq!(unread(&resource).as_deref(), expected);
        };
        let exists = json!({"key": "a", "operator": "Exists"});
        let wrong = json!({"key": "a", "operator": "Foo", "values": ["x"]});
        check(json!({}), None);
        check(json!({"labelSelector": {"requirements": [exists]}}), None);
        check(
            json!({"labelSelector": {"requirements": [exists, wrong]}}),
            Some("spec.resourceAttributes.labelSelector partially ignored due to parse error"),
        );
        check(
            json!({"labelSelector": {"rawSelector": "a in"}, "fieldSelector": {"requirements": [exists]}}),
            Some(
                "spec.resourceAttributes.fieldSelector ignored due to parse error; \
                 spec.resourceAttributes.labelSelector ignored due to parse error",
            ),
        );
    }
}
