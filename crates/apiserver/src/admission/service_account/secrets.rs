//! Which secrets pods of an account may refer to, where its annotation limits them: those that the account names.
//!
//! Kubernetes looks at ephemeral containers only when they are added, as there is no other time at which a pod can get any.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, PodSpec, ServiceAccount};

/// An account with this annotation limits its pods' secrets.
const ANNOTATION: &str = "kubernetes.io/enforce-mountable-secrets";

/// Whether an account limits the secrets of its pods.
fn limits(account: &ServiceAccount) -> bool {
    let annotations = account.metadata.annotations.as_ref();
    let value = annotations.and_then(|all| all.get(ANNOTATION));
    value.is_some_and(|value| matches!(value.as_str(), "1" | "t" | "T" | "TRUE" | "true" | "True"))
}

/// What speaks against the secrets of a new pod.
pub(super) fn objection(account: &ServiceAccount, spec: &PodSpec) -> Option<String> {
    if !limits(account) {
        return None;
    }
    let allowed = Allowed::of(account);
    let volumes = spec.volumes.iter().flatten();
    let mut volumes = volumes.filter_map(|volume| {
        let secret = volume.secret.as_ref()?.secret_name.as_deref();
        allowed.refuses(secret.unwrap_or_default(), "volume with secret.secretName")
    });
    volumes
        .next()
        .or_else(|| {
            let mut init = spec.init_containers.iter().flatten();
            init.find_map(|it| allowed.check("init container", &it.name, &it.env, &it.env_from))
        })
        .or_else(|| {
            let mut main = spec.containers.iter();
            main.find_map(|it| allowed.check("container", &it.name, &it.env, &it.env_from))
        })
        .or_else(|| pull_objection(account, spec))
}

/// What speaks against the secrets of the ephemeral containers of a pod.
pub(super) fn ephemeral_objection(account: &ServiceAccount, spec: &PodSpec) -> Option<String> {
    if !limits(account) {
        return None;
    }
    let allowed = Allowed::of(account);
    let mut all = spec.ephemeral_containers.iter().flatten();
    all.find_map(|it| allowed.check("ephemeral container", &it.name, &it.env, &it.env_from))
}

fn pull_objection(account: &ServiceAccount, spec: &PodSpec) -> Option<String> {
    let own = account.image_pull_secrets.iter().flatten();
    let own: BTreeSet<&str> = own.map(|secret| secret.name.as_str()).collect();
    let asked = spec.image_pull_secrets.iter().flatten().enumerate();
    let mut refused = asked.filter(|(_, secret)| !own.contains(secret.name.as_str()));
    refused.next().map(|(index, secret)| {
        format!(
            "imagePullSecrets[{index}].name=\"{}\" is not allowed because service account {} does not reference that \
             imagePullSecret",
            secret.name,
            name_of(account)
        )
    })
}

fn name_of(account: &ServiceAccount) -> &str {
    account.metadata.name.as_deref().unwrap_or_default()
}

/// The secrets that an account names.
struct Allowed<'a> {
    account: &'a str,
    secrets: BTreeSet<&'a str>,
}

impl<'a> Allowed<'a> {
    fn of(account: &'a ServiceAccount) -> Self {
        let secrets = account.secrets.iter().flatten();
        Self {
            account: name_of(account),
            secrets: secrets
                .filter_map(|secret| secret.name.as_deref())
                .collect(),
        }
    }

    fn refuses(&self, secret: &str, what: &str) -> Option<String> {
        let account = self.account;
        (!self.secrets.contains(secret)).then(|| {
            format!(
                "{what}=\"{secret}\" is not allowed because service account {account} does not reference that secret"
            )
        })
    }

    /// Single variables, and all that come from a secret at once.
    fn check(
        &self,
        sort: &str,
        name: &str,
        env: &Option<Vec<EnvVar>>,
        env_from: &Option<Vec<EnvFromSource>>,
    ) -> Option<String> {
        let single = env.iter().flatten().find_map(|var| {
            let secret = var.value_from.as_ref()?.secret_key_ref.as_ref()?;
            let what = format!(
                "{sort} {name} with envVar {} referencing secret.secretName",
                var.name
            );
            self.refuses(&secret.name, &what)
        });
        single.or_else(|| {
            env_from.iter().flatten().find_map(|from| {
                let secret = from.secret_ref.as_ref()?;
                let what = format!("{sort} {name} with envFrom referencing secret.secretName");
                self.refuses(&secret.name, &what)
            })
        })
    }
}

#[cfg(test)]
mod tests;
