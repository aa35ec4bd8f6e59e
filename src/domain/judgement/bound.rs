//! Known limits as linear inequalities over the units asked about, in exact integers.

use crate::domain::number::Fraction;

use super::tally::Tally;

/// A known limit. It holds for `n` units if and only if `slope` × max(`n` − `free`, 0) ≤ `slack`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    slack: i128,
    slope: i128,
    free: i128,
    pub(super) of: Of,
}

/// What a limit is on, for its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// A maximum number of units.
    Cap {
        /// The count.
        tally: Tally,
        /// The maximum.
        maximum: i128,
    },
    /// A minimum share of domestic chips.
    Share {
        /// The count.
        mix: Mix,
        /// The minimum.
        minimum: Fraction,
    },
}

/// Domestic chips among all chips, weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mix {
    /// The weight of the domestic chips.
    pub(super) domestic: i128,
    /// The weight of all chips.
    pub(super) total: i128,
    /// The weight that a unit of the chip asked about adds.
    pub(super) weight: i128,
    /// Whether the chip asked is domestic.
    pub(super) is_domestic: bool,
    /// How many units add nothing, as they are counted already.
    pub(super) free: i128,
}

impl Mix {
    /// The weights of domestic and of all chips after adding units; `None` on overflow.
    fn after(self, units: i128) -> Option<(i128, i128)> {
        let added = self.weight.checked_mul((units - self.free).max(0))?;
        let domestic = if self.is_domestic { self.domestic.checked_add(added)? } else { self.domestic };
        Some((domestic, self.total.checked_add(added)?))
    }
}

impl Bound {
    /// A limit of at most `maximum` units.
    pub(super) fn cap(tally: Tally, maximum: i128) -> Self {
        Self { slack: maximum - tally.base, slope: 1, free: tally.free, of: Of::Cap { tally, maximum } }
    }

    /// A limit of at least a share of domestic chips; `None` on overflow.
    pub(super) fn share(mix: Mix, minimum: Fraction) -> Option<Self> {
        let (part, whole) = minimum.ratio();
        let slack = mix.domestic.checked_mul(whole)?.checked_sub(part.checked_mul(mix.total)?)?;
        let counted = if mix.is_domestic { part - whole } else { part };
        let slope = mix.weight.checked_mul(counted)?;
        Some(Self { slack, slope, free: mix.free, of: Of::Share { mix, minimum } })
    }

    /// Whether the limit holds with this many units.
    pub(super) fn admits(self, units: i128) -> bool {
        // An overflowing product is decided by its sign.
        self.slope.checked_mul((units - self.free).max(0)).map_or(self.slope < 0, |used| used <= self.slack)
    }

    /// Whether this many units break it: it does not hold with them, and they do not improve it.
    pub(super) fn is_broken_by(self, units: i128) -> bool {
        !self.admits(units) && self.slope > 0 && units > self.free
    }

    /// The most units it holds for; zero if it holds for no number, `None` if it holds for any.
    pub(super) fn most(self) -> Option<i128> {
        match self.slope {
            0.. if self.slack < 0 => Some(0),
            1.. => Some(self.slack / self.slope + self.free),
            _ => None,
        }
    }

    /// The fewest units it holds for; above zero if buying more domestic chips restores a share.
    pub(super) fn least(self) -> i128 {
        if self.slope < 0 && self.slack < 0 {
            let (needed, each) = (-self.slack, -self.slope);
            return (needed - 1) / each + 1 + self.free;
        }
        0
    }

    /// The units it leaves for orders, negative if it is broken already; `None` if it allows any number.
    pub(super) fn left(self) -> Option<i128> {
        if self.slope > 0 { Some(self.slack.div_euclid(self.slope) + self.free) } else { self.most() }
    }

    /// The maximum count; `None` for a share, which sets no number by itself.
    pub(super) fn maximum(self) -> Option<i128> {
        match self.of {
            Of::Cap { maximum, .. } => Some(maximum),
            Of::Share { .. } => None,
        }
    }

    /// The count after adding units, compared with the limit, for a person.
    pub(super) fn told(self, units: i128) -> String {
        match self.of {
            Of::Cap { tally, maximum } => {
                format!("The count would come to {}, of at most {maximum}.", tally.base + tally.beyond(units))
            }
            Of::Share { mix, minimum } => {
                let share = mix.after(units).and_then(|(domestic, total)| {
                    let hundredths = domestic.checked_mul(10_000)?.checked_div(total)?;
                    Some(format!("{}.{:02} %", hundredths / 100, hundredths % 100))
                });
                let share = share.unwrap_or_else(|| "no share that can be told".to_owned());
                format!("Domestic chips would make up {share}, of at least {minimum} as a fraction.")
            }
        }
    }

    /// How a broken limit could be met, for a person.
    pub(super) fn remedy(self) -> String {
        let raised = match self.of {
            Of::Cap { .. } => "have the limit raised",
            Of::Share { .. } if self.slope > 0 => "buy domestic chips first",
            Of::Share { .. } => "have the share lowered",
        };
        match (self.most(), self.least()) {
            (Some(1), _) => format!("Ask for 1 unit, or {raised}."),
            (Some(most), _) if most > 0 => format!("Ask for at most {most} units, or {raised}."),
            (None, 1) => format!("Ask for at least 1 unit, or {raised}."),
            (None, least) if least > 0 => format!("Ask for at least {least} units, or {raised}."),
            _ => format!("Nothing is left under it: {raised}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fraction(thousandths: i64) -> Fraction {
        let text = if thousandths == 1000 { "1".to_owned() } else { format!("0.{thousandths:03}") };
        Fraction::try_from(text.as_str()).unwrap()
    }

    fn assert_exact(bound: Bound) -> Result<(), TestCaseError> {
        let (least, most) = (bound.least(), bound.most());
        if let Some(most) = most {
            prop_assert!(!bound.admits(most + 1), "{:?} admits {}", bound, most + 1);
            prop_assert!(most == 0 || bound.admits(most), "{:?} does not admit {}", bound, most);
        } else {
            prop_assert!(bound.admits(least) && bound.admits(1_000_000_000_000), "{:?}", bound);
            prop_assert!(least == 0 || !bound.admits(least - 1), "{:?} admits {}", bound, least - 1);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_cap_is_exact(base in -5..50_i128, free in 0..20_i128, maximum in 0..60_i128) {
            assert_exact(Bound::cap(Tally { base, free }, maximum))?;
        }

        #[test]
        fn a_share_is_exact(
            (domestic, imported) in (0..2000_i128, 0..2000_i128),
            weight in 0..50_i128,
            is_domestic: bool,
            free in 0..20_i128,
            minimum in 0..=1000_i64,
        ) {
            let mix = Mix { domestic, total: domestic + imported, weight, is_domestic, free };
            let minimum = fraction(minimum);
            let bound = Bound::share(mix, minimum).unwrap();
            assert_exact(bound)?;
            let (part, whole) = minimum.ratio();
            for units in [0, 1, 7, 5000] {
                let (domestic, total) = mix.after(units).unwrap();
                prop_assert_eq!(bound.admits(units), domestic * whole >= part * total, "{}", units);
            }
        }
    }

    #[test]
    fn what_cannot_be_compared_is_no_bound() {
        let mix = Mix { domestic: i128::MAX / 2, total: i128::MAX / 2, ..Mix::default() };
        assert_eq!(Bound::share(mix, fraction(500)), None);
    }
}
