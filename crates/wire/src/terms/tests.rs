//! Where errors in terms are placed, and what they say.

use expect_test::{Expect, expect};

use super::*;

const GOOD: &str = r#"version = "2024-06"
currency = "USD"
time_zone = "America/New_York"
lateness_s = 0
future_skew_s_max = 60
memory = { event_ids_max = 64, baskets_max = 64, returns_days = 90 }

[window]
kind = "rolling_days"
days = 30

[ltv]
margin_permille = 250
lifetime_months = 36
nps_days = 365

[[tier]]
name = "newcomer"

[[tier]]
name = "regular"
purchases_min = 4

[churn]
horizon_days = 56
tau_days = 84
shopping_days_min = 3
r = 1.0
alpha_days = 10.0
a = 1.0
b = 2.0

[[churn.band]]
name = "high"
probability_min = 0.9
"#;

/// Replaces texts in good terms and writes what is found.
fn check(changes: &[(&str, &str)], expected: Expect) {
    let mut text = GOOD.to_string();
    for (good, bad) in changes {
        assert!(text.contains(good), "{good:?} is in the text");
        text = text.replacen(good, bad, 1);
    }
    let actual = match read(&text, "p.toml") {
        Ok(read) => format!("accepted {}", read.terms.version),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&actual);
}

// An operator mends the file by these lines alone.
#[test]
fn findings_name_file_line_and_key() {
    check(&[], expect!["accepted 2024-06"]);
    check(
        &[("[ltv]", "[ltv"), ("days = 30", "days = = 30")],
        expect![[r#"
        p.toml:10: extra `=`, expected nothing
        p.toml:10: unexpected key or value, expected newline, `#`
        p.toml:12: unclosed table, expected `]`
        p.toml:20: duplicate key"#]],
    );
    check(&[("currency = \"USD\"", "currency = \"USD\"\ncurrency = \"EUR\"")], expect!["p.toml:3: duplicate key"]);
    check(
        &[("lateness_s", "latenes_s"), ("purchases_min", "purchase_min"), ("[[churn.band]]", "[[churn.bands]]")],
        expect![[r#"
            p.toml:1: lateness_s: is missing
            p.toml:4: latenes_s: is not known, expected one of `version`, `valid_from`, `currency`, `time_zone`, `lateness_s`, `future_skew_s_max`, `memory`, `window`, `ltv`, `tier`, `tier_policy`, `churn`, `segments`, `fraud`, `points`, `consent`, `control`, `challenge`, `collection`, `reactivation`, `discount`, `draw`, `partner`, `survey`, `survey_contact`, `complaints`, `engagement`, `groups`, `value`, `population`
            p.toml:22: tier.1.purchase_min: is not known, expected one of `name`, `match`, `purchases_min`, `spend_minor_min`, `points_min`, `ltv_minor_min`, `ltv_by_model`, `nps_min`, `tenure_days_min`, `keep_purchases_min`, `keep_spend_minor_min`, `keep_points_min`, `keep_ltv_minor_min`, `keep_nps_min`
            p.toml:33: churn.bands: is not known, expected one of `horizon_days`, `score`, `tau_days`, `shopping_days_min`, `r`, `alpha_days`, `a`, `b`, `s`, `beta_days`, `silence_days_min`, `purpose`, `band`, `hysteresis`, `cool_down_days`, `follow_up_days`, `discount_permille`, `partial`, `shift`"#]],
    );
    check(&[("lateness_s = 0\n", "")], expect!["p.toml:1: lateness_s: is missing"]);
    check(&[("nps_days = 365\n", "")], expect!["p.toml:12: ltv.nps_days: is missing"]);
    check(
        &[("returns_days = 90", "returns_days = \"long\"")],
        expect![[r#"p.toml:6: memory.returns_days: invalid type: string "long", expected u32"#]],
    );
    check(&[("days = 30", "months = 1")], expect!["p.toml:8: window.months: is not known, expected `days`"]);
    check(
        &[("rolling_days", "rolling")],
        expect![
            "p.toml:9: window.kind: unknown variant `rolling`, expected one of `rolling_days`, `calendar_month`, `calendar_quarter`, `calendar_year`"
        ],
    );
    check(
        &[("purchases_min = 4", "purchases_min = 4.5")],
        expect!["p.toml:22: tier.1.purchases_min: invalid type: floating point `4.5`, expected u32"],
    );
    check(
        &[
            ("USD", "dollar"),
            ("\"2024-06\"", "\"\""),
            ("days = 30", "days = 500"),
            ("purchases_min = 4\n", ""),
            ("probability_min = 0.9", "probability_min = 1.5"),
            ("tau_days = 84", "tau_days = nan"),
            ("returns_days = 90", "returns_days = 0"),
        ],
        expect![[r#"
            p.toml:1: version: is empty; name this edition, such as "2024-06"
            p.toml:2: currency: "dollar" is no ISO 4217 code, such as "RUB"
            p.toml:6: memory.returns_days: 0 must lie between 1 and 800
            p.toml:10: window.days: 500 must lie between 1 and 400
            p.toml:20: tier.1: tier "regular" asks for nothing; give purchases_min, spend_minor_min, points_min, ltv_minor_min, nps_min or tenure_days_min
            p.toml:25: churn.tau_days: NaN must lie between 1e-12 and 36600"#]],
    );
}

// Each score has its own numbers: one that is left out, or of no meaning, would be taken for something else.
#[test]
fn a_score_asks_for_its_own_numbers() {
    check(
        &[("horizon_days = 56", "horizon_days = 56\nscore = \"pareto_nbd\"\ns = 0")],
        expect![[r#"
            p.toml:24: churn.beta_days: must be given, from 1e-12 to 1000000: the score is pareto_nbd
            p.toml:27: churn.s: 0 must lie between 1e-12 and 1000000"#]],
    );
    check(
        &[
            ("horizon_days = 56", "horizon_days = 56\nscore = \"pareto_nbd\"\ns = 0.6\nbeta_days = 80"),
            ("a = 1.0\nb = 2.0\n", ""),
            ("probability_min = 0.9", "probability_min = 0.3"),
        ],
        expect!["accepted 2024-06"],
    );
    check(
        &[("b = 2.0\n", "beta_days = 80\n")],
        expect!["p.toml:24: churn.b: must be given, from 1e-12 to 1000000: the score is faded"],
    );
    check(
        &[("horizon_days = 56", "horizon_days = 56\nscore = \"bg_nbd\"")],
        expect![
            "p.toml:26: churn.score: unknown variant `bg_nbd`, expected one of `faded`, `mbg_nbd`, `pareto_nbd`"
        ],
    );
}

// Two editions of the programme that mean the same must not look like a change, and two that differ must.
#[test]
fn hash_is_that_of_the_numbers() {
    let hash = |text: &str| read(text, "p.toml").unwrap().hash;
    assert_eq!(hash(GOOD), hash(&GOOD.replace("days = 30", "days    = 30 # a month")));
    assert_ne!(hash(GOOD), hash(&GOOD.replace("days = 30", "days = 31")));
    expect!["ba2708017864f93081dd70de8a08e2c038e7dddc7d661fd6a4cf5075e42f9d9c"].assert_eq(&hash(GOOD));
}

// Whoever takes the # away from an example in the file that we ship must not be told that it is wrong.
#[test]
fn what_can_be_switched_on_is_right() {
    let shipped = include_str!("../../../../deploy/programme.toml");
    let off = read(shipped, "programme.toml").expect("the shipped terms are right").terms;
    let switched_on = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => format!("{example}\n"),
        Some(_) | None => format!("{line}\n"),
    };
    let text: String = shipped.lines().map(switched_on).collect();
    let on = read(&text, "programme.toml").unwrap_or_else(|error| panic!("{error}")).terms;
    assert!(off.segments.is_none() && off.fraud.is_none() && off.discount.is_none() && off.draw.is_empty());
    assert!(on.discount.is_some() && on.draw.len() == 1);
    let (segments, fraud) = (on.segments.expect("it is switched on"), on.fraud.expect("it is switched on"));
    assert!(segments.rfm.is_some() && segments.buyer_groups.is_some() && segments.active_days.is_some());
    let rules = [
        fraud.velocity.is_some(),
        fraud.travel.is_some(),
        fraud.return_after_redemption.is_some(),
        fraud.cashier.is_some(),
        fraud.sharing.is_some(),
        fraud.split.is_some(),
    ];
    assert_eq!(rules, [true; 6]);
    assert!(off.survey.is_empty() && off.complaints.is_none() && off.engagement.is_none() && off.value.is_none());
    assert!(on.survey.len() == 2 && on.survey_contact.is_some() && on.complaints.is_some());
    assert!(off.groups.is_none() && on.groups.is_some());
    assert!(on.engagement.is_some() && on.value.is_some_and(|value| value.referral.is_some()));
}

/// Points as a loyalty manager writes them: Red Cube's rate and entry, with everything that can be switched on.
const POINTS: &str = r#"
[points]
minor_per_point = 100
rate_permille = 110
rate_by_tier_permille = { regular = 130 }
rounding = "half_up"
entry_spend_minor_min = 50_000
private_label_permille = 20
favourites_permille = 100
pending_days = 14
hold_days = 30
expiry = { kind = "year_end", months = 12 }
expiry_warn_days = 30
redemption_timeout_s = 900
returns = "may_go_negative"

[[points.promotion]]
name = "breakfast"
from = "2024-06-01"
until = "2024-06-30"
rate_permille = 300
usual_rate = "replaced"
category = ["milk", "cereal"]

[[points.promotion]]
name = "happy_hour"
from = "2024-06-10T15:00:00Z"
until = "2024-06-10T16:00:00Z"
rate_permille = 50
usual_rate = "kept"
store = ["s1"]

[[points.bonus]]
name = "survey"
on = "survey_answered"
points = 10
times_max = 1
per_days = 30

[[points.bonus]]
name = "friend"
on = "referral_converted"
points = 500
times_max = 3
per_days = 365
"#;

fn check_points(changes: &[(&str, &str)], expected: Expect) {
    let mut text = POINTS.to_string();
    for (good, bad) in changes {
        assert!(text.contains(good), "{good:?} is in the text");
        text = text.replacen(good, bad, 1);
    }
    let actual = match read(&(GOOD.to_string() + &text), "p.toml") {
        Ok(read) => {
            let written = toml::to_string(&read.terms).expect("terms can be written");
            assert_eq!(super::read(&written, "p.toml").as_ref(), Ok(&read), "{written}");
            format!("accepted {}", read.terms.version)
        }
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&actual);
}

// Points that are worth more than the price, or end before anybody is warned, are found before a customer finds them.
#[test]
fn points_are_checked() {
    check_points(&[], expect![["accepted 2024-06"]]);
    check_points(
        &[("regular = 130", "regulr = 130")],
        expect![[
            r#"p.toml:40: points.rate_by_tier_permille.regulr: there is no tier "regulr"; the tiers are newcomer, regular"#
        ]],
    );
    check_points(
        &[("rate_permille = 300", "rate_permille = 900")],
        expect![[r#"
        p.toml:56: points.promotion.0.rate_permille: the rates that can meet when it begins add up to 1012 permille of the price, above 1000: rate, promotions and private_label_permille, raised by favourites_permille
        p.toml:64: points.promotion.1.rate_permille: the rates that can meet when it begins add up to 1067 permille of the price, above 1000: rate, promotions and private_label_permille, raised by favourites_permille"#]],
    );
    check_points(
        &[("rate_permille = 110", "rate_permille = 950")],
        expect![[r#"
        p.toml:39: points.rate_permille: the rates add up to 1067 permille of the price, above 1000: the highest rate and private_label_permille, raised by favourites_permille
        p.toml:56: points.promotion.0.rate_permille: the rates that can meet when it begins add up to 1067 permille of the price, above 1000: rate, promotions and private_label_permille, raised by favourites_permille
        p.toml:64: points.promotion.1.rate_permille: the rates that can meet when it begins add up to 1122 permille of the price, above 1000: rate, promotions and private_label_permille, raised by favourites_permille"#]],
    );
    check_points(
        &[("kind = \"year_end\", months = 12", "kind = \"days\", days = 20")],
        expect!["p.toml:48: points.expiry_warn_days: 30 must lie below the 20 days that points last"],
    );
    check_points(
        &[("\"2024-06-30\"", "\"2024-05-30\"")],
        expect!["p.toml:55: points.promotion.0.until: 2024-05-30 is not after 2024-06-01, when it begins"],
    );
    check_points(
        &[("until = \"2024-06-30\"", "until = \"30.06.2024\"")],
        expect![[
            r#"p.toml:55: points.promotion.0.until: "30.06.2024" is no day such as "2024-06-01" and no instant such as "2024-06-01T10:00:00Z""#
        ]],
    );
    check_points(
        &[("\"referral_converted\"", "\"complaint\"")],
        expect![
            "p.toml:77: points.bonus.1.on: points for complaints invite complaints; make amends with pointsAdjusted instead"
        ],
    );
    check_points(
        &[("\"referral_converted\"", "\"birthday\"")],
        expect!["p.toml:77: points.bonus.1.on: data did not match any variant of untagged enum Occasion"],
    );
    check_points(
        &[("points = 500", "points = 0"), ("pending_days = 14", "pending_days = 500")],
        expect![[r#"
        p.toml:45: points.pending_days: 500 must lie between 0 and 400
        p.toml:78: points.bonus.1.points: 0 must lie between 1 and 1000000000000"#]],
    );
}
