//! Figures of a period, made of the sums over all customers.
//!
//! Shares are of 1 and indices in the unit of their scale; money is in minor units. What cannot be said is absent.

mod apart;
mod money;

use std::collections::BTreeMap;

use model::figures;
use programme::classes::relationship::{LadderStep, Level, LifeCycle, NegativeEngagement, PyramidStage};
use programme::classes::{BuyerGroup, Segment};
use programme::editions::Programme;
use programme::event::Instrument;
use programme::facts::seen::fingerprint;
use programme::population::Sums;
use programme::population::cell::{APART, Measure, NOW, OTHERS, hours_most};
use programme::terms::Terms;
use programme::terms::surveys::Dimension;
use programme::time::Day;
use serde::Serialize;

use super::{Counted, Period};
pub(crate) use apart::Apart;
pub(crate) use money::Money;

/// The whole report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) period: String,
    pub(crate) first_day: String,
    pub(crate) last_day: String,
    /// The instant as of which everything is said.
    pub(crate) as_of: String,
    pub(crate) currency: String,
    pub(crate) lost_days: u32,
    pub(crate) commerce: Commerce,
    pub(crate) months: Vec<Month>,
    pub(crate) days: Vec<Sold>,
    pub(crate) stores: Vec<Apart>,
    pub(crate) channels: Vec<Apart>,
    pub(crate) tiers: Vec<Apart>,
    pub(crate) concentration: Concentration,
    pub(crate) now: Now,
    pub(crate) tier_moves: Vec<Moved>,
    pub(crate) segment_moves: Vec<Moved>,
    pub(crate) nps: Option<Nps>,
    pub(crate) touchpoints: Vec<Touchpoint>,
    pub(crate) satisfaction: Satisfaction,
    pub(crate) service: Service,
    pub(crate) engagement: Engagement,
    pub(crate) issues: Issues,
    pub(crate) money: Money,
}

/// What was bought in the period, and who came and went.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Commerce {
    pub(crate) baskets: i64,
    pub(crate) spend_minor: i64,
    /// Customers who were there when the period began.
    pub(crate) active_at_start: i64,
    pub(crate) new: i64,
    pub(crate) reactivated: i64,
    pub(crate) lost: i64,
    /// Customers who were there at its end.
    pub(crate) active_at_end: i64,
    /// Lost in the period by those at its start. Of a long one this may be above 1: newcomers are lost, too.
    pub(crate) churn_rate: Option<f64>,
    /// Of whom is there when a month begins, who is lost in it: over a year of such months.
    pub(crate) churn_rate_a_year: Option<f64>,
    /// That is above 30 %.
    pub(crate) churn_alarm: bool,
}

/// One month of the leaky bucket.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Month {
    pub(crate) month: String,
    pub(crate) buyers: i64,
    pub(crate) repeat_buyers: i64,
    /// Repeat purchase rate.
    pub(crate) rpr: Option<f64>,
    pub(crate) new: i64,
    /// Buyers who were there already.
    pub(crate) stayed: i64,
    pub(crate) reactivated: i64,
    pub(crate) lost: i64,
    pub(crate) active_at_end: i64,
    pub(crate) spend_minor: i64,
    pub(crate) nps: Option<f64>,
}

/// What was sold on a day.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sold {
    pub(crate) name: String,
    /// Customers who bought on the day.
    pub(crate) buyers: i64,
    pub(crate) baskets: i64,
    pub(crate) spend_minor: i64,
}

/// Which share of the spend the biggest customers have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Concentration {
    /// Of the months of the period, each by its own customers; of a year the mean.
    pub(crate) top_20_percent: Option<f64>,
    pub(crate) top_10_percent: Option<f64>,
    /// Of all purchases ever.
    pub(crate) lifetime_top_20_percent: Option<f64>,
    pub(crate) lifetime_top_10_percent: Option<f64>,
}

/// How many customers are what, at present.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Now {
    pub(crate) customers: i64,
    pub(crate) tiers: Vec<Size>,
    pub(crate) segments: Vec<Size>,
    pub(crate) buyer_groups: Vec<Size>,
    pub(crate) churn_risk: Vec<Size>,
    pub(crate) loyalty_types: Vec<Size>,
    pub(crate) engagement_levels: Vec<Size>,
    pub(crate) ladder: Vec<Size>,
    pub(crate) life_cycle: Vec<Size>,
    pub(crate) negative: Vec<Size>,
    pub(crate) pyramid: Vec<Size>,
    /// Why they leave, of those who said so and have not bought since.
    pub(crate) leaving: Vec<Size>,
    /// Loyal by what they say, and without effect.
    pub(crate) paradoxes: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Size {
    pub(crate) name: String,
    pub(crate) customers: i64,
}

/// So many customers went from one class into another.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Moved {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) count: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Nps {
    pub(crate) score: f64,
    /// 95 %, adjusted Wald.
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) promoters: i64,
    pub(crate) passives: i64,
    pub(crate) detractors: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Touchpoint {
    pub(crate) name: String,
    pub(crate) nps: Nps,
}

/// The index of satisfaction and the matrix behind it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Satisfaction {
    /// In points of the scale.
    pub(crate) csi: Option<f64>,
    /// Of the best of the scale.
    pub(crate) csi_of_best: Option<f64>,
    pub(crate) criteria: Vec<Criterion>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Criterion {
    pub(crate) name: String,
    pub(crate) answers: i64,
    pub(crate) importance: f64,
    pub(crate) satisfaction: f64,
    pub(crate) quadrant: &'static str,
}

/// SERVQUAL and SERVPERF.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Service {
    /// The gap over all dimensions, weighed as in the terms.
    pub(crate) weighed_gap: Option<f64>,
    /// The mean of the dimensions' gaps.
    pub(crate) gap: Option<f64>,
    /// The mean of perceptions alone, over all items (SERVPERF).
    pub(crate) perception: Option<f64>,
    pub(crate) dimensions: Vec<Gap>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Gap {
    pub(crate) dimension: &'static str,
    pub(crate) respondents: i64,
    pub(crate) gap: Option<f64>,
    pub(crate) perception: Option<f64>,
}

/// What the pulses say.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Engagement {
    pub(crate) answers: i64,
    /// The mean of all answers, of the best.
    pub(crate) mean: Option<f64>,
    pub(crate) mean_before: Option<f64>,
    /// The mean by that of the period before, percent.
    pub(crate) growth_index_percent: Option<f64>,
    /// What customers bought while they were at each level; the rest was bought by whom nothing was known (EN-11).
    pub(crate) turnover: Vec<Turnover>,
}

/// What was bought at one level of engagement.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Turnover {
    pub(crate) level: String,
    pub(crate) baskets: i64,
    pub(crate) spend_minor: i64,
    /// Of all that was spent.
    pub(crate) share: Option<f64>,
}

/// Complaints, hostile reviews and detractors, and their answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Issues {
    pub(crate) complaints: i64,
    pub(crate) detractors: i64,
    pub(crate) reviews: i64,
    /// All of them, and how many there were in as many days of the period before, if it was counted.
    pub(crate) raised: i64,
    pub(crate) raised_before: Option<i64>,
    /// The one by the other, percent: below 100 negative engagement falls (EN-3).
    pub(crate) index_percent: Option<f64>,
    pub(crate) answered_in_time: i64,
    pub(crate) answered_late: i64,
    pub(crate) given_up: i64,
    /// How many wait for an answer at the end of the period.
    pub(crate) waiting_at_end: i64,
    pub(crate) overdue_at_end: i64,
    pub(crate) mean_hours: Option<f64>,
    /// Half of the answers took at most so long, and nine of ten.
    pub(crate) median_hours_at_most: Option<u64>,
    pub(crate) ninth_tenth_hours_at_most: Option<u64>,
}

impl Report {
    pub(crate) fn of(programme: &Programme, counted: &Counted, period: &Period) -> Report {
        let (terms, sums) = (programme.terms(), &counted.sums);
        let today = programme.zone().day(counted.clock);
        // What is to happen after the clock may not come about.
        let seen = Period { last: period.last.min(today), ..period.clone() };
        let maker = Maker { terms, counted, sums, seen: &seen, is_over: seen.last == period.last };
        let beginning = sums.days().map_or(period.first, |(first, _)| first);
        let [stores, channels, tiers] = APART;
        let apart = |of, name: &dyn Fn(u64) -> String| maker.apart(&of, beginning, name);
        Report {
            period: period.name.clone(),
            first_day: period.first.to_string(),
            last_day: seen.last.to_string(),
            as_of: counted.clock.to_string(),
            currency: terms.currency.clone(),
            lost_days: terms.population.as_ref().map_or(0, |population| population.lost_days),
            commerce: maker.commerce(beginning),
            months: maker.months(beginning),
            days: maker.sold_by_day(),
            stores: apart(stores, &|key| maker.name(key)),
            channels: apart(channels, &|key| maker.name(key)),
            tiers: apart(tiers, &|key| match key.checked_sub(1) {
                Some(place) => maker.tier(place),
                None => "not known".into(),
            }),
            concentration: maker.concentration(),
            now: maker.now(),
            tier_moves: maker.moves(Measure::TierMoves, &|place| maker.tier(place)),
            segment_moves: maker.moves(Measure::SegmentMoves, &segment),
            nps: maker.nps(seen.first, seen.last),
            touchpoints: maker.touchpoints(),
            satisfaction: maker.satisfaction(),
            service: maker.service(),
            engagement: maker.engagement(),
            issues: maker.issues(beginning),
            money: maker.money(beginning),
        }
    }
}

/// A calendar month, or the beginning of one.
#[derive(Clone, Copy)]
struct Part {
    first: Day,
    last: Day,
    /// As a share of the month.
    months: f64,
    is_whole: bool,
}

struct Maker<'a> {
    terms: &'a Terms,
    counted: &'a Counted,
    sums: &'a Sums,
    /// The part of the period that is over.
    seen: &'a Period,
    /// The whole period is.
    is_over: bool,
}

impl Maker<'_> {
    fn over(&self, measure: Measure) -> i64 {
        self.sums.over(measure, self.seen.first, self.seen.last)
    }

    fn by_key(&self, measure: Measure) -> BTreeMap<u64, i64> {
        self.sums.by_key(measure, self.seen.first, self.seen.last)
    }

    /// How many customers are there at the end of `day`.
    fn active(&self, beginning: Day, day: Day) -> i64 {
        balance(|measure| self.sums.over(measure, beginning, day))
    }

    fn commerce(&self, beginning: Day) -> Commerce {
        let lost = self.over(Measure::Lost);
        let active_at_start = self.active(beginning, self.seen.first.plus(-1));
        let mut at_start = active_at_start;
        let parts = self.parts().map(|part| {
            let lost = self.sums.over(Measure::Lost, part.first, part.last);
            let of = figures::Part { months: part.months, at_start, lost };
            at_start += self.active(part.first, part.last);
            of
        });
        let churn_rate_a_year = figures::a_year_of_parts(&parts.collect::<Vec<_>>());
        Commerce {
            baskets: self.over(Measure::Baskets),
            spend_minor: self.over(Measure::Spend),
            active_at_start,
            new: self.over(Measure::New),
            reactivated: self.over(Measure::Reactivated),
            lost,
            active_at_end: at_start,
            churn_rate: figures::share(lost, active_at_start),
            churn_rate_a_year,
            churn_alarm: churn_rate_a_year.is_some_and(|rate| rate > figures::CHURN_ALARM),
        }
    }

    /// The calendar months of the part of the period that is over. Of the last one as much as is.
    fn parts(&self) -> impl Iterator<Item = Part> {
        let last = self.seen.last;
        let firsts = std::iter::successors(Some(self.seen.first), |first| Some(first.next_month_start()));
        firsts.take_while(move |first| *first <= last).map(move |first| {
            let end = first.next_month_start().plus(-1);
            let days = |last: Day| f64::from(last.since(first) + 1);
            let last = end.min(last);
            Part { first, last, months: days(last) / days(end), is_whole: last == end }
        })
    }

    /// The twelve months up to the end of the period, from the first in which anything was counted.
    fn months(&self, beginning: Day) -> Vec<Month> {
        let mut months = Vec::new();
        let mut first = self.seen.last.month_start();
        while months.len() < 12 && first >= beginning.month_start() {
            let last = first.next_month_start().plus(-1).min(self.seen.last);
            let over = |measure| self.sums.over(measure, first, last);
            let (buyers, repeat_buyers) = (over(Measure::Buyers), over(Measure::RepeatBuyers));
            let (new, reactivated) = (over(Measure::New), over(Measure::Reactivated));
            months.push(Month {
                month: first.to_string()[..7].to_string(),
                buyers,
                repeat_buyers,
                rpr: figures::share(repeat_buyers, buyers),
                new,
                stayed: (buyers - new - reactivated).max(0),
                reactivated,
                lost: over(Measure::Lost),
                active_at_end: self.active(beginning, last),
                spend_minor: over(Measure::Spend),
                nps: self.nps(first, last).map(|nps| nps.score),
            });
            first = first.plus(-1).month_start();
        }
        months.reverse();
        months
    }

    fn sold_by_day(&self) -> Vec<Sold> {
        let mut days = Vec::new();
        let mut day = self.seen.first;
        while day <= self.seen.last {
            let of = |measure| self.sums.of(day, measure, 0);
            let (baskets, spend_minor) = (of(Measure::Baskets), of(Measure::Spend));
            let buyers = of(Measure::DayBuyers);
            days.push(Sold { name: day.to_string(), buyers, baskets, spend_minor });
            day = day.plus(1);
        }
        days
    }

    fn name(&self, key: u64) -> String {
        match key {
            0 => "not said".into(),
            OTHERS => "others".into(),
            key => self.counted.names.get(&key).cloned().unwrap_or_else(|| format!("{key:016x}")),
        }
    }

    fn tier(&self, place: u64) -> String {
        let tiers = &self.terms.tier;
        let tier = tiers.get(place as usize).or(tiers.last());
        tier.map_or_else(String::new, |tier| tier.name.clone())
    }

    fn concentration(&self) -> Concentration {
        let of = |customers: BTreeMap<u64, i64>, spend: BTreeMap<u64, i64>, top| {
            let bucket = |(key, count): (u64, i64)| (count, spend.get(&key).copied().unwrap_or_default());
            let buckets: Vec<_> = customers.into_iter().map(bucket).collect();
            figures::concentration(&buckets, top)
        };
        let months = |top| {
            let mut month = self.seen.first;
            let mut shares = Vec::new();
            while month <= self.seen.last {
                let by_key = |measure| self.sums.by_key(measure, month, month);
                shares.extend(of(by_key(Measure::SpendBuyers), by_key(Measure::SpendOfBuyers), top));
                month = month.next_month_start();
            }
            (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
        };
        let now = |measure| self.sums.by_key(measure, NOW, NOW);
        let lifetime = |top| of(now(Measure::LifetimeBuyers), now(Measure::LifetimeSpend), top);
        Concentration {
            top_20_percent: months(0.2),
            top_10_percent: months(0.1),
            lifetime_top_20_percent: lifetime(0.2),
            lifetime_top_10_percent: lifetime(0.1),
        }
    }

    fn sizes(&self, measure: Measure, names: impl Iterator<Item = String>) -> Vec<Size> {
        let size = |(key, name)| Size { name, customers: self.sums.of(NOW, measure, key) };
        (0..).zip(names).map(size).collect()
    }

    fn now(&self) -> Now {
        let tiers = self.terms.tier.iter().map(|tier| tier.name.clone());
        let bands = self.terms.churn.band.iter().map(|band| band.name.clone());
        let kinds = ["absolute", "spurious", "latent", "none"].into_iter();
        Now {
            customers: self.sums.of(NOW, Measure::Customers, 0),
            tiers: self.sizes(Measure::InTier, tiers),
            segments: self.sizes(Measure::InSegment, (0..Segment::ALL.len() as u64).map(segment)),
            buyer_groups: self
                .sizes(Measure::InBuyerGroup, BuyerGroup::ALL.iter().map(|group| group.as_str().into())),
            churn_risk: self.sizes(Measure::AtRisk, std::iter::once("none".to_string()).chain(bands)),
            loyalty_types: self.sizes(Measure::OfLoyaltyType, kinds.map(Into::into)),
            engagement_levels: self.sizes(Measure::AtLevel, Level::ALL.iter().map(|level| level.as_str().into())),
            ladder: self.sizes(Measure::OnLadder, LadderStep::ALL.iter().map(|step| step.as_str().into())),
            life_cycle: self.sizes(Measure::InLifeCycle, LifeCycle::ALL.iter().map(|life| life.as_str().into())),
            negative: self
                .sizes(Measure::Negative, NegativeEngagement::ALL.iter().map(|what| what.as_str().into())),
            pyramid: self.sizes(Measure::InPyramid, PyramidStage::ALL.iter().map(|stage| stage.as_str().into())),
            leaving: self.sizes(Measure::Leaving, Dimension::REASONS.iter().map(|reason| reason.as_str().into())),
            paradoxes: self.sums.of(NOW, Measure::Paradoxes, 0),
        }
    }

    /// Most moves first.
    fn moves(&self, measure: Measure, name: &dyn Fn(u64) -> String) -> Vec<Moved> {
        let moved = |(key, count): (u64, i64)| Moved { from: name(key / 256), to: name(key % 256), count };
        let mut moves: Vec<Moved> = self.by_key(measure).into_iter().map(moved).collect();
        moves.sort_by(|one, other| (other.count, &one.from, &one.to).cmp(&(one.count, &other.from, &other.to)));
        moves
    }

    fn nps(&self, first: Day, last: Day) -> Option<Nps> {
        let classes = self.sums.by_key(Measure::Nps, first, last);
        let of = |key: u64| classes.get(&key).copied().unwrap_or_default();
        nps(of(2), of(1), of(0))
    }

    fn touchpoints(&self) -> Vec<Touchpoint> {
        let [promoters, passives, detractors] =
            [Measure::TnpsPromoters, Measure::TnpsPassives, Measure::TnpsDetractors].map(|of| self.by_key(of));
        let named = self.terms.survey.iter().flat_map(|survey| &survey.touchpoints);
        let touchpoint = |name: &String| {
            let of = |sums: &BTreeMap<u64, i64>| sums.get(&fingerprint(name)).copied().unwrap_or_default();
            let nps = nps(of(&promoters), of(&passives), of(&detractors))?;
            Some(Touchpoint { name: name.clone(), nps })
        };
        named.filter_map(touchpoint).collect()
    }

    fn satisfaction(&self) -> Satisfaction {
        let [answers, scores, importance] =
            [Measure::CriterionAnswers, Measure::CriterionScore, Measure::CriterionImportance]
                .map(|of| self.by_key(of));
        let csi = self.terms.survey.iter().filter(|survey| survey.instrument == Instrument::Csi);
        let best = csi.clone().map(|survey| survey.scale().1).max();
        let (mut names, mut points, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for item in csi.flat_map(|survey| &survey.item) {
            let key = fingerprint(&item.id);
            let count = answers.get(&key).copied().unwrap_or_default();
            if count > 0 && !names.contains(&item.id) {
                let mean = |of: &BTreeMap<u64, i64>| {
                    of.get(&key).copied().unwrap_or_default() as f64 / 1000.0 / count as f64
                };
                names.push(item.id.clone());
                points.push((mean(&importance), mean(&scores)));
                counts.push(count);
            }
        }
        let csi = figures::csi(&points);
        let quadrants = figures::quadrants(&points);
        let criteria = names.into_iter().zip(&points).zip(counts).zip(quadrants);
        Satisfaction {
            csi,
            csi_of_best: csi.zip(best).map(|(csi, best)| csi / f64::from(best)),
            criteria: criteria
                .map(|(((name, (importance, satisfaction)), answers), quadrant)| Criterion {
                    name,
                    answers,
                    importance: *importance,
                    satisfaction: *satisfaction,
                    quadrant: quadrant.as_str(),
                })
                .collect(),
        }
    }

    fn service(&self) -> Service {
        let mean = |answers: &BTreeMap<u64, i64>, sums: &BTreeMap<u64, i64>, place: u64| {
            let count = answers.get(&place).copied().filter(|count| *count > 0)?;
            Some(sums.get(&place).copied().unwrap_or_default() as f64 / 1e6 / count as f64)
        };
        let [gap_answers, gaps, perception_answers, perceptions] =
            [Measure::GapAnswers, Measure::Gap, Measure::PerceptionAnswers, Measure::Perception]
                .map(|of| self.by_key(of));
        let dimensions = (0..).zip(Dimension::OF_SERVICE).map(|(place, dimension)| Gap {
            dimension: dimension.as_str(),
            respondents: perception_answers.get(&place).copied().unwrap_or_default(),
            gap: mean(&gap_answers, &gaps, place),
            perception: mean(&perception_answers, &perceptions, place),
        });
        let dimensions: Vec<Gap> = dimensions.collect();
        let servqual = self.terms.survey.iter().find(|survey| survey.instrument == Instrument::Servqual);
        let weights = servqual.map(|survey| survey.weights.in_order()).unwrap_or_default();
        let weighed: Vec<_> =
            weights.into_iter().zip(&dimensions).map(|(weight, of)| (f64::from(weight), of.gap)).collect();
        let alike: Vec<_> = dimensions.iter().map(|of| (1.0, of.gap)).collect();
        // Of all items, as on a card: each dimension weighs by how many it has.
        let asked = self
            .terms
            .survey
            .iter()
            .filter(|survey| matches!(survey.instrument, Instrument::Servqual | Instrument::Servperf));
        let mut items = [0; 5];
        for survey in asked {
            items.iter_mut().zip(survey.service_items()).for_each(|(sum, count)| *sum += count);
        }
        let by_items: Vec<_> =
            items.iter().zip(&dimensions).map(|(items, of)| (*items as f64, of.perception)).collect();
        Service {
            weighed_gap: figures::weighed_gap(&weighed),
            gap: figures::weighed_gap(&alike),
            perception: figures::weighed_gap(&by_items),
            dimensions,
        }
    }

    /// The first and the last day of the period before.
    fn before(&self) -> (Day, Day) {
        let last = self.seen.first.plus(-1);
        let first = match self.seen.name.len() {
            4 => last.year_start(),
            _ => last.month_start(),
        };
        (first, last)
    }

    fn engagement(&self) -> Engagement {
        let (before_first, before_last) = self.before();
        let mean = |first, last| {
            let answers = self.sums.over(Measure::EngagementAnswers, first, last);
            let sum = self.sums.over(Measure::Engagement, first, last);
            (answers > 0).then(|| sum as f64 / 1e6 / answers as f64)
        };
        let (now, before) = (mean(self.seen.first, self.seen.last), mean(before_first, before_last));
        let growth = now.zip(before).and_then(|(now, before)| figures::growth_index_percent(now, before));
        Engagement {
            answers: self.over(Measure::EngagementAnswers),
            mean: now,
            mean_before: before,
            growth_index_percent: growth,
            turnover: self.turnover(),
        }
    }

    fn turnover(&self) -> Vec<Turnover> {
        let (baskets, spend) = (self.by_key(Measure::LevelBaskets), self.by_key(Measure::LevelSpend));
        let of = |by_key: &BTreeMap<u64, i64>, level: Level| {
            by_key.get(&(level as u64 + 1)).copied().unwrap_or_default()
        };
        let turnover = |level: &Level| {
            let spend_minor = of(&spend, *level);
            Turnover {
                level: level.as_str().into(),
                baskets: of(&baskets, *level),
                spend_minor,
                share: figures::share(spend_minor, self.over(Measure::Spend)),
            }
        };
        Level::ALL.iter().map(turnover).collect()
    }

    fn issues(&self, beginning: Day) -> Issues {
        let raised = self.by_key(Measure::IssuesRaised);
        let of = |key: u64| raised.get(&key).copied().unwrap_or_default();
        let until = |measure| self.sums.over(measure, beginning, self.seen.last);
        let (in_time, late) = (self.over(Measure::IssuesInTime), self.over(Measure::IssuesLate));
        let times = self.by_key(Measure::AnswerTimes);
        let quantile = |tenths: i64| {
            // So many at least: half of three are two.
            let wanted = ((in_time + late) * tenths + 9).div_euclid(10).max(1);
            let mut passed = 0;
            let reached = times.iter().find(|(_, count)| {
                passed += **count;
                passed >= wanted
            });
            reached.map(|(bucket, _)| hours_most(*bucket))
        };
        let minutes = self.over(Measure::AnswerMinutes);
        let raised_now: i64 = raised.values().sum();
        let (before_first, mut before_last) = self.before();
        if !self.is_over {
            // A week is held against a week.
            before_last = before_last.min(before_first.plus(self.seen.last.since(self.seen.first)));
        }
        let was_counted = beginning.month_start() <= before_first;
        let raised_before = was_counted.then(|| self.sums.over(Measure::IssuesRaised, before_first, before_last));
        Issues {
            complaints: of(0),
            detractors: of(1),
            reviews: of(2),
            raised: raised_now,
            raised_before,
            index_percent: raised_before
                .and_then(|before| figures::growth_index_percent(raised_now as f64, before as f64)),
            answered_in_time: in_time,
            answered_late: late,
            given_up: self.over(Measure::IssuesGivenUp),
            waiting_at_end: until(Measure::IssuesRaised)
                - until(Measure::IssuesInTime)
                - until(Measure::IssuesLate)
                - until(Measure::IssuesGivenUp),
            overdue_at_end: until(Measure::IssuesOverdue) - until(Measure::IssuesOverdueDone),
            mean_hours: (in_time + late > 0).then(|| minutes as f64 / 60.0 / (in_time + late) as f64),
            median_hours_at_most: quantile(5),
            ninth_tenth_hours_at_most: quantile(9),
        }
    }
}

/// Who came, less who was lost.
fn balance(of: impl Fn(Measure) -> i64) -> i64 {
    of(Measure::New) + of(Measure::Reactivated) + of(Measure::Known) - of(Measure::Lost)
}

fn nps(promoters: i64, passives: i64, detractors: i64) -> Option<Nps> {
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    let figures = figures::nps(count(promoters), count(passives), count(detractors))?;
    let (low, high) = figures.interval;
    Some(Nps { score: figures.score, low, high, promoters, passives, detractors })
}

fn segment(place: u64) -> String {
    Segment::ALL.get(place as usize).map_or_else(String::new, |segment| segment.as_str().into())
}
