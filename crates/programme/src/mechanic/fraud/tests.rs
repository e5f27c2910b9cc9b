//! Histories that look like abuse, and such that do not.

use expect_test::{Expect, expect};

use crate::history;
use crate::terms::Terms;
use crate::terms::fraud::{
    Cashier, CashierCard, Fraud, ReturnAfterRedemption, Sharing, Split, Store, Travel, Velocity,
};

/// No rule at all, and no other mechanic that speaks.
fn terms(rules: impl FnOnce(&mut Fraud)) -> Terms {
    let mut terms = history::terms();
    terms.tier.truncate(1);
    terms.churn.band.clear();
    let mut fraud = Fraud {
        recent_max: 16,
        cool_down_minutes: 24 * 60,
        velocity: None,
        travel: None,
        return_after_redemption: None,
        cashier: None,
        sharing: None,
        split: None,
        store: Vec::new(),
        cashier_card: Vec::new(),
    };
    rules(&mut fraud);
    terms.fraud = Some(fraud);
    terms
}

fn check(terms: Terms, history: &str, expected: Expect) {
    expected.assert_eq(&history::decide(terms, history));
}

// A stolen card is emptied in minutes: the third purchase of an hour is suspected once, the fifth and every one after it is
// held, and one that was voided does not count.
#[test]
fn too_many_purchases_in_an_hour() {
    let rule = Velocity { minutes: 60, purchases_soft: 3, purchases_hard: Some(5) };
    check(
        terms(|fraud| fraud.velocity = Some(rule)),
        "2024-01-10T10:00:00Z purchase b1 10.00
         2024-01-10T10:10:00Z purchase b2 10.00
         2024-01-10T10:11:00Z void b2
         2024-01-10T10:20:00Z purchase b3 10.00
         2024-01-10T10:59:59Z purchase b4 10.00
         2024-01-10T11:00:00Z purchase b5 10.00
         2024-01-10T11:01:00Z purchase b6 10.00
         2024-01-10T11:02:00Z purchase b7 10.00
         2024-01-10T11:03:00Z purchase b8 10.00
         2024-01-12T10:00:00Z purchase b9 10.00
         2024-01-12T10:01:00Z purchase b10 10.00
         2024-01-12T10:02:00Z purchase b11 10.00",
        expect![[r#"
            1 2024-01-10T10:59:59Z fraud Velocity b1 b3 b4: Purchased purchases=3/3
            2 2024-01-10T11:02:00Z fraud Velocity b3 b4 b5 b6 b7, held: Purchased purchases=5/5
            3 2024-01-10T11:03:00Z fraud Velocity b3 b4 b5 b6 b7 b8, held: Purchased purchases=6/5
            4 2024-01-12T10:02:00Z fraud Velocity b9 b10 b11: Purchased purchases=3/3
        "#]],
    );
}

// From Moscow to Saint Petersburg in an hour goes nobody; from the next street anybody. Shops without a place, and shops
// that the till does not name, accuse nobody unless the terms say how far apart any two shops are.
#[test]
fn too_far_in_too_little_time() {
    let rule =
        Travel { km_per_hour_soft: 300, km_per_hour_hard: Some(1000), minutes_soft: 5, minutes_hard: Some(1) };
    let store = |id: &str, lat, lon| Store { id: id.into(), lat, lon };
    check(
        terms(|fraud| {
            fraud.travel = Some(rule);
            fraud.cool_down_minutes = 0;
            fraud.store = vec![store("moscow", 55.7558, 37.6173), store("petersburg", 59.9343, 30.3351)];
        }),
        "2024-01-10T10:00:00Z purchase b1 10.00 store=moscow
         2024-01-10T10:30:00Z purchase b2 10.00 store=petersburg
         2024-01-10T11:30:00Z purchase b3 10.00 store=moscow
         2024-01-10T11:31:00Z purchase b4 10.00
         2024-01-10T15:00:00Z purchase b5 10.00 store=petersburg
         2024-01-10T15:04:00Z purchase b6 10.00 store=nowhere
         2024-01-10T15:04:30Z purchase b7 10.00 store=elsewhere
         2024-01-10T15:04:40Z purchase b8 10.00 store=elsewhere
         2024-01-10T15:10:00Z purchase b9 10.00 store=nowhere",
        expect![[r#"
            1 2024-01-10T10:30:00Z fraud ImpossibleTravel b1 b2, held: Purchased seconds_between=1800/2281
            2 2024-01-10T11:30:00Z fraud ImpossibleTravel b2 b3: Purchased seconds_between=3600/7604
            3 2024-01-10T15:04:00Z fraud ImpossibleTravel b5 b6: Purchased seconds_between=240/300
            4 2024-01-10T15:04:30Z fraud ImpossibleTravel b6 b7, held: Purchased seconds_between=30/60
        "#]],
    );
}

// Buy, spend what it earned, bring it back: the shop is left with less than nothing. What was paid with the points, what
// came back before, and what a cancelled payment did not spend is no sign of it.
#[test]
fn goods_that_go_back_after_points_were_spent() {
    let rule = ReturnAfterRedemption { days: 30, returns_soft: 1, returns_hard: Some(2) };
    check(
        terms(|fraud| {
            fraud.return_after_redemption = Some(rule);
            fraud.cool_down_minutes = 0;
        }),
        "2024-01-01 purchase b1 500.00
         2024-01-02 purchase b2 500.00
         2024-01-03 redeem r1 100 b3
         2024-01-03 settle r1 cancelled
         2024-01-04 return b1 100.00
         2024-01-05 purchase b3 50.00
         2024-01-05 redeem r2 100 b3
         2024-01-06 return b3 whole
         2024-01-07 return b1 100.00
         2024-01-08 purchase b4 500.00
         2024-01-09 return b4 whole
         2024-01-10 return b2 whole
         2024-01-11 return b2 whole
         2024-03-01 return b1 whole",
        expect![[r#"
            1 2024-01-07 fraud ReturnAfterRedemption b1: PurchaseTakenBack returns=1/1
            2 2024-01-10 fraud ReturnAfterRedemption b1 b2, held: PurchaseTakenBack returns=2/2
        "#]],
    );
}

// A cashier who shows a card of their own for customers who have none collects the points of strangers.
#[test]
fn baskets_at_one_cashiers_till() {
    let rule = Cashier { baskets: 4, same_soft: 3, same_hard: Some(4), own_soft: 1, own_hard: Some(2) };
    let history = "2024-01-01 purchase b1 10.00 cashier=k1
         2024-01-02 purchase b2 10.00 cashier=k2
         2024-01-03 purchase b3 10.00
         2024-01-04 purchase b4 10.00 cashier=k2
         2024-01-05 purchase b5 10.00 cashier=k2
         2024-01-06 purchase b6 10.00 cashier=k2
         2024-01-07 purchase b7 10.00 cashier=k1";
    check(
        terms(|fraud| fraud.cashier = Some(rule)),
        history,
        expect![[r#"
            1 2024-01-05 fraud CashierSelfAccrual b2 b4 b5: Purchased baskets_of_one_cashier=3/3
            2 2024-01-06 fraud CashierSelfAccrual b2 b4 b5 b6, held: Purchased baskets_of_one_cashier=4/4
        "#]],
    );
    let card = |customer_id: &str| CashierCard { customer_id: customer_id.into(), cashier_id: "k1".into() };
    check(
        terms(|fraud| {
            fraud.cashier = Some(Cashier { same_soft: 4, ..rule });
            fraud.cashier_card = vec![card("somebody else"), card("c")];
        }),
        history,
        expect![[r#"
            1 2024-01-01 fraud CashierSelfAccrual b1: Purchased baskets_of_own_cashier=1/1
            2 2024-01-06 fraud CashierSelfAccrual b2 b4 b5 b6, held: Purchased baskets_of_one_cashier=4/4
            3 2024-01-07 fraud CashierSelfAccrual b7: Purchased baskets_of_own_cashier=1/1
        "#]],
    );
}

// One card for a whole street: three shops on one day. The day is the shop's own.
#[test]
fn one_card_in_many_stores() {
    check(
        terms(|fraud| fraud.sharing = Some(Sharing { stores_soft: 3, stores_hard: Some(4) })),
        "2024-01-10T08:00:00Z purchase b1 10.00 store=s1
         2024-01-10T09:00:00Z purchase b2 10.00 store=s2
         2024-01-10T10:00:00Z purchase b3 10.00 store=s1
         2024-01-10T11:00:00Z purchase b4 10.00
         2024-01-11T00:00:00Z purchase b5 10.00 store=s3
         2024-01-11T01:00:00Z purchase b6 10.00 store=s4
         2024-01-11T02:00:00Z purchase b7 10.00 store=s5
         2024-01-11T03:00:00Z purchase b8 10.00 store=s6",
        expect![[r#"
            1 2024-01-11T02:00:00Z fraud CardSharing b5 b6 b7: Purchased stores=3/3
            2 2024-01-11T03:00:00Z fraud CardSharing b5 b6 b7 b8, held: Purchased stores=4/4
        "#]],
    );
}

// A prize for every receipt above 30.00, or a check of every receipt above it: what stays just below, over and over in one
// shop, was one purchase.
#[test]
fn one_purchase_in_several_receipts() {
    let rule = Split { minutes: 30, threshold_minor: 30_00, receipts_soft: 2, receipts_hard: Some(3) };
    check(
        terms(|fraud| fraud.split = Some(rule)),
        "2024-01-10T10:00:00Z purchase b1 20.00 store=s1
         2024-01-10T10:01:00Z purchase b2 20.00 store=s2
         2024-01-10T10:02:00Z purchase b3 9.99 store=s1
         2024-01-10T10:03:00Z purchase b4 50.00 store=s1
         2024-01-10T10:04:00Z purchase b5 0.00 store=s1
         2024-01-10T10:20:00Z purchase b6 0.01 store=s1
         2024-01-10T11:00:00Z purchase b7 20.00
         2024-01-10T11:01:00Z purchase b8 20.00
         2024-01-12T10:00:00Z purchase b9 15.00 store=s1
         2024-01-12T10:30:00Z purchase b10 15.00 store=s1
         2024-01-12T10:59:59Z purchase b11 15.00 store=s1",
        expect![[r#"
            1 2024-01-10T10:20:00Z fraud SplitReceipts b1 b3 b6, held: Purchased receipts=3/3 spend_minor=3000/3000
            2 2024-01-12T10:59:59Z fraud SplitReceipts b10 b11: Purchased receipts=2/2 spend_minor=3000/3000
        "#]],
    );
}

// The till that was offline sends the purchase that makes five: whoever emptied the card is found out after all, and what
// was said before is not said again.
#[test]
fn what_comes_late_is_suspected_after_all() {
    let rule = Velocity { minutes: 60, purchases_soft: 2, purchases_hard: Some(4) };
    let mut late = terms(|fraud| fraud.velocity = Some(rule));
    late.memory.late_days = 3;
    check(
        late,
        "2024-01-10T10:00:00Z purchase b1 10.00
         2024-01-10T10:10:00Z purchase b2 10.00
         2024-01-10T10:30:00Z purchase b4 10.00
         2024-01-11T10:00:00Z purchase b5 10.00
         2024-01-10T10:20:00Z purchase b3 10.00
         2024-01-10T10:25:00Z return b1 1.00
         2024-01-11T10:10:00Z purchase b6 10.00",
        expect![[r#"
            1 2024-01-10T10:10:00Z fraud Velocity b1 b2: Purchased purchases=2/2
            2 2024-01-11T10:00:00Z fraud Velocity b1 b2 b3 b4, held: Purchased (correction)
        "#]],
    );
}

// A customer's memory must not grow with their age: what no rule will ask for again is forgotten.
#[test]
fn nothing_is_kept_that_no_rule_asks_for() {
    use crate::customer::Customer;
    use crate::editions::Programme;
    use crate::event::{Body, Event, Purchase};
    use crate::time::Timestamp;

    let velocity = Velocity { minutes: 60, purchases_soft: 3, purchases_hard: None };
    let cashier = Cashier { baskets: 5, same_soft: 5, same_hard: None, own_soft: 5, own_hard: None };
    let remembered = |rules: &dyn Fn(&mut Fraud), hours: i64| {
        let programme = Programme::new(terms(rules)).expect("the terms of the test are valid");
        let mut customer = Customer::default();
        for i in 0..100 {
            let purchase = Purchase {
                basket_id: format!("b{i}"),
                store_id: "s".into(),
                cashier_id: format!("k{i}"),
                ..Purchase::default()
            };
            let at = Timestamp(i * hours * 3_600_000);
            let event = Event { id: format!("e{i}"), customer_id: "c".into(), at, body: Body::Purchase(purchase) };
            programme.fold(&mut customer, &event, &mut Vec::new());
        }
        customer.standing.fraud.purchases.len()
    };
    assert_eq!(remembered(&|_| {}, 0), 0);
    assert_eq!(remembered(&|fraud| fraud.velocity = Some(velocity), 24), 1);
    assert_eq!(remembered(&|fraud| fraud.velocity = Some(velocity), 0), 16);
    assert_eq!(remembered(&|fraud| fraud.cashier = Some(cashier), 24), 5);
    let sharing = Sharing { stores_soft: 2, stores_hard: None };
    assert_eq!(remembered(&|fraud| fraud.sharing = Some(sharing), 5), 4);
}
