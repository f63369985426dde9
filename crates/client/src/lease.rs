//! Leader election by a Lease, as `coordination.k8s.io/v1` and client-go do it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use navarch_machinery::status::Result;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Client, Clock};

/// How long giving the lease back may take: who ends does not wait for an API that is gone, and the lease runs out by itself.
const RELEASE: Duration = Duration::from_secs(2);
/// Before the next try, where somebody else has written the lease.
const PAUSE: Duration = Duration::from_millis(100);

/// Which lease, who asks, and how long it holds.
#[derive(Debug, Clone)]
pub struct LeaseSettings {
    /// The lease's namespace: `kube-system`.
    pub namespace: String,
    /// The lease's name: `kube-scheduler`.
    pub name: String,
    /// Who asks. No two processes that may run at a time have the same, for each would take the lease from the other.
    pub identity: String,
    /// How long a lease holds that is not renewed. Kubernetes: 15 s.
    pub duration: Duration,
    /// How often it is renewed or asked for. Kubernetes: 2 s.
    pub retry: Duration,
}

/// Whether this process leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It leads until its lease ends.
    Leader,
    /// Another leads.
    Follower,
}

/// Takes part in an election.
pub struct Elector {
    client: Client,
    clock: Arc<dyn Clock>,
    settings: LeaseSettings,
    /// The record of another holder, and when we first saw it unchanged: its clock is not trusted, only ours.
    observed: Option<(LeaseSpec, Timestamp)>,
    /// When the lease was last renewed: from when it was asked for, not from when the answer came.
    renewed: Instant,
}

impl Elector {
    /// A candidate.
    pub fn new(client: Client, clock: Arc<dyn Clock>, settings: LeaseSettings) -> Self {
        Self {
            client,
            clock,
            settings,
            observed: None,
            renewed: Instant::now(),
        }
    }

    /// Asks for the lease or renews it, once.
    pub async fn attempt(&mut self) -> Result<Standing> {
        let (now, asked) = (self.clock.now(), Instant::now());
        let found = self
            .client
            .get::<Lease>(Some(&self.settings.namespace), &self.settings.name)
            .await;
        let written = match found {
            Ok(lease) => {
                let spec = lease.spec.clone().unwrap_or_default();
                if !self.may_take(&spec, now) {
                    return Ok(Standing::Follower);
                }
                let mut lease = (*lease).clone();
                lease.spec = Some(self.claim(Some(&spec), now));
                self.client.update(lease).await
            }
            Err(error) if error.is_not_found() => {
                let metadata = ObjectMeta {
                    namespace: Some(self.settings.namespace.clone()),
                    name: Some(self.settings.name.clone()),
                    ..Default::default()
                };
                self.client
                    .create(Lease {
                        metadata,
                        spec: Some(self.claim(None, now)),
                    })
                    .await
            }
            Err(error) => return Err(error),
        };
        match written {
            Ok(_) => {
                self.renewed = asked;
                Ok(Standing::Leader)
            }
            Err(error) if error.is_conflict() || error.is_already_exists() => {
                Ok(Standing::Follower)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits until this process leads; says no where it is told to stop. What is being asked for then is waited for: it may be granted, and
    /// a lease that nobody knows of is nobody's to give back.
    pub async fn lead(&mut self, stop: &CancellationToken) -> bool {
        while !stop.is_cancelled() {
            match self.attempt().await {
                Ok(Standing::Leader) => return true,
                Ok(Standing::Follower) => {}
                Err(error) => {
                    tracing::debug!(lease = self.settings.name, %error, "the lease could not be asked for");
                }
            }
            stop.run_until_cancelled(tokio::time::sleep(self.settings.retry))
                .await;
        }
        false
    }

    /// Renews the lease until this process is told to stop, as above, or it is lost: taken by another, or not renewed for two thirds of its
    /// duration.
    pub async fn hold(&mut self, stop: &CancellationToken) {
        let retry = self.settings.retry;
        while stop
            .run_until_cancelled(tokio::time::sleep(retry))
            .await
            .is_some()
        {
            let deadline = self.renewed + self.settings.duration * 2 / 3;
            match tokio::time::timeout_at(deadline, self.attempt()).await {
                Ok(Ok(Standing::Leader)) => {}
                Ok(Ok(Standing::Follower)) | Err(_) => return,
                Ok(Err(_)) if Instant::now() > deadline => return,
                Ok(Err(_)) => {}
            }
        }
    }

    /// Gives the lease back, so that the next takes it at once and not when it would have run out: as client-go does whose work is cancelled.
    /// To be called when nothing is done under it any more. One that is another's is left. What goes wrong is only logged: the next waits longer then.
    pub async fn release(&self) {
        let lease = &self.settings.name;
        match tokio::time::timeout(RELEASE, self.try_release()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is_not_found() => {}
            Ok(Err(error)) => tracing::warn!(lease, %error, "the lease could not be given back"),
            Err(_) => {
                tracing::warn!(lease, "the lease was not given back within {RELEASE:?}");
            }
        }
    }

    async fn try_release(&self) -> Result<()> {
        let (namespace, name) = (&self.settings.namespace, &self.settings.name);
        loop {
            let lease = self.client.get::<Lease>(Some(namespace), name).await?;
            let spec = lease.spec.clone().unwrap_or_default();
            if spec.holder_identity.as_ref() != Some(&self.settings.identity) {
                return Ok(());
            }
            let now = MicroTime(self.clock.now());
            let mut lease = (*lease).clone();
            lease.spec = Some(LeaseSpec {
                holder_identity: Some(String::new()),
                // None at all is not allowed.
                lease_duration_seconds: Some(1),
                acquire_time: Some(now.clone()),
                renew_time: Some(now),
                ..spec
            });
            match self.client.update(lease).await {
                // A renewal whose answer was lost has come first.
                Err(error) if error.is_conflict() => tokio::time::sleep(PAUSE).await,
                updated => return updated.map(drop),
            }
        }
    }

    fn may_take(&mut self, spec: &LeaseSpec, now: Timestamp) -> bool {
        let holder = spec.holder_identity.as_deref().unwrap_or("");
        if holder.is_empty() || holder == self.settings.identity {
            return true;
        }
        match &self.observed {
            Some((seen, since)) if seen == spec => {
                let holds = i64::from(spec.lease_duration_seconds.unwrap_or(0));
                now.duration_since(*since) > SignedDuration::from_secs(holds)
            }
            _ => {
                self.observed = Some((spec.clone(), now));
                false
            }
        }
    }

    fn claim(&self, before: Option<&LeaseSpec>, now: Timestamp) -> LeaseSpec {
        let ours =
            before.filter(|spec| spec.holder_identity.as_deref() == Some(&self.settings.identity));
        let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: Some(
                i32::try_from(self.settings.duration.as_secs()).unwrap_or(i32::MAX),
            ),
            acquire_time: ours.map_or(Some(MicroTime(now)), |spec| spec.acquire_time.clone()),
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(if ours.is_some() || before.is_none() {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests;
