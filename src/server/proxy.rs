//! The PROXY protocol (versions 1 and 2), with which a trusted proxy names the address of the peer.
//!
//! A header is required from the networks in `trusted_proxies` and read from no others. Exactly its bytes are read; the
//! ClientHello follows. The sections are those of
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;

use ipnet::IpNet;
use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::opening::Opening;
use crate::policy::Origin;

/// The beginning of a header of version 1 (section 2.1).
const V1_START: &[u8] = b"PROXY ";
/// The beginning of a header of version 2 (section 2.2).
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The length of the shortest header, `PROXY UNKNOWN` and CRLF.
const HEADER_BYTES_MIN: usize = 15;
/// The length limit of a header of version 1, with its CRLF (section 2.1).
const V1_BYTES_MAX: usize = 107;
/// The length of a header of version 2 without addresses and TLVs.
const V2_FIXED_BYTES: usize = 16;
/// The length limit of a header of version 2. TLVs of HAProxy and of cloud providers take a few hundred bytes.
const V2_BYTES_MAX: usize = 4 << 10;
/// Version 2 and the command LOCAL.
const V2_LOCAL: u8 = 0x20;
/// The type of the TLV with the checksum of the header (section 2.2.4).
const TLV_CRC32C: u8 = 0x03;

/// Why a trusted proxy's header is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ProxyFault {
    #[error("the CRC32c of the PROXY protocol header is wrong")]
    Checksum,
    #[error("the PROXY protocol header describes a UDP packet, not a TCP connection")]
    Datagram,
    #[error("the PROXY protocol header is {0} bytes long; at most {V2_BYTES_MAX} are read")]
    Long(usize),
    #[error("the PROXY protocol header (version {version}) is malformed")]
    Malformed { version: u8 },
    #[error(
        "the address is in trusted_proxies, but the connection does not begin with a PROXY protocol header; configure the proxy to send one, or remove its network"
    )]
    Missing,
    #[error("the TLVs of the PROXY protocol header do not match its length")]
    Tlvs,
    #[error("the connection ended within its PROXY protocol header")]
    Truncated,
    #[error("the PROXY protocol header (version 1) has no CRLF within {V1_BYTES_MAX} bytes")]
    Unterminated,
}

/// Why the origin of a connection is unknown.
#[derive(Debug)]
pub(super) enum NoOrigin {
    /// The connection ended before its first byte, for example because a load balancer only checks the port.
    Closed(io::Error),
    /// The header of a trusted proxy is missing or invalid.
    Faulty(ProxyFault),
    /// The header took too long.
    TimedOut,
}

/// The result of parsing the beginning of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    /// At least this many further bytes belong to the header.
    Needs(usize),
    /// The header is complete. It names the peer's address, except for LOCAL, UNKNOWN and Unix sockets.
    Complete(Option<SocketAddr>),
}

/// Whether an address is that of a trusted proxy.
pub(super) fn is_trusted(address: SocketAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address.ip()))
}

/// Reads the header of a trusted proxy. Without an address in the header, as in a proxy's health check, the
/// connection's own address counts.
pub(super) async fn read_origin<S: AsyncRead + Unpin>(
    stream: &mut S,
    address: SocketAddr,
    trusted: &[IpNet],
    opening: &Opening,
) -> Result<Origin, NoOrigin> {
    if !is_trusted(address, trusted) {
        return Ok(address.into());
    }
    let mut header = Vec::new();
    loop {
        match parse(&header).map_err(NoOrigin::Faulty)? {
            Progress::Complete(None) => return Ok(address.into()),
            Progress::Complete(Some(named)) => return Ok(Origin { address: named, proxy: Some(address) }),
            Progress::Needs(count) => {
                let mut rest = (&mut *stream).take(u64::try_from(count).unwrap_or(u64::MAX));
                let read = opening.limit(rest.read_buf(&mut header)).await;
                let ended = match read.ok_or(NoOrigin::TimedOut)? {
                    Ok(1..) => continue,
                    Ok(0) => io::ErrorKind::UnexpectedEof.into(),
                    Err(error) => error,
                };
                let is_empty = header.is_empty();
                return Err(if is_empty {
                    NoOrigin::Closed(ended)
                } else {
                    NoOrigin::Faulty(ProxyFault::Truncated)
                });
            }
        }
    }
}

/// The length of the header at the beginning of a connection, read as `read_origin` does, and the address that it names;
/// `None` without a complete valid header. No program calls it: `fuzz/` tests the parser with it.
pub fn proxy_header(bytes: &[u8]) -> Option<(usize, Option<SocketAddr>)> {
    let mut length = 0;
    loop {
        match parse(bytes.get(..length)?).ok()? {
            Progress::Complete(address) => return Some((length, address)),
            Progress::Needs(count) => length += count,
        }
    }
}

/// Parses the bytes that have arrived so far.
fn parse(bytes: &[u8]) -> Result<Progress, ProxyFault> {
    let may_be = |start: &[u8]| bytes.iter().zip(start).all(|(byte, expected)| byte == expected);
    let (is_v1, is_v2) = (may_be(V1_START), may_be(V2_START));
    match HEADER_BYTES_MIN.saturating_sub(bytes.len()) {
        _ if !is_v1 && !is_v2 => Err(ProxyFault::Missing),
        missing @ 1.. => Ok(Progress::Needs(missing)),
        _ if is_v1 => parse_v1(bytes),
        _ => parse_v2(bytes),
    }
}

fn parse_v1(bytes: &[u8]) -> Result<Progress, ProxyFault> {
    let missing = match bytes {
        [.., b'\r', b'\n'] => 0,
        [.., b'\r'] => 1,
        _ => 2,
    };
    match missing {
        _ if bytes.len() + missing > V1_BYTES_MAX => Err(ProxyFault::Unterminated),
        0 => named(bytes, 1),
        _ => Ok(Progress::Needs(missing)),
    }
}

fn parse_v2(bytes: &[u8]) -> Result<Progress, ProxyFault> {
    let Some(&[.., command, family, high, low]) = bytes.first_chunk::<V2_FIXED_BYTES>() else {
        return Ok(Progress::Needs(V2_FIXED_BYTES.saturating_sub(bytes.len())));
    };
    let length = V2_FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if length > V2_BYTES_MAX {
        return Err(ProxyFault::Long(length));
    }
    let Some(header) = bytes.get(..length) else { return Ok(Progress::Needs(length - bytes.len())) };
    // The rest of such a header is ignored (section 2.2).
    if command == V2_LOCAL {
        return Ok(Progress::Complete(None));
    }
    let complete = named(header, 2)?;
    check_tlvs(header, family)?;
    Ok(complete)
}

/// The address that a complete header names.
fn named(header: &[u8], version: u8) -> Result<Progress, ProxyFault> {
    let config = ParseConfig { include_tlvs: false, allow_v1: version == 1, allow_v2: version == 2 };
    match ProxyHeader::parse(header, config) {
        Ok((parsed, length)) if length == header.len() => match parsed.proxied_address() {
            Some(addresses) if addresses.protocol == Protocol::Datagram => Err(ProxyFault::Datagram),
            Some(addresses) => {
                let source = addresses.source;
                Ok(Progress::Complete(Some(SocketAddr::new(source.ip().to_canonical(), source.port()))))
            }
            None => Ok(Progress::Complete(None)),
        },
        Ok(_) | Err(_) => Err(ProxyFault::Malformed { version }),
    }
}

/// Checks the lengths of the TLVs, and the checksum if there is one (sections 2.2 and 2.2.4).
fn check_tlvs(header: &[u8], family: u8) -> Result<(), ProxyFault> {
    let mut at = V2_FIXED_BYTES
        + match family >> 4 {
            1 => 12,
            2 => 36,
            3 => 216,
            _ => 0,
        };
    let mut checksum = None;
    while at < header.len() {
        let Some([kind, high, low]) = header.get(at..).and_then(<[u8]>::first_chunk) else {
            return Err(ProxyFault::Tlvs);
        };
        let value = at + 3..at + 3 + usize::from(u16::from_be_bytes([*high, *low]));
        at = value.end;
        if *kind == TLV_CRC32C && checksum.replace(value).is_some() {
            return Err(ProxyFault::Tlvs);
        }
    }
    if at > header.len() {
        return Err(ProxyFault::Tlvs);
    }
    checksum.map_or(Ok(()), |place| verify_checksum(header, place))
}

/// Verifies the checksum, which was computed with zeros in its place.
fn verify_checksum(header: &[u8], place: Range<usize>) -> Result<(), ProxyFault> {
    let mut zeroed = header.to_vec();
    let Some(field) = zeroed.get_mut(place.clone()) else { return Err(ProxyFault::Tlvs) };
    field.fill(0);
    let is_right = header.get(place) == Some(&crc32c(&zeroed).to_be_bytes());
    is_right.then_some(()).ok_or(ProxyFault::Checksum)
}

/// CRC32c (RFC 9260, appendix A), bit by bit: headers are short.
fn crc32c(bytes: &[u8]) -> u32 {
    const REVERSED_POLYNOMIAL: u32 = 0x82F6_3B78;
    let shift = |crc: u32, _| (crc >> 1) ^ if crc & 1 == 1 { REVERSED_POLYNOMIAL } else { 0 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), shift))
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
