//! Every kind of condition, by outcome, force and status.

use crate::domain::condition::{
    Class, Condition, ConditionKind, ConditionStatus, Counting, ExclusionOf, Force, Metric, PaymentForm,
    RequirementOf, ShareBasis, Terms,
};
use crate::domain::holding::Totals;
use crate::domain::judgement::testing::{World, condition, id, moment, told, units};
use crate::domain::judgement::{Effect, Outcome, Reason, ReasonCode, Verdict};
use crate::domain::number::{Figure, Fraction};
use crate::domain::vocabulary::Vocabulary;
use crate::domain::workflow::Activity;

/// A way to make a condition of a kind come to an outcome.
struct Row {
    outcome: Outcome,
    terms: Terms,
    circumstances: fn(&mut World, &mut Condition),
}

fn row(outcome: Outcome, terms: Terms, circumstances: fn(&mut World, &mut Condition)) -> Row {
    Row { outcome, terms, circumstances }
}

fn share(minimum: Option<&str>) -> Terms {
    Terms::DomesticShare {
        minimum: minimum.map(id::<Fraction>),
        basis: Some(ShareBasis::Units),
        counting: Some(Counting::Ordered),
        period: None,
    }
}

fn cap(maximum: Option<i64>) -> Terms {
    Terms::UnitCap {
        maximum: maximum.map(units),
        counting: Some(Counting::Ordered),
        chips: Vec::new(),
        period: None,
    }
}

fn relative(reference: Option<i64>) -> Terms {
    Terms::RelativeCap { maximum_share: Some(id("0.5")), reference_units: reference.map(units) }
}

fn below(metric: Metric, limit: Option<f64>) -> Terms {
    Terms::SpecificationLimit { metric, below: limit.map(|limit| Figure::from_number(limit).unwrap()) }
}

fn excluding(class: &str, definition: Option<&str>) -> Terms {
    let class = Class { name: id(class), definition: definition.map(id) };
    Terms::Exclusion { of: ExclusionOf::EndUse, classes: vec![class] }
}

fn location(allowed: &[&str], barred: &[&str]) -> Terms {
    let territories = |codes: &[&str]| codes.iter().map(|code| id(code)).collect();
    Terms::LocationOfUse { allowed: territories(allowed), barred: territories(barred) }
}

fn as_it_is(_: &mut World, _: &mut Condition) {}

#[test]
fn what_is_not_in_force_says_since_or_until_when() {
    let told = |change: fn(&mut World, &mut Condition)| {
        let mut world = World::new();
        let mut condition = condition("c", cap(Some(1)));
        change(&mut world, &mut condition);
        world.conditions = vec![condition];
        world.judged().conditions[0].detail.clone()
    };
    assert_eq!(
        told(not_yet),
        "It is in force from 2026-01-26T00:00:00Z on, which is after the time asked about."
    );
    assert_eq!(
        told(no_longer),
        "It was in force until 2026-01-25T00:00:00Z, which is not after the time asked about."
    );
    assert_eq!(told(|_, condition| condition.status = ConditionStatus::Waived), "It was waived.");
    assert_eq!(told(|_, condition| condition.status = ConditionStatus::Proposed), "It is only proposed.");
}

fn preparing(world: &mut World, _: &mut Condition) {
    world.question.activity = Activity::Prepare;
}

fn not_yet(_: &mut World, condition: &mut Condition) {
    condition.in_force_from = Some(moment("2026-01-26"));
}

fn no_longer(_: &mut World, condition: &mut Condition) {
    condition.in_force_until = Some(moment("2026-01-25"));
}

fn one_ordered(world: &mut World, _: &mut Condition) {
    *world = world.clone().holding("h200", Totals { ordered: 1, ..Totals::default() });
}

fn one_domestic(world: &mut World, _: &mut Condition) {
    *world = world.clone().holding("910c", Totals { ordered: 1, ..Totals::default() });
}

fn bare_chip(world: &mut World, _: &mut Condition) {
    world.chips[0].specification.tpp = None;
}

fn no_area(world: &mut World, _: &mut Condition) {
    world.chips[0].specification.die_area_mm2 = Figure::from_number(0.0).ok();
}

fn for_research(world: &mut World, _: &mut Condition) {
    world.question.end_use = Some(id("University-Research"));
}

/// With a Cyrillic letter in it.
fn for_mixed_letters(world: &mut World, _: &mut Condition) {
    world.question.end_use = Some(id("m\u{456}litary"));
}

fn to_china(world: &mut World, _: &mut Condition) {
    world.question.destination = Some(id("CN"));
}

fn done(_: &mut World, condition: &mut Condition) {
    condition.met_on = Some(id("2026-01-25"));
}

fn to_be_done(_: &mut World, condition: &mut Condition) {
    condition.met_on = Some(id("2026-01-26"));
}

fn rows() -> Vec<Row> {
    let mut rows = counting_rows();
    rows.extend(other_rows());
    rows
}

fn counting_rows() -> Vec<Row> {
    use Outcome::{Met, NotApplicable, Unknown, Unmet};
    vec![
        row(Met, share(Some("0.5")), one_domestic),
        row(Unmet, share(Some("0.5")), as_it_is),
        row(Unmet, share(Some("0.500000001")), one_domestic),
        row(Unknown, share(None), as_it_is),
        row(NotApplicable, share(Some("0.5")), preparing),
        row(Met, cap(Some(1)), as_it_is),
        row(Unmet, cap(Some(1)), one_ordered),
        row(Unknown, cap(None), as_it_is),
        row(NotApplicable, cap(Some(1)), preparing),
        row(NotApplicable, cap(None), preparing),
        row(Met, relative(Some(3)), as_it_is),
        row(Unmet, relative(Some(3)), one_ordered),
        row(Unmet, relative(Some(1)), as_it_is),
        row(Unknown, relative(None), as_it_is),
        row(NotApplicable, relative(Some(3)), preparing),
    ]
}

fn other_rows() -> Vec<Row> {
    use Outcome::{Met, NotApplicable, Unknown, Unmet};
    let test = || Terms::Requirement { what: RequirementOf::ThirdPartyTest };
    let words = || Terms::Other { text: id("only if necessary") };
    let bars = |activity| Terms::Prohibition { activities: vec![activity] };
    let due = |rate: Option<&str>| Terms::Payment {
        rate: rate.map(id),
        base: rate.map(|_| id("revenue")),
        form: PaymentForm::Fee,
    };
    vec![
        row(Met, below(Metric::Tpp, Some(15_832.001)), as_it_is),
        row(Unmet, below(Metric::Tpp, Some(15_832.0)), as_it_is),
        row(Unknown, below(Metric::Tpp, None), as_it_is),
        row(Unknown, below(Metric::Tpp, Some(21_000.0)), bare_chip),
        row(Met, below(Metric::MemoryBandwidth, Some(6500.0)), bare_chip),
        row(Met, below(Metric::PerformanceDensity, Some(19.45)), as_it_is),
        row(Unmet, below(Metric::PerformanceDensity, Some(19.449)), as_it_is),
        row(Unknown, below(Metric::PerformanceDensity, Some(19.45)), no_area),
        row(NotApplicable, below(Metric::Tpp, Some(1.0)), not_yet),
        row(Met, excluding("military", Some("as listed")), for_research),
        row(Unmet, excluding("university_research", None), for_research),
        row(Unmet, excluding("Research", Some("any")), for_research),
        row(Unmet, excluding("state university research", Some("any")), for_research),
        row(Unknown, excluding("military", None), for_research),
        row(Unknown, excluding("military", Some("as listed")), as_it_is),
        row(Unknown, excluding("military", Some("as listed")), for_mixed_letters),
        row(NotApplicable, excluding("military", None), no_longer),
        row(Met, location(&["CN"], &[]), to_china),
        row(Met, location(&[], &["SG"]), to_china),
        row(Unmet, location(&["SG"], &[]), to_china),
        row(Unmet, location(&[], &["CN"]), to_china),
        row(Unknown, location(&["CN"], &[]), as_it_is),
        row(NotApplicable, location(&["SG"], &[]), not_yet),
        row(Met, test(), done),
        row(Unmet, test(), as_it_is),
        row(Unmet, test(), to_be_done),
        row(NotApplicable, test(), no_longer),
        row(Unmet, bars(Activity::Order), as_it_is),
        row(NotApplicable, bars(Activity::Ship), as_it_is),
        row(Met, due(Some("0.25")), as_it_is),
        row(Met, due(None), as_it_is),
        row(NotApplicable, due(None), not_yet),
        row(Met, words(), done),
        row(Unknown, words(), as_it_is),
        row(Unknown, words(), to_be_done),
        row(NotApplicable, words(), not_yet),
    ]
}

fn code(kind: ConditionKind, outcome: Outcome) -> Option<ReasonCode> {
    use ConditionKind::{DomesticShare, Payment, Prohibition, RelativeCap, UnitCap};
    match (outcome, kind) {
        (Outcome::Met, Payment) => Some(ReasonCode::PaymentDue),
        (Outcome::Met | Outcome::NotApplicable, _) => None,
        (Outcome::Unknown, _) => Some(ReasonCode::ConditionUnknown),
        (Outcome::Unmet, Prohibition) => Some(ReasonCode::Prohibited),
        (Outcome::Unmet, DomesticShare | UnitCap | RelativeCap) => Some(ReasonCode::OverLimit),
        (Outcome::Unmet, _) => Some(ReasonCode::ConditionUnmet),
    }
}

fn effect(force: Force, outcome: Outcome) -> (Effect, Verdict) {
    match (force, outcome) {
        (_, Outcome::Met | Outcome::NotApplicable) | (Force::Encouraged, _) => {
            (Effect::Advises, Verdict::Yes)
        }
        (Force::Required, Outcome::Unmet) => (Effect::Blocks, Verdict::No),
        (Force::Required | Force::MayBeRequired, _) => (Effect::LeavesOpen, Verdict::Unknown),
    }
}

#[test]
fn every_kind_comes_to_every_outcome_it_can() {
    for kind in ConditionKind::ALL.iter().copied() {
        let reached: Vec<Outcome> =
            rows().iter().filter(|row| row.terms.kind() == kind).map(|row| row.outcome).collect();
        let possible: &[Outcome] = match kind {
            ConditionKind::Requirement => &[Outcome::Met, Outcome::Unmet, Outcome::NotApplicable],
            ConditionKind::Prohibition => &[Outcome::Unmet, Outcome::NotApplicable],
            ConditionKind::Payment => &[Outcome::Met, Outcome::NotApplicable],
            ConditionKind::Other => &[Outcome::Met, Outcome::Unknown, Outcome::NotApplicable],
            _ => Outcome::ALL,
        };
        for outcome in Outcome::ALL {
            assert_eq!(reached.contains(outcome), possible.contains(outcome), "{kind} {outcome}");
        }
    }
}

#[test]
fn every_kind_is_judged_by_outcome_force_and_status() {
    for (index, Row { outcome, terms, circumstances }) in rows().into_iter().enumerate() {
        for force in Force::ALL.iter().copied() {
            for status in ConditionStatus::ALL.iter().copied() {
                let mut world = World::new();
                let mut condition = Condition { force, status, ..condition("c", terms.clone()) };
                circumstances(&mut world, &mut condition);
                world.conditions.push(condition);
                let kind = terms.kind();
                let outcome =
                    if status == ConditionStatus::InForce { outcome } else { Outcome::NotApplicable };
                let answer = world.judged();
                let case = format!("row {index}: {kind} {outcome} {force} {status}: {answer:#?}");

                assert_eq!(answer.conditions.len(), 1, "{case}");
                let evaluation = &answer.conditions[0];
                assert_eq!(
                    (evaluation.kind, evaluation.force, evaluation.status, evaluation.outcome),
                    (kind, force, status, outcome),
                    "{case}"
                );
                let (effect, verdict) = effect(force, outcome);
                assert_eq!(answer.verdict, verdict, "{case}");
                let reasons: Vec<_> = answer.reasons.iter().map(|it| (it.code, it.effect)).collect();
                let expected: Vec<_> = code(kind, outcome).map(|code| (code, effect)).into_iter().collect();
                assert_eq!(reasons, expected, "{case}");
            }
        }
    }
}

#[test]
fn a_condition_governs_just_the_questions_that_match_all_it_names() {
    fn named<T: for<'t> TryFrom<&'t str>>(part: &str) -> Option<T> {
        T::try_from(part).ok()
    }
    for (authority, approval, company, chip, governs) in [
        ("us-bis", "", "", "", true),
        ("cn-ndrc", "", "", "", true),
        ("cn-miit", "", "", "", true),
        ("us-state", "", "", "", false),
        ("", "licence", "", "", true),
        ("", "old-licence", "", "", false),
        ("us-bis", "licence", "", "", true),
        ("us-state", "licence", "", "", false),
        ("", "", "alibaba", "", true),
        ("", "", "tencent", "", false),
        ("", "", "", "h200", true),
        ("", "", "", "h20", false),
        ("", "", "alibaba", "h200", true),
        ("", "", "alibaba", "h20", false),
        ("us-bis", "licence", "alibaba", "h200", true),
        ("us-bis", "licence", "tencent", "h200", false),
    ] {
        let mut world = World::new().with(|world| {
            use crate::domain::authority::Gate;
            use crate::domain::judgement::testing::{authority, case};
            // One without a case of the pair, one that guards another gate, and a case that was superseded.
            world.authorities.push(authority("cn-miit", Gate::Import, "CN"));
            world.authorities.push(authority("us-state", Gate::Import, "US"));
            world.cases.push(case("old-licence", "us-bis", "granted"));
            world.cases[0].approval.supersedes = Some(id("old-licence"));
        });
        let mut bars = condition("c", Terms::Prohibition { activities: vec![Activity::Order] });
        bars.scope.authority = named(authority);
        bars.scope.approval = named(approval);
        bars.scope.company = named(company);
        bars.scope.chip = named(chip);
        world.conditions.push(bars);
        let answer = world.judged();
        let scope = format!("{authority} {approval} {company} {chip}");
        assert_eq!(answer.conditions.len(), usize::from(governs), "{scope}");
        assert_eq!(answer.verdict, if governs { Verdict::No } else { Verdict::Yes }, "{scope}");
    }
}

#[test]
fn what_was_met_on_the_word_of_stale_sources_is_left_open() {
    for (force, verdict, reason) in [
        (Force::Required, Verdict::Unknown, "leaves_open source_stale c"),
        (Force::MayBeRequired, Verdict::Unknown, "leaves_open source_stale c"),
        (Force::Encouraged, Verdict::Yes, "advises source_stale c"),
    ] {
        let mut world = World::new();
        let mut test = condition("c", Terms::Requirement { what: RequirementOf::ThirdPartyTest });
        test.met_on = Some(id("2026-01-20"));
        test.force = force;
        world.conditions.push(test);
        world.sources[0].last_checked_at = None;
        let answer = world.judged();
        assert_eq!((answer.verdict, told(&answer)), (verdict, vec![reason.to_owned()]), "{force}");
        assert_eq!(answer.stale, [id("rule")]);
    }
}

#[test]
fn a_payment_says_its_rate_base_and_form() {
    let mut world = World::new();
    world.conditions.push(condition(
        "c",
        Terms::Payment { rate: Some(id("0.25")), base: Some(id("sales")), form: PaymentForm::RevenueShare },
    ));
    let Reason { detail, .. } = &world.judged().reasons[0];
    assert_eq!(detail, "Due as revenue share: 0.25 of sales.");
}

#[test]
fn what_blocks_comes_first_then_gates_then_ids() {
    let mut world = World::new();
    let bars = || Terms::Prohibition { activities: vec![Activity::Order] };
    world.conditions = vec![
        condition("z", bars()),
        condition("a", Terms::Other { text: id("words") }),
        condition("b", bars()),
    ];
    world.cases[1].standing.stage = id("principle");
    world.cases[0].standing.disputed = true;
    assert_eq!(
        told(&world.judged()),
        [
            "blocks stage_does_not_permit permit",
            "blocks prohibited b",
            "blocks prohibited z",
            "leaves_open condition_unknown a",
            "advises disputed licence",
        ]
    );
}
