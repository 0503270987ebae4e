//! How many connections there may be: altogether, and from one address, so that nobody takes them all.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are not connections: the database, logs, workers of scripts, calls to other servers.
const OTHER_FILES: u64 = 256;
/// Connections beyond the limit that are accepted to answer health checks, and for nothing else.
const RESERVE: usize = 32;
/// How many of these one address may have.
const RESERVE_OF_ONE: usize = 2;
/// What part of all connections one address may have, unless a number is wished.
const PART_OF_ONE: usize = 8;

/// What is wished.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// How many there may be altogether.
    pub total: usize,
    /// How many from one address; `None`: an eighth of them.
    pub of_one_address: Option<usize>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { total: 8192, of_one_address: None }
    }
}

/// The connections that there are.
pub(crate) struct Connections {
    total: usize,
    of_one_address: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    usual: usize,
    reserve: usize,
    by_address: HashMap<IpAddr, OfAddress>,
}

/// The connections from one address.
#[derive(Default)]
struct OfAddress {
    usual: usize,
    reserve: usize,
}

/// A connection that counts until this is dropped.
pub(crate) struct Counted {
    connections: Arc<Connections>,
    address: IpAddr,
    /// Whether it may only ask for the installation's health.
    pub(crate) is_reserve: bool,
}

impl Connections {
    /// As many as are wished, and as this process may have files.
    pub(crate) fn new(wished: ConnectionLimits) -> Self {
        let files = usize::try_from(raised_file_limit().saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
        let total = wished.total.min(files.saturating_sub(RESERVE)).max(1);
        if total < wished.total {
            tracing::warn!(total, wished = wished.total, "the system's limit of open files allows fewer connections");
        }
        let of_one_address = wished.of_one_address.unwrap_or(total / PART_OF_ONE).clamp(1, total);
        Self { total, of_one_address, open: Mutex::default() }
    }

    /// Counts a connection; `None` when it is one too many. Many clients may be behind one trusted proxy.
    pub(crate) fn admit(self: &Arc<Self>, peer: SocketAddr, is_trusted_proxy: bool) -> Option<Counted> {
        let address = peer.ip().to_canonical();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Open { usual, reserve, by_address } = &mut *open;
        let of_address = by_address.entry(address).or_default();
        let is_reserve = *usual >= self.total || (of_address.usual >= self.of_one_address && !is_trusted_proxy);
        if !is_reserve {
            *usual += 1;
            of_address.usual += 1;
        } else if *reserve < RESERVE && of_address.reserve < RESERVE_OF_ONE {
            *reserve += 1;
            of_address.reserve += 1;
        } else {
            if of_address.usual + of_address.reserve == 0 {
                by_address.remove(&address);
            }
            return None;
        }
        Some(Counted { connections: Arc::clone(self), address, is_reserve })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Open { usual, reserve, by_address } = &mut *open;
        let Some(of_address) = by_address.get_mut(&self.address) else { return };
        if self.is_reserve {
            *reserve -= 1;
            of_address.reserve -= 1;
        } else {
            *usual -= 1;
            of_address.usual -= 1;
        }
        if of_address.usual + of_address.reserve == 0 {
            by_address.remove(&self.address);
        }
    }
}

/// Raises the limit of open files as far as the system lets us, and tells it.
fn raised_file_limit() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum.unwrap_or(u64::MAX),
        Err(_) => current.unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 1)
    }

    #[test]
    fn one_address_cannot_take_all_connections() {
        let limits = ConnectionLimits { total: 20, of_one_address: Some(5) };
        let connections = Arc::new(Connections::new(limits));
        let mut held: Vec<Counted> = std::iter::from_fn(|| connections.admit(peer("10.0.0.1"), false)).collect();
        assert_eq!(held.iter().filter(|counted| !counted.is_reserve).count(), 5);
        assert_eq!(held.len(), 5 + RESERVE_OF_ONE);
        let other = connections.admit(peer("10.0.0.2"), false).unwrap();
        assert!(!other.is_reserve);
        // Room is made by whoever goes; the same address may be written in two ways.
        held.clear();
        let again = connections.admit(peer("::ffff:10.0.0.1"), false).unwrap();
        assert!(!again.is_reserve);
    }

    #[test]
    fn a_full_server_has_room_for_health_checks() {
        let connections = Arc::new(Connections::new(ConnectionLimits { total: 2, of_one_address: Some(2) }));
        let held: Vec<_> = (0..2).filter_map(|_| connections.admit(peer("10.0.0.1"), true)).collect();
        assert!(held.iter().all(|counted| !counted.is_reserve));
        assert!(connections.admit(peer("10.0.0.2"), false).unwrap().is_reserve);
    }
}
