//! Images, sandboxes, containers, logs and exec on Linux itself.
