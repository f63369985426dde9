//! Where a probe or hook knocks.

use k8s_openapi::api::core::v1::{Container, HTTPGetAction, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::http_get::HttpGet;

/// A port by number, or by the name that the container gives it.
pub(crate) fn port(port: &IntOrString, container: &Container) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let named = container
                .ports
                .iter()
                .flatten()
                .find(|p| p.name.as_deref() == Some(name));
            match (named, name.parse()) {
                (Some(port), _) => port.container_port,
                (None, Ok(number)) => number,
                (None, Err(_)) => {
                    return Err(format!(
                        "couldn't find port: {name:?} in container: {}",
                        container.name
                    ));
                }
            }
        }
    };
    u16::try_from(number)
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| format!("invalid port number: {number}"))
}

/// The request of an `httpGet`.
pub(crate) fn http(
    action: &HTTPGetAction,
    container: &Container,
    pod_ip: &str,
    agent: &'static str,
) -> Result<HttpGet, String> {
    let headers = action
        .http_headers
        .iter()
        .flatten()
        .map(|h| (h.name.clone(), h.value.clone()))
        .collect();
    Ok(HttpGet {
        host: action
            .host
            .clone()
            .filter(|h| !h.is_empty())
            .unwrap_or_else(|| pod_ip.to_owned()),
        port: port(&action.port, container)?,
        path: action.path.clone().unwrap_or_else(|| "/".into()),
        tls: action
            .scheme
            .as_deref()
            .is_some_and(|s| s.eq_ignore_ascii_case("https")),
        headers,
        user_agent: agent,
    })
}

/// Host and port of a `tcpSocket`.
pub(crate) fn tcp(
    action: &TCPSocketAction,
    container: &Container,
    pod_ip: &str,
) -> Result<(String, u16), String> {
    let host = action
        .host
        .clone()
        .filter(|h| !h.is_empty())
        .unwrap_or_else(|| pod_ip.to_owned());
    Ok((host, port(&action.port, container)?))
}
