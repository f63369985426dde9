//! Pod interfaces, addresses and packet rules of a node.
