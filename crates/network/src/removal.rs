//! The end of a node's network: what `navarch down` does.

use crate::{
    Config, Error, bridge,
    error::RulesError,
    interface, masquerade, neighbours,
    nft::Nft,
    node::{bandwidth_strays, open_netlink, remove_interfaces},
    records::Records,
};

/// Removes what networks of this configuration made, in the network namespace of the calling thread: rules, interfaces, bridge,
/// files. Goes on after an error and returns the first. Forwarding stays on.
pub(crate) fn remove_everything(config: &Config) -> Result<(), Error> {
    let rules = match Nft::find() {
        // No table was made without it.
        Err(RulesError::NftMissing) => Ok(()),
        found => found.and_then(|nft| {
            // A kernel that filters no bridges cannot have one.
            let gone = nft.apply(&neighbours::removal(config));
            tracing::debug!(?gone, "rules of the bridge");
            nft.apply(&masquerade::removal(config))
        }),
    };
    let mut host = open_netlink()?;
    let interfaces = bridge::ports(&mut host, &config.bridge, interface::HOST_PREFIX)
        .and_then(|ports| remove_interfaces(&mut host, &ports));
    let devices = bandwidth_strays(&mut host, &config.bridge, |_| false)
        .and_then(|devices| remove_interfaces(&mut host, &devices));
    let bridge = bridge::remove(&mut host, &config.bridge);
    rules
        .map_err(Error::from)
        .and(interfaces)
        .and(devices)
        .and(bridge)
        .and(Records::remove_all(&config.state_dir))
}
