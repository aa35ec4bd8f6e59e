//! Concurrency limits for expensive work, in all and per client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::limits::network;
use super::problem::{Code, Problem};
use crate::domain::actor::Actor;
use crate::domain::id::KeyId;

/// Most permits.
const MOST: usize = 4;
/// Most permits per client, so that one cannot use all.
const MOST_EACH: usize = 2;

/// Most requests queued for a long read.
const MOST_WAITING: usize = 256;

/// Permits for reads that keep a processor busy: few at once, so that short requests are answered meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    at_work: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Turns {
    /// As many permits as half the processors, at least one.
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self::of((processors / 2).max(1), MOST_WAITING)
    }

    fn of(at_work: usize, waiting: usize) -> Self {
        Self { at_work: Arc::new(Semaphore::new(at_work)), waiting: Arc::new(Semaphore::new(waiting)) }
    }

    /// Waits for a permit, first come, first served.
    ///
    /// # Errors
    ///
    /// [`Code::Overloaded`] if the queue is full.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let overloaded = |_| Problem::new(Code::Overloaded, "too many long reads wait for their turn");
        let _waiting = Arc::clone(&self.waiting).try_acquire_owned().map_err(overloaded)?;
        let closed = |_| Problem::new(Code::Overloaded, "the service takes no more long reads");
        Arc::clone(&self.at_work).acquire_owned().await.map_err(closed)
    }
}

/// The permits for one sort of work, and their holders.
#[derive(Clone, Debug)]
pub(crate) struct ConcurrencyLimit {
    work: &'static str,
    holders: Arc<Mutex<Vec<Holder>>>,
    shared: Arc<Mutex<SharedPermits>>,
}

/// The permits of requests with an idempotency key, by client and key.
type SharedPermits = HashMap<(Holder, Box<[u8]>), Weak<SharedPermit>>;

/// A client: a key, or an address without one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Key(KeyId),
    Peer(Option<IpAddr>),
}

/// A permit; released on drop.
pub(crate) struct Permit {
    limit: ConcurrencyLimit,
    holder: Holder,
}

/// A permit shared by all requests with the same idempotency key, of which one runs at a time.
struct SharedPermit {
    _permit: Permit,
    turn: Arc<AsyncMutex<()>>,
}

/// The right to run under a shared permit; released on drop.
pub(crate) struct Turn {
    // First, so that it passes to the next request before the permit is released.
    _turn: OwnedMutexGuard<()>,
    _shared: Arc<SharedPermit>,
}

impl ConcurrencyLimit {
    /// Limits work with this plural name.
    pub(crate) fn new(work: &'static str) -> Self {
        Self { work, holders: Arc::default(), shared: Arc::default() }
    }

    /// A permit for a client, if one is free.
    pub(crate) fn take(&self, actor: &Actor, peer: Option<IpAddr>) -> Result<Permit, Problem> {
        self.take_for(Holder::of(actor, peer))
    }

    /// A permit for a client, if one is free. A request with the same idempotency key as one in progress
    /// shares that one's permit and waits until it is done.
    pub(crate) async fn take_turn(
        &self,
        actor: &Actor,
        peer: Option<IpAddr>,
        idempotency_key: Option<&[u8]>,
    ) -> Result<Turn, Problem> {
        let holder = Holder::of(actor, peer);
        let shared_permit = match idempotency_key {
            None => Arc::new(SharedPermit::of(self.take_for(holder)?)),
            Some(key) => {
                let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.retain(|_, shared_permit| shared_permit.strong_count() > 0);
                let request = (holder.clone(), key.into());
                if let Some(shared_permit) = shared.get(&request).and_then(Weak::upgrade) {
                    shared_permit
                } else {
                    let shared_permit = Arc::new(SharedPermit::of(self.take_for(holder)?));
                    shared.insert(request, Arc::downgrade(&shared_permit));
                    shared_permit
                }
            }
        };
        let turn = Arc::clone(&shared_permit.turn).lock_owned().await;
        Ok(Turn { _turn: turn, _shared: shared_permit })
    }

    fn take_for(&self, holder: Holder) -> Result<Permit, Problem> {
        let mut holders = self.holders();
        let own = holders.iter().filter(|other| **other == holder).count();
        let full = if own >= MOST_EACH {
            format!("{MOST_EACH} {} for the same key or address are under way already", self.work)
        } else if holders.len() >= MOST {
            format!("{MOST} {} are under way already", self.work)
        } else {
            holders.push(holder.clone());
            return Ok(Permit { limit: self.clone(), holder });
        };
        Err(Problem::new(Code::Overloaded, full))
    }

    fn holders(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.holders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holder {
    fn of(actor: &Actor, peer: Option<IpAddr>) -> Self {
        match actor {
            Actor::Key(key) => Self::Key(key.id.clone()),
            _ => Self::Peer(peer.map(network)),
        }
    }
}

impl SharedPermit {
    fn of(permit: Permit) -> Self {
        Self { _permit: permit, turn: Arc::default() }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut holders = self.limit.holders();
        if let Some(at) = holders.iter().position(|other| *other == self.holder) {
            holders.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_for_a_turn_waits_for_it_unless_too_many_do() {
        let turns = Turns::of(1, 1);
        let first = turns.take().await.unwrap();
        let second = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take().await.map(drop) }
        });
        while turns.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(turns.take().await.unwrap_err().code, Code::Overloaded);
        drop(first);
        second.await.unwrap().unwrap();
        drop(turns.take().await.unwrap());
    }
}
