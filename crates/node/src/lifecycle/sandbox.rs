//! The sandbox: where containers can run.

use super::plan::Draft;
use super::view::View;
use super::{Action, EventKind};

impl Draft<'_> {
    /// The sandbox that containers can run in; plans one where there is none.
    pub(super) fn sandbox(&mut self) -> Option<String> {
        let View {
            actual,
            history,
            now,
            ..
        } = self.view;
        let ready = actual.ready_sandbox();
        if let (Some(sandbox), Some((attached, _))) = (ready, &history.attached)
            && sandbox.id == *attached
        {
            return Some(sandbox.id.clone());
        }
        if history.setting_up {
            return None;
        }
        if let Some(failure) = &history.set_up_failure
            && failure.retry_at > now
        {
            self.wake(failure.retry_at);
            return None;
        }
        let (attempt, sandbox) = match (ready, actual.sandbox()) {
            (Some(ready), _) => (ready.config.attempt, Some(ready.id.clone())),
            (None, Some(dead)) => {
                let message = "Pod sandbox changed, it will be killed and re-created.".to_owned();
                self.event("", EventKind::Normal, "SandboxChanged", message);
                (dead.config.attempt.saturating_add(1), None)
            }
            (None, None) => (0, None),
        };
        self.actions.push(Action::SetUp { attempt, sandbox });
        None
    }
}
