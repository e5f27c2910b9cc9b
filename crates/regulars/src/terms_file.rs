//! Terms in files: the editions that are given, and the copies beside the state that was reached by them.

use std::fs;
use std::path::{Path, PathBuf};

use programme::editions::{EditionFinding, Programme};
use programme::probability::residual::Spending;
use programme::terms::Terms;
use programme::terms::churn::value::ValueModel;
use programme::time::{TIMESTAMP_MIN, Timestamp, Zone};
use wire::model_file::{self, GammaGamma, ModelFile, ReadModel};
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
    /// One for each edition of the programme.
    stamps: Vec<EditionStamp>,
    /// Ascending by the instant from which they hold.
    models: Vec<ModelText>,
}

/// A file of fitted parameters that was read and checked.
#[derive(Clone, Debug)]
pub struct ModelText {
    /// What it is called in messages: its path, where it has one.
    pub name: String,
    /// As it was written, comments included.
    pub text: String,
    /// The numbers and their hash.
    pub read: ReadModel,
}

impl TermsFile {
    fn read(path: &Path) -> Result<TermsFile, Fault> {
        let text = fs::read_to_string(path)
            .map_err(|error| Fault::Refused(format!("terms {}: {error}", path.display())))?;
        let name = path.display().to_string();
        let read = terms::read(&text, &name).map_err(|error| Fault::Refused(error.to_string()))?;
        Ok(TermsFile { path: path.to_path_buf(), text, read })
    }

    /// What is written on decisions under these terms and the model of this stamp.
    fn stamp(&self, model: &str) -> EditionStamp {
        EditionStamp {
            version: self.read.terms.version.clone(),
            hash: self.read.hash.clone(),
            model: model.to_string(),
        }
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
        let programme = plain(&files)?;
        let stamps = files.iter().map(|file| file.stamp("")).collect();
        Ok(TermsFiles { files, programme, stamps, models: Vec::new() })
    }

    /// The terms at `paths` or, without any, the copies in the data directory.
    pub fn given_or_kept(paths: &[PathBuf], data: &Path) -> Result<TermsFiles, Fault> {
        if !paths.is_empty() {
            return TermsFiles::read(paths);
        }
        let copies = kept(data, TERMS_COPY);
        if copies.is_empty() {
            return Err(Fault::Refused(format!(
                "{} is not there: {} holds no state of regulars, or name the terms with --programme",
                copy(data, TERMS_COPY, 0).display(),
                data.display()
            )));
        }
        TermsFiles::read(&copies)?.with_models(&kept(data, MODEL_COPY))
    }

    /// The same terms with the parameters of the models at `paths`, each from the instant on from which it holds and until
    /// the next one does.
    pub fn with_models(self, paths: &[PathBuf]) -> Result<TermsFiles, Fault> {
        let models = paths.iter().map(|path| ModelText::read(path)).collect::<Result<Vec<_>, Fault>>()?;
        self.under(models)
    }

    /// The same with models that were read, in any order, beside those that are known already. One that is known is not
    /// taken in twice.
    pub fn under(self, more: Vec<ModelText>) -> Result<TermsFiles, Fault> {
        let mut models = self.models;
        for model in more {
            if models.iter().all(|known| known.read.hash != model.read.hash) {
                models.push(model);
            }
        }
        models.sort_by_key(ModelText::from);
        if let Some((one, other)) =
            models.iter().zip(models.iter().skip(1)).find(|(one, other)| one.from() == other.from())
        {
            return Err(Fault::Refused(format!(
                "the models {} and {} both hold from {}",
                one.name, other.name, one.read.file.valid_from
            )));
        }
        let files = self.files;
        let plain = plain(&files)?;
        let mut begins: Vec<Timestamp> = plain.editions().iter().map(|edition| edition.from).collect();
        begins.extend(models.iter().map(ModelText::from));
        begins.sort_unstable();
        begins.dedup();
        let (mut given, mut stamps) = (Vec::new(), Vec::new());
        for from in begins {
            let place = plain.edition_at(from);
            let (edition, file) = (&plain.editions()[place], &files[place]);
            let Some(model) = models.iter().rfind(|model| model.from() <= from) else {
                given.push((edition.terms.clone(), edition.id));
                stamps.push(file.stamp(""));
                continue;
            };
            let mut terms = model.in_place_of(&edition.terms)?;
            if edition.from < from {
                terms.valid_from = Some(model.read.file.valid_from.clone());
                // Editions have names of their own; decisions are stamped with that of the terms.
                terms.version = format!("{} under {}", terms.version, model.read.stamp());
            }
            given.push((terms, (edition.id ^ model.read.id()).max(1)));
            stamps.push(file.stamp(&model.read.stamp()));
        }
        match Programme::of(given) {
            Ok(programme) => Ok(TermsFiles { files, programme, stamps, models }),
            Err(findings) => {
                let told = |found: &EditionFinding| format!("{}: {}", found.finding.key, found.finding.message);
                let told: Vec<String> = findings.iter().map(told).collect();
                let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
                Err(Fault::Refused(format!("under the model {}: {}", names.join(", "), told.join("; "))))
            }
        }
    }

    /// Leaves copies in the data directory, so that what lies there can be explained later.
    pub fn keep_copies(&self, data: &Path) -> Result<(), Fault> {
        fs::create_dir_all(data).map_err(|error| not_written(data, error))?;
        let texts: Vec<&str> = self.files.iter().map(|file| file.text.as_str()).collect();
        keep(data, TERMS_COPY, &texts)?;
        let texts: Vec<&str> = self.models.iter().map(|model| model.text.as_str()).collect();
        keep(data, MODEL_COPY, &texts)
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
        self.stamps.clone()
    }

    /// The models, ascending by the instant from which they hold.
    pub fn models(&self) -> &[ModelText] {
        &self.models
    }

    /// The hashes of all editions and of the models, a space between them.
    pub fn hashes(&self) -> String {
        let files = self.files.iter().map(|file| file.read.hash.as_str());
        let hashes: Vec<&str> = files.chain(self.models.iter().map(|model| model.read.hash.as_str())).collect();
        hashes.join(" ")
    }
}

/// The programme of the editions in `files`, without any model.
fn plain(files: &[TermsFile]) -> Result<Programme, Fault> {
    let editions = files.iter().map(|file| (file.read.terms.clone(), file.read.id())).collect();
    Programme::of(editions).map_err(|findings| {
        let located = findings.into_iter().map(|finding| files[finding.edition].located(finding));
        Fault::Refused(TermsError::of(located.collect()).to_string())
    })
}

impl ModelText {
    /// Reads and checks the file at `path`.
    pub fn read(path: &Path) -> Result<ModelText, Fault> {
        let text = fs::read_to_string(path)
            .map_err(|error| Fault::Refused(format!("model {}: {error}", path.display())))?;
        ModelText::of(path.display().to_string(), text)
    }

    /// Checks `text`, which is called `name` in messages.
    pub fn of(name: String, text: String) -> Result<ModelText, Fault> {
        let read = model_file::read(&text, &name).map_err(|error| Fault::Refused(error.to_string()))?;
        Ok(ModelText { name, text, read })
    }

    /// From when it holds.
    pub fn from(&self) -> Timestamp {
        self.read.file.starts_at().expect("a model that was read says from when it holds")
    }

    /// `terms` with the churn parameters of the model. Refused where it was fitted to something else.
    fn in_place_of(&self, terms: &Terms) -> Result<Terms, Fault> {
        let ModelFile { data, score, rfm, high_ltv_minor, .. } = &self.read.file;
        let churn = &terms.churn;
        let differs = |key: &str, model: String, terms: String| {
            (model != terms).then(|| (key.to_string(), format!("{model} is not {terms}, as in the terms")))
        };
        let days = |days: f64| days.to_string();
        let found = differs("data.currency", data.currency.clone(), terms.currency.clone())
            .or_else(|| differs("data.time_zone", data.time_zone.clone(), terms.time_zone.clone()))
            .or_else(|| {
                differs("score.horizon_days", score.horizon_days.to_string(), churn.horizon_days.to_string())
            })
            .or_else(|| differs("score.kind", score.kind.name().to_string(), churn.score.name().to_string()))
            .or_else(|| differs("score.tau_days", days(score.tau_days), days(churn.tau_days)))
            .or_else(|| {
                let by_model = terms.segments.as_ref().filter(|segments| segments.rfm_by_model)?;
                let (model, terms) = (rfm.window_days.to_string(), by_model.window_days.to_string());
                differs("rfm.window_days", model, terms)
            })
            .or_else(|| {
                let asks = high_ltv_minor.is_none() && terms.tier.iter().any(|tier| tier.ltv_by_model);
                asks.then(|| {
                    let message = "is not given, and a tier of the terms asks for it (ltv_by_model)".to_string();
                    ("high_ltv_minor".to_string(), message)
                })
            });
        if let Some((key, message)) = found {
            let file = self.name.clone();
            let (_, places) = terms::parse::<ModelFile>(&self.text, &file).expect("the file was read before");
            let located = Located { line: places.line_of_key(&key), file, key, message };
            return Err(Fault::Refused(TermsError::of(vec![located]).to_string()));
        }
        let calibration = self.read.file.calibration();
        let mut terms = terms.clone();
        terms.churn = self.read.file.in_place_of(churn);
        terms.churn.calibration = calibration.map_or(Vec::new(), |map| map.knots().to_vec());
        // Bounds are reached, and cuts exceeded.
        for tier in terms.tier.iter_mut().filter(|tier| tier.ltv_by_model) {
            tier.ltv_minor_min = high_ltv_minor.map(|minor| minor.saturating_add(1));
        }
        if let Some(segments) = terms.segments.as_mut().filter(|segments| segments.rfm_by_model) {
            let whole = |cuts: [i64; 4]| cuts.map(|cut| u32::try_from(cut.max(0)).unwrap_or(u32::MAX));
            segments.rfm = Some(programme::terms::segments::Rfm {
                recency_days: whole(rfm.recency_days),
                purchases: whole(rfm.frequency),
                spend_minor: rfm.monetary_minor,
            });
        }
        terms.churn.value = self.read.file.gamma_gamma.as_ref().map(|fitted| {
            let GammaGamma { p, q, gamma_minor: gamma, .. } = *fitted;
            ValueModel { spending: Spending { p, q, gamma }, high_value_minor: self.read.file.high_value_minor }
        });
        Ok(terms)
    }
}

/// What the copies in a data directory are called.
const TERMS_COPY: &str = "programme";
const MODEL_COPY: &str = "model";

/// The name of a copy in a data directory: `programme.toml`, `programme.1.toml`, ...
fn copy(data: &Path, kind: &str, number: usize) -> PathBuf {
    match number {
        0 => data.join(format!("{kind}.toml")),
        number => data.join(format!("{kind}.{number}.toml")),
    }
}

/// The copies of one kind that are there.
fn kept(data: &Path, kind: &str) -> Vec<PathBuf> {
    (0..).map(|number| copy(data, kind, number)).take_while(|copy| copy.exists()).collect()
}

/// Makes `texts` the copies of one kind.
fn keep(data: &Path, kind: &str, texts: &[&str]) -> Result<(), Fault> {
    for (number, text) in texts.iter().enumerate() {
        let copy = copy(data, kind, number);
        // A disk that is full leaves the former copy as it was.
        let part = copy.with_extension("part");
        fs::write(&part, text)
            .and_then(|()| fs::rename(&part, &copy))
            .map_err(|error| not_written(&copy, error))?;
    }
    for former in (texts.len()..).map(|number| copy(data, kind, number)).take_while(|copy| copy.exists()) {
        fs::remove_file(&former).map_err(|error| not_written(&former, error))?;
    }
    Ok(())
}

fn not_written(path: &Path, error: std::io::Error) -> Fault {
    Fault::Failed(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests;
