//! Small cases as text: what happens to a few customers, and what the programme says to each step.
//!
//! ```text
//! # What would break in the world.
//! terms window = { kind = "rolling_days", days = 30 }
//!
//! purchase c1 2024-01-10 620.00
//! ----
//! 2024-01-10 12:00 c1 #1 tier_changed newcomer -> regular, purchased
//!
//! watermark 2024-03-15
//! ----
//! 2024-02-09 c1 #2 tier_changed regular -> newcomer, window_moved
//! ```
//!
//! A `terms` line sets one key of [`crate::terms::plain`], by its path in the terms, to a TOML value. Below stand
//! blocks: steps, a ruler, and what is announced. Steps, with instants in the programme's zone (a day alone means
//! its noon):
//!
//! ```text
//! purchase CUSTOMER WHEN AMOUNT [basket=ID] [store=ID] [cashier=ID] [lines=CATEGORY[*]:PIECES:AMOUNT,..] [id=ID]
//! return CUSTOMER WHEN BASKET AMOUNT|whole [lines=CATEGORY[*]:PIECES:AMOUNT,..] [id=ID]
//! void CUSTOMER WHEN BASKET [id=ID]
//! survey CUSTOMER WHEN SCORE [id=ID]          the answer to "would you recommend us"
//! answer CUSTOMER WHEN SURVEY ITEM:SCORE[/EXPECTED][*IMPORTANCE],.. [about=TOUCHPOINT] [arrives=WHEN] [id=ID]
//! did CUSTOMER WHEN KIND [mood=-1..1] [of=ID] [whom=ID] [id=ID]     something other than to buy, such as complaint
//! redeem CUSTOMER WHEN POINTS [basket=ID] [id=ID]   the customer wants to pay the basket with points
//! floor CUSTOMER WHEN TIER|none [until=WHEN] [reason=WORD] [by=OPERATOR] [id=ID]   an operator overrides the tier
//! merge CUSTOMER WHEN ABSORBED [id=ID]        the absorbed customer turns out to be this one
//! erase CUSTOMER WHEN REQUEST [id=ID]         the customer asks to be forgotten
//! visit CUSTOMER WHEN [id=ID]                 the customer came and bought nothing
//! consent CUSTOMER WHEN PURPOSE yes|no [id=ID]
//! watermark WHEN                              time passes for everybody
//! card CUSTOMER WHEN                          what a query would answer
//! feels CUSTOMER WHEN                         the same of the relationship: numbers, by the names of `auditor::numbers`
//! tier CUSTOMER WHEN                          the same of the tier alone: what keeps it, and what is missing to the next
//! ```
//!
//! An answer is read as JSON, as the service reads it; what is refused becomes a line with the reason.
//!
//! Events are folded in the order of the text, so a line dated before its neighbours is a late event. What one customer tells
//! another, as in a merge, is heard before the next line.

mod step;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use jiff::tz::TimeZone;
use programme::card::Card;
use programme::classes::Activity;
use programme::customer::{Customer, SegmentStanding, TierFloor};
use programme::decision::{Body, Decision, Direction, Need, Overridden, Reason, TierChanged};
use programme::editions::Programme;
use programme::event::Event;
use programme::facts::Folded;
use programme::mechanic::segments::Scores;
use programme::message;
use programme::terms::Terms;
use programme::time::Timestamp;
use wire::input::{Decoder, Encoding};

use crate::{json, numbers, terms};
use step::Step;

/// Runs a scenario and returns its text with what is announced now in place of what was expected.
///
/// # Errors
/// Where a line cannot be read, with its number.
pub fn run(text: &str) -> Result<String, String> {
    let mut run: Option<Run> = None;
    let mut terms = toml::Table::try_from(terms::plain()).expect("terms can be written as TOML");
    let mut said = String::new();
    let mut expected = false;
    let mut steps = 0;
    let mut out = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let fails = |why: String| format!("line {number}: {line:?}: {why}");
        if expected && !line.is_empty() {
            continue;
        }
        expected = false;
        out.push_str(line);
        out.push('\n');
        if let Some(setting) = line.strip_prefix("terms ") {
            if run.is_some() {
                return Err(fails("terms stand before the first step".into()));
            }
            set(&mut terms, setting).map_err(fails)?;
        } else if line == "----" {
            out.push_str(&std::mem::take(&mut said));
            expected = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            let run = match &mut run {
                Some(run) => run,
                None => run.insert(Run::new(&terms).map_err(fails)?),
            };
            steps += 1;
            let step = step::parse(line, &run.zone, steps, run.programme.terms()).map_err(fails)?;
            run.step(&step, &mut said);
        }
    }
    match said.is_empty() {
        true => Ok(out),
        false => Err(format!("the last steps announce something, and no ruler follows:\n{said}")),
    }
}

/// Sets `path = value`; parts of the path that are numbers count lists from 0.
fn set(terms: &mut toml::Table, setting: &str) -> Result<(), String> {
    let (path, value) = setting.split_once(" = ").ok_or("not of the form: terms KEY = VALUE")?;
    let read: toml::Table = format!("value = {value}").parse().map_err(|error| format!("{error}"))?;
    let (parents, key) = path.rsplit_once('.').map_or((None, path), |(parents, key)| (Some(parents), key));
    let mut at: Option<&mut toml::Value> = None;
    for part in parents.iter().flat_map(|parents| parents.split('.')) {
        let next = match at.take() {
            None => terms.get_mut(part),
            Some(toml::Value::Array(list)) => part.parse::<usize>().ok().and_then(|i| list.get_mut(i)),
            Some(toml::Value::Table(table)) => table.get_mut(part),
            Some(_) => None,
        };
        at = Some(next.ok_or_else(|| format!("the terms have no {part:?} there"))?);
    }
    let table = match at {
        None => terms,
        Some(toml::Value::Table(table)) => table,
        Some(_) => return Err(format!("{path} does not lie in a table")),
    };
    table.insert(key.to_string(), read["value"].clone());
    Ok(())
}

/// A scenario under way.
struct Run {
    programme: Programme,
    zone: TimeZone,
    customers: BTreeMap<String, Customer>,
}

impl Run {
    fn new(terms: &toml::Table) -> Result<Run, String> {
        let terms: Terms = terms.clone().try_into().map_err(|error| format!("terms: {error}"))?;
        let zone = TimeZone::get(&terms.time_zone).map_err(|error| error.to_string())?;
        let programme = Programme::new(terms).map_err(|findings| format!("terms: {findings:?}"))?;
        Ok(Run { programme, zone, customers: BTreeMap::new() })
    }

    fn step(&mut self, step: &Step, said: &mut String) {
        let mut decisions = Vec::new();
        match step {
            Step::Answer(event, arrives_at) => {
                let decoder = Decoder::new(self.programme.terms(), 1 << 20).keyless();
                let (line, none) = (json::line(event), std::iter::empty::<(&[u8], &[u8])>());
                match decoder.decode(Encoding::Json, None, line.as_bytes(), none, *arrives_at) {
                    Ok(decoded) => return self.step(&Step::Event(decoded.event), said),
                    Err(refusal) => {
                        writeln!(said, "dead letter, {}: {}", refusal.kind.as_str(), refusal.message).unwrap();
                    }
                }
            }
            Step::Feels(id, at) => {
                let customer = self.customers.entry(id.clone()).or_default();
                let card = self.programme.card(id, customer, *at);
                write!(said, "{} {id} feels", self.local(card.as_of)).unwrap();
                for (name, number) in card.relationship.iter().flat_map(numbers::of).filter(|(_, it)| *it != 0) {
                    write!(said, " {}={number}", name.replace(' ', "_")).unwrap();
                }
                said.push('\n');
            }
            Step::Event(event) => {
                let customer = self.customers.entry(event.customer_id.clone()).or_default();
                let mut mail = Vec::new();
                let folded = self.programme.take_event(customer, event, &mut decisions, &mut mail);
                self.say_nothing(event, folded, said);
                let mut mail = VecDeque::from(mail);
                while let Some(message) = mail.pop_front() {
                    let customer = self.customers.entry(message.to.clone()).or_default();
                    let mut answers = Vec::new();
                    let folded = self.programme.take_message(customer, &message, &mut decisions, &mut answers);
                    if let message::Body::Happened(event) = &message.body {
                        self.say_nothing(event, folded, said);
                    }
                    mail.extend(answers);
                }
            }
            Step::Watermark(until) => {
                for (id, customer) in &mut self.customers {
                    self.programme.wake_until(id, customer, *until, &mut decisions);
                }
                decisions.sort_by_key(|decision| decision.effective_at);
            }
            Step::Tier(id, at) => {
                let customer = self.customers.entry(id.clone()).or_default();
                let card = self.programme.card(id, customer, *at);
                self.say_tier(&card, said);
            }
            Step::Card(id, at) => {
                let customer = self.customers.entry(id.clone()).or_default();
                let card = self.programme.card(id, customer, *at);
                let recency = card.recency_days.map_or("none".to_string(), |days| days.to_string());
                write!(
                    said,
                    "{} {id} tier={} recency_days={recency} purchases={} spend_minor={} lifetime={}/{} ltv_minor={} risk={}",
                    self.local(card.as_of),
                    card.tier,
                    card.window.purchases,
                    card.window.spend_minor,
                    card.lifetime_purchases,
                    card.lifetime_spend_minor,
                    card.ltv_minor,
                    card.risk.as_deref().unwrap_or("none"),
                )
                .unwrap();
                let SegmentStanding { segment, buyer_group, activity, wake: _ } = card.segments;
                let classes = [
                    ("segment", segment.map(|held| held.class.as_str())),
                    ("buyer_group", buyer_group.map(|held| held.class.as_str())),
                    ("activity", activity.map(Activity::as_str)),
                ];
                for (name, class) in classes {
                    class.map(|class| write!(said, " {name}={class}")).transpose().unwrap();
                }
                if let Some(Scores { recency, frequency, monetary }) = card.scores {
                    write!(said, " scores={recency}{frequency}{monetary}").unwrap();
                }
                if let Some(into) = &card.merged_into {
                    write!(said, " merged_into={into}").unwrap();
                }
                said.push('\n');
            }
        }
        for decision in &decisions {
            self.say(decision, said);
        }
    }

    /// What became of an event that nothing is made of here.
    fn say_nothing(&self, event: &Event, folded: Folded, said: &mut String) {
        let what = match folded {
            Folded::New => return,
            Folded::Duplicate => "duplicate",
            Folded::Suppressed => "suppressed",
            Folded::PassedOn => "passed on",
            Folded::Declined => "declined",
        };
        writeln!(said, "{} {} {what} {}", self.local(event.at), event.customer_id, event.id).unwrap();
    }

    /// What a query would answer of the tier.
    fn say_tier(&self, card: &Card, said: &mut String) {
        write!(said, "{} {} tier={}", self.local(card.as_of), card.customer_id, card.tier).unwrap();
        if let Some(until) = card.tier_until {
            write!(said, " until {}", self.local(until)).unwrap();
        }
        if let Some(floor) = &card.tier_floor {
            let TierFloor { tier, own, operator_id, reason, .. } = floor;
            write!(said, " floor={tier} own={own} by {operator_id} ({reason})").unwrap();
        }
        for (what, needs) in [("keep", &card.to_keep), ("next", &card.to_next)] {
            for Need { measure, required, current } in needs {
                let current = current.map_or("none".to_string(), |current| current.to_string());
                write!(said, " {what}:{measure}={current}/{required}").unwrap();
            }
        }
        writeln!(said).unwrap();
    }

    fn say(&self, decision: &Decision, said: &mut String) {
        let at = self.local(decision.effective_at);
        write!(said, "{at} {} #{} ", decision.customer_id, decision.sequence).unwrap();
        let none = "none".to_string();
        match &decision.body {
            Body::TierChanged(changed) => {
                let TierChanged { from, to, direction, overridden, .. } = changed;
                match direction {
                    Direction::Up | Direction::Down => write!(said, "tier_changed {from} -> {to}"),
                    Direction::Prolonged => write!(said, "tier_prolonged {to}"),
                    Direction::EndsSoon => write!(said, "tier_ends_soon {to}"),
                    Direction::Overridden => write!(said, "tier_overridden {from} -> {to}"),
                }
                .unwrap();
                if let Some(Overridden { floor, operator_id, reason }) = overridden {
                    let floor = floor.as_ref().unwrap_or(&none);
                    write!(said, " floor={floor} by {operator_id} ({reason})").unwrap();
                }
                if let Some(until) = changed.valid_until {
                    write!(said, " until {}", self.local(until)).unwrap();
                }
            }
            Body::ChurnRiskChanged(changed) => {
                let (from, to) = (changed.from.as_ref().unwrap_or(&none), changed.to.as_ref().unwrap_or(&none));
                let last = self.local(changed.last_purchase_at);
                write!(said, "churn_risk_changed {from} -> {to} at {:.3}", changed.probability).unwrap();
                write!(said, " last_purchase={last}").unwrap();
            }
            Body::PointsChanged(_)
            | Body::EngagementChanged(_)
            | Body::ChallengeChanged(_)
            | Body::OfferSuggested(_)
            | Body::FraudSuspected(_)
            | Body::CustomerMerged(_)
            | Body::DiscountChanged(_) => write!(said, "{}", decision.body).unwrap(),
            Body::CustomerErased(erased) => write!(said, "erased by {}", erased.request_id).unwrap(),
        }
        let reason = match decision.reason {
            Reason::Purchased => "purchased",
            Reason::PurchaseTakenBack => "purchase_taken_back",
            Reason::SurveyAnswered => "survey_answered",
            Reason::WindowMoved => "window_moved",
            Reason::Silence => "silence",
            Reason::OtherEvent => "other_event",
            Reason::ErasureRequested => "erasure_requested",
            Reason::RedemptionRequested => "redemption_requested",
            Reason::RedemptionSettled => "redemption_settled",
            Reason::Operator => "operator",
            Reason::TermsChanged => "terms_changed",
            Reason::TimePassed => "time_passed",
            Reason::IdentityMerged => "identity_merged",
        };
        writeln!(said, ", {reason}{}", if decision.correction { ", correction" } else { "" }).unwrap();
    }

    /// The instant by the clock on the wall of the shop; the day alone where it is the day's beginning.
    fn local(&self, at: Timestamp) -> String {
        let day = self.programme.zone().day(at);
        if self.programme.zone().start(day) == at {
            return day.to_string();
        }
        let instant = jiff::Timestamp::from_millisecond(at.0).expect("scenarios lie within the accepted years");
        instant.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    }
}
