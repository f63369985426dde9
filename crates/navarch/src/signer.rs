//! The cluster's authority, as the controllers know it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};
use navarch_api::certificates::Requested;
use navarch_auth::pki::Pki;
use navarch_controllers::certificates::signing::Signer;

/// Signs with the key in the data directory.
pub(crate) struct ClusterSigner(pub(crate) Arc<Pki>);

impl std::fmt::Debug for ClusterSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClusterSigner")
    }
}

impl Signer for ClusterSigner {
    fn sign(
        &self,
        request: &Requested,
        usages: &[String],
        life: SignedDuration,
        now: Timestamp,
    ) -> Result<String, String> {
        let life = Duration::try_from(life).map_err(|error| error.to_string())?;
        let signed = self
            .0
            .authority
            .sign(request, usages, life, SystemTime::from(now));
        signed.map_err(|error| error.to_string())
    }
}
