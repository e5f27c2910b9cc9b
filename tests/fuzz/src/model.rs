//! A file of fitted parameters.
//!
//! What is accepted judges any customer with a probability, and is the same, with the same hash, when it is written and
//! read again. What is refused is refused with a place in the file for every finding.

use model::history::History;
use model::population::Variant;
use wire::model_file::{ModelFile, ReadModel, read};
use wire::terms::TermsError;

const FILE: &str = "m.toml";

/// Checks a file of fitted parameters.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match read(text, FILE) {
        Ok(read) => is_usable(&read),
        Err(error) => places_exist(&error, text),
    }
}

fn is_usable(accepted: &ReadModel) {
    let written = accepted.file.write();
    assert_eq!(read(&written, FILE).as_ref(), Ok(accepted), "{written}");
    let stamp = accepted.stamp();
    assert!(stamp.len() <= 64 + 9 && stamp.bytes().all(|byte| byte.is_ascii_graphic()), "{stamp}");
    assert!(accepted.file.starts_at().is_some());
    judges(&accepted.file);
}

fn judges(file: &ModelFile) {
    let customers = [(0, 0.0, 0.0), (0, 0.0, 400.0), (2, 7.0, 9.0), (250, 364.0, 365.0)];
    for (x, t_x, t_total) in customers {
        let history = History::new(x, t_x, t_total).expect("a customer");
        let population = file.mbg_nbd.population(Variant::MbgNbd).expect("accepted parameters");
        let horizon = f64::from(file.score.horizon_days);
        let probabilities = [
            Some(population.alive(&history)),
            population.no_purchase_within(&history, horizon).ok(),
            file.pareto_nbd
                .as_ref()
                .map(|fitted| fitted.population().expect("accepted parameters").alive(&history)),
            file.calibration().map(|map| map.probability(population.alive(&history))),
        ];
        let probable = |p: &f64| (0.0..=1.0).contains(p);
        assert!(probabilities.iter().flatten().all(probable), "{probabilities:?} of {history:?} in {file:?}");
    }
}

fn places_exist(error: &TermsError, text: &str) {
    assert!(!error.findings.is_empty());
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    for finding in &error.findings {
        assert!(!finding.message.is_empty() && (1..=lines).contains(&finding.line), "{finding:?} of {lines} lines");
    }
}
