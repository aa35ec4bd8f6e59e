//! The OpenAPI description of reports.

use serde_json::{Value, json};

use super::resources::Exposed;
use super::schema::{
    Field, citations, dated, id, nullable, optional, read_only, required, some, stage_id, text, units, word,
    written,
};
use crate::domain::approval::Comparator;
use crate::domain::report::{Distribution, Modality, Report, ReportStatus};
use crate::domain::text::Note;

impl Exposed for Report {
    const PATH: &'static str = "reports";
    const SINGULAR: &'static str = "Report";
    const PLURAL: &'static str = "Reports";
    const ABOUT: &'static str = "Reports are what somebody says, kept beside what the register accepts. They never permit, and never spread to companies they do not name.";
    const REFERRED: bool = false;

    fn fields() -> Vec<Field> {
        let about = some(&[
            optional("company", nullable(id()), "The company, if one is named."),
            optional("chip", nullable(id()), "The chip, if one is named."),
            optional("authority", nullable(id()), "The authority, if one is named."),
        ]);
        let quantity = written(&[
            required("comparator", word::<Comparator>(), "How the number stands to the truth."),
            required("units", units(), "The number, in chips."),
            required("of", word::<Distribution>(), "Whether each has so many, or all together."),
        ]);
        vec![
            read_only("id", id(), "Its id."),
            required("about", about, "What it is about: at least one of the three."),
            required("on", dated(), "The date it speaks of."),
            required(
                "modality",
                word::<Modality>(),
                "How it puts what it says. It plays no part in whether an approval is `disputed`.",
            ),
            optional(
                "stage",
                nullable(stage_id()),
                "The stage it names, one of the authority's workflow. Needs `about.authority`.",
            ),
            optional("quantity", nullable(quantity), "The number it names."),
            required("text", text(Note::MAX), "What it says, in a sentence."),
            optional(
                "status",
                word::<ReportStatus>(),
                "Whether it still needs somebody's judgement; `open` if not given. An open one that names another stage makes the approval of its company, chip and authority `disputed`.",
            ),
            required("citations", citations(1), "On whose word."),
        ]
    }

    fn example() -> Value {
        json!({
            "about": {"chip": "h200-sxm", "authority": "cn-gacc"},
            "on": {"date": "2026-01-14", "precision": "about"},
            "modality": "states",
            "stage": "entry_barred",
            "text": "Customs agents were told that the chip may not enter.",
            "citations": [{"attribution": "own_record"}],
        })
    }

    fn patch_example() -> Value {
        json!({"status": "settled"})
    }
}
