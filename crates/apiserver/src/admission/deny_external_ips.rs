//! DenyServiceExternalIPs, an option: no service takes an address of the outside that it does not have already (CVE-2020-8554).

use k8s_openapi::api::core::v1::Service;
use navarch_api::strategy::Part;
use navarch_machinery::object::Object;
use navarch_machinery::status::{Result, StatusError};

use super::{Admitted, Attributes, Layer, Operation};

pub(super) struct DenyServiceExternalIps;

impl Layer for DenyServiceExternalIps {
    fn validate(
        &self,
        attributes: &Attributes<'_>,
        object: &dyn Object,
        old: Option<&dyn Object>,
        _: &mut Admitted,
    ) -> Result<()> {
        let is_written = matches!(
            attributes.operation,
            Operation::Create | Operation::Update(Part::Main)
        );
        let (new, had) = (addresses(object), old.map(addresses).unwrap_or_default());
        if !is_written || new.iter().all(|address| had.contains(address)) {
            return Ok(());
        }
        let name = object.metadata().name.as_deref().unwrap_or_default();
        let why = "Use of external IPs is denied by admission control";
        Err(StatusError::forbidden("", "services", name, why))
    }
}

fn addresses(object: &dyn Object) -> Vec<String> {
    let service = object.as_any().downcast_ref::<Service>();
    let spec = service.and_then(|service| service.spec.as_ref());
    spec.and_then(|spec| spec.external_ips.clone())
        .unwrap_or_default()
}
