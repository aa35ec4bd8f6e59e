//! Who may use whom, read from the sources: a layer uses those below it, and each library stays in its layer.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

/// The layers from the bottom up, and what each may use of the crate beside itself.
///
/// `http` names nothing of `store`, but uses what `app` hands on of it: it opens reads and writes, asks for lists,
/// versions and changes, and shows what it is given. Things are put on record by use cases alone.
const LAYERS: [(&str, &[&str]); 8] = [
    ("domain", &[]),
    ("clock", &["domain"]),
    ("wire", &["domain"]),
    ("store", &["clock", "domain", "wire"]),
    ("app", &["clock", "domain", "store", "wire"]),
    ("http", &["app", "domain", "wire"]),
    ("config", &["app", "domain"]),
    ("cli", &["app", "clock", "config", "domain", "http", "store", "wire"]),
];
/// Libraries that one layer has to itself.
const KEPT: [(&str, &str); 4] =
    [("sqlx", "store"), ("axum", "http"), ("utoipa_swagger_ui", "http"), ("clap", "cli")];
/// Layers that may use a library all the same: the table of options is written for the command line.
const ALSO: [(&str, &str); 1] = [("clap", "config")];
/// The page with the map of the code, on which a layer uses those above it.
const README: &str = include_str!("../README.md");
/// Names that say nothing of what is in a file.
const NAMELESS: [&str; 4] = ["utils", "common", "helpers", "models"];

/// What is wrong with a source file, by its path below `src`.
fn faults(path: &str, text: &str) -> Vec<String> {
    let layer = path.split(['/', '.']).next().unwrap();
    let mut faults = Vec::new();
    let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
    if NAMELESS.contains(&stem) || path.split('/').any(|part| NAMELESS.contains(&part)) {
        faults.push(format!("{path}: `{stem}` says nothing of what is in it"));
    }
    // The root and the program itself only name the layers.
    if ["lib", "main"].contains(&layer) {
        return faults;
    }
    let Some((_, may)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        faults.push(format!("{path}: `{layer}` is no layer"));
        return faults;
    };
    let is_root = path == format!("{layer}.rs") || path == format!("{layer}/mod.rs");
    for (number, line) in code(text) {
        if line.contains("super::super::") || (is_root && uses(line, "super::").any(|used| is_layer(&used))) {
            faults.push(format!("{path}:{number}: what is elsewhere is named from `crate`"));
        }
        let other = uses(line, "crate::").filter(|used| used != layer && !may.contains(&used.as_str()));
        faults.extend(other.map(|used| format!("{path}:{number}: `{layer}` uses `{used}`")));
        for (library, owner) in KEPT {
            let allowed = layer == owner || ALSO.contains(&(library, layer));
            if !allowed && names(line, library) {
                faults.push(format!("{path}:{number}: `{library}` belongs to `{owner}`"));
            }
        }
    }
    faults
}

fn is_layer(name: &str) -> bool {
    LAYERS.iter().any(|(layer, _)| *layer == name)
}

/// The lines that are code, numbered from 1.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The modules of the crate that a line uses, also in a group of them.
fn uses<'t>(line: &'t str, root: &'t str) -> impl Iterator<Item = String> + 't {
    line.split(root).skip(1).flat_map(|rest| {
        let group = rest.strip_prefix('{').map(|rest| rest.split('}').next().unwrap_or_default());
        let modules: Vec<String> = match group {
            Some(group) => group.split(',').map(|part| first(part.trim())).collect(),
            None => vec![first(rest)],
        };
        // What begins with a capital is a type that the root would export.
        modules.into_iter().filter(|name| name.chars().next().is_some_and(char::is_lowercase))
    })
}

/// The word that a text begins with.
fn first(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// Whether a line names a library in a path.
fn names(line: &str, library: &str) -> bool {
    let path = format!("{library}::");
    line.match_indices(&path).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
    })
}

/// Every source file below a folder, by its path there.
fn sources(folder: &Path, below: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            found.extend(sources(&path, &format!("{name}/")));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

#[test]
fn no_layer_uses_one_above_it() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "");
    assert!(sources.len() > 80, "only {} files", sources.len());
    let faults: Vec<String> = sources.iter().flat_map(|(path, text)| faults(path, text)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_layer_stands_on_those_below_it() {
    for (place, (layer, may)) in LAYERS.iter().enumerate() {
        let below = &LAYERS[..place];
        assert!(may.iter().all(|used| below.iter().any(|(name, _)| name == used)), "{layer}");
    }
    let places = LAYERS.map(|(layer, _)| {
        let places = [format!("\n| `src/{layer}/`"), format!("\n| `src/{layer}.rs`")];
        places.iter().find_map(|place| README.find(place)).unwrap_or_else(|| panic!("no {layer} in README"))
    });
    assert!(places.is_sorted(), "README has them in another order: {places:?}");
}

#[test]
fn a_fault_is_found_in_every_form() {
    for (path, text, fault) in [
        ("domain/chip.rs", "use crate::store::Read;", "domain/chip.rs:1: `domain` uses `store`"),
        ("domain/chip.rs", "\nfn f() -> crate::http::Options {}", "domain/chip.rs:2: `domain` uses `http`"),
        ("store/chips.rs", "use crate::{app, domain};", "store/chips.rs:1: `store` uses `app`"),
        ("app/mod.rs", "use sqlx::query;", "app/mod.rs:1: `sqlx` belongs to `store`"),
        ("http/mod.rs", "fn f(x: sqlx::Error) {}", "http/mod.rs:1: `sqlx` belongs to `store`"),
        ("cli/serve.rs", "let router = axum::Router::new();", "cli/serve.rs:1: `axum` belongs to `http`"),
        (
            "store/chips.rs",
            "use super::super::domain::chip::Chip;",
            "store/chips.rs:1: what is elsewhere is named from `crate`",
        ),
        ("clock.rs", "use super::app;", "clock.rs:1: what is elsewhere is named from `crate`"),
        (
            "store/mod.rs",
            "fn f(x: super::app::Error) {}",
            "store/mod.rs:1: what is elsewhere is named from `crate`",
        ),
        ("app/utils.rs", "", "app/utils.rs: `utils` says nothing of what is in it"),
        ("colour/mod.rs", "", "colour/mod.rs: `colour` is no layer"),
    ] {
        assert_eq!(faults(path, text), [fault]);
    }
}

#[test]
fn what_is_allowed_is_no_fault() {
    for (path, text) in [
        ("store/chips.rs", "use crate::domain::chip::Chip;\nuse sqlx::query;\nuse crate::{domain, wire};"),
        ("app/chips.rs", "// crate::http is above, and sqlx::query is elsewhere\nuse crate::store::Read;"),
        ("http/mod.rs", "use axum::Router;\nuse crate::app::Register;"),
        ("cli/mod.rs", "use not_axum::Router;\nuse crate::http::router;"),
        ("config/limits.rs", "use super::Setting;\nuse super::app;"),
        ("config.rs", "mod tests {\n    use super::*;"),
    ] {
        assert_eq!(faults(path, text), [""; 0], "{path}");
    }
}
