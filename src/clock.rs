//! The clock, passed as a value: the only place that reads the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use crate::domain::time::Moment;

/// A source of the time: the system's clock, or one that a test sets.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System { since: Moment, started: Instant },
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System { since: shown(), started: Instant::now() })
    }

    /// A clock that stands still until it is [set](Clock::set).
    #[must_use]
    pub fn standing(at: Moment) -> Self {
        Self(Source::Set(Arc::new(AtomicI64::new(at.microseconds()))))
    }

    /// Sets a standing clock; does nothing to the system's clock.
    pub fn set(&self, at: Moment) {
        if let Source::Set(microseconds) = &self.0 {
            microseconds.store(at.microseconds(), Ordering::SeqCst);
        }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System { .. } => shown(),
            Source::Set(microseconds) => Moment::from_microseconds(microseconds.load(Ordering::SeqCst)),
        }
    }

    /// The earlier of the clock's time and its time at the start plus the time elapsed since, so that a clock
    /// that jumps ahead makes nothing expire.
    #[must_use]
    pub fn earliest(&self) -> Moment {
        match &self.0 {
            Source::System { since, started } => {
                let passed = i64::try_from(started.elapsed().as_secs()).unwrap_or(i64::MAX);
                self.now().min(since.plus_seconds(passed))
            }
            Source::Set(_) => self.now(),
        }
    }

    /// The later of `now` and the clock's time at the start plus the time elapsed until `at`, so that a clock
    /// that is set back revives nothing.
    #[must_use]
    pub fn latest(&self, now: Moment, at: Instant) -> Moment {
        match &self.0 {
            Source::System { since, started } => {
                let passed = at.saturating_duration_since(*started).as_secs();
                now.max(since.plus_seconds(i64::try_from(passed).unwrap_or(i64::MAX)))
            }
            Source::Set(_) => now,
        }
    }

    /// Waits in real time, whatever the clock shows.
    pub async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The system clock's time.
fn shown() -> Moment {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let now = jiff::Timestamp::now();
    Moment::new(now)
}
