//! Connections of pods that go on are passed on where they come in, by the kernel's flow table, where it has one: their packets are neither
//! tracked nor asked any rule about. The first packets of each pass all rules.
//!
//! Nobody else needs to know of it. A connection that the kernel is told to forget, as by a policy that no longer allows it, is in no flow from
//! that moment on, and its next packet is asked all rules.
//!
//! TCP alone: flows of UDP have no end that the kernel would see, and their endpoints go ([`crate::service_proxy`]). And none that go on to other
//! hosts encrypted: what is kept from going out in clear is kept so by rules.
//!
//! Rules behind forwarding (`postrouting`) see no packet of a flow but the first, and are too late to keep one from being a flow: what must hold for
//! every packet of a connection of pods is asked before, or in forwarding.

mod kernel;
mod shell;
#[cfg(test)]
mod tests;
mod text;

pub use shell::{FlowTable, FlowTableConfig};
