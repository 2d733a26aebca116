//! Where a connection comes from, as far as the relay needs to tell one caller from another.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use libp2p::{Multiaddr, multiaddr::Protocol};

/// An IPv4 address, or the 56 bits of IPv6 that one household is given. Shown with less than that
/// ([`Source::network`]): a log is read by others than those who may know who calls.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// Of an address that begins with an IP address.
    pub(crate) fn of(address: &Multiaddr) -> Option<Self> {
        match address.iter().next()? {
            Protocol::Ip4(ip) => Some(Self(ip.into())),
            Protocol::Ip6(ip) => Some(ip.to_ipv4_mapped().map_or_else(
                || Self(Ipv6Addr::from(u128::from(ip) & (u128::MAX << (128 - 56))).into()),
                |ip| Self(ip.into()),
            )),
            _ => None,
        }
    }

    /// The network of it that may be shown: `/24`, or `/48` of IPv6.
    pub(crate) fn network(self) -> Network {
        Network(match self.0 {
            IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip) & (u32::MAX << 8)).into(),
            IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) & (u128::MAX << 80)).into(),
        })
    }
}

/// A network of some thousand households, or of 256 addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network(IpAddr);

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0, if self.0.is_ipv4() { 24 } else { 48 })
    }
}

/// Shows its network, and no more.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.network(), f)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(address: &str) -> Source {
        Source::of(&address.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_household_is_one_source_and_its_network_is_all_that_is_shown() {
        assert!(of("/ip4/192.0.2.7/tcp/1") == of("/ip4/192.0.2.7/udp/9/quic-v1"));
        assert!(of("/ip4/192.0.2.7/tcp/1") != of("/ip4/192.0.2.8/tcp/1"));
        assert!(of("/ip6/2001:db8:1:2ff::1/tcp/1") == of("/ip6/2001:db8:1:2aa::2/tcp/1"));
        assert!(of("/ip6/2001:db8:1:2ff::1/tcp/1") != of("/ip6/2001:db8:1:3ff::1/tcp/1"));
        assert!(
            of("/ip6/::ffff:192.0.2.7/tcp/1") == of("/ip4/192.0.2.7/tcp/1"),
            "one address, two spellings"
        );
        assert_eq!(of("/ip4/192.0.2.7/tcp/1").network().to_string(), "192.0.2.0/24");
        assert_eq!(of("/ip6/2001:db8:1:2ff::1/tcp/1").network().to_string(), "2001:db8:1::/48");
        assert!(Source::of(&"/dns4/example.org/tcp/1".parse().unwrap()).is_none());
    }
}
