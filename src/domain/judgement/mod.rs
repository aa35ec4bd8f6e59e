//! The judgement: may this company do this with so many of this chip at this moment, and if not, why not?
//!
//! A pure function of a dossier and a question. Board, determination, movement check and what-if all call it;
//! the board, which shows no texts, takes a [`glance`] by the same rules.
//! A missing fact never turns into permission.

pub mod answer;
pub mod assumption;
mod bound;
mod conditions;
mod exporters;
mod freshness;
mod gates;
mod headroom;
mod limits;
mod matter;
pub mod question;
mod shares;
mod standing;
mod tally;
mod terms;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use answer::{
    Answer, Effect, Evaluation, Figures, GateFinding, Glance, Headroom, Outcome, Reason, ReasonCode, Verdict,
};
pub use assumption::{Assumption, Change, Supposed, suppose};
pub use question::Question;

use super::approval::QuantityRole;
use super::citation::Citation;
use super::condition::Condition;
use super::records::{CaseOn, Dossier};
use super::workflow::Activity;
use gates::Passage;
use matter::{Matter, Telling};

/// The answer to a question about the dossier's company and chip.
#[must_use]
pub fn judge(dossier: &Dossier<'_>, question: &Question) -> Answer {
    let matter = Matter::new(*dossier, question, Telling::Whole);
    let ruling = Ruling::on(&matter);
    let limits = ruling.limits(&matter, question.activity);
    let on_orders = (question.activity != Activity::Order).then(|| ruling.limits(&matter, Activity::Order));
    Answer {
        verdict: verdict(&ruling.reasons),
        headroom: headroom::headroom(&limits, &ruling.evaluations),
        figures: headroom::figures(&matter, on_orders.as_ref().unwrap_or(&limits)),
        stale: freshness::stale(&matter, ruling.evidence.into_iter().flatten()),
        gates: ruling.findings,
        conditions: ruling.evaluations,
        reasons: ruling.reasons,
    }
}

/// What [`judge`] answers, without what only a person reads.
#[must_use]
pub fn glance(dossier: &Dossier<'_>, question: &Question) -> Glance {
    let matter = Matter::new(*dossier, question, Telling::Brief);
    let ruling = Ruling::on(&matter);
    Glance {
        verdict: verdict(&ruling.reasons),
        figures: headroom::figures(&matter, &ruling.limits(&matter, Activity::Order)),
        gates: ruling.findings,
        reasons: answer::codes(&ruling.reasons),
    }
}

/// What is for and against, and the conditions and approvals that it was taken from.
struct Ruling<'a> {
    findings: Vec<GateFinding>,
    reasons: Vec<Reason>,
    evaluations: Vec<Evaluation>,
    evidence: Vec<&'a [Citation]>,
    governing: Vec<&'a Condition>,
    counting: Vec<&'a CaseOn>,
}

impl<'a> Ruling<'a> {
    fn on(matter: &Matter<'a>) -> Self {
        let Passage { findings, mut reasons, counting, mut evidence } = Passage::of(matter);
        for case in &counting {
            reasons.extend(limits::authorised(matter, case));
            evidence.extend(authorised(case));
        }
        let governing = conditions::governing(matter, &counting);
        let mut evaluations = Vec::with_capacity(governing.len());
        for condition in &governing {
            let (evaluation, reason) = conditions::judged(matter, condition);
            if evaluation.outcome != Outcome::NotApplicable {
                evidence.push(&condition.citations);
            }
            evaluations.push(evaluation);
            reasons.extend(reason);
        }
        reasons.sort_by(|one, other| one.rank().cmp(&other.rank()));
        Self { findings, reasons, evaluations, evidence, governing, counting }
    }

    /// The known limits on an activity.
    fn limits(&self, matter: &Matter<'_>, activity: Activity) -> Vec<limits::Limit> {
        limits::known(matter, &self.governing, &self.counting, activity)
    }
}

fn authorised(case: &CaseOn) -> impl Iterator<Item = &[Citation]> {
    let authorised = case.approval.quantities.iter().filter(|it| it.role == QuantityRole::Authorised);
    authorised.map(|quantity| quantity.citations.as_slice())
}

fn verdict(reasons: &[Reason]) -> Verdict {
    let worst = reasons.iter().map(|reason| match reason.effect {
        Effect::Blocks => Verdict::No,
        Effect::LeavesOpen => Verdict::Unknown,
        Effect::Advises => Verdict::Yes,
    });
    worst.min().unwrap_or(Verdict::Yes)
}
