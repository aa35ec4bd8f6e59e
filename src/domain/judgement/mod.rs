//! The judgement: may this company do this with so many of this chip at this moment, and if not, why not?
//!
//! A pure function of a dossier and a question, used by board, determination, movement check and what-if; the
//! board, which shows no texts, calls [`glance`], which applies the same rules. A missing fact never turns
//! into permission.

pub mod answer;
pub mod assumption;
mod bound;
mod conditions;
mod context;
pub mod entry;
mod exporters;
mod freshness;
mod gates;
mod headroom;
mod limits;
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
pub use entry::{Entry, join, turns};
pub use question::Question;

use std::cmp::Reverse;

use super::approval::QuantityRole;
use super::citation::Citation;
use super::condition::Condition;
use super::id::CompanyId;
use super::records::{CaseOn, Dossier};
use super::workflow::Activity;
use context::{Context, Detail};
use gates::GateResults;
use limits::Limit;

/// Answers a question about the dossier's company and chip.
#[must_use]
pub fn judge(dossier: &Dossier<'_>, question: &Question) -> Answer {
    let context = Context::new(*dossier, question, Detail::Full);
    answer(&context, Rulings::on(&context, &[]), &[])
}

/// The answer for a movement and the limits it breaks.
#[derive(Clone, Debug)]
pub struct EntryAnswer {
    /// The answer, as for any question.
    pub answer: Answer,
    /// The limits it would break: those that hold without it, and those already broken that it exceeds
    /// further. A broken limit that it does not make worse, such as a share for an order of domestic chips,
    /// is not included.
    pub breaks: Vec<Reason>,
}

/// Judges a movement. Of the approvals, only the one it names limits it, whatever its state, or if it names
/// none, every open one of the pair. A limit with a period applies only in the period of the movement's date.
#[must_use]
pub fn judge_entry(dossier: &Dossier<'_>, question: &Question, entry: Entry<'_>) -> EntryAnswer {
    let context = Context { entry: Some(entry), ..Context::new(*dossier, question, Detail::Full) };
    let draws_on = |case: &&CaseOn| match entry.approval {
        Some(named) => case.approval.id == *named,
        None => gates::counts(&context, case),
    };
    let drawn: Vec<&CaseOn> = dossier.cases().filter(draws_on).collect();
    let rulings = Rulings::on(&context, &drawn);
    let breaks = rulings.best.breaks(&context);
    EntryAnswer { answer: answer(&context, rulings, &drawn), breaks }
}

fn answer<'a>(context: &Context<'a>, rulings: Rulings<'a>, drawn: &[&'a CaseOn]) -> Answer {
    let (ruling, limits) = rulings.roomiest(context, context.question.activity);
    let headroom = headroom::headroom(&limits, &ruling.evaluations);
    let figures = if context.question.activity == Activity::Order {
        headroom::figures(context, &limits)
    } else {
        rulings.figures(context, drawn)
    };
    let ruling = rulings.best;
    Answer {
        verdict: verdict(&ruling.reasons),
        headroom,
        figures,
        stale: freshness::stale(context, ruling.evidence.into_iter().flatten()),
        gates: ruling.findings,
        conditions: ruling.evaluations,
        reasons: ruling.reasons,
    }
}

/// Like [`judge`], without texts and evidence.
#[must_use]
pub fn glance(dossier: &Dossier<'_>, question: &Question) -> Glance {
    let context = Context::new(*dossier, question, Detail::CodesOnly);
    let rulings = Rulings::on(&context, &[]);
    let figures = rulings.figures(&context, &[]);
    let ruling = rulings.best;
    Glance {
        verdict: verdict(&ruling.reasons),
        figures,
        gates: ruling.findings,
        reasons: answer::codes(&ruling.reasons),
    }
}

/// The rulings for each exporter that the company may choose.
struct Rulings<'a> {
    /// The most favourable one: not barred before barred, then the fewest blocking reasons, the fewest that
    /// leave open, the most room, and the first id.
    best: Ruling<'a>,
    others: Vec<Ruling<'a>>,
}

impl<'a> Rulings<'a> {
    /// Limits of the approvals in `drawn` count in addition to those of the approvals that count at the
    /// gates.
    fn on(context: &Context<'a>, drawn: &[&'a CaseOn]) -> Self {
        let mut exporters = exporters::alternatives(context).into_iter();
        let mut best = Ruling::on(context, exporters.next().flatten(), drawn);
        let mut others = Vec::new();
        for exporter in exporters {
            let mut ruling = Ruling::on(context, exporter, drawn);
            if ruling.rank(context) < best.rank(context) {
                std::mem::swap(&mut ruling, &mut best);
            }
            others.push(ruling);
        }
        Self { best, others }
    }

    /// The ruling whose limits leave the most room for an activity, and its limits. Considers the rulings
    /// that are not barred, or else only the best one, whose reasons are reported.
    fn roomiest(&self, context: &Context<'_>, activity: Activity) -> (&Ruling<'a>, Vec<Limit>) {
        let mut roomiest = (&self.best, self.best.limits(context, activity));
        // If the best is barred, all others are, too.
        for ruling in self.others.iter().filter(|it| !it.is_barred()) {
            let limits = ruling.limits(context, activity);
            if limits::room(&limits) > limits::room(&roomiest.1) {
                roomiest = (ruling, limits);
            }
        }
        roomiest
    }

    /// The four figures: those of orders, whatever the activity asked about.
    fn figures(&self, context: &Context<'a>, drawn: &[&'a CaseOn]) -> Figures {
        if self.others.is_empty() || context.question.activity == Activity::Order {
            return headroom::figures(context, &self.roomiest(context, Activity::Order).1);
        }
        let question = Question { activity: Activity::Order, ..context.question.clone() };
        let entry = context.entry;
        let context = Context { entry, ..Context::new(context.dossier, &question, Detail::CodesOnly) };
        Rulings::on(&context, drawn).figures(&context, drawn)
    }
}

/// The reasons for one exporter, and the conditions and approvals they come from.
struct Ruling<'a> {
    findings: Vec<GateFinding>,
    reasons: Vec<Reason>,
    evaluations: Vec<Evaluation>,
    evidence: Vec<&'a [Citation]>,
    governing: Vec<&'a Condition>,
    /// The approvals that count at the gates, and others whose limits count.
    counting: Vec<&'a CaseOn>,
}

impl<'a> Ruling<'a> {
    fn on(context: &Context<'a>, exporter: Option<&'a CompanyId>, drawn: &[&'a CaseOn]) -> Self {
        let GateResults { findings, mut reasons, mut counting, mut evidence } =
            GateResults::of(context, exporter);
        if let Some(named) = context.entry.and_then(|entry| entry.approval) {
            // A movement that names an approval counts against that one only.
            counting.retain(|case| case.approval.id == *named);
        }
        let is_beside = |case: &&&CaseOn| counting.iter().all(|it| it.approval.id != case.approval.id);
        let beside: Vec<&CaseOn> = drawn.iter().filter(is_beside).copied().collect();
        let governing = conditions::governing(context, &counting);
        counting.extend(beside);
        for case in &counting {
            reasons.extend(limits::authorised(context, case));
            evidence.extend(authorised(case));
        }
        let mut evaluations = Vec::with_capacity(governing.len());
        for condition in &governing {
            let (evaluation, reason) = conditions::judged(context, condition);
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
    fn limits(&self, context: &Context<'_>, activity: Activity) -> Vec<Limit> {
        limits::known(context, &self.governing, &self.counting, activity)
    }

    /// The sort key of rulings, the most favourable first.
    fn rank(&self, context: &Context<'_>) -> (bool, usize, usize, Reverse<i128>) {
        let count = |effect| self.reasons.iter().filter(|reason| reason.effect == effect).count();
        let room = limits::room(&self.limits(context, context.question.activity));
        (self.is_barred(), count(Effect::Blocks), count(Effect::LeavesOpen), Reverse(room))
    }

    /// The reasons about limits that the units asked about break, or exceed further.
    fn breaks(&self, context: &Context<'_>) -> Vec<Reason> {
        let is_limit =
            |reason: &&Reason| reason.effect == Effect::Blocks && reason.code == ReasonCode::OverLimit;
        let over: Vec<&Reason> = self.reasons.iter().filter(is_limit).collect();
        if over.is_empty() {
            return Vec::new();
        }
        let units = i128::from(context.question.units.get());
        let mut broken = self.limits(context, context.question.activity);
        broken.retain(|limit| limit.bound.is_broken_by(units));
        let is_broken =
            |reason: &&&Reason| broken.iter().any(|limit| reason.subject.as_ref() == Some(&limit.subject));
        over.iter().filter(is_broken).map(|reason| (*reason).clone()).collect()
    }

    /// Whether any reason other than a limit blocks.
    fn is_barred(&self) -> bool {
        let bars = |reason: &Reason| reason.effect == Effect::Blocks && reason.code != ReasonCode::OverLimit;
        self.reasons.iter().any(bars)
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
