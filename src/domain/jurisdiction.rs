//! Countries and territories by their ISO 3166-1 code.

use std::fmt;

use super::fault::{Fault, FaultCode};

/// The pattern of a jurisdiction's code.
pub const JURISDICTION_PATTERN: &str = "^[A-Z]{2}$";

/// A country or territory: an assigned ISO 3166-1 alpha-2 code, for example `CN`, `HK` or `US`.
///
/// Only the code is stored: a territory's name and affiliation differ by authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jurisdiction([u8; 2]);

impl Jurisdiction {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Every assigned code, in alphabetical order.
    #[must_use]
    pub fn codes() -> Vec<&'static str> {
        let mut codes: Vec<&'static str> = rust_iso3166::ALL.iter().map(|country| country.alpha2).collect();
        codes.sort_unstable();
        codes
    }
}

impl TryFrom<&str> for Jurisdiction {
    type Error = Fault;

    fn try_from(text: &str) -> Result<Self, Fault> {
        let unknown = || {
            Fault::new(
                FaultCode::NotInList,
                "must be an assigned ISO 3166-1 alpha-2 code in capitals, such as `CN` or `US`",
            )
        };
        let country = rust_iso3166::from_alpha2(text).ok_or_else(unknown)?;
        match country.alpha2.as_bytes() {
            &[first, second] if country.alpha2 == text => Ok(Self([first, second])),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_assigned_codes_in_capitals_are_taken() {
        for good in ["CN", "HK", "MO", "TW", "US"] {
            assert_eq!(Jurisdiction::try_from(good).unwrap().as_str(), good);
        }
        for bad in ["cn", "CHN", "XX", "ZZ", "", "C", "UK", "中国"] {
            assert!(Jurisdiction::try_from(bad).is_err(), "{bad}");
        }
    }
}
