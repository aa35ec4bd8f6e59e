//! Evaluates conditions of the kinds that set no limit.

use std::fmt;

use crate::domain::chip::Specification;
use crate::domain::condition::{Class, Condition, ExclusionOf, Metric, Terms};
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::number::{Figure, Fraction};
use crate::domain::spelling::{bare, mixes_alphabets};
use crate::domain::text::{Name, Note};
use crate::domain::vocabulary::Vocabulary as _;
use crate::domain::workflow::Activity;

use super::answer::{Outcome, ReasonCode};
use super::context::Context;
use super::limits;

/// The outcome of a condition, its explanation and its remedy.
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    /// The reason code, if it is not simply that the condition is unmet or unknown.
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

/// Evaluates the terms of a condition in force.
pub(super) fn found(context: &Context<'_>, condition: &Condition) -> Finding {
    match &condition.terms {
        Terms::SpecificationLimit { metric, below } => specification(context, *metric, *below),
        Terms::Exclusion { of, classes } => {
            let declared = match of {
                ExclusionOf::EndUse => &context.question.end_use,
                ExclusionOf::EndUser => &context.question.end_user,
            };
            exclusion(context, *of, declared.as_ref(), classes)
        }
        Terms::LocationOfUse { allowed, barred } => location(context, allowed, barred),
        Terms::Requirement { what } => done(context, condition, what.as_str(), Outcome::Unmet),
        Terms::Other { text } => done(context, condition, text.as_str(), Outcome::Unknown),
        Terms::Prohibition { activities } => prohibition(context, activities),
        Terms::Payment { rate, base, form } => {
            payment(context, *rate, base.as_ref(), form.as_str()).because(ReasonCode::PaymentDue)
        }
        Terms::DomesticShare { .. } | Terms::UnitCap { .. } | Terms::RelativeCap { .. } => {
            limits::found(context, condition)
        }
    }
}

fn specification(context: &Context<'_>, metric: Metric, below: Option<Figure>) -> Finding {
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    let Some(below) = below else {
        return Finding::new(
            Outcome::Unknown,
            words(format_args!("Nobody has set what {metric} must be below.")),
            "Record the limit once it is set.",
        );
    };
    let limit = below.number();
    match is_below(&context.dossier.chip.specification, metric, below) {
        Some(true) => Finding::met(words(format_args!("The chip's {metric} is below {limit}."))),
        Some(false) => Finding::new(
            Outcome::Unmet,
            words(format_args!("The chip's {metric} is not below {limit}.")),
            words(format_args!("Ask for a chip whose {metric} is below {limit}.")),
        ),
        None => Finding::new(
            Outcome::Unknown,
            words(format_args!("The chip's {metric} is not known, and it must be below {limit}.")),
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
            // Without an area there is no density.
            (area > 0).then_some(())?;
            Some(i128::from(tpp) * 1000 < i128::from(below.thousandths()) * i128::from(area))
        }
    }
}

fn exclusion(context: &Context<'_>, of: ExclusionOf, declared: Option<&Name>, classes: &[Class]) -> Finding {
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    let Some(declared) = declared else {
        let of = Plain(of.as_str());
        return Finding::new(
            Outcome::Unknown,
            words(format_args!("No {of} is declared.")),
            words(format_args!("Declare the {of}.")),
        );
    };
    let of_what = Plain(of.as_str());
    if let Some(class) = classes.iter().find(|class| falls_under(declared, &class.name)) {
        return Finding::new(
            Outcome::Unmet,
            words(format_args!(
                "The {of_what} `{declared}` falls under `{}`, which is ruled out.",
                class.name
            )),
            words(format_args!("Name another {of_what}, if there is one.")),
        );
    }
    // Letters of another alphabet may imitate an excluded name.
    if !classes.is_empty() && words_of(declared).iter().any(|word| mixes_alphabets(word)) {
        return Finding::new(
            Outcome::Unknown,
            words(format_args!("The {of_what} `{declared}` has letters of several alphabets in one word.")),
            words(format_args!("Declare the {of_what} in the letters of one alphabet.")),
        );
    }
    match classes.iter().find(|class| class.definition.is_none()) {
        Some(class) => Finding::new(
            Outcome::Unknown,
            words(format_args!(
                "Nobody has defined `{}`, which may take in the {of_what} `{declared}`.",
                class.name
            )),
            words(format_args!("Record the definition of `{}` once there is one.", class.name)),
        ),
        None => Finding::met(words(format_args!(
            "The {of_what} `{declared}` falls under no class that is ruled out."
        ))),
    }
}

/// Whether a declaration falls under a class: all words of either occur in the other, ignoring case, accents,
/// number and punctuation. A false match can only refuse.
fn falls_under(declared: &Name, class: &Name) -> bool {
    let (declared, class) = (words_of(declared), words_of(class));
    // Scripts without case are often written without spaces, so a word may occur within another.
    let is_in = |word: &String, other: &String| word == other || (is_caseless(word) && other.contains(word));
    let contains =
        |all: &[String], some: &[String]| some.iter().all(|word| all.iter().any(|other| is_in(word, other)));
    contains(&declared, &class) || contains(&class, &declared)
}

/// The words of a name, lowercase and without accents or English plural endings.
fn words_of(name: &Name) -> Vec<String> {
    let bare = bare(name.as_str());
    bare.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(stem).collect()
}

fn stem(word: &str) -> String {
    let cut = |word: &str, ending| {
        let stem = word.strip_suffix(ending).filter(|stem| stem.len() > 2 && !stem.ends_with(ending));
        stem.unwrap_or(word).to_owned()
    };
    let stem = cut(&cut(word, 's'), 'e');
    stem.strip_suffix('y').map(|stem| format!("{stem}i")).unwrap_or(stem)
}

fn is_caseless(word: &str) -> bool {
    word.chars().any(|c| c.is_alphabetic() && !c.is_lowercase() && !c.is_uppercase())
}

/// Only the declared destination says where a chip will be; the company's seat does not.
fn location(context: &Context<'_>, allowed: &[Jurisdiction], barred: &[Jurisdiction]) -> Finding {
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    let Some(destination) = context.question.destination else {
        return Finding::new(
            Outcome::Unknown,
            "No destination is declared.",
            "Declare where the chips will stand.",
        );
    };
    if !barred.contains(&destination) && (allowed.is_empty() || allowed.contains(&destination)) {
        return Finding::met(words(format_args!("The chips may stand in {destination}.")));
    }
    let remedy = if allowed.is_empty() {
        "Another destination.".to_owned()
    } else {
        let allowed: Vec<&str> = allowed.iter().map(Jurisdiction::as_str).collect();
        words(format_args!("Another destination: {}.", allowed.join(", ")))
    };
    Finding::new(Outcome::Unmet, words(format_args!("The chips may not stand in {destination}.")), remedy)
}

fn done(context: &Context<'_>, condition: &Condition, what: &str, undone: Outcome) -> Finding {
    let what = Plain(what);
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    match condition.met_on.filter(|met_on| *met_on <= context.today()) {
        Some(_) if context.rests_on_stale(&condition.citations) => Finding::new(
            Outcome::Unknown,
            words(format_args!("That this was met rests on sources past their freshness limit: {what}.")),
            "Check one of the sources again.",
        )
        .because(ReasonCode::SourceStale),
        Some(met_on) => Finding::met(words(format_args!("Met on {met_on}: {what}."))),
        None => Finding::new(
            undone,
            words(format_args!("Not on record as met: {what}.")),
            "Record the day it was met, and on whose word.",
        ),
    }
}

/// A word of a vocabulary, or a note, as part of a sentence.
struct Plain<'t>(&'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            return f.write_str(self.0.trim_end_matches('.'));
        }
        let mut words = self.0.split('_');
        f.write_str(words.next().unwrap_or_default())?;
        words.try_for_each(|word| write!(f, " {word}"))
    }
}

fn prohibition(context: &Context<'_>, activities: &[Activity]) -> Finding {
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    let activity = context.question.activity;
    if activities.contains(&activity) {
        return Finding::new(
            Outcome::Unmet,
            words(format_args!("To {activity} is ruled out.")),
            "The prohibition would have to end or be waived.",
        )
        .because(ReasonCode::Prohibited);
    }
    Finding::not_applicable(words(format_args!("It does not rule out to {activity}.")))
}

fn payment(context: &Context<'_>, rate: Option<Fraction>, base: Option<&Note>, form: &str) -> Finding {
    let words = |text: fmt::Arguments<'_>| context.wording.words(text);
    let rate = rate.map_or_else(|| "an unknown part".to_owned(), |rate| words(format_args!("{rate}")));
    let base = Plain(base.map_or("what nobody has named", Note::as_str));
    let detail = words(format_args!("Due as {}: {rate} of {base}.", Plain(form)));
    Finding::new(Outcome::Met, detail, "Set the amount aside.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_falls_under_a_class_by_its_words() {
        let falls_under = |declared: &str, class: &str| {
            falls_under(&Name::try_from(declared).unwrap(), &Name::try_from(class).unwrap())
        };
        for (declared, class) in [
            ("military", "military_end_use"),
            ("Military end-users of the state", "military end user"),
            ("state-funded data centres", "state-funded data centre"),
            ("restricted parties", "restricted party"),
            ("offshore affiliate", "offshore_affiliates"),
            ("classes of boxes", "class of box"),
            ("军事用途", "军事"),
            ("军事", "军事用途"),
            ("大学 研究", "大学研究"),
            ("ｍｉｌｉｔａｒｙ", "military"),
            ("mil\u{200b}itary unit", "Military"),
            ("mílitary", "military"),
            ("military", "mílitary"),
        ] {
            assert!(falls_under(declared, class), "{declared} {class}");
        }
        for (declared, class) in [
            ("research", "military"),
            ("farms", "arms"),
            ("end use", "US"),
            ("民用", "军事"),
            ("paramilitary", "military"),
        ] {
            assert!(!falls_under(declared, class), "{declared} {class}");
        }
    }
}
