//! What `imagePullSecrets` say of a registry.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{Pod, Secret};
use navarch_client::{EventRecorder, EventType};
use navarch_runtime::cri::Credentials;
use serde::Deserialize;

use crate::objects::Objects;
use crate::spec;

#[derive(Deserialize, Default)]
struct Login {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
}

#[derive(Deserialize)]
struct DockerConfig {
    auths: BTreeMap<String, Login>,
}

/// The first login that fits the image; the longest path of its registry wins.
pub(super) async fn for_image(
    objects: &Objects,
    events: &EventRecorder,
    pod: &Pod,
    image: &str,
) -> Option<Credentials> {
    let mut missing = Vec::new();
    let mut best: Option<(usize, Credentials)> = None;
    for reference in spec::spec(pod)
        .image_pull_secrets
        .as_deref()
        .unwrap_or_default()
    {
        let Ok(Some(secret)) = objects.secret(spec::namespace(pod), &reference.name).await else {
            missing.push(reference.name.clone());
            continue;
        };
        for (registry, login) in logins(&secret) {
            let Some(length) = fits(&registry, image) else {
                continue;
            };
            if best.as_ref().is_none_or(|(longest, _)| length > *longest) {
                best = Some((length, credentials(login)));
            }
        }
    }
    if !missing.is_empty() {
        let message = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            missing.join(", ")
        );
        events.event(
            pod,
            EventType::Warning,
            "FailedToRetrieveImagePullSecret",
            message,
        );
    }
    best.map(|(_, credentials)| credentials)
}

fn logins(secret: &Secret) -> BTreeMap<String, Login> {
    let data = |key: &str| {
        secret
            .data
            .as_ref()
            .and_then(|data| data.get(key))
            .map(|bytes| bytes.0.as_slice())
    };
    if let Some(config) = data(".dockerconfigjson") {
        return serde_json::from_slice::<DockerConfig>(config)
            .map(|c| c.auths)
            .unwrap_or_default();
    }
    data(".dockercfg")
        .and_then(|config| serde_json::from_slice(config).ok())
        .unwrap_or_default()
}

fn credentials(login: Login) -> Credentials {
    if !login.username.is_empty() {
        return Credentials {
            username: login.username,
            password: login.password,
        };
    }
    let decoded = STANDARD
        .decode(login.auth.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let (username, password) = decoded.split_once(':').unwrap_or((&decoded, ""));
    Credentials {
        username: username.to_owned(),
        password: password.to_owned(),
    }
}

/// How much of the image's name a registry entry (`https://index.docker.io/v1/`, `host:5000/team`, `*.example.com`) covers.
fn fits(registry: &str, image: &str) -> Option<usize> {
    let entry = registry
        .trim_start_matches("https://")
        .trim_start_matches("http://");
    let entry = entry
        .trim_end_matches('/')
        .trim_end_matches("/v1")
        .trim_end_matches("/v2");
    let (host, path) = entry.split_once('/').unwrap_or((entry, ""));
    let full = qualified(image);
    let (image_host, image_path) = full.split_once('/')?;
    let docker = |host: &str| {
        matches!(
            host,
            "docker.io" | "index.docker.io" | "registry-1.docker.io"
        )
    };
    let same = host == image_host
        || docker(host) && docker(image_host)
        || host
            .strip_prefix('*')
            .is_some_and(|tail| tail.starts_with('.') && image_host.ends_with(tail));
    let below = path.is_empty()
        || image_path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with(['/', ':', '@']) || rest.is_empty());
    (same && below).then_some(entry.len())
}

fn qualified(image: &str) -> String {
    match image.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => image.to_owned(),
        Some(_) => format!("docker.io/{image}"),
        None => format!("docker.io/library/{image}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_cover_images() {
        let cases = [
            ("https://index.docker.io/v1/", "nginx:1", true),
            ("registry.example.com", "registry.example.com/a/b", true),
            ("registry.example.com/a", "registry.example.com/a/b", true),
            ("registry.example.com/a", "registry.example.com/ab/c", false),
            ("*.example.com", "x.example.com/a", true),
            ("example.com", "x.example.com/a", false),
            ("localhost:5000", "localhost:5000/a", true),
        ];
        for (entry, image, expected) in cases {
            assert_eq!(fits(entry, image).is_some(), expected, "{entry} {image}");
        }
    }

    #[test]
    fn logins_of_both_forms() {
        let login = Login {
            auth: STANDARD.encode("me:se:cret"),
            ..Login::default()
        };
        let found = credentials(login);
        assert_eq!(
            (found.username.as_str(), found.password.as_str()),
            ("me", "se:cret")
        );
    }
}
