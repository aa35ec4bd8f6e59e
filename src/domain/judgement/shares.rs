//! The share of domestic chips in all a company buys.

use std::collections::BTreeMap;

use crate::domain::chip::Chip;
use crate::domain::condition::{Condition, Counting, Period, ShareBasis};
use crate::domain::holding::Holding;
use crate::domain::id::ChipId;
use crate::domain::jurisdiction::Jurisdiction;
use crate::domain::number::Fraction;
use crate::domain::workflow::Activity;

use super::bound::{Bound, Mix};
use super::conditions::authority_of;
use super::context::Context;
use super::limits::Measured;
use super::tally::Tally;

/// The parameters of a share, all set.
#[derive(Clone, Copy)]
pub(super) struct Sharing {
    pub(super) minimum: Fraction,
    pub(super) basis: ShareBasis,
    pub(super) counting: Counting,
    pub(super) period: Option<Period>,
}

/// The limit of a minimum share, over all chips the company has movements of and the chip asked about. A
/// share of deliveries is not met by domestic chips that are only ordered or under way.
pub(super) fn share(
    context: &Context<'_>,
    condition: &Condition,
    sharing: Sharing,
    activity: Activity,
) -> Measured {
    let held = context.dossier.records.holdings(&context.dossier.company.id);
    let home = home(context, condition);
    // An order of domestic chips can only raise the share, so domestic chips already committed count too.
    let only_delivered = sharing.counting == Counting::Delivered && context.dossier.chip.origin != home;
    let is_domestic = |chip: &ChipId| context.dossier.records.chip(chip).is_some_and(|it| it.origin == home);
    let tally = |(chip, holding): (&ChipId, &Holding)| {
        let within = holding.over(sharing.period);
        let tally = Tally::of(within, holding.all, sharing.counting, activity);
        match sharing.counting {
            // Chips still to come, and those shipped without an order, count against the company but not for
            // it.
            Counting::Delivered if only_delivered && is_domestic(chip) => {
                Tally { base: within.delivered.into(), free: 0 }
            }
            Counting::Ordered if is_domestic(chip) => {
                Tally { base: within.ordered_net().max(0).into(), ..tally }
            }
            _ => tally,
        }
    };
    let mut tallies: BTreeMap<&ChipId, Tally> = held.map(|it| (it.0, tally(it))).collect();
    tallies.entry(&context.dossier.chip.id).or_default();
    let mix = match mix(context, &tallies, home, sharing.basis) {
        Ok(mix) => mix,
        Err(why) => return Measured::Open(why),
    };
    Bound::share(mix, sharing.minimum).map_or_else(
        || Measured::Open("The sums are beyond what can be compared.".to_owned()),
        Measured::Known,
    )
}

/// The jurisdiction whose chips are domestic: the authority's, or the company's if no authority is named.
fn home(context: &Context<'_>, condition: &Condition) -> Jurisdiction {
    let authority = authority_of(context, condition).and_then(|id| context.dossier.records.authority(id));
    authority.map_or(context.dossier.company.jurisdiction, |authority| authority.jurisdiction)
}

fn mix(
    context: &Context<'_>,
    tallies: &BTreeMap<&ChipId, Tally>,
    home: Jurisdiction,
    basis: ShareBasis,
) -> Result<Mix, String> {
    let asked = context.dossier.chip;
    let beyond = || "The sums are beyond what can be compared.".to_owned();
    let mut mix = Mix { weight: weight(asked, basis)?, is_domestic: asked.origin == home, ..Mix::default() };
    for (id, tally) in tallies {
        if **id == asked.id {
            mix.free = tally.free;
        }
        if tally.base == 0 {
            continue;
        }
        let chip = context.dossier.records.chip(id);
        let chip =
            chip.ok_or_else(|| format!("Nothing is on record of `{id}`, which counts in the share."))?;
        let weighed = tally.base.checked_mul(weight(chip, basis)?).ok_or_else(beyond)?;
        mix.total = mix.total.checked_add(weighed).ok_or_else(beyond)?;
        if chip.origin == home {
            mix.domestic += weighed;
        }
    }
    Ok(mix)
}

/// The weight of a unit of a chip: one, or its total processing performance.
fn weight(chip: &Chip, basis: ShareBasis) -> Result<i128, String> {
    match basis {
        ShareBasis::Units => Ok(1),
        ShareBasis::Performance => {
            chip.specification.tpp.map(|tpp| i128::from(tpp.thousandths())).ok_or_else(|| {
                format!("The performance of `{}` is not known, and it counts in the share.", chip.id)
            })
        }
    }
}
