//! Conditions attached to approvals or scopes, each kind with its own parameters.

mod words;

pub use words::{
    ConditionKind, ConditionStatus, Counting, ExclusionOf, Force, Metric, PaymentForm, Period, RequirementOf,
    ShareBasis, Unknown,
};

use super::approval::ends_before_it_begins;
use super::citation::Citation;
use super::fault::{FaultCode, Faults};
use super::id::{ApprovalId, AuthorityId, ChipId, CompanyId, ConditionId};
use super::jurisdiction::Jurisdiction;
use super::number::{Figure, Fraction, Units};
use super::text::{Name, Note};
use super::time::{Date, Moment};
use super::workflow::Activity;

/// The questions a condition governs: those that match every part named. At least one part is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Questions in which this authority is asked.
    pub authority: Option<AuthorityId>,
    /// Questions in which this approval counts.
    pub approval: Option<ApprovalId>,
    /// Questions of this company.
    pub company: Option<CompanyId>,
    /// Questions about this chip.
    pub chip: Option<ChipId>,
}

/// A class of uses or users. Without a definition it is unknown who falls under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// What the class is called.
    pub name: Name,
    /// Its definition.
    pub definition: Option<Note>,
}

/// The terms of a condition, by kind. An unset parameter is `None`, which is never met and never zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terms {
    /// A share of domestic chips in all a company buys.
    DomesticShare {
        /// The minimum share.
        minimum: Option<Fraction>,
        /// The unit of the share.
        basis: Option<ShareBasis>,
        /// Which movements count: orders or deliveries.
        counting: Option<Counting>,
        /// The period after which the count starts again.
        period: Option<Period>,
    },
    /// A greatest number of units.
    UnitCap {
        /// The maximum.
        maximum: Option<Units>,
        /// Which movements count.
        counting: Option<Counting>,
        /// The chips that share the cap; if empty, the chip asked about.
        chips: Vec<ChipId>,
        /// The period after which the count starts again.
        period: Option<Period>,
    },
    /// A greatest number of units as a share of a reference.
    RelativeCap {
        /// The maximum share.
        maximum_share: Option<Fraction>,
        /// The reference, as tools last counted it.
        reference_units: Option<Units>,
    },
    /// A limit on one of the chip's figures.
    SpecificationLimit {
        /// The figure.
        metric: Metric,
        /// The exclusive upper bound.
        below: Option<Figure>,
    },
    /// Uses or users that are ruled out.
    Exclusion {
        /// Uses or users.
        of: ExclusionOf,
        /// The classes ruled out.
        classes: Vec<Class>,
    },
    /// Where the chip may be used.
    LocationOfUse {
        /// The permitted jurisdictions; if empty, all that are not barred.
        allowed: Vec<Jurisdiction>,
        /// The barred jurisdictions.
        barred: Vec<Jurisdiction>,
    },
    /// Something that must have been done.
    Requirement {
        /// The requirement.
        what: RequirementOf,
    },
    /// Activities that are ruled out altogether.
    Prohibition {
        /// The activities.
        activities: Vec<Activity>,
    },
    /// Money due.
    Payment {
        /// The rate.
        rate: Option<Fraction>,
        /// The base of the rate.
        base: Option<Note>,
        /// Its legal form.
        form: PaymentForm,
    },
    /// Anything else.
    Other {
        /// The text.
        text: Note,
    },
}

impl Terms {
    /// The kind of these terms.
    #[must_use]
    pub fn kind(&self) -> ConditionKind {
        match self {
            Self::DomesticShare { .. } => ConditionKind::DomesticShare,
            Self::UnitCap { .. } => ConditionKind::UnitCap,
            Self::RelativeCap { .. } => ConditionKind::RelativeCap,
            Self::SpecificationLimit { .. } => ConditionKind::SpecificationLimit,
            Self::Exclusion { .. } => ConditionKind::Exclusion,
            Self::LocationOfUse { .. } => ConditionKind::LocationOfUse,
            Self::Requirement { .. } => ConditionKind::Requirement,
            Self::Prohibition { .. } => ConditionKind::Prohibition,
            Self::Payment { .. } => ConditionKind::Payment,
            Self::Other { .. } => ConditionKind::Other,
        }
    }

    /// The chips that the terms name.
    #[must_use]
    pub fn chips(&self) -> &[ChipId] {
        match self {
            Self::UnitCap { chips, .. } => chips,
            _ => &[],
        }
    }

    /// The period after which their count starts again, if any.
    #[must_use]
    pub fn period(&self) -> Option<Period> {
        match self {
            Self::DomesticShare { period, .. } | Self::UnitCap { period, .. } => *period,
            _ => None,
        }
    }

    /// The JSON pointers of the unset parameters.
    #[must_use]
    pub fn unset(&self) -> Vec<String> {
        let mut unset = Vec::new();
        let mut look = |pointer: &str, known: bool| {
            if !known {
                unset.push(pointer.to_owned());
            }
        };
        match self {
            Self::DomesticShare { minimum, basis, counting, .. } => {
                look("/minimum", minimum.is_some());
                look("/basis", basis.is_some());
                look("/counting", counting.is_some());
            }
            Self::UnitCap { maximum, counting, .. } => {
                look("/maximum", maximum.is_some());
                look("/counting", counting.is_some());
            }
            Self::RelativeCap { maximum_share, reference_units } => {
                look("/maximum_share", maximum_share.is_some());
                look("/reference_units", reference_units.is_some());
            }
            Self::SpecificationLimit { below, .. } => look("/below", below.is_some()),
            Self::Exclusion { classes, .. } => {
                for (index, class) in classes.iter().enumerate() {
                    look(&format!("/classes/{index}/definition"), class.definition.is_some());
                }
            }
            Self::Payment { rate, base, .. } => {
                look("/rate", rate.is_some());
                look("/base", base.is_some());
            }
            Self::LocationOfUse { .. }
            | Self::Requirement { .. }
            | Self::Prohibition { .. }
            | Self::Other { .. } => {}
        }
        unset
    }
}

/// A condition on an approval, or on everything in a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its id.
    pub id: ConditionId,
    /// The questions it governs.
    pub scope: Scope,
    /// Its terms.
    pub terms: Terms,
    /// Why parameters are unset; present if and only if one is.
    pub unknown: Option<Unknown>,
    /// How strongly it binds.
    pub force: Force,
    /// Whether it counts.
    pub status: ConditionStatus,
    /// The start of its force.
    pub in_force_from: Option<Moment>,
    /// The end of its force, exclusive.
    pub in_force_until: Option<Moment>,
    /// The day it was met, if it asks for something to be done.
    pub met_on: Option<Date>,
    /// The evidence.
    pub citations: Vec<Citation>,
    /// Anything else worth knowing.
    pub note: Option<Note>,
}

impl Condition {
    /// The contradictions within the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.scope == Scope::default() {
            faults.add(
                "/scope",
                FaultCode::Missing,
                "must name an authority, an approval, a company or a chip",
            );
        }
        self.check_unknown(&mut faults);
        self.check_terms(&mut faults);
        if ends_before_it_begins(self.in_force_from, self.in_force_until) {
            faults.add("/in_force_until", FaultCode::Inconsistent, "must lie after in_force_from");
        }
        let can_be_met = matches!(self.terms, Terms::Requirement { .. } | Terms::Other { .. });
        if self.met_on.is_some() && !can_be_met {
            faults.add(
                "/met_on",
                FaultCode::Inconsistent,
                "only a requirement or `other` is met on a day; other kinds are computed",
            );
        }
        faults
    }

    /// Whether the condition counts at a moment.
    #[must_use]
    pub fn is_in_force(&self, at: Moment) -> bool {
        self.status == ConditionStatus::InForce
            && self.in_force_from.is_none_or(|from| from <= at)
            && self.in_force_until.is_none_or(|until| at < until)
    }

    fn check_unknown(&self, faults: &mut Faults) {
        let unset = self.terms.unset();
        if self.unknown.is_none() && !unset.is_empty() {
            faults.add(
                "/unknown",
                FaultCode::Missing,
                format!("must say why {} has no value", unset.join(", ")),
            );
        }
        if self.unknown.is_some() && unset.is_empty() {
            faults.add(
                "/unknown",
                FaultCode::Inconsistent,
                "must be left out, since every parameter has a value",
            );
        }
    }

    fn check_terms(&self, faults: &mut Faults) {
        match &self.terms {
            Terms::DomesticShare { counting: Some(Counting::Shipped), .. } => {
                faults.add(
                    "/counting",
                    FaultCode::NotInList,
                    "a domestic share counts what is `ordered` or `delivered`",
                );
            }
            Terms::LocationOfUse { allowed, barred } if allowed.is_empty() && barred.is_empty() => {
                faults.add(
                    "/allowed",
                    FaultCode::Missing,
                    "must list territories that are allowed or barred",
                );
            }
            Terms::LocationOfUse { allowed, barred } => {
                for (index, territory) in
                    barred.iter().enumerate().filter(|(_, barred)| allowed.contains(barred))
                {
                    faults.add(
                        format!("/barred/{index}"),
                        FaultCode::Inconsistent,
                        format!("{territory} is allowed as well"),
                    );
                }
            }
            Terms::UnitCap { chips, .. } => {
                let scoped = self.scope.chip.as_ref();
                if scoped.is_some_and(|chip| !chips.is_empty() && !chips.contains(chip)) {
                    faults.add("/chips", FaultCode::Inconsistent, "must contain the chip the scope names");
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::citation::Attribution;
    use crate::domain::vocabulary::Vocabulary;

    fn condition(terms: Terms) -> Condition {
        Condition {
            id: ConditionId::try_from("c").unwrap(),
            scope: Scope { authority: AuthorityId::try_from("cn-ndrc").ok(), ..Scope::default() },
            unknown: (!terms.unset().is_empty()).then_some(Unknown::NotReported),
            terms,
            force: Force::Required,
            status: ConditionStatus::InForce,
            in_force_from: None,
            in_force_until: None,
            met_on: None,
            citations: vec![Citation::new(None, Attribution::OwnRecord).unwrap()],
            note: None,
        }
    }

    fn told(condition: &Condition) -> Vec<String> {
        let faults = condition.faults().0;
        let told = faults.iter().map(|placed| format!("{} {}", placed.pointer, placed.fault.code));
        told.collect()
    }

    fn chips(ids: &[&str]) -> Vec<ChipId> {
        ids.iter().map(|id| ChipId::try_from(*id).unwrap()).collect()
    }

    fn territories(codes: &[&str]) -> Vec<Jurisdiction> {
        codes.iter().map(|code| Jurisdiction::try_from(*code).unwrap()).collect()
    }

    fn words() -> Note {
        Note::try_from("words").unwrap()
    }

    fn half() -> Option<Fraction> {
        Fraction::try_from("0.5").ok()
    }

    /// The terms of each kind, with all parameters set.
    fn settled() -> [Terms; 10] {
        [
            Terms::DomesticShare {
                minimum: half(),
                basis: Some(ShareBasis::Units),
                counting: Some(Counting::Ordered),
                period: None,
            },
            Terms::UnitCap {
                maximum: Units::try_from(1).ok(),
                counting: Some(Counting::Shipped),
                chips: Vec::new(),
                period: None,
            },
            Terms::RelativeCap { maximum_share: half(), reference_units: Units::try_from(1).ok() },
            Terms::SpecificationLimit { metric: Metric::Tpp, below: Figure::from_number(21000.0).ok() },
            Terms::Exclusion { of: ExclusionOf::EndUse, classes: vec![class(Some(words()))] },
            Terms::LocationOfUse { allowed: territories(&["SG"]), barred: Vec::new() },
            Terms::Requirement { what: RequirementOf::ThirdPartyTest },
            Terms::Prohibition { activities: vec![Activity::Ship] },
            Terms::Payment { rate: half(), base: Some(words()), form: PaymentForm::Fee },
            Terms::Other { text: words() },
        ]
    }

    fn class(definition: Option<Note>) -> Class {
        Class { name: Name::try_from("sensitive").unwrap(), definition }
    }

    /// The terms of each kind with optional parameters, with all of those unset.
    fn open() -> [(Terms, &'static [&'static str]); 6] {
        [
            (
                Terms::DomesticShare { minimum: None, basis: None, counting: None, period: None },
                &["/minimum", "/basis", "/counting"],
            ),
            (
                Terms::UnitCap { maximum: None, counting: None, chips: Vec::new(), period: None },
                &["/maximum", "/counting"],
            ),
            (
                Terms::RelativeCap { maximum_share: None, reference_units: None },
                &["/maximum_share", "/reference_units"],
            ),
            (Terms::SpecificationLimit { metric: Metric::Tpp, below: None }, &["/below"]),
            (
                Terms::Exclusion {
                    of: ExclusionOf::EndUser,
                    classes: vec![class(None), class(Some(words())), class(None)],
                },
                &["/classes/0/definition", "/classes/2/definition"],
            ),
            (Terms::Payment { rate: None, base: None, form: PaymentForm::RevenueShare }, &["/rate", "/base"]),
        ]
    }

    #[test]
    fn every_kind_says_which_of_its_parameters_are_unset() {
        for (terms, kind) in settled().into_iter().zip(ConditionKind::ALL) {
            assert_eq!(terms.kind(), *kind);
            assert_eq!(terms.unset(), [""; 0], "{kind}");
        }
        for (terms, unset) in open() {
            assert_eq!(terms.unset(), unset, "{}", terms.kind());
        }
    }

    #[test]
    fn a_reason_is_given_just_when_a_parameter_is_unset() {
        let all = settled().into_iter().chain(open().map(|(terms, _)| terms));
        for condition in all.map(condition) {
            let kind = condition.terms.kind();
            assert_eq!(told(&condition), [""; 0], "{kind}");
            let (unknown, fault) = match condition.unknown {
                Some(_) => (None, "/unknown missing"),
                None => (Some(Unknown::UndefinedTerm), "/unknown inconsistent"),
            };
            assert_eq!(told(&Condition { unknown, ..condition }), [fault], "{kind}");
        }
    }

    #[test]
    fn a_condition_governs_something() {
        for (scope, faults) in [
            (Scope::default(), vec!["/scope missing"]),
            (Scope { chip: ChipId::try_from("h200").ok(), ..Scope::default() }, vec![]),
        ] {
            let [.., other] = settled();
            let condition = Condition { scope, ..condition(other) };
            assert_eq!(told(&condition), faults, "{:?}", condition.scope);
        }
    }

    #[test]
    fn only_a_requirement_or_other_words_are_met_on_a_day() {
        for terms in settled() {
            let kind = terms.kind();
            let condition = Condition { met_on: Date::try_from("2026-01-23").ok(), ..condition(terms) };
            let fits = matches!(kind, ConditionKind::Requirement | ConditionKind::Other);
            assert_eq!(told(&condition).is_empty(), fits, "{kind}");
        }
    }

    #[test]
    fn a_condition_ends_after_it_begins() {
        let [first, second] =
            ["2026-01-23", "2026-01-24"].map(|date| Moment::start_of(Date::try_from(date).unwrap()));
        for (from, until, faults) in [
            (first, second, vec![]),
            (first, first, vec!["/in_force_until inconsistent"]),
            (second, first, vec!["/in_force_until inconsistent"]),
        ] {
            let [.., other] = settled();
            let condition =
                Condition { in_force_from: Some(from), in_force_until: Some(until), ..condition(other) };
            assert_eq!(told(&condition), faults, "{from} {until}");
        }
    }

    #[test]
    fn a_domestic_share_counts_orders_or_deliveries() {
        for counting in Counting::ALL.iter().copied() {
            let share = condition(Terms::DomesticShare {
                minimum: half(),
                basis: Some(ShareBasis::Performance),
                counting: Some(counting),
                period: Some(Period::Year),
            });
            let shipped = counting == Counting::Shipped;
            assert_eq!(told(&share) == ["/counting not_in_list"], shipped, "{counting}");
            assert_eq!(told(&share).is_empty(), !shipped, "{counting}");
        }
    }

    #[test]
    fn a_location_is_listed_and_not_both_allowed_and_barred() {
        for (allowed, barred, faults) in [
            (vec!["SG"], vec![], vec![]),
            (vec![], vec!["CN"], vec![]),
            (vec!["SG"], vec!["CN"], vec![]),
            (vec![], vec![], vec!["/allowed missing"]),
            (
                vec!["CN", "SG", "HK"],
                vec!["MO", "HK", "CN"],
                vec!["/barred/1 inconsistent", "/barred/2 inconsistent"],
            ),
        ] {
            let location = condition(Terms::LocationOfUse {
                allowed: territories(&allowed),
                barred: territories(&barred),
            });
            assert_eq!(told(&location), faults, "{allowed:?} {barred:?}");
        }
    }

    #[test]
    fn a_shared_cap_is_shared_by_the_chip_it_is_scoped_to() {
        for (scoped, shared, faults) in [
            ("", vec!["h200"], vec![]),
            ("h200", vec![], vec![]),
            ("h200", vec!["h20", "h200"], vec![]),
            ("h200", vec!["h20"], vec!["/chips inconsistent"]),
        ] {
            let mut cap = condition(Terms::UnitCap {
                maximum: Units::try_from(1).ok(),
                counting: Some(Counting::Ordered),
                chips: chips(&shared),
                period: None,
            });
            cap.scope.chip = ChipId::try_from(scoped).ok();
            assert_eq!(told(&cap), faults, "{scoped} {shared:?}");
            assert_eq!(cap.terms.chips(), chips(&shared));
        }
    }
}
