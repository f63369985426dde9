//! `certificates.k8s.io`.

mod certificate_signing_request;
pub(crate) mod pem;
mod request;
mod requested;
mod signer;
pub mod signers;

pub use request::{certificate_end, common_name, organizations};
pub use requested::Requested;
