//! Where a pod goes: the cluster index, the pure placement, and the loop that binds.
