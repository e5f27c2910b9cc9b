//! One customer's year, day by day: who asks, whether the customer answers, and what else is done.

use programme::event::{
    Body, ChannelRole, ConsentChanged, Enrolled, Event, Instrument, Interacted, Interaction, SurveyAnswered,
};
use programme::terms::Terms;
use programme::terms::surveys::Survey;
use programme::time::Timestamp;

use super::belonging::Belonging;
use super::mood::Mood;
use super::{DAY_MS, HOUR_MS, MINUTE_MS, Post, answers};
use crate::chance::Chance;

/// How many days lie between two questions of an instrument, and how many of a thousand who are asked answer. Absent is what
/// is asked on its occasion.
fn asked(instrument: Instrument) -> Option<(i64, u32)> {
    match instrument {
        Instrument::Nps => Some((91, 350)),
        Instrument::Csi => Some((182, 300)),
        Instrument::Servqual | Instrument::Servperf => Some((182, 200)),
        Instrument::Pulse => Some((30, 300)),
        Instrument::Engagement => Some((121, 200)),
        Instrument::Tnps | Instrument::Exit => None,
    }
}

/// A customer's year.
pub(super) struct Life<'a, 'b> {
    terms: &'a Terms,
    post: &'a mut Post<'b>,
    mood: Mood,
    /// When goods came back.
    returned: Vec<Timestamp>,
    /// How much the customer does beside buying, thousandths.
    keen_permille: u32,
    /// Belongs to the panel that is asked again and again.
    in_panel: bool,
    /// The day of the customer's life on which each instrument is first asked.
    offset: i64,
    left: bool,
    belongs: Option<Belonging>,
}

impl<'a, 'b> Life<'a, 'b> {
    pub(super) fn of(terms: &'a Terms, events: &[&Event], post: &'a mut Post<'b>) -> Life<'a, 'b> {
        let mood = Mood::of(&mut post.chance, events);
        let came_back = |event: &&&Event| matches!(event.body, Body::PurchaseReturned(_));
        let returned = events.iter().filter(came_back).map(|event| event.at).collect();
        let keen = post.chance.within(0..=1000).min(post.chance.within(0..=1000)) as u32;
        let (in_panel, offset) = (post.chance.permille(250), post.chance.within(1..=90));
        let belongs = Belonging::of(post.order.seed, post.customer_id);
        Life { terms, post, mood, returned, keen_permille: keen, in_panel, offset, left: false, belongs }
    }

    pub(super) fn live(&mut self) {
        let Some(from) = self.mood.bought.first().copied() else { return };
        self.enrol(from);
        let days = (self.post.order.until.0 - from.0).div_euclid(DAY_MS);
        let mut bought = 0;
        for day in 0..days {
            let begin = from.plus_ms(day * DAY_MS);
            let end = begin.plus_ms(DAY_MS);
            let first = bought;
            while self.mood.bought.get(bought).is_some_and(|at| *at < end) {
                bought += 1;
            }
            for purchase in first..bought {
                let at = self.mood.bought[purchase];
                self.after_buying(at);
            }
            let returned: Vec<Timestamp> =
                self.returned.iter().copied().filter(|at| (begin..end).contains(at)).collect();
            for at in returned {
                self.after_returning(at);
            }
            let at = begin.plus_ms(self.chance().within(0..=DAY_MS - 1));
            self.any_day(at);
            self.is_asked(day, at);
            self.leaves(at);
        }
        self.deals_with_others(from, days);
    }

    /// Shares something with others of the group now and then; one in six leaves it, or changes over to that of a neighbour.
    fn deals_with_others(&mut self, from: Timestamp, days: i64) {
        let Some(Belonging { account, others, mut chance }) = self.belongs.take() else { return };
        if days < 2 {
            return;
        }
        for _ in 0..chance.within(0..=4) {
            let at = from.plus_ms(chance.within(DAY_MS..=days * DAY_MS - 1));
            let referred_customer_id = Some(others[chance.index(others.len())].clone());
            let shared = Interacted { referred_customer_id, ..Interacted::plain(Interaction::Share) };
            self.post.send(at, Body::Interacted(shared));
        }
        if chance.permille(160) {
            let at = from.plus_ms(chance.within(DAY_MS..=days * DAY_MS - 1));
            let account_id =
                Some(if chance.permille(500) { String::new() } else { format!("{account}-next-door") });
            self.post.send(at, Body::Enrolled(Enrolled { channel_role: None, account_id }));
        }
    }

    fn chance(&mut self) -> &mut Chance {
        &mut self.post.chance
    }

    /// Joins, and says which uses of the data are allowed.
    fn enrol(&mut self, at: Timestamp) {
        if self.chance().permille(700) {
            let role = self.chance().one_of(&ChannelRole::ALL);
            let channel_role = self.chance().permille(150).then_some(role);
            let account_id = self.belongs.as_ref().map(|group| group.account.clone());
            self.post.send(at, Body::Enrolled(Enrolled { channel_role, account_id }));
        }
        for (purpose, asked_permille) in [("research", 800), ("marketing", 600), ("profiling", 500)] {
            if self.chance().permille(asked_permille) {
                let granted = self.chance().permille(850);
                self.post.send(at, Body::ConsentChanged(ConsentChanged { purpose: purpose.into(), granted }));
            }
        }
    }

    fn after_buying(&mut self, at: Timestamp) {
        let looks = 300 * self.keen_permille / 1000;
        if self.chance().permille(looks) {
            let opened = at.plus_ms(self.chance().within(MINUTE_MS..=8 * HOUR_MS));
            self.does(opened, Interaction::Visit);
        }
        if self.chance().permille(35) {
            let asked = at.plus_ms(self.chance().within(5 * MINUTE_MS..=2 * HOUR_MS));
            self.answers_on_occasion(asked, Instrument::Tnps);
        }
    }

    fn after_returning(&mut self, at: Timestamp) {
        if self.chance().permille(40) {
            let said = at.plus_ms(self.chance().within(0..=5 * HOUR_MS));
            self.complains(said);
        } else if self.chance().permille(150) {
            let said = at.plus_ms(self.chance().within(MINUTE_MS..=HOUR_MS));
            self.answers_on_occasion(said, Instrument::Tnps);
        }
    }

    /// What may happen on any day. Chances are thousandths of a thousandth.
    fn any_day(&mut self, at: Timestamp) {
        let (mood, keen) = (self.mood.at(at), i64::from(self.keen_permille));
        let happens = |chance: &mut Chance, millionths: i64| chance.within(1..=1_000_000) <= millionths;
        let chance = &mut self.post.chance;
        if happens(chance, 40 * keen) {
            let kinds = [
                Interaction::ContentView,
                Interaction::ContentView,
                Interaction::MessageOpened,
                Interaction::MessageOpened,
                Interaction::Like,
                Interaction::EventAttended,
            ];
            let kind = chance.one_of(&kinds);
            self.does(at, kind);
        }
        let chance = &mut self.post.chance;
        if happens(chance, keen * mood / 40) {
            let kind = chance.one_of(&[Interaction::Share, Interaction::Idea, Interaction::ProductTest]);
            self.does(at, kind);
        }
        // The pleased and the angry write, the others do not.
        if happens(&mut self.post.chance, keen * (mood - 500).abs() / 40) {
            self.does(at, Interaction::Review);
        }
        if happens(&mut self.post.chance, 8 * mood) {
            self.refers(at);
        }
        if happens(&mut self.post.chance, 2 * (600 - mood).max(20)) {
            self.complains(at);
        }
        if happens(&mut self.post.chance, 500 + (600 - mood).max(0)) {
            let purpose = self.chance().one_of(&["research", "marketing", "profiling"]).into();
            let granted = self.chance().within(0..=1000) < mood - 100;
            self.post.send(at, Body::ConsentChanged(ConsentChanged { purpose, granted }));
        }
    }

    /// Does something, mostly without a word of how it was meant.
    fn does(&mut self, at: Timestamp, kind: Interaction) {
        let mood = self.mood.at(at);
        let judged = if kind == Interaction::Review { 950 } else { 150 };
        let sentiment = self.chance().permille(judged).then(|| {
            let milli = (mood - 500) * 2 + self.chance().within(-300..=300);
            milli.clamp(-1000, 1000) as f64 / 1000.0
        });
        let is_knowledge = matches!(kind, Interaction::Idea | Interaction::ProductTest);
        let value_minor = (is_knowledge && self.chance().permille(300)).then(|| self.chance().within(0..=50) * 100);
        let id =
            self.post.send(at, Body::Interacted(Interacted { sentiment, value_minor, ..Interacted::plain(kind) }));
        if kind == Interaction::Review && sentiment.is_some_and(|sentiment| sentiment < -0.3) {
            self.may_be_answered(at, &id, 500);
        }
    }

    /// Refers somebody, who perhaps comes.
    fn refers(&mut self, at: Timestamp) {
        let customers = i64::from(self.post.order.customers);
        let whom = self.chance().within(1..=customers).to_string();
        let known = self.chance().permille(800) && whom != self.post.customer_id;
        let of = |kind| {
            let referred_customer_id = known.then(|| whom.clone());
            Body::Interacted(Interacted { referred_customer_id, ..Interacted::plain(kind) })
        };
        self.post.send(at, of(Interaction::ReferralMade));
        if self.chance().permille(350) {
            let came = at.plus_ms(self.chance().within(DAY_MS..=60 * DAY_MS));
            if came < self.post.order.until {
                self.post.send(came, of(Interaction::ReferralConverted));
            }
        }
    }

    fn complains(&mut self, at: Timestamp) {
        let sentiment = self.chance().permille(400).then(|| self.chance().within(-1000..=-200) as f64 / 1000.0);
        let id = self
            .post
            .send(at, Body::Interacted(Interacted { sentiment, ..Interacted::plain(Interaction::Complaint) }));
        self.may_be_answered(at, &id, 850);
    }

    /// Somebody answers, mostly within the day; or late, or about another thing, or never.
    fn may_be_answered(&mut self, at: Timestamp, id: &str, permille: u32) {
        let until = self.post.order.until;
        if !self.chance().permille(permille) {
            // In the end it is forgotten, if not forgiven.
            self.mood.wrong.push((at, at.plus_ms(60 * DAY_MS)));
            return;
        }
        let answered = at.plus_ms(match self.chance().within(0..=99) {
            0..=74 => self.chance().within(30 * MINUTE_MS..=23 * HOUR_MS),
            // To the second at which it is due.
            75..=76 => 24 * HOUR_MS,
            77..=97 => self.chance().within(25 * HOUR_MS..=12 * DAY_MS),
            // By a clock that is wrong, before it was said.
            _ => -self.chance().within(1_000..=MINUTE_MS),
        });
        self.mood.wrong.push((at, answered.max(at)));
        if answered >= until {
            return;
        }
        let refers_to = match self.chance().within(0..=99) {
            0..=3 => None,
            4..=6 => Some(format!("{id}0")),
            _ => Some(id.to_string()),
        };
        let body = Body::Interacted(Interacted { refers_to, ..Interacted::plain(Interaction::ComplaintAnswered) });
        self.post.send(answered, body.clone());
        if self.chance().permille(100) {
            let again = answered.plus_ms(self.chance().within(MINUTE_MS..=2 * DAY_MS));
            self.post.send(again, body);
        }
    }

    /// The surveys that are asked regularly.
    fn is_asked(&mut self, day: i64, at: Timestamp) {
        let terms = self.terms;
        for survey in &terms.survey {
            let Some((every, answer_permille)) = asked(survey.instrument) else { continue };
            let own = (self.offset + survey.id.len() as i64 * 7) % every;
            if day % every != own {
                continue;
            }
            // The panel answers, others do so when they are pleased or angry.
            let stirred = (self.mood.at(at) - 500).unsigned_abs() as u32 / 2;
            let permille = if self.in_panel { 750 } else { answer_permille / 2 + stirred };
            let panel_only = survey.instrument == Instrument::Pulse && !self.in_panel;
            if !panel_only && self.chance().permille(permille) {
                self.answers(at, survey);
            }
        }
    }

    fn answers_on_occasion(&mut self, at: Timestamp, instrument: Instrument) {
        let terms = self.terms;
        let mut of_it = terms.survey.iter().filter(|survey| survey.instrument == instrument);
        if let Some(survey) = of_it.next() {
            self.answers(at, survey);
        }
    }

    fn answers(&mut self, at: Timestamp, survey: &Survey) {
        if answers::items(survey).is_empty() {
            return;
        }
        let mood = self.mood.at(at);
        let (body, whole) = answers::fill_in(&mut self.post.chance, survey, mood);
        self.post.written.partial += usize::from(!whole);
        let detracts = matches!(&body, Body::SurveyAnswered(answered) if is_detractor(answered));
        let id = self.post.send(at, body.clone());
        if detracts {
            self.may_be_answered(at, &id, 300);
        }
        match self.chance().within(0..=99) {
            0..=2 => {
                // Thought better of it, or somebody else holds the phone.
                self.post.written.contradicted += 1;
                let mood = self.chance().within(0..=1000);
                let again = at.plus_ms(self.chance().within(0..=10 * MINUTE_MS));
                let (body, _) = answers::fill_in(&mut self.post.chance, survey, mood);
                self.post.send(again, body);
            }
            3 => {
                // A form that was sent twice.
                let again = at.plus_ms(self.chance().within(0..=MINUTE_MS));
                self.post.send(again, body);
            }
            _ => {}
        }
    }

    /// Whoever has not come for four times the usual time and more may be asked why, once.
    fn leaves(&mut self, at: Timestamp) {
        let silent = self.mood.silence_permille(at) > 4_000
            && self
                .mood
                .bought
                .iter()
                .rev()
                .find(|bought| **bought <= at)
                .is_some_and(|last| at.0 - last.0 > 30 * DAY_MS);
        if silent && !self.left && self.chance().permille(60) {
            self.left = true;
            if self.chance().permille(500) {
                self.answers_on_occasion(at, Instrument::Exit);
            }
        }
    }
}

fn is_detractor(answered: &SurveyAnswered) -> bool {
    answered.recommendation().is_some_and(|score| score <= 6)
}
