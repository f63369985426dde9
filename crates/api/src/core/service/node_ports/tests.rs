use std::collections::BTreeSet;

use super::*;

/// Gives out every number once, from 30100 on.
#[derive(Default)]
struct Numbers(BTreeSet<i32>);

impl NodePorts for Numbers {
    fn take(&mut self, port: i32) -> Result<(), String> {
        let free = self.0.insert(port);
        free.then_some(()).ok_or("taken".to_owned())
    }

    fn take_any(&mut self) -> Result<i32, String> {
        let any = (30_100..).find(|port| !self.0.contains(port));
        let any = any.ok_or("none is left")?;
        self.0.insert(any);
        Ok(any)
    }
}

/// A service of that type whose ports are protocol, port and node port.
fn spec(kind: &str, ports: &[(&str, i32, i32)]) -> ServiceSpec {
    let port = |(protocol, port, node_port): &(&str, i32, i32)| ServicePort {
        protocol: Some((*protocol).to_owned()),
        port: *port,
        node_port: Some(*node_port).filter(|port| *port != 0),
        ..Default::default()
    };
    ServiceSpec {
        type_: Some(kind.to_owned()),
        ports: Some(ports.iter().map(port).collect()),
        ..Default::default()
    }
}

fn numbers(spec: &ServiceSpec) -> Vec<i32> {
    spec.ports.iter().flatten().map(number).collect()
}

fn words(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Invalid(error) => error.to_string(),
        Refusal::Internal(why) | Refusal::Unexplained(why) => why.clone(),
    }
}

#[track_caller]
fn created(ports: &[(&str, i32, i32)]) -> Result<Vec<i32>, String> {
    let mut spec = spec("NodePort", ports);
    let done = allocate(&mut spec, None, &mut Numbers::default());
    done.map(|()| numbers(&spec)).map_err(|why| words(&why))
}

#[track_caller]
fn changed(before: &[(&str, i32, i32)], ports: &[(&str, i32, i32)]) -> Result<Vec<i32>, Refusal> {
    let held = before.iter().map(|port| port.2).collect();
    let mut spec_now = spec("NodePort", ports);
    let done = allocate(
        &mut spec_now,
        Some(&spec("NodePort", before)),
        &mut Numbers(held),
    );
    done.map(|()| numbers(&spec_now))
}

#[test]
fn protocols_of_a_new_port_have_one_number() {
    let both = [("TCP", 53, 0), ("UDP", 53, 0), ("TCP", 80, 0)];
    assert_eq!(created(&both), Ok(vec![30_100, 30_100, 30_101]));
    let asked = [("TCP", 53, 0), ("UDP", 53, 30_500)];
    assert_eq!(created(&asked), Ok(vec![30_500, 30_500]));
}

#[test]
fn two_new_ports_cannot_have_one_number() {
    let twice = [("TCP", 80, 30_777), ("UDP", 81, 30_777)];
    let why = "spec.ports[1].nodePort: Invalid value: 30777: taken".to_owned();
    assert_eq!(created(&twice), Err(why));
}

#[test]
fn a_changed_service_keeps_its_numbers() {
    let before = [("TCP", 80, 30_500)];
    let after = [("TCP", 8080, 30_500), ("UDP", 81, 30_500), ("TCP", 82, 0)];
    assert_eq!(changed(&before, &after), Ok(vec![30_500, 30_500, 30_100]));
    let twice = [("TCP", 80, 30_501), ("TCP", 81, 30_501)];
    let why = "duplicate nodePort: {TCP 30501}".to_owned();
    assert_eq!(changed(&before, &twice), Err(Refusal::Unexplained(why)));
}

#[test]
fn a_load_balancer_may_go_without() {
    let mut spec = spec("LoadBalancer", &[("TCP", 80, 0), ("TCP", 81, 30_500)]);
    spec.allocate_load_balancer_node_ports = Some(false);
    spec.external_traffic_policy = Some("Local".to_owned());
    spec.health_check_node_port = Some(30_500);
    let refused = allocate(&mut spec, None, &mut Numbers::default()).unwrap_err();
    assert_eq!(
        words(&refused),
        "failed to allocate requested HealthCheck NodePort 30500: taken"
    );
    assert_eq!(numbers(&spec), [0, 30_500]);
}
