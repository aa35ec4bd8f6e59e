//! What the tables of all kinds of things have in common: an identity, versions, a document.

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
    /// The columns of a version beside its id, span and document.
    pub(super) columns: &'static [&'static str],
}

/// A thing that is kept in a table of its own.
pub trait Stored: Thing + Document {
    /// Its tables.
    const TABLE: Table;

    /// The values of [`Table::columns`]: what is filtered, sorted and joined by. All of it stands in
    /// the document, too; `verify` compares them.
    #[doc(hidden)]
    fn cells(&self) -> Cells;

    /// The rows of side tables that follow from the thing, beside those of what it refers to.
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

/// The side tables whose rows follow from things.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SideTable {
    /// What refers to what.
    Reference,
    /// Names, aliases and identifiers, for searching.
    Label,
    /// The stages of workflows, for filtering.
    WorkflowStage,
}

impl SideTable {
    pub(super) const ALL: &'static [Self] = &[Self::Reference, Self::Label, Self::WorkflowStage];

    /// The table as one of rows that hold between two revisions.
    pub(super) fn versioned(self) -> Versioned {
        let (name, columns): (_, [&[&str]; 2]) = match self {
            Self::Reference => ("reference", [&["from_kind", "from_id", "to_kind", "to_id"], &[]]),
            Self::Label => ("label", [&["kind", "id", "text"], &["folded"]]),
            Self::WorkflowStage => ("workflow_stage", [&["workflow", "stage"], &["phase"]]),
        };
        Versioned { name, columns, replaces: false }
    }

    /// The columns of its key.
    pub(super) fn key(self) -> &'static [&'static str] {
        self.versioned().columns[0]
    }

    /// The column that says of which kind the thing is that a row follows from, if they are of several.
    pub(super) fn kind_column(self) -> Option<&'static str> {
        match self {
            Self::Reference => Some("from_kind"),
            Self::Label => Some("kind"),
            Self::WorkflowStage => None,
        }
    }

    /// The column that says which one it is.
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
    /// It never was.
    Absent,
    /// It was once.
    Retired,
    /// It is.
    Present(T),
}

impl<T> Presence<T> {
    /// What is present, if anything is.
    pub fn present(self) -> Option<T> {
        match self {
            Self::Present(thing) => Some(thing),
            Self::Absent | Self::Retired => None,
        }
    }

    /// The same presence, only looked at.
    pub(super) fn as_ref(&self) -> Presence<&T> {
        match self {
            Self::Absent => Presence::Absent,
            Self::Retired => Presence::Retired,
            Self::Present(thing) => Presence::Present(thing),
        }
    }

    /// The same presence of something else.
    pub fn map<U>(self, become_: impl FnOnce(T) -> U) -> Presence<U> {
        match self {
            Self::Absent => Presence::Absent,
            Self::Retired => Presence::Retired,
            Self::Present(thing) => Presence::Present(become_(thing)),
        }
    }

    /// The same presence of what something comes to.
    pub(super) fn try_map<U>(
        self,
        come_to: impl FnOnce(T) -> Result<U, Error>,
    ) -> Result<Presence<U>, Error> {
        Ok(match self {
            Self::Absent => Presence::Absent,
            Self::Retired => Presence::Retired,
            Self::Present(thing) => Presence::Present(come_to(thing)?),
        })
    }
}

/// A document as it is stored, with its version.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Filed {
    /// The thing.
    pub id: String,
    /// The revision that opened this version.
    pub since: i64,
    /// Its JSON text.
    pub document: String,
}

impl Filed {
    /// Whether the document is JSON that can be shown, whatever it says.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if it is not.
    pub fn check<T: Stored>(&self) -> Result<(), Error> {
        let Self { id, since, document } = self;
        check_document(document)
            .map_err(|why| Error::damaged(format_args!("{} `{id}` at revision {since}", T::TABLE.name), why))
    }

    /// The thing the document stands for.
    pub(super) fn version<T: Stored>(&self) -> Result<Version<T>, Error> {
        let Self { id, since, document } = self;
        let damaged = |faults: Faults| {
            Error::damaged(format_args!("{} `{id}` at revision {since}", T::TABLE.name), faults)
        };
        Ok(Version { since: *since, value: thing(document).map_err(damaged)? })
    }
}

/// Whether a stored document is a JSON object, and if not, why.
pub(super) fn check_document(document: &str) -> Result<(), String> {
    match serde_json::from_str::<IgnoredAny>(document) {
        Ok(_) if document.starts_with('{') => Ok(()),
        Ok(_) => Err("it is no object".to_owned()),
        Err(cause) => Err(cause.to_string()),
    }
}

/// The thing that a stored document stands for.
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

/// Adds the condition that a version holds at a revision: the newest one, or an earlier one.
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
    /// Whether it is the newest, whose versions have no end.
    pub newest: bool,
}

impl At {
    /// The newest revision, whichever that is.
    pub const NEWEST: Self = Self { revision: i64::MAX, newest: true };
}
