//! Are the figures of a report those that follow from its sums? Each was worked out by hand, from sums that no engine made.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use programme::editions::Programme;
use programme::facts::seen::fingerprint;
use programme::population::Sums;
use programme::population::cell::{Cell, Measure, NOW};
use programme::terms::surveys::Dimension;
use programme::time::{Day, Timestamp};
use serde_json::Value;

use super::{Period, Report, of_sums};

const TERMS: &str = r#"
version = "by-hand"
currency = "EUR"
time_zone = "UTC"
lateness_s = 60
future_skew_s_max = 60
memory = { event_ids_max = 16, baskets_max = 16, returns_days = 30 }
window = { kind = "calendar_month" }
ltv = { margin_permille = 250, lifetime_months = 36, nps_days = 365 }
tier = [{ name = "newcomer" }, { name = "regular", purchases_min = 4, spend_minor_min = 10_000 }]
churn = { horizon_days = 56, tau_days = 84, shopping_days_min = 3, r = 1.4, alpha_days = 9.5, a = 0.02, b = 5.0 }

[[survey]]
id = "nps"
instrument = "nps"
half_life_days = 90
valid_days = 182

[[survey]]
id = "touchpoints"
instrument = "tnps"
touchpoints = ["checkout", "app"]
half_life_days = 30
valid_days = 90

[[survey]]
id = "satisfaction"
instrument = "csi"
half_life_days = 90
valid_days = 182
item = [
    { id = "assortment", dimension = "quality" },
    { id = "price", dimension = "value" },
    { id = "staff", dimension = "service" },
]

[[survey]]
id = "service"
instrument = "servqual"
half_life_days = 90
valid_days = 182
weights = { tangibles = 11, reliability = 32, responsiveness = 22, assurance = 19, empathy = 16 }

[population]
lost_days = 31

[[population.cost]]
month = "2024-01"
acquisition_minor = 4_000
relationship_minor = 6_000
campaign_minor = 1_000
incremental_sales_minor = 8_000

[[population.cost]]
month = "2024-02"
acquisition_minor = 2_000
relationship_minor = 3_000

[[population.cost]]
month = "2024-03"
acquisition_minor = 900_000
relationship_minor = 900_000
"#;

fn programme() -> Programme {
    Programme::new(wire::terms::read(TERMS, "by-hand.toml").unwrap().terms).unwrap()
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

/// Adds to the sums: day or `now`, measure, key, value.
fn add(sums: &mut Sums, cells: &[(&str, Measure, u64, i64)]) {
    for (at, measure, key, value) in cells {
        let day = if *at == "now" { NOW } else { day(at) };
        sums.add(Cell { day, measure: *measure, key: *key }, *value);
    }
}

/// A hundred customers of December, in two stores, through two months.
fn sums() -> Sums {
    use Measure as M;
    let mut sums = Sums::default();
    add(
        &mut sums,
        &[
            ("2023-12-15", M::New, 0, 100),
            ("2024-01-10", M::Baskets, 0, 90),
            ("2024-01-10", M::Spend, 0, 90_000),
            ("2024-01-10", M::DayBuyers, 0, 75),
            ("2024-01-10", M::New, 0, 20),
            ("2024-01-20", M::Baskets, 0, 30),
            ("2024-01-20", M::Spend, 0, 60_000),
            ("2024-01-20", M::DayBuyers, 0, 28),
            ("2024-01-01", M::Buyers, 0, 80),
            ("2024-01-01", M::RepeatBuyers, 0, 20),
            ("2024-01-31", M::Lost, 0, 10),
            ("2024-02-05", M::Baskets, 0, 60),
            ("2024-02-05", M::Spend, 0, 90_000),
            ("2024-02-05", M::DayBuyers, 0, 50),
            ("2024-02-05", M::LevelBaskets, 3, 20),
            ("2024-02-05", M::LevelSpend, 3, 36_000),
            ("2024-02-05", M::LevelBaskets, 1, 10),
            ("2024-02-05", M::LevelSpend, 1, 9_000),
            ("2024-02-05", M::New, 0, 10),
            ("2024-02-05", M::Reactivated, 0, 2),
            ("2024-02-01", M::Buyers, 0, 50),
            ("2024-02-01", M::RepeatBuyers, 0, 10),
            ("2024-02-20", M::Lost, 0, 22),
            // Eight of ten spent 10,000 together, two of them 80,000.
            ("2024-02-01", M::SpendBuyers, 100, 40),
            ("2024-02-01", M::SpendOfBuyers, 100, 10_000),
            ("2024-02-01", M::SpendBuyers, 200, 10),
            ("2024-02-01", M::SpendOfBuyers, 200, 80_000),
            // Ahead of every clock here.
            ("2024-03-08", M::Lost, 0, 100),
        ],
    );
    let (north, south) = (fingerprint("north"), fingerprint("south"));
    add(
        &mut sums,
        &[
            ("2023-12-15", M::StoreActive, north, 60),
            ("2023-12-15", M::StoreActive, south, 40),
            ("2024-01-10", M::StoreActive, north, 10),
            ("2024-01-10", M::StoreActive, south, 10),
            ("2024-01-31", M::StoreActive, north, -10),
            ("2024-01-31", M::StoreLost, north, 10),
            ("2024-02-05", M::StoreActive, north, 12),
            ("2024-02-20", M::StoreActive, south, -22),
            ("2024-02-20", M::StoreLost, south, 22),
            ("2024-02-05", M::StoreBaskets, north, 40),
            ("2024-02-05", M::StoreSpend, north, 50_000),
            ("2024-02-05", M::StoreBaskets, south, 20),
            ("2024-02-05", M::StoreSpend, south, 40_000),
            ("2024-02-01", M::StoreBuyers, north, 30),
            ("2024-02-01", M::StoreRepeatBuyers, north, 9),
            ("2024-02-01", M::StoreBuyers, south, 20),
            ("2024-02-01", M::StoreRepeatBuyers, south, 1),
            ("2024-02-06", M::StorePromoters, north, 60),
            ("2024-02-06", M::StorePassives, north, 20),
            ("2024-02-06", M::StoreDetractors, north, 20),
            ("2024-02-06", M::StoreCsiAnswers, north, 2),
            ("2024-02-06", M::StoreCsi, north, 7_500_000),
        ],
    );
    say(&mut sums);
    sums
}

/// What those customers say.
fn say(sums: &mut Sums) {
    use Measure as M;
    let [assortment, price, staff] = ["assortment", "price", "staff"].map(fingerprint);
    add(
        sums,
        &[
            ("2024-02-06", M::Nps, 2, 110),
            ("2024-02-06", M::Nps, 1, 60),
            ("2024-02-06", M::Nps, 0, 30),
            ("2024-02-07", M::TnpsPromoters, fingerprint("checkout"), 3),
            ("2024-02-07", M::TnpsDetractors, fingerprint("checkout"), 1),
            // Two answers: 4 and 5 points, which matter 5 and 5; 2 and 3, which matter 4 and 5; 2 and 2, which matter 5 and 5.
            ("2024-02-08", M::CriterionAnswers, assortment, 2),
            ("2024-02-08", M::CriterionScore, assortment, 9_000),
            ("2024-02-08", M::CriterionImportance, assortment, 10_000),
            ("2024-02-08", M::CriterionAnswers, price, 2),
            ("2024-02-08", M::CriterionScore, price, 5_000),
            ("2024-02-08", M::CriterionImportance, price, 9_000),
            ("2024-02-08", M::CriterionAnswers, staff, 2),
            ("2024-02-08", M::CriterionScore, staff, 4_000),
            ("2024-02-08", M::CriterionImportance, staff, 10_000),
            ("2024-01-15", M::EngagementAnswers, 0, 10),
            ("2024-01-15", M::Engagement, 0, 6_000_000),
            ("2024-02-15", M::EngagementAnswers, 0, 5),
            ("2024-02-15", M::Engagement, 0, 3_510_000),
            ("2024-01-12", M::IssuesRaised, 0, 4),
            ("2024-02-12", M::IssuesRaised, 0, 2),
            ("2024-02-12", M::IssuesRaised, 1, 1),
            ("2024-02-13", M::IssuesInTime, 0, 2),
            ("2024-02-14", M::IssuesLate, 0, 1),
            ("2024-02-20", M::IssuesGivenUp, 0, 1),
            ("2024-01-14", M::IssuesOverdue, 0, 2),
            ("2024-02-20", M::IssuesOverdueDone, 0, 1),
            // One hour, three and twenty.
            ("2024-02-14", M::AnswerMinutes, 0, 24 * 60),
            ("2024-02-14", M::AnswerTimes, 0, 1),
            ("2024-02-14", M::AnswerTimes, 2, 1),
            ("2024-02-14", M::AnswerTimes, 5, 1),
            ("now", M::Customers, 0, 132),
            ("now", M::InTier, 0, 100),
            ("now", M::InTier, 1, 32),
            ("now", M::OfLoyaltyType, 0, 7),
            ("now", M::OfLoyaltyType, 2, 3),
            ("now", M::Paradoxes, 0, 3),
            ("now", M::InPyramid, 1, 5),
            ("now", M::InPyramid, 3, 2),
            ("now", M::Leaving, 1, 4),
            ("2024-02-05", M::TierMoves, 1, 12),
        ],
    );
    // Two respondents: their gaps of the dimensions add up to these, and so do their perceptions.
    let service = [(0, 10), (-3_200_000, 8), (0, 8), (-2_000_000, 8), (-1_200_000, 10)];
    for (place, (gap, perception)) in (0..).zip(service) {
        assert!((place as usize) < Dimension::OF_SERVICE.len());
        let at = "2024-02-09";
        let cells = [
            (at, M::GapAnswers, place, 2),
            (at, M::Gap, place, gap),
            (at, M::PerceptionAnswers, place, 2),
            (at, M::Perception, place, perception * 1_000_000),
        ];
        add(sums, &cells);
    }
}

fn report(sums: Sums, period: &str, clock: &str) -> Report {
    let names = ["north", "south"].map(|name| (fingerprint(name), name.to_string()));
    let clock = Timestamp(i64::from(day(clock).0) * 86_400_000 + 43_200_000);
    let period = Period::parse(period).unwrap();
    of_sums(&programme(), &period, sums, BTreeMap::from(names).into_iter().collect(), Some(clock))
}

/// Each figure of the JSON beside the one that was worked out, to as many digits as those that were published have.
fn check(report: &Report, figures: &[(&str, f64)]) {
    let json: Value = serde_json::from_str(&report.write(super::Format::Json)).unwrap();
    let is_near = |found: f64, expected: f64| (found - expected).abs() <= 2e-6 * expected.abs().max(1.0);
    let wrong = figures.iter().filter_map(|(path, expected)| {
        let found = json.pointer(path);
        let is_right = found.and_then(Value::as_f64).is_some_and(|found| is_near(found, *expected));
        (!is_right).then(|| format!("{path} is {found:?}, not {expected}\n"))
    });
    let wrong: String = wrong.collect();
    assert!(wrong.is_empty(), "{wrong}");
}

fn check_text(report: &Report, expected: Expect) {
    let text = report.write(super::Format::Text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn a_month_by_hand() {
    let report = report(sums(), "2024-02", "2024-03-05");
    check(
        &report,
        &[
            ("/commerce/baskets", 60.0),
            ("/commerce/spendMinor", 90_000.0),
            ("/commerce/activeAtStart", 110.0),
            ("/commerce/activeAtEnd", 100.0),
            ("/commerce/new", 10.0),
            ("/commerce/reactivated", 2.0),
            ("/commerce/lost", 22.0),
            ("/commerce/churnRate", 0.2),
            // 1 - 0.8^12.
            ("/commerce/churnRateAYear", 0.931_280_523_264),
            ("/months/0/activeAtEnd", 100.0),
            ("/months/1/rpr", 0.25),
            ("/months/1/stayed", 60.0),
            ("/months/2/rpr", 0.2),
            ("/months/2/stayed", 38.0),
            ("/months/2/nps", 40.0),
            ("/days/4/baskets", 60.0),
            ("/days/4/spendMinor", 90_000.0),
            ("/days/4/buyers", 50.0),
            ("/now/pyramid/1/customers", 5.0),
            ("/now/leaving/1/customers", 4.0),
            ("/now/paradoxes", 3.0),
            ("/days/5/baskets", 0.0),
            // Ten of fifty, and half of these.
            ("/concentration/top20Percent", 8.0 / 9.0),
            ("/concentration/top10Percent", 4.0 / 9.0),
            ("/nps/score", 40.0),
            ("/nps/low", 29.283_9),
            ("/nps/high", 49.533_9),
            ("/touchpoints/0/nps/score", 50.0),
            ("/satisfaction/csi", 43.75 / 14.5),
            ("/satisfaction/csiOfBest", 43.75 / 14.5 / 5.0),
            ("/service/gap", -0.64),
            ("/service/weighedGap", -0.798),
            ("/engagement/mean", 0.702),
            ("/engagement/growthIndexPercent", 117.0),
            ("/engagement/turnover/0/share", 0.1),
            ("/engagement/turnover/2/spendMinor", 36_000.0),
            ("/engagement/turnover/2/share", 0.4),
            ("/issues/complaints", 2.0),
            ("/issues/detractors", 1.0),
            // Four in January.
            ("/issues/raised", 3.0),
            ("/issues/raisedBefore", 4.0),
            ("/issues/indexPercent", 75.0),
            // Seven were raised: three were answered, one was given up.
            ("/issues/waitingAtEnd", 3.0),
            ("/issues/overdueAtEnd", 1.0),
            ("/issues/meanHours", 8.0),
            ("/stores/0/activeAtStart", 60.0),
            ("/stores/0/activeAtEnd", 72.0),
            ("/stores/0/churnRate", 0.0),
            ("/stores/0/rpr", 0.3),
            ("/stores/0/nps/score", 40.0),
            ("/stores/0/csi", 3.75),
            ("/stores/1/activeAtStart", 50.0),
            ("/stores/1/activeAtEnd", 28.0),
            ("/stores/1/churnRate", 0.44),
            // 1 - 0.56^12.
            ("/stores/1/churnRateAYear", 0.999_048_8),
            ("/money/averageSaleMinor", 1_500.0),
        ],
    );
    let quadrants: Vec<&str> = report.satisfaction.criteria.iter().map(|criterion| criterion.quadrant).collect();
    assert_eq!(quadrants, ["keep up the good work", "low priority", "concentrate here"]);
    check_text(
        &report,
        expect![[r#"
            2024-02-01 to 2024-02-29, as of 2024-03-05T12:00:00Z; money in EUR

            baskets 60, spend 900.00
            customers 110 at the start, 100 at the end; lost after 31 days without a purchase
            lost 20.0 % of as many as were there at the start; by month, over a year: 93.1 %  ALARM: above 30 % a year

            month      buyers    twice     RPR     new   stayed reactivated    lost   at end            spend     NPS
            2023-12         0        0       -     100        0           0       0      100             0.00       -
            2024-01        80       20  25.0 %      20       60           0      10      110         1,500.00       -
            2024-02        50       10  20.0 %      10       38           2      22      100           900.00    40.0

            the biggest 20 % of a month's buyers have 88.9 % of its spend, the biggest 10 % 44.4 %; of all spend ever - and -

            store                  baskets            spend   buyers     RPR   there   lost    churn   a year               NPS (95 %)    CSI
            north                       40           500.00       30  30.0 %      60      0    0.0 %    0.0 %      40.0 (23.4 to 54.3)   3.75
            south                       20           400.00       20   5.0 %      50     22   44.0 %  99.9 %!                        -      -

            at present 132 customers
            tiers          newcomer 100, regular 32
            loyalty        absolute 7, latent 3
            pyramid        loyalty 5, co_creation 2
            leaving        price 4
            paradoxes      3, loyal by what they say and without effect

            moves between tiers: 12
                  12  newcomer -> regular

            NPS 40.0, 95 % between 29.3 and 49.5: 110 promoters, 60 passives, 30 detractors
            TNPS checkout       50.0, 95 % between -33.6 and 90.7: 4 answers
            CSI 3.02 points, 60.3 % of the best
              assortment       importance 5.00, satisfaction 4.50: keep up the good work
              price            importance 4.50, satisfaction 2.50: low priority
              staff            importance 5.00, satisfaction 2.00: concentrate here
            service: perception 4.41, gap -0.64, weighed -0.80
              tangibles        perception 5.00, gap 0.00
              reliability      perception 4.00, gap -1.60
              responsiveness   perception 4.00, gap 0.00
              assurance        perception 4.00, gap -1.00
              empathy          perception 5.00, gap -0.60
            engagement 70.2 % of the best in 5 answers; growth index 117.0 %
              level low     10 baskets, spend 90.00, 10.0 % of all
              level high    20 baskets, spend 360.00, 40.0 % of all
            negative engagement: 2 complaints, 1 detractors, 0 reviews, 75.0 % of the 4 of the period before; answered 2 in time and 1 late; 1 given up; at the end 3 wait, 1 of them overdue
              time to answer: mean 8.00 h, half within 4 h, nine of ten within 32 h

            a customer while there, who bought at most 31 days ago: average sale 15.00, 6.39 purchases a year, margin 25.0 %
            by the costs of 2024-02:
            relationship profitability 20.75 a year of a customer while there
            CAC 2.00, paid back in 1.00 months
        "#]],
    );
}

// With one of three answers within an hour, half are not answered within it.
#[test]
fn half_of_three_are_two() {
    let report = report(sums(), "2024-02", "2024-03-05");
    check(&report, &[("/issues/medianHoursAtMost", 4.0), ("/issues/ninthTenthHoursAtMost", 32.0)]);
    // Of eleven, nine of ten are ten; the last took longer.
    let mut sums = Sums::default();
    let at = "2024-02-14";
    add(&mut sums, &[(at, Measure::IssuesInTime, 0, 11)]);
    add(
        &mut sums,
        &[(at, Measure::AnswerTimes, 0, 9), (at, Measure::AnswerTimes, 3, 1), (at, Measure::AnswerTimes, 9, 1)],
    );
    let report = self::report(sums, "2024-02", "2024-03-05");
    check(&report, &[("/issues/medianHoursAtMost", 1.0), ("/issues/ninthTenthHoursAtMost", 8.0)]);
}

// The same answers have one mean, on a card and here: over their 22 items. Of the dimensions it is 4.4.
#[test]
fn perception_is_the_mean_of_all_items() {
    let report = report(sums(), "2024-02", "2024-03-05");
    check(&report, &[("/service/perception", 97.0 / 22.0)]);
}

// Whoever buys twice a year is no buyer of most months. A mean of these would find twelve purchases a year whatever is bought.
#[test]
fn a_year_of_purchases_is_of_those_who_are_there() {
    use Measure as M;
    let mut sums = Sums::default();
    // 1,200 customers, a hundred of whom buy in each month, each twice a year.
    add(&mut sums, &[("2022-12-15", M::New, 0, 1_200)]);
    for month in 1..=12 {
        let day = format!("2023-{month:02}-15");
        let first = format!("2023-{month:02}-01");
        add(&mut sums, &[(&day, M::Baskets, 0, 200), (&day, M::Spend, 0, 200_000), (&first, M::Buyers, 0, 200)]);
    }
    let report = report(sums, "2023", "2024-03-05");
    check(&report, &[("/money/customersThere", 1_200.0), ("/money/purchasesAYear", 2.0)]);
}

// 110 are there at first, 122 from the fifth on and 100 from the twentieth on: 112.76 in the mean of 29 days.
#[test]
fn what_a_customer_brings_in_a_month() {
    let report = report(sums(), "2024-02", "2024-03-05");
    let there = 3_270.0 / 29.0;
    check(
        &report,
        &[
            ("/money/customersThere", there),
            ("/money/averageSaleMinor", 1_500.0),
            ("/money/purchasesAYear", 60.0 / there * 12.0),
            // A quarter of 90,000, less 3,000, by as many customers, in one of twelve months.
            ("/money/relationshipProfitMinor", 19_500.0 / there * 12.0),
            ("/money/acquisitionCostMinor", 200.0),
            // They bring 90,000 / 112.76 / 4 a month.
            ("/money/paybackMonths", 200.0 / (90_000.0 / there / 4.0)),
        ],
    );
    assert_eq!(report.money.romi, None);
}

// Costs of a month that is not over are those of its whole, while its sales are not. January and February are over: 240,000 were
// sold and 9,000 spent, while 113.33 customers were there.
#[test]
fn months_that_are_not_over_have_no_cost() {
    let report = report(sums(), "2024", "2024-03-05");
    let there = 6_800.0 / 60.0;
    let months = 2.0 + 5.0 / 31.0;
    check(
        &report,
        &[
            // Of all that is over, with five days of March.
            ("/money/customersThere", 7_300.0 / 65.0),
            ("/money/purchasesAYear", 180.0 / (7_300.0 / 65.0) * 12.0 / months),
            ("/money/relationshipProfitMinor", 51_000.0 / there * 6.0),
            ("/money/acquisitionCostMinor", 6_000.0 / 30.0),
            ("/money/paybackMonths", 200.0 / (120_000.0 / there / 4.0)),
            ("/money/romi", 1.0),
        ],
    );
    assert_eq!(report.money.cost_months, ["2024-01", "2024-02"]);
    let week = self::report(sums(), "2024-02", "2024-02-07");
    check(&week, &[("/money/purchasesAYear", 60.0 / (806.0 / 7.0) * 12.0 / (7.0 / 29.0))]);
    let of = week.money;
    assert_eq!((of.relationship_profit_minor, of.acquisition_cost_minor, of.payback_months), (None, None, None));
    assert!(of.cost_months.is_empty());
}

// A tenth of January's and a fifth of February's are lost: 72 % stay, in two months and five of 31 days.
#[test]
fn a_year_of_churn_is_that_of_its_months() {
    let report = report(sums(), "2024", "2024-03-05");
    check(
        &report,
        &[
            ("/commerce/activeAtStart", 100.0),
            ("/commerce/lost", 32.0),
            ("/commerce/churnRate", 0.32),
            ("/commerce/churnRateAYear", 0.838_610_249),
            // Five sixths stay in the north, and 56 % in the south.
            ("/stores/0/churnRateAYear", 0.636_615_2),
            ("/stores/1/churnRateAYear", 0.960_016_594),
        ],
    );
}

// A hundred customers become two thousand, of whom a fiftieth is lost in each month. 288 are lost, nearly
// three times as many as were there at first.
#[test]
fn growth_is_no_churn() {
    use Measure as M;
    let mut sums = Sums::default();
    let mut there = 100;
    add(&mut sums, &[("2022-12-15", M::New, 0, there), ("2022-12-15", M::StoreActive, 7, there)]);
    for month in 1..=12 {
        let day = format!("2023-{month:02}-10");
        let lost = there / 50;
        add(&mut sums, &[(&day, M::New, 0, 200 + lost), (&day, M::Lost, 0, lost)]);
        add(&mut sums, &[(&day, M::StoreActive, 7, 200), (&day, M::StoreLost, 7, lost)]);
        there += 200;
    }
    let report = report(sums, "2023", "2024-03-05");
    // 1 - 0.98^12.
    let a_year = 0.215_283_2;
    let figures = [
        ("/commerce/activeAtStart", 100.0),
        ("/commerce/activeAtEnd", 2_500.0),
        ("/commerce/lost", 288.0),
        ("/commerce/churnRateAYear", a_year),
        ("/stores/0/churnRateAYear", a_year),
    ];
    check(&report, &figures);
    assert!(!report.commerce.churn_alarm && !report.stores[0].churn_alarm);
}
