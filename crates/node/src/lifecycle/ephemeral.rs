//! Ephemeral containers: started once, whatever the others do, and never again.

use navarch_runtime::cri::ContainerState;

use super::plan::Draft;
use super::status;
use crate::spec;

/// Plans the start of those that have not run yet. As the kubelet, they do not wait for init containers.
pub(super) fn start(draft: &mut Draft<'_>, sandbox: &str) {
    let view = draft.view;
    for container in spec::ephemeral_containers(view.pod) {
        match view.actual.latest(&container.name) {
            Some(record) if record.state == ContainerState::Created => {
                draft.remove_unstarted(record);
            }
            Some(_) => {}
            None => {
                let told = status::before(view.pod, &container.name);
                if told.is_none_or(|told| told.container_id.is_none()) {
                    draft.start(&container, sandbox, None);
                }
            }
        }
    }
}
