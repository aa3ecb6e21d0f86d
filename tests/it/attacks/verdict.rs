//! The figures of one attack, and whether they are good enough.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::time::{Duration, Instant};

use super::honest::Sample;
use super::is_long;

/// The p99 that an attack may cause, even if the control is much lower.
const P99_MAX: Duration = Duration::from_millis(300);
/// How many times higher than the control it may be.
const P99_RATIO_MAX: u32 = 3;
/// A control above this is not a quiet machine.
const CONTROL_MAX: Duration = Duration::from_millis(100);
/// The p99 of `/readyz`.
const READY_MAX: Duration = Duration::from_millis(100);
/// The warnings that one attack may cause.
const WARNINGS_MAX: usize = 500;

/// What was measured in a part of the run.
pub struct Phase {
    pub begin: Instant,
    pub end: Instant,
    pub probes: Vec<Duration>,
    pub failed_probes: Vec<String>,
    pub memory_kib: u64,
}

impl Phase {
    pub fn begin() -> Self {
        let now = Instant::now();
        Self { begin: now, end: now, probes: Vec::new(), failed_probes: Vec::new(), memory_kib: 0 }
    }

    /// This phase with the one before it.
    pub fn including(mut self, before: Self) -> Self {
        self.begin = before.begin;
        self.probes.extend(before.probes);
        self.failed_probes.extend(before.failed_probes);
        self.memory_kib = self.memory_kib.max(before.memory_kib);
        self
    }
}

/// All that was measured.
pub struct Row {
    pub name: String,
    pub samples: Vec<Sample>,
    pub before: Phase,
    pub during: Phase,
    pub after: Phase,
    pub acts: u64,
    /// The sum of the series that the attack must increment, and its minimum.
    pub counted: f64,
    pub counted_min: u32,
    pub memory_max: u64,
    /// From the daemon's start to the end of the second control.
    pub took: Duration,
    /// The series that grew during the attack, and by how much.
    pub grown: BTreeMap<String, f64>,
    /// The warnings and errors that were logged during the attack.
    pub lines: usize,
}

impl Row {
    /// Whether something else kept the machine busy.
    pub fn is_noisy(&self) -> bool {
        is_long() && self.control("honest") > CONTROL_MAX
    }

    /// Prints the row; panics if an honest sender suffered, or the attack was not counted.
    pub fn judge(&self) {
        // Not captured as the output of a test is: these rows are the result.
        if is_long() {
            let _ = writeln!(std::io::stderr(), "{self}");
        } else {
            eprintln!("{self}");
        }
        let mut faults = self.faults();
        if is_long() {
            faults.extend(self.slow());
        }
        assert!(faults.is_empty(), "{}:\n{}\n{self}\ngrown: {:#?}", self.name, faults.join("\n"), self.grown);
    }

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let failures = self.failures();
        if failures > 0 {
            let mut kinds = BTreeMap::<_, usize>::new();
            for sample in self.samples.iter().filter(|sample| sample.outcome != Ok(200)) {
                let phase = if sample.due < self.during.begin { "before" } else { self.phase_of(sample) };
                let connection = if sample.is_kept { "kept" } else { "new" };
                *kinds
                    .entry(format!("{} {connection} {phase}: {:?}", sample.sender, sample.outcome))
                    .or_default() += 1;
            }
            faults.push(format!("{failures} of {} deliveries failed: {kinds:#?}", self.samples.len()));
        }
        if self.counted < f64::from(self.counted_min) {
            faults.push(format!("counted {} times, and not {}", self.counted, self.counted_min));
        }
        let failed_probes: BTreeSet<_> = self.during.failed_probes.iter().collect();
        if !failed_probes.is_empty() {
            faults.push(format!("{} probes failed: {failed_probes:?}", self.during.failed_probes.len()));
        }
        if self.during.probes.is_empty() {
            faults.push("/readyz did not answer".into());
        }
        if self.during.memory_kib > self.memory_max << 10 {
            faults.push(format!("{} MiB of memory", self.during.memory_kib >> 10));
        }
        if self.lines > WARNINGS_MAX {
            faults.push(format!("{} warnings were logged", self.lines));
        }
        faults
    }

    fn phase_of(&self, sample: &Sample) -> &'static str {
        if sample.due < self.during.end { "during" } else { "after" }
    }

    fn slow(&self) -> Vec<String> {
        let mut slow = Vec::new();
        for sender in ["honest", "distant"] {
            let (control, attacked) = (self.control(sender), self.p99(sender, &self.during));
            if attacked > P99_MAX.max(control * P99_RATIO_MAX) {
                slow.push(format!("{sender}: p99 {attacked:?}, without the attack {control:?}"));
            }
        }
        let ready = p99(&self.during.probes);
        if ready > READY_MAX {
            slow.push(format!("/readyz: p99 {ready:?}"));
        }
        slow
    }

    fn failures(&self) -> usize {
        self.samples.iter().filter(|sample| sample.outcome != Ok(200)).count()
    }

    /// The p99 without the attack: the higher one of both controls.
    fn control(&self, sender: &str) -> Duration {
        self.p99(sender, &self.before).max(self.p99(sender, &self.after))
    }

    fn p99(&self, sender: &str, phase: &Phase) -> Duration {
        let of_phase =
            |sample: &&Sample| sample.sender == sender && (phase.begin..phase.end).contains(&sample.due);
        p99(&self.samples.iter().filter(of_phase).map(|sample| sample.took).collect::<Vec<_>>())
    }
}

/// The value that one of a hundred exceeds.
fn p99(values: &[Duration]) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * 99).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |time: Duration| time.as_millis();
        let unavailable = self.samples.iter().filter(|sample| sample.outcome == Ok(503)).count();
        let mut row = format!("| {} ({} acts) ", self.name, self.acts);
        for sender in ["honest", "distant"] {
            let (control, attacked) = (self.control(sender), self.p99(sender, &self.during));
            let _ = write!(row, "| {} | {} ", milliseconds(control), milliseconds(attacked));
        }
        let memory = [&self.before, &self.during, &self.after].map(|phase| phase.memory_kib >> 10);
        let ready = milliseconds(p99(&self.during.probes));
        write!(
            f,
            "{row}| {} | {unavailable} | {ready} | {memory:?} | {} | {:.1} s |",
            self.failures(),
            self.lines,
            self.took.as_secs_f64()
        )
    }
}
