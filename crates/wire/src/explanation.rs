//! How an explanation is written.

use programme::decided::PastDecision;
use programme::decision::Decision;
use programme::explanation::Explanation;

use crate::output::{decimal, evidence, reason, window};
use crate::{card, instant, json, proto};

/// `explanation` as one line of JSON, without the line's end.
pub fn to_json(explanation: &Explanation) -> String {
    let mut out = Vec::new();
    json::write(&message(explanation), &mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn message(explanation: &Explanation) -> proto::CustomerExplanation {
    proto::CustomerExplanation {
        card: Some(card::message(&explanation.card)),
        decided: explanation.decided.iter().map(past).collect(),
        coming: explanation.coming.iter().map(coming).collect(),
    }
}

fn past(decision: &PastDecision) -> proto::ExplainedDecision {
    let row = |row: &programme::decided::PastEvidence| proto::Evidence {
        measure: row.measure.to_string(),
        value: decimal(row.value),
        threshold: row.threshold.map(decimal),
        window: row.window.map(|(first, last)| window(first, last)),
    };
    proto::ExplainedDecision {
        sequence: decision.sequence,
        effective_at: Some(instant::write(decision.effective_at)),
        what: decision.what.clone(),
        reason: reason(decision.reason).into(),
        evidence: decision.evidence.iter().map(row).collect(),
        causes: decision.causes.clone(),
        terms_version: decision.terms_version.clone(),
        correction: decision.correction,
    }
}

fn coming(decision: &Decision) -> proto::ExplainedDecision {
    proto::ExplainedDecision {
        effective_at: Some(instant::write(decision.effective_at)),
        what: decision.body.to_string(),
        reason: reason(decision.reason).into(),
        evidence: decision.evidence.iter().map(evidence).collect(),
        ..proto::ExplainedDecision::default()
    }
}
