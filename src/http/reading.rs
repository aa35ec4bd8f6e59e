//! Common parts of reads: revision, order and filters.

use super::call::Call;
use super::page::Cursor;
use super::problem::Problem;
use crate::app::{Error, Filter, Listing, Presence, Read, Sort, Wanted};
use crate::domain::fault::{Fault, FaultCode, hint};
use crate::domain::thing::ThingRef;

/// Opens the revision asked for, or the one that the cursor is pinned to.
pub(crate) async fn read_at(call: &Call, cursor: Option<&Cursor>) -> Result<Read, Problem> {
    let asked = call.params.wanted()?;
    let wanted = cursor.map_or(asked, |cursor| Wanted::Revision(cursor.revision));
    Ok(call.app.register.read(wanted).await?)
}

/// The order asked for.
pub(crate) fn sort<R: Listing>(call: &Call) -> Result<Sort, Problem> {
    let keys = R::SORTS;
    let text = call.params.text("sort").unwrap_or("id");
    let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    if let Some(key) = keys.iter().find(|key| key.name == name) {
        return Ok(Sort { key, descending });
    }
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    let hint = hint(name, &names).unwrap_or_default();
    let detail = format!("must be one of {}, with a minus for the greatest first{hint}", names.join(", "));
    Err(Problem::parameter("sort", Fault::new(FaultCode::NotInList, detail)))
}

/// The sort keys available at an earlier revision, as text.
pub(crate) fn lasting_sorts<R: Listing>() -> String {
    let lasting = R::SORTS.iter().filter(|key| key.at_any_revision);
    lasting.map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(" or ")
}

/// Filters and their values.
pub(crate) type Filters = Vec<(&'static Filter, Vec<String>)>;

/// The filters among `known` that a call gives, with their values.
pub(crate) fn filters(call: &Call, known: &'static [Filter]) -> Result<Filters, Problem> {
    let (mut filters, mut checked) = (Vec::new(), Vec::new());
    for filter in known {
        let values = call.params.filter(filter);
        checked.push(values.map(|values| filters.extend(values.map(|values| (filter, values)))));
    }
    Problem::of_all(checked)?;
    Ok(filters)
}

/// The order and the filters asked for.
pub(crate) fn choice<R: Listing>(call: &Call) -> Result<(Sort, Filters), Problem> {
    let (sort, filters) = (sort::<R>(call), filters(call, R::FILTERS));
    let checked = [sort.as_ref().map(drop), filters.as_ref().map(drop)];
    Problem::of_all(checked.map(|checked| checked.map_err(Problem::clone)))?;
    Ok((sort?, filters?))
}

/// The thing if it is present, else the problem that it is retired or unknown.
pub(crate) fn absent<F>(presence: Presence<F>, thing: ThingRef) -> Result<F, Problem> {
    match presence {
        Presence::Present(found) => Ok(found),
        Presence::Retired => Err(Error::Retired(thing).into()),
        Presence::Absent => Err(Error::Unknown(thing).into()),
    }
}
