//! `networking.k8s.io`.

use k8s_openapi::api::networking::v1::{
    IPAddress, Ingress, IngressClass, NetworkPolicy, ServiceCIDR,
};

use crate::table::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::of::<IngressClass>(),
        Row::of::<Ingress>()
            .short("ing")
            .directory("ingress")
            .status(),
        Row::of::<IPAddress>().short("ip"),
        Row::of::<NetworkPolicy>().short("netpol"),
        Row::of::<ServiceCIDR>().status(),
    ]
}
