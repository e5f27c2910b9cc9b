//! Terms in files: the editions that are given, and the copies beside the state that was reached by them.

use std::fs;
use std::path::{Path, PathBuf};

use programme::editions::{EditionFinding, Programme};
use programme::terms::Terms;
use programme::time::{TIMESTAMP_MIN, Zone};
use wire::output::EditionStamp;
use wire::terms::{self, Located, ReadTerms, TermsError};

use crate::fault::Fault;

/// Terms that were read and checked, with their text.
#[derive(Clone, Debug)]
pub struct TermsFile {
    /// Where they came from.
    pub path: PathBuf,
    /// As they were written, comments included.
    pub text: String,
    /// The numbers and their hash.
    pub read: ReadTerms,
}

/// The terms over time: one file for each edition.
#[derive(Clone, Debug)]
pub struct TermsFiles {
    /// Ascending by the instant from which they hold, as in [`TermsFiles::programme`]; at least one.
    pub files: Vec<TermsFile>,
    programme: Programme,
}

impl TermsFile {
    fn read(path: &Path) -> Result<TermsFile, Fault> {
        let text = fs::read_to_string(path)
            .map_err(|error| Fault::Refused(format!("terms {}: {error}", path.display())))?;
        let name = path.display().to_string();
        let read = terms::read(&text, &name).map_err(|error| Fault::Refused(error.to_string()))?;
        Ok(TermsFile { path: path.to_path_buf(), text, read })
    }

    /// `finding` with its place in this file.
    fn located(&self, finding: EditionFinding) -> Located {
        let file = self.path.display().to_string();
        let (_, places) = terms::parse::<Terms>(&self.text, &file).expect("the file was read before");
        let EditionFinding { edition: _, finding } = finding;
        Located { line: places.line_of_key(&finding.key), file, key: finding.key, message: finding.message }
    }
}

impl TermsFiles {
    /// Reads and checks the editions at `paths`, at least one, in any order.
    pub fn read(paths: &[PathBuf]) -> Result<TermsFiles, Fault> {
        let mut files = paths.iter().map(|path| TermsFile::read(path)).collect::<Result<Vec<_>, Fault>>()?;
        let zone = files.first().and_then(|file| Zone::named(&file.read.terms.time_zone));
        let zone = zone.ok_or_else(|| Fault::Refused("no terms are named".to_string()))?;
        files.sort_by_key(|file| file.read.terms.starts_at(&zone).unwrap_or(TIMESTAMP_MIN));
        let editions = files.iter().map(|file| (file.read.terms.clone(), file.read.id())).collect();
        match Programme::of(editions) {
            Ok(programme) => Ok(TermsFiles { files, programme }),
            Err(findings) => {
                let located = findings.into_iter().map(|finding| files[finding.edition].located(finding));
                Err(Fault::Refused(TermsError::of(located.collect()).to_string()))
            }
        }
    }

    /// The terms at `paths` or, without any, the copies in the data directory.
    pub fn given_or_kept(paths: &[PathBuf], data: &Path) -> Result<TermsFiles, Fault> {
        if !paths.is_empty() {
            return TermsFiles::read(paths);
        }
        let copies: Vec<PathBuf> =
            (0..).map(|edition| copy(data, edition)).take_while(|copy| copy.exists()).collect();
        if copies.is_empty() {
            return Err(Fault::Refused(format!(
                "{} is not there: {} holds no state of regulars, or name the terms with --programme",
                copy(data, 0).display(),
                data.display()
            )));
        }
        TermsFiles::read(&copies)
    }

    /// Leaves copies in the data directory, so that what lies there can be explained later.
    pub fn keep_copies(&self, data: &Path) -> Result<(), Fault> {
        let failed = |copy: &Path, error| Fault::Failed(format!("cannot write {}: {error}", copy.display()));
        fs::create_dir_all(data).map_err(|error| failed(data, error))?;
        for (edition, file) in self.files.iter().enumerate() {
            let copy = copy(data, edition);
            // A disk that is full leaves the former copy as it was.
            let part = copy.with_extension("part");
            fs::write(&part, &file.text)
                .and_then(|()| fs::rename(&part, &copy))
                .map_err(|error| failed(&copy, error))?;
        }
        for former in (self.files.len()..).map(|edition| copy(data, edition)).take_while(|copy| copy.exists()) {
            fs::remove_file(&former).map_err(|error| failed(&former, error))?;
        }
        Ok(())
    }

    /// The programme of these terms.
    pub fn programme(&self) -> Programme {
        self.programme.clone()
    }

    /// The terms of the latest edition.
    pub fn latest(&self) -> &Terms {
        self.programme.terms()
    }

    /// What is written on decisions, for each edition.
    pub fn stamps(&self) -> Vec<EditionStamp> {
        let stamp = |file: &TermsFile| EditionStamp {
            version: file.read.terms.version.clone(),
            hash: file.read.hash.clone(),
        };
        self.files.iter().map(stamp).collect()
    }

    /// The hashes of all editions, a space between them.
    pub fn hashes(&self) -> String {
        let hashes: Vec<&str> = self.files.iter().map(|file| file.read.hash.as_str()).collect();
        hashes.join(" ")
    }
}

/// The name of a copy in a data directory: `programme.toml`, `programme.1.toml`, ...
fn copy(data: &Path, edition: usize) -> PathBuf {
    match edition {
        0 => data.join("programme.toml"),
        edition => data.join(format!("programme.{edition}.toml")),
    }
}
