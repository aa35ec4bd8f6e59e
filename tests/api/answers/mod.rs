//! The answers: board, determinations, and everything they rest on, held against each other.

mod board;
mod classes;
mod filters;
mod receipts;
mod time;
mod whatifs;

use serde_json::{Value, json};

use crate::document::operation;
use crate::service::Service;

/// What is done with chips.
pub(crate) const ACTIVITIES: [&str; 3] = ["prepare", "order", "ship"];
/// What an answer says, apart from the question and the times.
pub(crate) const TOLD: [&str; 7] =
    ["verdict", "reasons", "gates", "conditions", "headroom", "figures", "stale_sources"];
/// The company of most questions.
pub(crate) const COMPANY: &str = "alibaba";
/// The chip of most questions.
pub(crate) const CHIP: &str = "h200-sxm";
/// The case of the two at the importing side's regulators.
pub(crate) const CASE: &str = "alibaba-h200-sxm-cn-unspecified";

/// When a question is about, and on what was on record at which revision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AsOf {
    pub(crate) valid_at: &'static str,
    pub(crate) revision: i64,
}

impl AsOf {
    /// The parameters of a read for it.
    pub(crate) fn params(self) -> String {
        format!("valid_at={}&revision={}", self.valid_at, self.revision)
    }
}

/// A question about the usual two.
pub(crate) fn question() -> Value {
    json!({"company": COMPANY, "chip": CHIP, "activity": "order"})
}

/// A question with further fields, or others.
pub(crate) fn but(mut question: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        question[name] = value.clone();
    }
    question
}

/// The answer to a question, of which no receipt is kept.
pub(crate) async fn asked(service: &Service, question: &Value) -> Value {
    service.post("/v1/determinations?dry_run=true", question).await.is(201).json()
}

/// The codes of an answer's reasons, each once, in order.
pub(crate) fn codes(answer: &Value) -> Vec<Value> {
    let mut codes: Vec<Value> = Vec::new();
    for reason in answer["reasons"].as_array().unwrap() {
        if !codes.contains(&reason["code"]) {
            codes.push(reason["code"].clone());
        }
    }
    codes
}

/// The rows of the board, on one page.
pub(crate) async fn rows(service: &Service, params: &str) -> Vec<Value> {
    let page = service.get(&format!("/v1/board?limit=1000&{params}")).await.is(200).json();
    assert_eq!(page["next"], Value::Null, "{params}");
    page["rows"].as_array().unwrap().clone()
}

/// The sample register, and after it a step, a limit, a movement, and a company that was not there before: two
/// revisions at which the board shows different things.
pub(crate) async fn register(service: &Service) -> [i64; 2] {
    let before = service.revision().await;
    let cited = json!([{"attribution": "own_record"}]);
    let step = json!({"to": "suspended", "effective_on": {"date": "2026-02-20", "precision": "day"}, "citations": cited});
    service
        .post(
            "/v1/approvals/alibaba-h200-sxm-us-bis/transitions",
            &but(step.clone(), &json!({"effective_on": {"date": "2026-08-01", "precision": "day"}})),
        )
        .await
        .is(201);
    service.post(&format!("/v1/approvals/{CASE}/transitions"), &step).await.is(201);
    let cap = json!({"scope": {"company": "bytedance"}, "kind": "unit_cap", "maximum": 12000, "counting": "ordered",
        "chips": ["h200-sxm", "h20"], "force": "required", "status": "in_force", "citations": cited});
    service.put("/v1/conditions/bytedance-cap", &cap).await.is(201);
    let order = |units: i64, on: &str| json!({"company": "bytedance", "chip": "h200-sxm", "kind": "order", "units": units, "occurred_on": on, "citations": cited});
    service.post("/v1/movements", &order(11_000, "2026-02-01")).await.is(201);
    service
        .put("/v1/companies/aaa", &json!({"name": "First of all", "jurisdiction": "SG", "roles": ["buyer"]}))
        .await
        .is(201);
    [before, service.revision().await]
}

/// The occasions on which the board is looked at: two revisions, three days.
pub(crate) fn occasions(revisions: [i64; 2]) -> Vec<AsOf> {
    let days = ["2026-01-25", "2026-03-01", "2026-08-20"];
    let at = |revision| days.map(|valid_at| AsOf { valid_at, revision });
    revisions.into_iter().flat_map(at).collect()
}

/// The values a parameter of the board allows.
pub(crate) fn words(param: &str) -> Vec<String> {
    let params = operation("showBoard").params();
    let param = params.into_iter().find(|known| known["name"] == param).unwrap();
    let schema = &param["schema"];
    let words = if schema["enum"].is_array() { &schema["enum"] } else { &schema["items"]["enum"] };
    words.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}
