//! The head: the row of the newest revision, which every write locks and every read sees.

use super::column::Stamp;
use super::error::Error;
use super::labels::FOLDING;
use super::statement::{Connection, Statement};
use super::write::Write;
use crate::domain::time::Moment;
use crate::wire::values::hexadecimal;

/// The columns of the head row.
pub(super) const HEAD_COLUMNS: &str = "epoch, revision, digest, recorded_at, due_at, copied";
/// The number of those columns.
pub(super) const HEAD_WIDTH: usize = 6;
/// The clause that selects the head row.
pub(super) const FROM_HEAD: &str = " FROM head WHERE one = 1";
/// The statement that reads the head row.
pub(super) fn find() -> Statement {
    Statement::new("SELECT ").push(HEAD_COLUMNS).push(FROM_HEAD)
}

/// The newest revision.
#[derive(Clone, Debug)]
pub struct Head {
    /// The epoch of the register; a copy gets a new one before it is served.
    pub epoch: String,
    /// The newest revision's number; 0 before the first.
    pub revision: i64,
    /// Its digest; zeros before the first.
    pub digest: [u8; 32],
    /// When it was recorded.
    pub recorded_at: Moment,
    /// The next date on which something changes.
    pub due_at: Option<Moment>,
    /// Whether this is a copy that has not been served yet.
    pub copied: bool,
}

/// The head row as stored.
#[derive(sqlx::FromRow)]
pub(super) struct HeadRow {
    epoch: String,
    revision: i64,
    digest: Vec<u8>,
    recorded_at: Stamp,
    due_at: Option<Stamp>,
    copied: bool,
}

/// The seconds by which a clock may lag behind the newest revision and still count as slow rather than wrong;
/// the clocks of nodes differ by less.
const LEEWAY: i64 = 10;

/// The days by which a clock may have been set back since the newest revision: longer than any key is valid.
/// A revision recorded further ahead comes from a wrong clock, and must not expire every key.
const BACK_BY: i64 = 366;

impl Head {
    /// The current time: the clock, but not before the newest revision, unless that lies over 10 s ahead (a
    /// fast clock).
    #[must_use]
    pub fn present(&self, clock: Moment) -> Moment {
        present(self.recorded_at, clock)
    }

    /// The later of the clock and the time of the newest revision: what had expired by then stays expired
    /// when the clock is set back.
    #[must_use]
    pub fn latest(&self, clock: Moment) -> Moment {
        Newest::of(self).latest(clock)
    }

    /// Whether the recorded state is current: no due date has passed unrecorded, and the newest revision is
    /// not ahead of the present.
    #[must_use]
    pub fn is_current(&self, clock: Moment) -> bool {
        Newest::of(self).is_current(clock)
    }
}

fn present(recorded_at: Moment, clock: Moment) -> Moment {
    if recorded_at <= clock.plus_seconds(LEEWAY) { recorded_at.max(clock) } else { clock }
}

impl TryFrom<HeadRow> for Head {
    type Error = Error;

    fn try_from(row: HeadRow) -> Result<Self, Error> {
        let digest = row.digest.try_into().map_err(|digest: Vec<u8>| {
            Error::damaged("the head", format_args!("its digest has {} bytes instead of 32", digest.len()))
        })?;
        Ok(Self {
            epoch: row.epoch,
            revision: row.revision,
            digest,
            recorded_at: row.recorded_at.0,
            due_at: row.due_at.map(|stamp| stamp.0),
            copied: row.copied,
        })
    }
}

/// Creates the head row of an empty register.
pub(super) async fn begin(connection: &mut Connection, now: Moment) -> Result<(), Error> {
    let begin = Statement::new(
        "INSERT INTO head (one, epoch, revision, digest, recorded_at, copied, folding)
         VALUES (1, $1, 0, $2, $3, $4, $5) ON CONFLICT (one) DO NOTHING",
    );
    let known: Option<HeadRow> = connection.fetch_optional(find()).await?;
    if known.is_none() {
        let begin = begin.with(epoch()?).with(vec![0; 32]).with(now).with(false);
        connection.execute(begin.with(FOLDING)).await?;
    }
    Ok(())
}

/// A new epoch: random, so that no two registers share one.
pub(super) fn epoch() -> Result<String, Error> {
    Ok(hexadecimal(&random::<6>()?))
}

/// Cryptographically secure random bytes.
///
/// # Errors
///
/// [`Error::Random`] if the system provides none.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

/// What this process knows of the newest revision, without querying the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its number.
    pub revision: i64,
    /// When it was recorded.
    recorded_at: Moment,
    /// The next date on which something changes.
    due_at: Option<Moment>,
}

impl Newest {
    pub(super) fn of(head: &Head) -> Self {
        Self { revision: head.revision, recorded_at: head.recorded_at, due_at: head.due_at }
    }

    /// Whether the recorded state is current; see [`Head::is_current`].
    #[must_use]
    pub fn is_current(&self, clock: Moment) -> bool {
        let now = present(self.recorded_at, clock);
        self.recorded_at <= now && self.due_at.is_none_or(|due| due > now)
    }

    /// The later of the clock and the time it was recorded; see [`Head::latest`].
    #[must_use]
    pub fn latest(&self, clock: Moment) -> Moment {
        if self.recorded_at <= clock.plus_days(BACK_BY) { self.recorded_at.max(clock) } else { clock }
    }

    /// Adopts a newer state and returns whether it is newer. At the same revision the due date only moves on.
    pub(super) fn learn(&mut self, other: Self) -> bool {
        let date = |due_at: Option<Moment>| (due_at.is_none(), due_at);
        let newer = (other.revision, date(other.due_at)) > (self.revision, date(self.due_at));
        if newer {
            *self = other;
        }
        newer
    }
}

impl Write {
    /// Gives a copy of a register a new epoch and a new seal, so that positions and cursors of the original
    /// are not accepted by the copy. A process that has the copy open keeps the old seal.
    ///
    /// # Errors
    ///
    /// [`Error::Database`].
    pub async fn renew_epoch(&mut self) -> Result<(), Error> {
        let renew = Statement::new("UPDATE head SET epoch = $1, copied = $2 WHERE one = 1")
            .with(epoch()?)
            .with(false);
        self.queried().await?.execute(renew).await?;
        let seal = Statement::new("UPDATE seal SET secret = $1 WHERE one = 1");
        self.connection().execute(seal.with(random::<32>()?.to_vec())).await?;
        Ok(())
    }
}
