//! Citations: the evidence for what is on record.

use super::fault::{Fault, FaultCode};
use super::id::SourceId;
use super::text::Note;
use super::vocabulary::vocabulary;

vocabulary! {
    /// Who makes a statement, according to its source.
    Attribution {
        /// The text of a rule, proclamation, notice or guidance.
        OfficialText = "official_text",
        /// A company's statement in a securities filing.
        CompanyFiling = "company_filing",
        /// A named public official.
        OfficialOnRecord = "official_on_record",
        /// A company or one of its executives, named, outside a filing.
        CompanyOnRecord = "company_on_record",
        /// People whose names the outlet keeps to itself.
        Anonymous = "anonymous",
        /// A second outlet repeating a first one.
        Relayed = "relayed",
        /// The same outlet's own earlier report.
        OutletEarlierReport = "outlet_earlier_report",
        /// Earlier reports that are not named.
        UnspecifiedReports = "unspecified_reports",
        /// The article itself, naming nobody.
        ArticleVoice = "article_voice",
        /// A headline, summary or bullet by an editor.
        EditorialSummary = "editorial_summary",
        /// A conclusion drawn from other facts.
        Inference = "inference",
        /// Our own books; needs no source.
        OwnRecord = "own_record",
    }
}

/// A piece of evidence: a source, and the attribution of the statement in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    source: Option<SourceId>,
    attribution: Attribution,
    /// How many people the source says its statement is based on.
    pub sources: Option<u32>,
    /// Why they are not named, if the source says so.
    pub anonymity_reason: Option<Note>,
    /// Anything else worth knowing about this piece of evidence.
    pub note: Option<Note>,
}

impl Citation {
    /// Largest number of people in a citation.
    pub const MAX_SOURCES: u32 = 10_000;

    /// Makes a citation. Only the attribution to our own record needs no source.
    ///
    /// # Errors
    ///
    /// A [`Fault`] about the source if it is missing.
    pub fn new(source: Option<SourceId>, attribution: Attribution) -> Result<Self, Fault> {
        if source.is_none() && attribution != Attribution::OwnRecord {
            return Err(Fault::new(
                FaultCode::Missing,
                format!("`{attribution}` needs the source it is found in; only `own_record` needs none"),
            ));
        }
        Ok(Self { source, attribution, sources: None, anonymity_reason: None, note: None })
    }

    /// The source.
    #[must_use]
    pub fn source(&self) -> Option<&SourceId> {
        self.source.as_ref()
    }

    /// The attribution.
    #[must_use]
    pub fn attribution(&self) -> Attribution {
        self.attribution
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::vocabulary::Vocabulary;

    #[test]
    fn only_our_own_record_needs_no_source() {
        for attribution in Attribution::ALL.iter().copied() {
            let own = attribution == Attribution::OwnRecord;
            assert_eq!(Citation::new(None, attribution).is_ok(), own, "{attribution}");
        }
    }
}
