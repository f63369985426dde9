//! The node's own certificates, as the kubelet gets them: it makes a key, asks the API for a certificate, keeps both on disk, and asks
//! anew before the certificate ends.
//!
//! [`Rotation`] does that for one certificate; [`Exchangeable`] is what TLS shows of it, from the next handshake on. The server of
//! the API shows its own in the same way.

mod exchangeable;
mod obtaining;
mod pair;
mod request;
mod rotation;

pub use exchangeable::Exchangeable;
pub use obtaining::ObtainError;
pub use pair::Pair;
pub use request::Purpose;
pub use rotation::{Asking, Rotation};
