//! Networks: `from` of an endpoint, and `trusted_proxies`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::text::{Reported, Text};

/// The networks. Invalid ones are reported as errors, so the settings are not used.
pub(crate) fn networks(texts: Vec<Text<'_>>) -> Vec<IpNet> {
    texts.into_iter().filter_map(|text| network(text).ok()).collect()
}

fn network(text: Text<'_>) -> Result<IpNet, Reported> {
    let (message, hint) = match text.text.parse().or_else(|_| text.text.parse::<IpAddr>().map(IpNet::from)) {
        // No peer has such an address: an IPv4 peer has its IPv4 address.
        Ok(IpNet::V6(mapped)) if mapped.addr().to_ipv4_mapped().is_some() => (
            format!("`{mapped}` is an IPv4 network in IPv6 form"),
            "write it as IPv4, as in `198.51.100.0/24`".to_owned(),
        ),
        Ok(network) if network == network.trunc() => return Ok(network),
        Ok(network) => (
            format!("`{network}` is an address within a network, not a network"),
            format!(
                "write `{}` for the network, or the address without `/` for the address alone",
                network.trunc()
            ),
        ),
        Err(_) => (
            format!("`{}` is not a network", text.text),
            "write it as in `198.51.100.0/24` or `2001:db8::/32`, or a single address".to_owned(),
        ),
    };
    Err(text.at.error(message, hint))
}
