//! One line of a scenario.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use programme::event::{
    Answer, Body, ConsentChanged, ErasureRequested, Event, IdentityMerged, Instrument, Interacted, Interaction,
    Line, Purchase, PurchaseReturned, PurchaseVoided, RedemptionRequested, SurveyAnswered, TierOverridden,
};
use programme::terms::Terms;
use programme::time::Timestamp;

use crate::terms::CURRENCY;

/// What one line of a scenario says.
#[derive(Debug)]
pub(super) enum Step {
    Event(Event),
    /// What a survey's form says, and when it arrives.
    Answer(Event, Timestamp),
    Watermark(Timestamp),
    Card(String, Timestamp),
    Feels(String, Timestamp),
    Tier(String, Timestamp),
}

/// Reads the `number`th step; an event without an id is named by that, so that what is announced before moves no name.
pub(super) fn parse(line: &str, zone: &TimeZone, number: usize, terms: &Terms) -> Result<Step, String> {
    let mut words = Words { words: line.split_whitespace().collect(), next: 0 };
    let kind = words.next("a kind of step")?;
    if kind == "watermark" {
        let until = when(words.next("an instant")?, zone)?;
        words.end()?;
        return Ok(Step::Watermark(until));
    }
    let customer_id = words.next("a customer")?.to_string();
    let at = when(words.next("an instant")?, zone)?;
    let mut basket = format!("basket-{number}");
    let body = match kind {
        "card" => {
            words.end()?;
            return Ok(Step::Card(customer_id, at));
        }
        "feels" => {
            words.end()?;
            return Ok(Step::Feels(customer_id, at));
        }
        "answer" => {
            let body = Body::SurveyAnswered(answered(&mut words, terms)?);
            let arrives_at = words.named("arrives=").map_or(Ok(at), |text| when(text, zone))?;
            let latest = arrives_at.plus_ms(i64::from(terms.future_skew_s_max) * 1000);
            let id = words.named("id=").map_or(format!("step-{number}"), str::to_string);
            words.end()?;
            return Ok(Step::Answer(Event { id, customer_id, at, body }, latest));
        }
        "tier" => {
            words.end()?;
            return Ok(Step::Tier(customer_id, at));
        }
        "purchase" => {
            let amount_minor = money(words.next("an amount")?)?;
            if let Some(named) = words.named("basket=") {
                basket = named.to_string();
            }
            let mut named = |name| words.named(name).unwrap_or_default().to_string();
            let (store_id, cashier_id) = (named("store="), named("cashier="));
            let lines = lines(&mut words)?;
            Body::Purchase(Purchase {
                basket_id: basket,
                store_id,
                cashier_id,
                amount_minor,
                lines,
                ..Purchase::default()
            })
        }
        "return" => {
            let basket_id = words.next("a basket")?.to_string();
            let amount = words.next("an amount, or whole")?;
            let whole_basket = amount == "whole";
            let amount_minor = if whole_basket { 0 } else { money(amount)? };
            Body::PurchaseReturned(PurchaseReturned {
                basket_id,
                amount_minor,
                lines: lines(&mut words)?,
                whole_basket,
            })
        }
        "void" => Body::PurchaseVoided(PurchaseVoided { basket_id: words.next("a basket")?.to_string() }),
        "survey" => {
            let score = words.next("a score")?;
            let score = score.parse().map_err(|_| format!("{score:?} is no score from 0 to 10"))?;
            Body::SurveyAnswered(SurveyAnswered::nps(score))
        }
        "did" => {
            let name = words.next("a kind of interaction")?;
            let kind = Interaction::ALL.into_iter().find(|kind| kind.as_str() == name);
            let kind = kind.ok_or_else(|| format!("{name:?} is no kind of interaction"))?;
            let mood = words.named("mood=");
            let sentiment = mood
                .map(|mood| mood.parse().map_err(|_| format!("{mood:?} is no mood from -1 to 1")))
                .transpose()?;
            let refers_to = words.named("of=").map(str::to_string);
            let referred_customer_id = words.named("whom=").map(str::to_string);
            let plain = Interacted::plain(kind);
            Body::Interacted(Interacted { sentiment, refers_to, referred_customer_id, ..plain })
        }
        "redeem" => {
            let points = words.next("a number of points")?;
            let points = points.parse().map_err(|_| format!("{points:?} is no number of points"))?;
            Body::RedemptionRequested(RedemptionRequested {
                redemption_id: format!("redemption-{number}"),
                basket_id: words.named("basket=").unwrap_or_default().to_string(),
                currency: CURRENCY.to_string(),
                points,
                basket_amount_minor: points,
                eligible_amount_minor: points,
            })
        }
        "merge" => Body::IdentityMerged(IdentityMerged { absorbed_id: words.next("a customer")?.to_string() }),
        "erase" => Body::ErasureRequested(ErasureRequested { request_id: words.next("a request")?.to_string() }),
        "floor" => {
            let tier = Some(words.next("a tier, or none")?).filter(|tier| *tier != "none");
            let until = words.named("until=").map(|until| when(until, zone)).transpose()?;
            let reason = words.named("reason=").unwrap_or("unsaid").to_string();
            let operator_id = words.named("by=").unwrap_or("anna").to_string();
            Body::TierOverridden(TierOverridden { tier: tier.map(str::to_string), until, reason, operator_id })
        }
        "consent" => {
            let purpose = words.next("a purpose")?.to_string();
            let granted = match words.next("yes or no")? {
                "yes" => true,
                "no" => false,
                other => return Err(format!("{other:?} is neither yes nor no")),
            };
            Body::ConsentChanged(ConsentChanged { purpose, granted })
        }
        "visit" => Body::Interacted(Interacted::plain(Interaction::Visit)),
        _ => return Err(format!("{kind:?} is no kind of step")),
    };
    let id = words.named("id=").map_or(format!("step-{number}"), str::to_string);
    words.end()?;
    Ok(Step::Event(Event { id, customer_id, at, body }))
}

struct Words<'a> {
    words: Vec<&'a str>,
    next: usize,
}

impl<'a> Words<'a> {
    fn next(&mut self, what: &str) -> Result<&'a str, String> {
        let word = self.words.get(self.next).copied().ok_or_else(|| format!("{what} is missing"))?;
        self.next += 1;
        Ok(word)
    }

    fn named(&mut self, name: &str) -> Option<&'a str> {
        let value = self.words.get(self.next)?.strip_prefix(name)?;
        self.next += 1;
        Some(value)
    }

    fn end(&self) -> Result<(), String> {
        match self.words.get(self.next) {
            None => Ok(()),
            Some(word) => Err(format!("{word:?} is too much")),
        }
    }
}

/// `service q1:5/7,q2:4`: the survey by its id in the terms, and what was answered to each item.
fn answered(words: &mut Words<'_>, terms: &Terms) -> Result<SurveyAnswered, String> {
    let id = words.next("a survey")?;
    let instrument = terms.survey.iter().find(|survey| survey.id == id).map(|survey| survey.instrument);
    let answers = words.next("answers")?.split(',').map(answer).collect::<Result<_, _>>()?;
    let touchpoint = words.named("about=").unwrap_or_default().to_string();
    // Of a survey that there is not, NPS is asked.
    let instrument = instrument.unwrap_or(Instrument::Nps);
    Ok(SurveyAnswered { survey_id: id.to_string(), instrument, touchpoint, answers })
}

fn answer(text: &str) -> Result<Answer, String> {
    let fails = || format!("{text:?} is no answer such as q1:5, q1:5/7 or price:4*5");
    let milli = |text: &str| {
        let points: f64 = text.parse().map_err(|_| fails())?;
        Ok::<i64, String>((points * 1000.0).round() as i64)
    };
    let (item, score) = text.split_once(':').ok_or_else(fails)?;
    let (score, importance) = score.split_once('*').map_or((score, None), |(score, it)| (score, Some(it)));
    let (score, expectation) = score.split_once('/').map_or((score, None), |(score, it)| (score, Some(it)));
    Ok(Answer {
        item: item.to_string(),
        score_milli: milli(score)?,
        importance_milli: importance.map(milli).transpose()?,
        expectation_milli: expectation.map(milli).transpose()?,
    })
}

/// `lines=milk:2:120.00,tea*:0.5:500.00`, where they are given: category, pieces and amount of each, `*` for the
/// retailer's own brand. The article has the category's name, and stands in the department `food`.
fn lines(words: &mut Words<'_>) -> Result<Vec<Line>, String> {
    let texts = words.named("lines=").into_iter().flat_map(|texts| texts.split(','));
    texts.map(line).collect()
}

fn line(text: &str) -> Result<Line, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let [category, quantity, amount] = parts[..] else {
        return Err(format!("{text:?} is no line such as milk:2:120.00"));
    };
    let (name, private_label) = category.strip_suffix('*').map_or((category, false), |name| (name, true));
    let pieces: f64 = quantity.parse().map_err(|_| format!("{quantity:?} is no number of pieces"))?;
    Ok(Line {
        sku: name.to_string(),
        category: name.to_string(),
        department: "food".to_string(),
        private_label,
        quantity_milli: (pieces * 1000.0) as i64,
        amount_minor: money(amount)?,
        ..Line::default()
    })
}

/// `2024-01-10` (its noon), `2024-01-10T18:30` or `2024-01-10T18:30:15.250`, by the wall clock of `zone`.
fn when(text: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let fails = |error: jiff::Error| format!("{text:?}: {error}");
    let local: DateTime = match text.contains('T') {
        true => text.parse().map_err(fails)?,
        false => text.parse::<Date>().map_err(fails)?.at(12, 0, 0, 0),
    };
    let zoned = local.to_zoned_datetime(zone.clone()).map_err(fails)?;
    Ok(Timestamp(zoned.timestamp().as_millisecond()))
}

/// `620.00` as minor units: two digits after the point.
fn money(text: &str) -> Result<i64, String> {
    let fails = || format!("{text:?} is no amount such as 620.00");
    let (major, minor) = text.split_once('.').ok_or_else(fails)?;
    if minor.len() != 2 {
        return Err(fails());
    }
    let (major, minor): (i64, i64) = (major.parse().map_err(|_| fails())?, minor.parse().map_err(|_| fails())?);
    Ok(major * 100 + minor)
}
