//! Whom to ask again (`domain.md` RC-5): whoever has not answered a survey for the days of the terms.
//!
//! A customer is asked who allows the use of the data, and not more often than the terms say, whatever for. Who does not
//! allow it is asked when they do. What was suggested is remembered, so that a question that is not answered is repeated
//! after its own days only.

use crate::customer::Standing;
use crate::customer::relationship::{Asked, RelationshipStanding};
use crate::decision::{Body, Evidence, OfferSuggested, Value};
use crate::facts::Facts;
use crate::mechanic::{Conclusion, Mechanic, Moment};
use crate::terms::surveys::{Survey, SurveyContact};
use crate::time::Day;

/// The mechanic of surveys that are due.
pub const MECHANIC: Mechanic = Mechanic { judge, correct };

/// Suggests the surveys that are due at `moment`, in the order of the terms.
fn judge(moment: &Moment<'_>, facts: &Facts, standing: &mut Standing, concluded: &mut Vec<Conclusion>) {
    let asks = moment.terms.survey.iter().any(|survey| survey.ask_after_days.is_some());
    let Some(contact) = moment.terms.survey_contact.as_ref().filter(|_| asks) else {
        if let Some(own) = &mut standing.relationship {
            own.asked.clear();
            own.asked_wake = None;
            // Where nothing else is kept either, nothing is.
            if **own == RelationshipStanding::default() {
                standing.relationship = None;
            }
        }
        return;
    };
    let own = standing.relationship.get_or_insert_default();
    ask(moment, facts, own, contact, concluded);
}

/// Suggests what would have been suggested before, had it been known. What should not have been was, and counts as a
/// contact; nobody is asked twice.
fn correct(
    moment: &Moment<'_>,
    facts: &Facts,
    announced: &Standing,
    standing: &mut Standing,
    concluded: &mut Vec<Conclusion>,
) {
    let Some(contact) = &moment.terms.survey_contact else { return };
    let told: &[Asked] = announced.relationship.as_ref().map_or(&[], |standing| &standing.asked);
    let Some(own) = &mut standing.relationship else { return };
    own.asked = told.to_vec();
    ask(moment, facts, own, contact, concluded);
}

/// Suggests what is due beside what was suggested already, and sets when to look again.
fn ask(
    moment: &Moment<'_>,
    facts: &Facts,
    own: &mut RelationshipStanding,
    contact: &SurveyContact,
    concluded: &mut Vec<Conclusion>,
) {
    forget(&mut own.asked, contact, moment.day);
    if facts.consents.allow(&contact.purpose, moment.terms) {
        for survey in &moment.terms.survey {
            let Some(due) = due(moment, facts, &own.asked, survey, contact) else { continue };
            if due <= moment.day && free_from(&own.asked, contact, moment.day) <= moment.day {
                concluded.push(suggest(moment, facts, survey, contact, due));
                own.asked.push(Asked { survey: survey.id.clone(), day: moment.day });
            }
        }
    }
    own.asked_wake = wake(moment, facts, &own.asked, contact);
}

/// From which day on the customer may be asked `survey`; `None` where nobody is.
fn due(
    moment: &Moment<'_>,
    facts: &Facts,
    asked: &[Asked],
    survey: &Survey,
    contact: &SurveyContact,
) -> Option<Day> {
    let due = last_answer(moment, facts, survey)?.plus(days(survey.ask_after_days?));
    let last_asked = asked.iter().filter(|asked| asked.survey == survey.id).map(|asked| asked.day).max();
    let again = last_asked.map(|day| day.plus(days(contact.repeat_days)));
    Some(again.map_or(due, |again| due.max(again)))
}

/// The day of the last answer to `survey`; of whoever never answered, the first that is known of them.
fn last_answer(moment: &Moment<'_>, facts: &Facts, survey: &Survey) -> Option<Day> {
    let given = facts.relationship.iter().flat_map(|relationship| &relationship.answers.given);
    let last = given.filter(|given| given.survey == survey.id).map(|given| given.at).max();
    last.or(facts.since).map(|at| moment.zone.day(at))
}

/// The first day, `day` or later, on which there is room for one more contact.
fn free_from(asked: &[Asked], contact: &SurveyContact, day: Day) -> Day {
    let mut recent: Vec<Day> = asked.iter().map(|asked| asked.day.plus(days(contact.per_days))).collect();
    recent.retain(|leaves| *leaves > day);
    recent.sort_unstable();
    // So many have to leave the window until fewer than the most are in it.
    let excess = (recent.len() + 1).saturating_sub(contact.contacts_max as usize);
    excess.checked_sub(1).map_or(day, |last| recent[last])
}

/// The next day on which a question is due, or there is room for one that is.
fn wake(moment: &Moment<'_>, facts: &Facts, asked: &[Asked], contact: &SurveyContact) -> Option<Day> {
    if !facts.consents.allow(&contact.purpose, moment.terms) {
        return None;
    }
    let due = moment.terms.survey.iter().filter_map(|survey| due(moment, facts, asked, survey, contact)).min()?;
    let free = free_from(asked, contact, due.max(moment.day));
    // The offer has an end, which the calendar has to know too.
    let ends = |day: Day| day.plus(days(contact.valid_days));
    Some(due.max(free)).filter(|day| *day > moment.day && moment.zone.knows(ends(*day)))
}

/// Forgets what stands in the way of no question any more.
fn forget(asked: &mut Vec<Asked>, contact: &SurveyContact, day: Day) {
    let kept = days(contact.per_days.max(contact.repeat_days));
    asked.retain(|asked| asked.day.plus(kept) > day);
}

fn suggest(moment: &Moment<'_>, facts: &Facts, survey: &Survey, contact: &SurveyContact, due: Day) -> Conclusion {
    let silence = last_answer(moment, facts, survey).map_or(0, |last| moment.day.since(last));
    let evidence = vec![
        Evidence {
            measure: "days_since_answer",
            value: Value::Integer(silence.into()),
            threshold: survey.ask_after_days.map(|days| Value::Integer(days.into())),
            window: None,
        },
        Evidence {
            measure: "days_overdue",
            value: Value::Integer(moment.day.since(due).into()),
            threshold: None,
            window: None,
        },
    ];
    let offer = OfferSuggested {
        offer: survey.id.clone(),
        purpose: contact.purpose.clone(),
        valid_until: Some(moment.zone.start(moment.day.plus(days(contact.valid_days)))),
        ..OfferSuggested::default()
    };
    Conclusion { body: Body::OfferSuggested(offer), evidence }
}

fn days(days: u32) -> i32 {
    i32::try_from(days).expect("terms bound days to 3660")
}

#[cfg(test)]
mod tests;
