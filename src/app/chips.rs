//! Chips: created, updated and retired.

use super::Error;
use super::things::Resource;
use crate::domain::chip::Chip;
use crate::domain::classification::Vintage;
use crate::domain::time::Moment;
use crate::store::Write;

impl Resource for Chip {
    type Record = Self;

    fn written(record: &Self) -> &Self {
        record
    }

    async fn decide(_write: &mut Write, _before: Option<&Self>, after: Self) -> Result<Self, Error> {
        Ok(after)
    }

    async fn settle(write: &mut Write, _before: Option<&Self>, after: Option<&Self>) -> Result<(), Error> {
        let next = after.and_then(|_| Vintage::next_after(write.now().date()));
        if let Some(begins) = next {
            write.falls_due(Moment::start_of(begins));
        }
        Ok(())
    }
}
