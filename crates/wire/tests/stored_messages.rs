//! What tasks tell each other, in bytes: what one release has written, every later one reads.
//!
//! A fixture is never changed and never removed. A new kind of message adds its own, made once from the values below.

use std::fmt::Write;

use programme::classes::relationship::Level;
use programme::customer::identity::{Identity, MergedInto};
use programme::customer::{Customer, Standing, TierStanding};
use programme::decision::Reason;
use programme::event::{Body as EventBody, Event, IdentityMerged, Purchase};
use programme::facts::{Facts, Lifetime};
use programme::group::{Contributed, Contribution, Group, Member, Visit};
use programme::message::{Body, Forget, Given, HandOver, HandedOver, Message, Trail};
use programme::time::Timestamp;
use wire::stored::{
    CorruptState, account_of, decode_customer, decode_group, decode_message, encode_customer, encode_group,
    encode_message, group_key, is_suppression_key, message_key,
};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// An id that became another customer's; somebody was erased under it before that.
fn redirect() -> Customer {
    let merged_into = Some(MergedInto { customer_id: "c1".into(), at: at("2017-03-01T10:00:00Z"), sequence: 7 });
    Customer {
        erased_at: Some(at("2016-03-01T10:00:00Z")),
        identity: Identity { merged_into, ..Identity::default() },
        ..Customer::default()
    }
}

/// Somebody who took two others in and waits for a third.
fn survivor() -> Customer {
    let facts = Facts {
        since: Some(at("2017-01-01T06:53:26Z")),
        lifetime: Lifetime { purchases: 3, spend_minor: 4_500 },
        ..Facts::default()
    };
    let tier =
        TierStanding { name: "regular".into(), since: at("2017-02-01T05:00:00Z"), ..TierStanding::default() };
    let standing = Standing { sequence: 4, clock: at("2017-03-01T10:00:00Z"), tier, ..Standing::default() };
    let identity =
        Identity { merged_into: None, awaited: vec!["c4".into()], absorbed: vec!["c2".into(), "c3".into()] };
    Customer { facts, standing, identity, ..Customer::default() }
}

fn message(body: Body) -> Message {
    Message { to: "c1".into(), at: at("2017-03-01T10:00:00Z"), trail: Trail::default(), body }
}

fn happened() -> Message {
    let purchase = Purchase { basket_id: "b1".into(), amount_minor: 1_250, ..Purchase::default() };
    let event = Event {
        id: "e1".into(),
        customer_id: "c1".into(),
        at: at("2017-02-28T23:59:59.999Z"),
        body: EventBody::Purchase(purchase),
    };
    let least = ("c1".to_string(), "c2".to_string());
    let trail = Trail { mark: "c2".into(), steps: 1, steps_max: 2, least, round: true };
    Message { trail, ..message(Body::Happened(event)) }
}

fn hand_over() -> Message {
    message(Body::HandOver(HandOver {
        absorbed_id: "c1".into(),
        survivor_id: "c9".into(),
        merged_at: at("2017-02-01T00:00:00Z"),
        event_id: "m1".into(),
        room: 100,
    }))
}

fn handed_over(given: Option<Given>) -> Message {
    message(Body::HandedOver(Box::new(HandedOver {
        absorbed_id: "c2".into(),
        merged_at: at("2017-02-01T00:00:00Z"),
        event_id: "m1".into(),
        given,
    })))
}

fn forget() -> Message {
    message(Body::Forget(Forget { event_id: "e2".into(), request_id: "r1".into() }))
}

fn brings() -> Contribution {
    let visit = |store, minute| Visit { store, minute };
    Contribution {
        pulse_micro: Some(625_000),
        engaged: true,
        names: vec![7],
        ties: vec![3, 5],
        visits: vec![visit(11, 24_720_000), visit(12, 24_720_031)],
        terms: 0x1234_5678,
    }
}

fn contributed(brings: Option<Contribution>) -> Message {
    let said = Contributed {
        member_id: "c1".into(),
        number: 3,
        event_id: "e1".into(),
        reason: Reason::SurveyAnswered,
        correction: true,
        brings,
    };
    Message { to: "family".into(), ..message(Body::Contributed(Box::new(said))) }
}

fn group() -> Group {
    let member = |id: &str, number, brings| Member { id: id.into(), number, brings };
    Group {
        sequence: 4,
        clock: at("2017-03-01T10:00:00Z"),
        members: vec![member("c1", 3, brings()), member("c2", 1, Contribution::default())],
        beyond: 2,
        level: Some(Level::Medium),
    }
}

fn bytes(fixture: &str) -> Vec<u8> {
    let digits: String = fixture.split_whitespace().collect();
    let byte = |i| u8::from_str_radix(&digits[i..i + 2], 16).expect("two hexadecimal digits");
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        let apart = if i % 48 == 47 || i + 1 == bytes.len() { "\n" } else { "" };
        write!(text, "{byte:02x}{apart}").expect("a string takes everything");
    }
    text
}

// A message is read by the next release when it was written just before the update: one that cannot be read stops a task.
#[test]
fn released_messages_are_read_for_ever() {
    let given = Given { from_id: "c2".into(), customer: survivor() };
    let fixtures = [
        (include_str!("fixtures/message-v1-happened.hex"), happened()),
        (include_str!("fixtures/message-v1-hand-over.hex"), hand_over()),
        (include_str!("fixtures/message-v1-handed-over.hex"), handed_over(Some(given))),
        (include_str!("fixtures/message-v1-handed-over-nothing.hex"), handed_over(None)),
        (include_str!("fixtures/message-v1-forget.hex"), forget()),
    ];
    for (fixture, message) in fixtures {
        let mut written = Vec::new();
        encode_message(&message, &mut written);
        assert_eq!(decode_message(b"c1", &written).as_ref(), Ok(&message));
        assert_eq!(decode_message(b"c1", &bytes(fixture)), Ok(message), "written now:\n{}", hex(&written));
    }
}

#[test]
fn released_groups_are_read_for_ever() {
    let key = group_key("family");
    assert_eq!(account_of(&key), Some(&b"family"[..]));
    assert!(account_of(b"family").is_none() && !is_suppression_key(&group_key("of sixteen bytes")));
    let fixtures = [
        (include_str!("fixtures/message-v1-contributed.hex"), contributed(Some(brings()))),
        (include_str!("fixtures/message-v1-contributed-nothing.hex"), contributed(None)),
    ];
    for (fixture, message) in fixtures {
        let mut written = Vec::new();
        encode_message(&message, &mut written);
        assert_eq!(message_key(&message), key);
        assert_eq!(decode_message(&key, &written).as_ref(), Ok(&message));
        assert_eq!(decode_message(&key, &bytes(fixture)), Ok(message), "written now:\n{}", hex(&written));
        let misled = decode_message(b"family", &written);
        assert!(matches!(misled, Err(CorruptState::Contradiction(_))), "a customer is told what is for a group");
    }
    let mut written = Vec::new();
    encode_group(&group(), &mut written);
    assert_eq!(decode_group(&written), Ok(group()));
    let fixture = include_str!("fixtures/stored-v1-group.hex");
    assert_eq!(decode_group(&bytes(fixture)), Ok(group()), "written now:\n{}", hex(&written));
    let mut disordered = group();
    disordered.members.reverse();
    let mut written = Vec::new();
    encode_group(&disordered, &mut written);
    assert!(matches!(decode_group(&written), Err(CorruptState::Contradiction(_))));
}

#[test]
fn released_identities_are_read_for_ever() {
    let fixtures = [
        (include_str!("fixtures/stored-v1-redirect.hex"), redirect()),
        (include_str!("fixtures/stored-v1-survivor.hex"), survivor()),
    ];
    for (fixture, customer) in fixtures {
        let mut written = Vec::new();
        encode_customer(&customer, &mut written);
        assert_eq!(decode_customer(&written).as_ref(), Ok(&customer));
        assert_eq!(decode_customer(&bytes(fixture)), Ok(customer), "written now:\n{}", hex(&written));
    }
}

// A merge that has come round to the customer whom it is about is our own doing, and no reason to stop.
#[test]
fn a_merge_that_came_round_can_be_read() {
    let body = EventBody::IdentityMerged(IdentityMerged { absorbed_id: "c1".into() });
    let event = Event { id: "m1".into(), customer_id: "c1".into(), at: at("2017-02-01T00:00:00Z"), body };
    let message = message(Body::Happened(event));
    let mut written = Vec::new();
    encode_message(&message, &mut written);
    assert_eq!(decode_message(b"c1", &written), Ok(message));
}

// What was meant for somebody else must not be taken in, whatever brought it here.
#[test]
fn what_cannot_be_read_is_said() {
    let mut written = Vec::new();
    encode_message(&happened(), &mut written);
    let contradicts = |to: &str, bytes: &[u8]| matches!(decode_message(to.as_bytes(), bytes), Err(CorruptState::Contradiction(why)) if !why.is_empty());
    assert!(contradicts("c2", &written), "it happened to somebody else");
    assert!(contradicts("c1", &[1]), "it says nothing");
    assert_eq!(decode_message(b"c1", &[]), Err(CorruptState::Empty));
    assert_eq!(decode_message(b"c1", &[2, 8, 1]), Err(CorruptState::UnknownFormat(2)));
    assert!(matches!(decode_message(b"c1", &[1, 0xff]), Err(CorruptState::Unreadable(_))));
}
