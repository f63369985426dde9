//! Tokens: a node asks for those of its pods' accounts, for audiences that the pods ask for; and for one by which it sees services.

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, Volume};
use k8s_openapi::api::storage::v1::CSIDriver;
use navarch_auth::{Attributes as Asked, SERVICE_PROXY_ACCOUNT, UserInfo};
use navarch_machinery::object::{Typed, downcast};
use navarch_machinery::status::{Result, StatusError};
use navarch_store::Snapshot;

use crate::authorization::Permissions;
use crate::served::Directory;

/// What is known when a token is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) user: &'a UserInfo,
    pub(crate) namespace: &'a str,
    /// The account.
    pub(crate) account: &'a str,
    pub(crate) request: &'a TokenRequest,
    pub(crate) directory: &'a Directory,
    pub(crate) snapshot: &'a dyn Snapshot,
    pub(crate) permissions: &'a Permissions,
}

/// Refuses a token that the node which asks for it does not need. Of others nothing is asked.
pub(crate) fn check(wanted: &Wanted<'_>) -> Result<()> {
    let Some(node) = wanted.user.node_name() else {
        return Ok(());
    };
    let refuse = |why: &str| {
        let account = wanted.account;
        Err(StatusError::forbidden("", "serviceaccounts", account, why))
    };
    let spec = wanted.request.spec.as_ref();
    let account = (wanted.namespace, wanted.account);
    if account == SERVICE_PROXY_ACCOUNT && spec.is_some_and(|spec| dies_with(spec, node)) {
        return Ok(());
    }
    let bound = spec.and_then(|spec| spec.bound_object_ref.as_ref());
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let bound = bound.map(|it| {
        (
            text(&it.api_version),
            text(&it.kind),
            text(&it.name),
            text(&it.uid),
        )
    });
    let (name, uid) = match bound {
        Some((version, kind, name, uid))
            if version == "v1" && kind == "Pod" && !name.is_empty() =>
        {
            (name, uid)
        }
        _ => return refuse("node requested token not bound to a pod"),
    };
    if uid.is_empty() {
        return refuse("node requested token with a pod binding without a uid");
    }
    let pod = wanted.get::<Pod>(wanted.namespace, &name)?;
    let pod = pod.ok_or_else(|| StatusError::not_found("", "pods", &name))?;
    if pod.metadata.uid.as_deref() != Some(&uid) {
        return refuse(&format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been deleted and then recreated"
        ));
    }
    let of = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    if of != Some(node) {
        return refuse("node requested token bound to a pod scheduled on a different node");
    }
    let audiences = spec.and_then(|spec| spec.audiences.as_deref());
    let audience = match audiences.unwrap_or_default() {
        [] => "",
        [audience] => audience,
        _ => return refuse("node may only request 0 or 1 audiences"),
    };
    if wanted.is_asked_for(&pod, audience)? || wanted.is_permitted(audience) {
        return Ok(());
    }
    let user = &wanted.user.name;
    refuse(&format!(
        "audience {audience:?} not found in pod spec volume, {user} is not authorized to request tokens for this audience"
    ))
}

/// Whether a token for the API alone is asked for that holds for as long as the node's own object is there, at most. Whether the uid is that
/// object's is looked at where it is bound.
fn dies_with(spec: &TokenRequestSpec, node: &str) -> bool {
    let Some(bound) = &spec.bound_object_ref else {
        return false;
    };
    let given = [&bound.api_version, &bound.kind, &bound.name];
    given.map(Option::as_deref) == [Some("v1"), Some("Node"), Some(node)]
        && bound.uid.as_deref().is_some_and(|uid| !uid.is_empty())
        && spec.audiences.iter().all(Vec::is_empty)
}

impl Wanted<'_> {
    fn get<T: Typed>(&self, namespace: &str, name: &str) -> Result<Option<std::sync::Arc<T>>> {
        let Some(served) = self.directory.of::<T>() else {
            return Ok(None);
        };
        match self.snapshot.get(&served.key(namespace, name)) {
            None => Ok(None),
            Some(entry) => Ok(downcast(served.decode(&entry)?)),
        }
    }

    /// Whether a volume of the pod wants a token for the audience: by itself, or its driver does.
    fn is_asked_for(&self, pod: &Pod, audience: &str) -> Result<bool> {
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
        for volume in volumes.into_iter().flatten() {
            let sources = volume.projected.as_ref().and_then(|it| it.sources.as_ref());
            let tokens = sources.into_iter().flatten();
            let mut tokens = tokens.filter_map(|source| source.service_account_token.as_ref());
            if tokens.any(|token| token.audience.as_deref().unwrap_or_default() == audience) {
                return Ok(true);
            }
            let Some(driver) = self.driver(pod, volume)? else {
                continue;
            };
            let driver = self.get::<CSIDriver>("", &driver)?;
            let requests = driver.and_then(|driver| driver.spec.token_requests.clone());
            if requests.iter().flatten().any(|it| it.audience == audience) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The driver of a volume, if it has one.
    fn driver(&self, pod: &Pod, volume: &Volume) -> Result<Option<String>> {
        let pods = pod.metadata.name.as_deref().unwrap_or_default();
        let claim = match volume {
            Volume { csi: Some(csi), .. } => return Ok(Some(csi.driver.clone())),
            Volume {
                persistent_volume_claim: Some(claim),
                ..
            } => claim.claim_name.clone(),
            Volume {
                ephemeral: Some(_),
                name,
                ..
            } => format!("{pods}-{name}"),
            _ => return Ok(None),
        };
        let claim = self.get::<PersistentVolumeClaim>(self.namespace, &claim)?;
        let claimed = claim.and_then(|claim| claim.spec.as_ref()?.volume_name.clone());
        let Some(name) = claimed else {
            return Ok(None);
        };
        let volume = self.get::<PersistentVolume>("", &name)?;
        Ok(volume.and_then(|volume| Some(volume.spec.as_ref()?.csi.as_ref()?.driver.clone())))
    }

    fn is_permitted(&self, audience: &str) -> bool {
        let asked = Asked {
            verb: "request-serviceaccounts-token-audience",
            resource: audience,
            namespace: self.namespace,
            name: self.account,
            ..Asked::default()
        };
        self.permissions.allow(self.user, asked)
    }
}
