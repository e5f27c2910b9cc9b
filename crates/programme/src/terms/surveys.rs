//! The surveys that a programme asks its customers, and how often (`domain.md`, section 3).
//!
//! A survey names its instrument and its items. What is answered is checked against them when it is read
//! (`wire::input`), and taken in by their dimensions (`facts::relationship::answers`).

use serde::{Deserialize, Serialize};

use super::finding::Findings;
use super::is_default;
use crate::event::{Instrument, RECOMMEND_ITEM};

/// The most surveys of one programme, and the most items and touchpoints of one survey.
const LIST_MAX: usize = 64;
/// The longest id of an item or touchpoint, bytes.
pub const TEXT_BYTES_MAX: usize = 64;

/// One survey.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Survey {
    /// Its lower-case name, as the answers have it.
    pub id: String,
    /// What it is asked with.
    pub instrument: Instrument,
    /// Answers of its instrument to surveys that the terms do not name count as its own; otherwise they are refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub any_id: bool,
    /// What is asked. None for NPS and TNPS, which ask one thing; none gives SERVQUAL and SERVPERF the 22 items of the
    /// literature, `q1` to `q22`, and EXIT the reasons of `domain.md` RM-4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub item: Vec<Item>,
    /// What a TNPS may be about, such as `checkout`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub touchpoints: Vec<String>,
    /// The lowest point of the scale; the instrument's own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_min: Option<u32>,
    /// The highest point of the scale; the instrument's own unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_max: Option<u32>,
    /// How much each dimension of a SERVQUAL weighs, out of 100 points; all the same unless given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub weights: Weights,
    /// An answer counts half as much after each so many days (`domain.md` RC-5).
    pub half_life_days: u32,
    /// An answer does not count any more after so many days; the day on which it was given is the first.
    pub valid_days: u32,
    /// How many of a customer's latest answers are kept, of TNPS for each touchpoint.
    #[serde(default = "answers_max", skip_serializing_if = "is_usual")]
    pub answers_max: u32,
    /// The customer is asked again so many days after the last answer; absent where nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_after_days: Option<u32>,
}

/// One thing that is asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its name, as the answers have it.
    pub id: String,
    /// What it tells something of.
    pub dimension: Dimension,
    /// A high score is a bad one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub reversed: bool,
    /// The lowest point of its scale, for PULSE and ENGAGEMENT; the survey's unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_min: Option<u32>,
    /// The highest point of its scale, for PULSE and ENGAGEMENT; the survey's unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_max: Option<u32>,
    /// For CSI: how much it matters to whoever did not say so, on the same scale. Without it such an answer does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub importance: Option<u32>,
}

/// What an item tells something of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The relationship as a whole, or one touchpoint: NPS and TNPS.
    #[default]
    Overall,
    /// SERVQUAL, SERVPERF: premises, equipment, people, printed things.
    Tangibles,
    /// SERVQUAL, SERVPERF: what was promised is done.
    Reliability,
    /// SERVQUAL, SERVPERF: promptly, and willingly.
    Responsiveness,
    /// SERVQUAL, SERVPERF: with knowledge and courtesy.
    Assurance,
    /// SERVQUAL, SERVPERF: with care for each.
    Empathy,
    /// CSI: the key benefits (`domain.md` RC-2).
    Quality,
    /// CSI: how one is served.
    Service,
    /// CSI: what it is worth beside its price.
    Value,
    /// PULSE, ENGAGEMENT: the customer knows and understands (`domain.md` EN-1).
    Cognitive,
    /// PULSE, ENGAGEMENT: the customer belongs, trusts, is attached.
    Emotional,
    /// PULSE, ENGAGEMENT: the customer takes part.
    Behavioural,
    /// EXIT: moved away (`domain.md` RM-4).
    Moved,
    /// EXIT: the price.
    Price,
    /// EXIT: could not work together.
    Partner,
    /// EXIT: nobody cared.
    Inattention,
    /// EXIT: anything else.
    Other,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Dimension; 17] = [
        Dimension::Overall,
        Dimension::Tangibles,
        Dimension::Reliability,
        Dimension::Responsiveness,
        Dimension::Assurance,
        Dimension::Empathy,
        Dimension::Quality,
        Dimension::Service,
        Dimension::Value,
        Dimension::Cognitive,
        Dimension::Emotional,
        Dimension::Behavioural,
        Dimension::Moved,
        Dimension::Price,
        Dimension::Partner,
        Dimension::Inattention,
        Dimension::Other,
    ];

    /// Those of service quality (`domain.md` RC-4), in the order of the 22 items.
    pub const OF_SERVICE: [Dimension; 5] = [
        Dimension::Tangibles,
        Dimension::Reliability,
        Dimension::Responsiveness,
        Dimension::Assurance,
        Dimension::Empathy,
    ];

    /// The reasons for leaving (`domain.md` RM-4).
    pub const REASONS: [Dimension; 5] =
        [Dimension::Moved, Dimension::Price, Dimension::Partner, Dimension::Inattention, Dimension::Other];

    /// Its name in terms and on cards.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Overall => "overall",
            Dimension::Tangibles => "tangibles",
            Dimension::Reliability => "reliability",
            Dimension::Responsiveness => "responsiveness",
            Dimension::Assurance => "assurance",
            Dimension::Empathy => "empathy",
            Dimension::Quality => "quality",
            Dimension::Service => "service",
            Dimension::Value => "value",
            Dimension::Cognitive => "cognitive",
            Dimension::Emotional => "emotional",
            Dimension::Behavioural => "behavioural",
            Dimension::Moved => "moved",
            Dimension::Price => "price",
            Dimension::Partner => "partner",
            Dimension::Inattention => "inattention",
            Dimension::Other => "other",
        }
    }

    /// The dimensions that items of `instrument` have.
    pub fn of(instrument: Instrument) -> &'static [Dimension] {
        match instrument {
            Instrument::Nps | Instrument::Tnps => &[Dimension::Overall],
            Instrument::Csi => &[Dimension::Quality, Dimension::Service, Dimension::Value],
            Instrument::Servqual | Instrument::Servperf => &Dimension::OF_SERVICE,
            Instrument::Pulse | Instrument::Engagement => {
                &[Dimension::Cognitive, Dimension::Emotional, Dimension::Behavioural]
            }
            Instrument::Exit => &Dimension::REASONS,
        }
    }
}

/// How much each dimension of service quality weighs, out of 100 points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// 0 to 100, as are the others.
    pub tangibles: u32,
    /// What was promised is done.
    pub reliability: u32,
    /// Promptly, and willingly.
    pub responsiveness: u32,
    /// With knowledge and courtesy.
    pub assurance: u32,
    /// With care for each.
    pub empathy: u32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights { tangibles: 20, reliability: 20, responsiveness: 20, assurance: 20, empathy: 20 }
    }
}

impl Weights {
    /// In the order of [`Dimension::OF_SERVICE`].
    pub fn in_order(&self) -> [u32; 5] {
        [self.tangibles, self.reliability, self.responsiveness, self.assurance, self.empathy]
    }
}

/// How customers may be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurveyContact {
    /// The use of the data that the customer has to allow.
    pub purpose: String,
    /// A customer is asked at most so often within `per_days`, whatever for.
    pub contacts_max: u32,
    /// See `contacts_max`; the day of the question is the first.
    pub per_days: u32,
    /// Whoever was asked and did not answer is asked the same again after so many days.
    pub repeat_days: u32,
    /// For how many days the question stands, the day on which it is asked included.
    pub valid_days: u32,
}

/// An item's place in the terms: its scale, and what it tells something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The lowest point.
    pub min: u32,
    /// The highest point.
    pub max: u32,
    /// What it tells something of.
    pub dimension: Dimension,
    /// A high score is a bad one.
    pub reversed: bool,
    /// How much it matters to whoever did not say so.
    pub importance: Option<u32>,
}

impl Scale {
    /// A score with the good end on top.
    pub fn upright_milli(&self, score_milli: i64) -> i64 {
        match self.reversed {
            true => (i64::from(self.min) + i64::from(self.max)) * 1000 - score_milli,
            false => score_milli,
        }
    }

    /// The width of the scale, points; above 0.
    pub fn width(&self) -> i64 {
        i64::from(self.max) - i64::from(self.min)
    }
}

/// The 22 items of SERVQUAL, counted from 1: the last of each dimension in the order of [`Dimension::OF_SERVICE`].
const SERVICE_ITEMS_UP_TO: [u32; 5] = [4, 9, 13, 17, 22];

impl Survey {
    /// The scale of the survey.
    pub fn scale(&self) -> (u32, u32) {
        let (min, max) = match self.instrument {
            Instrument::Nps | Instrument::Tnps | Instrument::Exit => (0, 10),
            Instrument::Servqual | Instrument::Servperf => (1, 7),
            Instrument::Csi | Instrument::Pulse | Instrument::Engagement => (1, 5),
        };
        (self.scale_min.unwrap_or(min), self.scale_max.unwrap_or(max))
    }

    /// The item called `id`; `None` where the survey has none.
    pub fn item(&self, id: &str) -> Option<Scale> {
        let (min, max) = self.scale();
        let plain = |dimension| Scale { min, max, dimension, reversed: false, importance: None };
        if self.instrument.asks_to_recommend() {
            return (id == RECOMMEND_ITEM).then(|| plain(Dimension::Overall));
        }
        if let Some(item) = self.item.iter().find(|item| item.id == id) {
            return Some(Scale {
                min: item.scale_min.unwrap_or(min),
                max: item.scale_max.unwrap_or(max),
                dimension: item.dimension,
                reversed: item.reversed,
                importance: item.importance,
            });
        }
        if !self.item.is_empty() {
            return None;
        }
        match self.instrument {
            Instrument::Servqual | Instrument::Servperf => {
                let number: u32 = id.strip_prefix('q')?.parse().ok()?;
                let is_plain = id == format!("q{number}");
                let place = SERVICE_ITEMS_UP_TO.iter().position(|last| number <= *last)?;
                (number > 0 && is_plain).then(|| plain(Dimension::OF_SERVICE[place]))
            }
            Instrument::Exit => Dimension::REASONS.into_iter().find(|reason| reason.as_str() == id).map(plain),
            Instrument::Nps | Instrument::Tnps | Instrument::Csi | Instrument::Pulse | Instrument::Engagement => {
                None
            }
        }
    }

    /// How many items of a SERVQUAL or SERVPERF tell something of each dimension, in the order of [`Dimension::OF_SERVICE`].
    pub fn service_items(&self) -> [usize; 5] {
        let usual: Vec<String> = match self.item.is_empty() {
            true => (1..=22).map(|number| format!("q{number}")).collect(),
            false => self.item.iter().map(|item| item.id.clone()).collect(),
        };
        let dimensions: Vec<Dimension> = usual.iter().filter_map(|id| Some(self.item(id)?.dimension)).collect();
        Dimension::OF_SERVICE.map(|one| dimensions.iter().filter(|dimension| **dimension == one).count())
    }

    fn check(&self, at: &str, findings: &mut Findings) {
        let key = |name: &str| format!("{at}.{name}");
        findings.range(&key("half_life_days"), self.half_life_days, 1, 3660);
        findings.range(&key("valid_days"), self.valid_days, 1, 3660);
        findings.range(&key("answers_max"), self.answers_max, 1, 64);
        let instrument = self.instrument;
        let name = instrument.as_str();
        if let Some(days) = self.ask_after_days {
            findings.range(&key("ask_after_days"), days, 1, 3660);
            // The one is asked right after the touchpoint, the other of whoever leaves.
            let by_occasion = matches!(instrument, Instrument::Tnps | Instrument::Exit);
            findings.check(!by_occasion, &key("ask_after_days"), || format!("{name} is asked on its occasion"));
        }
        let recommends = instrument.asks_to_recommend();
        if recommends {
            findings
                .check(self.item.is_empty(), &key("item"), || format!("{name} asks one thing and has no items"));
            let own = self.scale_min.is_none() && self.scale_max.is_none();
            findings.check(own, at, || format!("{name} has a scale of its own, 0 to 10"));
        }
        let is_touchpoint = instrument == Instrument::Tnps;
        findings.check(is_touchpoint != self.touchpoints.is_empty(), &key("touchpoints"), || match is_touchpoint {
            true => "names none; give what is asked about, such as [\"checkout\"]".into(),
            false => format!("{name} is about no touchpoint; TNPS is"),
        });
        findings.check(self.touchpoints.len() <= LIST_MAX, &key("touchpoints"), || {
            format!("{} of them, {LIST_MAX} are possible", self.touchpoints.len())
        });
        for (i, touchpoint) in self.touchpoints.iter().enumerate() {
            let taken = self.touchpoints[..i].contains(touchpoint);
            text(&key(&format!("touchpoints.{i}")), touchpoint, taken, findings);
        }
        let weights = self.weights.in_order();
        let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        findings.check(sum == 100, &key("weights"), || format!("add up to {sum}, not to 100"));
        let weighs = self.weights == Weights::default() || instrument == Instrument::Servqual;
        findings.check(weighs, &key("weights"), || format!("{name} does not weigh dimensions; SERVQUAL does"));
        let (min, max) = self.scale();
        findings.check(min < max && max <= 1000, at, || {
            format!("the scale from {min} to {max} must ascend, to 1000 at most")
        });
        let needs_items = matches!(instrument, Instrument::Csi | Instrument::Pulse | Instrument::Engagement);
        findings.check(!needs_items || !self.item.is_empty(), &key("item"), || {
            format!("there are none; {name} has no items of its own")
        });
        findings.check(self.item.len() <= LIST_MAX, &key("item"), || {
            format!("{} of them, {LIST_MAX} are possible", self.item.len())
        });
        for (i, item) in self.item.iter().enumerate() {
            let taken = self.item[..i].iter().any(|other| other.id == item.id);
            self.check_item(&key(&format!("item.{i}")), item, taken, findings);
        }
    }

    fn check_item(&self, at: &str, item: &Item, taken: bool, findings: &mut Findings) {
        let key = |name: &str| format!("{at}.{name}");
        let name = self.instrument.as_str();
        text(&key("id"), &item.id, taken, findings);
        let dimensions = Dimension::of(self.instrument);
        findings.check(dimensions.contains(&item.dimension), &key("dimension"), || {
            let known: Vec<&str> = dimensions.iter().map(|dimension| dimension.as_str()).collect();
            format!("{:?} is none of {name}: {}", item.dimension.as_str(), known.join(", "))
        });
        let own_scale = item.scale_min.is_some() || item.scale_max.is_some();
        let may = matches!(self.instrument, Instrument::Pulse | Instrument::Engagement);
        findings.check(!own_scale || may, at, || {
            format!("has a scale of its own; the items of {name} share one, that of the survey")
        });
        let (min, max) = self.scale();
        let (min, max) = (item.scale_min.unwrap_or(min), item.scale_max.unwrap_or(max));
        findings.check(!own_scale || (min < max && max <= 1000), at, || {
            format!("the scale from {min} to {max} must ascend, to 1000 at most")
        });
        findings.check(item.importance.is_none() || self.instrument == Instrument::Csi, &key("importance"), || {
            format!("{name} does not weigh by importance; CSI does")
        });
        if let Some(importance) = item.importance {
            findings.range(&key("importance"), importance, min, max);
        }
    }
}

fn text(key: &str, text: &str, taken: bool, findings: &mut Findings) {
    findings.check(!text.is_empty() && text.len() <= TEXT_BYTES_MAX, key, || {
        format!("{text:?} must have 1 to {TEXT_BYTES_MAX} bytes")
    });
    findings.check(!taken, key, || format!("{text:?} names two of them"));
}

/// Of all customers the answers to one kind of survey are added up: points of one scale and of another have no mean.
fn check_pooled(surveys: &[Survey], findings: &mut Findings) {
    let kind = |survey: &Survey| match survey.instrument {
        Instrument::Csi => Some("CSI"),
        Instrument::Servqual | Instrument::Servperf => Some("SERVQUAL and SERVPERF"),
        Instrument::Nps | Instrument::Tnps | Instrument::Pulse | Instrument::Engagement | Instrument::Exit => None,
    };
    for (i, survey) in surveys.iter().enumerate() {
        let Some(name) = kind(survey) else { continue };
        let other = surveys[..i].iter().find(|other| kind(other) == Some(name) && other.scale() != survey.scale());
        findings.check(other.is_none(), &format!("survey.{i}"), || {
            let ((min, max), (other_min, other_max)) =
                (survey.scale(), other.map(Survey::scale).unwrap_or_default());
            let other = other.map_or("", |other| &other.id);
            format!(
                "has a scale from {min} to {max}, and {other:?} one from {other_min} to {other_max}: [population] adds up \
                 all answers to {name}, which have to share a scale"
            )
        });
    }
}

/// Checks all surveys of a programme, and how customers may be asked. Of a population that is `counted` their answers are
/// added up.
pub(super) fn check(surveys: &[Survey], contact: Option<&SurveyContact>, counted: bool, findings: &mut Findings) {
    findings.check(surveys.len() <= LIST_MAX, "survey", || {
        format!("{} of them, {LIST_MAX} are possible", surveys.len())
    });
    for (i, survey) in surveys.iter().enumerate() {
        let at = format!("survey.{i}");
        let taken = surveys[..i].iter().any(|other| other.id == survey.id);
        findings.name(&format!("{at}.id"), &survey.id, taken);
        survey.check(&at, findings);
        let ambiguous =
            survey.any_id && surveys[..i].iter().any(|other| other.any_id && other.instrument == survey.instrument);
        findings.check(!ambiguous, &format!("{at}.any_id"), || {
            format!("another survey of {} takes what is not named, too", survey.instrument.as_str())
        });
        let asked = survey.ask_after_days.is_some();
        findings.check(!asked || contact.is_some(), &format!("{at}.ask_after_days"), || {
            "needs a section survey_contact, which says whom one may ask, and how often".into()
        });
    }
    if counted {
        check_pooled(surveys, findings);
    }
    let Some(contact) = contact else { return };
    findings.check(!contact.purpose.is_empty(), "survey_contact.purpose", || {
        "is empty; name the use that the customer has to allow, such as \"research\"".into()
    });
    findings.range("survey_contact.contacts_max", contact.contacts_max, 1, 100);
    findings.range("survey_contact.per_days", contact.per_days, 1, 800);
    findings.range("survey_contact.repeat_days", contact.repeat_days, 1, 3660);
    findings.range("survey_contact.valid_days", contact.valid_days, 1, 800);
}

fn answers_max() -> u32 {
    4
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_usual(max: &u32) -> bool {
    *max == answers_max()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The order of the 22 items is that of the literature: a shifted one would blame the premises for the staff.
    #[test]
    fn the_usual_items_have_their_dimensions() {
        let survey = Survey { instrument: Instrument::Servqual, ..Survey::default() };
        let count = |dimension: Dimension| {
            let items = (0..40).filter_map(|number| survey.item(&format!("q{number}")));
            items.filter(|item| item.dimension == dimension).count()
        };
        assert_eq!(Dimension::OF_SERVICE.map(count), [4, 5, 4, 4, 5]);
        assert_eq!(survey.service_items(), [4, 5, 4, 4, 5]);
        let item = |id: &str, dimension| Item { id: id.into(), dimension, ..Item::default() };
        let own =
            vec![item("a", Dimension::Empathy), item("b", Dimension::Tangibles), item("c", Dimension::Empathy)];
        assert_eq!(Survey { item: own, ..survey.clone() }.service_items(), [1, 0, 0, 0, 2]);
        assert_eq!(survey.item("q4").map(|item| item.dimension), Some(Dimension::Tangibles));
        assert_eq!(survey.item("q5").map(|item| item.dimension), Some(Dimension::Reliability));
        assert_eq!(survey.item("q22").map(|item| item.dimension), Some(Dimension::Empathy));
        for unknown in ["q0", "q23", "q01", "q+1", "x1", "q"] {
            assert_eq!(survey.item(unknown), None, "{unknown}");
        }
    }

    // A questionnaire that is not what it says would be filled in for months before anybody saw it.
    #[test]
    fn wrong_surveys_are_named() {
        let item = |id: &str, dimension| Item { id: id.into(), dimension, ..Item::default() };
        let usual = Survey { half_life_days: 90, valid_days: 365, answers_max: 4, ..Survey::default() };
        let surveys = [
            Survey { id: "nps".into(), item: vec![item("nps", Dimension::Overall)], ..usual.clone() },
            Survey { id: "nps".into(), instrument: Instrument::Tnps, scale_max: Some(5), ..usual.clone() },
            Survey {
                id: "csi".into(),
                instrument: Instrument::Csi,
                item: vec![
                    item("price", Dimension::Value),
                    Item { scale_max: Some(9), ..item("price", Dimension::Empathy) },
                ],
                touchpoints: vec!["app".into()],
                ..usual.clone()
            },
            Survey {
                id: "servqual".into(),
                instrument: Instrument::Servqual,
                weights: Weights { tangibles: 21, ..Weights::default() },
                scale_min: Some(7),
                ask_after_days: Some(0),
                ..usual.clone()
            },
            Survey { id: "Pulse".into(), instrument: Instrument::Pulse, valid_days: 0, ..usual },
        ];
        let mut findings = Findings(Vec::new());
        check(&surveys, None, false, &mut findings);
        let said: String =
            findings.0.iter().map(|finding| format!("{}: {}\n", finding.key, finding.message)).collect();
        expect_test::expect![[r#"
            survey.0.item: NPS asks one thing and has no items
            survey.1.id: "nps" names two of them
            survey.1: TNPS has a scale of its own, 0 to 10
            survey.1.touchpoints: names none; give what is asked about, such as ["checkout"]
            survey.2.touchpoints: CSI is about no touchpoint; TNPS is
            survey.2.item.1.id: "price" names two of them
            survey.2.item.1.dimension: "empathy" is none of CSI: quality, service, value
            survey.2.item.1: has a scale of its own; the items of CSI share one, that of the survey
            survey.3.ask_after_days: 0 must lie between 1 and 3660
            survey.3.weights: add up to 101, not to 100
            survey.3: the scale from 7 to 7 must ascend, to 1000 at most
            survey.3.ask_after_days: needs a section survey_contact, which says whom one may ask, and how often
            survey.4.id: "Pulse" must be 1 to 64 lower-case letters, digits and _
            survey.4.valid_days: 0 must lie between 1 and 3660
            survey.4.item: there are none; PULSE has no items of its own
        "#]]
        .assert_eq(&said);
    }

    // Five points of five and five points of ten have no mean, and neither has a gap of two scales.
    #[test]
    fn what_is_added_up_shares_a_scale() {
        let survey = |id: &str, instrument, scale_max| Survey {
            id: id.into(),
            instrument,
            scale_max,
            half_life_days: 90,
            valid_days: 365,
            answers_max: 4,
            item: match instrument {
                Instrument::Servqual | Instrument::Servperf => Vec::new(),
                _ => vec![Item { id: "price".into(), dimension: Dimension::of(instrument)[0], ..Item::default() }],
            },
            ..Survey::default()
        };
        let surveys = [
            survey("shop", Instrument::Csi, None),
            survey("service", Instrument::Servqual, None),
            survey("app", Instrument::Csi, Some(10)),
            survey("staff", Instrument::Servperf, Some(5)),
            // Their shares are added up, not their points.
            survey("pulse", Instrument::Pulse, None),
            survey("battery", Instrument::Engagement, Some(7)),
            survey("again", Instrument::Csi, Some(5)),
        ];
        let said = |surveys: &[Survey], counted: bool| {
            let mut findings = Findings(Vec::new());
            check(surveys, None, counted, &mut findings);
            findings.0.iter().map(|finding| format!("{}: {}\n", finding.key, finding.message)).collect::<String>()
        };
        assert_eq!(said(&surveys, false), "");
        assert_eq!(said(&surveys[..2], true), "");
        expect_test::expect![[r#"
            survey.2: has a scale from 1 to 10, and "shop" one from 1 to 5: [population] adds up all answers to CSI, which have to share a scale
            survey.3: has a scale from 1 to 5, and "service" one from 1 to 7: [population] adds up all answers to SERVQUAL and SERVPERF, which have to share a scale
            survey.6: has a scale from 1 to 5, and "app" one from 1 to 10: [population] adds up all answers to CSI, which have to share a scale
        "#]]
        .assert_eq(&said(&surveys, true));
    }
}
