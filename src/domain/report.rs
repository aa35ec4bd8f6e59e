//! Reports: what somebody says, kept beside what the register accepts.

use super::approval::{Case, Comparator};
use super::citation::Citation;
use super::fault::{FaultCode, Faults};
use super::id::{AuthorityId, ChipId, CompanyId, ReportId, StageId};
use super::number::Units;
use super::text::Note;
use super::time::{Date, Dated};
use super::vocabulary::vocabulary;

vocabulary! {
    /// How a report puts what it says.
    Modality {
        /// It is so.
        States = "states",
        /// It is intended.
        Plans = "plans",
        /// It is thought likely.
        Expects = "expects",
        /// It is not so.
        Denies = "denies",
        /// Asked, and would not say.
        Declines = "declines",
        /// Nothing was said.
        Silent = "silent",
    }
}

vocabulary! {
    /// Whether a report still needs somebody's judgement.
    ReportStatus {
        /// It does.
        Open = "open",
        /// It was dealt with: accepted as a transition, or set aside.
        Settled = "settled",
    }
}

vocabulary! {
    /// How a reported number spreads over those it is about.
    Distribution {
        /// Each of them.
        Each = "each",
        /// All of them together.
        Total = "total",
    }
}

/// What a report is about: at least one of the three. It never spreads to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The company, if one is named.
    pub company: Option<CompanyId>,
    /// The chip, if one is named.
    pub chip: Option<ChipId>,
    /// The authority, if one is named.
    pub authority: Option<AuthorityId>,
}

/// A number of units that a report speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedQuantity {
    /// How the number stands to the truth.
    pub comparator: Comparator,
    /// The number.
    pub units: Units,
    /// Whether each has so many, or all together.
    pub of: Distribution,
}

/// What somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// What it is about.
    pub about: About,
    /// The date it speaks of.
    pub on: Dated,
    /// How it puts it.
    pub modality: Modality,
    /// The stage it names.
    pub stage: Option<StageId>,
    /// The number it names.
    pub quantity: Option<ReportedQuantity>,
    /// What it says, in a sentence.
    pub text: Note,
    /// Whether it still needs somebody's judgement.
    pub status: ReportStatus,
    /// On whose word.
    pub citations: Vec<Citation>,
}

impl Report {
    /// What contradicts itself in the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.about == About::default() {
            faults.add(
                "/about",
                FaultCode::Missing,
                "must name a company, a chip or an authority",
            );
        }
        if self.stage.is_some() && self.about.authority.is_none() {
            faults.add(
                "/stage",
                FaultCode::Inconsistent,
                "a stage belongs to an authority; name it in /about/authority",
            );
        }
        faults
    }

    /// Whether the report contradicts where a case stands on a day: open, about the case's company, chip
    /// and authority, all three, naming another stage, dated on or after the stage took effect.
    #[must_use]
    pub fn disputes(&self, case: &Case, today: Date) -> bool {
        let approval = &case.approval;
        let about_this_case = self.about.company.as_ref() == Some(&approval.company)
            && self.about.chip.as_ref() == Some(&approval.chip)
            && self.about.authority.as_ref() == Some(&approval.authority);
        let names_another = self
            .stage
            .as_ref()
            .is_some_and(|stage| *stage != case.standing.stage);
        let in_time = case.standing.since.is_none_or(|since| since <= self.on.date) && self.on.date <= today;
        self.status == ReportStatus::Open && about_this_case && names_another && in_time
    }
}
