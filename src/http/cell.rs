//! One cell of the board in full: the answers, and all they rest on.

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::answer_schemas::{gate_example, no_figures, valid_at};
use super::board::{as_of, cell_fields, cell_written};
use super::call::Call;
use super::conditional::{Shown, weak};
use super::operation::{Api, Operation};
use super::problem::{Code, Problem};
use super::reading::{absent, read_at};
use super::resources::{JSON, shown_example, time_params};
use super::schema::{Field, count, list, named, required, shown};
use crate::app::board::{self, AsOf, CellDetail};
use crate::app::{Error, Read};
use crate::domain::approval::Approval;
use crate::domain::chip::Chip;
use crate::domain::company::Company;
use crate::domain::id::{ChipId, CompanyId};
use crate::domain::judgement::{Answer, Glance};
use crate::domain::thing::{Kind, ThingRef};
use crate::wire::{Document, determinations as wire};

/// The fields of a cell in full.
pub(crate) fn fields() -> Vec<Field> {
    let answers = shown(&[
        required("prepare", named("Answer"), "Whether it may prepare orders, and why not."),
        required("order", named("Answer"), "Whether it may order one unit, and why not."),
        required("ship", named("Answer"), "Whether one unit may be shipped to it, and why not."),
    ]);
    let mut fields = vec![required("company", super::schema::id(), "The company.")];
    fields.extend(cell_fields());
    fields.extend([
        required("answers", answers, "The answer for each activity, for one unit with nothing declared."),
        required("approvals", list(named("Approval"), 0, 1000), "Every approval of the two, as it stands."),
        required(
            "timeline",
            list(named("Transition"), 0, 100_000),
            "What the register accepts as having happened to them, in order of effective date.",
        ),
        required("reports", list(named("Report"), 0, 100_000), "What was said of the two, the newest first."),
        required(
            "conditions",
            list(named("Condition"), 0, 100_000),
            "The conditions in scope, by id; what each comes to is told in the answers.",
        ),
        required("revision", count(0, i64::MAX), "The revision shown."),
        valid_at(),
    ]);
    fields
}

fn example() -> Value {
    let answer = super::answer_schemas::example();
    let names = ["verdict", "reasons", "gates", "conditions", "headroom", "figures", "stale_sources"];
    let answer: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), answer[*name].clone())).collect();
    json!({
        "company": "alibaba", "chip": "h200-sxm",
        "verdicts": {"prepare": "no", "order": "no", "ship": "no"},
        "gates": [gate_example()], "reasons": ["stage_does_not_permit"], "figures": no_figures(),
        "answers": {"prepare": answer, "order": answer, "ship": answer},
        "approvals": [shown_example::<Approval>()], "timeline": [], "reports": [], "conditions": [],
        "revision": 42, "valid_at": "2026-01-25T00:00:00Z",
    })
}

/// Adds the cell's operation.
pub(crate) fn expose(api: &mut Api) {
    api.on(
        Operation::get("/v1/board/{company}/{chip}", "showBoardCell", "Answers")
            .says(
                "Show one cell of the board in full",
                "The answers for one company and one chip with everything they rest on: approvals, timeline, reports, conditions with what they come to, and the four figures. Any company and chip on record can be asked for, whether or not the board has a row for it.",
            )
            .takes(time_params())
            .answers(200, "The cell.", JSON, named("BoardCellInFull"), example())
            .refuses(&[Code::NotFound, Code::Retired]),
        show,
    );
}

async fn show(call: Call) -> Result<Response, Problem> {
    let company: CompanyId = call.path("company")?;
    let chip: ChipId = call.path("chip")?;
    let mut read = read_at(&call, None).await?;
    let as_of = as_of(&call, &read, None)?;
    let revision = read.at().revision;
    let detail = match board::detail(&mut read, &company, &chip, as_of).await {
        Err(error @ Error::Unknown(_)) => {
            check_both(&mut read, &company, &chip).await?;
            return Err(error.into());
        }
        detail => detail?,
    };
    drop(read);
    let mut document = written(&company, &chip, detail);
    let etag = weak([Value::Object(document.clone()).to_string().as_str()]);
    document.insert("revision".to_owned(), revision.into());
    document.insert("valid_at".to_owned(), valid_at_value(as_of));
    Ok(Shown { etag, media_type: JSON, body: Value::Object(document).to_string(), revision }
        .answer(&call.headers))
}

/// Returns the problem for whichever of the two is unknown or retired.
async fn check_both(read: &mut Read, company: &CompanyId, chip: &ChipId) -> Result<(), Problem> {
    let presence = read.filed::<Company>(company.as_str()).await?;
    absent(presence, ThingRef::new(Kind::Company, company.as_str()))?;
    let presence = read.filed::<Chip>(chip.as_str()).await?;
    absent(presence, ThingRef::new(Kind::Chip, chip.as_str()))?;
    Ok(())
}

fn valid_at_value(as_of: AsOf) -> Value {
    as_of.valid_at.to_string().into()
}

fn written(company: &CompanyId, chip: &ChipId, detail: CellDetail) -> Map<String, Value> {
    let CellDetail { answers, cases, transitions, reports, conditions } = detail;
    let [prepare, order, ship] =
        answers.each_ref().map(|answer: &Answer| Value::Object(wire::answer(answer)));
    let mut cell = Map::new();
    cell.insert("company".to_owned(), company.as_str().into());
    if let Value::Object(members) = cell_written(&board::cell(chip, answers.map(Glance::from))) {
        cell.extend(members);
    }
    for (name, value) in [
        ("answers", json!({"prepare": prepare, "order": order, "ship": ship})),
        ("approvals", cases.iter().map(Document::write).collect()),
        ("timeline", transitions.iter().map(Document::write).collect()),
        ("reports", reports.iter().map(Document::write).collect()),
        ("conditions", conditions.iter().map(Document::write).collect()),
    ] {
        cell.insert(name.to_owned(), value);
    }
    cell
}
