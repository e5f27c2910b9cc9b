//! Stores, channels and tiers beside each other: what was sold there, who comes again, who is lost, and what they say.

use std::collections::{BTreeMap, BTreeSet};

use model::figures;
use programme::population::cell;
use programme::time::Day;
use serde::Serialize;

use super::{Maker, Nps, nps};

/// One store, channel or tier.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Apart {
    pub(crate) name: String,
    pub(crate) baskets: i64,
    pub(crate) spend_minor: i64,
    /// Who bought there, month by month added up.
    pub(crate) buyers: i64,
    /// Those of them who did so more than once in the month.
    pub(crate) repeat_buyers: i64,
    pub(crate) rpr: Option<f64>,
    /// Customers who were there when the period began, and had bought last here.
    pub(crate) active_at_start: i64,
    pub(crate) lost: i64,
    pub(crate) active_at_end: i64,
    pub(crate) churn_rate: Option<f64>,
    pub(crate) churn_rate_a_year: Option<f64>,
    pub(crate) churn_alarm: bool,
    /// Of those who answered, and had bought last here by then.
    pub(crate) nps: Option<Nps>,
    /// The mean of the same customers' own indices, in points of the scale.
    pub(crate) csi: Option<f64>,
    pub(crate) csi_answers: i64,
}

impl Maker<'_> {
    /// Each store, channel or tier; most spend first.
    pub(super) fn apart(&self, of: &cell::Apart, beginning: Day, name: &dyn Fn(u64) -> String) -> Vec<Apart> {
        let over = |measure| self.by_key(measure);
        let [baskets, spend, buyers, repeat_buyers, lost] =
            [of.baskets, of.spend, of.buyers, of.repeat_buyers, of.lost].map(over);
        let ([detractors, passives, promoters], [csi_answers, csi]) =
            (of.nps.map(over), [of.csi_answers, of.csi].map(over));
        let active = |last| self.sums.by_key(of.active, beginning, last);
        let at_start = active(self.seen.first.plus(-1));
        let mut at_end = at_start.clone();
        // By month: how long it is, who was lost in it, and who was there when it began.
        let mut months = Vec::new();
        for part in self.parts() {
            let by_key = |measure| self.sums.by_key(measure, part.first, part.last);
            months.push((part.months, by_key(of.lost), at_end.clone()));
            for (key, more) in by_key(of.active) {
                *at_end.entry(key).or_default() += more;
            }
        }
        let all = [&baskets, &buyers, &lost, &at_start, &at_end, &detractors, &passives, &promoters, &csi_answers];
        let is_there = |key: &u64| all.iter().any(|sums| sums.get(key).is_some_and(|sum| *sum != 0));
        let keys: BTreeSet<u64> = all.iter().flat_map(|sums| sums.keys()).copied().filter(is_there).collect();
        let one = |key: u64| {
            let of = |sums: &BTreeMap<u64, i64>| sums.get(&key).copied().unwrap_or_default();
            let parts = months.iter().map(|(months, lost, at_start)| figures::Part {
                months: *months,
                at_start: of(at_start),
                lost: of(lost),
            });
            let churn_rate_a_year = figures::a_year_of_parts(&parts.collect::<Vec<_>>());
            Apart {
                name: name(key),
                baskets: of(&baskets),
                spend_minor: of(&spend),
                buyers: of(&buyers),
                repeat_buyers: of(&repeat_buyers),
                rpr: figures::share(of(&repeat_buyers), of(&buyers)),
                active_at_start: of(&at_start),
                lost: of(&lost),
                active_at_end: of(&at_end),
                churn_rate: figures::share(of(&lost), of(&at_start)),
                churn_rate_a_year,
                churn_alarm: churn_rate_a_year.is_some_and(|rate| rate > figures::CHURN_ALARM),
                nps: nps(of(&promoters), of(&passives), of(&detractors)),
                csi: (of(&csi_answers) > 0).then(|| of(&csi) as f64 / 1e6 / of(&csi_answers) as f64),
                csi_answers: of(&csi_answers),
            }
        };
        let mut told: Vec<Apart> = keys.into_iter().map(one).collect();
        told.sort_by(|one, other| (other.spend_minor, &one.name).cmp(&(one.spend_minor, &other.name)));
        told
    }
}
