//! What holds whatever is on record: less knowledge never permits, and headroom is exact.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::domain::approval::Comparator;
use crate::domain::condition::{
    Class, Condition, ConditionStatus, Counting, ExclusionOf, Force, Metric, PaymentForm, Period,
    RequirementOf, ShareBasis, Terms,
};
use crate::domain::holding::Totals;
use crate::domain::judgement::testing::{World, authorised, case, condition, id, moment, units};
use crate::domain::judgement::{Answer, Effect, Glance, ReasonCode, Verdict};
use crate::domain::number::{Figure, Fraction, Units};
use crate::domain::records::CaseOn;
use crate::domain::vocabulary::Vocabulary;
use crate::domain::workflow::Activity;

fn word<V: Vocabulary + std::fmt::Debug>() -> impl Strategy<Value = V> {
    proptest::sample::select(V::ALL)
}

fn fraction() -> impl Strategy<Value = Fraction> {
    (0..100_u8).prop_map(|hundredths| id(&format!("0.{hundredths:02}")))
}

fn some_units() -> impl Strategy<Value = Units> {
    (1..60_i64).prop_map(units)
}

fn maybe<T: std::fmt::Debug + Clone + 'static>(
    known: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    proptest::option::weighted(0.85, known).boxed()
}

fn share() -> impl Strategy<Value = Terms> {
    let counting = prop_oneof![Just(Counting::Ordered), Just(Counting::Delivered)];
    let period = proptest::option::of(word::<Period>());
    (maybe(fraction()), maybe(word::<ShareBasis>()), maybe(counting), period).prop_map(
        |(minimum, basis, counting, period)| Terms::DomesticShare { minimum, basis, counting, period },
    )
}

fn cap() -> impl Strategy<Value = Terms> {
    let chips = proptest::sample::subsequence(vec!["h200", "h20"], 0..=2);
    (maybe(some_units()), maybe(word::<Counting>()), chips, proptest::option::of(word::<Period>())).prop_map(
        |(maximum, counting, chips, period)| Terms::UnitCap {
            maximum,
            counting,
            chips: chips.into_iter().map(id).collect(),
            period,
        },
    )
}

fn relative() -> impl Strategy<Value = Terms> {
    (maybe(fraction()), maybe(some_units()))
        .prop_map(|(maximum_share, reference_units)| Terms::RelativeCap { maximum_share, reference_units })
}

fn exclusion() -> impl Strategy<Value = Terms> {
    let names = proptest::sample::select(vec!["military", "cloud"]);
    let class = (names, maybe(Just("as listed")))
        .prop_map(|(name, definition)| Class { name: id(name), definition: definition.map(id) });
    (word::<ExclusionOf>(), proptest::collection::vec(class, 1..3))
        .prop_map(|(of, classes)| Terms::Exclusion { of, classes })
}

fn terms() -> impl Strategy<Value = Terms> {
    let below = maybe((0..30_000_i32).prop_map(|limit| Figure::from_number(limit.into()).unwrap()));
    let specification =
        (word::<Metric>(), below).prop_map(|(metric, below)| Terms::SpecificationLimit { metric, below });
    prop_oneof![
        3 => share(),
        3 => cap(),
        2 => relative(),
        2 => specification,
        2 => exclusion(),
        1 => proptest::sample::select(vec!["CN", "SG"])
            .prop_map(|allowed| Terms::LocationOfUse { allowed: vec![id(allowed)], barred: Vec::new() }),
        2 => word::<RequirementOf>().prop_map(|what| Terms::Requirement { what }),
        1 => word::<Activity>().prop_map(|activity| Terms::Prohibition { activities: vec![activity] }),
        1 => maybe(fraction())
            .prop_map(|rate| Terms::Payment { rate, base: None, form: PaymentForm::Fee }),
        1 => Just(Terms::Other { text: id("words") }),
    ]
}

fn some_condition(terms: BoxedStrategy<Terms>) -> impl Strategy<Value = Condition> {
    let scopes = proptest::sample::select(vec!["us-bis", "cn-ndrc", "licence", "permit", "alibaba", "h200"]);
    let force = prop_oneof![4 => Just(Force::Required), 1 => word::<Force>()];
    let status = prop_oneof![6 => Just(ConditionStatus::InForce), 1 => word::<ConditionStatus>()];
    let met = proptest::bool::weighted(0.8);
    (terms, scopes, force, status, met).prop_map(|(terms, scope, force, status, met)| {
        let can_be_met = matches!(terms, Terms::Requirement { .. } | Terms::Other { .. });
        let mut condition = Condition { force, status, ..condition("c", terms) };
        condition.scope.authority = None;
        match scope {
            "licence" | "permit" => condition.scope.approval = Some(id(scope)),
            "alibaba" => condition.scope.company = Some(id(scope)),
            "h200" => condition.scope.chip = Some(id(scope)),
            _ => condition.scope.authority = Some(id(scope)),
        }
        condition.met_on = (met && can_be_met).then(|| id("2026-01-20"));
        condition
    })
}

fn totals() -> impl Strategy<Value = Totals> {
    [0..40_i64, 0..5, 0..20, 0..20, 0..3].prop_map(|[ordered, cancelled, shipped, delivered, returned]| {
        Totals { ordered, cancelled, shipped, delivered, returned }
    })
}

fn some_case(name: &'static str, authority: &'static str) -> impl Strategy<Value = CaseOn> {
    let stages = prop_oneof![
        8 => Just("granted"),
        1 => proptest::sample::select(vec!["filed", "principle", "barred", "over"]),
    ];
    let exporter = proptest::option::of(proptest::sample::select(vec!["amd", "nvidia"]));
    let quantity = proptest::option::of((word::<Comparator>(), some_units()));
    (stages, exporter, quantity).prop_map(move |(stage, exporter, quantity)| {
        let mut case = case(name, authority, stage);
        case.approval.exporter = exporter.map(id);
        let quantity = quantity.map(|(comparator, units)| authorised(comparator, units.get()));
        case.approval.quantities = quantity.into_iter().collect();
        case
    })
}

/// Anything from a clear yes to a clear no.
fn world() -> impl Strategy<Value = World> {
    world_with(terms().boxed())
}

/// A world whose conditions are limits, and so bear on the headroom.
fn limited_world() -> impl Strategy<Value = World> {
    world_with(prop_oneof![1 => share(), 3 => cap(), 1 => relative()].boxed())
}

fn world_with(terms: BoxedStrategy<Terms>) -> impl Strategy<Value = World> {
    let cases = (
        some_case("licence", "us-bis"),
        some_case("permit", "cn-ndrc"),
        proptest::option::weighted(0.3, some_case("second", "us-bis")),
    );
    let conditions = proptest::collection::vec(some_condition(terms), 0..4);
    let holdings =
        proptest::collection::vec((proptest::sample::select(vec!["h200", "h20", "910c"]), totals()), 0..4);
    let holdings = (holdings, totals());
    let declared = (
        maybe(proptest::sample::select(vec!["military", "cloud training", "research"])),
        maybe(proptest::sample::select(vec!["army", "cloud"])),
        maybe(Just("CN")),
    );
    let asked =
        (word::<Activity>(), some_units(), proptest::sample::select(vec!["h200", "h200", "h200", "910c"]));
    (cases, conditions, holdings, declared, asked).prop_map(
        |((licence, permit, second), conditions, (holdings, own), declared, (activity, units, chip))| {
            let mut world = World::new();
            world.cases = [licence, permit].into_iter().chain(second).collect();
            world.conditions = conditions;
            for (index, condition) in world.conditions.iter_mut().enumerate() {
                condition.id = id(&format!("c{index}"));
            }
            for (chip, totals) in holdings.into_iter().chain([("h200", own)]) {
                world = world.holding(chip, totals);
            }
            let (end_use, end_user, destination) = declared;
            world.question.end_use = end_use.map(id);
            world.question.end_user = end_user.map(id);
            world.question.destination = destination.map(id);
            world.question.activity = activity;
            world.question.units = units;
            world.question.chip = id(chip);
            world
        },
    )
}

/// Something that was known and is no longer. The world is left as it was where there is nothing to forget.
fn forget(world: &mut World, what: u8, which: Index) {
    fn pick<T>(things: &mut [T], which: Index) -> Option<&mut T> {
        (!things.is_empty()).then(|| which.get_mut(things))
    }
    match what {
        0 => world.question.end_use = None,
        1 => world.question.end_user = None,
        // The same destination as by default, so that only the declaration is missing.
        2 => world.question.destination = None,
        3 => which.get_mut(&mut world.chips).specification.tpp = None,
        4 => which.get_mut(&mut world.chips).specification.die_area_mm2 = None,
        5 => which.get_mut(&mut world.chips).specification.memory_bandwidth_gb_s = None,
        6 => which.get_mut(&mut world.sources).last_checked_at = Some(moment("2025-01-01")),
        7 => drop(world.sources.remove(which.index(world.sources.len()))),
        8 => {
            let authority = which.get(&world.authorities).id.clone();
            world.cases.retain(|case| case.approval.authority != authority);
        }
        9 => drop(world.authorities.remove(which.index(world.authorities.len()))),
        10 => pick(&mut world.conditions, which).into_iter().for_each(|it| it.met_on = None),
        _ => pick(&mut world.conditions, which).into_iter().for_each(|it| unset(&mut it.terms, what)),
    }
}

/// The number of things [`forget`] can forget.
const FORGETTABLE: u8 = 14;

fn unset(terms: &mut Terms, what: u8) {
    match terms {
        Terms::DomesticShare { minimum, basis, counting, .. } => match what % 3 {
            0 => *minimum = None,
            1 => *basis = None,
            _ => *counting = None,
        },
        Terms::UnitCap { maximum, counting, .. } => match what % 2 {
            0 => *maximum = None,
            _ => *counting = None,
        },
        Terms::RelativeCap { maximum_share, reference_units } => match what % 2 {
            0 => *maximum_share = None,
            _ => *reference_units = None,
        },
        Terms::SpecificationLimit { below, .. } => *below = None,
        Terms::Exclusion { classes, .. } => classes.iter_mut().for_each(|class| class.definition = None),
        Terms::Payment { rate, .. } => *rate = None,
        Terms::LocationOfUse { .. }
        | Terms::Requirement { .. }
        | Terms::Prohibition { .. }
        | Terms::Other { .. } => {}
    }
}

/// Every cap made smaller by so much, and every share larger.
fn tighten(world: &mut World, by: i64) {
    let smaller = |number: Units| units((number.get() - by).max(1));
    for condition in &mut world.conditions {
        match &mut condition.terms {
            Terms::UnitCap { maximum: Some(maximum), .. } => *maximum = smaller(*maximum),
            Terms::RelativeCap { reference_units: Some(reference), .. } => *reference = smaller(*reference),
            Terms::DomesticShare { minimum: Some(minimum), .. } => *minimum = (*minimum).max(id("0.9")),
            _ => {}
        }
    }
    for quantity in world.cases.iter_mut().flat_map(|case| &mut case.approval.quantities) {
        quantity.units = smaller(quantity.units);
    }
}

fn breaks_a_limit(answer: &Answer) -> bool {
    answer.reasons.iter().any(|it| it.code == ReasonCode::OverLimit && it.effect == Effect::Blocks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn knowing_less_never_permits(world in world(), what in 0..FORGETTABLE, which: Index) {
        let before = world.judged();
        let mut forgetful = world;
        forget(&mut forgetful, what, which);
        let after = forgetful.judged();
        prop_assert!(
            before.verdict == Verdict::Yes || after.verdict != Verdict::Yes,
            "{} was forgotten: {:#?} became {:#?}", what, before, after
        );
    }

    #[test]
    fn a_tighter_limit_never_moves_the_verdict_towards_yes(world in world(), by in 1..30_i64) {
        let before = world.judged().verdict;
        let mut tighter = world;
        tighten(&mut tighter, by);
        let after = tighter.judged();
        prop_assert!(after.verdict <= before, "{} became {:#?}", before, after);
    }

    #[test]
    fn the_headroom_passes_and_one_more_does_not(mut world in limited_world()) {
        // With one exporter there is no other to turn to once its limits are reached.
        world.cases.iter_mut().for_each(|case| case.approval.exporter = None);
        let headroom = world.judged().headroom;
        let mut breaks_with = |number: i64| {
            world.question.units = units(number);
            breaks_a_limit(&world.judged())
        };
        match headroom.units {
            None => prop_assert!(!breaks_with(Units::MAX), "no limit, and one is broken"),
            Some(most) => {
                prop_assert!(headroom.limited_by.is_some());
                prop_assert!(most == 0 || !breaks_with(most), "{} breaks a limit", most);
                prop_assert!(breaks_with(most + 1), "{} breaks no limit", most + 1);
            }
        }
    }

    #[test]
    fn a_glance_sees_what_the_whole_answer_says(world in world()) {
        prop_assert_eq!(world.glanced(), Glance::from(world.judged()));
    }

    #[test]
    fn the_answer_does_not_depend_on_the_order_of_the_records(world in world()) {
        let answer = world.judged();
        let mut reversed = world;
        reversed.cases.reverse();
        reversed.conditions.reverse();
        prop_assert_eq!(reversed.judged(), answer);
    }
}
