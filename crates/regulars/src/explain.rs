//! `regulars explain`: why a customer is where they are, in words: how they stand, the decisions that led there, what
//! would change it next, and when.
//!
//! Nothing is concluded here: the programme explains, and this finds words.

use std::fmt::Write as _;
use std::path::PathBuf;

use programme::card::Card;
use programme::card::relationship::RelationshipCard;
use programme::customer::{Customer, Outcome, TierFloor};
use programme::decided::{PastDecision, PastEvidence};
use programme::decision::{Body, ChurnKind, ChurnReason, Decision, Need, Reason, Value};
use programme::editions::Programme;
use programme::explanation::Explanation;
use programme::facts::rhythm::Rhythm;
use programme::mechanic::churn::Outlook;
use programme::terms::discount::Discount;
use programme::terms::tiers::{Match, Tier, Window};
use programme::time::{Day, Timestamp};

use crate::customers;
use crate::fault::Fault;
use crate::replay::instant;
use crate::summary::money;
use crate::terms_file::TermsFiles;

/// What `regulars explain` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the customers' state
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The customer
    #[arg(long, value_name = "ID")]
    id: String,
    /// As it will be at this instant if nothing happens; that of the last event or clock unless given
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    as_of: Option<Timestamp>,
    /// The terms; those that were used unless given
    #[arg(long, value_name = "FILE", num_args = 1..)]
    programme: Vec<PathBuf>,
    /// How the explanation is written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How an explanation is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object on one line: a `CustomerExplanation`.
    Json,
}

/// Prints the explanation.
pub fn run(args: Args) -> Result<(), Fault> {
    let programme = TermsFiles::given_or_kept(&args.programme, &args.data)?.programme();
    let tasks = customers::open(&args.data)?;
    let (task, customer) = customers::find(&tasks, &args.id, &args.data)?;
    let at = args.as_of.unwrap_or(task.clock);
    customers::print(&match args.format {
        Format::Text => explanation(&programme, &args.id, &customer, at),
        Format::Json => format!("{}\n", wire::explanation::to_json(&programme.explain(&args.id, &customer, at))),
    })
}

/// A silence of more than so many of the customer's own gaps is worth a line.
const OVERDUE_GAPS: f64 = 2.0;

/// Why `customer` is where they will be at `at` if nothing happens until then, in words.
pub(crate) fn explanation(programme: &Programme, id: &str, customer: &Customer, at: Timestamp) -> String {
    let Explanation { card, decided, coming } = programme.explain(id, customer, at);
    if let Some(into) = &card.merged_into {
        return format!(
            "{id} is {into} since {}: what was known went over, and what comes goes there\n",
            merged_on(programme, customer)
        );
    }
    let telling = Telling { programme, card: &card, text: String::new() };
    telling.tell(customer, &decided, &coming)
}

fn merged_on(programme: &Programme, customer: &Customer) -> Day {
    let at = customer.identity.merged_into.as_ref().map(|into| into.at);
    programme.zone().day(at.unwrap_or_default())
}

struct Telling<'a> {
    programme: &'a Programme,
    card: &'a Card,
    text: String,
}

impl Telling<'_> {
    fn tell(mut self, customer: &Customer, decided: &[PastDecision], coming: &[Decision]) -> String {
        let Card { customer_id, as_of, .. } = self.card;
        let as_of = self.local(*as_of);
        let zone = &self.programme.terms().time_zone;
        self.line(format_args!("Customer {customer_id}, as of {as_of} ({zone})"));
        self.line(format_args!(""));
        self.tell_purchases(customer.facts.rhythm);
        self.line(format_args!(""));
        self.tell_tier();
        self.line(format_args!(""));
        self.tell_discount();
        self.tell_risk(customer.facts.rhythm);
        self.line(format_args!(""));
        self.tell_relationship();
        if !decided.is_empty() {
            self.tell_decided(decided);
            self.line(format_args!(""));
        }
        self.tell_coming(coming);
        self.text
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{line}");
    }

    fn tell_purchases(&mut self, rhythm: Option<Rhythm>) {
        let card = self.card;
        let known = card.since.map_or("never".to_string(), |since| self.day(since));
        let spend = self.money(card.lifetime_spend_minor);
        let worth = self.money(card.ltv_minor);
        self.line(format_args!(
            "Known since {known}: {} purchases, {spend} spent; worth {worth} over the years to come",
            money::grouped(card.lifetime_purchases.into())
        ));
        if let (Some(last), Some(days)) = (card.last_purchase_at, card.recency_days) {
            let last = self.local(last);
            self.line(format_args!("Last purchase: {last}, {}", ago(days)));
        }
        if let Some(gap_days) = gap_days(rhythm) {
            self.line(format_args!("Comes every {gap_days:.1} days on average"));
        }
        if let Some(nps) = card.nps {
            self.line(format_args!("Would recommend us: {nps} of 10"));
        }
    }

    fn tell_tier(&mut self) {
        let card = self.card;
        if card.tier.is_empty() {
            self.line(format_args!("Tier: none yet"));
            return;
        }
        let since = self.day(card.tier_since);
        self.line(format_args!("Tier: {}, since {since}", card.tier));
        let window = self.window();
        if card.to_keep.is_empty() {
            self.line(format_args!("  It asks for nothing, so it cannot be lost"));
        } else {
            let any = self.asks_any(&card.tier);
            self.line(format_args!("  because within {window}{any}"));
            for need in &card.to_keep {
                self.tell_need(need);
            }
        }
        if let Some(floor) = &card.tier_floor {
            let TierFloor { tier, until, reason, operator_id, own, .. } = floor;
            let until = until.map_or("for good".to_string(), |until| format!("until {}", self.local(until)));
            self.line(format_args!("  It is at least {tier} {until}: set by {operator_id}, {reason}"));
            self.line(format_args!("  By own merit it would be {own}"));
        }
        if let Some(until) = card.tier_until {
            let until = self.day(until);
            self.line(format_args!("  It is kept until {until} if nothing is bought"));
        }
        let tiers = &self.programme.terms().tier;
        let held = tiers.iter().position(|tier| tier.name == card.tier).unwrap_or(0);
        match tiers.get(held + 1) {
            Some(Tier { name, .. }) => {
                let any = self.asks_any(name);
                self.line(format_args!("  The next tier, {name}, asks for{any}"));
                for need in &card.to_next {
                    self.tell_need(need);
                }
            }
            None => self.line(format_args!("  There is no higher tier")),
        }
    }

    /// Loyalty, engagement and what is wrong; nothing where the terms do not ask, or the customer does not allow it.
    fn tell_relationship(&mut self) {
        let Some(relationship) = &self.card.relationship else { return };
        let RelationshipCard { classes, negative, issues, value, .. } = relationship;
        let percent = |micro: i64| format!("{} %", micro.div_euclid(10_000));
        let part = |name: &str, micro: Option<i64>| micro.map(|micro| format!("{name} {}", percent(micro)));
        let parts = |parts: &[Option<String>]| parts.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        let mut lines = Vec::new();
        if let (Some(step), Some(life)) = (classes.ladder_step, classes.life_cycle) {
            lines.push(format!("Relationship: {}, in {} since {}", step.as_str(), life.class.as_str(), life.since));
        }
        if let Some(kind) = classes.loyalty_type() {
            let paradox = if classes.paradox { ", without effect on what is bought" } else { "" };
            let behaviour = part("behaviour", relationship.behaviour.map(|behaviour| behaviour.index_micro));
            let perception = relationship.perception.and_then(|perception| perception.perceived_micro);
            let of = parts(&[behaviour, part("perception", perception)]);
            lines.push(format!("  Loyalty: {} ({of}){paradox}", kind.as_str()));
        }
        if let (Some(level), Some(engaged)) = (classes.level, relationship.engaged) {
            let of = parts(&[
                part("knows", engaged.cognitive_micro),
                part("feels", engaged.emotional_micro),
                part("does", Some(engaged.behavioural_micro)),
            ]);
            lines.push(format!("  Engagement: {}, {} ({of})", level.as_str(), percent(engaged.score_micro)));
        }
        if let Some(reason) = classes.exit_reason {
            lines.push(format!("  Leaves because of: {}", reason.as_str()));
        }
        if let (Some(negative), Some(issues)) = (negative, issues) {
            let (waiting, raised) = (issues.waiting, issues.raised);
            lines.push(format!("  Something is wrong: {}, {waiting} of {raised} issues wait", negative.as_str()));
        }
        if let Some(value) = value {
            let (total, own) = (self.money(value.total_minor), self.money(value.purchases_minor));
            lines.push(format!("  Worth {total}, of which {own} by own purchases"));
        }
        if lines.is_empty() {
            return;
        }
        for line in lines {
            self.line(format_args!("{line}"));
        }
        self.line(format_args!(""));
    }

    /// What to add where one of a tier's conditions is enough.
    fn asks_any(&self, name: &str) -> &'static str {
        let tier = self.programme.terms().tier.iter().find(|tier| tier.name == name);
        match tier.map(|tier| tier.matching) {
            Some(Match::Any) => " any of",
            Some(Match::All) | None => "",
        }
    }

    /// The discount and, where it grows, what the next step asks for; nothing where there is none to be had.
    fn tell_discount(&mut self) {
        let card = self.card;
        let Some(discount) = &self.programme.terms().discount else { return };
        self.line(format_args!("Discount: {}", permille(card.discount_permille)));
        if let Discount::Cumulative { step, may_fall } = discount {
            if let Some(next) = step.iter().find(|step| step.permille > card.discount_permille) {
                let spend = self.money(next.spend_minor_min);
                let missing = self.money(next.spend_minor_min - card.lifetime_spend_minor);
                let next = permille(next.permille);
                self.line(format_args!("  {next} from {spend} of spend on, {missing} more"));
            }
            let what = if *may_fall { "may lower it" } else { "does not lower it" };
            self.line(format_args!("  What goes back {what}"));
        }
        self.line(format_args!(""));
    }

    /// A condition of a tier: what there is, what is asked for, and what is missing.
    fn tell_need(&mut self, need: &Need) {
        let number = |number: i64| match need.measure {
            "spend_minor" | "ltv_minor" => self.money(number),
            _ => money::grouped(number),
        };
        let measure = match need.measure {
            "spend_minor" => "spend",
            "ltv_minor" => "worth",
            "nps" => "would recommend",
            "points_earned" => "points earned",
            "tenure_days" => "days known",
            other => other,
        };
        let current = need.current.map_or("no answer".to_string(), number);
        // Nobody answers "one more": what is missing is told of what adds up.
        let missing = match need.current.map(|current| need.required - current) {
            Some(missing) if missing > 0 && need.measure != "nps" => format!("  {} more", number(missing)),
            _ => String::new(),
        };
        let required = number(need.required);
        self.line(format_args!("    {measure:<16}{current:>18}   at least {required}{missing}"));
    }

    fn tell_risk(&mut self, rhythm: Option<Rhythm>) {
        let card = self.card;
        let churn = &self.programme.terms().churn;
        let since = self.day(card.risk_since);
        match &card.risk {
            Some(band) => self.line(format_args!("Churn risk: {band}, since {since}")),
            None => self.line(format_args!("Churn risk: none")),
        }
        let Some(outlook) = &card.outlook else {
            self.line(format_args!("  Not judged below {} shopping days", churn.shopping_days_min));
            return;
        };
        let score = outlook.score;
        let bands: Vec<String> =
            churn.band.iter().map(|band| format!("{} from {}", band.name, percent(band.probability_min))).collect();
        self.line(format_args!(
            "  Buys nothing in the next {} days with probability {} ({})",
            churn.horizon_days,
            percent(score.no_purchase),
            bands.join(", ")
        ));
        self.line(format_args!("  Has not left for good with probability {}", percent(score.alive)));
        if let (Some(silence), Some(gap_days)) = (card.recency_days, gap_days(rhythm)) {
            let times = f64::from(silence) / gap_days;
            if times > OVERDUE_GAPS {
                self.line(format_args!("  Silent for {silence} days: {times:.1} times the usual gap"));
            }
        }
        self.tell_reasons(outlook);
        if let Some(next) = outlook.expected_next_purchase {
            let next = self.day(next);
            self.line(format_args!("  If still a customer, buys again about {next}"));
        }
        if card.risk.is_some() {
            let at_risk = self.money(outlook.value_at_risk_minor);
            self.line(format_args!("  At risk: {at_risk}"));
        }
        if let Some(residual) = outlook.residual_value_minor {
            let high = if outlook.high_value == Some(true) { ", more than of four in five" } else { "" };
            let residual = self.money(residual);
            self.line(format_args!("  Still to be expected of this customer: {residual}{high}"));
        }
        if let Some(warning) = &card.warning {
            let (band, last) = (&warning.band, self.outcome(&warning.outcome));
            self.line(format_args!("  Last warning: {band}, {last}"));
            if let Some(earlier) = &warning.earlier {
                let earlier = self.outcome(earlier);
                self.line(format_args!("  And before: {earlier}"));
            }
        }
        if card.partial {
            self.line(format_args!("  Still comes, and is lost in part: less is bought than was usual"));
        }
        if card.control {
            self.line(format_args!("  In the control group: nothing is done about warnings, nothing is offered"));
        }
    }

    /// When a warning was given, and what came of it.
    fn outcome(&self, outcome: &Outcome) -> String {
        let came = outcome.returned_at.map(|at| format!("came back on {}", self.day(at)));
        let came = came.unwrap_or_else(|| "did not come back so far".to_string());
        let spent = outcome.spent_minor.map(|minor| format!(", spent {}", self.money(minor)));
        format!("{}, {came}{}", self.day(outcome.at), spent.unwrap_or_default())
    }

    /// Why the risk is what it is: how much of the probability each reason explains, with its figure.
    fn tell_reasons(&mut self, outlook: &Outlook) {
        if outlook.reasons.is_empty() {
            return;
        }
        let usual = percent(outlook.usual_probability);
        self.line(format_args!("  Of that {usual} is usual for this customer; the rest"));
        for cause in &outlook.reasons {
            let share = percent(cause.contribution);
            let reason = why(cause.reason);
            let measure = cause.measure.strip_suffix("_minor").unwrap_or(cause.measure);
            let figure = |value: Value| match value {
                Value::Integer(minor) if cause.measure.ends_with("_minor") => self.money(minor),
                Value::Integer(number) => money::grouped(number),
                Value::Ratio(ratio) => format!("{ratio:.1}"),
                Value::Absent => "none".to_string(),
            };
            let value = figure(cause.value);
            let usual = cause.usual.map(|usual| format!(", beside {}", figure(usual))).unwrap_or_default();
            self.line(format_args!("    {share:>7}  {reason} ({measure} {value}{usual})"));
        }
    }

    /// The decisions that led here, in their order.
    fn tell_decided(&mut self, decided: &[PastDecision]) {
        self.line(format_args!("Decided of late"));
        for decision in decided {
            let day = self.day(decision.effective_at);
            let PastDecision { sequence, what, correction, .. } = decision;
            let reason = reason(decision.reason);
            let correction = if *correction { ", as a correction" } else { "" };
            self.line(format_args!("  {day}  #{sequence} {what}: {reason}{correction}"));
            let evidence = &decision.evidence;
            let rows: Vec<String> = evidence
                .iter()
                .enumerate()
                .map(|(i, row)| {
                    // The days are said once for all rows that share them.
                    let next = evidence.get(i + 1).and_then(|next| next.window);
                    self.row(row) + &days(row.window.filter(|window| Some(*window) != next))
                })
                .collect();
            if !rows.is_empty() {
                self.line(format_args!("              {}", rows.join(", ")));
            }
            let after = match decision.causes.as_slice() {
                [] => String::new(),
                causes => format!("after event {}, ", causes.join(", ")),
            };
            self.line(format_args!("              {after}by terms {}", decision.terms_version));
        }
    }

    /// A measure that was compared: `spend 15,200.00 RUB against 15,000.00 RUB`.
    fn row(&self, row: &PastEvidence) -> String {
        let minor = row.measure.strip_suffix("_minor");
        let value = |value: Value| match (value, minor) {
            (Value::Integer(amount), Some(_)) => self.money(amount),
            (Value::Integer(number), None) => money::grouped(number),
            (Value::Ratio(ratio), _) if row.measure.ends_with("_probability") => percent(ratio),
            (Value::Ratio(ratio), _) => format!("{ratio:.1}"),
            (Value::Absent, _) => "none".to_string(),
        };
        let name = minor.unwrap_or(&row.measure).replace('_', " ");
        let threshold = row.threshold.map_or(String::new(), |threshold| format!(" against {}", value(threshold)));
        format!("{name} {}{threshold}", value(row.value))
    }

    /// What the programme will decide if time goes on without any event.
    fn tell_coming(&mut self, coming: &[Decision]) {
        if coming.is_empty() {
            self.line(format_args!("If nothing happens, nothing will change"));
            return;
        }
        self.line(format_args!("If nothing happens"));
        for decision in coming {
            let day = self.day(decision.effective_at);
            self.line(format_args!("  {day}  {}", change(decision)));
        }
    }

    fn window(&self) -> String {
        let window = &self.card.window;
        let what = match self.programme.terms().window {
            Window::RollingDays { days } => format!("the last {days} days"),
            Window::CalendarMonth {} => "the calendar month".to_string(),
            Window::CalendarQuarter {} => "the calendar quarter".to_string(),
            Window::CalendarYear {} => "the calendar year".to_string(),
        };
        format!("{what} ({} to {})", window.first, window.last)
    }

    fn money(&self, minor: i64) -> String {
        format!("{} {}", money::amount(minor, &self.card.currency), self.card.currency)
    }

    fn day(&self, at: Timestamp) -> String {
        self.programme.zone().day(at).to_string()
    }

    /// The local day and time, to the minute.
    fn local(&self, at: Timestamp) -> String {
        let instant = jiff::Timestamp::from_millisecond(at.0).expect("instants are checked when decoded");
        let zoned = instant.in_tz(&self.programme.terms().time_zone).expect("terms name a zone that exists");
        zoned.strftime("%Y-%m-%d %H:%M").to_string()
    }
}

/// Mean days between shopping days; `None` below two of them.
fn gap_days(rhythm: Option<Rhythm>) -> Option<f64> {
    let rhythm = rhythm.filter(|rhythm| rhythm.repeats > 0)?;
    Some(f64::from(rhythm.last.since(rhythm.first)) / f64::from(rhythm.repeats))
}

fn change(decision: &Decision) -> String {
    match &decision.body {
        Body::TierChanged(_) => decision.body.to_string(),
        Body::ChurnRiskChanged(changed) => {
            let name = |band: &Option<String>| band.clone().unwrap_or_else(|| "none".to_string());
            let probability = percent(changed.probability);
            if changed.kind == ChurnKind::Partial {
                return decision.body.to_string();
            }
            format!("churn risk {} -> {} ({probability})", name(&changed.from), name(&changed.to))
        }
        Body::PointsChanged(_)
        | Body::EngagementChanged(_)
        | Body::ChallengeChanged(_)
        | Body::OfferSuggested(_)
        | Body::FraudSuspected(_)
        | Body::DiscountChanged(_)
        | Body::CustomerMerged(_)
        | Body::CustomerErased(_)
        | Body::GroupChanged(_) => decision.body.to_string(),
    }
}

fn why(reason: ChurnReason) -> &'static str {
    match reason {
        ChurnReason::RarerThanHabit => "comes less often than in the long run",
        ChurnReason::Silence => "is silent",
        ChurnReason::OverdueAgainstOwnRhythm => "is silent for longer than twice the usual gap",
        ChurnReason::ProbablyGone => "has probably left for good",
        ChurnReason::BadExperience => "had a bad experience",
        ChurnReason::UnansweredComplaint => "waits for an answer to a complaint",
        ChurnReason::ShrinkingBasket => "spent less on a basket than before",
        ChurnReason::DroppedCategories => "dropped categories",
        ChurnReason::PointsExpire => "has points that expire",
    }
}

fn days(window: Option<(Day, Day)>) -> String {
    window.map_or(String::new(), |(first, last)| format!(" ({first} to {last})"))
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Purchased => "something was bought",
        Reason::PurchaseTakenBack => "a purchase was taken back",
        Reason::SurveyAnswered => "a survey was answered",
        Reason::WindowMoved => "time has passed, and purchases, answers or values have aged",
        Reason::Silence => "the silence grew long for this customer",
        Reason::ErasureRequested => "the customer asked to be forgotten",
        Reason::RedemptionRequested => "the customer wants to pay with points",
        Reason::RedemptionSettled => "a payment with points came to its end",
        Reason::Operator => "somebody did it by hand",
        Reason::TermsChanged => "the terms are others since then",
        Reason::TimePassed => "a delay or a term has passed",
        Reason::IdentityMerged => "two ids turned out to be one customer",
        Reason::OtherEvent => "something else happened",
    }
}

fn ago(days: i32) -> String {
    match days {
        0 => "the same day".to_string(),
        1 => "a day before".to_string(),
        days => format!("{} days before", money::grouped(days.into())),
    }
}

/// Thousandths as per cent.
fn permille(permille: u32) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

fn percent(probability: f64) -> String {
    format!("{:.1} %", probability * 100.0)
}

#[cfg(test)]
mod tests;
