//! The sandbox: where containers can run.

use jiff::{SignedDuration, Timestamp};
use navarch_runtime::cri::SandboxRecord;

use super::plan::Draft;
use super::view::View;
use super::{Action, EventKind, time_of};

/// Sandboxes after which the wait grows no more.
const MOST_DOUBLINGS: u32 = 4;

/// When a new sandbox may take the place of one that died: at once for the first; later ones have a while to live, lest a host that
/// cannot hold a sandbox makes one after the other.
fn may_follow(dead: &SandboxRecord) -> Timestamp {
    let made = time_of(dead.created_at);
    let wait = match dead.config.attempt {
        0 => 0,
        attempt => 1 << attempt.min(MOST_DOUBLINGS),
    };
    made.checked_add(SignedDuration::from_secs(wait))
        .unwrap_or(made)
}

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
                let until = may_follow(dead);
                if until > now {
                    self.wake(until);
                    return None;
                }
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
