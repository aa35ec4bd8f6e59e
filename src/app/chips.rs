//! Chips: put on record, replaced, retired.

use super::Error;
use super::things::Resource;
use crate::domain::chip::Chip;
use crate::store::Write;

impl Resource for Chip {
    type Record = Self;

    fn written(record: &Self) -> &Self {
        record
    }

    async fn decide(_write: &mut Write, _before: Option<&Self>, after: Self) -> Result<Self, Error> {
        Ok(after)
    }
}
