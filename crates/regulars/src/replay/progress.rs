//! How far a replay has come, on standard error: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use programme::time::Timestamp;

use crate::summary::money::grouped;

/// Between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows how far a replay has come.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    total_bytes: u64,
    began: Instant,
    line_at: Instant,
}

impl Progress {
    /// Begins with nothing read of `total_bytes`.
    pub(crate) fn begin(total_bytes: u64) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}").expect("the template is fixed");
            ProgressBar::with_draw_target(Some(total_bytes), ProgressDrawTarget::stderr_with_hz(10))
                .with_style(style)
        });
        let now = Instant::now();
        Progress { bar, total_bytes, began: now, line_at: now }
    }

    /// Shows that `read_bytes` were read, `events` folded, and time has come to `clock`.
    pub(crate) fn show(&mut self, read_bytes: u64, events: u64, clock: Option<Timestamp>) {
        if let Some(bar) = &self.bar {
            bar.set_position(read_bytes);
            bar.set_message(self.message(events, clock));
        } else if self.line_at.elapsed() >= LINE_INTERVAL {
            self.line_at = Instant::now();
            let percent = (read_bytes * 100).checked_div(self.total_bytes).unwrap_or(100).min(100);
            eprintln!("regulars: {percent} % read, {}", self.message(events, clock));
        }
    }

    /// Clears the bar away.
    pub(crate) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a rate is far below 2^63 events a second")]
    fn message(&self, events: u64, clock: Option<Timestamp>) -> String {
        let seconds = self.began.elapsed().as_secs_f64().max(0.001);
        let rate = grouped((events as f64 / seconds) as i64);
        let events = grouped(i64::try_from(events).unwrap_or(i64::MAX));
        let day = clock.map(|clock| clock.to_string());
        let day = day.as_deref().and_then(|clock| clock.get(..10)).unwrap_or("");
        format!("{events} events, {rate}/s  {day}")
    }
}
