//! What a condition comes to, for the kinds that count nothing.

use crate::domain::chip::Specification;
use crate::domain::condition::{Class, Condition, ExclusionOf, Metric, Terms};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::number::{Figure, Fraction};
use crate::domain::text::{Name, Note};
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::Activity;

use super::answer::{Outcome, ReasonCode};
use super::limits;
use super::matter::Matter;

/// What a condition comes to, why, and what would change it.
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    /// The reason it gives, where that is not simply that the condition is unmet or unknown.
    pub(super) code: Option<ReasonCode>,
    pub(super) detail: String,
    pub(super) remedy: String,
}

impl Finding {
    pub(super) fn new(outcome: Outcome, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { outcome, code: None, detail: detail.into(), remedy: remedy.into() }
    }

    pub(super) fn because(self, code: ReasonCode) -> Self {
        Self { code: Some(code), ..self }
    }

    fn met(detail: impl Into<String>) -> Self {
        Self::new(Outcome::Met, detail, "")
    }

    pub(super) fn not_applicable(detail: impl Into<String>) -> Self {
        Self::new(Outcome::NotApplicable, detail, "")
    }
}

/// What the terms of a condition in force come to.
pub(super) fn found(matter: &Matter<'_>, condition: &Condition) -> Finding {
    match &condition.terms {
        Terms::SpecificationLimit { metric, below } => {
            specification(&matter.dossier.chip.specification, *metric, *below)
        }
        Terms::Exclusion { of, classes } => {
            let declared = match of {
                ExclusionOf::EndUse => &matter.question.end_use,
                ExclusionOf::EndUser => &matter.question.end_user,
            };
            exclusion(*of, declared.as_ref(), classes)
        }
        Terms::LocationOfUse { allowed, barred } => location(matter.question.destination, allowed, barred),
        Terms::Requirement { what } => done(matter, condition, what.as_str(), Outcome::Unmet),
        Terms::Other { text } => done(matter, condition, text.as_str(), Outcome::Unknown),
        Terms::Prohibition { activities } => prohibition(activities, matter.question.activity),
        Terms::Payment { rate, base, form } => {
            payment(*rate, base.as_ref(), form.as_str()).because(ReasonCode::PaymentDue)
        }
        Terms::DomesticShare { .. } | Terms::UnitCap { .. } | Terms::RelativeCap { .. } => {
            limits::found(matter, condition)
        }
    }
}

fn specification(specification: &Specification, metric: Metric, below: Option<Figure>) -> Finding {
    let Some(below) = below else {
        return Finding::new(
            Outcome::Unknown,
            format!("Nobody has set what {metric} must be below."),
            "Record the limit once it is set.",
        );
    };
    let limit = below.number();
    match is_below(specification, metric, below) {
        Some(true) => Finding::met(format!("The chip's {metric} is below {limit}.")),
        Some(false) => Finding::new(
            Outcome::Unmet,
            format!("The chip's {metric} is not below {limit}."),
            format!("Ask for a chip whose {metric} is below {limit}."),
        ),
        None => Finding::new(
            Outcome::Unknown,
            format!("The chip's {metric} is not known, and it must be below {limit}."),
            "Put the chip's figures on record.",
        ),
    }
}

fn is_below(specification: &Specification, metric: Metric, below: Figure) -> Option<bool> {
    match metric {
        Metric::Tpp => Some(specification.tpp? < below),
        Metric::MemoryBandwidth => Some(specification.memory_bandwidth_gb_s? < below),
        Metric::PerformanceDensity => {
            let (tpp, area) = (specification.tpp?.thousandths(), specification.die_area_mm2?.thousandths());
            // Over no area there is no density to compare.
            (area > 0).then_some(())?;
            Some(i128::from(tpp) * 1000 < i128::from(below.thousandths()) * i128::from(area))
        }
    }
}

fn exclusion(of: ExclusionOf, declared: Option<&Name>, classes: &[Class]) -> Finding {
    let Some(declared) = declared else {
        let of = plain(of.as_str());
        return Finding::new(Outcome::Unknown, format!("No {of} is declared."), format!("Declare the {of}."));
    };
    let of_what = plain(of.as_str());
    if let Some(class) = classes.iter().find(|class| falls_under(declared, &class.name)) {
        return Finding::new(
            Outcome::Unmet,
            format!("The {of_what} `{declared}` falls under `{}`, which is ruled out.", class.name),
            format!("Name another {of_what}, if there is one."),
        );
    }
    match classes.iter().find(|class| class.definition.is_none()) {
        Some(class) => Finding::new(
            Outcome::Unknown,
            format!("Nobody has defined `{}`, which may take in the {of_what} `{declared}`.", class.name),
            format!("Record the definition of `{}` once there is one.", class.name),
        ),
        None => Finding::met(format!("The {of_what} `{declared}` falls under no class that is ruled out.")),
    }
}

/// Whether a declaration falls under a class: all words of either stand in the other, whatever their case and
/// whatever stands between them. Taking in too much only ever refuses.
fn falls_under(declared: &Name, class: &Name) -> bool {
    let words = |name: &Name| -> Vec<String> {
        let lower = name.as_str().to_lowercase();
        lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let (declared, class) = (words(declared), words(class));
    let contains = |all: &[String], some: &[String]| some.iter().all(|word| all.contains(word));
    contains(&declared, &class) || contains(&class, &declared)
}

/// Only a declared destination says where a chip will stand; the company's seat does not.
fn location(destination: Option<Jurisdiction>, allowed: &[Jurisdiction], barred: &[Jurisdiction]) -> Finding {
    let Some(destination) = destination else {
        return Finding::new(
            Outcome::Unknown,
            "No destination is declared.",
            "Declare where the chips will stand.",
        );
    };
    if !barred.contains(&destination) && (allowed.is_empty() || allowed.contains(&destination)) {
        return Finding::met(format!("The chips may stand in {destination}."));
    }
    let remedy = if allowed.is_empty() {
        "Another destination.".to_owned()
    } else {
        let allowed: Vec<&str> = allowed.iter().map(Jurisdiction::as_str).collect();
        format!("Another destination: {}.", allowed.join(", "))
    };
    Finding::new(Outcome::Unmet, format!("The chips may not stand in {destination}."), remedy)
}

fn done(matter: &Matter<'_>, condition: &Condition, what: &str, undone: Outcome) -> Finding {
    match condition.met_on.filter(|met_on| *met_on <= matter.today()) {
        Some(_) if matter.rests_on_stale(&condition.citations) => Finding::new(
            Outcome::Unknown,
            format!("That this was met rests on sources past their freshness limit: {}.", plain(what)),
            "Check one of the sources again.",
        )
        .because(ReasonCode::SourceStale),
        Some(met_on) => Finding::met(format!("Met on {met_on}: {}.", plain(what))),
        None => Finding::new(
            undone,
            format!("Not on record as met: {}.", plain(what)),
            "Record the day it was met, and on whose word.",
        ),
    }
}

/// A word of the vocabulary, or a note, as a part of a sentence.
fn plain(text: &str) -> String {
    let is_word = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_word { text.replace('_', " ") } else { text.trim_end_matches('.').to_owned() }
}

fn prohibition(activities: &[Activity], activity: Activity) -> Finding {
    if activities.contains(&activity) {
        return Finding::new(
            Outcome::Unmet,
            format!("To {activity} is ruled out."),
            "The prohibition would have to end or be waived.",
        )
        .because(ReasonCode::Prohibited);
    }
    Finding::not_applicable(format!("It does not rule out to {activity}."))
}

fn payment(rate: Option<Fraction>, base: Option<&Note>, form: &str) -> Finding {
    let rate = rate.map_or_else(|| "an unknown part".to_owned(), |rate| rate.to_string());
    let base = base.map_or_else(|| "what nobody has named".to_owned(), |base| plain(base.as_str()));
    let detail = format!("Due as {}: {rate} of {base}.", plain(form));
    Finding::new(Outcome::Met, detail, "Set the amount aside.")
}
