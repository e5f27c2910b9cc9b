//! Figures that a director asks for, of sums over all customers (`science.md`, section 3; `domain.md`, sections 1 and 3).
//!
//! Every function takes sums or means and says nothing, `None`, where there is nothing to divide by: no figure is ever NaN.

/// A net promoter score with its interval, in points from -100 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nps {
    /// Promoters less detractors, in hundredths of all answers.
    pub score: f64,
    /// The lower and the upper end of the 95 % interval, by the adjusted Wald method (Rocks 2016).
    pub interval: (f64, f64),
    /// The standard error of the score itself.
    pub standard_error: f64,
    /// How many answered.
    pub answers: u64,
}

/// The quantile of the normal distribution that leaves 2.5 % above it.
const Z_95: f64 = 1.959_963_984_540_054;

/// NPS of so many promoters, passives and detractors (BY-4); `None` of nobody.
pub fn nps(promoters: u64, passives: u64, detractors: u64) -> Option<Nps> {
    let answers = promoters + passives + detractors;
    if answers == 0 {
        return None;
    }
    let (score, standard_error) = net(promoters as f64, detractors as f64, answers as f64);
    // Three more answers, a quarter of each end for each of the three classes, as Rocks found best.
    let (about, adjusted_error) = net(promoters as f64 + 0.75, detractors as f64 + 0.75, answers as f64 + 3.0);
    let interval = (100.0 * (about - Z_95 * adjusted_error), 100.0 * (about + Z_95 * adjusted_error));
    Some(Nps { score: 100.0 * score, interval, standard_error: 100.0 * standard_error, answers })
}

/// p - d and its standard error.
fn net(promoters: f64, detractors: f64, answers: f64) -> (f64, f64) {
    let (p, d) = (promoters / answers, detractors / answers);
    let variance = (p + d - (p - d) * (p - d)).max(0.0);
    (p - d, (variance / answers).sqrt())
}

/// How many standard errors one score lies above another; `None` where neither has one.
pub fn nps_difference(one: &Nps, other: &Nps) -> Option<f64> {
    let error = libm::hypot(one.standard_error, other.standard_error);
    (error > 0.0).then(|| (one.score - other.score) / error)
}

/// The index of satisfaction, in points of the scale: satisfaction weighed by importance (BY-6). Pairs of importance and
/// satisfaction; `None` where nothing matters.
pub fn csi(criteria: &[(f64, f64)]) -> Option<f64> {
    let importance: f64 = criteria.iter().map(|(importance, _)| importance).sum();
    let weighed: f64 = criteria.iter().map(|(importance, satisfaction)| importance * satisfaction).sum();
    (importance > 0.0).then(|| weighed / importance)
}

/// Where a criterion lies in the matrix of importance and satisfaction (Martilla and James 1977).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quadrant {
    /// Matters much and satisfies little: a pain point.
    Concentrate,
    /// Matters much and satisfies.
    KeepUp,
    /// Matters little and satisfies little.
    LowPriority,
    /// Matters little and satisfies.
    PossibleOverkill,
}

impl Quadrant {
    /// Its name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Quadrant::Concentrate => "concentrate here",
            Quadrant::KeepUp => "keep up the good work",
            Quadrant::LowPriority => "low priority",
            Quadrant::PossibleOverkill => "possible overkill",
        }
    }
}

/// The quadrant of each pair of importance and satisfaction. The cross-hairs lie at the means over all criteria; what lies on
/// one counts as high.
pub fn quadrants(criteria: &[(f64, f64)]) -> Vec<Quadrant> {
    let count = criteria.len() as f64;
    let importance = criteria.iter().map(|(importance, _)| importance).sum::<f64>() / count;
    let satisfaction = criteria.iter().map(|(_, satisfaction)| satisfaction).sum::<f64>() / count;
    let quadrant = |(i, s): &(f64, f64)| match (*i >= importance, *s >= satisfaction) {
        (true, false) => Quadrant::Concentrate,
        (true, true) => Quadrant::KeepUp,
        (false, false) => Quadrant::LowPriority,
        (false, true) => Quadrant::PossibleOverkill,
    };
    criteria.iter().map(quadrant).collect()
}

/// The gap of service quality over its dimensions, each with a weight (RC-4); those without an answer have none.
pub fn weighed_gap(gaps: &[(f64, Option<f64>)]) -> Option<f64> {
    let known = gaps.iter().filter_map(|(weight, gap)| Some((weight, (*gap)?)));
    let (sum, weights) = known.fold((0.0, 0.0), |(sum, all), (weight, gap)| (sum + weight * gap, all + weight));
    (weights > 0.0).then(|| sum / weights)
}

/// By how much engagement has grown over a period (EN-3): its mean by that of the period before, percent; `None` where nobody
/// was engaged before.
pub fn growth_index_percent(mean: f64, before: f64) -> Option<f64> {
    (before > 0.0).then(|| 100.0 * mean / before)
}

/// The share of a whole; `None` of nothing.
pub fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The churn rate of a year in which each month (or other part, of which `parts` make a year) loses that share.
pub fn a_year(lost: f64, parts: f64) -> f64 {
    1.0 - libm::pow(1.0 - lost.clamp(0.0, 1.0), parts)
}

/// A part of a period: a month, or as much of it as is over.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// How long it is, months.
    pub months: f64,
    /// Who was there when it began.
    pub at_start: i64,
    /// How many were lost in it.
    pub lost: i64,
}

/// The churn rate of a year in which customers stay as they did through these parts, one after the other (BY-3). Whoever came
/// within the period counts from the next part on, and not as lost of those who were there at first. Parts that nobody began say
/// nothing; `None` where there is no other.
pub fn a_year_of_parts(parts: &[Part]) -> Option<f64> {
    let (mut stay, mut months) = (1.0, 0.0);
    for part in parts {
        if let Some(lost) = share(part.lost, part.at_start) {
            stay *= 1.0 - lost.clamp(0.0, 1.0);
            months += part.months;
        }
    }
    (months > 0.0).then(|| a_year(1.0 - stay, 12.0 / months))
}

/// Above this share a year the loss of customers is an alarm (BY-3).
pub const CHURN_ALARM: f64 = 0.3;

/// The share of the spend that the biggest `top` of the customers have, 0 to 1 (RM-7). Buckets ascend by spend, each with its
/// customers and what they spent; within a bucket all count as equal. `None` where nothing was spent.
pub fn concentration(buckets: &[(i64, i64)], top: f64) -> Option<f64> {
    let customers: i64 = buckets.iter().map(|(customers, _)| customers).sum();
    let spend: i64 = buckets.iter().map(|(_, spend)| spend).sum();
    if spend <= 0 {
        return None;
    }
    let mut wanted = top * customers as f64;
    let mut held = 0.0;
    for (customers, spend) in buckets.iter().rev() {
        let part = (wanted / *customers as f64).clamp(0.0, 1.0);
        held += part * *spend as f64;
        wanted -= *customers as f64;
        if wanted <= 0.0 {
            break;
        }
    }
    Some(held / spend as f64)
}

/// What a relationship brings in a year (RM-6): average sale times purchases a year times margin, less its cost.
pub fn relationship_profit(average_sale: f64, purchases_a_year: f64, margin: f64, cost_a_year: f64) -> f64 {
    average_sale * purchases_a_year * margin - cost_a_year
}

/// What it costs to win a customer; `None` where nobody was won.
pub fn acquisition_cost(spent: f64, new_customers: u64) -> Option<f64> {
    (new_customers > 0).then(|| spent / new_customers as f64)
}

/// After how many months a customer has brought back what winning them cost.
pub fn payback_months(acquisition_cost: f64, spend_a_month: f64, margin: f64) -> Option<f64> {
    let brought = spend_a_month * margin;
    (brought > 0.0).then(|| acquisition_cost / brought)
}

/// What came back of money spent, beyond it: (incremental margin - spent) / spent; `None` where nothing was spent.
pub fn romi(incremental_margin: f64, spent: f64) -> Option<f64> {
    (spent > 0.0).then(|| (incremental_margin - spent) / spent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64, within: f64) {
        assert!((found - expected).abs() <= within, "{found} is not {expected}");
    }

    // The vectors of the literature. An interval that is too narrow makes chance look like news.
    #[test]
    fn the_interval_of_nps_is_that_of_the_paper() {
        let of_200 = nps(110, 60, 30).unwrap();
        near(of_200.score, 40.0, 1e-9);
        near(of_200.interval.0, 29.2839, 5e-5);
        near(of_200.interval.1, 49.5339, 5e-5);
        // Wald's own interval, of the standard error.
        near(of_200.score - Z_95 * of_200.standard_error, 29.8157, 5e-5);
        near(of_200.score + Z_95 * of_200.standard_error, 50.1843, 5e-5);
        let of_36 = nps(16, 11, 9).unwrap();
        near(of_36.score, 19.44, 5e-3);
        near(of_36.interval.0, -7.30, 5e-3);
        near(of_36.interval.1, 43.20, 5e-3);
        near(of_36.score - Z_95 * of_36.standard_error, -7.03, 5e-3);
        // Printed with two digits, and with a quantile of two: 45.9152.
        near(of_36.score + Z_95 * of_36.standard_error, 45.92, 6e-3);
        assert_eq!(nps(0, 0, 0), None);
        let z = nps_difference(&of_200, &of_36).unwrap();
        let expected = (40.0 - 700.0 / 36.0) / libm::hypot(of_200.standard_error, of_36.standard_error);
        near(z, expected, 1e-9);
        assert_eq!(nps_difference(&nps(1, 0, 0).unwrap(), &nps(0, 0, 1).unwrap()), None);
    }

    #[test]
    fn the_index_of_satisfaction_is_that_of_the_worked_examples() {
        let importance = [9.4, 8.8, 7.1, 6.2, 8.0];
        let satisfaction = [7.2, 8.9, 8.1, 6.0, 6.9];
        let criteria: Vec<_> = importance.into_iter().zip(satisfaction).collect();
        near(csi(&criteria).unwrap(), 7.491_392, 1e-5);
        near(csi(&criteria).unwrap() * 10.0, 74.9139, 5e-4);
        near((csi(&criteria).unwrap() - 1.0) / 9.0 * 100.0, 72.1266, 5e-4);
        let published = [(7.0, 8.0), (5.0, 4.0), (9.0, 8.0), (3.0, 3.0), (6.0, 4.0)];
        near(csi(&published).unwrap(), 6.0333, 5e-5);
        assert_eq!(csi(&[]), None);
    }

    // Means 7.9 and 7.42: the first and the last matter and do not satisfy.
    #[test]
    fn pain_points_are_what_matters_and_does_not_satisfy() {
        let criteria = [(9.4, 7.2), (8.8, 8.9), (7.1, 8.1), (6.2, 6.0), (8.0, 6.9)];
        use Quadrant::{Concentrate, KeepUp, LowPriority, PossibleOverkill};
        assert_eq!(quadrants(&criteria), [Concentrate, KeepUp, PossibleOverkill, LowPriority, Concentrate]);
        // On the cross-hair counts as high.
        assert_eq!(quadrants(&[(3.0, 3.0), (3.0, 3.0)]), [KeepUp, KeepUp]);
        assert_eq!(quadrants(&[]), []);
    }

    // Weights of the literature, of whoever answered two dimensions only.
    #[test]
    fn gaps_are_weighed_by_what_was_answered() {
        let gaps = [(11.0, Some(-0.5)), (32.0, Some(-1.0)), (22.0, None), (19.0, None), (16.0, None)];
        near(weighed_gap(&gaps).unwrap(), (-5.5 - 32.0) / 43.0, 1e-12);
        assert_eq!(weighed_gap(&[(1.0, None)]), None);
        assert_eq!(weighed_gap(&[(0.0, Some(1.0))]), None);
    }

    // The gaps of dimensions that the literature weighs as customers in the United States do; alike, they are their mean.
    #[test]
    fn reliability_outweighs_the_premises() {
        let gaps = [0.0, -1.6, 0.0, -1.0, -0.6].map(Some);
        let weights = [11.0, 32.0, 22.0, 19.0, 16.0];
        near(weighed_gap(&weights.into_iter().zip(gaps).collect::<Vec<_>>()).unwrap(), -0.798, 1e-12);
        near(weighed_gap(&gaps.map(|gap| (1.0, gap))).unwrap(), -0.64, 1e-12);
    }

    // Between 103 and 117 % in the study.
    #[test]
    fn engagement_grows_by_the_mean_before() {
        near(growth_index_percent(0.618, 0.6).unwrap(), 103.0, 1e-9);
        near(growth_index_percent(0.702, 0.6).unwrap(), 117.0, 1e-9);
        near(growth_index_percent(0.3, 0.6).unwrap(), 50.0, 1e-9);
        assert_eq!(growth_index_percent(0.6, 0.0), None);
    }

    // One of three who bought came again; one of ten was lost, and stays for ten periods.
    #[test]
    fn rates_are_shares_of_who_was_there() {
        near(share(1, 3).unwrap(), 1.0 / 3.0, 1e-12);
        near(1.0 / share(10, 100).unwrap(), 10.0, 1e-12);
        assert_eq!(share(0, 0), None);
    }

    #[test]
    fn the_alarm_is_a_year_s() {
        near(a_year(0.1, 12.0), 0.717_570_463_519, 1e-9);
        assert!(a_year(0.03, 12.0) > CHURN_ALARM && a_year(0.029, 12.0) < CHURN_ALARM);
        near(a_year(0.3, 1.0), CHURN_ALARM, 1e-12);
        assert_eq!(a_year(2.0, 12.0).to_bits(), 1.0_f64.to_bits());
    }

    // Half of those of January and a fifth of those of March are lost; in February nobody was there. Two months leave 40 %, and
    // twelve as much of themselves six times.
    #[test]
    fn a_year_is_made_of_its_months() {
        let part = |months, at_start, lost| Part { months, at_start, lost };
        let parts = [part(1.0, 10, 5), part(1.0, 0, 3), part(1.0, 1_000, 200)];
        near(a_year_of_parts(&parts).unwrap(), 1.0 - 0.4_f64.powi(6), 1e-12);
        // A quarter of a month that loses a tenth: 0.9 of each of 48.
        near(a_year_of_parts(&[part(0.25, 10, 1)]).unwrap(), 1.0 - 0.9_f64.powi(48), 1e-12);
        assert_eq!(a_year_of_parts(&[part(1.0, 0, 0)]), None);
        assert_eq!(a_year_of_parts(&[part(1.0, 2, 3)]).map(f64::to_bits), Some(1.0_f64.to_bits()));
    }

    #[test]
    fn the_biggest_fifth_is_found_within_buckets() {
        // Ten customers: eight spend 1, two spend 46 each.
        near(concentration(&[(8, 8), (2, 92)], 0.2).unwrap(), 0.92, 1e-12);
        near(concentration(&[(8, 8), (2, 92)], 0.1).unwrap(), 0.46, 1e-12);
        near(concentration(&[(10, 50)], 0.2).unwrap(), 0.2, 1e-12);
        assert_eq!(concentration(&[], 0.2), None);
        assert_eq!(concentration(&[(3, 0)], 0.2), None);
    }

    #[test]
    fn money_comes_back_or_it_does_not() {
        near(relationship_profit(1_000.0, 48.0, 0.25, 2_000.0), 10_000.0, 1e-9);
        near(acquisition_cost(9_000.0, 30).unwrap(), 300.0, 1e-12);
        assert_eq!(acquisition_cost(9_000.0, 0), None);
        near(payback_months(300.0, 400.0, 0.25).unwrap(), 3.0, 1e-12);
        assert_eq!(payback_months(300.0, 400.0, 0.0), None);
        near(romi(150.0, 100.0).unwrap(), 0.5, 1e-12);
        assert_eq!(romi(150.0, 0.0), None);
    }
}
