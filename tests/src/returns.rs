//! A retailer's year with everything that baskets alone do not show: returns, voids, payments with points, and what
//! customers and operators do beside. Booked on given purchases; one seed is one year.
//!
//! About one basket in six is touched: some of its lines, part of a line's quantity, a sum without lines, or all of it; once
//! or several times; within minutes, weeks or months; more than was bought; dated before the purchase by a till with a wrong
//! clock. Every event may arrive later than others that happened after it, by less than the lateness, and some arrive twice.
//! What is drawn of a basket follows from the seed and its id, so that fewer customers leave the others as they are.

use std::collections::BTreeSet;
use std::path::Path;

use programme::event::{
    Body, ConsentChanged, Event, FavouritesChosen, Interacted, Interaction, Line, PointsAdjusted, Purchase,
    PurchaseReturned, PurchaseVoided, RedemptionRequested, RedemptionSettled, SurveyAnswered,
};
use programme::time::Timestamp;
use serde::Deserialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::chance::Chance;
use crate::live;
use crate::terms::CURRENCY;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// What is to be booked.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// Everything follows from it.
    pub seed: u64,
    /// How many baskets in a thousand are touched by returns or a void.
    pub touched_permille: u32,
    /// How many baskets in a thousand are to be paid with points.
    pub redeemed_permille: u32,
    /// By how much all amounts are multiplied: a dollar's 100 cents times 150 are 150 roubles in kopecks.
    pub minor_times: i64,
    /// What one point pays, minor units.
    pub minor_per_point: i64,
    /// Events arrive later than others that happened after them by less than this.
    pub lateness_ms: i64,
}

impl Order {
    /// As a supermarket's year.
    pub const USUAL: Order = Order {
        seed: 1,
        touched_permille: 167,
        redeemed_permille: 200,
        minor_times: 150,
        minor_per_point: 100,
        lateness_ms: 60_000,
    };
}

/// What was booked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Booked {
    /// Baskets.
    pub purchases: usize,
    /// Baskets that something came back of, or that never happened.
    pub touched: usize,
    /// Of these, those that were voided.
    pub voided: usize,
    /// Returns.
    pub returns: usize,
    /// Requests to pay with points.
    pub requests: usize,
    /// All events, those that arrive twice counted twice.
    pub events: usize,
}

/// One event on its way.
struct Sent {
    arrives_at: Timestamp,
    event: Event,
}

/// The purchases of a file, with all that they say.
pub fn purchases(path: &Path) -> Vec<Event> {
    live::lines(path)
        .map(|line| serde_json::from_str::<Read>(&line).expect("a line is a purchase").event())
        .collect()
}

/// Everything that happens, in the order in which it arrives, and how much that is.
pub fn book(order: &Order, purchases: &[Event]) -> (Vec<Event>, Booked) {
    let (mut sent, mut booked) = (Vec::new(), Booked::default());
    let mut known = BTreeSet::new();
    for event in purchases {
        let Body::Purchase(purchase) = &event.body else { panic!("{} is no purchase", event.id) };
        if known.insert(&event.customer_id) {
            Author::of(order, &mut sent, &mut booked, &event.customer_id, "life").begin(event.at);
        }
        Author::of(order, &mut sent, &mut booked, &event.customer_id, &purchase.basket_id).basket(event, purchase);
    }
    sent.sort_by_key(|sent| sent.arrives_at);
    booked.events = sent.len();
    (sent.into_iter().map(|sent| sent.event).collect(), booked)
}

/// Sends what happens around one basket, or in one customer's life.
struct Author<'a> {
    order: &'a Order,
    sent: &'a mut Vec<Sent>,
    booked: &'a mut Booked,
    chance: Chance,
    customer_id: &'a str,
    about: &'a str,
    next: u32,
}

impl<'a> Author<'a> {
    fn of(
        order: &'a Order,
        sent: &'a mut Vec<Sent>,
        booked: &'a mut Booked,
        customer_id: &'a str,
        about: &'a str,
    ) -> Author<'a> {
        let seed = xxh3_64(format!("{} {customer_id} {about}", order.seed).as_bytes());
        Author { order, sent, booked, chance: Chance::seeded(seed), customer_id, about, next: 0 }
    }

    /// What a customer does beside: allows the use of the data, chooses favourites, answers, recommends; and what operators
    /// put right.
    fn begin(&mut self, from: Timestamp) {
        let day = |chance: &mut Chance| from.plus_ms(chance.within(0..=330 * DAY_MS));
        if self.chance.permille(600) {
            let granted = self.chance.permille(800);
            self.send(from, Body::ConsentChanged(ConsentChanged { purpose: "marketing".into(), granted }));
        }
        for _ in 0..self.chance.within(0..=3) {
            let at = day(&mut self.chance);
            let score = self.chance.within(4..=10).max(self.chance.within(0..=10)) as u8;
            let answered = SurveyAnswered { survey_id: "nps".into(), ..SurveyAnswered::nps(score) };
            self.send(at, Body::SurveyAnswered(answered));
        }
        for _ in 0..self.chance.within(0..=1) {
            let at = day(&mut self.chance);
            self.send(at, Body::Interacted(Interacted::plain(Interaction::ReferralConverted)));
        }
        if self.chance.permille(100) {
            let at = day(&mut self.chance);
            let points = self.chance.within(-300..=300);
            let (reason, operator_id) = ("goodwill".into(), "anna".into());
            let currency = CURRENCY.into();
            self.send(at, Body::PointsAdjusted(PointsAdjusted { currency, points, reason, operator_id }));
        }
    }

    fn basket(&mut self, event: &Event, purchase: &Purchase) {
        let times = self.order.minor_times;
        let priced = |line: &Line| Line { amount_minor: line.amount_minor * times, ..line.clone() };
        let lines: Vec<Line> = purchase.lines.iter().map(priced).collect();
        let amount_minor = purchase.amount_minor * times;
        let paid = Purchase { amount_minor, lines, ..purchase.clone() };
        self.booked.purchases += 1;
        if self.chance.permille(20) {
            let skus = paid.lines.iter().map(|line| line.sku.clone()).take(5).collect();
            self.send(event.at.plus_ms(-10 * MINUTE_MS), Body::FavouritesChosen(FavouritesChosen { skus }));
        }
        if self.chance.permille(self.order.redeemed_permille) {
            self.pay_with_points(event.at, &paid);
        }
        let arrives_at = event.at.plus_ms(self.delay_ms());
        let event_of = Event { body: Body::Purchase(paid.clone()), ..event.clone() };
        self.push(arrives_at, event_of);
        if self.chance.permille(self.order.touched_permille) {
            self.booked.touched += 1;
            self.goes_back(event.at, &paid);
        }
    }

    /// The till asks right before the basket is paid, and settles right after; now and then it forgets to, or says so when
    /// nobody waits for it any more, or before it has asked.
    fn pay_with_points(&mut self, at: Timestamp, paid: &Purchase) {
        self.booked.requests += 1;
        let payable = paid.amount_minor / self.order.minor_per_point;
        let most = self.chance.one_of(&[payable / 20, payable / 5, payable, payable * 2]).max(1);
        let redemption_id = format!("r-{}", self.about);
        let asked_at = at.plus_ms(-self.chance.within(5_000..=2 * MINUTE_MS));
        let requested = RedemptionRequested {
            redemption_id: redemption_id.clone(),
            basket_id: paid.basket_id.clone(),
            currency: CURRENCY.into(),
            points: self.chance.within(1..=most),
            basket_amount_minor: paid.amount_minor,
            eligible_amount_minor: paid.amount_minor,
        };
        self.send(asked_at, Body::RedemptionRequested(requested));
        let settled_ms = match self.chance.within(0..=99) {
            0..=84 => self.chance.within(1_000..=3 * MINUTE_MS),
            85..=89 => -self.chance.within(1..=2_000),
            90..=94 => self.chance.within(45 * MINUTE_MS..=2 * DAY_MS),
            _ => return,
        };
        let confirmed = self.chance.permille(880);
        let settled = RedemptionSettled { redemption_id, confirmed };
        self.send(asked_at.plus_ms(settled_ms), Body::RedemptionSettled(settled));
    }

    fn goes_back(&mut self, at: Timestamp, paid: &Purchase) {
        let basket_id = paid.basket_id.clone();
        match self.chance.within(0..=99) {
            0..=7 => {
                self.booked.voided += 1;
                let voided = || Body::PurchaseVoided(PurchaseVoided { basket_id: basket_id.clone() });
                let at = at.plus_ms(self.chance.within(-self.order.lateness_ms / 2..=2 * 60 * MINUTE_MS));
                self.send(at, voided());
                self.now_and_then_again(at, voided());
            }
            8..=27 => {
                let at = self.back_at(at);
                if self.chance.permille(200) {
                    // Some of it came back before all of it does.
                    self.return_lines(at.plus_ms(-MINUTE_MS), paid);
                }
                let whole = || {
                    let basket_id = basket_id.clone();
                    Body::PurchaseReturned(PurchaseReturned { basket_id, whole_basket: true, ..Default::default() })
                };
                self.booked.returns += 1;
                self.send(at, whole());
                self.now_and_then_again(at, whole());
            }
            28..=42 => {
                for _ in 0..self.chance.within(1..=2) {
                    let at = self.back_at(at);
                    let amount_minor = self.chance.within(0..=paid.amount_minor);
                    self.give_back(at, paid, amount_minor, Vec::new());
                }
            }
            43..=49 => {
                // More than was bought, in one or in two: somebody mistypes, or tries.
                let over = paid.amount_minor + self.chance.within(1..=50_000);
                let at = self.back_at(at);
                self.return_lines(at, paid);
                self.give_back(at.plus_ms(MINUTE_MS), paid, over, Vec::new());
            }
            50..=56 => {
                // All of it, line by line.
                let at = self.back_at(at);
                for (number, line) in (0..).zip(&paid.lines) {
                    let at = at.plus_ms(number * 1_000);
                    self.give_back(at, paid, line.amount_minor, vec![line.clone()]);
                }
            }
            _ => {
                for _ in 0..self.chance.one_of(&[1, 1, 1, 2, 3]) {
                    let at = self.back_at(at);
                    self.return_lines(at, paid);
                }
            }
        }
    }

    /// When something comes back: mostly within days, seldom after months, and now and then, by a clock that is wrong, before
    /// it was bought.
    fn back_at(&mut self, at: Timestamp) -> Timestamp {
        let chance = &mut self.chance;
        at.plus_ms(match chance.within(0..=99) {
            0..=3 => -chance.within(1_000..=self.order.lateness_ms.max(1_001)),
            4..=13 => chance.within(MINUTE_MS..=180 * MINUTE_MS),
            14..=83 => chance.within(DAY_MS..=15 * DAY_MS),
            84..=93 => chance.within(15 * DAY_MS..=60 * DAY_MS),
            _ => chance.within(60 * DAY_MS..=330 * DAY_MS),
        })
    }

    /// Some lines come back, or a part of some.
    fn return_lines(&mut self, at: Timestamp, paid: &Purchase) {
        let mut back = Vec::new();
        let count = self.chance.within(1..=3);
        for _ in 0..count.min(paid.lines.len() as i64) {
            let line = &paid.lines[self.chance.index(paid.lines.len())];
            let parts = self.chance.one_of(&[1, 1, 2, 4]);
            let (quantity_milli, amount_minor) = (line.quantity_milli / parts, line.amount_minor / parts);
            back.push(Line { quantity_milli, amount_minor, ..line.clone() });
        }
        let amount_minor = back.iter().map(|line| line.amount_minor).sum();
        self.give_back(at, paid, amount_minor, back);
    }

    fn give_back(&mut self, at: Timestamp, paid: &Purchase, amount_minor: i64, lines: Vec<Line>) {
        self.booked.returns += 1;
        let basket_id = paid.basket_id.clone();
        let returned = PurchaseReturned { basket_id, amount_minor, lines, whole_basket: false };
        self.send(at, Body::PurchaseReturned(returned));
    }

    /// A till that got no answer says it again as if it were another event. Of a part nobody can tell that from a second one.
    fn now_and_then_again(&mut self, at: Timestamp, body: Body) {
        if self.chance.permille(150) {
            let again_ms = self.chance.within(0..=60 * MINUTE_MS);
            self.send(at.plus_ms(again_ms), body);
        }
    }

    fn send(&mut self, at: Timestamp, body: Body) {
        let id = format!("{}-{}", self.about, self.next);
        let id = if self.about == "life" { format!("{}-{id}", self.customer_id) } else { id };
        self.next += 1;
        let event = Event { id, customer_id: self.customer_id.to_string(), at, body };
        let arrives_at = at.plus_ms(self.delay_ms());
        self.push(arrives_at, event);
    }

    fn push(&mut self, arrives_at: Timestamp, event: Event) {
        if self.chance.permille(30) {
            let again_ms = self.chance.one_of(&[0, 1_000, 20 * MINUTE_MS]);
            self.sent.push(Sent { arrives_at: arrives_at.plus_ms(again_ms), event: event.clone() });
        }
        self.sent.push(Sent { arrives_at, event });
    }

    fn delay_ms(&mut self) -> i64 {
        self.chance.within(0..=(self.order.lateness_ms - 1).max(0))
    }
}

/// A purchase as tills send it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    event_id: String,
    customer_id: String,
    occurred_at: String,
    purchase: ReadPurchase,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadPurchase {
    basket_id: String,
    #[serde(default)]
    store_id: String,
    /// Zero is left out.
    #[serde(default)]
    amount_minor: String,
    #[serde(default)]
    lines: Vec<ReadLine>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct ReadLine {
    sku: String,
    category: String,
    department: String,
    private_label: bool,
    quantity: f64,
    amount_minor: String,
}

impl Read {
    fn event(self) -> Event {
        let minor = |text: &str| if text.is_empty() { 0 } else { text.parse().expect("an amount") };
        let line = |line: ReadLine| Line {
            amount_minor: minor(&line.amount_minor),
            quantity_milli: (line.quantity * 1000.0).round() as i64,
            sku: line.sku,
            category: line.category,
            department: line.department,
            private_label: line.private_label,
            ..Line::default()
        };
        let ReadPurchase { basket_id, store_id, amount_minor, lines } = self.purchase;
        let amount_minor = minor(&amount_minor);
        let lines = lines.into_iter().map(line).collect();
        Event {
            id: self.event_id,
            customer_id: self.customer_id,
            at: Timestamp::parse(&self.occurred_at).expect("an instant"),
            body: Body::Purchase(Purchase { basket_id, store_id, amount_minor, lines, ..Purchase::default() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baskets() -> Vec<Event> {
        let basket = |number: i64| {
            let line = |sku: &str, amount_minor| Line {
                sku: sku.into(),
                quantity_milli: 2000,
                amount_minor,
                ..Line::default()
            };
            let lines = vec![line("tea", 200), line("milk", 100 + number)];
            let basket_id = format!("b{number}");
            let purchase = Purchase { basket_id, amount_minor: 300 + number, lines, ..Purchase::default() };
            Event {
                id: format!("e{number}"),
                customer_id: format!("c{}", number % 7),
                at: Timestamp(1_483_272_000_000 + number * 3_600_000),
                body: Body::Purchase(purchase),
            }
        };
        (0..3_000).map(basket).collect()
    }

    // A year that differs from run to run proves nothing about a rule that was changed between them.
    #[test]
    fn one_seed_is_one_year() {
        let (year, booked) = book(&Order::USUAL, &baskets());
        assert_eq!((year.clone(), booked), book(&Order::USUAL, &baskets()));
        assert_ne!(year, book(&Order { seed: 2, ..Order::USUAL }, &baskets()).0);
        // One in six.
        assert!((400..600).contains(&booked.touched), "{booked:?}");
        assert!(booked.voided > 20 && booked.returns > booked.touched && booked.requests > 500, "{booked:?}");
        // Fewer customers have the same year.
        let own =
            |events: &[Event]| events.iter().filter(|one| one.customer_id == "c3").cloned().collect::<Vec<_>>();
        assert_eq!(own(&year), book(&Order::USUAL, &own(&baskets())).0);
    }
}
