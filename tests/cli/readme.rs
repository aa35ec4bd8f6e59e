//! README as a promise: its tour is taken, its tables are those of the code, its map shows what is there.
//!
//! In an answer that README shows, `…` stands for whatever differs from run to run or is not worth the
//! room: within a line or a string for any text, as a value for any value, as the last item of a list for
//! further items, and as a member's name for further members.

use std::path::Path;
use std::process::Command;

use greenlight::domain::judgement::ReasonCode;
use greenlight::domain::vocabulary::Vocabulary as _;
use serde_json::{Value, json};

use crate::program::Service;
use crate::support::{Database, on_each_engine};

on_each_engine!(the_tour_gets_the_answers_it_shows,);

const README: &str = include_str!("../../README.md");
const ANSWERS: &str = include_str!("../../docs/answers.md");
/// Where README says that the service is.
const ADDRESS: &str = "127.0.0.1:8080";
/// The key that README writes in place of the reader's own.
const KEY: &str = "gl_key-…";

/// A fenced block: its language and its text.
type Block = (&'static str, &'static str);

/// The fenced blocks of a section, in order.
fn blocks(section: &str) -> Vec<Block> {
    let heading = format!("\n## {section}\n");
    let (_, text) = README.split_once(&heading).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let fenced = text.split("\n```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').unwrap()).collect()
}

async fn the_tour_gets_the_answers_it_shows(database: Database) {
    let service = Service::start(&database, &["--sample"]);
    let key = service.says(|line| line.trim().starts_with("gl_"));
    let mut known = String::new();
    let mut answers = 0;
    let mut blocks = blocks("A five-minute tour").into_iter().peekable();
    while let Some((language, commands)) = blocks.next() {
        assert_eq!(language, "sh", "an answer without a question: {commands}");
        let commands = commands.replace(ADDRESS, &service.host).replace(KEY, key.trim()) + "\n";
        let Some((language, shown)) = blocks.next_if(|(language, _)| *language != "sh") else {
            // What gets no answer sets up what comes after it.
            known.push_str(&commands);
            continue;
        };
        let said = shell(&format!("{known}{commands}"));
        match language {
            "json" => {
                let read =
                    |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| panic!("{text}"));
                assert!(fits(&read(shown), &read(&said)), "{commands}shown: {shown}\nanswered: {said}");
            }
            _ => assert!(text_fits(shown, said.trim_end()), "{commands}shown: {shown}\nanswered: {said}"),
        }
        answers += 1;
    }
    assert!(answers >= 8, "only {answers} answers are shown");
}

fn shell(script: &str) -> String {
    let output = Command::new("sh").args(["-euc", script]).output().unwrap();
    assert!(output.status.success(), "{script}{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether an answer is as it is shown.
fn fits(shown: &Value, answer: &Value) -> bool {
    match (shown, answer) {
        (Value::String(shown), _) if shown == "…" => true,
        (Value::String(shown), Value::String(answer)) => line_fits(shown, answer),
        (Value::Array(shown), Value::Array(answer)) => {
            let (shown, further) = match shown.split_last() {
                Some((last, before)) if last == "…" => (before, true),
                _ => (shown.as_slice(), false),
            };
            (if further { shown.len() < answer.len() } else { shown.len() == answer.len() })
                && shown.iter().zip(answer).all(|(shown, answer)| fits(shown, answer))
        }
        (Value::Object(shown), Value::Object(answer)) => {
            let named = shown.iter().filter(|(name, _)| *name != "…");
            let open = shown.contains_key("…");
            (open || shown.len() == answer.len())
                && named
                    .into_iter()
                    .all(|(name, shown)| answer.get(name).is_some_and(|answer| fits(shown, answer)))
        }
        _ => shown == answer,
    }
}

/// Whether a text is line by line as it is shown.
fn text_fits(shown: &str, answer: &str) -> bool {
    shown.lines().count() == answer.lines().count()
        && shown.lines().zip(answer.lines()).all(|(shown, answer)| line_fits(shown, answer))
}

fn line_fits(shown: &str, answer: &str) -> bool {
    let mut parts = shown.split('…');
    let Some(mut rest) = parts.next().and_then(|start| answer.strip_prefix(start)) else { return false };
    let Some(end) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(end)
}

#[test]
fn an_answer_that_is_another_one_does_not_fit() {
    for (shown, answer) in [
        (json!({"a": 1}), json!({"a": 2})),
        (json!({"a": 1}), json!({"a": 1, "b": 2})),
        (json!({"a": 1, "…": "…"}), json!({"b": 1})),
        (json!([1, "…"]), json!([2, 3])),
        (json!([1, "…"]), json!([1])),
        (json!([1]), json!([1, 2])),
        (json!("trn-…"), json!("apr-1")),
        (json!("a…b…c"), json!("a-c-b")),
        (json!(null), json!(0)),
    ] {
        assert!(!fits(&shown, &answer), "{shown} against {answer}");
    }
    assert!(!text_fits("201", "201\n409"));
    assert!(!line_fits("201", "2012"));
}

#[test]
fn what_is_elided_fits() {
    for (shown, answer) in [
        (json!({"a": "…", "…": "…"}), json!({"b": [], "a": {"c": 1}})),
        (json!([1, "…"]), json!([1, 2, 3])),
        (json!("trn-…"), json!("trn-01")),
        (json!("a…b…c"), json!("a-b-b-c")),
    ] {
        assert!(fits(&shown, &answer), "{shown} against {answer}");
    }
    assert!(text_fits("etag: \"…-2\"\nx", "etag: \"9d8cb94f5601-2\"\nx"));
}

#[test]
fn the_tables_are_those_of_the_code() {
    for (section, table) in
        [("Configuration", greenlight::config::table()), ("Problems", greenlight::http::problem_table())]
    {
        let (_, text) = README.split_once(&format!("\n## {section}\n")).unwrap();
        let shown: String = text
            .split("\n## ")
            .next()
            .unwrap()
            .lines()
            .filter(|line| line.starts_with('|'))
            .flat_map(|line| [line, "\n"])
            .collect();
        assert_eq!(shown, table, "the table under {section} in README is not what the code makes");
    }
}

#[test]
fn every_reason_is_explained_once_and_no_other() {
    let (_, text) = ANSWERS.split_once("\n## Reasons\n").unwrap();
    let rows = text.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let codes: Vec<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    let known: Vec<&str> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes, known, "the reasons in docs/answers.md are not those of the code");
}

#[test]
fn every_place_on_the_map_is_there() {
    let (_, text) = README.split_once("\n## The map of the code\n").unwrap();
    let rows = text.split("\n## ").next().unwrap().lines().filter(|line| line.starts_with("| `"));
    let places: Vec<&str> = rows.map(|row| row.split('`').nth(1).unwrap()).collect();
    assert!(places.len() > 8, "{places:?}");
    for place in places {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(place).exists(), "{place}");
    }
}
