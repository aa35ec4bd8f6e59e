//! Classification: the paragraph of 3A090 that a chip falls under, and how licences for it are reviewed.
//!
//! Computed from a chip's figures under the rule of a day, never stored. Tests are three-valued: an unknown
//! figure gives an unknown result unless the known figures decide.

use super::chip::Specification;
use super::number::Figure;
use super::time::Date;
use super::vocabulary::{Vocabulary as _, vocabulary};

vocabulary! {
    /// The paragraph of ECCN 3A090 that a chip falls under by its figures.
    Control {
        /// Paragraph a: the more powerful chips.
        A = "3A090.a",
        /// Paragraph b: the next below them.
        B = "3A090.b",
        /// Neither.
        None = "none",
        /// The known figures do not decide, or no rule of the time is on file.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// How licences towards China and Macau are reviewed.
    Review {
        /// Refused unless something speaks for it.
        PresumptionOfDenial = "presumption_of_denial",
        /// Looked at one by one.
        CaseByCase = "case_by_case",
        /// The chip is not controlled.
        NotApplicable = "not_applicable",
        /// The known figures do not decide.
        Unknown = "unknown",
    }
}

vocabulary! {
    /// The test that decided the control.
    Test {
        /// Total processing performance of at least 4,800.
        Performance = "tpp_4800",
        /// Performance of at least 1,600 with a density of at least 5.92.
        DensePerformance = "tpp_1600_density_5_92",
        /// Performance from 2,400 to 4,800 with a density from 1.6 to 5.92.
        MiddlePerformance = "tpp_2400_density_1_6",
        /// Performance of at least 1,600 with a density from 3.2 to 5.92.
        MiddleDensity = "tpp_1600_density_3_2",
        /// Note 2: neither designed nor marketed for data centres, and performance below 4,800.
        NoteTwo = "note_2",
        /// No test of either paragraph is met.
        NoTestMet = "no_test_met",
        /// The known figures do not decide.
        MissingFigures = "missing_figures",
        /// No rule of the time is on file.
        NoRule = "no_rule",
    }
}

vocabulary! {
    /// The versions of the rule.
    Vintage {
        /// November 2023: performance and density.
        November2023 = "2023-11",
        /// December 2024: high-bandwidth memory by itself, the rest as before.
        December2024 = "2024-12",
        /// January 2026: case-by-case review towards China and Macau below two limits.
        January2026 = "2026-01",
    }
}

impl Vintage {
    /// The rule in force on a day; `None` before the first one on file.
    #[must_use]
    pub fn on(day: Date) -> Option<Self> {
        [Self::January2026, Self::December2024, Self::November2023]
            .into_iter()
            .find(|vintage| vintage.effective_on() <= day)
    }

    /// The day on which the next rule on file takes effect after a day; `None` if none does.
    #[must_use]
    pub fn next_after(day: Date) -> Option<Date> {
        Self::ALL.iter().map(|vintage| vintage.effective_on()).filter(|begins| *begins > day).min()
    }

    /// The day the rule took effect.
    #[must_use]
    pub fn effective_on(self) -> Date {
        match self {
            Self::November2023 => const { Date::literal(2023, 11, 17) },
            Self::December2024 => const { Date::literal(2024, 12, 2) },
            Self::January2026 => const { Date::literal(2026, 1, 15) },
        }
    }

    /// Where the rule was published.
    #[must_use]
    pub fn citation(self) -> &'static str {
        match self {
            Self::November2023 => "88 FR 73458",
            Self::December2024 => "89 FR 96790",
            Self::January2026 => "91 FR 1684",
        }
    }

    /// Where the rule can be read.
    #[must_use]
    pub fn url(self) -> &'static str {
        match self {
            Self::November2023 => "https://www.govinfo.gov/content/pkg/FR-2023-10-25/html/2023-23055.htm",
            Self::December2024 => "https://www.govinfo.gov/content/pkg/FR-2024-12-05/html/2024-28270.htm",
            Self::January2026 => "https://www.govinfo.gov/content/pkg/FR-2026-01-15/html/2026-00789.htm",
        }
    }
}

/// A chip's classification under the rule of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification {
    /// The paragraph it falls under.
    pub control: Control,
    /// How a licence towards China and Macau is reviewed.
    pub review: Review,
    /// The test that decided the control.
    pub decided_by: Test,
    /// The rule; `None` before the first one on file.
    pub rule: Option<Vintage>,
    /// The figures it was computed from.
    pub inputs: Specification,
}

/// Classifies a chip with these figures on a day.
#[must_use]
pub fn classify(specification: &Specification, day: Date) -> Classification {
    let rule = Vintage::on(day);
    let (control, decided_by) = match rule {
        None => (Control::Unknown, Test::NoRule),
        Some(_) => control(specification),
    };
    let review = match (control, rule) {
        (Control::Unknown, _) | (_, None) => Review::Unknown,
        (Control::None, _) => Review::NotApplicable,
        (Control::A | Control::B, Some(Vintage::January2026)) => review(specification),
        (Control::A | Control::B, Some(_)) => Review::PresumptionOfDenial,
    };
    Classification { control, review, decided_by, rule, inputs: specification.clone() }
}

/// A test's result; `None` if unknown. A conjunction is false as soon as one part is.
type Truth = Option<bool>;

fn all(parts: &[Truth]) -> Truth {
    if parts.contains(&Some(false)) {
        return Some(false);
    }
    if parts.contains(&None) { None } else { Some(true) }
}

fn not(truth: Truth) -> Truth {
    truth.map(|truth| !truth)
}

fn control(specification: &Specification) -> (Control, Test) {
    let performs = |least: i64| specification.tpp.map(|tpp| tpp.thousandths() >= least * 1000);
    let is_dense = |hundredths: i64| density_reaches(specification, hundredths);
    let outside_data_centres = not(specification.data_centre);
    let tests = [
        (Test::NoteTwo, Control::None, all(&[outside_data_centres, not(performs(4800))])),
        (Test::Performance, Control::A, performs(4800)),
        (Test::DensePerformance, Control::A, all(&[performs(1600), is_dense(592)])),
        (
            Test::MiddlePerformance,
            Control::B,
            all(&[performs(2400), not(performs(4800)), is_dense(160), not(is_dense(592))]),
        ),
        (Test::MiddleDensity, Control::B, all(&[performs(1600), is_dense(320), not(is_dense(592))])),
    ];
    // The first test that is met decides. An unknown test before it leaves the result open.
    for (test, control, truth) in tests {
        match truth {
            Some(true) => return (control, test),
            Some(false) => {}
            None => return undecided(&tests, test),
        }
    }
    (Control::None, Test::NoTestMet)
}

/// The result if a test is unknown: a chip that meets no other test is free, whether or not Note 2 applies.
fn undecided(tests: &[(Test, Control, Truth)], open: Test) -> (Control, Test) {
    let others_fail = tests.iter().all(|(test, _, truth)| *test == Test::NoteTwo || *truth == Some(false));
    if open == Test::NoteTwo && others_fail {
        return (Control::None, Test::NoTestMet);
    }
    (Control::Unknown, Test::MissingFigures)
}

/// Whether performance over applicable die area reaches a number of hundredths, by cross-multiplication.
fn density_reaches(specification: &Specification, hundredths: i64) -> Truth {
    let (tpp, area) = (specification.tpp?, specification.die_area_mm2?);
    (area.thousandths() > 0).then(|| {
        i128::from(tpp.thousandths()) * 100 >= i128::from(hundredths) * i128::from(area.thousandths())
    })
}

/// The review under the rule of January 2026: case by case if below both limits and commercially available in
/// the US by then.
fn review(specification: &Specification) -> Review {
    let below = |figure: Option<Figure>, limit: i64| figure.map(|figure| figure.thousandths() < limit * 1000);
    let on_sale =
        specification.commercially_available_us_on.map(|day| day <= Vintage::January2026.effective_on());
    let parts =
        [below(specification.tpp, 21_000), below(specification.memory_bandwidth_gb_s, 6_500), on_sale];
    match all(&parts) {
        Some(true) => Review::CaseByCase,
        Some(false) => Review::PresumptionOfDenial,
        None => Review::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::try_from(text).unwrap()
    }

    /// A specification; negative figures are unknown.
    fn figures(tpp: f64, area: f64, bandwidth: f64, data_centre: Option<bool>) -> Specification {
        Specification {
            tpp: Figure::from_number(tpp).ok(),
            die_area_mm2: Figure::from_number(area).ok(),
            memory_bandwidth_gb_s: Figure::from_number(bandwidth).ok(),
            data_centre,
            ..Specification::default()
        }
    }

    fn control_of(specification: &Specification) -> (Control, Test) {
        let Classification { control, decided_by, .. } = classify(specification, day("2026-10-09"));
        (control, decided_by)
    }

    #[test]
    fn chips_fall_where_they_were_published_to_fall() {
        let (yes, no) = (Some(true), Some(false));
        for (chip, tpp, area, data_centre, control, test) in [
            ("A100 SXM", 4992.0, 826.0, yes, Control::A, Test::Performance),
            ("H100 SXM5", 15_832.0, 814.0, yes, Control::A, Test::Performance),
            ("H20", 2368.0, 814.0, yes, Control::None, Test::NoTestMet),
            ("H200 NVL", 13_364.0, 814.0, yes, Control::A, Test::Performance),
            ("GB200", 40_000.0, -1.0, None, Control::A, Test::Performance),
            ("RTX 4090", 5284.8, 608.0, no, Control::A, Test::Performance),
            ("RTX 5090D V2", 4750.0, -1.0, no, Control::None, Test::NoteTwo),
            ("L40", 2896.6, 608.0, yes, Control::B, Test::MiddlePerformance),
            (
                "L40, not known to be for data centres",
                2896.6,
                608.0,
                None,
                Control::Unknown,
                Test::MissingFigures,
            ),
            ("L20", 1912.0, 609.0, yes, Control::None, Test::NoTestMet),
            ("MI250X", 6128.0, 1580.0, yes, Control::A, Test::Performance),
            ("MLU370-X8", 2048.0, -1.0, yes, Control::Unknown, Test::MissingFigures),
            ("DCU Shensuan-1", 392.0, -1.0, None, Control::None, Test::NoTestMet),
            ("MTT S4000", 1600.0, -1.0, yes, Control::Unknown, Test::MissingFigures),
            ("MTT S5000", -1.0, -1.0, None, Control::Unknown, Test::MissingFigures),
            ("MXC500 PCIe", 3840.0, -1.0, yes, Control::Unknown, Test::MissingFigures),
        ] {
            assert_eq!(control_of(&figures(tpp, area, -1.0, data_centre)), (control, test), "{chip}");
        }
    }

    #[test]
    fn every_threshold_is_exact() {
        // With 100 mm², performance equals density in hundredths.
        for (tpp, area, control, test) in [
            (4800.0, -1.0, Control::A, Test::Performance),
            (4799.999, -1.0, Control::Unknown, Test::MissingFigures),
            (1600.0, 270.27, Control::A, Test::DensePerformance),
            (1600.0, 270.271, Control::B, Test::MiddleDensity),
            (1600.0, 500.0, Control::B, Test::MiddleDensity),
            (1600.0, 500.001, Control::None, Test::NoTestMet),
            (1599.999, 1.0, Control::None, Test::NoTestMet),
            (2400.0, 1500.0, Control::B, Test::MiddlePerformance),
            (2400.0, 1500.001, Control::None, Test::NoTestMet),
            (2399.999, 1000.0, Control::None, Test::NoTestMet),
            (2400.0, 0.0, Control::Unknown, Test::MissingFigures),
        ] {
            let specification = figures(tpp, area, -1.0, Some(true));
            assert_eq!(control_of(&specification), (control, test), "{tpp} over {area}");
        }
    }

    #[test]
    fn the_rule_is_that_of_the_day() {
        let h100 = figures(15_832.0, 814.0, 3350.0, Some(true));
        for (on, rule, review) in [
            ("2023-11-16", None, Review::Unknown),
            ("2023-11-17", Some(Vintage::November2023), Review::PresumptionOfDenial),
            ("2024-12-01", Some(Vintage::November2023), Review::PresumptionOfDenial),
            ("2024-12-02", Some(Vintage::December2024), Review::PresumptionOfDenial),
            ("2026-01-14", Some(Vintage::December2024), Review::PresumptionOfDenial),
            ("2026-01-15", Some(Vintage::January2026), Review::Unknown),
        ] {
            let found = classify(&h100, day(on));
            assert_eq!((found.rule, found.review), (rule, review), "{on}");
            assert_eq!(found.control, if rule.is_some() { Control::A } else { Control::Unknown }, "{on}");
        }
    }

    #[test]
    fn the_next_rule_is_the_first_to_begin_after_the_day() {
        for (on, next) in [
            ("2020-01-01", Some("2023-11-17")),
            ("2023-11-16", Some("2023-11-17")),
            ("2023-11-17", Some("2024-12-02")),
            ("2026-01-14", Some("2026-01-15")),
            ("2026-01-15", None),
        ] {
            assert_eq!(Vintage::next_after(day(on)), next.map(day), "{on}");
        }
    }

    #[test]
    fn review_is_case_by_case_below_both_limits_for_what_was_on_sale() {
        use Review::{CaseByCase, NotApplicable, PresumptionOfDenial, Unknown};
        for (tpp, bandwidth, on_sale, review) in [
            (15_832.0, 4800.0, Some("2024-11-18"), CaseByCase),
            (15_832.0, 4800.0, Some("2026-01-15"), CaseByCase),
            (15_832.0, 4800.0, Some("2026-01-16"), PresumptionOfDenial),
            (15_832.0, 4800.0, None, Unknown),
            (15_832.0, -1.0, Some("2024-11-18"), Unknown),
            (15_832.0, 6500.0, None, PresumptionOfDenial),
            (20_999.999, 6499.999, Some("2024-11-18"), CaseByCase),
            (21_000.0, -1.0, None, PresumptionOfDenial),
            (1000.0, 8000.0, None, NotApplicable),
            (-1.0, 4800.0, Some("2024-11-18"), Unknown),
        ] {
            let mut specification = figures(tpp, 814.0, bandwidth, Some(true));
            specification.commercially_available_us_on = on_sale.map(day);
            let found = classify(&specification, day("2026-10-09")).review;
            assert_eq!(found, review, "{tpp} {bandwidth} {on_sale:?}");
        }
    }
}
