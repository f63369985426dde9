//! One module a controller, each a pure plan; one shell that runs them all.
