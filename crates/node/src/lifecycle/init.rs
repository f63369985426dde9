//! Init containers: one after the other; the restartable among them stay.

use navarch_runtime::cri::ContainerState;

use super::keep::Standing;
use super::plan::Draft;
use crate::spec;

/// Sees to the init containers, and says whether the regular ones may run.
pub(super) fn initialize(draft: &mut Draft<'_>, sandbox: &str) -> bool {
    let view = draft.view;
    let regular = spec::containers(view.pod);
    // Once a regular container was made, initialization is over, and only sidecars are kept running.
    let over = regular
        .iter()
        .any(|c| view.actual.latest_in(sandbox, &c.name).is_some());
    for container in spec::init_containers(view.pod) {
        let restartable = spec::restartable(container);
        if over && !restartable {
            continue;
        }
        let standing = draft.keep(container, sandbox);
        let passed = match standing {
            Standing::Ended(code) => code == 0,
            Standing::Running if restartable => view
                .actual
                .latest_in(sandbox, &container.name)
                .is_some_and(|r| r.state == ContainerState::Running && view.started(container, r)),
            Standing::Running | Standing::Pending => false,
        };
        if !passed && !over {
            return false;
        }
    }
    true
}
