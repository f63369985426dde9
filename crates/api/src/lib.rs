//! Kubernetes' types, the resource table, and each resource's defaults, validation and columns.
