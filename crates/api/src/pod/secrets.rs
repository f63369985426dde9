//! The secrets that a pod names, wherever a pod can name one.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, PodSpec, Volume};

/// Their names, each once and in order.
pub fn secret_names(spec: &PodSpec) -> BTreeSet<&str> {
    let pulls = spec.image_pull_secrets.iter().flatten();
    let mut names: BTreeSet<&str> = pulls.map(|secret| &*secret.name).collect();
    let init = spec.init_containers.iter().flatten();
    for container in init.chain(&spec.containers) {
        names.extend(of_environment(&container.env, &container.env_from));
    }
    for container in spec.ephemeral_containers.iter().flatten() {
        names.extend(of_environment(&container.env, &container.env_from));
    }
    for volume in spec.volumes.iter().flatten() {
        names.extend(of_volume(volume));
    }
    names.remove("");
    names
}

fn of_environment<'a>(
    env: &'a Option<Vec<EnvVar>>,
    env_from: &'a Option<Vec<EnvFromSource>>,
) -> impl Iterator<Item = &'a str> {
    let whole = env_from.iter().flatten();
    let whole = whole.filter_map(|from| Some(&*from.secret_ref.as_ref()?.name));
    let single = env.iter().flatten();
    let single =
        single.filter_map(|var| Some(&*var.value_from.as_ref()?.secret_key_ref.as_ref()?.name));
    whole.chain(single)
}

fn of_volume(volume: &Volume) -> Vec<&str> {
    let references = [
        volume.cephfs.as_ref().and_then(|it| it.secret_ref.as_ref()),
        volume.cinder.as_ref().and_then(|it| it.secret_ref.as_ref()),
        volume
            .flex_volume
            .as_ref()
            .and_then(|it| it.secret_ref.as_ref()),
        volume.rbd.as_ref().and_then(|it| it.secret_ref.as_ref()),
        volume.scale_io.as_ref().map(|it| &it.secret_ref),
        volume.iscsi.as_ref().and_then(|it| it.secret_ref.as_ref()),
        volume
            .storageos
            .as_ref()
            .and_then(|it| it.secret_ref.as_ref()),
        volume
            .csi
            .as_ref()
            .and_then(|it| it.node_publish_secret_ref.as_ref()),
    ];
    let referenced = references.into_iter().flatten().map(|it| &*it.name);
    let azure = volume.azure_file.as_ref().map(|it| &*it.secret_name);
    let own = volume.secret.as_ref();
    let own = own.and_then(|it| it.secret_name.as_deref());
    let sources = volume.projected.as_ref().and_then(|it| it.sources.as_ref());
    let projected = sources.into_iter().flatten();
    let projected = projected.filter_map(|source| Some(&*source.secret.as_ref()?.name));
    referenced
        .chain(azure)
        .chain(own)
        .chain(projected)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_is_looked_at() {
        let environment = |name: &str| {
            json!({
                "name": name, "image": "i",
                "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": format!("{name}-key"), "key": "k"}}}, {"name": "B"}],
                "envFrom": [{"secretRef": {"name": format!("{name}-all")}}, {"configMapRef": {"name": "map"}}],
            })
        };
        let spec: PodSpec = serde_json::from_value(json!({
            "imagePullSecrets": [{"name": "pull"}, {"name": ""}],
            "containers": [environment("main")],
            "initContainers": [environment("init")],
            "ephemeralContainers": [environment("late")],
            "volumes": [
                {"name": "a", "secret": {"secretName": "volume"}},
                {"name": "b", "projected": {"sources": [{"secret": {"name": "projected"}}, {"configMap": {"name": "map"}}]}},
                {"name": "c", "azureFile": {"secretName": "azure", "shareName": "s"}},
                {"name": "d", "csi": {"driver": "d", "nodePublishSecretRef": {"name": "csi"}}},
                {"name": "e", "iscsi": {"targetPortal": "", "iqn": "", "lun": 0, "secretRef": {"name": "iscsi"}}},
                {"name": "f", "emptyDir": {}},
            ],
        }))
        .unwrap();
        let names: Vec<&str> = secret_names(&spec).into_iter().collect();
        assert_eq!(
            names,
            [
                "azure",
                "csi",
                "init-all",
                "init-key",
                "iscsi",
                "late-all",
                "late-key",
                "main-all",
                "main-key",
                "projected",
                "pull",
                "volume"
            ]
        );
    }
}
