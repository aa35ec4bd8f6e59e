//! The judgement: may this company do this with so many of this chip at this moment, and if not, why not?
//!
//! A pure function of a dossier and a question. Board, determination, movement check and what-if all call it.
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
    Answer, Effect, Evaluation, Figures, GateFinding, Headroom, Outcome, Reason, ReasonCode, Verdict,
};
pub use assumption::{Assumption, Change, Supposed, suppose};
pub use question::Question;

use super::approval::QuantityRole;
use super::citation::Citation;
use super::records::{CaseOn, Dossier};
use super::workflow::Activity;
use gates::Passage;
use matter::Matter;

/// The answer to a question about the dossier's company and chip.
#[must_use]
pub fn judge(dossier: &Dossier<'_>, question: &Question) -> Answer {
    let matter = Matter::new(*dossier, question);
    let Passage { findings, mut reasons, counting, mut evidence } = Passage::of(&matter);
    for case in &counting {
        reasons.extend(limits::authorised(&matter, case));
        evidence.extend(authorised(case));
    }
    let governing = conditions::governing(&matter, &counting);
    let mut evaluations = Vec::with_capacity(governing.len());
    for condition in &governing {
        let (evaluation, reason) = conditions::judged(&matter, condition);
        if evaluation.outcome != Outcome::NotApplicable {
            evidence.push(&condition.citations);
        }
        evaluations.push(evaluation);
        reasons.extend(reason);
    }
    reasons.sort_by(|one, other| one.rank().cmp(&other.rank()));
    let known = |activity| limits::known(&matter, &governing, &counting, activity);
    let limits = known(question.activity);
    let on_orders = (question.activity != Activity::Order).then(|| known(Activity::Order));
    Answer {
        verdict: verdict(&reasons),
        gates: findings,
        headroom: headroom::headroom(&limits, &evaluations),
        figures: headroom::figures(&matter, on_orders.as_ref().unwrap_or(&limits)),
        stale: freshness::stale(&matter, evidence.into_iter().flatten()),
        conditions: evaluations,
        reasons,
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
