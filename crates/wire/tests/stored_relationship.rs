//! Stored bytes of relationships: what was written reads back the same, and what cannot be is refused.

use programme::classes::relationship::{LadderStep, Level, LifeCycle, NegativeEngagement, PyramidStage};
use programme::customer::relationship::{Asked, MembershipStanding, RelationshipClasses, RelationshipStanding};
use programme::customer::{Customer, Held};
use programme::event::{ChannelRole, Instrument, Interaction};
use programme::facts::baskets::Sold;
use programme::facts::relationship::answers::{Answers, Aspect, Criterion, Given, Part};
use programme::facts::relationship::assortment::{Assortment, Shelf};
use programme::facts::relationship::interactions::{Cell, Interactions};
use programme::facts::relationship::issues::{Issue, Issues, Raised, RaisedBy};
use programme::facts::relationship::membership::{Account, Membership, Tie, Trip};
use programme::facts::relationship::referrals::{Referral, Referrals};
use programme::facts::relationship::{Relationship, Role};
use programme::terms::surveys::Dimension;
use programme::time::{Day, Timestamp};
use prop::collection::vec;
use prop::option;
use prop::sample::select;
use proptest::prelude::*;
use wire::stored::{decode_customer, encode_customer};

fn instants() -> impl Strategy<Value = Timestamp> + Clone {
    any::<i64>().prop_map(Timestamp)
}

fn days() -> impl Strategy<Value = Day> + Clone {
    any::<i32>().prop_map(Day)
}

fn answers() -> impl Strategy<Value = Answers> {
    let part = (select(&Aspect::ALL[..]), select(&Dimension::ALL[..]), any::<i64>(), 1..i64::MAX)
        .prop_map(|(aspect, dimension, sum, weight)| Part { aspect, dimension, sum, weight });
    let texts = ("[a-z_]{0,9}", "[a-z]{0,9}");
    let criterion = (any::<u64>(), any::<i64>(), any::<i64>())
        .prop_map(|(item, score_milli, importance_milli)| Criterion { item, score_milli, importance_milli });
    let bought =
        (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(store, channel, tier)| Sold { store, channel, tier });
    let said = (vec(part, 0..4), vec(criterion, 0..3), bought);
    let given = (instants(), any::<u64>(), texts, select(&Instrument::ALL[..]), said).prop_map(
        |(at, event, (survey, touchpoint), instrument, (parts, criteria, bought))| Given {
            at,
            event,
            survey,
            instrument,
            touchpoint,
            parts,
            criteria,
            bought,
        },
    );
    vec(given, 0..4).prop_map(|given| Answers { given })
}

fn interactions() -> impl Strategy<Value = Interactions> {
    let counts = (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>());
    let cell = (days(), select(&Interaction::ALL[..]), counts, any::<i64>(), any::<i64>()).prop_map(
        |(week, kind, (count, hostile, moods, valued), mood_milli, value_minor)| Cell {
            week,
            kind,
            count,
            hostile,
            moods,
            mood_milli,
            valued,
            value_minor,
        },
    );
    vec(cell, 0..4).prop_map(|cells| Interactions { cells })
}

fn issues() -> impl Strategy<Value = Issues> {
    let raised = (select(&RaisedBy::ALL[..]), instants()).prop_map(|(by, at)| Raised { by, at });
    let issue =
        (any::<u64>(), option::of(raised), instants(), any::<bool>()).prop_map(|(event, raised, at, answered)| {
            let answered_at = (answered || raised.is_none()).then_some(at);
            Issue { event, raised, answered_at }
        });
    (vec(issue, 0..4), any::<[u32; 3]>(), any::<i64>()).prop_map(
        |(issues, [raised, in_time, late], answer_minutes)| Issues {
            issues,
            raised,
            answered_in_time: in_time,
            answered_late: late,
            answer_minutes,
        },
    )
}

fn referrals() -> impl Strategy<Value = Referrals> {
    let referral = (any::<u64>(), option::of(instants()), instants(), any::<bool>()).prop_map(
        |(whom, made_at, at, converted)| {
            let converted_at = (converted || made_at.is_none()).then_some(at);
            Referral { whom, made_at, converted_at }
        },
    );
    (vec(referral, 0..4), any::<[u32; 2]>()).prop_map(|(referrals, [one, two])| Referrals {
        referrals,
        settled_type_one: one,
        settled_type_two: two,
    })
}

fn relationships() -> impl Strategy<Value = Relationship> {
    let shelf = (days(), any::<u64>(), any::<i64>()).prop_map(|(period, category, minor)| Shelf {
        period,
        category,
        minor,
    });
    let role = (instants(), select(&ChannelRole::ALL[..])).prop_map(|(at, role)| Role { at, role });
    let lists = (vec(shelf, 0..4), option::of(role), option::of(memberships()));
    (answers(), interactions(), issues(), referrals(), lists).prop_map(
        |(answers, interactions, issues, referrals, (shelves, role, membership))| Relationship {
            answers,
            interactions,
            issues,
            referrals,
            assortment: Assortment { shelves },
            role,
            membership: membership.map(Box::new),
        },
    )
}

fn memberships() -> impl Strategy<Value = Membership> {
    let account = (instants(), "[a-z]{0,9}").prop_map(|(at, id)| Account { at, id });
    let tie = (days(), any::<u64>()).prop_map(|(week, whom)| Tie { week, whom });
    let trip = (instants(), any::<u64>(), any::<u64>()).prop_map(|(at, basket, store)| Trip { at, basket, store });
    (option::of(account), vec(tie, 0..4), vec(trip, 0..4)).prop_map(|(account, ties, trips)| Membership {
        account,
        ties,
        trips,
    })
}

fn standings() -> impl Strategy<Value = RelationshipStanding> {
    let held = (select(&LifeCycle::ALL[..]), days()).prop_map(|(class, since)| Held { class, since });
    let classes = (
        any::<[Option<bool>; 3]>(),
        option::of(select(&Level::ALL[..])),
        option::of(select(&PyramidStage::ALL[..])),
        option::of(select(&LadderStep::ALL[..])),
        option::of(held),
        any::<bool>(),
        option::of(select(&Dimension::REASONS[..])),
    )
        .prop_map(
            |(
                [satisfied, behaviour_high, perception_high],
                level,
                stage,
                step,
                life_cycle,
                paradox,
                exit_reason,
            )| {
                RelationshipClasses {
                    satisfied,
                    behaviour_high,
                    perception_high,
                    level,
                    pyramid_stage: stage,
                    ladder_step: step,
                    life_cycle,
                    paradox,
                    exit_reason,
                }
            },
        );
    let asked = ("[a-z_]{0,9}", days()).prop_map(|(survey, day)| Asked { survey, day });
    let negative = option::of(select(&NegativeEngagement::ALL[..]));
    let membership =
        ("[a-z]{0,9}", any::<u64>(), any::<u64>(), option::of(days())).prop_map(|(account, number, told, wake)| {
            MembershipStanding { account, number, told, wake, unsent: Vec::new() }
        });
    let wakes = (option::of(days()), option::of(instants()), option::of(days()));
    (classes, wakes, negative, vec(asked, 0..4), option::of(membership)).prop_map(
        |(classes, (wake, negative_wake, asked_wake), negative, asked, membership)| RelationshipStanding {
            classes,
            wake,
            negative,
            negative_wake,
            asked,
            asked_wake,
            membership: membership.map(Box::new),
        },
    )
}

fn customers() -> impl Strategy<Value = Customer> {
    (option::of(relationships()), option::of(standings())).prop_map(|(relationship, standing)| {
        let mut customer = Customer::default();
        customer.facts.relationship = relationship.map(Box::new);
        customer.standing.relationship = standing.map(Box::new);
        customer
    })
}

proptest! {
    // A complaint that is forgotten on the way to the disk is never escalated.
    #[test]
    fn relationships_round_trip(customer in customers()) {
        let mut stored = Vec::new();
        encode_customer(&customer, &mut stored);
        prop_assert_eq!(decode_customer(&stored), Ok(customer));
    }

    // A broken disk is told by an error, not by a crash deep in the programme.
    #[test]
    fn damaged_state_is_an_error_or_another_customer(
        customer in customers(),
        here in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut stored = Vec::new();
        encode_customer(&customer, &mut stored);
        let here = here.index(stored.len());
        stored[here] = byte;
        let _ = decode_customer(&stored);
    }
}
