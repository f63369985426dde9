//! What a node is told to say of itself when it registers, as the kubelet's `--node-labels` and `--register-with-taints` take it, and with its
//! words for what cannot be.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Taint;
use navarch_api::core::node_labels;
use navarch_machinery::names;

/// What a taint can do.
const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Labels of `key=value`; without a value it is empty.
///
/// # Errors
/// A label that no node may give itself, or that is none.
pub fn labels(pairs: &[String]) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        labels.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    let unknown: Vec<&str> = labels
        .keys()
        .map(String::as_str)
        .filter(|key| node_labels::is_kubernetes(key) && !node_labels::is_own(key))
        .collect();
    if !unknown.is_empty() {
        return Err(format!(
            "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [{}]\n\
             --node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix ({}) or be in the specifically allowed set ({})",
            unknown.join(" "),
            node_labels::OWN_DOMAINS.join(", "),
            node_labels::OWN_LABELS.join(", ")
        ));
    }
    let mut wrong = Vec::new();
    for (key, value) in &labels {
        let (of_key, of_value) = (names::is_qualified_name(key), names::is_label_value(value));
        if !of_key.is_empty() {
            wrong.push(format!("'{key}' - {}", of_key.join(", ")));
        }
        if !of_value.is_empty() {
            wrong.push(format!("'{value}' - {}", of_value.join(", ")));
        }
    }
    match wrong.is_empty() {
        true => Ok(labels),
        false => Err(format!("invalid node labels: {}", wrong.join("; "))),
    }
}

/// Taints of `key=value:effect` or `key:effect`.
///
/// # Errors
/// What is no taint, and two of one key and effect.
pub fn taints(specs: &[String]) -> Result<Vec<Taint>, String> {
    let mut taints = Vec::new();
    let mut seen = BTreeSet::new();
    for spec in specs.iter().filter(|spec| !spec.is_empty()) {
        let taint = taint(spec)?;
        if !seen.insert((taint.key.clone(), taint.effect.clone())) {
            return Err(format!(
                "duplicated taints with the same key and effect: {spec}"
            ));
        }
        taints.push(taint);
    }
    Ok(taints)
}

fn taint(spec: &str) -> Result<Taint, String> {
    let invalid = || format!("invalid taint spec: {spec}");
    let (pair, effect) = spec.split_once(':').ok_or_else(invalid)?;
    if effect.contains(':') {
        return Err(invalid());
    }
    if !EFFECTS.contains(&effect) {
        return Err(format!(
            "invalid taint effect: {effect}, unsupported taint effect"
        ));
    }
    let (key, value) = match pair.split_once('=') {
        Some((_, value)) if value.contains('=') => return Err(invalid()),
        Some((key, value)) => (key, Some(value)),
        None => (pair, None),
    };
    let wrong = [
        names::is_label_value(value.unwrap_or_default()),
        names::is_qualified_name(key),
    ];
    if let Some(wrong) = wrong.iter().find(|wrong| !wrong.is_empty()) {
        return Err(format!("{}, {}", invalid(), wrong.join("; ")));
    }
    Ok(Taint {
        key: key.to_owned(),
        value: value.filter(|value| !value.is_empty()).map(str::to_owned),
        effect: effect.to_owned(),
        ..Taint::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn labels_are_those_that_a_node_may_give_itself() {
        let given = labels(&words(
            "a=b,disk=,gpu,node.kubernetes.io/x=y,topology.kubernetes.io/zone=z1",
        ))
        .unwrap();
        let shown: Vec<String> = given
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        assert_eq!(
            shown.join(" "),
            "a=b disk= gpu= node.kubernetes.io/x=y topology.kubernetes.io/zone=z1"
        );
        let refused = labels(&words(
            "x.k8s.io/b=1,node-role.kubernetes.io/control-plane=,a=b",
        ))
        .unwrap_err();
        assert!(
            refused.starts_with(
                "unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: \
                 [node-role.kubernetes.io/control-plane x.k8s.io/b]\n--node-labels in the 'kubernetes.io' namespace must begin with an \
                 allowed prefix (kubelet.kubernetes.io, node.kubernetes.io) or be in the specifically allowed set (beta.kubernetes.io/arch, "
            ),
            "{refused}"
        );
        let refused = labels(&words("a b=c")).unwrap_err();
        assert!(
            refused.starts_with("invalid node labels: 'a b' - "),
            "{refused}"
        );
    }

    #[test]
    fn taints_have_an_effect() {
        let given = taints(&words("a=b:NoSchedule,c:NoExecute,c=:PreferNoSchedule")).unwrap();
        let shown: Vec<String> = given
            .iter()
            .map(|it| format!("{}={:?}:{}", it.key, it.value, it.effect))
            .collect();
        assert_eq!(
            shown.join(" "),
            r#"a=Some("b"):NoSchedule c=None:NoExecute c=None:PreferNoSchedule"#
        );
        for (spec, complaint) in [
            ("a=b", "invalid taint spec: a=b"),
            ("a=b:No:x", "invalid taint spec: a=b:No:x"),
            ("a=b=c:NoSchedule", "invalid taint spec: a=b=c:NoSchedule"),
            (
                "a:Never",
                "invalid taint effect: Never, unsupported taint effect",
            ),
            (
                "a:NoSchedule,a=b:NoSchedule",
                "duplicated taints with the same key and effect: a=b:NoSchedule",
            ),
        ] {
            assert_eq!(taints(&words(spec)).unwrap_err(), complaint);
        }
        let refused = taints(&words("a b:NoSchedule")).unwrap_err();
        assert!(
            refused.starts_with("invalid taint spec: a b:NoSchedule, "),
            "{refused}"
        );
    }
}
