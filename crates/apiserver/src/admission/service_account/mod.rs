//! ServiceAccount: every pod runs as one, and gets its token; and no secrets but its own, where the account says so.

mod mirror;
mod secrets;

use k8s_openapi::api::core::v1::{
    ConfigMapProjection, Container, DownwardAPIProjection, DownwardAPIVolumeFile, KeyToPath,
    ObjectFieldSelector, Pod, PodSpec, ProjectedVolumeSource, ServiceAccount as Account,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};
use navarch_api::strategy::Part;
use navarch_machinery::names;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation, created_pod, told_name};

const MOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const TOKEN_SECONDS: i64 = 3607;

pub(super) struct ServiceAccount;

impl Layer for ServiceAccount {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        let Some(pod) = created_pod(attributes, object) else {
            return Ok(());
        };
        let name = told_name(attributes, pod);
        if mirror::is_mirror(pod) {
            let objection = mirror::objection(pod);
            return objection.map_or(Ok(()), |why| {
                Err(StatusError::forbidden("", "pods", &name, why))
            });
        }
        let Some(spec) = pod.spec.as_mut() else {
            return Ok(());
        };
        let account_name = name_account(spec);
        let account = find(attributes, &account_name).ok_or_else(|| {
            let namespace = attributes.namespace;
            let why = format!(
                "error looking up service account {namespace}/{account_name}: serviceaccount {account_name:?} not found"
            );
            StatusError::forbidden("", "pods", &name, &why)
        })?;
        let automount = spec
            .automount_service_account_token
            .or(account.automount_service_account_token)
            .unwrap_or(true);
        if automount {
            mount_token(spec);
        }
        if spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty) {
            spec.image_pull_secrets = account.image_pull_secrets;
        }
        Ok(())
    }

    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        _: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let Some(pod) = object.as_any().downcast_ref::<Pod>() else {
            return Ok(());
        };
        let is_new = attributes.operation == Operation::Create;
        let is_debugged =
            attributes.operation == Operation::Update(Part::Other("ephemeralcontainers"));
        let (Some(spec), true) = (&pod.spec, is_new || is_debugged) else {
            return Ok(());
        };
        let account = spec.service_account_name.as_deref().unwrap_or_default();
        let Some(account) = find(attributes, account) else {
            return Ok(());
        };
        if is_debugged {
            // Kubernetes takes this refusal for a fault of its own.
            let objection = secrets::ephemeral_objection(&account, spec);
            return objection.map_or(Ok(()), |why| Err(StatusError::new(500, "", why)));
        }
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        let objection = secrets::objection(&account, spec);
        objection.map_or(Ok(()), |why| {
            Err(StatusError::forbidden("", "pods", name, &why))
        })
    }
}

/// Fills in both spellings of the account's name.
fn name_account(spec: &mut PodSpec) -> String {
    let given = spec
        .service_account_name
        .clone()
        .filter(|name| !name.is_empty())
        .or_else(|| spec.service_account.clone());
    let name = given
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "default".into());
    spec.service_account_name = Some(name.clone());
    spec.service_account = Some(name.clone());
    name
}

fn find(attributes: &Attributes<'_>, name: &str) -> Option<Account> {
    let served = attributes.directory.find("", "v1", "serviceaccounts")?;
    let entry = attributes
        .snapshot
        .get(&served.key(attributes.namespace, name))?;
    let object = served.decode(&entry).ok()?;
    object.as_any().downcast_ref().cloned()
}

/// Mounts the token volume into every container that has nothing at its place.
fn mount_token(spec: &mut PodSpec) {
    let mounted = |container: &Container| {
        container
            .volume_mounts
            .iter()
            .flatten()
            .any(|mount| mount.mount_path == MOUNT)
    };
    let existing = spec
        .volumes
        .iter()
        .flatten()
        .find(|volume| volume.name.starts_with("kube-api-access-"));
    let existing = existing.map(|volume| volume.name.clone());
    let name = existing
        .clone()
        .unwrap_or_else(|| names::generate("kube-api-access-", &mut crate::random::number));
    let mut used = false;
    for container in spec
        .init_containers
        .iter_mut()
        .flatten()
        .chain(spec.containers.iter_mut())
    {
        if !mounted(container) {
            used = true;
            container
                .volume_mounts
                .get_or_insert_default()
                .push(VolumeMount {
                    name: name.clone(),
                    mount_path: MOUNT.into(),
                    read_only: Some(true),
                    ..VolumeMount::default()
                });
        }
    }
    if used && existing.is_none() {
        spec.volumes
            .get_or_insert_default()
            .push(token_volume(name));
    }
}

fn token_volume(name: String) -> Volume {
    let token = ServiceAccountTokenProjection {
        path: "token".into(),
        expiration_seconds: Some(TOKEN_SECONDS),
        audience: None,
    };
    let authority = ConfigMapProjection {
        name: "kube-root-ca.crt".into(),
        items: Some(vec![KeyToPath {
            key: "ca.crt".into(),
            path: "ca.crt".into(),
            mode: None,
        }]),
        optional: None,
    };
    let field = ObjectFieldSelector {
        api_version: Some("v1".into()),
        field_path: "metadata.namespace".into(),
    };
    let namespace = DownwardAPIProjection {
        items: Some(vec![DownwardAPIVolumeFile {
            path: "namespace".into(),
            field_ref: Some(field),
            ..DownwardAPIVolumeFile::default()
        }]),
    };
    let sources = vec![
        VolumeProjection {
            service_account_token: Some(token),
            ..VolumeProjection::default()
        },
        VolumeProjection {
            config_map: Some(authority),
            ..VolumeProjection::default()
        },
        VolumeProjection {
            downward_api: Some(namespace),
            ..VolumeProjection::default()
        },
    ];
    let projected = ProjectedVolumeSource {
        sources: Some(sources),
        default_mode: Some(0o644),
    };
    Volume {
        name,
        projected: Some(projected),
        ..Volume::default()
    }
}
