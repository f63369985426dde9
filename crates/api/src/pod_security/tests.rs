//! The cases are Kubernetes' own, of version 1.35, which 1.36 has unchanged: each breaks one rule, or none.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::*;
use crate::strategy::Hooks;

const CASES: &str = include_str!("../../tests/fixtures/pod-security.jsonl");

/// As the pipeline has it by the time it is checked: a volume that names no kind is an `emptyDir` by then.
fn pod(value: Value) -> Pod {
    let mut pod: Pod = serde_json::from_value(value).unwrap();
    Hooks::apply_defaults(&mut pod);
    pod
}

fn at(level: &str, version: &str) -> LevelVersion {
    LevelVersion {
        level: Level::parse(level).unwrap(),
        version: Version::parse(version).unwrap(),
    }
}

fn found(level: &str, version: &str, pod: &Pod) -> String {
    in_detail(&evaluate(at(level, version), &Subject::of(pod).unwrap()))
}

#[test]
fn agrees_with_kubernetes_on_its_own_cases() {
    let mut count = 0;
    for line in CASES.lines() {
        let (level, verdict, case): (String, String, Value) = serde_json::from_str(line).unwrap();
        let pod = pod(case);
        for version in ["v1.35", "v1.36", "latest"] {
            let found = found(&level, version, &pod);
            let passes = found.is_empty();
            assert_eq!(
                passes,
                verdict == "pass",
                "{level} {version} {line}: {found}"
            );
        }
        assert_eq!(found("privileged", "latest", &pod), "");
        count += 1;
    }
    assert_eq!(count, 148);
}

/// Whatever a case says of a container, it is found as well where an ephemeral container says it (CVE-2023-2727).
#[test]
fn ephemeral_containers_are_checked_like_all_others() {
    for line in CASES.lines() {
        let (level, verdict, mut case): (String, String, Value) =
            serde_json::from_str(line).unwrap();
        let Some(first) = case["spec"]["containers"].get(0).cloned() else {
            continue;
        };
        let mut alone = pod(case.clone());
        alone.spec.as_mut().unwrap().init_containers = None;
        let expected = found(&level, "latest", &alone);
        let name = first["name"].as_str().unwrap().to_owned();
        case["spec"]["initContainers"] = json!([]);
        case["spec"]["containers"] = json!([]);
        case["spec"]["ephemeralContainers"] = json!([first]);
        let moved = found(&level, "latest", &pod(case));
        assert_eq!(moved, expected, "{verdict} {name}");
    }
}

#[test]
fn tells_of_everything_in_kubernetes_order_and_words() {
    let pod = pod(json!({
        "metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}},
        "spec": {
            "hostNetwork": true,
            "hostPID": true,
            "securityContext": {
                "runAsUser": 0,
                "seLinuxOptions": {"type": "x", "user": "u"},
                "sysctls": [{"name": "kernel.msgmax", "value": "1"}],
            },
            "volumes": [{"name": "h", "hostPath": {"path": "/"}}, {"name": "n", "nfs": {"server": "s", "path": "/"}}],
            "initContainers": [{"name": "i", "securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}],
            "containers": [{
                "name": "a",
                "ports": [{"containerPort": 1, "hostPort": 80}, {"containerPort": 2, "hostPort": 8080}],
                "livenessProbe": {"httpGet": {"host": "other", "port": 1}},
                "securityContext": {"privileged": true, "procMount": "Unmasked", "seccompProfile": {"type": "Unconfined"}},
            }],
        },
    }));
    let baseline = [
        r#"forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/a="unconfined"")"#,
        r#"non-default capabilities (container "i" must not include "SYS_ADMIN" in securityContext.capabilities.add)"#,
        "host namespaces (hostNetwork=true, hostPID=true)",
        r#"hostPath volumes (volume "h")"#,
        r#"hostPort (container "a" uses hostPorts 80, 8080)"#,
        r#"probe or lifecycle host (container "a" uses probe or lifecycle host "other")"#,
        r#"privileged (container "a" must not set securityContext.privileged=true)"#,
        r#"procMount (container "a" must not set securityContext.procMount to "Unmasked")"#,
        r#"seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "x"; user may not be set)"#,
        r#"seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")"#,
        "forbidden sysctls (kernel.msgmax)",
    ];
    assert_eq!(found("baseline", "latest", &pod), baseline.join(", "));
    let restricted = [
        baseline[0],
        baseline[2],
        baseline[4],
        baseline[5],
        baseline[6],
        baseline[8],
        baseline[10],
        r#"allowPrivilegeEscalation != false (containers "i", "a" must set securityContext.allowPrivilegeEscalation=false)"#,
        r#"unrestricted capabilities (containers "i", "a" must set securityContext.capabilities.drop=["ALL"]; container "i" must not include "SYS_ADMIN" in securityContext.capabilities.add)"#,
        baseline[7],
        r#"restricted volume types (volumes "h", "n" use restricted volume types "hostPath", "nfs")"#,
        r#"runAsNonRoot != true (pod or containers "i", "a" must set securityContext.runAsNonRoot=true)"#,
        "runAsUser=0 (pod must not set runAsUser=0)",
        baseline[9],
    ];
    assert_eq!(found("restricted", "latest", &pod), restricted.join(", "));
}

#[test]
fn a_version_has_the_checks_of_its_time() {
    let pod = pod(json!({"spec": {
        "hostUsers": false,
        "securityContext": {
            "runAsUser": 0,
            "sysctls": [{"name": "net.ipv4.tcp_rmem", "value": "1"}],
            "seLinuxOptions": {"type": "container_engine_t"},
        },
        "containers": [{
            "name": "a",
            "livenessProbe": {"tcpSocket": {"host": "other", "port": 1}},
            "securityContext": {"procMount": "Unmasked"},
        }],
    }}));
    let short =
        |level, version| in_short(&evaluate(at(level, version), &Subject::of(&pod).unwrap()));
    assert_eq!(
        short("baseline", "v1.0"),
        "procMount, seLinuxOptions, forbidden sysctls"
    );
    assert_eq!(short("baseline", "v1.32"), "procMount");
    assert_eq!(
        short("baseline", "v1.34"),
        "probe or lifecycle host, procMount"
    );
    assert_eq!(short("baseline", "v1.35"), "probe or lifecycle host");
    assert_eq!(short("baseline", "v1.999"), "probe or lifecycle host");
    assert_eq!(
        short("restricted", "v1.7"),
        "procMount, seLinuxOptions, forbidden sysctls, runAsNonRoot != true"
    );
    let of_22 = "procMount, seLinuxOptions, forbidden sysctls, allowPrivilegeEscalation != false, \
        unrestricted capabilities, runAsNonRoot != true, seccompProfile";
    assert_eq!(short("restricted", "v1.22"), of_22);
    let of_35 = "probe or lifecycle host, allowPrivilegeEscalation != false, unrestricted capabilities, procMount, seccompProfile";
    assert_eq!(short("restricted", "v1.35"), of_35);
}

#[test]
fn labels_that_cannot_be_read_are_errors_and_fail_safe() {
    let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let key = |key: &str| format!("pod-security.kubernetes.io/{key}");
        pairs
            .iter()
            .map(|(k, v)| (key(k), (*v).to_owned()))
            .collect()
    };
    let of = |pairs: &[(&str, &str)]| {
        let (policy, errors) = Policy::of(Some(&labels(pairs)), &Policy::default());
        let modes = [policy.enforce, policy.audit, policy.warn].map(|mode| mode.to_string());
        (modes.join(" "), errors.len())
    };
    let privileged = "privileged:latest";
    assert_eq!(of(&[]).0, [privileged; 3].join(" "));
    assert_eq!(
        of(&[("enforce", "baseline")]).0,
        "baseline:latest privileged:latest baseline:latest"
    );
    let versioned = of(&[("enforce", "restricted"), ("enforce-version", "v1.30")]);
    assert_eq!(
        versioned.0,
        "restricted:v1.30 privileged:latest restricted:v1.30"
    );
    let relaxed = of(&[("enforce", "restricted"), ("warn", "privileged")]);
    assert_eq!(
        relaxed.0,
        "restricted:latest privileged:latest privileged:latest"
    );
    let odd = of(&[
        ("enforce", "odd"),
        ("audit", "odd"),
        ("warn", "odd"),
        ("warn-version", "v1.01"),
    ]);
    assert_eq!(
        odd,
        (
            "restricted:latest privileged:latest privileged:latest".to_owned(),
            4
        )
    );
}

#[test]
fn only_what_runs_is_a_change_that_matters() {
    let of = |containers: Value, ephemeral: Value| {
        pod(json!({"spec": {"containers": containers, "ephemeralContainers": ephemeral}}))
    };
    let old = of(
        json!([{"name": "a", "image": "x"}]),
        json!([{"name": "e", "image": "x"}]),
    );
    let mut labelled = old.clone();
    labelled.metadata.labels = Some(BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    assert!(!changes_containers(&labelled, &old));
    let image = of(
        json!([{"name": "a", "image": "y"}]),
        json!([{"name": "e", "image": "x"}]),
    );
    assert!(changes_containers(&image, &old));
    let debugged = of(
        json!([{"name": "a", "image": "x"}]),
        json!([{"name": "e", "image": "x"}, {"name": "f", "image": "x"}]),
    );
    assert!(changes_containers(&debugged, &old));
}

#[test]
fn existing_pods_that_are_alike_are_told_of_together() {
    let of = |name: &str, controller: Option<&str>, host: bool| {
        let owners = controller.map(|uid| {
            json!([{"apiVersion": "v1", "kind": "X", "name": "x", "uid": uid, "controller": true}])
        });
        pod(json!({
            "metadata": {"name": name, "ownerReferences": owners},
            "spec": {"hostIPC": host, "containers": [{"name": "a", "securityContext": {"privileged": true}}]},
        }))
    };
    let pods = [
        of("c", Some("1"), false),
        of("b", Some("1"), false),
        of("a", None, false),
        of("z", None, true),
        of("y", None, true),
        of("x", Some("2"), false),
    ];
    let existing = Existing::new(&pods, |_| false);
    let enforce = at("baseline", "latest");
    let told = warnings_of_existing("n", enforce, &existing, || true);
    let head = "existing pods in namespace \"n\" violate the new PodSecurity enforce level \"baseline:latest\"";
    assert_eq!(
        told,
        [
            head,
            "a (and 3 other pods): privileged",
            "y (and 1 other pod): host namespaces, privileged"
        ]
    );
    let mut left = 2;
    let told = warnings_of_existing("n", enforce, &existing, || {
        left -= 1;
        left > 0
    });
    assert_eq!(
        told,
        [
            "new PodSecurity enforce level only checked against the first 2 of 6 existing pods",
            head,
            "a (and 1 other pod): privileged"
        ]
    );
    let none = Existing::new(&pods, |_| true);
    assert!(warnings_of_existing("n", enforce, &none, || true).is_empty());
}
