//! Operations on holdings: the sums of movements per company and chip.

use axum::response::Response;
use serde_json::{Value, json};

use super::board::as_of;
use super::call::Call;
use super::movements::TAG;
use super::operation::{Api, Operation};
use super::page::{Cursor, answer as page_answer, total};
use super::problem::{Code, Problem};
use super::reading::{filters, read_at};
use super::resources::{
    JSON, count_param, cursor_param, filter_params, limit_param, page_example, time_params,
};
use super::schema::{Field, count, id, named, nullable, required};
use crate::app::{HOLDING_FILTERS, PairTotals, board};
use crate::domain::fault::Fault;
use crate::domain::holding::Totals;
use crate::domain::id::{ChipId, CompanyId};
use crate::domain::judgement::Figures;
use crate::wire::values::linked;

/// The fields of a holding.
pub(crate) fn fields() -> Vec<Field> {
    let sum = || count(0, Totals::MAX);
    let any = || count(i64::MIN, i64::MAX);
    vec![
        required("company", id(), "The buyer."),
        required("chip", id(), "The chip."),
        required("ordered", sum(), "Units ordered."),
        required("cancelled", sum(), "Units whose order was cancelled."),
        required("shipped", sum(), "Units shipped."),
        required("delivered", sum(), "Units delivered."),
        required("returned", sum(), "Units returned."),
        required(
            "reserved",
            count(0, Totals::MAX),
            "Units ordered and neither cancelled nor shipped; 0 where more was shipped than ordered.",
        ),
        required(
            "used",
            count(-Totals::MAX, Totals::MAX),
            "Units shipped, less those returned; negative where more was returned than shipped.",
        ),
        required(
            "authorised",
            nullable(any()),
            "What the tightest known, required limit in force allows; `null` if there is none.",
        ),
        required(
            "available",
            nullable(any()),
            "What that limit leaves for orders, by what it counts itself, which may be fewer movements or those of more chips; negative where it is broken.",
        ),
        required(
            "limited_by",
            nullable(named("ThingLink")),
            "The condition or approval that sets the limit.",
        ),
    ]
}

/// A holding as JSON.
fn shown(pair: &PairTotals, figures: &Figures) -> Value {
    let PairTotals { company, chip, totals } = pair;
    json!({
        "company": company,
        "chip": chip,
        "ordered": totals.ordered,
        "cancelled": totals.cancelled,
        "shipped": totals.shipped,
        "delivered": totals.delivered,
        "returned": totals.returned,
        "reserved": totals.reserved(),
        "used": totals.used(),
        "authorised": figures.authorised,
        "available": figures.available,
        "limited_by": linked(figures.limited_by.as_ref()),
    })
}

fn example() -> Value {
    let totals = Totals { ordered: 5000, cancelled: 500, shipped: 2000, delivered: 1500, returned: 100 };
    shown(
        &PairTotals { company: "alibaba".to_owned(), chip: "h200-sxm".to_owned(), totals },
        &Figures::default(),
    )
}

/// Adds the operation that lists holdings.
pub(crate) fn expose(api: &mut Api) {
    api.on(
        Operation::get("/v1/holdings", "listHoldings", TAG)
            .says("List holdings", "What the movements of each company and chip add up to, by company and chip. Whoever has no movements is left out.")
            .takes(filter_params(HOLDING_FILTERS))
            .takes([limit_param(), cursor_param(), count_param()])
            .takes(time_params())
            .answers(200, "A page of the list.", JSON, named("HoldingPage"), page_example(&example())),
        list,
    );
}

async fn list(call: Call) -> Result<Response, Problem> {
    let filters = filters(&call, HOLDING_FILTERS)?;
    let limit = call.params.limit()?;
    let cursor = Cursor::read(&call)?;
    let mut read = read_at(&call, cursor.as_ref()).await?;
    let revision = read.at().revision;
    // The sums depend on the revision only, the limits in force also on the day.
    let as_of = as_of(&call, &read, cursor.as_ref())?;
    let after = cursor.map(|cursor| cursor.position);
    let page = read.holding_page(&filters, after.as_ref(), limit).await?;
    let total = total(&call, read.holding_count(&filters)).await?;
    let pairs = page.items.iter().map(pair).collect::<Result<Vec<_>, _>>()?;
    let figures = board::figures(&mut read, &pairs, as_of).await?;
    drop(read);
    let items = page.items.iter().zip(&figures).map(|(pair, figures)| shown(pair, figures).to_string());
    let items: Vec<String> = items.collect();
    let on = Some(as_of.valid_at);
    let next = page.next.map(|position| Cursor { revision, on, position }.write(&call));
    Ok(page_answer(&call, &items, (total, next.as_deref()), revision))
}

fn pair(pair: &PairTotals) -> Result<(CompanyId, ChipId), Problem> {
    let damaged = |fault: Fault| Problem::new(Code::Internal, format!("a holding is damaged: {fault}"));
    let company = CompanyId::try_from(&*pair.company).map_err(damaged)?;
    Ok((company, ChipId::try_from(&*pair.chip).map_err(damaged)?))
}
