//! Chips on the wire.

use serde_json::{Value, json};

use super::resources::Exposed;
use super::schema::{
    Field, date, figure, id, jurisdiction, nullable, optional, read_only, required, set, text, truth, written,
};
use crate::domain::chip::Chip;
use crate::domain::text::{Name, Reference};

impl Exposed for Chip {
    const PATH: &'static str = "chips";
    const SINGULAR: &'static str = "Chip";
    const PLURAL: &'static str = "Chips";
    const ABOUT: &'static str =
        "Chips stand at the level at which licences speak of them: two variants of one family are two chips.";

    fn fields() -> Vec<Field> {
        let specification = written(&[
            optional(
                "tpp",
                nullable(figure()),
                "Total processing performance: dense TOPS × bit length, the highest over all bit lengths (15 CFR part 774, 3A090).",
            ),
            optional("die_area_mm2", nullable(figure()), "Applicable die area, in square millimetres."),
            optional("memory_gb", nullable(figure()), "Memory, in gigabytes."),
            optional(
                "memory_bandwidth_gb_s",
                nullable(figure()),
                "Total memory bandwidth, in gigabytes per second.",
            ),
            optional(
                "data_centre",
                nullable(truth()),
                "Whether it is designed or marketed for data centres.",
            ),
            optional(
                "commercially_available_us_on",
                nullable(date()),
                "Since when it can be bought commercially in the United States.",
            ),
        ]);
        vec![
            read_only("id", id(), "Its id."),
            required("name", text(Name::MAX), "What its designer calls it."),
            required("designer", id(), "The company that designed it."),
            required("origin", jurisdiction(), "Where it was designed; it is domestic to that jurisdiction."),
            optional("aliases", set(text(Name::MAX)), "Other names it is found under."),
            optional("specification", specification, "Its figures. What is not known is `null`, never zero."),
            optional(
                "eccn_published",
                nullable(text(Reference::MAX)),
                "The export control classification number its maker publishes.",
            ),
        ]
    }

    fn example() -> Value {
        json!({
            "name": "H200 SXM",
            "designer": "nvidia",
            "origin": "US",
            "aliases": ["H200"],
            "specification": {"tpp": 15832, "die_area_mm2": 814, "memory_gb": 141, "memory_bandwidth_gb_s": 4800, "data_centre": true},
        })
    }
}
