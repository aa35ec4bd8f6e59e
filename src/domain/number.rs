//! Counts, fractions and measured figures, held as integers to avoid rounding.

use std::fmt;

use rust_decimal::Decimal;

use super::fault::{Fault, FaultCode};

/// A number of chips, from 1 to 10¹².
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Units(i64);

impl Units {
    /// Most units in one record.
    pub const MAX: i64 = 1_000_000_000_000;
    /// One chip.
    pub const ONE: Self = Self(1);

    /// The count.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Units {
    type Error = Fault;

    fn try_from(count: i64) -> Result<Self, Fault> {
        if (1..=Self::MAX).contains(&count) {
            return Ok(Self(count));
        }
        Err(Fault::new(FaultCode::OutOfRange, format!("must be a whole number from 1 to {}", Self::MAX)))
    }
}

/// A fraction from 0 to 1 with up to nine decimals, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fraction(Decimal);

/// The pattern of a fraction.
pub const FRACTION_PATTERN: &str = r"^(0(\.[0-9]{1,9})?|1(\.0{1,9})?)$";

impl Fraction {
    /// Numerator and denominator, for comparing by cross-multiplication.
    #[must_use]
    pub fn ratio(self) -> (i128, i128) {
        (self.0.mantissa(), 10_i128.pow(self.0.scale()))
    }
}

impl TryFrom<&str> for Fraction {
    type Error = Fault;

    fn try_from(text: &str) -> Result<Self, Fault> {
        let form = || {
            Fault::new(FaultCode::Malformed, "must be a decimal string from \"0\" to \"1\" such as \"0.25\"")
        };
        let digits = text.strip_prefix("0.").or_else(|| text.strip_prefix("1."));
        let well_formed = text == "0"
            || text == "1"
            || digits.is_some_and(|rest| {
                (1..=9).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_digit())
            });
        if !well_formed {
            return Err(form());
        }
        let value: Decimal = text
            .parse()
            .map_err(|cause: rust_decimal::Error| Fault { detail: cause.to_string(), ..form() })?;
        if value > Decimal::ONE {
            return Err(form());
        }
        Ok(Self(value.normalize()))
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A measured figure with up to three decimals, held as whole thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Figure(i64);

impl Figure {
    /// The largest figure, in whole units.
    pub const MAX: i64 = 1_000_000_000;

    /// The figure in thousandths.
    #[must_use]
    pub fn thousandths(self) -> i64 {
        self.0
    }

    /// Converts a JSON number.
    ///
    /// # Errors
    ///
    /// [`FaultCode::OutOfRange`] if negative, above [`Figure::MAX`] or with more than three decimals.
    pub fn from_number(number: f64) -> Result<Self, Fault> {
        let refused = || {
            Fault::new(
                FaultCode::OutOfRange,
                format!("must be a number from 0 to {} with at most three decimals", Self::MAX),
            )
        };
        #[expect(clippy::cast_precision_loss, reason = "the greatest figure is far below 2^53")]
        let most = Self::MAX as f64;
        if !(0.0..=most).contains(&number) {
            return Err(refused());
        }
        #[expect(clippy::cast_possible_truncation, reason = "within 0 to 10^12 by the check above")]
        let thousandths = (number * 1000.0).round() as i64;
        let figure = Self(thousandths);
        // Division rounds correctly, so this is exact for numbers with up to three decimals.
        if figure.number().total_cmp(&number).is_eq() || number == 0.0 { Ok(figure) } else { Err(refused()) }
    }

    /// The figure as a number.
    #[must_use]
    pub fn number(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 10^12 thousandths, far below 2^53")]
        let thousandths = self.0 as f64;
        thousandths / 1000.0
    }

    /// The figure as a whole number, if it is one.
    #[must_use]
    pub fn whole(self) -> Option<i64> {
        (self.0 % 1000 == 0).then_some(self.0 / 1000)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_whole_and_bounded() {
        assert!(Units::try_from(1).is_ok() && Units::try_from(Units::MAX).is_ok());
        assert!(Units::try_from(0).is_err() && Units::try_from(Units::MAX + 1).is_err());
    }

    #[test]
    fn fractions_are_exact_and_normalised() {
        assert_eq!(Fraction::try_from("0.50").unwrap().to_string(), "0.5");
        assert_eq!(Fraction::try_from("0.125").unwrap().ratio(), (125, 1000));
        for bad in ["", ".5", "1.1", "-0.5", "0.", "0.1234567890", "50%", "1e-1", "00.5"] {
            assert!(Fraction::try_from(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fourth_decimal_is_refused() {
        assert_eq!(Figure::from_number(4988.8).unwrap().thousandths(), 4_988_800);
        assert!(Figure::from_number(0.0001).is_err());
        assert!(Figure::from_number(-1.0).is_err());
        assert!(Figure::from_number(f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn every_figure_survives_the_way_through_a_number(thousandths in 0..=Figure::MAX * 1000) {
            let figure = Figure(thousandths);
            prop_assert_eq!(Figure::from_number(figure.number()), Ok(figure));
        }
    }
}
