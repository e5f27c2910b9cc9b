//! The program as its users start it: `regulars run` on files, asked over HTTP, ended by a signal.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PURCHASES: &str = "retail.purchase.recorded.v1.jsonl";

fn programme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/programme.toml")
}

fn regulars(folder: &Path) -> Command {
    under(folder, &[programme()])
}

/// The service under these editions of the terms.
fn under(folder: &Path, programme: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regulars"));
    command.current_dir(folder).args(["run", "--listen", "127.0.0.1:0", "--input", "in", "--output", "out"]);
    command.arg("--programme").args(programme).env_remove("REGULARS_LOG");
    command
}

fn buy(folder: &Path, customer: &str, basket: u32, at: &str) {
    buy_for(folder, customer, basket, at, 1_000);
}

fn buy_for(folder: &Path, customer: &str, basket: u32, at: &str, amount_minor: i64) {
    let purchase = format!(r#"{{"basketId":"b{basket}","currency":"RUB","amountMinor":"{amount_minor}"}}"#);
    let line = format!(
        r#"{{"eventId":"e{basket}","customerId":"{customer}","occurredAt":"{at}","source":"till","purchase":{purchase}}}"#
    );
    fs::create_dir_all(folder.join("in")).unwrap();
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("in").join(PURCHASES)).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// A running service, killed when the test fails.
struct Service {
    child: Child,
    address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl Service {
    fn start(folder: &Path) -> Service {
        Service::start_under(folder, &programme())
    }

    fn start_under(folder: &Path, programme: &Path) -> Service {
        let mut child = under(folder, &[programme.to_path_buf()]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address =
            lines.find_map(|line| Some(line.unwrap().split_once("http://")?.1.trim_end_matches('/').to_string()));
        // What follows is read too, or the service would wait for a reader some day.
        std::thread::spawn(move || lines.for_each(drop));
        Service { child, address: address.expect("the service says where it listens") }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn wait_for(&self, path: &str, words: &[&str]) {
        let began = Instant::now();
        loop {
            let answer = self.get(path);
            if words.iter().all(|word| answer.contains(word)) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{path} never said {words:?}: {answer}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends `signal` and returns the exit status.
    fn end(mut self, signal: &str) -> Option<i32> {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

// A director who asks how many customers are left must hear of every one that was read, and be told where nobody counts.
#[test]
fn what_all_customers_add_up_to_is_asked_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(programme()).unwrap();
    let counting = folder.path().join("counting.toml");
    fs::write(&counting, format!("{text}\n[population]\nlost_days = 30\n")).unwrap();
    buy(folder.path(), "ann", 1, "2024-03-01T12:00:00Z");
    buy(folder.path(), "bob", 2, "2024-03-02T12:00:00Z");
    buy(folder.path(), "ann", 3, "2024-03-03T12:00:00Z");
    let service = Service::start_under(folder.path(), &counting);
    service.wait_for(
        "/v1/population/2024-03",
        &["200 OK", r#""partitionsHere":[0]"#, r#""partitions":1"#, r#""baskets":3"#],
    );
    service.wait_for("/v1/population/2024?format=text", &["200 OK", "text/plain"]);
    service.wait_for("/v1/population/2024-03?format=html", &["200 OK", "text/html"]);
    service.wait_for("/v1/population/march", &["400 Bad Request", "neither a month"]);
    service.wait_for("/v1/population/2024-03?form=html", &["400 Bad Request", "expected format=json"]);
    assert_eq!(service.end("-TERM"), Some(0));

    let folder = tempfile::tempdir().unwrap();
    buy(folder.path(), "ann", 1, "2024-03-01T12:00:00Z");
    let service = Service::start(folder.path());
    service.wait_for("/v1/population/2024-03", &["404 Not Found", "no [population]"]);
    assert_eq!(service.end("-TERM"), Some(0));
}

// The life of a service: it answers for what it has read, goes on reading, ends when asked, and knows everything after
// the next start, also after a death without notice.
#[test]
fn a_service_reads_answers_ends_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    buy(folder.path(), "ann", 1, "2024-03-01T12:00:00Z");
    let service = Service::start(folder.path());
    service.wait_for("/v1/customers/ann", &["200 OK", r#""lifetimePurchases":1"#, r#""committedAgoMs":"#]);
    service.wait_for("/readyz", &["200 OK"]);
    service.wait_for("/livez", &["200 OK"]);
    service.wait_for(
        "/metrics",
        &["regulars_events_total 1", "regulars_commit_seconds_bucket", "regulars_store_cache_bytes"],
    );
    service.wait_for("/", &["text/html", "1 of 1 are here"]);
    buy(folder.path(), "ann", 2, "2024-03-02T12:00:00Z");
    service.wait_for("/v1/customers/ann", &[r#""lifetimePurchases":2"#]);
    assert_eq!(service.end("-TERM"), Some(0));

    let service = Service::start(folder.path());
    service.wait_for("/v1/customers/ann", &["200 OK", r#""lifetimePurchases":2"#]);
    assert_eq!(service.end("-KILL"), None);

    fs::remove_dir_all(folder.path().join("out").join(".data")).unwrap();
    let service = Service::start(folder.path());
    service.wait_for("/v1/customers/ann", &["200 OK", r#""lifetimePurchases":2"#]);
    assert_eq!(service.end("-INT"), Some(0));
}

fn ended(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

// A run to an instant is how a history is worked off before the service goes live.
#[test]
fn a_run_ends_at_the_instant_with_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    buy(folder.path(), "ann", 1, "2024-03-01T12:00:00Z");
    buy(folder.path(), "ann", 2, "2024-05-01T12:00:00Z");
    let (code, stdout, stderr) = ended(regulars(folder.path()).args(["--until", "2024-04-01T00:00:00Z"]));
    assert!(
        code == Some(0) && stdout.contains("events") && stdout.contains("baskets"),
        "{code:?} {stdout} {stderr}"
    );
    let first_line: Vec<&str> = stdout.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(first_line, ["events", "1"], "the second event lies behind the end of the run");
}

// Scripts and orchestrators tell by the status whether trying again can help.
#[test]
fn refusals_and_failures_have_their_status() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regulars"));
        ended(command.current_dir(folder.path()).arg("run").args(arguments))
    };
    let (code, _, stderr) = run(&["--config", "none.toml"]);
    assert!(code == Some(2) && stderr.contains("none.toml: No such file"), "{code:?} {stderr}");
    fs::write(folder.path().join("r.toml"), "[files]\ninput = 'in'\n").unwrap();
    let (code, _, stderr) = run(&["--config", "r.toml"]);
    assert!(code == Some(2) && stderr.contains("r.toml:1: files.output: is missing"), "{code:?} {stderr}");
    assert_eq!(run(&[]).0, Some(2));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    buy(folder.path(), "ann", 1, "2024-03-01T12:00:00Z");
    let (code, _, stderr) =
        ended(regulars(folder.path()).args(["--until", "2024-04-01T00:00:00Z"]).env("REGULARS_LOG", "nonsense=?"));
    assert!(code == Some(2) && stderr.contains("REGULARS_LOG"), "{code:?} {stderr}");
    let programme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/programme.toml");
    let address = taken.local_addr().unwrap().to_string();
    let arguments =
        ["--programme", programme.to_str().unwrap(), "--input", "in", "--output", "out", "--listen", &address];
    let (code, _, stderr) = run(&arguments);
    assert!(code == Some(1) && stderr.contains(&format!("listening on {address}")), "{code:?} {stderr}");
}

// New terms must not wait for a customer's next purchase, which may be months away; and a change of terms told twice, or
// told as if the customer had done something, is a call to the hotline.
#[test]
fn everybody_is_judged_once_when_the_terms_change() {
    let folder = tempfile::tempdir().unwrap();
    for customer in 0..40 {
        for basket in 0..3 {
            let at = format!("2024-03-{:02}T12:00:00Z", 1 + basket);
            buy_for(folder.path(), &format!("c{customer}"), customer * 10 + basket, &at, 10_000_00);
        }
    }
    let text = fs::read_to_string(programme()).unwrap();
    let mut number = 0;
    let mut terms = |version: &str, valid_from: Option<&str>, purchases_min: u32| {
        let from = valid_from.map_or(String::new(), |day| format!("valid_from = \"{day}\"\n"));
        let text = text
            .replacen("version = \"2025-01\"", &format!("version = \"{version}\"\n{from}"), 1)
            // Nothing holds a tier that is not earned.
            .replacen("retention_days = 90", "retention_days = 0", 1)
            .replacen("grace_days = 7", "grace_days = 0", 1)
            .replacen("warn_days = 14", "warn_days = 0", 1)
            .replacen("keep_purchases_min = 3\n", "", 1)
            .replacen("purchases_min = 4", &format!("purchases_min = {purchases_min}"), 1);
        number += 1;
        let path = folder.path().join(format!("terms-{number}.toml"));
        fs::write(&path, text).unwrap();
        path
    };
    let four = terms("four", None, 4);
    let three = terms("three", None, 3);
    let five_later = terms("five", Some("2024-03-20"), 5);
    let changes = |programme: &[PathBuf], until: &str| {
        let (code, _, stderr) = ended(under(folder.path(), programme).args(["--until", until]));
        assert_eq!(code, Some(0), "{stderr}");
        let published = fs::read_to_string(folder.path().join("out/loyalty.tier.changed.v1.jsonl"));
        let published = published.unwrap_or_default();
        let of_terms = |line: &&str| line.contains("\"TERMS_CHANGED\"");
        let by = |version: &str| {
            let version = format!("\"termsVersion\":\"{version}\"");
            published.lines().filter(of_terms).filter(|line| line.contains(&version)).count()
        };
        (published.lines().count(), by("three"), by("five"))
    };
    assert_eq!(changes(std::slice::from_ref(&four), "2024-03-10T00:00:00Z"), (0, 0, 0));
    // The file was exchanged: everybody rises, at once, and once.
    assert_eq!(changes(std::slice::from_ref(&three), "2024-03-10T06:00:00Z"), (40, 40, 0));
    assert_eq!(changes(std::slice::from_ref(&three), "2024-03-10T12:00:00Z"), (40, 40, 0));
    // An edition is added before it begins: everybody falls when it does.
    let both = [three, five_later];
    assert_eq!(changes(&both, "2024-03-19T20:59:59Z"), (40, 40, 0));
    assert_eq!(changes(&both, "2024-03-19T21:00:00Z"), (80, 40, 40));
    assert_eq!(changes(&both, "2024-03-25T00:00:00Z"), (80, 40, 40));
    // Two that have always held cannot both.
    let (code, _, stderr) = ended(&mut under(folder.path(), &[both[0].clone(), four]));
    assert!(code == Some(2) && stderr.contains("valid_from: is not given, and another"), "{code:?} {stderr}");
}
