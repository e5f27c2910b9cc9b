//! Terms in files: the one that is given, and the copy beside the state that was reached by it.

use std::fs;
use std::path::{Path, PathBuf};

use programme::step::Programme;
use wire::terms::{self, ReadTerms};

use crate::fault::Fault;

/// The name of the copy in a data directory.
const COPY: &str = "programme.toml";

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

impl TermsFile {
    /// Reads and checks the terms at `path`.
    pub fn read(path: &Path) -> Result<TermsFile, Fault> {
        let text = fs::read_to_string(path)
            .map_err(|error| Fault::Refused(format!("terms {}: {error}", path.display())))?;
        let name = path.display().to_string();
        let read = terms::read(&text, &name).map_err(|error| Fault::Refused(error.to_string()))?;
        Ok(TermsFile { path: path.to_path_buf(), text, read })
    }

    /// The terms at `path` or, without one, the copy in the data directory.
    pub fn given_or_kept(path: Option<&Path>, data: &Path) -> Result<TermsFile, Fault> {
        if let Some(path) = path {
            return TermsFile::read(path);
        }
        let copy = data.join(COPY);
        if !copy.exists() {
            return Err(Fault::Refused(format!(
                "{} is not there: {} holds no state of regulars, or name the terms with --programme",
                copy.display(),
                data.display()
            )));
        }
        TermsFile::read(&copy)
    }

    /// Leaves a copy in the data directory, so that what lies there can be explained later.
    pub fn keep_copy(&self, data: &Path) -> Result<(), Fault> {
        let copy = data.join(COPY);
        fs::create_dir_all(data)
            .and_then(|()| fs::write(&copy, &self.text))
            .map_err(|error| Fault::Failed(format!("cannot write {}: {error}", copy.display())))
    }

    /// The programme of these terms.
    pub fn programme(&self) -> Programme {
        Programme::new(self.read.terms.clone()).expect("terms were checked when they were read")
    }
}
