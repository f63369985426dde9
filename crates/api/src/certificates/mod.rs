//! `certificates.k8s.io`.

mod certificate_signing_request;
pub(crate) mod pem;
mod request;
mod signer;

pub use request::{common_name, organizations};
