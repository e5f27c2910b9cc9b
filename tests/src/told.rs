//! What a published decision says, reduced to what an auditor can recompute.

use std::collections::BTreeMap;
use std::fmt;

use programme::decision::Decision;
use programme::time::Timestamp;
use serde_json::Value;
use wire::input::Encoding;
use wire::output::{Stamp, encode_decision};

/// One conclusion about one customer, without its evidence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    /// Whom it is about.
    pub customer_id: String,
    /// From when it holds.
    pub effective_at: Timestamp,
    /// Counts the customer's decisions from 1 without gaps; after an erasure from 1 again.
    pub sequence: u64,
    /// Which standing changed.
    pub kind: Kind,
    /// The tier or band before; empty where there was no risk to speak of. The name of a challenge or offer.
    pub from: String,
    /// The tier or band now; empty where the risk is cleared. How a challenge stands, such as `COMPLETED 3/3 +50`; the
    /// category of an offer.
    pub to: String,
    /// What else is said of a tier: direction, end, and who set which floor; of points: the currency, what happened to how
    /// many of which, and what ends next; of risk: what is at stake, minor units; of risk and offers, `control` where the
    /// customer belongs to the control group. Empty for everything else.
    pub detail: String,
}

/// Which standing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The tier.
    Tier,
    /// The band of churn risk.
    Risk,
    /// The classes. `from` and `to` have those that moved, such as `segment=new activity=active`.
    Engagement,
    /// Abuse is suspected. `to` has the pattern, the baskets, and whether points are held, such as `VELOCITY b1 b2 held`.
    Fraud,
    /// A balance of points. `from` and `to` are `currency balance/pending`, and empty where there is neither.
    Points,
    /// A challenge or a collection.
    Challenge,
    /// Something was offered.
    Offer,
    /// The discount: `from` and `to` are thousandths of the price; empty where there is none.
    Discount,
    /// All of it: the customer was erased. `from` and `to` are empty.
    Erased,
    /// All of it went over to the customer `to`.
    Merged,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Tier => "tier_changed",
            Kind::Risk => "churn_risk_changed",
            Kind::Engagement => "engagement_changed",
            Kind::Fraud => "fraud_suspected",
            Kind::Points => "points_changed",
            Kind::Challenge => "challenge_changed",
            Kind::Offer => "offer_suggested",
            Kind::Discount => "discount_changed",
            Kind::Erased => "erased",
            Kind::Merged => "merged",
        };
        let name = |text: &'_ str| if text.is_empty() { "none".to_string() } else { text.to_string() };
        let (from, to) = (name(&self.from), name(&self.to));
        write!(f, "{} #{} {} {kind} {from} -> {to}", self.customer_id, self.sequence, self.effective_at)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " {}", self.detail) }
    }
}

impl Told {
    /// Of several things of one kind, which: the currency of points, a loss in part beside one in whole; empty for everything
    /// else.
    pub fn account(&self) -> &str {
        match self.kind {
            Kind::Points => self.detail.split(' ').next().unwrap_or_default(),
            Kind::Risk if [&self.from, &self.to].into_iter().any(|band| band == "partial") => "partial",
            Kind::Tier | Kind::Risk | Kind::Engagement | Kind::Fraud | Kind::Challenge => "",
            Kind::Offer | Kind::Discount | Kind::Erased | Kind::Merged => "",
        }
    }
}

/// Reads a decision from its JSON form.
///
/// # Errors
/// Where the text is not a decision with a body that is known here.
pub fn read(json: &[u8]) -> Result<Told, String> {
    let value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let bodies = [
        ("tierChanged", Kind::Tier),
        ("churnRiskChanged", Kind::Risk),
        ("engagementChanged", Kind::Engagement),
        ("fraudSuspected", Kind::Fraud),
        ("pointsChanged", Kind::Points),
        ("challengeChanged", Kind::Challenge),
        ("offerSuggested", Kind::Offer),
        ("discountChanged", Kind::Discount),
        ("customerErased", Kind::Erased),
        ("customerMerged", Kind::Merged),
    ];
    let mut known = bodies.iter().filter_map(|(name, kind)| Some((*kind, value.get(*name)?)));
    let (Some((kind, body)), None) = (known.next(), known.next()) else {
        return Err(format!("a decision has exactly one known body: {value}"));
    };
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
    let effective_at = text(&value, "effectiveAt");
    let side = |side: &str| match kind {
        Kind::Tier | Kind::Risk | Kind::Erased => text(body, side),
        Kind::Merged if side == "from" => String::new(),
        Kind::Merged => text(body, "survivorCustomerId"),
        Kind::Engagement => classes(body, side),
        Kind::Discount => body.get(format!("{side}Permille")).map_or(String::new(), Value::to_string),
        Kind::Fraud if side == "from" => String::new(),
        Kind::Fraud => suspected(body),
        Kind::Points | Kind::Challenge | Kind::Offer => String::new(),
    };
    let (from, to) = match kind {
        Kind::Points => balances(body)?,
        Kind::Challenge => {
            let number = |key| number(body, key).unwrap_or(0);
            let (progress, target) = (number("progress"), number("target"));
            let stands = format!("{} {progress}/{target} +{}", text(body, "kind"), number("rewardPoints"));
            (text(body, "challenge"), stands)
        }
        Kind::Offer => (text(body, "offer"), text(body, "category")),
        Kind::Tier | Kind::Risk | Kind::Erased | Kind::Merged | Kind::Engagement | Kind::Fraud | Kind::Discount => {
            (side("from"), side("to"))
        }
    };
    Ok(Told {
        customer_id: text(&value, "customerId"),
        sequence: sequence(&value).ok_or_else(|| format!("a decision has a sequence: {value}"))?,
        effective_at: Timestamp::parse(&effective_at).ok_or_else(|| format!("no instant: {effective_at:?}"))?,
        kind,
        from,
        to,
        detail: match kind {
            Kind::Tier => tier_detail(body),
            Kind::Points => moved(body)?,
            Kind::Risk => at_risk(body)?,
            Kind::Offer => if is_so(body, "withheld") { "control" } else { "" }.to_string(),
            Kind::Engagement | Kind::Fraud | Kind::Challenge => String::new(),
            Kind::Discount | Kind::Erased | Kind::Merged => String::new(),
        },
    })
}

fn is_so(body: &Value, key: &str) -> bool {
    body.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// What is at risk, and whether the customer is in the control group. The reasons have to add up.
fn at_risk(body: &Value) -> Result<String, String> {
    let number = |of: &Value, key: &str| of.get(key).and_then(Value::as_f64).unwrap_or_default();
    let causes = body.get("causes").and_then(Value::as_array);
    if let Some(causes) = causes.filter(|_| body.get("kind").is_none()) {
        let contributions: f64 = causes.iter().map(|cause| number(cause, "contribution")).sum();
        let sum = number(body, "usualProbability") + contributions;
        if (sum - number(body, "probability")).abs() > 1e-9 {
            return Err(format!("the reasons come to {sum}: {body}"));
        }
    }
    let minor = self::number(body, "valueAtRiskMinor").unwrap_or(0);
    Ok(format!("{minor}{}", if is_so(body, "control") { " control" } else { "" }))
}

/// What is suspected, of which baskets, and whether their points are held.
fn suspected(body: &Value) -> String {
    let baskets = body.get("basketIds").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let held = body.get("held").and_then(Value::as_bool).unwrap_or_default().then_some("held");
    let pattern = body.get("pattern").and_then(Value::as_str);
    pattern.into_iter().chain(baskets).chain(held).collect::<Vec<_>>().join(" ")
}

/// The classes, in the order in which they stand in a decision.
pub const CLASSES: [&str; 11] = [
    "segment",
    "buyerGroup",
    "activity",
    "loyaltyType",
    "level",
    "pyramidStage",
    "ladderStep",
    "negativeEngagement",
    "lifeCycle",
    "loyaltyParadox",
    "exitReason",
];

/// The classes that a decision says have moved, with what each was and is; empty where it was or is none.
pub fn moved_classes(told: &Told) -> Vec<(&'static str, &str, &str)> {
    if told.kind != Kind::Engagement {
        return Vec::new();
    }
    let both = CLASSES.map(|class| (class, class_of(&told.from, class), class_of(&told.to, class)));
    both.into_iter().filter(|(_, from, to)| from != to).collect()
}

fn class_of<'a>(text: &'a str, class: &str) -> &'a str {
    let own = |word: &'a str| word.strip_prefix(class)?.strip_prefix('=');
    text.split(' ').find_map(own).unwrap_or_default()
}

/// The classes that moved, as they were before or are now.
fn classes(body: &Value, side: &str) -> String {
    let class = |name: &str| Some(format!("{name}={}", body.get(name)?.get(side)?.as_str()?));
    CLASSES.into_iter().filter_map(class).collect::<Vec<_>>().join(" ")
}

/// Reads a decision as if it had been published.
///
/// # Panics
/// Where its body is not known here.
pub fn of(decision: &Decision, stamp: &Stamp) -> Told {
    let mut json = Vec::new();
    encode_decision(decision, stamp, decision.effective_at, Encoding::Json, &mut json);
    read(&json).unwrap_or_else(|why| panic!("{why}"))
}

/// Direction, end and floor of a tier.
fn tier_detail(body: &Value) -> String {
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let by = text("operatorId").map(|operator| format!(" by {operator} {}", text("floor").unwrap_or("none")));
    let direction = text("direction").unwrap_or_default();
    format!("{direction} until {}{}", text("validUntil").unwrap_or("none"), by.unwrap_or_default())
}

/// What an account held before and after a change of points: what is said of it afterwards, less what moved.
fn balances(body: &Value) -> Result<(String, String), String> {
    let (points, balance, pending) = (amount(body, "points")?, amount(body, "balance")?, amount(body, "pending")?);
    let of_pending = body.get("ofPending") == Some(&Value::Bool(true));
    let (more, more_pending) = match body.get("kind").and_then(Value::as_str).unwrap_or_default() {
        "ACTIVATED" => (points, -points),
        "PENDING" => (0, points),
        "REVERSED" | "ADJUSTED" | "MERGED" if of_pending => (0, points),
        "ACCRUED" | "REDEEMED" | "EXPIRED" | "REVERSED" | "ADJUSTED" | "MERGED" => (points, 0),
        "DECLINED" | "EXPIRES_SOON" => (0, 0),
        other => return Err(format!("points were {other:?}")),
    };
    let currency = body.get("currency").and_then(Value::as_str).unwrap_or_default();
    Ok((held(currency, balance - more, pending - more_pending), held(currency, balance, pending)))
}

/// What an account holds, as it is said of points.
pub fn held(currency: &str, balance: i64, pending: i64) -> String {
    match (balance, pending) {
        (0, 0) => String::new(),
        _ => format!("{currency} {balance}/{pending}"),
    }
}

/// What happened to which points.
fn moved(body: &Value) -> Result<String, String> {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
    let part = |part: &Value| Ok((text(part, "source"), amount(part, "points")?));
    let parts = body.get("parts").and_then(Value::as_array).into_iter().flatten().map(part);
    let parts = parts.collect::<Result<Vec<(String, i64)>, String>>()?;
    let next = body.get("expiresNext").map(|next| Ok::<_, String>((text(next, "at"), amount(next, "points")?)));
    let of_pending = body.get("ofPending") == Some(&Value::Bool(true));
    let (currency, kind) = (text(body, "currency"), text(body, "kind"));
    Ok(points_detail(&currency, &kind, amount(body, "points")?, of_pending, &parts, next.transpose()?.as_ref()))
}

/// The words in which that is said: `USD REVERSED -5 b1:-3 b2:-2, 7 end 2024-02-23T00:00:00Z`.
pub fn points_detail(
    currency: &str,
    kind: &str,
    points: i64,
    of_pending: bool,
    parts: &[(String, i64)],
    ends_next: Option<&(String, i64)>,
) -> String {
    let mut detail = format!("{currency} {kind} {points:+}");
    for (source, points) in parts {
        detail.push_str(&format!(" {source}:{points:+}"));
    }
    detail.push_str(if of_pending { " while pending" } else { "" });
    if let Some((at, points)) = ends_next {
        detail.push_str(&format!(", {points} end {at}"));
    }
    detail
}

/// A 64-bit integer, which is a text in JSON; 0 where it is absent.
fn amount(of: &Value, key: &str) -> Result<i64, String> {
    match of.get(key) {
        None => Ok(0),
        Some(Value::String(text)) => text.parse::<i64>().map_err(|error| format!("{key}: {error}")),
        Some(other) => other.as_i64().ok_or_else(|| format!("{key} is no whole number: {other}")),
    }
}

/// A 64-bit integer, which is a text in JSON; absent where it is 0.
fn number(of: &Value, key: &str) -> Option<i64> {
    match of.get(key)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
}

/// The sequence of a decision in JSON, where 64-bit integers are texts.
pub fn sequence(decision: &Value) -> Option<u64> {
    match decision.get("sequence")? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// Says what is missing from `found`, what is there twice, and what differs from `expected`; `Ok` where nothing.
///
/// # Errors
/// The differences, one a line, the first of each customer only: what follows from it would hide it.
pub fn compare(expected: &[Told], found: &[Told]) -> Result<(), String> {
    let mut differences = String::new();
    let mut note = |line: String| {
        differences.push_str(&line);
        differences.push('\n');
    };
    let (expected, found) = (by_customer(expected), by_customer(found));
    let mut customers: Vec<&String> = expected.keys().chain(found.keys()).copied().collect();
    customers.sort();
    customers.dedup();
    for customer in customers {
        let none = Vec::new();
        let (expected, found) = (expected.get(customer).unwrap_or(&none), found.get(customer).unwrap_or(&none));
        let first = (0..expected.len().max(found.len())).find(|i| expected.get(*i) != found.get(*i));
        let Some(first) = first else { continue };
        match (expected.get(first), found.get(first)) {
            (Some(expected), None) => note(format!("missing:   {expected}")),
            (None, Some(found)) => note(format!("too many:  {found}")),
            (Some(expected), Some(found)) => {
                let twice = first > 0 && found.sequence + 1 == expected.sequence;
                note(format!("expected:  {expected}\n{}     {found}", if twice { "twice:" } else { "found:" }));
            }
            (None, None) => unreachable!("the place lies within one of the two"),
        }
    }
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}

fn by_customer(all: &[Told]) -> BTreeMap<&String, Vec<&Told>> {
    let mut found: BTreeMap<&String, Vec<&Told>> = BTreeMap::new();
    for told in all {
        found.entry(&told.customer_id).or_default().push(told);
    }
    for list in found.values_mut() {
        list.sort_by_key(|told| (told.effective_at, told.sequence));
    }
    found
}
