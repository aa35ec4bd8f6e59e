//! Figures of rounds, and the table they are printed in.

use std::time::Duration;

/// What one round of load came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    /// Requests answered.
    pub(crate) requests: f64,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// The processor time of the service, in seconds.
    pub(crate) cpu: f64,
    /// The time that 99 of 100 requests took at most.
    pub(crate) p99: Duration,
}

impl Round {
    /// Requests per second.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.seconds
    }

    /// Microseconds of processor time per request.
    fn microseconds(&self) -> f64 {
        self.cpu * 1e6 / self.requests.max(1.0)
    }
}

/// The median of some figures, with the lowest and the highest.
struct Spread {
    low: f64,
    median: f64,
    high: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut figures: Vec<f64> = figures.collect();
        figures.sort_by(f64::total_cmp);
        let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
        Self { low: at(0), median: at(figures.len() / 2), high: at(figures.len().saturating_sub(1)) }
    }

    fn shown(&self, decimals: usize) -> String {
        format!("{:.decimals$} ({:.decimals$}–{:.decimals$})", self.median, self.low, self.high)
    }
}

/// The table, and what there is to say beneath it.
#[derive(Default)]
pub(crate) struct Table {
    lines: Vec<String>,
    notes: Vec<String>,
}

impl Table {
    /// Adds the line of one kind of work: rounds of ours, each beside the baseline's of the same moment.
    pub(crate) fn line(&mut self, work: &str, rounds: &[(Round, Round)]) {
        let ours = Spread::of(rounds.iter().map(|(ours, _)| ours.rate()));
        let theirs = Spread::of(rounds.iter().map(|(_, theirs)| theirs.rate()));
        let ratio = Spread::of(rounds.iter().map(|(ours, theirs)| ours.rate() / theirs.rate()));
        let cost = Spread::of(rounds.iter().map(|(ours, _)| ours.microseconds()));
        let their_cost = Spread::of(rounds.iter().map(|(_, theirs)| theirs.microseconds()));
        let costs =
            Spread::of(rounds.iter().map(|(ours, theirs)| ours.microseconds() / theirs.microseconds()));
        let line = format!(
            "| {work} | {} | {} | {} | {} | {} | {} |",
            ours.shown(0),
            theirs.shown(0),
            ratio.shown(2),
            cost.shown(1),
            their_cost.shown(1),
            costs.shown(2),
        );
        eprintln!("{line}");
        self.lines.push(line);
    }

    /// Adds a figure that has no place in the table.
    pub(crate) fn note(&mut self, what: &str, decimals: usize, figures: impl Iterator<Item = f64>) {
        self.notes.push(format!("- {what}: {}", Spread::of(figures).shown(decimals)));
    }

    /// Prints all of it.
    pub(crate) fn print(&self) {
        println!("| work | rate /s | baseline /s | ratio | CPU a request, µs | baseline | ratio |");
        println!("| --- | --- | --- | --- | --- | --- | --- |");
        println!("{}\n\n{}", self.lines.join("\n"), self.notes.join("\n"));
    }
}
