//! `from` of an endpoint: the networks that deliveries are accepted from.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::text::findings::Findings;
use crate::config::text::reader::{Field, Reader};

/// The networks; empty for all. Invalid ones are reported as errors, so the settings are not used.
pub(crate) fn networks(endpoint: &Reader<'_>, findings: &mut Findings) -> Vec<IpNet> {
    let Field::Is((texts, _)) = endpoint.some_texts("from", findings) else { return Vec::new() };
    let mut networks = Vec::new();
    for text in texts {
        let parsed = text.text.parse().or_else(|_| text.text.parse::<IpAddr>().map(IpNet::from));
        match parsed {
            // No peer has such an address: an IPv4 peer has its IPv4 address.
            Ok(IpNet::V6(mapped)) if mapped.addr().to_ipv4_mapped().is_some() => {
                findings
                    .error(text.span, format!("`{mapped}` is an IPv4 network in IPv6 form"))
                    .hint("write it as IPv4, as in `198.51.100.0/24`");
            }
            Ok(network) if network == network.trunc() => networks.push(network),
            Ok(network) => {
                findings
                    .error(text.span, format!("`{network}` is an address within a network, not a network"))
                    .hint(format!(
                        "write `{}` for the network, or the address without `/` for the address alone",
                        network.trunc()
                    ));
            }
            Err(_) => {
                findings
                    .error(text.span, format!("`{}` is not a network", text.text))
                    .hint("write it as in `198.51.100.0/24` or `2001:db8::/32`, or a single address");
            }
        }
    }
    networks
}
