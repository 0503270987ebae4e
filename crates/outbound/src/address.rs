//! Which addresses belong to nobody on the internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is not globally reachable (IANA's special-purpose registries, RFC 6890): loopback, private and
/// link-local networks, carrier-grade NAT, documentation, multicast, reserved; and what merely wraps such an address.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0b1100_0000 == 64)
        || (a == 198 && b & 0b1111_1110 == 18)
        || ([a, b, c] == [192, 0, 0])
        || ([a, b, c] == [192, 88, 99])
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // The IPv4 address that two of the segments hold.
    let wrapped = |at: usize| {
        let [high, low] = [segments[at].to_be_bytes(), segments[at + 1].to_be_bytes()];
        is_private_v4(Ipv4Addr::new(high[0], high[1], low[0], low[1]))
    };
    match segments {
        // Mapped and compatible IPv4 (this includes the unspecified address and loopback), and NAT64.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => wrapped(6),
        // NAT64 of a local network, discard only, Teredo and other protocol assignments, documentation.
        [0x64, 0xff9b, 1, ..] | [0x100 | 0x3fff, ..] | [0x2001, 0..=0x1ff | 0xdb8, ..] => true,
        // 6to4.
        [0x2002, ..] => wrapped(1),
        // Unique local, link local, site local, multicast; all else beyond 2000::/3 is unassigned.
        [first, ..] => first & 0xe000 != 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_told_from_public_ones() {
        let private = [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.31.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "2001:db8::1",
            "fc00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in private {
            assert!(is_private(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "2002:101:101::",
        ] {
            assert!(!is_private(address.parse().unwrap()), "{address}");
        }
    }
}
