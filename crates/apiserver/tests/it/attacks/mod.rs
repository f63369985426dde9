//! What has been done to Kubernetes, done here: one test a weakness, named for how it worked. Each fails where its guard is taken out.

mod endpoints;
mod namespaces;
mod nodes;
mod paths;
mod upgrades;
mod way;
