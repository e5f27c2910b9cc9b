//! Answers that are older than what they are about.

use crate::event::Instrument;
use crate::terms::Terms;
use crate::terms::finding::Findings;

/// What is thought of a shop is asked anew once a year at least (`domain.md` RC-5).
const YEAR_DAYS: u32 = 366;

pub(super) fn warn(terms: &Terms, warnings: &mut Findings) {
    for (i, survey) in terms.survey.iter().enumerate() {
        let key = |name: &str| format!("survey.{i}.{name}");
        let asked = survey.ask_after_days;
        warnings.check(asked.is_none_or(|days| days <= YEAR_DAYS), &key("ask_after_days"), || {
            format!("{:?} is asked again after {} days; once a year is the least", survey.id, asked.unwrap_or(0))
        });
        // Why somebody left stays so.
        let ages = survey.instrument != Instrument::Exit;
        warnings.check(!ages || survey.valid_days <= YEAR_DAYS, &key("valid_days"), || {
            format!(
                "an answer to {:?} counts for {} days; what was thought a year ago is not known today",
                survey.id, survey.valid_days
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanic::engagement::tests::terms;

    // An opinion of three years ago would call somebody loyal.
    #[test]
    fn opinions_are_asked_once_a_year() {
        let mut terms = terms();
        let told = |terms: &Terms| {
            let mut warnings = Findings(Vec::new());
            warn(terms, &mut warnings);
            warnings.0.iter().map(|warning| format!("{}: {}\n", warning.key, warning.message)).collect::<String>()
        };
        (terms.survey[0].valid_days, terms.survey[0].ask_after_days) = (366, Some(365));
        assert_eq!(told(&terms), "");
        (terms.survey[1].valid_days, terms.survey[1].ask_after_days) = (1_095, Some(730));
        terms.survey[3].valid_days = 1_095;
        expect_test::expect![[r#"
            survey.1.ask_after_days: "csi" is asked again after 730 days; once a year is the least
            survey.1.valid_days: an answer to "csi" counts for 1095 days; what was thought a year ago is not known today
        "#]]
        .assert_eq(&told(&terms));
    }
}
