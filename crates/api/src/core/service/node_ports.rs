//! Which ports a service gets on nodes, and which it asks for.
//!
//! A new service and a changed one go different ways in Kubernetes, which shows in what they are refused with: a new one has one number for
//! all protocols of a port, a changed one keeps the numbers that it had and may not have one twice.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
use navarch_machinery::field::{Error, Path};

use super::{gets_node_ports, needs_health_check_port, needs_node_ports};

/// Who gives out ports of nodes. Errors are for people.
pub trait NodePorts {
    /// Takes a certain one.
    ///
    /// # Errors
    /// Where somebody has it, or it is none of those that are given out.
    fn take(&mut self, port: i32) -> Result<(), String>;

    /// Takes any.
    ///
    /// # Errors
    /// Where none is left.
    fn take_any(&mut self) -> Result<i32, String>;
}

/// Why a service does not get its ports.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A field asks for what there is not.
    Invalid(Error),
    /// A fault of the server's, as Kubernetes has it.
    Internal(String),
    /// A fault without a reason.
    Unexplained(String),
}

/// Gives a service the ports that it asks for or leaves open. `old`: what it was.
///
/// # Errors
/// Where one cannot be had.
pub fn allocate(
    spec: &mut ServiceSpec,
    old: Option<&ServiceSpec>,
    from: &mut dyn NodePorts,
) -> Result<(), Refusal> {
    if needs_node_ports(spec) {
        match old {
            None => of_new(spec, from)?,
            Some(old) => of_changed(spec, old, from)?,
        }
    }
    if needs_health_check_port(spec) && !old.is_some_and(needs_health_check_port) {
        health_check(spec, from)?;
    }
    Ok(())
}

fn number(port: &ServicePort) -> i32 {
    port.node_port.unwrap_or_default()
}

fn take(from: &mut dyn NodePorts, at: usize, asked: i32) -> Result<(), Refusal> {
    from.take(asked).map_err(|why| {
        let path = Path::new("spec").child("ports").index(at);
        Refusal::Invalid(Error::invalid(&path.child("nodePort"), asked, why))
    })
}

fn take_any(from: &mut dyn NodePorts) -> Result<i32, Refusal> {
    let any = from.take_any();
    any.map_err(|why| Refusal::Internal(format!("failed to allocate a nodePort: {why}")))
}

fn of_new(spec: &mut ServiceSpec, from: &mut dyn NodePorts) -> Result<(), Refusal> {
    let gets = gets_node_ports(spec);
    let ports = spec.ports.get_or_insert_default();
    let mut chosen: HashMap<i32, i32> = HashMap::new();
    // What a port asks for, by any of its protocols: the first that does.
    let mut asked_for: HashMap<i32, i32> = HashMap::new();
    for port in ports.iter().filter(|port| number(port) != 0) {
        asked_for.entry(port.port).or_insert(number(port));
    }
    for (at, one) in ports.iter_mut().enumerate() {
        let (port, asked) = (one.port, number(one));
        let given = match (asked, chosen.get(&port)) {
            (0, _) if !gets => continue,
            (0, Some(chosen)) => *chosen,
            (asked, Some(chosen)) if asked == *chosen => continue,
            (asked, Some(_)) => {
                take(from, at, asked)?;
                continue;
            }
            (_, None) => match asked_for.get(&port).copied() {
                Some(asked) => {
                    take(from, at, asked)?;
                    asked
                }
                None => take_any(from)?,
            },
        };
        one.node_port = Some(given);
        chosen.insert(port, given);
    }
    Ok(())
}

fn of_changed(
    spec: &mut ServiceSpec,
    old: &ServiceSpec,
    from: &mut dyn NodePorts,
) -> Result<(), Refusal> {
    let gets = gets_node_ports(spec);
    let mut known: HashSet<i32> = old.ports.iter().flatten().map(number).collect();
    let mut given: HashSet<(String, i32)> = HashSet::new();
    for (at, port) in spec.ports.iter_mut().flatten().enumerate() {
        let number = match number(port) {
            0 if !gets => continue,
            0 => take_any(from)?,
            asked if known.contains(&asked) => asked,
            asked => {
                take(from, at, asked)?;
                known.insert(asked);
                asked
            }
        };
        port.node_port = Some(number);
        let protocol = port.protocol.clone().unwrap_or_default();
        if !given.insert((protocol.clone(), number)) {
            let why = format!("duplicate nodePort: {{{protocol} {number}}}");
            return Err(Refusal::Unexplained(why));
        }
    }
    Ok(())
}

fn health_check(spec: &mut ServiceSpec, from: &mut dyn NodePorts) -> Result<(), Refusal> {
    match spec.health_check_node_port.unwrap_or_default() {
        0 => {
            let any = from.take_any().map_err(|why| {
                Refusal::Internal(format!(
                    "failed to allocate a HealthCheck NodePort 0: {why}"
                ))
            })?;
            spec.health_check_node_port = Some(any);
        }
        asked => from.take(asked).map_err(|why| {
            let what = "failed to allocate requested HealthCheck NodePort";
            Refusal::Internal(format!("{what} {asked}: {why}"))
        })?,
    }
    Ok(())
}
