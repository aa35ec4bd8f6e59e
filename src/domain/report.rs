//! Reports: statements by sources, stored beside what the register accepts.

use super::approval::{Case, Comparator};
use super::citation::Citation;
use super::fault::{FaultCode, Faults};
use super::id::{AuthorityId, ChipId, CompanyId, ReportId, StageId};
use super::number::Units;
use super::text::Note;
use super::time::{Date, Dated};
use super::vocabulary::vocabulary;

vocabulary! {
    /// The modality of a report.
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
    /// Whether a report still has to be judged.
    ReportStatus {
        /// Somebody has still to judge it.
        Open = "open",
        /// It was dealt with: accepted as a transition, or set aside.
        Settled = "settled",
    }
}

vocabulary! {
    /// Whether a reported number is per subject or in total.
    Distribution {
        /// Each of them.
        Each = "each",
        /// All of them together.
        Total = "total",
    }
}

/// The subject of a report: at least one of the three. It never extends to others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The company, if one is named.
    pub company: Option<CompanyId>,
    /// The chip, if one is named.
    pub chip: Option<ChipId>,
    /// The authority, if one is named.
    pub authority: Option<AuthorityId>,
}

/// A number of units in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedQuantity {
    /// Its comparator.
    pub comparator: Comparator,
    /// The number.
    pub units: Units,
    /// Whether the number is per subject or in total.
    pub of: Distribution,
}

/// A reported statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// Its subject.
    pub about: About,
    /// The date it refers to.
    pub on: Dated,
    /// Its modality.
    pub modality: Modality,
    /// The stage it names.
    pub stage: Option<StageId>,
    /// The quantity it names.
    pub quantity: Option<ReportedQuantity>,
    /// The statement, in a sentence.
    pub text: Note,
    /// Whether it still has to be judged.
    pub status: ReportStatus,
    /// The evidence.
    pub citations: Vec<Citation>,
}

impl Report {
    /// The contradictions within the record.
    #[must_use]
    pub fn faults(&self) -> Faults {
        let mut faults = Faults::default();
        if self.about == About::default() {
            faults.add("/about", FaultCode::Missing, "must name a company, a chip or an authority");
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

    /// Whether the report contradicts the state of a case on a day: it is open, names the case's company,
    /// chip and authority and another stage, and is dated on or after the day the stage took effect.
    #[must_use]
    pub fn disputes(&self, case: &Case, today: Date) -> bool {
        let approval = &case.approval;
        let about_this_case = self.about.company.as_ref() == Some(&approval.company)
            && self.about.chip.as_ref() == Some(&approval.chip)
            && self.about.authority.as_ref() == Some(&approval.authority);
        let names_another = self.stage.as_ref().is_some_and(|stage| *stage != case.standing.stage);
        let in_time = case.standing.since.is_none_or(|since| since <= self.on.date) && self.on.date <= today;
        self.status == ReportStatus::Open && about_this_case && names_another && in_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::approval::{Approval, Standing};
    use crate::domain::citation::Attribution;
    use crate::domain::id::ApprovalId;
    use crate::domain::time::Precision;

    fn date(text: &str) -> Date {
        Date::try_from(text).unwrap()
    }

    fn case() -> Case {
        Case {
            approval: Approval {
                id: ApprovalId::try_from("a").unwrap(),
                company: CompanyId::try_from("alibaba").unwrap(),
                chip: ChipId::try_from("h200").unwrap(),
                authority: AuthorityId::try_from("cn-ndrc").unwrap(),
                exporter: None,
                reference: None,
                quantities: Vec::new(),
                valid_from: None,
                valid_until: None,
                supersedes: None,
                note: None,
            },
            standing: Standing {
                stage: StageId::try_from("in_principle").unwrap(),
                since: Some(date("2026-01-23")),
                disputed: false,
            },
        }
    }

    /// A report's subject; an empty text names nothing.
    fn about(company: &str, chip: &str, authority: &str) -> About {
        About {
            company: CompanyId::try_from(company).ok(),
            chip: ChipId::try_from(chip).ok(),
            authority: AuthorityId::try_from(authority).ok(),
        }
    }

    fn disputing() -> Report {
        Report {
            id: ReportId::try_from("r").unwrap(),
            about: about("alibaba", "h200", "cn-ndrc"),
            on: Dated { date: date("2026-01-30"), precision: Precision::Day },
            modality: Modality::States,
            stage: StageId::try_from("approved").ok(),
            quantity: None,
            text: Note::try_from("approved").unwrap(),
            status: ReportStatus::Open,
            citations: vec![Citation::new(None, Attribution::OwnRecord).unwrap()],
        }
    }

    #[test]
    fn an_open_report_that_names_another_stage_disputes_a_case() {
        let today = date("2026-01-31");
        for (status, stage, disputes) in [
            (ReportStatus::Open, "approved", true),
            (ReportStatus::Open, "no_such_stage", true),
            (ReportStatus::Open, "in_principle", false),
            (ReportStatus::Open, "", false),
            (ReportStatus::Settled, "approved", false),
        ] {
            let report = Report { status, stage: StageId::try_from(stage).ok(), ..disputing() };
            assert_eq!(report.disputes(&case(), today), disputes, "{status} {stage}");
        }
    }

    #[test]
    fn a_report_disputes_only_the_case_it_is_about_in_all_three_parts() {
        for (company, chip, authority, disputes) in [
            ("alibaba", "h200", "cn-ndrc", true),
            ("", "h200", "cn-ndrc", false),
            ("tencent", "h200", "cn-ndrc", false),
            ("alibaba", "", "cn-ndrc", false),
            ("alibaba", "h20", "cn-ndrc", false),
            ("alibaba", "h200", "", false),
            ("alibaba", "h200", "us-bis", false),
        ] {
            let report = Report { about: about(company, chip, authority), ..disputing() };
            assert_eq!(report.disputes(&case(), date("2026-01-31")), disputes, "{:?}", report.about);
        }
    }

    #[test]
    fn a_report_counts_from_the_day_of_the_stage_to_today_both_included() {
        let today = date("2026-01-31");
        for (on, disputes) in
            [("2026-01-22", false), ("2026-01-23", true), ("2026-01-31", true), ("2026-02-01", false)]
        {
            let mut report = disputing();
            report.on.date = date(on);
            assert_eq!(report.disputes(&case(), today), disputes, "{on}");
        }
    }

    #[test]
    fn a_stage_that_a_case_begins_in_can_be_disputed_from_any_day_on() {
        let mut case = case();
        case.standing.since = None;
        let mut report = disputing();
        report.on.date = date("1999-01-01");
        assert!(report.disputes(&case, date("2026-01-31")));
    }

    #[test]
    fn a_report_is_about_something_and_a_stage_belongs_to_an_authority() {
        for (about, stage, pointers) in [
            (about("", "", "cn-ndrc"), "approved", vec![]),
            (about("", "h200", ""), "", vec![]),
            (about("", "", ""), "", vec!["/about"]),
            (about("", "", ""), "approved", vec!["/about", "/stage"]),
            (about("alibaba", "h200", ""), "approved", vec!["/stage"]),
        ] {
            let report = Report { about, stage: StageId::try_from(stage).ok(), ..disputing() };
            let told = report.faults().0;
            let told: Vec<&str> = told.iter().map(|placed| placed.pointer.as_str()).collect();
            assert_eq!(told, pointers, "{:?}", report.about);
        }
    }
}
