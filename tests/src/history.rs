//! Made-up histories: what a handful of customers do, and how their events reach the log.
//!
//! Events are delayed, sent twice and dated a little ahead, but none is later than the terms allow, because only
//! then is there one right answer. Late ones are added where a test asks for them.
//!
//! What is in a basket is drawn apart from everything else, by the customer and the number of the event, so that drawing
//! more of it changes no history otherwise.

mod beside;

use engine::log::{InputId, Source, TaskId};
use programme::event::{
    Body, ConsentChanged, Enrolled, ErasureRequested, Event, Instrument, Interacted, Interaction, Line, Purchase,
    PurchaseReturned, PurchaseVoided, SurveyAnswered, TierOverridden,
};
use programme::terms::Terms;
use programme::terms::surveys::Survey;
use programme::time::Timestamp;

use crate::chance::Chance;
use crate::feedback::nonsense;
use crate::{json, relationships};

/// One record on its way to the log.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The wall clock when the log takes it in.
    pub wall: Timestamp,
    /// Where to.
    pub source: Source,
    /// The key, where there is one.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Vec<u8>,
    /// What it says; `None` for a record that must become a dead letter.
    pub event: Option<Event>,
}

/// What a history is made of.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many customers.
    pub customers: u32,
    /// How many days they are watched.
    pub days: u32,
    /// How many tasks they are spread over.
    pub tasks: u32,
    /// How many input topics.
    pub inputs: u32,
    /// How many events in a thousand arrive long after the lateness.
    pub late_permille: u32,
    /// How many acts in a thousand are the wish to be forgotten.
    pub erasure_permille: u32,
    /// How many records in a thousand are nobody's event.
    pub bad_permille: u32,
    /// By how much of the lateness the clock of whoever reads may be wrong, so that events have to arrive earlier, ms.
    pub clock_ms: i64,
}

/// When every history begins: 2017-01-01T12:00:00Z.
pub const BEGINNING: Timestamp = Timestamp(1_483_272_000_000);

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Makes a history, in the order in which the log takes it in.
pub fn make(chance: &mut Chance, shape: &Shape, terms: &Terms) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for customer in 0..shape.customers {
        let mut author = Author { chance, shape, terms, customer, next: 0, arrivals: &mut arrivals };
        author.live();
    }
    arrivals.sort_by_key(|arrival| arrival.wall);
    arrivals
}

/// Adds to a history what its customers say and do beside buying, where the terms ask for any of it.
pub fn add_said(chance: &mut Chance, shape: &Shape, terms: &Terms, arrivals: &mut Vec<Arrival>) {
    if terms.survey.is_empty() && terms.complaints.is_none() && terms.engagement.is_none() {
        return;
    }
    for customer in 0..shape.customers {
        let many = chance.one_of(&[3, 20, 60]);
        let id = format!("c{customer}");
        let said = relationships::said_by(chance, terms, &id, BEGINNING, shape.days.into(), many);
        let mut author = Author { chance, shape, terms, customer, next: 0, arrivals };
        said.into_iter().for_each(|event| author.deliver(event));
    }
    arrivals.sort_by_key(|arrival| arrival.wall);
}

/// The lines of a basket of so much: none from a till that sends totals only, and now and then a discount with a line of
/// its own.
fn lines(chance: &mut Chance, amount_minor: i64) -> Vec<Line> {
    let count = chance.within(0..=4);
    let mut left_minor = amount_minor;
    let mut lines = Vec::new();
    for i in 0..count {
        let category = chance.one_of(&["milk", "bread", "tea", "coffee", "soap"]);
        let last = i + 1 == count;
        let discount = !last && chance.permille(60);
        let amount_minor = match (last, discount) {
            (true, _) => left_minor,
            (false, true) => -chance.within(1..=100),
            (false, false) => chance.within(0..=left_minor),
        };
        left_minor -= amount_minor;
        lines.push(Line {
            sku: format!("{category}-{}", chance.within(1..=2)),
            category: category.into(),
            department: if category == "soap" { "household" } else { "food" }.into(),
            private_label: chance.permille(300),
            quantity_milli: chance.one_of(&[0, 250, 500, 1000, 1000, 2000, 3000]),
            amount_minor,
            ..Line::default()
        });
    }
    lines
}

/// Some of what is in `lines` comes back: a line, or a part of it.
fn returned_lines(chance: &mut Chance, lines: &[Line]) -> Vec<Line> {
    let mut back = Vec::new();
    for line in lines.iter().filter(|line| line.amount_minor >= 0) {
        if chance.permille(500) {
            let halves = chance.within(1..=2);
            let (quantity_milli, amount_minor) = (line.quantity_milli * halves / 2, line.amount_minor * halves / 2);
            back.push(Line { quantity_milli, amount_minor, ..line.clone() });
        }
    }
    back
}

/// Writes the history of one customer.
struct Author<'a> {
    chance: &'a mut Chance,
    shape: &'a Shape,
    terms: &'a Terms,
    customer: u32,
    next: u32,
    arrivals: &'a mut Vec<Arrival>,
}

impl Author<'_> {
    fn live(&mut self) {
        let end = BEGINNING.plus_ms(i64::from(self.shape.days) * DAY_MS);
        // Between several visits a day and one in three weeks.
        let gap_hours = self.chance.one_of(&[5, 24, 60, 170, 500]);
        let mut at = BEGINNING.plus_ms(self.chance.within(0..=10 * DAY_MS));
        while at < end {
            self.act(at);
            let long_silence = self.chance.permille(60);
            let hours = gap_hours * if long_silence { 12 } else { 1 };
            let wait_ms = self.chance.within(1..=2 * hours * HOUR_MS);
            at = at.plus_ms(wait_ms);
        }
    }

    fn act(&mut self, at: Timestamp) {
        // Whole seconds now and then, so that several events fall on one instant and on midnights.
        let at = match self.chance.within(0..=3) {
            0 => Timestamp(at.0.div_euclid(HOUR_MS) * HOUR_MS),
            1 => Timestamp(at.0.div_euclid(1000) * 1000),
            _ => at,
        };
        if self.chance.permille(self.shape.erasure_permille) {
            return self.erase(at);
        }
        match self.chance.within(0..=99) {
            0..=74 => {
                self.purchase(at);
                self.shop_in_a_burst(at);
            }
            75..=84 => {
                let score = self.chance.within(0..=10).max(self.chance.within(0..=10)) as u8;
                let survey_id = self.survey(Instrument::Nps).map_or(String::new(), |survey| survey.id.clone());
                self.send(at, Body::SurveyAnswered(SurveyAnswered { survey_id, ..SurveyAnswered::nps(score) }));
            }
            85..=87 => {
                let answered = match self.survey(Instrument::Csi) {
                    Some(survey) => relationships::answers_to(&mut self.apart(), survey),
                    None => SurveyAnswered { instrument: Instrument::Csi, ..SurveyAnswered::default() },
                };
                self.send(at, Body::SurveyAnswered(answered));
            }
            88..=89 => self.send(at, Body::Enrolled(Enrolled::default())),
            90..=91 => {
                let granted = self.apart().permille(700);
                self.send(at, Body::ConsentChanged(ConsentChanged { purpose: "marketing".into(), granted }));
            }
            92..=93 => self.override_tier(at),
            _ => self.send(at, Body::Interacted(Interacted::plain(Interaction::Visit))),
        }
    }

    fn purchase(&mut self, at: Timestamp) {
        let basket_id = format!("b{}", self.next);
        let amount_minor = match self.chance.within(0..=9) {
            0 => 0,
            1 => self.chance.within(1..=10_000),
            _ => self.chance.within(3_00..=30_00),
        };
        let margin_minor = self.chance.permille(300).then_some(amount_minor / 4);
        let mut apart = self.apart();
        let mut lines = lines(&mut apart, amount_minor);
        let store_id = apart.one_of(&["", "s1", "s2"]).into();
        self.exclude(&mut lines);
        let mut purchase = Purchase {
            basket_id: basket_id.clone(),
            store_id,
            amount_minor,
            margin_minor,
            lines: lines.clone(),
            ..Purchase::default()
        };
        self.be_served(&mut purchase);
        self.pay_with_points(at, &purchase);
        let body = Body::Purchase(purchase);
        self.send(at, body.clone());
        if self.chance.permille(30) {
            // The till sends the basket again, as if it were another event.
            let again = at.plus_ms(self.chance.within(0..=2 * HOUR_MS));
            self.send(again, body);
        }
        if self.chance.permille(80) {
            // A return may even be dated before its purchase: two clocks.
            let days = self.chance.one_of(&[0, 0, 1, 9, 35]);
            let back_at = at.plus_ms(days * DAY_MS + self.chance.within(-60_000..=20 * HOUR_MS));
            let whole_basket = self.chance.permille(400);
            let mut amount_minor = self.chance.within(0..=amount_minor + 10);
            let mut back = Vec::new();
            if apart.permille(600) {
                back = returned_lines(&mut apart, &lines);
            }
            if !back.is_empty() {
                amount_minor = back.iter().map(|line| line.amount_minor).sum();
            }
            let basket_id = basket_id.clone();
            let returned = PurchaseReturned { basket_id, amount_minor, lines: back, whole_basket };
            self.send(back_at, Body::PurchaseReturned(returned));
        }
        self.act_beside(at, &basket_id, amount_minor, &lines);
        if self.chance.permille(40) {
            let void_at = at.plus_ms(self.chance.within(-60_000..=3 * DAY_MS));
            self.send(void_at, Body::PurchaseVoided(PurchaseVoided { basket_id }));
        }
    }

    /// An operator sets a floor under the tier, or lifts it.
    fn override_tier(&mut self, at: Timestamp) {
        let mut chance = self.chance.aside();
        let names: Vec<&String> = self.terms.tier.iter().map(|tier| &tier.name).collect();
        let tier = chance.permille(700).then(|| chance.one_of(&names).clone());
        // Ends fall within a day, on full hours and so on midnights, or nowhere.
        let until = match chance.within(0..=2) {
            0 => None,
            1 => Some(at.plus_ms(chance.within(1..=40 * DAY_MS))),
            _ => Some(Timestamp((at.0.div_euclid(HOUR_MS) + chance.within(1..=900)) * HOUR_MS)),
        };
        let until = until.filter(|_| tier.is_some());
        let operator_id = chance.one_of(&["anna", "boris"]).to_string();
        let reason = "waited an hour at the till".to_string();
        self.send(at, Body::TierOverridden(TierOverridden { tier, until, reason, operator_id }));
    }

    /// The survey that the terms declare of an instrument.
    fn survey(&self, instrument: Instrument) -> Option<&Survey> {
        self.terms.survey.iter().find(|survey| survey.instrument == instrument)
    }

    /// A source of chance for what is in the next event.
    fn apart(&self) -> Chance {
        Chance::seeded(u64::from(self.customer) << 32 | u64::from(self.next))
    }

    /// Asks to be forgotten. Now and then somebody reads in what happened before once more.
    fn erase(&mut self, at: Timestamp) {
        let own = format!("c{}", self.customer);
        let is_own = |arrival: &&Arrival| arrival.event.as_ref().is_some_and(|event| event.customer_id == own);
        let before: Vec<Arrival> = self.arrivals.iter().rev().filter(is_own).take(10).cloned().collect();
        self.send(at, Body::ErasureRequested(ErasureRequested { request_id: format!("r{}", self.next) }));
        if self.chance.permille(500) {
            let since_ms = self.chance.within(0..=20 * DAY_MS);
            for arrival in before {
                let wall = arrival.wall.max(at).plus_ms(since_ms + self.chance.within(0..=HOUR_MS));
                self.arrivals.push(Arrival { wall, ..arrival });
            }
        }
    }

    fn send(&mut self, at: Timestamp, body: Body) {
        let id = format!("c{}-{}", self.customer, self.next);
        self.next += 1;
        self.deliver(Event { id, customer_id: format!("c{}", self.customer), at, body });
    }

    fn deliver(&mut self, event: Event) {
        let at = event.at;
        let lateness_ms = i64::from(self.terms.lateness_s) * 1000;
        let skew_ms = i64::from(self.terms.future_skew_s_max) * 1000;
        let delay_ms = match self.chance.permille(self.shape.late_permille) {
            true => self.chance.within(lateness_ms..=lateness_ms * 3 + 5 * DAY_MS),
            false => self.chance.within(-skew_ms..=lateness_ms - skew_ms - 1000 - self.shape.clock_ms),
        };
        let arrival = self.arrival(at.plus_ms(delay_ms), event);
        if self.chance.permille(80) {
            let again_ms = self.chance.one_of(&[0, 1000, HOUR_MS, 4 * DAY_MS]);
            let again = Arrival { wall: arrival.wall.plus_ms(again_ms), ..arrival.clone() };
            let input = InputId(self.chance.within(0..=i64::from(self.shape.inputs) - 1) as u32);
            self.arrivals.push(Arrival { source: Source { input, ..again.source }, ..again });
        }
        if self.chance.permille(self.shape.bad_permille) {
            let bad = self.bad(&arrival);
            self.arrivals.push(bad);
        }
        self.arrivals.push(arrival);
    }

    fn arrival(&mut self, wall: Timestamp, event: Event) -> Arrival {
        let task = TaskId(self.customer % self.shape.tasks);
        let input = InputId(self.chance.within(0..=i64::from(self.shape.inputs) - 1) as u32);
        let key = Some(event.customer_id.clone().into_bytes());
        let value = json::line(&event).into_bytes();
        Arrival { wall, source: Source { task, input }, key, value, event: Some(event) }
    }

    /// A record that no customer's till should have sent, beside a good one.
    fn bad(&mut self, good: &Arrival) -> Arrival {
        let mut bad = Arrival { event: None, ..good.clone() };
        let event = good.event.as_ref().expect("the good one has an event");
        // What the terms do not declare is not looked at.
        let declared = matches!(&event.body, Body::SurveyAnswered(answered) if !answered.survey_id.is_empty());
        if declared {
            let line = String::from_utf8(good.value.clone()).expect("JSON is text");
            let nonsense = nonsense::beside(self.chance, self.terms, event, &line);
            bad.value = nonsense.expect("an answer can be nonsense").0.into_bytes();
            return bad;
        }
        let text = String::from_utf8(good.value.clone()).expect("JSON is text");
        match self.chance.within(0..=4) {
            0 => bad.key = None,
            1 => bad.value.truncate(good.value.len() / 2),
            2 => bad.key = Some(b"somebody else".to_vec()),
            3 => {
                let ahead_ms = i64::from(self.terms.future_skew_s_max) * 1000 + DAY_MS;
                let ahead = Event { at: good.wall.plus_ms(ahead_ms), ..event.clone() };
                bad.value = json::line(&ahead).into_bytes();
            }
            _ => bad.value = text.replacen("\"customerId\"", "\"customer\"", 1).into_bytes(),
        }
        bad
    }
}
