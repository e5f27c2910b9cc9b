//! Merges as stories: what is said under each id, and what is left of it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use expect_test::{Expect, expect};

use super::*;
use crate::history;
use crate::terms::Terms;
use crate::terms::points::{Points, ReturnsPolicy};

/// A shop with its customers, and messages that are under way.
struct Shop {
    programme: Programme,
    customers: BTreeMap<String, Customer>,
    mail: VecDeque<Message>,
    said: String,
}

impl Shop {
    fn new(terms: Terms) -> Shop {
        let programme = Programme::new(terms).expect("the terms of the test are valid");
        Shop { programme, customers: BTreeMap::new(), mail: VecDeque::new(), said: String::new() }
    }

    fn say(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            write!(self.said, "{} {}", decision.customer_id, history::shown(std::slice::from_ref(decision)))
                .unwrap();
        }
    }

    /// A line is a customer and what happens to them; `deliver` lets every message come, `until` lets time pass for all.
    fn live(&mut self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut decisions = Vec::new();
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            match first {
                "deliver" => self.deliver(),
                "until" => {
                    for (id, customer) in &mut self.customers {
                        self.programme.wake_until(id, customer, history::instant(rest), &mut decisions);
                    }
                }
                id => {
                    let event = Event { customer_id: id.to_string(), ..history::event(rest) };
                    let customer = self.customers.entry(id.to_string()).or_default();
                    let mut messages = Vec::new();
                    self.programme.take_event(customer, &event, &mut decisions, &mut messages);
                    self.mail.extend(messages);
                }
            }
            self.say(&decisions);
        }
    }

    fn deliver(&mut self) {
        let mut delivered = 0;
        while let Some(message) = self.mail.pop_front() {
            delivered += 1;
            assert!(delivered < 1000, "{message:?} goes round for ever");
            self.hear(&message);
        }
    }

    fn hear(&mut self, message: &Message) {
        let (mut decisions, mut messages) = (Vec::new(), Vec::new());
        let customer = self.customers.entry(message.to.clone()).or_default();
        self.programme.take_message(customer, message, &mut decisions, &mut messages);
        self.mail.extend(messages);
        self.say(&decisions);
    }

    /// What is kept under every id.
    fn kept(&self) -> String {
        let mut kept = String::new();
        for (id, customer) in &self.customers {
            let Identity { merged_into, awaited, absorbed } = &customer.identity;
            write!(kept, "{id}:").unwrap();
            if let Some(into) = merged_into {
                write!(kept, " is {}", into.customer_id).unwrap();
            }
            if let Some(erased_at) = customer.erased_at {
                write!(kept, " erased {}", self.programme.zone().day(erased_at)).unwrap();
            }
            if !customer.is_unknown() {
                let (lifetime, tier) = (customer.facts.lifetime, &customer.standing.tier.name);
                write!(kept, " {tier} {} purchases {}", lifetime.purchases, lifetime.spend_minor).unwrap();
                let totals = customer.standing.points.totals("RUB");
                if totals != crate::ledger::Totals::default() {
                    write!(kept, " points {} pending {}", totals.balance, totals.pending).unwrap();
                }
            }
            if !absorbed.is_empty() {
                write!(kept, " took in {}", absorbed.join(" ")).unwrap();
            }
            if !awaited.is_empty() {
                write!(kept, " waits for {}", awaited.join(" ")).unwrap();
            }
            kept.push('\n');
        }
        kept
    }
}

fn terms() -> Terms {
    let mut terms = history::terms();
    terms.churn.band.clear();
    terms.points = Some(Points { rate_permille: 10, returns: ReturnsPolicy::MayGoNegative, ..Points::default() });
    assert_eq!(terms.check(), []);
    terms
}

fn check(lines: &str, expected: Expect) {
    let mut shop = Shop::new(terms());
    shop.live(lines);
    expected.assert_eq(&format!("{}--\n{}", shop.said, shop.kept()));
}

const TWO_LIVES: &str = "
    a 2024-01-10 purchase b1 5000.00
    b 2024-01-11 purchase b2 5000.00
    b 2024-01-12 purchase b3 5000.00
    a 2024-01-13 purchase b4 5000.00
";

// Two cards of one person: their purchases make one regular customer, whose points are the sum, and whoever followed the
// old card is told where it went.
#[test]
fn two_cards_become_one_customer() {
    check(
        &format!("{TWO_LIVES} a 2024-01-14 merge b\n deliver\n b 2024-01-15 purchase b5 100.00\n deliver"),
        expect![[r#"
            a 1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 1 2024-01-11 points Accrued +50 RUB of b2:+50, balance 50 pending 0: Purchased
            b 2 2024-01-12 points Accrued +50 RUB of b3:+50, balance 100 pending 0: Purchased
            a 2 2024-01-13 points Accrued +50 RUB of b4:+50, balance 100 pending 0: Purchased
            b 3 2024-01-14 merged into a, points 100 pending 0 RUB: IdentityMerged
            a 3 2024-01-14 points Merged +100 RUB of b2:+50 b3:+50, balance 200 pending 0: IdentityMerged
            a 4 2024-01-14 newcomer -> regular: IdentityMerged purchases=4/4 spend_minor=2000000/1500000
            a 5 2024-01-15 points Accrued +1 RUB of b5:+1, balance 201 pending 0: Purchased
            --
            a: regular 5 purchases 2010000 points 201 pending 0 took in b
            b: is a
        "#]],
    );
}

// Whoever is not known yet may be merged all the same: what comes under the old card later is the survivor's. Saying it again
// changes nothing.
#[test]
fn an_unknown_id_becomes_a_redirect_and_a_second_merge_is_none() {
    check(
        "a 2024-01-10 merge b
         a 2024-01-11 merge b
         deliver
         a 2024-01-12 merge b
         deliver
         b 2024-01-13 purchase b1 5000.00
         deliver",
        expect![[r#"
            a 1 2024-01-13 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            --
            a: newcomer 1 purchases 500000 points 50 pending 0 took in b
            b: is a
        "#]],
    );
}

// Three cards in a row, in either order: the last survivor has all of it.
#[test]
fn merges_make_chains() {
    for merges in [
        "a 2024-01-14 merge b\n deliver\n c 2024-01-15 merge a\n deliver",
        "c 2024-01-14 merge a\n deliver\n a 2024-01-15 merge b\n deliver",
        "c 2024-01-14 merge a\n a 2024-01-15 merge b\n deliver",
    ] {
        let mut shop = Shop::new(terms());
        shop.live(TWO_LIVES);
        shop.live(merges);
        shop.live("b 2024-01-16 purchase b6 100.00\n deliver");
        let c = &shop.customers["c"];
        assert_eq!(c.facts.lifetime.purchases, 5, "{merges}: {}", shop.kept());
        assert_eq!(c.standing.points.totals("RUB").balance, 201, "{merges}: {}", shop.kept());
        assert!(shop.customers["a"].is_unknown() && shop.customers["b"].is_unknown(), "{}", shop.kept());
        assert!(c.identity.awaited.is_empty(), "{merges}: {}", shop.kept());
        let mut absorbed = c.identity.absorbed.clone();
        absorbed.sort();
        assert_eq!(absorbed, ["a", "b"], "{merges}");
    }
}

// Two clerks merge the same two cards at the same time, each the other way: somebody must be left, with everything, and no
// message may go round for ever.
#[test]
fn a_circle_of_merges_has_a_survivor() {
    for (ids, survivor) in [(&["a", "b"][..], "a"), (&["b", "c", "a"], "a"), (&["d", "c", "b", "a", "e"], "a")] {
        let mut shop = Shop::new(terms());
        for id in ids {
            shop.live(&format!("{id} 2024-01-10 purchase {id}1 100.00"));
        }
        for (place, id) in ids.iter().enumerate() {
            shop.live(&format!("{id} 2024-01-11 merge {}", ids[(place + 1) % ids.len()]));
        }
        shop.live("deliver");
        for id in ids {
            shop.live(&format!("{id} 2024-01-12 purchase {id}2 100.00\n deliver"));
        }
        let kept = shop.kept();
        for id in ids.iter().filter(|id| **id != survivor) {
            assert!(shop.customers[*id].is_unknown(), "{kept}");
        }
        let count = 2 * u32::try_from(ids.len()).unwrap();
        assert_eq!(shop.customers[survivor].facts.lifetime.purchases, count, "{kept}");
        assert_eq!(shop.customers[survivor].standing.points.totals("RUB").balance, i64::from(count), "{kept}");
    }
}

// To forget one card and remember the other would be half a promise.
#[test]
fn an_erasure_reaches_every_id() {
    check(
        &format!(
            "{TWO_LIVES} a 2024-01-14 merge b
             deliver
             b 2024-01-16 erase r1
             deliver
             b 2024-01-12 purchase b3 5000.00
             b 2024-01-17 purchase b9 100.00
             deliver"
        ),
        expect![[r#"
            a 1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 1 2024-01-11 points Accrued +50 RUB of b2:+50, balance 50 pending 0: Purchased
            b 2 2024-01-12 points Accrued +50 RUB of b3:+50, balance 100 pending 0: Purchased
            a 2 2024-01-13 points Accrued +50 RUB of b4:+50, balance 100 pending 0: Purchased
            b 3 2024-01-14 merged into a, points 100 pending 0 RUB: IdentityMerged
            a 3 2024-01-14 points Merged +100 RUB of b2:+50 b3:+50, balance 200 pending 0: IdentityMerged
            a 4 2024-01-14 newcomer -> regular: IdentityMerged purchases=4/4 spend_minor=2000000/1500000
            a 5 2024-01-16 erased by r1: ErasureRequested
            b 4 2024-01-16 erased by r1: ErasureRequested
            b 1 2024-01-17 points Accrued +1 RUB of b9:+1, balance 1 pending 0: Purchased
            --
            a: erased 2024-01-16
            b: erased 2024-01-16 newcomer 1 purchases 10000 points 1 pending 0
        "#]],
    );
}

// The shop was asked to forget while the other card's history was on its way: it must not bring anybody back.
#[test]
fn an_erasure_is_not_undone_by_what_was_under_way() {
    check(
        &format!(
            "{TWO_LIVES} a 2024-01-14 merge b
             a 2024-01-15 erase r1
             b 2024-01-15 purchase b8 100.00
             deliver
             a 2024-01-20 purchase a9 100.00
             b 2024-01-21 purchase b9 100.00
             deliver"
        ),
        expect![[r#"
            a 1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 1 2024-01-11 points Accrued +50 RUB of b2:+50, balance 50 pending 0: Purchased
            b 2 2024-01-12 points Accrued +50 RUB of b3:+50, balance 100 pending 0: Purchased
            a 2 2024-01-13 points Accrued +50 RUB of b4:+50, balance 100 pending 0: Purchased
            a 3 2024-01-15 erased by r1: ErasureRequested
            b 3 2024-01-15 points Accrued +1 RUB of b8:+1, balance 101 pending 0: Purchased
            b 4 2024-01-15 merged into a, points 101 pending 0 RUB: IdentityMerged
            b 5 2024-01-15 erased by r1: ErasureRequested
            a 1 2024-01-20 points Accrued +1 RUB of a9:+1, balance 1 pending 0: Purchased
            b 1 2024-01-21 points Accrued +1 RUB of b9:+1, balance 1 pending 0: Purchased
            --
            a: erased 2024-01-15 newcomer 1 purchases 10000 points 1 pending 0
            b: erased 2024-01-15 newcomer 1 purchases 10000 points 1 pending 0
        "#]],
    );
}

// A new life under an old id is merged like any other; a merge from before the erasure is not done after it.
#[test]
fn an_erased_id_is_merged_with_what_came_later() {
    check(
        "b 2024-01-10 purchase b1 5000.00
         b 2024-01-11 erase r1
         b 2024-01-12 purchase b2 100.00
         a 2024-01-13 merge b
         deliver
         b 2024-01-10 purchase b1 5000.00
         b 2024-01-11 purchase b0 5000.00
         b 2024-01-14 purchase b3 100.00
         deliver",
        expect![[r#"
            b 1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 2 2024-01-11 erased by r1: ErasureRequested
            b 1 2024-01-12 points Accrued +1 RUB of b2:+1, balance 1 pending 0: Purchased
            b 2 2024-01-13 merged into a, points 1 pending 0 RUB: IdentityMerged
            a 1 2024-01-13 points Merged +1 RUB of b2:+1, balance 1 pending 0: IdentityMerged
            a 2 2024-01-14 points Accrued +1 RUB of b3:+1, balance 2 pending 0: Purchased
            --
            a: newcomer 2 purchases 20000 points 2 pending 0 took in b
            b: is a erased 2024-01-11
        "#]],
    );
    check(
        "a 2024-01-10 purchase a1 100.00
         a 2024-01-13 merge b
         b 2024-01-12 purchase b1 5000.00
         b 2024-01-14 erase r1
         deliver
         b 2024-01-15 purchase b2 100.00
         deliver",
        expect![[r#"
            a 1 2024-01-10 points Accrued +1 RUB of a1:+1, balance 1 pending 0: Purchased
            b 1 2024-01-12 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 2 2024-01-14 erased by r1: ErasureRequested
            b 1 2024-01-15 points Accrued +1 RUB of b2:+1, balance 1 pending 0: Purchased
            --
            a: newcomer 1 purchases 10000 points 1 pending 0
            b: erased 2024-01-14 newcomer 1 purchases 10000 points 1 pending 0
        "#]],
    );
}

// A till sends again what it sent under the old card, and under the new one.
#[test]
fn what_comes_twice_counts_once_under_whichever_id() {
    check(
        &format!(
            "{TWO_LIVES} a 2024-01-14 merge b
             b 2024-01-11 purchase b2 5000.00
             deliver
             b 2024-01-11 purchase b2 5000.00
             a 2024-01-12 purchase b3 5000.00
             deliver"
        ),
        expect![[r#"
            a 1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 1 2024-01-11 points Accrued +50 RUB of b2:+50, balance 50 pending 0: Purchased
            b 2 2024-01-12 points Accrued +50 RUB of b3:+50, balance 100 pending 0: Purchased
            a 2 2024-01-13 points Accrued +50 RUB of b4:+50, balance 100 pending 0: Purchased
            b 3 2024-01-14 merged into a, points 100 pending 0 RUB: IdentityMerged
            a 3 2024-01-14 points Merged +100 RUB of b2:+50 b3:+50, balance 200 pending 0: IdentityMerged
            a 4 2024-01-14 newcomer -> regular: IdentityMerged purchases=4/4 spend_minor=2000000/1500000
            --
            a: regular 4 purchases 2000000 points 200 pending 0 took in b
            b: is a
        "#]],
    );
    // One basket under both cards, before anybody knew.
    check(
        "a 2024-01-10 purchase b1 5000.00
         b 2024-01-10 purchase b1 5000.00
         b 2024-01-11 return b1 1000.00
         a 2024-01-14 merge b
         deliver",
        expect![[r#"
            a 1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 2 2024-01-11 points Reversed -10 RUB of b1:-10, balance 40 pending 0: PurchaseTakenBack
            b 3 2024-01-14 merged into a, points 40 pending 0 RUB: IdentityMerged
            a 2 2024-01-14 points Merged +40 RUB of b1:+40, balance 90 pending 0: IdentityMerged
            --
            a: newcomer 1 purchases 400000 points 90 pending 0 took in b
            b: is a
        "#]],
    );
}

// Points that are being paid with, and points that are owed, go over too; a payment asked for under one card may be settled
// under the other.
#[test]
fn payments_and_debts_go_over() {
    check(
        "b 2024-01-10 purchase b1 5000.00
         b 2024-01-11T09:00:00Z redeem r1 30 b2 100.00
         a 2024-01-11T09:01:00Z settle r1 confirmed
         b 2024-01-11T09:02:00Z redeem r2 15 b3 100.00
         b 2024-01-11T09:03:00Z return b1 whole
         a 2024-01-11T09:04:00Z purchase b4 4000.00
         a 2024-01-11T09:05:00Z merge b
         deliver
         a 2024-01-11T09:06:00Z settle r2 cancelled
         until 2024-03-01",
        expect![[r#"
            b 1 2024-01-10 points Accrued +50 RUB of b1:+50, balance 50 pending 0: Purchased
            b 2 2024-01-11T09:00:00Z points Redeemed -30 RUB of b1:-30, balance 20 pending 0: RedemptionRequested
            b 3 2024-01-11T09:02:00Z points Redeemed -15 RUB of b1:-15, balance 5 pending 0: RedemptionRequested
            b 4 2024-01-11T09:03:00Z points Reversed -50 RUB of b1:-5 b1:-45, balance -45 pending 0: PurchaseTakenBack
            a 1 2024-01-11T09:04:00Z points Accrued +40 RUB of b4:+40, balance 40 pending 0: Purchased
            b 5 2024-01-11T09:05:00Z merged into a, points -45 pending 0 RUB: IdentityMerged
            a 2 2024-01-11T09:05:00Z points Merged -45 RUB of b4:-40 debt:-5, balance -5 pending 0: IdentityMerged
            a 3 2024-01-11T09:06:00Z points Reversed +15 RUB of b1:+15, balance 10 pending 0: RedemptionSettled
            --
            a: newcomer 1 purchases 400000 points 10 pending 0 took in b
            b: is a
        "#]],
    );
}

// The higher floor holds; consent is the stricter of the two, and can be given again.
#[test]
fn floors_and_refusals_hold() {
    let mut shop = Shop::new(terms());
    shop.live(
        "a 2024-01-10 consent marketing yes
         b 2024-01-09 consent marketing no
         b 2024-01-09 consent profiling yes
         b 2024-01-10 floor champion
         a 2024-01-10 floor regular
         a 2024-01-14 merge b
         deliver",
    );
    let a = &shop.customers["a"];
    assert!(!a.facts.consents.allow("marketing", shop.programme.terms()));
    assert!(a.facts.consents.allow("profiling", shop.programme.terms()));
    assert_eq!(a.standing.tier.name, "champion");
    expect![[r#"
        b 1 2024-01-10 newcomer -> champion floor champion for good: Operator tier_floor_place=2/0
        a 1 2024-01-10 newcomer -> regular floor regular for good: Operator tier_floor_place=1/0
        b 2 2024-01-14 merged into a: IdentityMerged
        a 2 2024-01-14 regular -> champion floor champion for good: IdentityMerged tier_floor_place=2/0
    "#]]
    .assert_eq(&shop.said);
    shop.live("b 2024-01-15 consent marketing yes\n deliver");
    assert!(shop.customers["a"].facts.consents.allow("marketing", shop.programme.terms()));
}

// Whoever reads a field wrong and merges a whole town into one customer is stopped.
#[test]
fn no_person_has_a_hundred_cards_and_one() {
    let mut shop = Shop::new(terms());
    for number in 0..=MERGED_MAX {
        shop.live(&format!("a 2024-01-14 merge b{number}\n deliver"));
    }
    assert_eq!(shop.customers["a"].identity.absorbed.len(), MERGED_MAX);
    shop.live(&format!("b{MERGED_MAX} 2024-01-15 purchase b1 100.00\n deliver"));
    assert_eq!(shop.customers["a"].facts.lifetime.purchases, 0);
    // Two who have many each do not fit into one.
    for number in 0..MERGED_MAX / 2 {
        shop.live(&format!("c 2024-01-14 merge c{number}\n d 2024-01-14 merge d{number}\n deliver"));
    }
    shop.live("c 2024-01-15 merge d\n deliver");
    assert_eq!(shop.customers["c"].identity.count(), MERGED_MAX / 2);
    assert!(shop.customers["d"].identity.merged_into.is_none());
}

/// The points that anybody holds, or that are on their way with a history: those that can be spent, and those that wait.
fn totals(shop: &Shop) -> (i64, i64) {
    let given = |message: &Message| match &message.body {
        message::Body::HandedOver(handed) => {
            handed.given.as_ref().map(|given| given.customer.standing.points.totals("RUB"))
        }
        message::Body::Happened(_)
        | message::Body::HandOver(_)
        | message::Body::Forget(_)
        | message::Body::Contributed(_) => None,
    };
    let held = shop.customers.values().map(|customer| customer.standing.points.totals("RUB"));
    let all: Vec<crate::ledger::Totals> = held.chain(shop.mail.iter().filter_map(given)).collect();
    (all.iter().map(|of| of.balance).sum(), all.iter().map(|of| of.pending).sum())
}

proptest::proptest! {
    // Merges of four cards in any order, with messages that come at any time: not a point is lost or made on the way, and in
    // the end one customer has every purchase of those who are one.
    #[test]
    fn any_merges_conserve_everything(
        acts in proptest::collection::vec((0..4_usize, 0..5_u8, 0..4_usize, 0..5_usize), 1..40)
    ) {
        let mut terms = terms();
        terms.points.as_mut().unwrap().pending_days = 3;
        let mut shop = Shop::new(terms);
        let ids = ["a", "b", "c", "d"];
        let mut groups: Vec<usize> = (0..4).collect();
        let mut purchases = [0_u32; 4];
        for (day, (one, kind, other, delivered)) in acts.into_iter().enumerate() {
            let at = crate::time::Timestamp(1_704_888_000_000 + day as i64 * 3_600_000);
            let (id, before) = (ids[one], totals(&shop));
            match kind {
                0 if one != other => {
                    shop.live(&format!("{id} {at} merge {}", ids[other]));
                    proptest::prop_assert_eq!(totals(&shop), before);
                    let (from, to) = (groups[other], groups[one]);
                    groups.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
                }
                1 => shop.live(&format!("{id} {at} redeem r{day} 30 p{day} 100.00")),
                2 => shop.live(&format!("{id} {at} void {id}{}", day.saturating_sub(3))),
                _ => {
                    purchases[one] += 1;
                    shop.live(&format!("{id} {at} purchase {id}-{day} 5000.00"));
                }
            }
            for _ in 0..delivered {
                let before = totals(&shop);
                let moves_nothing = shop.mail.front().is_some_and(|message| !matches!(message.body, message::Body::Happened(_)));
                if let Some(message) = shop.mail.pop_front() {
                    shop.hear(&message);
                }
                if moves_nothing {
                    let (balance, pending) = totals(&shop);
                    // What waited may have become active meanwhile.
                    proptest::prop_assert_eq!(balance + pending, before.0 + before.1);
                }
            }
        }
        shop.deliver();
        for group in groups.iter().copied().collect::<std::collections::BTreeSet<_>>() {
            let members: Vec<usize> = (0..4).filter(|member| groups[*member] == group).collect();
            let known = members.iter().filter_map(|member| shop.customers.get(ids[*member]));
            let known: Vec<&Customer> = known.filter(|customer| !customer.is_unknown()).collect();
            let expected: u32 = members.iter().map(|member| purchases[*member]).sum();
            let found: u32 = known.iter().map(|customer| customer.facts.lifetime.purchases).sum();
            proptest::prop_assert!(known.len() <= 1 || members.len() == 1, "{}", shop.kept());
            proptest::prop_assert_eq!(found, expected, "{}", shop.kept());
            proptest::prop_assert!(known.iter().all(|customer| customer.identity.awaited.is_empty()), "{}", shop.kept());
        }
    }
}
