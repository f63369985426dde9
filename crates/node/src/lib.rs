//! The pod lifecycle on a node, and the node's HTTP API.
