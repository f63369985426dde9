//! Recorded requests, run through the hooks: the objects and errors must be those that Kubernetes answered with.
//!
//! `recorded/*.json` hold, of conversations with a real server, the writes that need nothing but the object before. What the
//! server adds to an object (uid, times, addresses from its pools) is put in here or left out of the comparison.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use navarch_api::core::service::allocate::{
    align_cluster_ips, carry_over, put_cluster_ips, set_ip_families, wanted_cluster_ips,
};
use navarch_api::core::service::node_ports::{self, NodePorts, Refusal};
use navarch_api::def::ResourceDef;
use navarch_api::strategy::Part;
use navarch_api::table::builtin;
use navarch_machinery::field::ErrorList;
use navarch_machinery::object::Object;
use navarch_machinery::patch::{json, merge};
use navarch_machinery::status::StatusError;
use serde_json::Value;

/// What a conversation has made so far, by resource and name.
type World = BTreeMap<(String, String), Box<dyn Object>>;

fn run(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/recorded")
        .join(name)
        .with_extension("json");
    let steps: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut world = World::new();
    let mut wrong = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if let Err(difference) = perform(step, &mut world) {
            wrong.push(format!(
                "{name} step {at} {} {}: {difference}",
                step["do"], step["title"]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn text<'a>(step: &'a Value, key: &str) -> &'a str {
    step[key].as_str().unwrap_or_default()
}

fn perform(step: &Value, world: &mut World) -> Result<(), String> {
    let row = builtin()
        .resource(
            text(step, "group"),
            text(step, "version"),
            text(step, "resource"),
        )
        .unwrap();
    let key = |name: &str| (row.plural.to_string(), name.to_owned());
    let known = world.get(&key(text(step, "name")));
    match text(step, "do") {
        "table" => return compare_table(row, step, known.unwrap().as_ref()),
        "scale" => {
            let scale = row.strategy.scale(known.unwrap().as_ref()).unwrap();
            let mut value = encode(builtin_scale().as_ref(), &scale);
            return compare(&step["object"], &mut value);
        }
        _ => {}
    }
    let old = known.map(|object| object.clone_object());
    if text(step, "do") == "set-replicas" {
        let old = old.unwrap();
        let mut object = old.clone_object();
        row.strategy
            .set_replicas(object.as_mut(), step["replicas"].as_i64().unwrap() as i32);
        row.strategy
            .prepare_for_update(Part::Main, object.as_mut(), old.as_ref());
        assert!(row.strategy.validate(object.as_ref()).is_empty());
        world.insert(key(text(step, "name")), object);
        return Ok(());
    }
    let body = match (text(step, "do"), &old) {
        ("create" | "update", _) => step["body"].clone(),
        ("json-patch", Some(old)) => {
            let mut document = encode(row.strategy.as_ref(), old.as_ref());
            json::apply(&mut document, step["body"].to_string().as_bytes()).unwrap();
            document
        }
        (_, Some(old)) => {
            let mut document = encode(row.strategy.as_ref(), old.as_ref());
            merge::apply(&mut document, step["body"].clone());
            document
        }
        (other, None) => return Err(format!("{other} of nothing")),
    };
    let result = write(row, step, &body, old.as_deref());
    match (result, step.get("causes")) {
        (Err(errors), Some(causes)) => compare_errors(row, step, causes, &errors),
        (Err(errors), None) => Err(format!("not expected: {errors:?}")),
        (Ok(_), Some(causes)) => Err(format!("accepted, want {causes}")),
        (Ok(object), None) => {
            let mut value = encode(row.strategy.as_ref(), object.as_ref());
            let name = object.metadata().name.clone().unwrap_or_default();
            world.insert(key(&name), object);
            compare(&step["object"], &mut value)
        }
    }
}

fn builtin_scale() -> Box<dyn navarch_api::strategy::Strategy> {
    use navarch_api::strategy::TypedStrategy;
    Box::new(TypedStrategy::<k8s_openapi::api::autoscaling::v1::Scale>::new(true))
}

fn encode(strategy: &dyn navarch_api::strategy::Strategy, object: &dyn Object) -> Value {
    let mut json = Vec::new();
    strategy.encode(object, &mut json);
    serde_json::from_slice(&json).unwrap()
}

/// The pipeline, as far as it is not the server's.
fn write(
    row: &ResourceDef,
    step: &Value,
    body: &Value,
    old: Option<&dyn Object>,
) -> Result<Box<dyn Object>, ErrorList> {
    let strategy = &row.strategy;
    let mut object = strategy.decode(body.to_string().as_bytes()).unwrap().object;
    strategy.apply_defaults(object.as_mut());
    if row.is_namespaced() {
        object.metadata_mut().namespace = Some(text(step, "namespace").to_owned());
    }
    let part = if text(step, "subresource") == "status" {
        Part::Status
    } else {
        Part::Main
    };
    allocate(object.as_mut(), old)?;
    let errors = match old {
        None => {
            object.metadata_mut().creation_timestamp = Some(Time(Timestamp::UNIX_EPOCH));
            object.metadata_mut().uid = Some("u".into());
            strategy.prepare_for_create(object.as_mut());
            strategy.stamp(Part::Main, object.as_mut(), None, Timestamp::UNIX_EPOCH);
            let mut errors = strategy.validate(object.as_ref());
            errors.extend(strategy.validate_create(object.as_ref()));
            errors
        }
        Some(old) => {
            strategy.prepare_for_update(part, object.as_mut(), old);
            strategy.stamp(part, object.as_mut(), Some(old), Timestamp::UNIX_EPOCH);
            strategy.validate_update(part, object.as_ref(), old)
        }
    };
    if errors.is_empty() {
        Ok(object)
    } else {
        Err(errors)
    }
}

/// Gives a service addresses and ports as a server with one IPv4 network does.
fn allocate(object: &mut dyn Object, old: Option<&dyn Object>) -> Result<(), ErrorList> {
    let Some(service) = object.as_any_mut().downcast_mut::<Service>() else {
        return Ok(());
    };
    let old = old
        .and_then(|old| old.as_any().downcast_ref::<Service>())
        .and_then(|old| old.spec.as_ref());
    let spec = service.spec.as_mut().unwrap();
    if let Some(old) = old {
        carry_over(spec, old);
    }
    align_cluster_ips(spec, old);
    let errors = set_ip_families(spec, old, &["IPv4"]);
    if !errors.is_empty() {
        return Err(errors);
    }
    let wanted = wanted_cluster_ips(spec);
    if !wanted.is_empty() {
        put_cluster_ips(
            spec,
            wanted
                .into_iter()
                .map(|(_, ip)| ip.unwrap_or("10.96.0.9".into()))
                .collect(),
        );
    }
    node_ports::allocate(spec, old, &mut AnyPort).map_err(|refusal| match refusal {
        Refusal::Invalid(error) => vec![error],
        Refusal::Internal(why) | Refusal::Unexplained(why) => panic!("{why}"),
    })?;
    Ok(())
}

/// All that is asked for is free.
struct AnyPort;

impl NodePorts for AnyPort {
    fn take(&mut self, _port: i32) -> Result<(), String> {
        Ok(())
    }

    fn take_any(&mut self) -> Result<i32, String> {
        Ok(30_123)
    }
}

fn compare_errors(
    row: &ResourceDef,
    step: &Value,
    causes: &Value,
    errors: &ErrorList,
) -> Result<(), String> {
    let name = match text(step, "name") {
        "" => step["body"]["metadata"]["name"]
            .as_str()
            .unwrap_or_default(),
        name => name,
    };
    let status = StatusError::invalid(&row.group, &row.kind, name, errors).to_status();
    // What has changed is told as a hint for people, which Kubernetes makes otherwise.
    let without_hint = |text: &str| text.split("\n@@").next().unwrap().to_owned();
    let mut got = serde_json::to_value(status.details.unwrap().causes).unwrap();
    for cause in got.as_array_mut().into_iter().flatten() {
        cause["message"] = without_hint(cause["message"].as_str().unwrap()).into();
    }
    if &got != causes {
        return Err(format!("\n  want {causes}\n  got  {got}"));
    }
    let message = without_hint(&status.message.unwrap());
    if message != text(step, "message") {
        return Err(format!(
            "\n  want {}\n  got  {message}",
            text(step, "message")
        ));
    }
    Ok(())
}

fn compare_table(row: &ResourceDef, step: &Value, object: &dyn Object) -> Result<(), String> {
    let columns: Vec<Value> = row
        .columns
        .iter()
        .map(|c| {
            serde_json::json!({
                "name": c.name, "type": c.kind, "format": c.format, "description": c.description, "priority": c.priority
            })
        })
        .collect();
    let columns = Value::from(columns);
    if columns != step["columns"] {
        return Err(format!("\n  want {}\n  got  {columns}", step["columns"]));
    }
    let cells = Value::from(row.strategy.cells(object, Timestamp::UNIX_EPOCH));
    if cells != step["cells"] {
        return Err(format!("\n  want {}\n  got  {cells}", step["cells"]));
    }
    Ok(())
}

/// Compares an answer after what the server adds has been taken out of both.
fn compare(want: &Value, got: &mut Value) -> Result<(), String> {
    let mut want = want.clone();
    for value in [&mut want, got] {
        for path in [
            "/metadata/uid",
            "/metadata/resourceVersion",
            "/metadata/creationTimestamp",
            "/status/lastPhaseTransitionTime",
        ] {
            drop_at(value, path);
        }
        // Admission taints new nodes.
        if value["kind"] == "Node" {
            drop_at(value, "/spec/taints");
        }
        if value["kind"] == "Service" {
            make_addresses_equal(value);
        }
    }
    if &want == got {
        Ok(())
    } else {
        Err(format!("\n  want {want}\n  got  {got}"))
    }
}

fn drop_at(value: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    if let Some(parent) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(key);
    }
}

fn make_addresses_equal(service: &mut Value) {
    let is_pooled = |ip: &Value| ip.as_str().is_some_and(|ip| ip.starts_with("10.96."));
    let spec = &mut service["spec"];
    if is_pooled(&spec["clusterIP"]) {
        spec["clusterIP"] = "pooled".into();
        spec["clusterIPs"] = Value::from(vec!["pooled"]);
    }
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        if port.get("nodePort").is_some() {
            port["nodePort"] = "any".into();
        }
    }
}

macro_rules! conversations {
    ($($test:ident: $file:literal),* $(,)?) => { $(#[test] fn $test() { run($file); })* };
}

conversations! {
    csi_drivers: "crud-csidrivers",
    api_services: "crud-apiservices",
    cluster_role_bindings: "crud-clusterrolebindings",
    deployments: "crud-deployments",
    endpoints: "crud-endpoints",
    endpoint_slices: "crud-endpointslices",
    events: "crud-events",
    flow_schemas: "crud-flowschemas",
    ingress_classes: "crud-ingressclasses",
    leases: "crud-leases",
    mutating_admission_policies: "crud-mutatingadmissionpolicies",
    namespaces: "crud-namespaces",
    network_policies: "crud-networkpolicies",
    nodes: "crud-nodes",
    persistent_volumes: "crud-persistentvolumes",
    persistent_volume_claims: "crud-persistentvolumeclaims",
    priority_levels: "crud-prioritylevelconfigurations",
    replica_sets: "crud-replicasets",
    resource_claims: "crud-resourceclaims",
    resource_claim_templates: "crud-resourceclaimtemplates",
    secrets: "crud-secrets",
    service_accounts: "crud-serviceaccounts",
    volume_attachments: "crud-volumeattachments",
    volume_attributes_classes: "crud-volumeattributesclasses",
    role_bindings: "crud-rolebindings",
    roles: "crud-roles",
    service_cidrs: "crud-servicecidrs",
    validating_admission_policy_bindings: "crud-validatingadmissionpolicybindings",
    invalid_deployments: "invalid-deployments",
    invalid_ingresses: "invalid-ingresses",
    invalid_rbac: "invalid-rbac",
    invalid_services: "invalid-services",
    invalid_secrets: "invalid-secrets",
    invalid_storage: "invalid-storage",
    invalid_endpoint_slices: "invalid-endpointslices",
    services_and_addresses: "services-and-addresses",
    subresources: "subresources",
}
