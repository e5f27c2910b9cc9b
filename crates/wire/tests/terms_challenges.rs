//! Challenges, collections and reactivation as a loyalty manager writes them.

use expect_test::{Expect, expect};
use wire::terms::read;

/// A programme without any of them.
const BEFORE: &str = r#"
version = "test"
currency = "RUB"
time_zone = "Europe/Moscow"
lateness_s = 60
future_skew_s_max = 300
memory = { event_ids_max = 32, baskets_max = 64, returns_days = 30 }
window = { kind = "calendar_month" }
ltv = { margin_permille = 250, lifetime_months = 36, nps_days = 365 }
tier = [{ name = "newcomer" }]
churn = { horizon_days = 56, tau_days = 84, shopping_days_min = 3, r = 1.4, alpha_days = 9.5, a = 0.02, b = 5.0 }
"#;

fn check(sections: &str, expected: Expect) {
    let text = format!("{BEFORE}\n{sections}");
    let first = BEFORE.lines().count() + 2;
    let said = match read(&text, "p.toml") {
        Ok(_) => "accepted".to_string(),
        Err(refused) => {
            let findings = refused.findings.iter().map(|finding| {
                let line = finding.line.checked_sub(first).map_or("before".to_string(), |line| line.to_string());
                format!("{line} {}: {}\n", finding.key, finding.message)
            });
            findings.collect()
        }
    };
    expected.assert_eq(&said);
}

// A retailer who changes nothing must find nothing changed: neither the numbers nor the hash that stands on every
// decision.
#[test]
fn old_terms_stay_as_they_are() {
    let read = read(BEFORE, "p.toml").expect("terms without the sections");
    assert!(read.terms.challenge.is_empty() && read.terms.collection.is_empty());
    assert_eq!(read.terms.reactivation, None);
    let json = serde_json::to_value(&read.terms).expect("terms are plain");
    for section in ["challenge", "collection", "reactivation", "consent"] {
        assert_eq!(json.get(section), None, "{section}");
    }
}

#[test]
fn what_a_manager_would_write_is_accepted() {
    let sections = r#"
[consent]
default_granted = true

[[challenge]]
name = "breakfast"
goal = "items"
target = 3
only = { category = "breakfast", private_label = true }
every = "week"
reward_points = 50
announce_permille = [500]

[[challenge]]
name = "spring"
goal = "amount"
target = 1_000_000
from = "2025-03-01"
until = "2025-03-31"
once = true
reward_stickers = 3
collection = "knives"

[[challenge]]
name = "four_weeks"
goal = "baskets"
target = 2
basket_minor_min = 50_000
every = "week"
from = "2025-01-06"
streak = 4
personal = { periods_max = 8, raise_permille = 1100, target_min = 1, target_max = 10 }

[[challenge]]
name = "come_by"
goal = "visits"
target = 4
every = "month"

[[collection]]
name = "knives"
amount_minor_step = 100_000
stickers_for_reward = 20
discount_permille = 900
skus = ["knife"]

[reactivation]
categories_max = 24
purchases_min = 4
silence_factor_permille = 2500
silence_days_min = 14
offer = "come_back_to_it"
purpose = "marketing"
discount_permille = 150
valid_days = 14
"#;
    check(sections, expect!["accepted"]);
    let text = format!("{BEFORE}\n{sections}");
    let terms = read(&text, "p.toml").expect("accepted").terms;
    assert_eq!(terms.challenge[1].until.map(|day| day.to_string()).as_deref(), Some("2025-03-31"));
    let again: programme::terms::Terms =
        serde_json::from_value(serde_json::to_value(&terms).expect("terms are plain")).expect("what was written");
    assert_eq!(again, terms);
}

// A challenge that nobody can complete, or that gives what it should not, must not start.
#[test]
fn bad_terms_are_refused_with_what_would_be_right() {
    check(
        r#"[[challenge]]
name = "breakfast"
goal = "items"
target = 0
streak = 2
basket_minor_min = 5
reward_stickers = 1

[[challenge]]
name = "breakfast"
goal = "visits"
target = 1
only = { store = "" }
every = "month"
from = "2025-02-02"
until = "2025-02-01"
announce_permille = [500, 500]
returns_days = 93
collection = "knives"

[[challenge]]
name = "long"
goal = "amount"
target = 1
from = "2025-01-01"
until = "2028-01-01"
personal = { periods_max = 0, raise_permille = 1100, target_min = 2, target_max = 1 }

[[collection]]
name = "long"
amount_minor_step = 0
items_step = 1
stickers_for_reward = 0
purpose = ""

[[collection]]
name = "empty"
stickers_for_reward = 10
reward_points = 5

[consent]
purposes_max = 0

[reactivation]
categories_max = 0
purchases_min = 1
silence_factor_permille = 999
silence_days_min = 0
offer = "Come back"
purpose = ""
valid_days = 0
"#,
        expect![[r#"
            0 challenge.0: has no time; give every = "week" or "month", or both from and until
            3 challenge.0.target: 0 must lie between 1 and 1000000000000
            4 challenge.0.streak: 2 periods in a row need every = "week" or "month"
            5 challenge.0.basket_minor_min: is for the goal "baskets" alone; leave it out
            6 challenge.0.reward_stickers: stickers and the collection that they belong to are given together
            8 challenge.1.reward_stickers: stickers and the collection that they belong to are given together
            9 challenge.1.name: "breakfast" names two of them
            12 challenge.1.only.store: is empty; leave it out to let all count
            12 challenge.1.only: visits have no goods and no store; leave it out or choose another goal
            15 challenge.1.until: 2025-02-01 lies before 2025-02-02; nothing can ever count
            16 challenge.1.announce_permille: must be at most 16 thousandths of the target, ascending, from 1 to 999
            17 challenge.1.returns_days: 93 must lie between 0 and 92
            18 challenge.1.collection: there is no collection "knives"
            25 challenge.2.until: 2028-01-01 is 1095 days after 2025-01-01; a single window has at most 800 days
            26 challenge.2.personal: a target from earlier periods needs every = "week" or "month"
            26 challenge.2.personal.periods_max: 0 must lie between 1 and 53
            26 challenge.2.personal.target_max: 1 is below target_min 2
            28 collection.0: gives stickers for money and for pieces; give amount_minor_step or items_step
            28 collection.0: has no reward; give reward_points, discount_permille or skus
            29 collection.0.name: "long" names two of them
            30 collection.0.amount_minor_step: 0 must lie between 1 and 1000000000000
            32 collection.0.stickers_for_reward: 0 must lie between 1 and 1000000
            33 collection.0.purpose: is empty; leave it out where no consent is needed
            35 collection.1: gives no stickers; give amount_minor_step or items_step, or a challenge with reward_stickers
            41 consent.purposes_max: 0 must lie between 1 and 256
            43 reactivation: offers nothing; give discount_permille or points
            44 reactivation.categories_max: 0 must lie between 1 and 1024
            45 reactivation.purchases_min: 1 must lie between 2 and 1000
            46 reactivation.silence_factor_permille: 999 must lie between 1000 and 100000
            47 reactivation.silence_days_min: 0 must lie between 1 and 800
            48 reactivation.offer: "Come back" must be 1 to 64 lower-case letters, digits and _
            49 reactivation.purpose: is empty; name the use that the customer has to allow, such as "marketing"
            50 reactivation.valid_days: 0 must lie between 1 and 800
        "#]],
    );
    check(
        r#"[[challenge]]
name = "spring"
goal = "items"
target = 1
from = "1 March"
until = "2025-03-31"
"#,
        expect![[r#"
            4 challenge.0.from: invalid value: string "1 March", expected a day such as "2024-03-01"
        "#]],
    );
}
