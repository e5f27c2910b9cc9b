//! How one step of a chore is run and watched: a heading, its output as it comes, and a line now and then
//! while it is silent, so that nobody wonders whether a half-hour compile has hung.

use std::io::{self, IsTerminal, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result, starting};

/// Longest silence before the step says that it is still at work.
const QUIET_MAX: Duration = Duration::from_secs(40);

pub(crate) fn heading(text: &str) {
    eprintln!("==> {text}");
}

pub(crate) fn note(text: &str) {
    eprintln!("    {text}");
}

/// Runs `command` to its end, its output passed on as it comes. An exit status other than 0 is a failure.
pub(crate) fn run(title: &str, command: &mut Command) -> Result<Duration> {
    run_with_progress(title, command, String::new)
}

/// As [`run`], with `progress` asked for a few words each time the step has been silent for a while.
pub(crate) fn run_with_progress(
    title: &str,
    command: &mut Command,
    progress: impl Fn() -> String,
) -> Result<Duration> {
    heading(title);
    let started = Instant::now();
    if io::stderr().is_terminal() {
        // The pipes below would make cargo drop its colours.
        command.env("CARGO_TERM_COLOR", "always");
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(starting(&program))?;
    let status =
        watch(child, title, started, progress).map_err(|error| Failure::failed(format!("{title}: {error}")))?;
    ended(title, status)?;
    note(&format!("done in {}", duration(started.elapsed())));
    Ok(started.elapsed())
}

/// Runs `command` on our own terminal: for a program that shows its progress itself.
pub(crate) fn run_attached(title: &str, command: &mut Command) -> Result<Duration> {
    heading(title);
    let started = Instant::now();
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().map_err(starting(&program))?;
    ended(title, status)?;
    Ok(started.elapsed())
}

/// Runs `command` silently and returns its standard output; its standard error becomes the failure's message.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = outlast(&program, || command.stdin(Stdio::null()).output()).map_err(starting(&program))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::failed(format!("{program}: {}: {}", output.status, said.trim())));
    }
    String::from_utf8(output.stdout)
        .map_err(|error| Failure::failed(format!("{program}: output is not text: {error}")))
}

/// Whether `program --version` works here. A mere name on the path may be a stub that only says how to install it.
pub(crate) fn is_installed(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// `3 min 20 s`: precise enough for a person who waits.
pub(crate) fn duration(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        0..10 => format!("{:.1} s", elapsed.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

fn ended(title: &str, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::failed(format!("{title}: {status}")))
}

/// Waits for `work`, saying now and then that it goes on.
pub(crate) fn outlast<T: Send>(title: &str, work: impl FnOnce() -> T + Send) -> T {
    let started = Instant::now();
    let (ended, wait) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || ended.send(work()));
        loop {
            match wait.recv_timeout(QUIET_MAX) {
                Ok(value) => return value,
                Err(RecvTimeoutError::Timeout) => {
                    note(&format!("still at it: {title}, {}", duration(started.elapsed())));
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("the working thread sends or panics with us"),
            }
        }
    })
}

fn watch(mut child: Child, title: &str, started: Instant, progress: impl Fn() -> String) -> io::Result<ExitStatus> {
    let stdout = child.stdout.take().expect("spawned with a pipe");
    let stderr = child.stderr.take().expect("spawned with a pipe");
    let spoke_last = Mutex::new(Instant::now());
    let (ended, wait) = mpsc::channel();
    thread::scope(|scope| {
        let spoke_last = &spoke_last;
        scope.spawn(move || pass_on(stdout, io::stdout(), spoke_last));
        scope.spawn(move || pass_on(stderr, io::stderr(), spoke_last));
        scope.spawn(move || ended.send(child.wait()));
        loop {
            match wait.recv_timeout(Duration::from_secs(1)) {
                Ok(status) => return status,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the waiting thread always sends"),
            }
            let mut spoke_last = spoke_last.lock().expect("no thread panics while it holds this");
            if spoke_last.elapsed() >= QUIET_MAX {
                *spoke_last = Instant::now();
                let words = progress();
                let comma = if words.is_empty() { "" } else { ", " };
                note(&format!("still at it: {title}, {}{comma}{words}", duration(started.elapsed())));
            }
        }
    })
}

/// Copies one stream of the child to ours. A closed terminal must not stop the child, so write errors are dropped.
fn pass_on(mut from: impl Read, mut to: impl Write, spoke_last: &Mutex<Instant>) {
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let _ = to.write_all(&buffer[..count]).and_then(|()| to.flush());
        *spoke_last.lock().expect("no thread panics while it holds this") = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        assert_eq!(duration(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(duration(Duration::from_secs(59)), "59 s");
        assert_eq!(duration(Duration::from_secs(1682)), "28 min 02 s");
    }

    /// A failing step that counted as done would let broken code through `cargo xtask test`.
    #[test]
    fn a_failing_child_fails_the_step() {
        assert!(run("true", &mut Command::new("true")).is_ok());
        assert_eq!(run("false", &mut Command::new("false")).unwrap_err().exit_status(), 1);
        assert!(run("nothing", &mut Command::new("no-such-program-here")).is_err());
    }
}
