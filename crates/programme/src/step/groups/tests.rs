//! Groups as stories: a line is who does what, and every message comes at once unless it is said when.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;
use crate::history;
use crate::mechanic::engagement;
use crate::terms::Terms;
use crate::terms::groups::{EngagedLevel, GroupWeights};

/// Customers, the groups that they belong to, and what is under way between them.
struct Town {
    programme: Programme,
    customers: BTreeMap<String, Customer>,
    groups: BTreeMap<String, Group>,
    mail: VecDeque<Message>,
    said: String,
}

impl Town {
    fn new(terms: Vec<(Terms, u32)>) -> Town {
        let programme = Programme::of(terms).expect("the terms of the test are valid");
        let (customers, groups) = (BTreeMap::new(), BTreeMap::new());
        Town { programme, customers, groups, mail: VecDeque::new(), said: String::new() }
    }

    /// `hold` keeps what is said from now on; `deliver` lets all of it come, `backwards` the last of each member first.
    fn live(&mut self, lines: &str) {
        let mut holds = false;
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut decisions = Vec::new();
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            match first {
                "hold" => holds = true,
                "deliver" => holds = false,
                "until" => {
                    for (id, customer) in &mut self.customers {
                        self.programme.wake_until(id, customer, history::instant(rest), &mut decisions);
                        post(customer, &mut self.mail);
                    }
                }
                id => {
                    let event = crate::event::Event { customer_id: id.to_string(), ..history::event(rest) };
                    let customer = self.customers.entry(id.to_string()).or_default();
                    let mut messages = Vec::new();
                    self.programme.take_event(customer, &event, &mut decisions, &mut messages);
                    self.mail.extend(messages);
                    post(customer, &mut self.mail);
                }
            }
            if !holds {
                self.deliver();
            }
        }
    }

    fn deliver(&mut self) {
        while let Some(message) = self.mail.pop_front() {
            self.hear(&message);
        }
    }

    fn hear(&mut self, message: &Message) {
        let mut decisions = Vec::new();
        match &message.body {
            message::Body::Contributed(said) => {
                let group = self.groups.entry(message.to.clone()).or_default();
                self.programme.take_contribution(&message.to, group, message.at, said, &mut decisions);
                self.groups.retain(|_, group| !group.is_empty());
                for decision in &decisions {
                    write!(
                        self.said,
                        "{} {}",
                        decision.customer_id,
                        history::shown(std::slice::from_ref(decision))
                    )
                    .unwrap();
                }
            }
            _ => {
                let customer = self.customers.entry(message.to.clone()).or_default();
                let mut messages = Vec::new();
                self.programme.take_message(customer, message, &mut decisions, &mut messages);
                self.mail.extend(messages);
                post(customer, &mut self.mail);
            }
        }
    }

    /// Every group with its members and what they bring.
    fn groups(&self) -> String {
        let mut groups = String::new();
        for (account, group) in &self.groups {
            write!(groups, "{account} {}:", group.level.map_or("none", Level::as_str)).unwrap();
            for Member { id, brings, .. } in &group.members {
                let pulse = brings.pulse_micro.map_or("-".into(), |micro| (micro / 1000).to_string());
                let engaged = if brings.engaged { " engaged" } else { "" };
                let (ties, visits) = (brings.ties.len(), brings.visits.len());
                write!(groups, " {id}({pulse}{engaged} ties {ties} visits {visits})").unwrap();
            }
            if group.beyond > 0 {
                write!(groups, " and {} beyond", group.beyond).unwrap();
            }
            groups.push('\n');
        }
        groups
    }
}

fn post(customer: &mut Customer, mail: &mut VecDeque<Message>) {
    let mut messages = Vec::new();
    Programme::post(customer, &mut messages);
    mail.extend(messages);
}

fn terms() -> Terms {
    let groups = Groups {
        members_min: 2,
        members_max: 3,
        engaged_level: EngagedLevel::Medium,
        window_weeks: 4,
        ties_max: 4,
        trips_max: 4,
        joint_minutes: 30,
        apart_channels: vec!["web".into()],
        weights: GroupWeights { pulses: 1, engaged: 1, ties: 1 },
        medium_permille: 300,
        high_permille: 600,
    };
    Terms { groups: Some(groups), ..engagement::tests::terms() }
}

fn check(terms: Terms, lines: &str, expected: &Expect) {
    let mut town = Town::new(vec![(terms, 1)]);
    town.live(lines);
    expected.assert_eq(&format!("{}{}", town.said, town.groups()));
}

// A family is more than the sum of its cards: the shop sees that they come together, and when they do not any more.
#[test]
fn a_family_comes_together_and_drifts_apart() {
    check(
        terms(),
        "ann 2024-01-08 enrol account=family
         bob 2024-01-08 enrol account=family
         ann 2024-01-09T10:00:00Z purchase b1 100.00 store=s1
         bob 2024-01-09T10:20:00Z purchase b2 100.00 store=s1
         ann 2024-01-10 survey pulse knows=5,trust=5
         ann 2024-01-11 did visit
         ann 2024-01-11 did idea
         until 2024-03-20
         bob 2024-03-21 enrol account=
         ann 2024-03-21 enrol account=",
        &expect![[r#"
            family 1 2024-01-08 group none -> low, 2 members: OtherEvent group_engagement_permille=0/300 members=2/2
            family 2 2024-01-09T10:20:00Z group low -> medium, 2 members: Purchased group_engagement_permille=500/300 members=2/2
            family 3 2024-01-10 group medium -> high, 2 members: SurveyAnswered group_engagement_permille=833/600 members=2/2
            family 4 2024-02-05T00:00:00Z group high -> medium, 2 members: WindowMoved group_engagement_permille=500/600 members=2/2
            family 5 2024-03-21 group medium -> none, 1 members: OtherEvent group_engagement_permille=1000/300 members=1/2
        "#]],
    );
}

// Two who click at one time have not met: what is bought over the web ties nobody, nor does a basket that was voided, or a
// minute too many.
#[test]
fn not_every_purchase_is_made_together() {
    check(
        terms(),
        "ann 2024-01-08 enrol account=family
         bob 2024-01-08 enrol account=family
         ann 2024-01-09T10:00:00Z purchase b1 100.00 store=s1 channel=web
         bob 2024-01-09T10:00:00Z purchase b2 100.00 store=s1 channel=web
         ann 2024-01-10T10:00:00Z purchase b3 100.00 store=s1
         bob 2024-01-10T10:31:00Z purchase b4 100.00 store=s1
         ann 2024-01-11T10:00:00Z purchase b5 100.00 store=s1
         bob 2024-01-11T10:00:00Z purchase b6 100.00 store=s1
         bob 2024-01-11T10:05:00Z void b6",
        &expect![[r#"
            family 1 2024-01-08 group none -> low, 2 members: OtherEvent group_engagement_permille=0/300 members=2/2
            family 2 2024-01-11T10:00:00Z group low -> medium, 2 members: Purchased group_engagement_permille=500/300 members=2/2
            family 3 2024-01-11T10:05:00Z group medium -> low, 2 members: PurchaseTakenBack group_engagement_permille=0/300 members=2/2
            family low: ann(- ties 0 visits 2) bob(- ties 0 visits 1)
        "#]],
    );
}

// A company of which more work for than there is room: whoever is beyond is counted, not lost, and comes in when a place is
// free.
#[test]
fn who_has_no_place_is_counted() {
    check(
        terms(),
        "ann 2024-01-08 enrol account=works
         bob 2024-01-08 enrol account=works
         cid 2024-01-08 enrol account=works
         dan 2024-01-08 enrol account=works
         eve 2024-01-08 enrol account=works
         dan 2024-01-09 survey pulse knows=5,trust=5
         ann 2024-01-10 enrol account=
         eve 2024-01-11 enrol account=other
         dan 2024-01-12 survey pulse knows=4,trust=4",
        &expect![[r#"
            works 1 2024-01-08 group none -> low, 2 members: OtherEvent group_engagement_permille=0/300 members=2/2
            works 2 2024-01-12 group low -> medium, 3 members: SurveyAnswered group_engagement_permille=402/300 members=3/2
            other none: eve(- ties 0 visits 0)
            works medium: bob(- ties 0 visits 0) cid(- ties 0 visits 0) dan(875 engaged ties 0 visits 0)
        "#]],
    );
}

// Whoever takes back the permission is in no group's reckoning from then on, and whoever was erased is not known to it.
#[test]
fn without_consent_or_erased_there_is_no_member() {
    let mut terms = terms();
    terms.engagement.as_mut().expect("the test judges engagement").purpose = Some("profiling".into());
    (terms.consent.default_granted, terms.consent.purposes_max) = (false, 4);
    check(
        terms,
        "ann 2024-01-08 enrol account=family
         bob 2024-01-08 enrol account=family
         ann 2024-01-09 consent profiling yes
         bob 2024-01-09 consent profiling yes
         cid 2024-01-09 enrol account=family
         cid 2024-01-09 consent profiling yes
         bob 2024-01-10 consent profiling no
         ann 2024-01-11 erase r1
         ann 2024-01-10 did visit
         cid 2024-01-12 did visit",
        &expect![[r#"
            family 1 2024-01-09 group none -> low, 2 members: OtherEvent group_engagement_permille=0/300 members=2/2
            family 2 2024-01-11 group low -> none, 1 members: ErasureRequested group_engagement_permille=0/300 members=1/2
            family none: cid(- ties 0 visits 0)
        "#]],
    );
}

// Two cards of one person are one member, and a friend who was referred under the old card is still a friend.
#[test]
fn merged_ids_are_one_member() {
    check(
        terms(),
        "ann 2024-01-08 enrol account=family
         old 2024-01-08 enrol account=family
         bob 2024-01-08 enrol account=family
         bob 2024-01-09 did referral_made whom=old
         ann 2024-01-10 merge old
         until 2024-01-12",
        &expect![[r#"
            family 1 2024-01-08 group none -> low, 2 members: OtherEvent group_engagement_permille=0/300 members=2/2
            family 2 2024-01-09 group low -> medium, 3 members: OtherEvent group_engagement_permille=333/300 members=3/2
            family 3 2024-01-10 group medium -> low, 2 members: IdentityMerged group_engagement_permille=250/300 members=2/2
            family 4 2024-01-10 group low -> high, 2 members: IdentityMerged group_engagement_permille=750/600 members=2/2
            family high: ann(- ties 0 visits 0) bob(- engaged ties 1 visits 0)
        "#]],
    );
}

// New terms take effect in groups on the day they begin, without anybody doing anything; and where they have no groups any
// more, there are none.
#[test]
fn editions_begin_for_groups_too() {
    let (mut second, mut third) = (terms(), terms());
    (second.version, second.valid_from) = ("second".into(), Some("2024-02-01".into()));
    second.groups.as_mut().expect("the test has groups").medium_permille = 100;
    (third.version, third.valid_from, third.groups) = ("third".into(), Some("2024-03-01".into()), None);
    let mut town = Town::new(vec![(terms(), 1), (second, 2), (third, 3)]);
    town.live(
        "ann 2024-01-29 enrol account=family
         bob 2024-01-29 enrol account=family
         ann 2024-01-30 survey pulse knows=3,trust=3
         until 2024-02-02",
    );
    let before = town.groups();
    town.live("until 2024-03-02");
    expect![[r#"
        family 1 2024-01-29 group none -> low, 2 members: OtherEvent group_engagement_permille=0/300 members=2/2
        family 2 2024-02-01T00:00:00Z group low -> medium, 2 members: TermsChanged group_engagement_permille=166/100 members=2/2
        family 3 2024-03-01T00:00:00Z group medium -> none, 1 members: TermsChanged
        family medium: ann(500 ties 0 visits 0) bob(- ties 0 visits 0)
        left:
    "#]].assert_eq(&format!("{}{before}left:\n{}", town.said, town.groups()));
}

// What was heard twice, or of a time that is over, changes nothing; and whose word comes first leaves no trace in the end.
#[test]
fn the_last_word_of_each_counts() {
    let lines = "hold
         ann 2024-01-08 enrol account=family
         bob 2024-01-08 enrol account=family
         ann 2024-01-09T10:00:00Z purchase b1 100.00 store=s1
         bob 2024-01-09T10:20:00Z purchase b2 100.00 store=s1
         ann 2024-01-10 survey pulse knows=5,trust=5
         bob 2024-01-11 survey pulse knows=1,trust=2
         bob 2024-01-12 did share whom=ann";
    let mut in_order = Town::new(vec![(terms(), 1)]);
    in_order.live(lines);
    let mail: Vec<Message> = in_order.mail.iter().cloned().collect();
    in_order.deliver();
    let mut apart = Town::new(vec![(terms(), 1)]);
    let of = |wanted: &str| {
        let sender = |message: &Message| match &message.body {
            message::Body::Contributed(said) => said.member_id.clone(),
            _ => unreachable!("nobody is merged"),
        };
        let own: Vec<Message> = mail.iter().filter(|message| sender(message) == wanted).cloned().collect();
        assert!(own.len() >= 3, "{wanted} told the group often");
        own
    };
    for message in of("bob").iter().chain(&of("ann")).chain(&of("bob")) {
        apart.hear(message);
    }
    assert_eq!(apart.groups["family"].members, in_order.groups["family"].members);
    assert_eq!(apart.groups["family"].level, in_order.groups["family"].level);
    expect![[r#"
        family high: ann(1000 engaged ties 0 visits 1) bob(125 ties 1 visits 1)
    "#]]
    .assert_eq(&in_order.groups());
}

// What comes late changes what a member brings as if it had come in time, and nothing is told twice for it.
#[test]
fn late_events_are_told_as_corrections() {
    let mut terms = terms();
    terms.memory.late_days = 7;
    let lines = |late: &str| {
        format!(
            "ann 2024-01-08 enrol account=family
             bob 2024-01-08 enrol account=family
             ann 2024-01-10T10:00:00Z purchase b1 100.00 store=s1
             bob 2024-01-10T10:10:00Z purchase b2 100.00 store=s1
             ann 2024-01-12 survey pulse knows=3,trust=3
             {late}"
        )
    };
    let mut late = Town::new(vec![(terms.clone(), 1)]);
    late.live(&lines("bob 2024-01-09 did idea\n bob 2024-01-11 survey pulse knows=5,trust=5\n until 2024-01-13"));
    expect![[r#"
        family 1 2024-01-08 group none -> low, 2 members: OtherEvent group_engagement_permille=0/300 members=2/2
        family 2 2024-01-10T10:10:00Z group low -> medium, 2 members: Purchased group_engagement_permille=500/300 members=2/2
        family 3 2024-01-12 group medium -> high, 2 members: OtherEvent group_engagement_permille=666/600 members=2/2 (correction)
        family high: ann(500 ties 0 visits 1) bob(1000 engaged ties 0 visits 1)
    "#]].assert_eq(&format!("{}{}", late.said, late.groups()));
    let mut in_time = Town::new(vec![(terms, 1)]);
    in_time.live(
        "ann 2024-01-08 enrol account=family
         bob 2024-01-08 enrol account=family
         bob 2024-01-09 did idea
         ann 2024-01-10T10:00:00Z purchase b1 100.00 store=s1
         bob 2024-01-10T10:10:00Z purchase b2 100.00 store=s1
         bob 2024-01-11 survey pulse knows=5,trust=5
         ann 2024-01-12 survey pulse knows=3,trust=3
         until 2024-01-13",
    );
    assert_eq!(late.groups(), in_time.groups());
    let sent = &late.customers["bob"].standing.relationship.as_ref().unwrap().membership.as_ref().unwrap();
    assert_eq!(sent.number, 4, "joining, buying, the idea and the answer");
}

// Nobody pays for groups who is in none: nothing of it is kept, and nobody is woken for it.
#[test]
fn who_is_in_no_group_carries_nothing() {
    let mut town = Town::new(vec![(terms(), 1)]);
    let mut without = Town::new(vec![(engagement::tests::terms(), 1)]);
    for town in [&mut town, &mut without] {
        town.live(
            "ann 2024-01-08 enrol
             ann 2024-01-09T10:00:00Z purchase b1 100.00 store=s1
             ann 2024-01-10 survey pulse knows=5,trust=5",
        );
    }
    assert_eq!(town.customers, without.customers);
    assert!(town.groups.is_empty());
}
