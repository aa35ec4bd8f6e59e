//! Places for what takes much of the service: so many at once, and so many of one client.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::network;
use super::problem::{Code, Problem};
use crate::domain::actor::Actor;
use crate::domain::id::KeyId;

/// How many there are.
const MOST: usize = 4;
/// How many of them can be somebody's, so that whoever does not go on shuts nobody else out.
const MOST_EACH: usize = 2;

/// The places for work of one sort, and who has them.
#[derive(Clone, Debug)]
pub(crate) struct ConcurrencyLimit {
    work: &'static str,
    holders: Arc<Mutex<Vec<Holder>>>,
}

/// Whoever has a key, or asks from an address without one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Holder {
    Key(KeyId),
    Peer(Option<IpAddr>),
}

/// A place, as long as this lives.
pub(crate) struct Permit {
    places: ConcurrencyLimit,
    holder: Holder,
}

impl ConcurrencyLimit {
    /// Places for work that goes by this name, in the plural.
    pub(crate) fn new(work: &'static str) -> Self {
        Self { work, holders: Arc::default() }
    }

    /// A place for whoever asks, if there is one.
    pub(crate) fn take(&self, actor: &Actor, peer: Option<IpAddr>) -> Result<Permit, Problem> {
        let holder = match actor {
            Actor::Key(key) => Holder::Key(key.id.clone()),
            _ => Holder::Peer(peer.map(network)),
        };
        let mut holders = self.holders();
        let own = holders.iter().filter(|other| **other == holder).count();
        let full = if own >= MOST_EACH {
            format!("{MOST_EACH} {} for the same key or address are under way already", self.work)
        } else if holders.len() >= MOST {
            format!("{MOST} {} are under way already", self.work)
        } else {
            holders.push(holder.clone());
            return Ok(Permit { places: self.clone(), holder });
        };
        Err(Problem::new(Code::Overloaded, full))
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut holders = self.places.holders();
        if let Some(at) = holders.iter().position(|other| *other == self.holder) {
            holders.swap_remove(at);
        }
    }
}
