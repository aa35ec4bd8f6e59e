//! The vocabularies of conditions.

use crate::domain::time::Date;
use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// The kinds of conditions.
    ConditionKind {
        /// A share of domestic chips in all a company buys.
        DomesticShare = "domestic_share",
        /// A greatest number of units.
        UnitCap = "unit_cap",
        /// A greatest number of units as a share of a reference.
        RelativeCap = "relative_cap",
        /// A limit on one of the chip's figures.
        SpecificationLimit = "specification_limit",
        /// Uses or users that are ruled out.
        Exclusion = "exclusion",
        /// Where the chip may stand.
        LocationOfUse = "location_of_use",
        /// Something that must have been done.
        Requirement = "requirement",
        /// Activities that are ruled out altogether.
        Prohibition = "prohibition",
        /// Money due.
        Payment = "payment",
        /// Anything else, in words.
        Other = "other",
    }
}

vocabulary! {
    /// The force of a condition.
    Force {
        /// It is wished: it only advises.
        Encouraged = "encouraged",
        /// It may come to bind: unmet or unknown, it leaves the answer open.
        MayBeRequired = "may_be_required",
        /// It binds: unmet it blocks, unknown it leaves the answer open.
        Required = "required",
    }
}

vocabulary! {
    /// Whether a condition counts.
    ConditionStatus {
        /// Spoken of, not imposed: it never counts.
        Proposed = "proposed",
        /// Imposed: it counts from `in_force_from` until `in_force_until`.
        InForce = "in_force",
        /// Lifted: it never counts.
        Waived = "waived",
    }
}

vocabulary! {
    /// Why a parameter has no value.
    Unknown {
        /// The authority has not set it.
        UnsetByAuthority = "unset_by_authority",
        /// It rests on a term nobody has defined.
        UndefinedTerm = "undefined_term",
        /// It may be set, but no source says to what.
        NotReported = "not_reported",
        /// Sources contradict each other.
        Conflicting = "conflicting",
    }
}

vocabulary! {
    /// The unit of a domestic share.
    ShareBasis {
        /// Chips.
        Units = "units",
        /// Chips weighted by their total processing performance (`specification.tpp`); a chip whose figure is not on
        /// record leaves it unknown.
        Performance = "performance",
    }
}

vocabulary! {
    /// Which movements count.
    Counting {
        /// Orders, net of cancellations.
        Ordered = "ordered",
        /// Shipments, net of returns.
        Shipped = "shipped",
        /// Deliveries, with what is under way.
        Delivered = "delivered",
    }
}

vocabulary! {
    /// The calendar period (UTC) after which a count starts again.
    Period {
        /// Each month.
        Month = "month",
        /// Each quarter.
        Quarter = "quarter",
        /// Each year.
        Year = "year",
    }
}

vocabulary! {
    /// A figure of a chip that can be limited.
    Metric {
        /// Total processing performance.
        Tpp = "tpp",
        /// Total memory bandwidth, in gigabytes per second.
        MemoryBandwidth = "memory_bandwidth_gb_s",
        /// Total processing performance over applicable die area.
        PerformanceDensity = "performance_density",
    }
}

vocabulary! {
    /// The part of a question that an exclusion applies to.
    ExclusionOf {
        /// What the chip is used for.
        EndUse = "end_use",
        /// Who uses it.
        EndUser = "end_user",
    }
}

vocabulary! {
    /// The subject of a requirement.
    RequirementOf {
        /// Verification by an independent laboratory before shipment.
        ThirdPartyTest = "third_party_test",
        /// Vetting of those who will use the chips.
        KnowYourCustomer = "know_your_customer",
        /// A statement that supply to the exporting country's customers does not suffer.
        SupplyAssurance = "supply_assurance",
        /// A statement that foundry capacity is not drawn away.
        CapacityNonDiversion = "capacity_non_diversion",
        /// Security arrangements of the recipient.
        SecurityProcedures = "security_procedures",
        /// An explanation of why domestic chips do not do.
        Justification = "justification",
        /// Consent to each purchase by itself.
        CaseByCaseConsent = "case_by_case_consent",
        /// Reports after shipment.
        Reporting = "reporting",
        /// The product can be bought commercially in the exporting country.
        CommercialAvailability = "commercial_availability",
        /// Sale through a distributor the authority approved.
        ApprovedIntermediary = "approved_intermediary",
        /// Export straight from the exporting country.
        DirectExport = "direct_export",
        /// Acceptance of the licence's terms.
        TermsAcceptance = "terms_acceptance",
        /// Passing the conditions on to those they bind.
        ConditionCommunication = "condition_communication",
        /// Inspection at the border.
        BorderInspection = "border_inspection",
        /// Something else; the note says what.
        Other = "other",
    }
}

vocabulary! {
    /// The legal form of a payment.
    PaymentForm {
        /// A share of the seller's revenue.
        RevenueShare = "revenue_share",
        /// A duty on import.
        ImportDuty = "import_duty",
        /// A fee.
        Fee = "fee",
    }
}

impl Period {
    /// The length in months.
    #[must_use]
    pub fn months(self) -> i8 {
        match self {
            Self::Month => 1,
            Self::Quarter => 3,
            Self::Year => 12,
        }
    }

    /// The first day of the period that contains a day.
    #[must_use]
    pub fn first(self, day: Date) -> Date {
        day.run_of(self.months())
    }

    /// The first day of the following period; `None` if it lies beyond the calendar's end.
    #[must_use]
    pub fn next(self, day: Date) -> Option<Date> {
        day.next_run_of(self.months())
    }
}
