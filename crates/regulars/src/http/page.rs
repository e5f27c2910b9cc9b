//! The status page for people: plain HTML, made here, with no script in it.

use std::fmt::{self, Display, Write};

use engine::tally::Tally;
use programme::time::Timestamp;

use super::customer::ago;
use crate::run::status::{Status, TaskView};

/// What the page shows beside the status.
pub(super) struct Facts<'a> {
    /// The edition of the terms.
    pub(super) terms_version: &'a str,
    /// The wall clock.
    pub(super) now: Timestamp,
}

/// The page.
pub(super) fn page(status: &Status, facts: &Facts<'_>) -> String {
    let mut html = String::with_capacity(4096);
    write_page(&mut html, status, facts).expect("writing into a string cannot fail");
    html
}

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5">
<title>Regulars</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid #8884; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
:root { color-scheme: light dark; }
</style>
</head>
<body>
"#;

fn write_page(html: &mut String, status: &Status, facts: &Facts<'_>) -> fmt::Result {
    html.push_str(HEAD);
    let version = env!("CARGO_PKG_VERSION");
    let minutes = status.running_for().as_secs() / 60;
    writeln!(html, "<h1>Regulars</h1>")?;
    writeln!(html, "<p>Version {version}, terms {}, running for {minutes} min.</p>", Escaped(facts.terms_version))?;
    let unready = status.unready();
    if unready.is_empty() {
        writeln!(html, "<p>Ready.</p>")?;
    } else {
        writeln!(html, "<p>Not ready:</p>\n<ul>")?;
        for reason in unready.iter().chain(&status.stuck()) {
            writeln!(html, "<li>{}</li>", Escaped(reason))?;
        }
        writeln!(html, "</ul>")?;
    }
    write_tasks(html, status, facts.now)?;
    write_tally(html, &status.tally())?;
    html.push_str(
        "<p>A customer: <code>/v1/customers/{id}</code>. Also: <a href=\"/metrics\">metrics</a>, \
         <a href=\"/livez\">alive</a>, <a href=\"/readyz\">ready</a>.</p>\n</body>\n</html>\n",
    );
    Ok(())
}

fn write_tasks(html: &mut String, status: &Status, now: Timestamp) -> fmt::Result {
    let tasks = status.tasks();
    writeln!(html, "<h2>Tasks</h2>")?;
    match status.partitions() {
        Some(partitions) => writeln!(html, "<p>{} of {partitions} are here.</p>", tasks.len())?,
        None => writeln!(html, "<p>The number of partitions is not known yet.</p>")?,
    }
    writeln!(
        html,
        "<table>\n<tr><th>task</th><th>state</th><th>clock</th><th>behind the wall</th><th>held</th></tr>"
    )?;
    for (task, view) in tasks {
        let (clock, lag) = match view.clock {
            Some(clock) => (clock.to_string(), ago(now, clock)),
            None => ("no event yet".to_string(), String::new()),
        };
        writeln!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{clock}</td><td>{lag}</td><td class=\"n\">{}</td></tr>",
            task.0,
            state(&view),
            view.held
        )?;
    }
    writeln!(html, "</table>")
}

fn state(view: &TaskView) -> &'static str {
    match (view.recovering, view.overdue, view.at_end) {
        (true, _, _) => "recovering",
        (false, true, _) => "firing wakeups",
        (false, false, false) => "reading",
        (false, false, true) => "at the end of the log",
    }
}

fn write_tally(html: &mut String, tally: &Tally) -> fmt::Result {
    writeln!(html, "<h2>Since the start</h2>\n<table>")?;
    let mut row = |name: &dyn Display, count: u64| {
        writeln!(html, "<tr><td>{}</td><td class=\"n\">{count}</td></tr>", Escaped(name))
    };
    row(&"records", tally.records)?;
    row(&"events", tally.events)?;
    row(&"duplicates", tally.duplicates)?;
    row(&"late events", tally.late)?;
    row(&"new customers", tally.customers)?;
    row(&"wakeups", tally.wakeups)?;
    row(&"decisions", tally.decisions)?;
    for ((from, to), count) in &tally.tier_changes {
        row(&format_args!("tier {} to {}", named(from), named(to)), *count)?;
    }
    for ((from, to), count) in &tally.risk_changes {
        row(&format_args!("churn risk {} to {}", named(from), named(to)), *count)?;
    }
    for (reason, count) in &tally.dead_letters {
        row(&format_args!("dead letters: {reason}"), *count)?;
    }
    writeln!(html, "</table>")
}

fn named(name: &str) -> &str {
    if name.is_empty() { "none" } else { name }
}

/// Text as it may stand anywhere in HTML.
struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.to_string().chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use engine::log::TaskId;

    use super::*;

    // Names of tiers and editions come from a file: they must not become markup.
    #[test]
    fn everything_is_escaped() {
        let status = Status::new(1, std::time::Duration::from_secs(60));
        status.set_partitions(4);
        let mut tally = Tally::default();
        tally.tier_changes.insert(("<b>".to_string(), "gold & \"more\"".to_string()), 3);
        let view = TaskView { clock: Some(Timestamp(0)), at_end: true, ..TaskView::default() };
        status.turned(0, &tally, [(TaskId(2), view)].into_iter(), false);
        let html = page(&status, &Facts { terms_version: "<script>", now: Timestamp(86_400_000) });
        assert!(html.contains("tier &lt;b&gt; to gold &amp; &quot;more&quot;"), "{html}");
        assert!(html.contains("terms &lt;script&gt;"), "{html}");
        assert!(html.contains("<td>1970-01-01T00:00:00Z</td><td>24 h</td>"), "{html}");
        assert!(html.contains("1 of 4 are here"), "{html}");
    }
}
