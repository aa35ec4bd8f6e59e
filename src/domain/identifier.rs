//! Public identifiers of companies.

use super::fault::{Fault, FaultCode};
use super::text::{Note, Reference};
use super::vocabulary::vocabulary;

vocabulary! {
    /// The numbering scheme of an identifier.
    Scheme {
        /// Legal Entity Identifier, ISO 17442.
        Lei = "lei",
        /// A symbol on an exchange, for example `9988.HK`.
        Ticker = "ticker",
        /// Central Index Key of the US Securities and Exchange Commission.
        Cik = "cik",
        /// International Securities Identification Number, ISO 6166.
        Isin = "isin",
        /// Unified Social Credit Code, GB 32100.
        Uscc = "uscc",
        /// Any other numbering; say which in the status.
        Other = "other",
    }
}

/// One identifier of a company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    scheme: Scheme,
    value: Reference,
    status: Option<Note>,
}

impl Identifier {
    /// Makes an identifier. The value must have the form of its scheme; the check digits of an LEI are
    /// verified.
    ///
    /// # Errors
    ///
    /// A [`Fault`] about the value if it does not have the form of the scheme.
    pub fn new(scheme: Scheme, value: Reference, status: Option<Note>) -> Result<Self, Fault> {
        let text = value.as_str();
        match scheme {
            Scheme::Lei => lei_fits(text)?,
            Scheme::Cik => fits(digits(text, 1..=10), "a CIK: up to ten digits")?,
            Scheme::Isin => {
                fits(isin_fits(text), "an ISIN: two letters, nine letters or digits, one check digit")?;
            }
            Scheme::Uscc => {
                fits(capitals(text, 18), "a unified social credit code: 18 digits and capital letters")?;
            }
            Scheme::Ticker | Scheme::Other => {}
        }
        Ok(Self { scheme, value, status })
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> &Reference {
        &self.value
    }

    /// The status as far as known, for example `lapsed`.
    #[must_use]
    pub fn status(&self) -> Option<&Note> {
        self.status.as_ref()
    }
}

fn fits(holds: bool, form: &str) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::new(FaultCode::Malformed, format!("must be {form}"))) }
}

fn capitals(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> bool {
    length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn isin_fits(text: &str) -> bool {
    capitals(text, 12)
        && text.bytes().take(2).all(|b| b.is_ascii_uppercase())
        && text.bytes().last().is_some_and(|b| b.is_ascii_digit())
}

fn lei_fits(text: &str) -> Result<(), Fault> {
    fits(capitals(text, 20), "an LEI: 18 digits and capital letters and two check digits")?;
    match lei::parse(text) {
        Ok(_) => Ok(()),
        Err(lei::LEIError::IncorrectCheckDigits { .. }) => Err(Fault::new(
            FaultCode::CheckDigits,
            "the last two digits do not fit the rest (ISO 17442); check for a typing error",
        )),
        Err(other) => Err(Fault::new(FaultCode::Malformed, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(scheme: Scheme, value: &str) -> Result<Identifier, Fault> {
        Identifier::new(scheme, Reference::try_from(value).unwrap(), None)
    }

    #[test]
    fn the_check_digits_of_an_lei_are_verified() {
        assert!(identifier(Scheme::Lei, "5493001NTNQJDH60PM02").is_ok());
        assert_eq!(identifier(Scheme::Lei, "5493001NTNQJDH60PM03").unwrap_err().code, FaultCode::CheckDigits);
        for bad in ["5493001NTNQJDH60PM0", "5493001ntnqjdh60pm02", "5493001NTNQJDH60PMXX", "阿里巴巴集团控股"]
        {
            assert_eq!(identifier(Scheme::Lei, bad).unwrap_err().code, FaultCode::Malformed, "{bad}");
        }
    }

    #[test]
    fn other_schemes_have_their_form() {
        assert!(identifier(Scheme::Isin, "KYG017191142").is_ok());
        assert!(identifier(Scheme::Isin, "KYG01719114X").is_err());
        assert!(identifier(Scheme::Cik, "1577552").is_ok());
        assert!(identifier(Scheme::Cik, "15775520000").is_err());
        assert!(identifier(Scheme::Ticker, "9988.HK").is_ok());
    }
}
