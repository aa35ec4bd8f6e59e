//! Imports lines: all or nothing, or every line that is valid.

use std::collections::HashSet;

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::Call;
use super::catalogue::fault_code;
use super::exports::NDJSON;
use super::operation::{Api, Input, Operation, Param};
use super::params::word;
use super::problem::{Code, Problem, Wrong};
use super::resources::JSON;
use super::schema::{Field, count, list, named, required, text};
use super::write::{Answer, Given, Outcome as Ended, Terms, write, write_on};
use crate::app::imports::{
    self, ATOMIC_LINES, BadLine, Cause, LINES_A_REVISION, MOST_REPORTED, Outcome, ReadLines,
};
use crate::app::{Error, Needs, StoreError, Write};
use crate::domain::fault::PlacedFault;
use crate::domain::refusal::Refusal;
use crate::domain::text::Note;
use crate::wire::lines::Line;

/// The most errors in a report.
const MOST_ERRORS: usize = MOST_REPORTED * 10;
/// The most bytes of an import.
const LIMIT: usize = 64 << 20;

const ABOUT: &str = "One thing a line, as an export gives them: `kind`, `id` and its fields; what is referred to first. A condition's own kind is called `condition_kind`, a movement's `movement_kind`.

A line takes the place of the whole thing with its id, whatever version that has: no `If-Match` is asked for, and what the line leaves out is cleared, as if it had never been given. `dry_run=true` shows first what would come of it. What is there already, unchanged, makes no change. Of a transition on record only `retracted` can change, of a movement nothing. Fields that the service sets, such as an approval's `stage` or a chip's `classification`, are refused.

Movements are held against the limits in force, but not those that an admin imports, since this is how a register is restored: what was accepted once is not judged again.";
/// The problems that a line can have, beside faults of its values.
pub(crate) const LINE_CODES: [Code; 12] = [
    Code::MalformedJson,
    Code::ForbiddenAuthority,
    Code::IllegalMove,
    Code::IdRetired,
    Code::InUse,
    Code::NoSuchReference,
    Code::StageInUse,
    Code::MoveInUse,
    Code::Fixed,
    Code::OverLimit,
    Code::ExceedsLedger,
    Code::ExternalRefConflict,
];

/// The fields of the report on an import.
pub(crate) fn fields() -> Vec<Field> {
    let number = || count(0, i64::MAX);
    vec![
        required(
            "mode",
            json!({"type": "string", "enum": ["atomic", "partial"]}),
            "Whether it was all or nothing.",
        ),
        required("created", number(), "Things put on record."),
        required("updated", number(), "Things changed."),
        required("unchanged", number(), "Things that were as the line says already."),
        required("failed", number(), "Lines not taken."),
        required(
            "errors",
            list(named("ImportError"), 0, MOST_ERRORS),
            "Why they were not taken; at most 1,000 lines are told, and 10,000 errors.",
        ),
    ]
}

/// The fields of an error in a report.
pub(crate) fn error_fields() -> Vec<Field> {
    vec![
        required("line", count(1, i64::MAX), "The number of the line, from 1."),
        super::schema::optional(
            "pointer",
            json!({"type": "string", "maxLength": 1000}),
            "The JSON pointer of the value, where one is at fault.",
        ),
        required("code", fault_code(), "The code of the fault or problem."),
        required("detail", text(Note::MAX), "What is wrong and what would be right."),
    ]
}

/// Adds the import.
pub(crate) fn expose(api: &mut Api) {
    let example = "{\"kind\":\"company\",\"id\":\"example-company\",\"name\":\"Example Company\",\"jurisdiction\":\"CN\"}\n";
    let mode = Param::new(
        "mode",
        json!({"type": "string", "enum": ["atomic", "partial"], "default": "atomic"}),
        "`atomic`: all or nothing, in one revision, up to 10,000 lines. `partial`: a revision per 1,000 lines; lines that cannot be taken are left out and told.",
    );
    let report =
        json!({"mode": "atomic", "created": 1, "updated": 0, "unchanged": 0, "failed": 0, "errors": []});
    api.on(
        Operation::write(Method::POST, "/v1/imports", "importLines", "Import and export")
            .says("Import lines", ABOUT)
            .takes([mode])
            .reads(Input {
                media_types: &[NDJSON, "application/ndjson", "application/jsonl"],
                schema: json!({"type": "string", "maxLength": LIMIT}),
                example: example.into(),
                limit: LIMIT,
                required: true,
            })
            .answers(200, "What the import did.", JSON, named("ImportReport"), report)
            .refuses(&[
                Code::InvalidLines,
                Code::TooManyLines,
                Code::ImportRefused,
                Code::ForbiddenAuthority,
            ]),
        import,
    );
}

async fn import(call: Call) -> Result<Response, Problem> {
    let mode = call.params.text("mode").unwrap_or("atomic").to_owned();
    word(&mode, &["atomic", "partial"]).map_err(|fault| Problem::parameter("mode", fault))?;
    if mode == "partial" {
        // Spawned, so that a client that disconnects cancels nothing.
        return tokio::spawn(partial(call)).await.map_err(|cause| {
            tracing::error!(%cause, "an import came to no end");
            Problem::new(Code::Internal, "the import came to no end")
        })?;
    }
    let body = call.body.clone();
    let lines = run_blocking(move || imports::read_all(&body)).await?;
    write(&call, move |write, given| Box::pin(async move { atomic(write, &given, lines).await })).await
}

async fn atomic(write: &mut Write, given: &Given, lines: Result<Vec<(usize, Line)>, Outcome>) -> Ended {
    let outcome = match lines {
        Ok(lines) => imports::apply(write, &given.actor, lines).await?,
        Err(refused) => refused,
    };
    if outcome.too_many {
        return Ok(Err(too_many()));
    }
    if outcome.failed > 0 {
        return Ok(Err(refusal(&outcome)));
    }
    Ok(Ok(Answer::body(StatusCode::OK, Report::of(&outcome).value("atomic"))))
}

/// The problem for an import with too many lines.
pub(crate) fn too_many() -> Problem {
    let detail = format!("an import that is all or nothing has at most {ATOMIC_LINES} lines");
    Problem::new(Code::TooManyLines, detail)
}

/// The problem for a refused import: forbidden if the key may not write a line, else its errors.
pub(crate) fn refusal(outcome: &Outcome) -> Problem {
    let denied = outcome.bad.iter().find_map(|bad| match &bad.cause {
        Cause::Error(error @ Error::Denied(_)) => Some(error.into()),
        _ => None,
    });
    let only_faults = outcome.bad.iter().all(|bad| matches!(bad.cause, Cause::Faults(_) | Cause::Syntax(_)));
    let code = if only_faults { Code::InvalidLines } else { Code::ImportRefused };
    denied.unwrap_or_else(|| {
        let wrong = wrong(outcome);
        // Not every bad line is reported, but each counts as one error at least.
        let count = wrong.len().max(outcome.failed);
        Problem::counted(code, wrong, count)
    })
}

fn wrong(outcome: &Outcome) -> Vec<Wrong> {
    outcome.bad.iter().flat_map(of_line).collect()
}

fn of_line(bad: &BadLine) -> Vec<Wrong> {
    let at = |within: Option<String>, code: String, detail: String| Wrong {
        place: "line",
        at: bad.line.into(),
        within,
        code,
        detail,
    };
    match &bad.cause {
        Cause::Syntax(detail) => vec![at(None, Code::MalformedJson.as_str().to_owned(), detail.clone())],
        Cause::Faults(faults) => faults
            .iter()
            .map(|placed| {
                at(Some(placed.pointer.clone()), placed.fault.code.to_string(), placed.fault.detail.clone())
            })
            .collect(),
        Cause::Error(error @ Error::Refused(Refusal::Dangling(faults) | Refusal::Fixed(faults))) => {
            let code = Problem::from(error).code.as_str();
            let placed = |placed: &PlacedFault| {
                at(Some(placed.pointer.clone()), code.to_owned(), placed.fault.detail.clone())
            };
            faults.0.iter().map(placed).collect()
        }
        Cause::Error(error) => {
            let problem = Problem::from(error);
            vec![at(None, problem.code.as_str().to_owned(), problem.detail)]
        }
    }
}

/// The result of an import, or of a part of it.
#[derive(Default, Serialize, Deserialize)]
struct Report {
    created: usize,
    updated: usize,
    unchanged: usize,
    failed: usize,
    errors: Vec<Value>,
}

impl Report {
    fn of(outcome: &Outcome) -> Self {
        let Outcome { created, updated, unchanged, failed, .. } = *outcome;
        let errors = wrong(outcome).iter().take(MOST_ERRORS).map(Wrong::value).collect();
        Self { created, updated, unchanged, failed, errors }
    }

    /// Adds the result of the next part; all parts together report as many bad lines as one could.
    fn absorb(&mut self, next: Self) {
        self.created += next.created;
        self.updated += next.updated;
        self.unchanged += next.unchanged;
        self.failed += next.failed;
        let mut lines: HashSet<String> = self.errors.iter().map(|error| error["line"].to_string()).collect();
        for error in next.errors {
            let line = error["line"].to_string();
            let listed = lines.contains(&line) || lines.len() < MOST_REPORTED;
            if listed && self.errors.len() < MOST_ERRORS {
                lines.insert(line);
                self.errors.push(error);
            }
        }
    }

    fn value(&self, mode: &str) -> Value {
        let Self { created, updated, unchanged, failed, errors } = self;
        json!({
            "mode": mode,
            "created": created,
            "updated": updated,
            "unchanged": unchanged,
            "failed": failed,
            "errors": errors,
        })
    }
}

/// Imports lines in parts. Once one of them is on record, no problem says that nothing was applied.
async fn partial(call: Call) -> Result<Response, Problem> {
    let mut parts = 0;
    let imported = in_parts(call, &mut parts).await;
    imported.map_err(|problem| if parts > 0 { problem.after_a_change() } else { problem })
}

/// Each part but the last is a write of its own; the last one carries the answer. The results are stored
/// under the idempotency key, so that a repeated request resumes after the last completed part. `parts` counts
/// those on record.
async fn in_parts(call: Call, parts: &mut usize) -> Result<Response, Problem> {
    let terms = Terms::of(&call)?;
    if let Some(kept) = super::write::kept(&call, &terms).await? {
        return Ok(kept);
    }
    let numbered = imports::numbered(&call.body);
    let lines: Vec<(usize, Bytes)> = numbered.map(|(at, line)| (at, call.body.slice_ref(line))).collect();
    // A dry run keeps nothing that later parts could refer to, so it has one part only.
    let before = lines.len().saturating_sub(1) / LINES_A_REVISION * LINES_A_REVISION;
    let (before, last) = lines.split_at(if terms.dry_run { 0 } else { before });
    let mut done = Report::default();
    for (part, lines) in (1..).zip(before.chunks(LINES_A_REVISION)) {
        let (lines, terms) = (read(lines).await?, terms.clone());
        let report = call.app.register.write(move |write| Box::pin(one_part(write, terms, part, lines)));
        done.absorb(report.await?);
        *parts = part;
    }
    let lines = read(last).await?;
    write_on(&call, terms, Needs::default(), move |write, given| {
        Box::pin(async move {
            done.absorb(Report::of(&imports::take(write, &given.actor, lines).await?));
            Ok(Ok(Answer::body(StatusCode::OK, done.value("partial"))))
        })
    })
    .await
}

/// Parses lines.
async fn read(lines: &[(usize, Bytes)]) -> Result<ReadLines, Problem> {
    let lines = lines.to_vec();
    run_blocking(move || imports::read_some(lines.iter().map(|(at, line)| (*at, line.as_ref())))).await
}

/// Runs CPU-bound work on the blocking pool.
async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|cause| {
        tracing::error!(%cause, "lines could not be read");
        Problem::new(Code::Internal, "the lines could not be read")
    })
}

async fn one_part(
    write: &mut Write,
    terms: Terms,
    part: usize,
    lines: ReadLines,
) -> Result<Report, StoreError> {
    let kept = terms.kept_part(write, part).await?;
    if let Some(report) = kept.and_then(|kept| serde_json::from_slice(&kept).ok()) {
        return Ok(report);
    }
    let report = Report::of(&imports::take(write, &terms.actor, lines).await?);
    write.record(&terms.maker).await?;
    terms.keep_part(write, part, json!(report).to_string().into_bytes());
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_told_with_its_number_and_pointer() {
        let nameless = br#"{"kind": "company", "id": "a", "jurisdiction": "CN"}"#;
        let (_, outcome) = imports::read_some([(7, nameless.as_slice())].into_iter());
        let report = Report::of(&outcome).value("partial");
        assert_eq!(
            report["errors"][0],
            json!({"line": 7, "pointer": "/name", "code": "missing", "detail": "must be given"})
        );
    }
}
