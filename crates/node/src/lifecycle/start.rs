//! The start of a container, and why it waits.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Container;

use super::plan::Draft;
use super::{Action, CrashBackoff, EventKind, StartFailure, status};

/// How soon after a failed pull its back-off is shown in place of the failure.
const SHOW_PULL_BACKOFF: SignedDuration = SignedDuration::from_secs(2);

impl Draft<'_> {
    /// Plans the start of a container, unless another is being started or the last failure is too young. One at a time, in the
    /// order of the spec: a postStart hook holds up those that follow.
    pub(super) fn start(
        &mut self,
        container: &Container,
        sandbox: &str,
        backoff: Option<CrashBackoff>,
    ) {
        let history = self.view.history;
        let name = &container.name;
        if let Some(failure) = history.failures.get(name).cloned() {
            self.explain(container, &failure);
            if failure.retry_at > self.view.now {
                self.wake(failure.retry_at);
                return;
            }
        }
        if self.start_planned || history.starting.is_some() {
            return;
        }
        self.start_planned = true;
        let known = self
            .view
            .actual
            .latest(name)
            .map(|r| r.config.attempt.saturating_add(1));
        let told = status::restarts_told(self.view.pod, name);
        let attempt = known.unwrap_or(0).max(told);
        self.actions.push(Action::Start {
            container: name.clone(),
            sandbox: sandbox.to_owned(),
            attempt,
            backoff,
        });
    }

    /// Says why a container that could not be started waits.
    fn explain(&mut self, container: &Container, failure: &StartFailure) {
        let name = &container.name;
        let shown = failure
            .at
            .checked_add(SHOW_PULL_BACKOFF)
            .unwrap_or(failure.at);
        let (mut reason, mut message) = (failure.reason.clone(), failure.message.clone());
        if reason == "ErrImagePull" && failure.retry_at > shown {
            if self.view.now < shown {
                self.wake(shown);
            } else {
                let backing_off = format!(
                    "Back-off pulling image {:?}",
                    container.image.as_deref().unwrap_or("")
                );
                message = format!("{backing_off}: {reason}: {message}");
                reason = "ImagePullBackOff".to_owned();
                if status::waiting_reason(self.view.pod, name) != Some("ImagePullBackOff") {
                    self.event(name, EventKind::Normal, "BackOff", backing_off);
                    self.event(
                        name,
                        EventKind::Warning,
                        "Failed",
                        "Error: ImagePullBackOff".into(),
                    );
                }
            }
        }
        self.waiting.insert(name.clone(), (reason, message));
    }
}
