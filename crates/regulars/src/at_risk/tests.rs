//! The list over a store with customers in it.

use engine::log::TaskId;
use engine::store::stores::{StoreOptions, Stores};
use expect_test::expect;
use programme::customer::Customer;
use programme::event::{Body, Event, Purchase};

use super::*;

fn programme() -> Programme {
    let text = include_str!("../../../../deploy/demo/programme.toml");
    let text = text.replace("tau_days = 84\n", "tau_days = 84\nfollow_up_days = 30\n");
    let text = text + "\n[control]\nshare_permille = 100\nseed = 1\n";
    Programme::new(wire::terms::read(&text, "p.toml").unwrap().terms).unwrap()
}

/// Customers `0` to `11`, who bought for more the later they came, and were silent since; every third was warned of before,
/// and came back for a time. The last one is not at risk.
fn filled(stores: &Stores, programme: &Programme) -> std::sync::Arc<Store> {
    let store = stores.open(TaskId(0)).unwrap();
    let mut changes = store.changes();
    let now = Timestamp::parse("2017-12-01T12:00:00Z").unwrap();
    for number in 0..12_i64 {
        let id = number.to_string();
        let mut customer = Customer::default();
        let mut days = vec![number, number + 7, number + 14];
        if number % 3 == 0 {
            days.push(number + 120);
        }
        if number == 11 {
            days.push(333);
        }
        for day in days {
            let purchase = Purchase {
                basket_id: format!("b{day}"),
                amount_minor: 10_00 + 1_00 * number,
                ..Purchase::default()
            };
            let at = Timestamp::parse("2017-01-01T12:00:00Z").unwrap().plus_ms(day * 86_400_000);
            let body = Body::Purchase(purchase);
            let event = Event { id: format!("e{day}"), customer_id: id.clone(), at, body };
            programme.fold(&mut customer, &event, &mut Vec::new());
        }
        programme.wake_until(&id, &mut customer, now, &mut Vec::new());
        let mut stored = Vec::new();
        wire::stored::encode_customer(&customer, &mut stored);
        changes.put(id.as_bytes(), None, &stored);
    }
    changes.stage().apply(&store).unwrap();
    store
}

// Whoever calls from the top of the list must call for the most money, and whoever turns the page must meet nobody twice and
// miss nobody.
#[test]
fn pages_follow_each_other_in_order() {
    let data = tempfile::tempdir().unwrap();
    let programme = programme();
    let stores = Stores::new(data.path().to_path_buf(), StoreOptions::default());
    let store = filled(&stores, &programme);
    let list = |wanted: &Wanted| {
        let mut listing = Listing::new(&programme, wanted);
        listing.look(&store, Timestamp::parse("2017-12-01T12:00:00Z")).unwrap();
        listing.page()
    };
    for sort in [Sort::ValueAtRisk, Sort::Probability, Sort::Since] {
        let whole = list(&Wanted { sort, limit: 100, after: None });
        assert_eq!((whole.cards.len(), whole.next), (11, None));
        let keys: Vec<i64> = whole.cards.iter().map(|card| sort.key(card)).collect();
        assert!(keys.is_sorted_by(|one, two| one >= two), "{keys:?}");
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = list(&Wanted { sort, limit: 4, after });
            ids.extend(page.cards.into_iter().map(|card| card.customer_id));
            let Some(next) = page.next else { break };
            after = Place::read(&next.told());
        }
        let all: Vec<String> = whole.cards.into_iter().map(|card| card.customer_id).collect();
        assert_eq!(ids, all, "{sort:?}");
    }
    let first = list(&Wanted { sort: Sort::ValueAtRisk, limit: 3, after: None });
    expect![[r#"
        customer     risk  since       probability    at risk  why                                        after the last warnings
        10           high  2017-04-17       98.0 %  15.00 USD  overdue_against_own_rhythm, probably_gone  not back yet
        8 (control)  high  2017-04-15       98.0 %  13.50 USD  overdue_against_own_rhythm, probably_gone  not back yet
        7            high  2017-04-14       98.0 %  12.75 USD  overdue_against_own_rhythm, probably_gone  not back yet
    "#]].assert_eq(&text(&programme, &first.cards));
    expect![[r#"
        customer,band,since,probability,value_at_risk_minor,currency,tier,reasons,last_purchase_at,expected_next_purchase,returned_at,spent_minor,earlier_warning_at,earlier_returned_at,earlier_spent_minor,control
        10,high,2017-04-17T04:00:00Z,0.979735,1500,USD,newcomer,overdue_against_own_rhythm probably_gone,2017-01-25T12:00:00Z,2018-06-24T06:40:45.399Z,,0,,,,false
        8,high,2017-04-15T04:00:00Z,0.980142,1350,USD,newcomer,overdue_against_own_rhythm probably_gone,2017-01-23T12:00:00Z,2018-06-24T21:19:31.816Z,,0,,,,true
        7,high,2017-04-14T04:00:00Z,0.980342,1275,USD,newcomer,overdue_against_own_rhythm probably_gone,2017-01-22T12:00:00Z,2018-06-25T04:32:45.547Z,,0,,,,false
    "#]].assert_eq(&csv(&first.cards).unwrap());
    let answer: serde_json::Value = serde_json::from_str(&json(&first, &[0], 1)).unwrap();
    assert_eq!(answer["customers"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["customers"][0]["customerId"], first.cards[0].customer_id);
    assert!(answer["customers"][0]["risk"]["causes"][0]["contribution"].is_number(), "{answer}");
    assert_eq!(answer["partitionsHere"], serde_json::json!([0]));
    assert!(answer["next"].is_string());
}

#[test]
fn a_place_is_told_and_taken_back() {
    for place in [Place(Reverse(-5), "a:b".to_string()), Place(Reverse(i64::MAX), String::new())] {
        assert_eq!(Place::read(&place.told()), Some(place));
    }
    assert_eq!([Place::read("x:1"), Place::read("1")], [None, None]);
}

// The process ends by closing its stores: a list that goes on reading meanwhile reads memory that is gone.
#[test]
fn a_list_is_given_up_when_the_service_stops() {
    let data = tempfile::tempdir().unwrap();
    let programme = programme();
    let stores = Stores::new(data.path().to_path_buf(), StoreOptions::default());
    let store = filled(&stores, &programme);
    let wanted = Wanted { sort: Sort::default(), limit: 5, after: None };
    let looked = std::cell::Cell::new(0);
    let stops = || looked.replace(looked.get() + 1) == 3;
    let given_up = Listing::new(&programme, &wanted).look_until(&store, None, stops);
    assert!(given_up.is_err_and(|fault| fault.to_string().contains("given up")));
    assert_eq!(looked.get(), 4);
}
