//! The Client trait in process and over HTTPS, informers, the work queue, leases and events.
//!
//! Every part of Navarch but the API server is a client: it holds a [`Client`], which speaks through an
//! [`Endpoint`](navarch_api::call::Endpoint). Whether that is the pipeline in this process or a connection makes no difference.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod api;
mod backoff;
mod clock;
mod event_recorder;
mod https;
mod informer;
mod key;
mod lease;
mod queue;
mod servers;
mod snapshot;

pub use api::{Client, DeleteOptions, List, ListOptions};
pub use backoff::Backoff;
pub use clock::{Clock, SystemClock};
pub use event_recorder::{EventRecorder, EventType};
pub use https::Https;
pub use informer::{Informer, InformerOptions};
pub use key::ObjectKey;
pub use lease::{Elector, LeaseSettings, Standing};
pub use queue::Queue;
pub use servers::{NoServer, Servers};
pub use snapshot::{Index, Snapshot};
