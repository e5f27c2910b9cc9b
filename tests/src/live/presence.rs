//! A process of the service as others see it: its number, what it logs, and what it answers.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

/// A process, for those who look at it and do not own it. It may have ended.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Its process id.
    pub pid: u32,
    /// What it says, after what those before it said.
    pub(super) log: PathBuf,
    /// What those before it had written to the log, bytes.
    pub(super) log_began: usize,
}

/// What was answered over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// How long an answer may take. A process that is frozen gives none.
const PATIENCE: Duration = Duration::from_secs(2);

impl Presence {
    /// What it has logged so far.
    pub fn logged(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[self.log_began.min(text.len())..]).into_owned()
    }

    /// The tasks that it has recovered and not given up, by its own log.
    pub fn tasks(&self) -> BTreeSet<u32> {
        let mut tasks = BTreeSet::new();
        for line in self.logged().lines() {
            let task = || -> Option<u32> {
                let (_, rest) = line.split_once("task=")?;
                rest.split(' ').next()?.parse().ok()
            };
            match task() {
                Some(task) if line.contains("task recovered") => drop(tasks.insert(task)),
                Some(task) if line.contains("task given up") => drop(tasks.remove(&task)),
                _ => {}
            }
        }
        tasks
    }

    /// Where its HTTP listens; `None` until it says so. From then on it listens for signals too.
    pub fn listens(&self) -> Option<SocketAddr> {
        let said = |line: &str| line.split_once("http on http://")?.1.trim_end_matches('/').parse().ok();
        self.logged().lines().find_map(said)
    }

    /// What it answers; `None` while it does not.
    pub fn get(&self, path: &str) -> Option<Answer> {
        let answer = || -> std::io::Result<String> {
            let address = self.listens().ok_or(std::io::ErrorKind::NotConnected)?;
            let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = answer().ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, body: body.to_string() })
    }
}
