//! What the house style asks of a file and no other tool checks.
//!
//! | rule | why |
//! | --- | --- |
//! | at most 800 lines | a file answers one question |
//! | begins with `//!` | and says which |
//! | no `mod.rs` | ten open files must not have one name |
//! | no `pub use` | one thing has one path |
//! | no banner comments | a file that needs them is two files |
//! | no note of work left undone | it belongs in the issue tracker |

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result, at};
use crate::places::Places;
use crate::step;

const LINES_MAX: usize = 800;

/// Printed as `file:line: what`, which editors turn into a link.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: PathBuf,
    /// Counted from 1.
    line: usize,
    what: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// Prints what it finds on standard output; finding anything is a failure.
pub(crate) fn run(places: &Places) -> Result<()> {
    let mut findings = Vec::new();
    let files = source_files(places)?;
    for file in &files {
        let path = places.root.join(file);
        let text = fs::read_to_string(&path).map_err(at("read", &path))?;
        findings.extend(inspect(file, &text));
    }
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            step::note(&format!("{} files are tidy", files.len()));
            Ok(())
        }
        count => Err(Failure::failed(format!("tidy: {count} findings in {} files", files.len()))),
    }
}

/// Every file of our own that git knows or would add, by its path in the checkout.
fn source_files(places: &Places) -> Result<Vec<PathBuf>> {
    let listed = step::output(Command::new("git").current_dir(&places.root).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        "*.rs",
        "*.proto",
    ]))?;
    let files = listed.lines().map(PathBuf::from);
    // A file removed from the folder and not yet from the index is still listed.
    Ok(files.filter(|file| places.root.join(file).is_file()).collect())
}

fn inspect(file: &Path, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line: usize, what: &'static str| findings.push(Finding { file: file.to_owned(), line, what });
    let rust = file.extension().is_some_and(|extension| extension == "rs");
    if file.file_name().is_some_and(|name| name == "mod.rs") {
        find(1, "mod.rs: name the file after its module, beside its folder");
    }
    if rust && !text.starts_with("//!") {
        find(1, "begins without //!: say which question this file answers");
    }
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if number == LINES_MAX + 1 {
            find(number, "more than 800 lines: this file answers two questions");
        }
        let code = line.trim_start();
        if rust && is_reexport(code) {
            find(number, "pub use: a thing has one path");
        }
        if is_banner(code) {
            find(number, "banner comment: a sentence or another file");
        }
        if comment(line).is_some_and(is_reminder) {
            find(number, "work left undone: do it or write an issue");
        }
    }
    findings
}

/// A module may hand a name of its child to the rest of its crate, `pub(crate) use`: that makes no second public path.
fn is_reexport(code: &str) -> bool {
    code.starts_with("pub use ")
}

/// `// ==== Section`, `// Section ----`, `/////// Section`. Drawings and tables belong in documentation comments, which may
/// hold any marks.
fn is_banner(code: &str) -> bool {
    let Some(comment) = code.strip_prefix("//") else { return false };
    if comment.starts_with("//") {
        return true;
    }
    let text = comment.trim();
    let is_documentation = comment.starts_with(['/', '!']);
    !is_documentation
        && ["====", "----", "****", "####", "~~~~", "////"]
            .iter()
            .any(|marks| text.starts_with(marks) || text.ends_with(marks))
}

/// What follows `//` on the line. A web address inside a string is taken for one too, which does no harm here.
fn comment(line: &str) -> Option<&str> {
    line.split_once("//").map(|(_, comment)| comment)
}

fn is_reminder(comment: &str) -> bool {
    // Written in halves, or this file would find itself.
    let reminders = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    comment.split(|character: char| !character.is_ascii_alphanumeric()).any(|word| reminders.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, text: &str, expected: &[(usize, &str)]) {
        let findings = inspect(Path::new(name), text);
        let found: Vec<(usize, &str)> =
            findings.iter().map(|finding| (finding.line, finding.what.split(':').next().unwrap())).collect();
        assert_eq!(found, expected, "{name}: {text}");
    }

    #[test]
    fn a_tidy_file_passes() {
        check("a.rs", "//! What it answers.\n\npub(crate) use inner::Thing;\n", &[]);
        check("a.rs", "//! | a | b |\n//! | ---- | ---- |\n", &[]);
        check("a.rs", "//! A drawing:\n//!     ----\n/// a ----> b\n// a ----> b\n", &[]);
        check("a.proto", "syntax = \"proto3\";\n", &[]);
    }

    #[test]
    fn each_rule_finds_its_line() {
        check("a.rs", "fn main() {}\n", &[(1, "begins without //!")]);
        check("b/mod.rs", "//! B.\n", &[(1, "mod.rs")]);
        check("a.rs", "//! A.\npub use inner::Thing;\n", &[(2, "pub use")]);
        check("a.rs", "//! A.\n// ==== Section ====\n", &[(2, "banner comment")]);
        check(
            "a.rs",
            "//! A.\n//////// Section\n// Section ----\n",
            &[(2, "banner comment"), (3, "banner comment")],
        );
        check("a.rs", concat!("//! A.\nlet a = 1; // TO", "DO: more\n"), &[(2, "work left undone")]);
        check("a.proto", concat!("// FIX", "ME\n"), &[(1, "work left undone")]);
        check("a.rs", &format!("//! A.\n{}", "\n".repeat(800)), &[(801, "more than 800 lines")]);
    }
}
