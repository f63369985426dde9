//! The Client trait in process and over HTTPS, informers, the work queue, leases and events.
