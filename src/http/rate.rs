//! Rate limits: so many requests a minute, refilled continuously.
//!
//! A request is charged before it runs and partly refunded if it was cheap, which no library supports.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The time in which an empty allowance refills.
pub(crate) const WINDOW: Duration = Duration::from_mins(1);
/// The price of a request, and of one answered with a 304, in ticks.
const PRICE: u32 = 10;
const CHEAP: u32 = 1;
/// From this many clients on, those with a full allowance are removed.
const MANY: usize = 1024;

/// What is left of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// How many requests a minute there are in all.
    pub(crate) quota: u32,
    /// How many requests are left.
    pub(crate) requests: u32,
    /// When the allowance is full again, or, if exhausted, when it covers one request.
    pub(crate) after: Duration,
}

/// The allowances of recent clients.
#[derive(Debug)]
pub(crate) struct Allowances {
    quota: u32,
    /// Clients are told apart by a randomly keyed hash, so that no secret is stored.
    hasher: RandomState,
    spent: Mutex<Spent>,
}

#[derive(Debug)]
struct Spent {
    /// When each allowance is full again.
    whole_at: HashMap<u64, Instant>,
    look_at: usize,
}

impl Allowances {
    /// Allowances of `quota` requests a minute each.
    pub(crate) fn new(quota: u32) -> Self {
        let spent = Spent { whole_at: HashMap::new(), look_at: MANY };
        Self { quota, hasher: RandomState::new(), spent: Mutex::new(spent) }
    }

    fn tick(&self) -> Duration {
        WINDOW / (self.quota.max(1).saturating_mul(PRICE))
    }

    /// Charges a request.
    ///
    /// # Errors
    ///
    /// What is left, if that does not cover the request.
    pub(crate) fn spend(&self, spender: &impl Hash, now: Instant) -> Result<Left, Left> {
        let spender = self.hasher.hash_one(spender);
        let Ok(mut spent) = self.spent.lock() else { return Ok(self.left(Duration::ZERO)) };
        spent.forget(now);
        let whole_at = spent.whole_at.get(&spender).copied().unwrap_or(now).max(now);
        let paid = whole_at + self.tick() * PRICE;
        let owed = paid - now;
        if owed > WINDOW {
            return Err(Left { after: owed.saturating_sub(WINDOW), ..self.left(whole_at - now) });
        }
        spent.whole_at.insert(spender, paid);
        Ok(self.left(owed))
    }

    /// Refunds the difference between a 304 and a full answer.
    pub(crate) fn give_back(&self, spender: &impl Hash) {
        self.give_back_ticks(spender, PRICE - CHEAP);
    }

    /// Refunds a request.
    pub(crate) fn give_back_all(&self, spender: &impl Hash) {
        self.give_back_ticks(spender, PRICE);
    }

    fn give_back_ticks(&self, spender: &impl Hash, ticks: u32) {
        let spender = self.hasher.hash_one(spender);
        let Ok(mut spent) = self.spent.lock() else { return };
        if let Some(whole_at) = spent.whole_at.get_mut(&spender)
            && let Some(earlier) = whole_at.checked_sub(self.tick() * ticks)
        {
            *whole_at = earlier;
        }
    }

    fn left(&self, owed: Duration) -> Left {
        let free = WINDOW.saturating_sub(owed).as_nanos() / (self.tick() * PRICE).as_nanos().max(1);
        Left {
            quota: self.quota,
            requests: u32::try_from(free).unwrap_or(self.quota).min(self.quota),
            after: owed,
        }
    }
}

impl Spent {
    /// Removes clients with a full allowance, at most once per doubling of the map.
    fn forget(&mut self, now: Instant) {
        if self.whole_at.len() >= self.look_at {
            self.whole_at.retain(|_, whole_at| *whole_at > now);
            self.look_at = MANY.max(self.whole_at.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_spent_and_refilled() {
        let (allowances, start) = (Allowances::new(3), Instant::now());
        let spend = |who: &str, seconds| allowances.spend(&who, start + Duration::from_secs(seconds));
        assert_eq!(spend("a", 0).unwrap().requests, 2);
        assert_eq!(spend("a", 0).unwrap().requests, 1);
        assert_eq!(spend("a", 0).unwrap().requests, 0);
        assert_eq!(spend("a", 0).unwrap_err().after, Duration::from_secs(20));
        assert_eq!(spend("b", 0).unwrap().requests, 2, "others are not touched");
        assert_eq!(spend("a", 5).unwrap_err().after, Duration::from_secs(15));
        assert_eq!(spend("a", 20).unwrap().requests, 0);
        assert!(spend("a", 21).is_err());
        assert_eq!(spend("a", 600).unwrap().requests, 2);
    }

    #[test]
    fn what_was_cheap_costs_a_tenth() {
        let (allowances, now) = (Allowances::new(2), Instant::now());
        for _ in 0..10 {
            allowances.spend(&"a", now).unwrap();
            allowances.give_back(&"a");
        }
        assert_eq!(allowances.spend(&"a", now).unwrap().requests, 0);
        assert!(allowances.spend(&"a", now).is_err());
    }

    #[test]
    fn who_has_not_asked_for_long_is_forgotten() {
        let (allowances, now) = (Allowances::new(60), Instant::now());
        for who in 0..5000 {
            allowances.spend(&who, now).unwrap();
        }
        for who in 0..6000 {
            allowances.spend(&(who + 10_000), now + WINDOW).unwrap();
        }
        assert!(allowances.spent.lock().unwrap().whole_at.len() <= 6000);
    }
}
