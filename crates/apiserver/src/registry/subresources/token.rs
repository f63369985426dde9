//! TokenRequest: a token for a service account.

use jiff::SignedDuration;
use k8s_openapi::api::authentication::v1::{
    BoundObjectReference, TokenRequest, TokenRequestStatus,
};
use k8s_openapi::api::core::v1::Pod;
use navarch_auth::BoundObject;
use navarch_machinery::apply::{Scope, Tree, update};
use navarch_machinery::field::{Error, Path};
use navarch_machinery::status::{Result, StatusError};
use navarch_machinery::time::seconds;

use super::super::Request;
use super::body::body;
use crate::ApiServer;
use crate::admission::node_restriction::tokens;
use crate::managed::Managed;
use crate::reply::Output;
use crate::served::Served;

/// How long tokens may hold, in seconds.
const SHORTEST: i64 = 10 * 60;
const LONGEST: i64 = 1 << 32;
const USUAL: i64 = 60 * 60;

impl ApiServer {
    /// POST to `serviceaccounts/NAME/token`.
    pub(crate) fn request_token(&self, request: &mut Request<'_>) -> Result<Output> {
        let options = request.params.write_options("CreateOptions")?;
        let (directory, served) = (&self.directory, &self.directory.token_request);
        let mut wanted: TokenRequest = body(directory, served, request, options)?;
        self.guard_namespace(request, &wanted)?;
        let (_, account) = self.named(request)?;
        let keys = self
            .token_keys
            .as_ref()
            .ok_or_else(|| StatusError::internal("this server signs no tokens"))?;
        check_name(&wanted, &request.info.name)?;
        if self.admission.restricts_nodes {
            tokens::check(&tokens::Wanted {
                user: request.user,
                namespace: request.namespace(),
                account: &request.info.name,
                request: &wanted,
                directory: &self.directory,
                snapshot: &*self.store.snapshot(),
                permissions: &self.permissions,
            })?;
        }
        let spec = wanted.spec.get_or_insert_default();
        let expiration = *spec.expiration_seconds.get_or_insert(USUAL);
        validate(expiration)?;
        let managed = owners(request, served, &wanted)?;
        let spec = wanted.spec.get_or_insert_default();
        let audiences = spec.audiences.get_or_insert_default();
        if audiences.is_empty() {
            audiences.push(keys.issuer().to_owned());
        }
        let expiration = match keys.longest().filter(|longest| expiration > *longest) {
            Some(longest) => {
                request.warnings.push(format!(
                    "requested expiration of {expiration} seconds shortened to {longest} seconds"
                ));
                spec.expiration_seconds = Some(longest);
                longest
            }
            None => expiration,
        };
        let now = request.now;
        let mut claims = navarch_auth::TokenRequest {
            namespace: request.namespace().to_owned(),
            service_account: BoundObject {
                name: request.info.name.to_string(),
                uid: account.metadata().uid.clone().unwrap_or_default(),
            },
            audiences: audiences.clone(),
            now: now.as_second(),
            seconds: expiration,
            id: crate::random::uuid(),
            ..navarch_auth::TokenRequest::default()
        };
        if let Some(object) = &spec.bound_object_ref {
            self.bind_token(request, object, &mut claims)?;
        }
        let token = keys.issue(claims).map_err(StatusError::internal)?;
        let end = now
            .checked_add(SignedDuration::from_secs(expiration))
            .unwrap_or(now);
        wanted.metadata.name = Some(request.info.name.to_string());
        wanted.metadata.namespace = Some(request.namespace().to_owned());
        wanted.metadata.uid.clone_from(&account.metadata().uid);
        wanted.metadata.managed_fields = managed.entries();
        wanted.metadata.creation_timestamp = Some(seconds(now));
        wanted.status = Some(TokenRequestStatus {
            token: Some(token),
            expiration_timestamp: Some(seconds(end)),
        });
        let mut value = serde_json::to_value(&wanted).map_err(StatusError::internal)?;
        if let Some(spec) = value
            .get_mut("spec")
            .and_then(serde_json::Value::as_object_mut)
        {
            spec.entry("boundObjectRef")
                .or_insert(serde_json::Value::Null);
        }
        Ok(Output::Value { value, code: 201 })
    }

    /// Notes the object that the token dies with; it must be there and be the one that is meant.
    fn bind_token(
        &self,
        request: &Request<'_>,
        object: &BoundObjectReference,
        claims: &mut navarch_auth::TokenRequest,
    ) -> Result<()> {
        let kind = object.kind.as_deref().unwrap_or_default();
        let name = object.name.clone().unwrap_or_default();
        let (plural, slot) = match kind {
            "Pod" => ("pods", &mut claims.pod),
            "Secret" => ("secrets", &mut claims.secret),
            "Node" => ("nodes", &mut claims.node),
            _ => {
                let version = object.api_version.as_deref().unwrap_or_default();
                let (group, version) = version.split_once('/').unwrap_or(("", version));
                let message =
                    format!("cannot bind token to object of type {group}/{version}, Kind={kind}");
                return Err(StatusError::bad_request(message));
            }
        };
        if name.is_empty() {
            return Err(StatusError::bad_request("Name parameter required."));
        }
        let served = self
            .directory
            .find("", "v1", plural)
            .ok_or_else(StatusError::no_such_path)?;
        let key = served.key(request.namespace(), &name);
        let entry = self
            .store
            .snapshot()
            .get(&key)
            .ok_or_else(|| served.not_found(&name))?;
        let found = served.decode(&entry)?;
        let pod = found.as_any().downcast_ref::<Pod>();
        check_account(pod, &request.info.name)?;
        let there = found.metadata().uid.clone().unwrap_or_default();
        if let Some(asked) = object
            .uid
            .as_deref()
            .filter(|asked| !asked.is_empty() && *asked != there)
        {
            let why = format!(
                "the UID in the bound object reference ({asked}) does not match the UID in record. \
                 The object might have been deleted and then recreated"
            );
            return Err(StatusError::conflict("", kind, &name, &why));
        }
        *slot = Some(BoundObject { name, uid: there });
        let node = pod.and_then(|pod| pod.spec.as_ref()?.node_name.as_deref());
        if let Some(node) = node.filter(|node| !node.is_empty()) {
            claims.node = Some(self.node_of_token(node)?);
        }
        Ok(())
    }

    /// The node of a pod as its token tells it; without a uid where it is gone.
    fn node_of_token(&self, name: &str) -> Result<BoundObject> {
        let nodes = self.directory.find("", "v1", "nodes");
        let found = nodes.and_then(|nodes| {
            let entry = self.store.snapshot().get(&nodes.key("", name))?;
            Some(nodes.decode(&entry))
        });
        let uid = found
            .transpose()?
            .and_then(|node| node.metadata().uid.clone());
        Ok(BoundObject {
            name: name.to_owned(),
            uid: uid.unwrap_or_default(),
        })
    }
}

/// Who asks for what of the token.
fn owners(request: &Request<'_>, served: &Served, wanted: &TokenRequest) -> Result<Managed> {
    let ty = served.ty;
    let ty = ty.ok_or_else(|| StatusError::internal("a request for a token has no type"))?;
    let writer = request.writer();
    let writer = writer.of_version(&served.api_version);
    let write = writer.write(ty, Scope::AllBut(&["status"]));
    let json = serde_json::to_vec(wanted).map_err(StatusError::internal)?;
    let new = Tree::parse(&json).map_err(StatusError::internal)?;
    let owners = update(&write, None, &new, Vec::new(), &|_, _| None);
    Ok(Managed::encoded(owners))
}

fn check_name(wanted: &TokenRequest, account: &str) -> Result<()> {
    let given = wanted.metadata.name.as_deref().unwrap_or_default();
    if given.is_empty() || given == account {
        return Ok(());
    }
    let path = Path::new("metadata").child("name");
    let why = "must match the service account name if specified";
    let errors = vec![Error::invalid(&path, given, why)];
    Err(StatusError::invalid(
        "authentication.k8s.io",
        "TokenRequest",
        account,
        &errors,
    ))
}

/// A token that dies with a pod is for the pod: nobody else's.
fn check_account(pod: Option<&Pod>, account: &str) -> Result<()> {
    let spec = pod.and_then(|pod| pod.spec.as_ref());
    let own = spec.map(|spec| spec.service_account_name.as_deref().unwrap_or_default());
    if own.is_none_or(|own| own == account) {
        return Ok(());
    }
    let why = format!(
        "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name."
    );
    Err(StatusError::bad_request(why))
}

fn validate(expiration: i64) -> Result<()> {
    let path = Path::new("spec").child("expirationSeconds");
    let why = match expiration {
        i64::MIN..SHORTEST => "may not specify a duration less than 10 minutes",
        SHORTEST..=LONGEST => return Ok(()),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    Err(StatusError::invalid(
        "authentication.k8s.io",
        "TokenRequest",
        "",
        &vec![Error::invalid(&path, expiration, why)],
    ))
}
