//! Ephemeral containers: started once, whatever the others do, and never again.

use super::plan::Draft;
use super::status;
use crate::spec;

/// Plans the start of those that have not been made yet. As the kubelet, they do not wait for init containers.
pub(super) fn start(draft: &mut Draft<'_>, sandbox: &str) {
    let view = draft.view;
    for container in spec::ephemeral_containers(view.pod) {
        let made = view.actual.latest(&container.name).is_some()
            || status::before(view.pod, &container.name)
                .is_some_and(|told| told.container_id.is_some());
        if !made {
            draft.start(&container, sandbox, None);
        }
    }
}
