//! `/healthz`, `/livez`, `/readyz`: whether the server is well, each check also by its own name.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::ApiServer;

/// What the checks go by.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Whether the objects that must be there have been made.
    pub(crate) bootstrapped: AtomicBool,
    /// Whether the roles and bindings among them have.
    pub(crate) roles: AtomicBool,
}

/// A check and why it fails, if it does.
type Check = (&'static str, Option<&'static str>);

impl ApiServer {
    fn checks(&self, endpoint: &str) -> Vec<Check> {
        let failed = |ok: bool, why: &'static str| (!ok).then_some(why);
        let made = self.health.bootstrapped.load(Ordering::Acquire);
        let roles = self.health.roles.load(Ordering::Acquire);
        let mut checks = vec![
            ("ping", None),
            ("log", None),
            ("etcd", None),
            (
                "poststarthook/bootstrap",
                failed(
                    made || endpoint == "livez",
                    "the first objects are not made yet",
                ),
            ),
            (
                "poststarthook/rbac/bootstrap-roles",
                failed(roles || endpoint == "livez", "not finished"),
            ),
        ];
        if endpoint == "readyz" {
            checks.push((
                "shutdown",
                failed(!self.closing.is_cancelled(), "the process is shutting down"),
            ));
        }
        checks
    }

    /// The answer to a path, if it is one of these: the code and the text.
    pub(crate) fn healthy(&self, path: &str, query: &str) -> Option<(u16, String)> {
        let (endpoint, rest) = ["healthz", "livez", "readyz"]
            .into_iter()
            .find_map(|endpoint| {
                let rest = path.strip_prefix('/')?.strip_prefix(endpoint)?;
                (rest.is_empty() || rest.starts_with('/'))
                    .then(|| (endpoint, rest.trim_matches('/')))
            })?;
        let checks = self.checks(endpoint);
        if !rest.is_empty() {
            let (_, failed) = checks.into_iter().find(|(name, _)| *name == rest)?;
            return Some(failed.map_or_else(
                || (200, "ok".into()),
                |why| (500, format!("internal server error: {why}")),
            ));
        }
        let excluded = |name: &str| {
            query
                .split('&')
                .any(|pair| pair.strip_prefix("exclude=") == Some(name))
        };
        let checks: Vec<Check> = checks
            .into_iter()
            .filter(|(name, _)| !excluded(name))
            .collect();
        let healthy = checks.iter().all(|(_, failed)| failed.is_none());
        let verbose = query
            .split('&')
            .any(|pair| pair == "verbose" || pair.starts_with("verbose="));
        if healthy && !verbose {
            return Some((200, "ok".into()));
        }
        let lines: String = checks
            .iter()
            .map(|(name, failed)| match failed {
                None => format!("[+]{name} ok\n"),
                Some(why) => format!("[-]{name} failed: {why}\n"),
            })
            .collect();
        let verdict = if healthy { "passed" } else { "failed" };
        Some((
            if healthy { 200 } else { 500 },
            format!("{lines}{endpoint} check {verdict}\n"),
        ))
    }
}
