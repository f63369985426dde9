//! Devices for administrators, as Kubernetes' registry of claims has it: only in namespaces that are labelled for it.

use k8s_openapi::api::resource::v1::{ResourceClaim, ResourceClaimSpec, ResourceClaimTemplate};
use navarch_api::strategy::Part;
use navarch_machinery::field::{Error, Path};
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation};

const LABEL: &str = "resource.kubernetes.io/admin-access";

pub(super) struct AdminAccess;

impl Layer for AdminAccess {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let Some(path) = asked(attributes.operation, object, old) else {
            return Ok(());
        };
        if is_labelled(attributes)? {
            return Ok(());
        }
        let detail = format!(
            "admin access to devices requires the `{LABEL}: true` label on the containing namespace"
        );
        let errors = vec![Error::forbidden(&path, detail)];
        let def = &attributes.served.def;
        let name = object.metadata().name.as_deref().unwrap_or_default();
        Err(StatusError::invalid(&def.group, &def.kind, name, &errors))
    }
}

/// Where access is asked for, if it is.
fn asked(operation: Operation, object: &dyn Object, old: Option<&dyn Object>) -> Option<Path> {
    let any = object.as_any();
    match operation {
        Operation::Create => {
            let template = any.downcast_ref::<ResourceClaimTemplate>();
            let claim = any.downcast_ref::<ResourceClaim>().map(|claim| &claim.spec);
            in_spec(template.map(|template| &template.spec.spec).or(claim)?)
        }
        Operation::Update(Part::Status) => {
            let path = in_status(any.downcast_ref::<ResourceClaim>()?)?;
            let had = old.and_then(|old| in_status(old.as_any().downcast_ref()?));
            had.is_none().then_some(path)
        }
        _ => None,
    }
}

fn in_spec(spec: &ResourceClaimSpec) -> Option<Path> {
    let requests = spec.devices.as_ref()?.requests.as_ref()?;
    let at = requests.iter().position(|request| {
        let exactly = request.exactly.as_ref();
        exactly.is_some_and(|it| it.admin_access == Some(true))
    })?;
    let path = Path::new("spec").child("devices").child("requests");
    Some(path.index(at).child("adminAccess"))
}

fn in_status(claim: &ResourceClaim) -> Option<Path> {
    let allocation = claim.status.as_ref()?.allocation.as_ref()?;
    let results = allocation.devices.as_ref()?.results.as_ref()?;
    let at = results
        .iter()
        .position(|it| it.admin_access == Some(true))?;
    let path = Path::new("status").child("allocation").child("devices");
    Some(path.child("results").index(at).child("adminAccess"))
}

fn is_labelled(attributes: &Attributes<'_>) -> Result<bool> {
    let Some(served) = attributes.directory.find("", "v1", "namespaces") else {
        return Ok(false);
    };
    let key = served.key("", attributes.namespace);
    let Some(entry) = attributes.snapshot.get(&key) else {
        return Ok(false);
    };
    let namespace = served.decode(&entry)?;
    let labels = namespace.metadata().labels.as_ref();
    Ok(labels.is_some_and(|labels| labels.get(LABEL).is_some_and(|value| value == "true")))
}
