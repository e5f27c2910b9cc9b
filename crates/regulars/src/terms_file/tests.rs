//! Terms under a model: from when it holds, what is stamped, and what does not belong together.

use programme::time::Timestamp;

use super::*;

const PROGRAMME: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/demo/programme.toml");
const MODEL: &str = include_str!("../fit/tests/current.toml");

/// A model that goes with the demo's terms, with these texts replaced.
fn under(changes: &[(&str, &str)]) -> Result<TermsFiles, Fault> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("m.toml");
    let mut text = MODEL.replace("horizon_days = 28", "horizon_days = 56").replace("b = 5\n", "b = 7\n");
    for (good, bad) in changes {
        assert!(text.contains(good), "{good:?} is in the text");
        text = text.replacen(good, bad, 1);
    }
    fs::write(&path, text).unwrap();
    TermsFiles::read(&[PathBuf::from(PROGRAMME)])?.with_models(std::slice::from_ref(&path)).map_err(|fault| {
        let shown = fault.to_string().replace(&format!("{}/", directory.path().display()), "");
        Fault::Refused(shown)
    })
}

// A replay of three years must judge the first two as they were judged, before the model was there.
#[test]
fn a_model_holds_from_its_day_on() {
    let plain = TermsFiles::read(&[PathBuf::from(PROGRAMME)]).unwrap();
    let under = under(&[]).unwrap();
    let (programme, stamps) = (under.programme(), under.stamps());
    let [before, since] = ["2018-01-01T04:59:59Z", "2018-01-01T05:00:00Z"].map(|at| Timestamp::parse(at).unwrap());
    assert_eq!(programme.terms_at(before), plain.latest());
    let churn = &programme.terms_at(since).churn;
    assert_eq!((churn.b, churn.calibration.len(), plain.latest().churn.b), (7.0, 3, 5.0));
    let told: Vec<&str> = [before, since].map(|at| &*stamps[programme.edition_at(at)].model).into();
    assert_eq!((told[0], told[1].get(..11)), ("", Some("2017-12-31+")));
    assert_eq!(stamps[0].hash, stamps[1].hash);
    assert_ne!(programme.id(), plain.programme().id());
    assert_eq!(plain.stamps()[0], stamps[0]);
}

// Whoever asks for the population's own bounds gets them with the model, and the terms' before; equal cuts leave a score that
// nobody can have, and are refused.
#[test]
fn bounds_by_model_come_with_the_model() {
    let directory = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(PROGRAMME).unwrap().replace(
        "[churn]\n",
        "[[tier]]\nname = \"vip\"\nltv_minor_min = 99\nltv_by_model = true\n\n[segments]\nwindow_days = 365\n\
         rfm_by_model = true\nrfm = { recency_days = [1, 2, 3, 4], purchases = [1, 2, 3, 4], spend_minor = [1, 2, 3, 4] }\n\n[churn]\n",
    );
    let (programme, model) = (directory.path().join("p.toml"), directory.path().join("m.toml"));
    fs::write(&programme, text).unwrap();
    let under = |high: &str, cuts: &str| {
        let text = MODEL.replace("horizon_days = 28", "horizon_days = 56");
        let text = text.replace("high_value_minor = 12345\n", &format!("high_value_minor = 12345\n{high}\n"));
        let (before, rfm) = text.split_once("[rfm]\n").unwrap();
        let after = rfm.split_once("\n[").map_or(String::new(), |(_, rest)| format!("\n[{rest}"));
        fs::write(&model, format!("{before}[rfm]\nwindow_days = 365\n{cuts}\n{after}")).unwrap();
        let read = TermsFiles::read(std::slice::from_ref(&programme))?.with_models(std::slice::from_ref(&model));
        let folder = format!("{}/", directory.path().display());
        read.map_err(|fault| Fault::Refused(fault.to_string().replace(&folder, "")))
    };
    let cuts = "recency_days = [3, 7, 14, 60]\nfrequency = [1, 5, 20, 60]\nmonetary_minor = [100, 200, 300, 400]";
    let read = under("high_ltv_minor = 5000", cuts).unwrap().programme();
    let [before, since] = ["2018-01-01T04:59:59Z", "2018-01-01T05:00:00Z"].map(|at| Timestamp::parse(at).unwrap());
    let bounds = |at| {
        let terms = read.terms_at(at);
        let rfm = terms.segments.as_ref().unwrap().rfm.as_ref().unwrap();
        (terms.tier[3].ltv_minor_min, rfm.recency_days, rfm.purchases, rfm.spend_minor)
    };
    assert_eq!(bounds(before), (Some(99), [1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4]));
    assert_eq!(bounds(since), (Some(5001), [3, 7, 14, 60], [1, 5, 20, 60], [100, 200, 300, 400]));
    let told = under("", cuts).unwrap_err().to_string();
    assert!(told.contains("high_ltv_minor: is not given"), "{told}");
    let equal = cuts.replace("[1, 5, 20, 60]", "[1, 1, 20, 60]");
    let told = under("high_ltv_minor = 5000", &equal).unwrap_err().to_string();
    assert!(told.contains("segments.rfm.purchases.1: 1 must be above 1"), "{told}");
}

// Each model is in force until the next one is, and published twice it is one.
#[test]
fn models_follow_each_other() {
    let first = under(&[]).unwrap();
    let second =
        under(&[("2018-01-01", "2018-02-01"), ("b = 7", "b = 8"), ("\"2017-12-31\"", "\"january\"")]).unwrap();
    let same_day = under(&[("b = 7", "b = 9")]).unwrap();
    let both = second.clone().under(first.models().to_vec()).unwrap();
    let b = |at: &str| both.programme().terms_at(Timestamp::parse(at).unwrap()).churn.b;
    assert_eq!(["2017-12-31T12:00:00Z", "2018-01-31T12:00:00Z", "2018-02-01T12:00:00Z"].map(b), [5.0, 7.0, 8.0]);
    let again = both.clone().under(second.models().to_vec()).unwrap();
    assert_eq!((again.models().len(), again.programme().id()), (2, both.programme().id()));
    let refused = first.under(same_day.models().to_vec()).unwrap_err().to_string();
    assert!(refused.contains("both hold from 2018-01-01"), "{refused}");
}

// What lies in a data directory is explained by what it was reached by.
#[test]
fn a_copy_of_the_model_is_kept_and_forgotten() {
    let data = tempfile::tempdir().unwrap();
    let under = under(&[]).unwrap();
    under.keep_copies(data.path()).unwrap();
    let kept = TermsFiles::given_or_kept(&[], data.path()).unwrap();
    assert_eq!((kept.hashes(), kept.programme().id()), (under.hashes(), under.programme().id()));
    let plain = TermsFiles::read(&[PathBuf::from(PROGRAMME)]).unwrap();
    plain.keep_copies(data.path()).unwrap();
    assert_eq!(TermsFiles::given_or_kept(&[], data.path()).unwrap().hashes(), plain.hashes());
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let refused = |good, bad| under(&[(good, bad)]).unwrap_err().to_string();
    assert_eq!(refused("\"USD\"", "\"RUB\""), "m.toml:6: data.currency: RUB is not USD, as in the terms");
    assert_eq!(
        refused("horizon_days = 56", "horizon_days = 28"),
        "m.toml:15: score.horizon_days: 28 is not 56, as in the terms"
    );
    assert_eq!(refused("\"faded\"", "\"mbg_nbd\""), "m.toml:14: score.kind: mbg_nbd is not faded, as in the terms");
    // Everybody would be warned on the day of a purchase.
    let warned = refused("[0.02, 0.3, 0.3]", "[0.9, 0.9, 0.9]");
    assert!(
        warned.starts_with("under the model m.toml: churn.band.0.probability_min: 0.35 must be above 0.9"),
        "{warned}"
    );
}
