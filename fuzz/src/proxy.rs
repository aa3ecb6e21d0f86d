//! Headers of the PROXY protocol.

use std::net::{IpAddr, SocketAddr};

use hookspool::server::proxy_header;

pub fn run(data: &[u8]) {
    let Some((length, address)) = proxy_header(data) else { return };
    let header = &data[..length];
    assert!((15..=4096).contains(&length));
    assert_eq!(proxy_header(header), Some((length, address)), "what follows the header does not change it");
    assert_eq!(proxy_header(&header[..length - 1]), None);
    if let Some(text) = header.strip_prefix(b"PROXY ") {
        assert!(length <= 107);
        assert_eq!(address, source(text));
    } else {
        assert!(header.starts_with(b"\r\n\r\n\0\r\nQUIT\n"));
        assert!(address.is_none() || header[12] == 0x21);
    }
}

/// The address in a valid header of version 1; none with `UNKNOWN`, whatever follows it (section 2.1).
fn source(text: &[u8]) -> Option<SocketAddr> {
    let text = str::from_utf8(text).ok()?;
    if text.starts_with("UNKNOWN") {
        return None;
    }
    let [_, source, _, port, _] = text.trim_end().split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let address: IpAddr = source.parse().ok()?;
    Some(SocketAddr::new(address.to_canonical(), port.parse().ok()?))
}
