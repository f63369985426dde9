//! DefaultTolerationSeconds: a pod stays on a node that is not ready or not reachable for five minutes.

use k8s_openapi::api::core::v1::Toleration;
use navarch_machinery::object::Object;
use navarch_machinery::status::Result;

use navarch_api::strategy::Part;

use super::{Attributes, Layer, Operation, written_pod};

const SECONDS: i64 = 300;
const TAINTS: [&str; 2] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
];

pub(super) struct DefaultTolerationSeconds;

impl Layer for DefaultTolerationSeconds {
    fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut dyn Object,
        _: Option<&dyn Object>,
    ) -> Result<()> {
        let Some(spec) = written_pod(object)
            .filter(|_| writes_spec(attributes.operation))
            .and_then(|pod| pod.spec.as_mut())
        else {
            return Ok(());
        };
        let tolerations = spec.tolerations.get_or_insert_default();
        let missing: Vec<Toleration> = TAINTS
            .into_iter()
            .filter(|taint| {
                !tolerations
                    .iter()
                    .any(|toleration| tolerates(toleration, taint))
            })
            .map(|taint| Toleration {
                key: Some(taint.into()),
                operator: Some("Exists".into()),
                effect: Some("NoExecute".into()),
                toleration_seconds: Some(SECONDS),
                value: None,
            })
            .collect();
        tolerations.extend(missing);
        Ok(())
    }
}

/// An update that leaves the tolerations out means the defaults too.
fn writes_spec(operation: Operation) -> bool {
    matches!(operation, Operation::Create | Operation::Update(Part::Main))
}

fn tolerates(toleration: &Toleration, taint: &str) -> bool {
    let any = |text: &Option<String>| text.as_deref().unwrap_or_default().is_empty();
    (any(&toleration.key) || toleration.key.as_deref() == Some(taint))
        && (any(&toleration.effect) || toleration.effect.as_deref() == Some("NoExecute"))
}
