//! What the tables of all kinds have in common: an identity, versions and a document.

use serde::de::IgnoredAny;
use serde_json::Value;

use super::error::Error;
use super::row_buffer::Versioned;
use super::statement::{Cell, Statement};
use crate::domain::fault::{FaultCode, Faults};
use crate::domain::thing::{Kind, Thing};
use crate::wire::{self, Document};

/// The tables of one kind of thing.
#[derive(Debug)]
pub struct Table {
    /// The table of versions, and the name of the kind in messages.
    pub(super) name: &'static str,
    /// The table of ids ever used.
    pub(super) identity: &'static str,
    /// The columns of a version besides id, ordinal, revisions and document.
    pub(super) columns: &'static [&'static str],
}

/// A thing with a table of its own.
pub trait Stored: Thing + Document {
    /// Its tables.
    const TABLE: Table;

    /// The values of [`Table::columns`], for filtering, sorting and joining. All are in the document, too;
    /// `verify` compares them.
    #[doc(hidden)]
    fn cells(&self) -> Cells;

    /// The side table rows of the thing, besides its references.
    #[doc(hidden)]
    fn parts(&self) -> Vec<SideRow> {
        Vec::new()
    }
}

/// A row of a side table.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq)]
pub struct SideRow {
    pub(super) of: SideTable,
    pub(super) cells: Vec<Cell>,
}

/// The side tables, whose rows are derived from things.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SideTable {
    /// References between things.
    Reference,
    /// Names, aliases and identifiers, for searching.
    Label,
    /// The stages of workflows, for filtering.
    WorkflowStage,
}

impl SideTable {
    pub(super) const ALL: &'static [Self] = &[Self::Reference, Self::Label, Self::WorkflowStage];

    /// The table as a versioned one.
    pub(super) fn versioned(self) -> Versioned {
        let (name, columns): (_, [&[&str]; 2]) = match self {
            Self::Reference => ("reference", [&["from_kind", "from_id", "to_kind", "to_id"], &[]]),
            Self::Label => ("label", [&["kind", "id", "text"], &["folded"]]),
            Self::WorkflowStage => ("workflow_stage", [&["workflow", "stage"], &["phase"]]),
        };
        Versioned { name, columns, replaces: false }
    }

    /// The key columns.
    pub(super) fn key(self) -> &'static [&'static str] {
        self.versioned().columns[0]
    }

    /// The column with the kind of the thing that a row is derived from, if there are several kinds.
    pub(super) fn kind_column(self) -> Option<&'static str> {
        match self {
            Self::Reference => Some("from_kind"),
            Self::Label => Some("kind"),
            Self::WorkflowStage => None,
        }
    }

    /// The column with the id of that thing.
    pub(super) fn id_column(self) -> &'static str {
        match self {
            Self::Reference => "from_id",
            Self::Label => "id",
            Self::WorkflowStage => "workflow",
        }
    }
}

/// The values of a version's columns.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq)]
pub struct Cells(pub(super) Vec<Cell>);

/// The tables of a kind.
pub(super) fn table(kind: Kind) -> &'static Table {
    use crate::domain::{
        approval::Case, authority::Authority, chip::Chip, company::Company, condition::Condition,
        movement::Movement, report::Report, source::Source, transition::Transition, workflow::Workflow,
    };
    match kind {
        Kind::Workflow => &Workflow::TABLE,
        Kind::Authority => &Authority::TABLE,
        Kind::Company => &Company::TABLE,
        Kind::Chip => &Chip::TABLE,
        Kind::Source => &Source::TABLE,
        Kind::Approval => &Case::TABLE,
        Kind::Transition => &Transition::TABLE,
        Kind::Report => &Report::TABLE,
        Kind::Condition => &Condition::TABLE,
        Kind::Movement => &Movement::TABLE,
    }
}

/// A version of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<T> {
    /// The revision that opened it: its version number.
    pub since: i64,
    /// The thing.
    pub value: T,
}

/// Whether an id is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence<T> {
    /// It never was on record.
    Absent,
    /// It was on record once.
    Retired,
    /// It is on record.
    Present(T),
}

impl<T> Presence<T> {
    /// The value, if present.
    pub fn present(self) -> Option<T> {
        match self {
            Self::Present(thing) => Some(thing),
            Self::Absent | Self::Retired => None,
        }
    }

    /// The presence by reference.
    pub(super) fn as_ref(&self) -> Presence<&T> {
        match self {
            Self::Absent => Presence::Absent,
            Self::Retired => Presence::Retired,
            Self::Present(thing) => Presence::Present(thing),
        }
    }

    /// Maps the value.
    pub fn map<U>(self, map: impl FnOnce(T) -> U) -> Presence<U> {
        match self {
            Self::Absent => Presence::Absent,
            Self::Retired => Presence::Retired,
            Self::Present(thing) => Presence::Present(map(thing)),
        }
    }

    /// Maps the value by a fallible function.
    pub(super) fn try_map<U>(self, map: impl FnOnce(T) -> Result<U, Error>) -> Result<Presence<U>, Error> {
        Ok(match self {
            Self::Absent => Presence::Absent,
            Self::Retired => Presence::Retired,
            Self::Present(thing) => Presence::Present(map(thing)?),
        })
    }
}

/// A document as stored, with its version.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Filed {
    /// The id of the thing.
    pub id: String,
    /// The revision that opened this version.
    pub since: i64,
    /// Its JSON text.
    pub document: String,
}

impl Filed {
    /// Checks that the document is a JSON object, without reading its fields.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if it is not.
    pub fn check<T: Stored>(&self) -> Result<(), Error> {
        let Self { id, since, document } = self;
        check_document(document)
            .map_err(|why| Error::damaged(format_args!("{} `{id}` at revision {since}", T::TABLE.name), why))
    }

    /// Parses the document.
    pub(super) fn version<T: Stored>(&self) -> Result<Version<T>, Error> {
        let Self { id, since, document } = self;
        let damaged = |faults: Faults| {
            Error::damaged(format_args!("{} `{id}` at revision {since}", T::TABLE.name), faults)
        };
        Ok(Version { since: *since, value: thing(document).map_err(damaged)? })
    }
}

/// Checks that a stored document is a JSON object.
pub(super) fn check_document(document: &str) -> Result<(), String> {
    match serde_json::from_str::<IgnoredAny>(document) {
        Ok(_) if document.starts_with('{') => Ok(()),
        Ok(_) => Err("it is no object".to_owned()),
        Err(cause) => Err(cause.to_string()),
    }
}

/// Parses a stored document.
pub(super) fn thing<T: Document>(document: &str) -> Result<T, Faults> {
    let damaged = |detail: String| {
        let mut faults = Faults::default();
        faults.add("", FaultCode::Malformed, detail);
        faults
    };
    match serde_json::from_str::<Value>(document) {
        Ok(Value::Object(object)) => wire::read(&object),
        Ok(_) => Err(damaged("is no object".to_owned())),
        Err(cause) => Err(damaged(cause.to_string())),
    }
}

/// Adds the condition that a version is valid at a revision.
pub(super) fn holds(statement: Statement, alias: &'static str, at: At) -> Statement {
    if at.newest {
        return statement.push(alias).push(".until IS NULL");
    }
    let since = statement.push(alias).push(".since <= ").bind(at.revision);
    since
        .push(" AND (")
        .push(alias)
        .push(".until IS NULL OR ")
        .push(alias)
        .push(".until > ")
        .bind(at.revision)
        .push(")")
}

/// The revision a read is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Its number.
    pub revision: i64,
    /// Whether it is the newest, whose versions have no `until`.
    pub newest: bool,
}

impl At {
    /// The newest revision, whichever that is.
    pub const NEWEST: Self = Self { revision: i64::MAX, newest: true };
}
