//! Things of any kind, for rules that treat all kinds alike.

use std::fmt;

use super::approval::{Approval, Case};
use super::authority::Authority;
use super::chip::Chip;
use super::citation::Citation;
use super::company::Company;
use super::condition::Condition;
use super::id::{ApprovalId, AuthorityId, ChipId, CompanyId, ThingId};
use super::movement::Movement;
use super::report::Report;
use super::source::Source;
use super::transition::Transition;
use super::vocabulary::vocabulary;
use super::workflow::Workflow;

vocabulary! {
    /// The kinds of things on record, in the order in which they can refer to each other.
    Kind {
        /// A workflow.
        Workflow = "workflow",
        /// An authority.
        Authority = "authority",
        /// A company.
        Company = "company",
        /// A chip.
        Chip = "chip",
        /// A source.
        Source = "source",
        /// An approval.
        Approval = "approval",
        /// A transition of an approval.
        Transition = "transition",
        /// A report.
        Report = "report",
        /// A condition.
        Condition = "condition",
        /// A movement of chips.
        Movement = "movement",
    }
}

/// A thing by its kind and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThingRef {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: String,
}

impl ThingRef {
    /// References the thing of this kind with this id.
    pub fn new(kind: Kind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

impl fmt::Display for ThingRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.id)
    }
}

/// A reference from a thing to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The JSON pointer of the field.
    pub pointer: String,
    /// The thing it refers to.
    pub to: ThingRef,
}

impl Reference {
    fn new(pointer: impl Into<String>, kind: Kind, id: &str) -> Self {
        Self { pointer: pointer.into(), to: ThingRef::new(kind, id) }
    }
}

/// A thing on record: it has an id and references.
pub trait Thing: Clone + PartialEq + Send + Sync + 'static {
    /// Its kind.
    const KIND: Kind;

    /// Its id.
    fn id(&self) -> &str;

    /// Its references, all of which must be on record.
    fn references(&self) -> Vec<Reference>;

    /// The thing as a reference.
    fn thing_ref(&self) -> ThingRef {
        ThingRef::new(Self::KIND, self.id())
    }
}

fn cited(references: &mut Vec<Reference>, pointer: &str, citations: &[Citation]) {
    for (index, citation) in citations.iter().enumerate() {
        if let Some(source) = citation.source() {
            references.push(Reference::new(
                format!("{pointer}/{index}/source"),
                Kind::Source,
                source.as_str(),
            ));
        }
    }
}

fn named<'a>(references: &mut Vec<Reference>, pointer: &str, kind: Kind, id: impl Into<Option<&'a str>>) {
    if let Some(id) = id.into() {
        references.push(Reference::new(pointer, kind, id));
    }
}

impl Thing for Workflow {
    const KIND: Kind = Kind::Workflow;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }
}

impl Thing for Authority {
    const KIND: Kind = Kind::Authority;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        vec![Reference::new("/workflow", Kind::Workflow, self.workflow.as_str())]
    }
}

impl Thing for Company {
    const KIND: Kind = Kind::Company;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        self.parent.iter().map(|parent| Reference::new("/parent", Kind::Company, parent.as_str())).collect()
    }
}

impl Thing for Chip {
    const KIND: Kind = Kind::Chip;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        vec![Reference::new("/designer", Kind::Company, self.designer.as_str())]
    }
}

impl Thing for Source {
    const KIND: Kind = Kind::Source;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        self.republishes
            .iter()
            .map(|original| Reference::new("/republishes", Kind::Source, original.as_str()))
            .collect()
    }
}

impl Thing for Approval {
    const KIND: Kind = Kind::Approval;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        let mut references = vec![
            Reference::new("/company", Kind::Company, self.company.as_str()),
            Reference::new("/chip", Kind::Chip, self.chip.as_str()),
            Reference::new("/authority", Kind::Authority, self.authority.as_str()),
        ];
        named(&mut references, "/exporter", Kind::Company, self.exporter.as_ref().map(CompanyId::as_str));
        named(
            &mut references,
            "/supersedes",
            Kind::Approval,
            self.supersedes.as_ref().map(ApprovalId::as_str),
        );
        for (index, quantity) in self.quantities.iter().enumerate() {
            cited(&mut references, &format!("/quantities/{index}/citations"), &quantity.citations);
        }
        references
    }
}

impl Thing for Case {
    const KIND: Kind = Kind::Approval;

    fn id(&self) -> &str {
        self.approval.id()
    }

    fn references(&self) -> Vec<Reference> {
        self.approval.references()
    }
}

impl Thing for Transition {
    const KIND: Kind = Kind::Transition;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        let mut references = vec![Reference::new("/approval", Kind::Approval, self.approval.as_str())];
        cited(&mut references, "/citations", &self.citations);
        references
    }
}

impl Thing for Report {
    const KIND: Kind = Kind::Report;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        let about = &self.about;
        let mut references = Vec::new();
        named(
            &mut references,
            "/about/company",
            Kind::Company,
            about.company.as_ref().map(CompanyId::as_str),
        );
        named(&mut references, "/about/chip", Kind::Chip, about.chip.as_ref().map(ChipId::as_str));
        named(
            &mut references,
            "/about/authority",
            Kind::Authority,
            about.authority.as_ref().map(AuthorityId::as_str),
        );
        cited(&mut references, "/citations", &self.citations);
        references
    }
}

impl Thing for Condition {
    const KIND: Kind = Kind::Condition;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        let scope = &self.scope;
        let mut references = Vec::new();
        named(
            &mut references,
            "/scope/authority",
            Kind::Authority,
            scope.authority.as_ref().map(AuthorityId::as_str),
        );
        named(
            &mut references,
            "/scope/approval",
            Kind::Approval,
            scope.approval.as_ref().map(ApprovalId::as_str),
        );
        named(
            &mut references,
            "/scope/company",
            Kind::Company,
            scope.company.as_ref().map(CompanyId::as_str),
        );
        named(&mut references, "/scope/chip", Kind::Chip, scope.chip.as_ref().map(ChipId::as_str));
        for (index, chip) in self.terms.chips().iter().enumerate() {
            named(&mut references, &format!("/chips/{index}"), Kind::Chip, chip.as_str());
        }
        cited(&mut references, "/citations", &self.citations);
        references
    }
}

impl Thing for Movement {
    const KIND: Kind = Kind::Movement;

    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn references(&self) -> Vec<Reference> {
        let mut references = vec![
            Reference::new("/company", Kind::Company, self.company.as_str()),
            Reference::new("/chip", Kind::Chip, self.chip.as_str()),
        ];
        named(&mut references, "/approval", Kind::Approval, self.approval.as_ref().map(ApprovalId::as_str));
        cited(&mut references, "/citations", &self.citations);
        references
    }
}

/// Makes a new id: a prefix for the kind and a part that sorts by time.
///
/// # Errors
///
/// Never for the prefixes of [`Kind`]; the id is checked like any other.
pub fn minted(kind: Kind, unique: &str) -> Result<ThingId, super::fault::Fault> {
    let prefix = match kind {
        Kind::Workflow => "wfl",
        Kind::Authority => "aut",
        Kind::Company => "com",
        Kind::Chip => "chp",
        Kind::Source => "src",
        Kind::Approval => "apr",
        Kind::Transition => "trn",
        Kind::Report => "rep",
        Kind::Condition => "cnd",
        Kind::Movement => "mov",
    };
    ThingId::try_from(format!("{prefix}-{unique}").as_str())
}
