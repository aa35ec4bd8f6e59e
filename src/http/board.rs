//! Operations on the board: the answer for every company and chip at once.

use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};

use super::answer_schemas::{gate_example, no_figures, valid_at};
use super::call::Call;
use super::conditional::Shown;
use super::operation::{Api, Operation, Param};
use super::page::{Cursor, body_of, schema, tag, total, with_link};
use super::params::{filter_schema, separated};
use super::problem::Problem;
use super::reading::read_at;
use super::resources::{JSON, count_param, cursor_param, limit_param, time_params};
use super::schema::{Field, id, list, named, required, shown, word};
use crate::app::board::{self, AsOf, Cell, CellFilter, Row};
use crate::app::{Filter, Listing as _, Query, Read, Sort, SortKey, Takes};
use crate::domain::company::Company;
use crate::domain::fault::{Fault, FaultCode};
use crate::domain::id::CompanyId;
use crate::domain::judgement::{ReasonCode, Verdict};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::vocabulary::Vocabulary;
use crate::domain::workflow::{Activity, Phase};
use crate::wire::determinations as wire;

/// The path of the board.
pub(crate) const PATH: &str = "/v1/board";

fn verdicts() -> Value {
    let of = |about: &str, name: &'static str| required(name, word::<Verdict>(), about);
    shown(&[
        of("Whether it may prepare orders.", "prepare"),
        of("Whether it may order one unit.", "order"),
        of("Whether one unit may be shipped to it.", "ship"),
    ])
}

/// The fields of a cell.
pub(crate) fn cell_fields() -> Vec<Field> {
    vec![
        required("chip", id(), "The chip."),
        required("verdicts", verdicts(), "The answer for each activity, for one unit with nothing declared."),
        required(
            "gates",
            list(named("GateFinding"), 0, 1000),
            "How each gate stands: one for each approval that counts, or one without.",
        ),
        required(
            "reasons",
            list(word::<ReasonCode>(), 0, 100),
            "Why an order is answered as it is: each reason once, the weightiest first.",
        ),
        required("figures", named("Figures"), "The four figures."),
    ]
}

/// The fields of a row.
pub(crate) fn row_fields() -> Vec<Field> {
    vec![
        required("company", id(), "The company."),
        required("cells", list(named("BoardCell"), 0, 100_000), "Its cells, by chip."),
    ]
}

/// The schema of a page.
pub(crate) fn page_schema() -> Value {
    let rows = required("rows", list(named("BoardRow"), 0, 1000), "The companies, each with its cells.");
    schema(rows, "How many rows there are, if `count=true` asked for it.", [valid_at()])
}

fn cell_example() -> Value {
    json!({
        "chip": "h200-sxm",
        "verdicts": {"prepare": "unknown", "order": "no", "ship": "no"},
        "gates": [gate_example()],
        "reasons": ["stage_does_not_permit"],
        "figures": no_figures(),
    })
}

/// Adds the board's operation.
pub(crate) fn expose(api: &mut Api) {
    let row = json!({"company": "alibaba", "cells": [cell_example()]});
    api.on(
        Operation::get(PATH, "showBoard", "Answers")
            .says(
                "Show the board",
                "The answer for every company and chip at once: companies that buy, or have an approval or a movement, by chips. Each cell is answered for one unit with nothing declared, and says what the single determination says. Filters are named like fields; several values mean *or*.",
            )
            .takes(filters())
            .takes([limit_param(), cursor_param(), count_param()])
            .takes(time_params())
            .answers(200, "A page of the board.", JSON, named("Board"), json!({"rows": [row], "next": null, "revision": 42, "valid_at": "2026-01-25T00:00:00Z"})),
        show,
    );
    super::cell::expose(api);
}

fn filters() -> Vec<Param> {
    let of = |name: &'static str, takes: Takes, about: &str| Param::new(name, filter_schema(takes), about);
    vec![
        of("company", Takes::Id, "Rows of these companies."),
        of("jurisdiction", Takes::Jurisdiction, "Rows of companies with their seat in these jurisdictions."),
        of("chip", Takes::Id, "Cells of these chips."),
        of("verdict", Takes::Words(Verdict::words), "Cells with these verdicts."),
        Param::new(
            "activity",
            with_default(word::<Activity>(), "order"),
            "The activity whose verdict and reasons `verdict` and `reason` mean.",
        ),
        of("reason", Takes::Words(ReasonCode::words), "Cells with any of these reasons."),
        of("authority", Takes::Id, "Cells with an approval at these authorities."),
        of("stage", Takes::Stage, "Cells with an approval at these stages."),
        of("phase", Takes::Words(Phase::words), "Cells with an approval at a stage that means this."),
        Param::new(
            "sort",
            json!({"type": "string", "enum": ["company", "-company"], "default": "company"}),
            "The order; a minus puts the greatest first.",
        ),
    ]
}

fn with_default(mut schema: Value, default: &str) -> Value {
    schema["default"] = default.into();
    schema
}

/// The checked values of a filter.
fn values<T>(call: &Call, name: &str) -> Result<Vec<T>, Problem>
where
    T: for<'t> TryFrom<&'t str, Error = Fault>,
{
    let read = |text: &str| separated(text)?.into_iter().map(T::try_from).collect();
    Ok(call.params.value(name, read)?.unwrap_or_default())
}

fn cell_filter(call: &Call) -> Result<CellFilter, Problem> {
    Ok(CellFilter {
        chips: values(call, "chip")?,
        verdicts: values(call, "verdict")?,
        activity: call.params.value("activity", |text| Activity::try_from(text))?,
        reasons: values(call, "reason")?,
        authorities: values(call, "authority")?,
        stages: values(call, "stage")?,
        phases: values(call, "phase")?,
    })
}

/// The query for the companies whose rows are asked for.
fn companies(call: &Call, cursor: Option<&Cursor>) -> Result<Query, Problem> {
    let mut filters: Vec<(&'static Filter, Vec<String>)> = Vec::new();
    let named: Vec<CompanyId> = values(call, "company")?;
    let seats: Vec<Jurisdiction> = values(call, "jurisdiction")?;
    for (name, given) in [
        ("id", named.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ("jurisdiction", seats.iter().map(ToString::to_string).collect()),
    ] {
        let filter = Company::FILTERS.iter().find(|filter| filter.name == name);
        filters.extend(filter.filter(|_| !given.is_empty()).map(|filter| (filter, given)));
    }
    let descending = match call.params.text("sort") {
        None | Some("company") => false,
        Some("-company") => true,
        Some(_) => {
            return Err(Problem::parameter(
                "sort",
                Fault::new(FaultCode::NotInList, "must be `company` or `-company`"),
            ));
        }
    };
    let after = cursor.map(|cursor| cursor.position.clone());
    let sort = Sort { key: SortKey::BY_ID, descending };
    Ok(board::on_the_board(Query { on: None, filters, sort, after, limit: call.params.limit()? }))
}

/// The valid time of a read: the one asked for, the one its cursor is pinned to, or now.
pub(crate) fn as_of(call: &Call, read: &Read, cursor: Option<&Cursor>) -> Result<AsOf, Problem> {
    let clock = call.app.register.now();
    let pinned = cursor.and_then(|cursor| cursor.on);
    if let Some(valid_at) = call.params.valid_at()?.or(pinned) {
        return Ok(AsOf { valid_at, present: false });
    }
    let head = read.head();
    Ok(AsOf { valid_at: head.present(clock), present: read.at().newest && head.is_current(clock) })
}

async fn show(call: Call) -> Result<Response, Problem> {
    let cell_filter = cell_filter(&call)?;
    let cursor = Cursor::read(&call)?;
    let companies = companies(&call, cursor.as_ref())?;
    let mut read = read_at(&call, cursor.as_ref()).await?;
    let as_of = as_of(&call, &read, cursor.as_ref())?;
    let revision = read.at().revision;
    let page = call.app.rows.page(&mut read, &companies, &cell_filter, as_of, row_written);
    let page = page.await?;
    let total = total(&call, board::count(&mut read, &companies, &cell_filter, as_of)).await?;
    drop(read);
    let rows = page.rows;
    let on = Some(as_of.valid_at);
    let next = page.next.map(|position| Cursor { revision, on, position }.write(&call));
    let etag = tag(&rows, total, next.as_deref());
    let valid_at = format!("\"{}\"", as_of.valid_at);
    let body = body_of("rows", &rows, (total, next.as_deref()), revision, &[("valid_at", &valid_at)]);
    let response = Shown { etag, media_type: JSON, body, revision }.answer(&call.headers);
    Ok(with_link(response, &call, "cursor", next.as_deref()))
}

/// A row, for serialisation.
#[derive(Serialize)]
struct RowForm<'f> {
    company: &'f str,
    cells: Vec<CellForm<'f>>,
}

/// A cell, for serialisation.
#[derive(Serialize)]
struct CellForm<'f> {
    chip: &'f str,
    verdicts: VerdictsForm,
    gates: Vec<wire::GateForm<'f>>,
    reasons: Vec<&'static str>,
    figures: wire::FiguresForm,
}

#[derive(Serialize)]
struct VerdictsForm {
    prepare: &'static str,
    order: &'static str,
    ship: &'static str,
}

impl<'f> From<&'f Cell> for CellForm<'f> {
    fn from(cell: &'f Cell) -> Self {
        let [prepare, order, ship] = cell.verdicts.map(Vocabulary::as_str);
        Self {
            chip: cell.chip.as_str(),
            verdicts: VerdictsForm { prepare, order, ship },
            gates: cell.gates.iter().map(wire::GateForm::from).collect(),
            reasons: cell.reasons.iter().map(|code| code.as_str()).collect(),
            figures: (&cell.figures).into(),
        }
    }
}

/// A row as JSON. Serialisation cannot fail, as all keys are strings.
fn row_written(row: &Row) -> String {
    let cells = row.cells.iter().map(CellForm::from).collect();
    serde_json::to_string(&RowForm { company: row.company.as_str(), cells }).unwrap_or_default()
}

/// A cell as JSON.
pub(crate) fn cell_written(cell: &Cell) -> Value {
    serde_json::to_value(CellForm::from(cell)).unwrap_or_default()
}
