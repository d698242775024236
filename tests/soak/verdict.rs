//! What is said of a script: what it came to, or how to repeat it.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use crate::crew::Crew;
use crate::play::{AUDITED, Play};
use crate::refused;
use crate::script::{Script, Step};

/// A script, as far as it has been played.
pub(crate) struct Account {
    seed: u64,
    /// What repeats it.
    again: String,
    began: Instant,
    lines: Vec<String>,
    ahead: usize,
}

impl Account {
    pub(crate) fn open(script: &Script) -> Self {
        let (seed, again) = (script.seed, script.again());
        Self { seed, again, began: Instant::now(), lines: Vec::new(), ahead: script.steps.len() }
    }

    pub(crate) fn enter(&mut self, step: &Step) {
        self.ahead -= 1;
        self.say(&step.to_string());
    }

    pub(crate) fn say(&mut self, what: &str) {
        self.lines.push(format!("{:7.2} s  {what}", self.began.elapsed().as_secs_f64()));
    }

    /// Says what was played until it failed, and where the logs are.
    pub(crate) fn fail(&self, crew: &Crew) {
        let logs = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("soak-{}", self.seed));
        fs::remove_dir_all(&logs).ok();
        fs::create_dir_all(&logs).expect("a writable directory");
        crew.write_logs(&logs);
        let Self { seed, again, lines, ahead, .. } = self;
        eprintln!(
            "--- seed {seed} failed, and {ahead} steps were not played:\n{}\n--- after {:.2} s. The members' logs are in {}; to repeat it:\n\
             {again} make soak\n---",
            lines.join("\n"),
            self.began.elapsed().as_secs_f64(),
            logs.display()
        );
    }
}

/// What a script that was played to its end came to.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    records: u64,
    duplicates: usize,
    killed: u64,
    stragglers: usize,
    proofs: u64,
    steps: usize,
    reasons: Vec<&'static str>,
}

impl Verdict {
    /// Ends the audits. `ends` are those of the topics.
    #[track_caller]
    pub(crate) fn of(play: &mut Play<'_>, script: &Script, ends: &[Vec<i64>]) -> Self {
        let reasons = play.crew.reasons();
        let (steps, killed) = (script.steps.len(), play.crew.kills());
        let mut verdict = Self { killed, steps, reasons, ..Self::default() };
        for ((topic, _), (hub, audit)) in AUDITED.into_iter().zip(play.audits.drain(..)) {
            let report = audit.finish(&ends[topic]);
            verdict.records += report.records;
            verdict.proofs += report.proofs;
            verdict.duplicates += report.duplicates.len();
            if hub != "robin" {
                verdict.stragglers += report.stragglers.len();
            }
            let mut places = report.duplicates;
            places.sort_unstable();
            let most = places.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap_or(0) as u64;
            let interruptions = play.crew.interruptions();
            assert!(
                most <= interruptions,
                "a record came {most} times more than once to `{hub}`, and only {interruptions} things happened"
            );
        }
        refused::assert_letters(play.kafka, &play.letters, &ends[0]);
        assert_eq!(play.crew.halts(), 0, "a partition was halted");
        assert!(verdict.duplicates == 0 || !script.once, "nothing may come twice: {verdict}");
        let explained = !script.is_orderly() || !verdict.reasons.is_empty();
        assert!(verdict.duplicates == 0 || explained, "nothing explains the duplicates: {verdict}");
        verdict
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, duplicates, killed, stragglers, proofs, steps, reasons } = self;
        write!(
            f,
            "{steps} steps, {killed} kills, {records} records, {duplicates} twice, {stragglers} late, {proofs} looks, {reasons:?}"
        )
    }
}
