//! How much somebody may ask: so many requests a minute, refilled as time goes by.
//!
//! A request is paid for before it is carried out, and part of the price is given back if it was cheap:
//! that is why this is no library's, none of which gives back.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The time in which a whole allowance is refilled.
pub(crate) const WINDOW: Duration = Duration::from_mins(1);
/// The price of a request, and of one that was answered with a 304.
const PRICE: u32 = 10;
const CHEAP: u32 = 1;
/// With so many spenders the first look is taken for those whose allowance is whole again.
const MANY: usize = 1024;

/// What is left of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// How many requests a minute there are in all.
    pub(crate) quota: u32,
    /// How many are left.
    pub(crate) requests: u32,
    /// When it is whole again, or, if nothing is left, when there is enough for one request.
    pub(crate) after: Duration,
}

/// The allowances of everybody who asked lately.
#[derive(Debug)]
pub(crate) struct Allowances {
    quota: u32,
    /// Spenders are told apart by a hash that nobody outside can foresee; no secret is kept.
    hasher: RandomState,
    spent: Mutex<Spent>,
}

#[derive(Debug)]
struct Spent {
    /// The moment at which each allowance is whole again.
    whole_at: HashMap<u64, Instant>,
    look_at: usize,
}

impl Allowances {
    /// Allowances of so many requests a minute.
    pub(crate) fn new(quota: u32) -> Self {
        let spent = Spent { whole_at: HashMap::new(), look_at: MANY };
        Self { quota, hasher: RandomState::new(), spent: Mutex::new(spent) }
    }

    fn tick(&self) -> Duration {
        WINDOW / (self.quota.max(1).saturating_mul(PRICE))
    }

    /// Pays for a request.
    ///
    /// # Errors
    ///
    /// What is left, if that is not enough.
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

    /// Gives back what a 304 costs less than another answer.
    pub(crate) fn give_back(&self, spender: &impl Hash) {
        self.give_back_ticks(spender, PRICE - CHEAP);
    }

    /// Gives back all that a request costs.
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
    /// Forgets those whose allowance is whole, now and then, so that only those who ask lately are kept.
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
