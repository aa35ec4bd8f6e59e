//! Companies: created, updated and retired.

use super::Error;
use super::things::{Resource, check_chain};
use crate::domain::company::Company;
use crate::store::Write;

impl Resource for Company {
    type Record = Self;

    fn written(record: &Self) -> &Self {
        record
    }

    async fn decide(write: &mut Write, _before: Option<&Self>, after: Self) -> Result<Self, Error> {
        let parent = |company: &Self| company.parent.as_ref().map(ToString::to_string);
        check_chain(write, "/parent", after.id.as_str(), parent(&after), parent).await?;
        Ok(after)
    }
}
