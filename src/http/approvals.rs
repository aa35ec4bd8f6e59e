//! The OpenAPI description of approvals.

use serde_json::{Map, Value, json};

use super::problem::Code;
use super::resources::Exposed;
use super::schema::{
    Field, bound, citations, date, id, list, nullable, optional, read_only, required, stage_id, text, truth,
    units, word, written,
};
use crate::domain::approval::{Approval, Comparator, QuantityRole};
use crate::domain::text::{Note, Reference};
use crate::wire::approvals::STANDING;
use crate::wire::values::MAX_ITEMS;

impl Exposed for Approval {
    const PATH: &'static str = "approvals";
    const SINGULAR: &'static str = "Approval";
    const PLURAL: &'static str = "Approvals";
    const ABOUT: &'static str = "An approval is one company's case, for one chip, at one authority. Its stage moves only through transitions.";
    const READ_ONLY: &'static [&'static str] = &STANDING;
    const PROBLEMS: &'static [Code] = &[Code::IllegalMove, Code::InUse];

    fn fields() -> Vec<Field> {
        let quantity = written(&[
            required(
                "role",
                word::<QuantityRole>(),
                "What it stands for. What is authorised with `exact`, `up_to` or `less_than` is a limit on what is ordered and shipped under the approval.",
            ),
            required("comparator", word::<Comparator>(), "How the number stands to the truth."),
            required("units", units(), "The number, in chips."),
            optional("citations", citations(0), "On whose word."),
        ]);
        vec![
            read_only("id", id(), "Its id."),
            required("company", id(), "The buyer."),
            required("chip", id(), "The chip."),
            required(
                "authority",
                id(),
                "The authority that decides. A case can be moved to the one that turns out to be meant.",
            ),
            optional("exporter", nullable(id()), "Who exports, where a licence belongs to one exporter."),
            optional("reference", nullable(text(Reference::MAX)), "The authority's own number for the case."),
            read_only(
                "stage",
                stage_id(),
                "The stage in effect on the day asked about, that of the latest transition by then; before the first one the workflow's initial one.",
            ),
            read_only("stage_since", nullable(date()), "The date it took effect."),
            read_only(
                "disputed",
                truth(),
                "Whether an open report about the company, the chip and the authority, all three, names another stage, dated on or after the day the stage took effect and not in the future. How the report puts it (`modality`) plays no part.",
            ),
            optional("quantities", list(quantity, 0, MAX_ITEMS), "The numbers it speaks of."),
            optional("valid_from", nullable(bound()), "From when it holds; a bare date means 00:00Z."),
            optional(
                "valid_until",
                nullable(bound()),
                "Until when it holds; a bare date means the end of that day, UTC.",
            ),
            optional(
                "supersedes",
                nullable(id()),
                "The earlier case this one takes the place of: one of the same company and chip, at the same authority, or at an unspecified one of the same gate and jurisdiction.",
            ),
            optional("note", nullable(text(Note::MAX)), "Anything else worth knowing."),
        ]
    }

    fn example() -> Value {
        json!({
            "company": "alibaba",
            "chip": "h200-sxm",
            "authority": "cn-unspecified",
            "quantities": [{"role": "interest", "comparator": "more_than", "units": 200_000}],
        })
    }

    fn patch_example() -> Value {
        json!({"reference": "D-2026-0042", "valid_until": "2027-01-31"})
    }

    fn complete(document: Value) -> Value {
        let Value::Object(members) = document else { return document };
        let mut complete = Map::new();
        for (name, value) in members {
            if name == "quantities" {
                complete.insert("stage".to_owned(), "in_principle".into());
                complete.insert("stage_since".to_owned(), "2026-01-23".into());
                complete.insert("disputed".to_owned(), false.into());
            }
            complete.insert(name, value);
        }
        Value::Object(complete)
    }
}
