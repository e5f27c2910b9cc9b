//! Do experts who rank the same things agree? Kendall's W, with its significance (`domain.md` EN-5).
//!
//! Kendall and Babington Smith 1939; with the correction for ties of Kendall 1948, as in Legendre 2005. The same statistic
//! as Friedman's. The chi-square tail is an approximation that needs many experts or things; the permutation test needs
//! none.

use libm::{erfc, exp, lgamma, log, sqrt};

/// The fewest experts, and the fewest things, of which agreement can be spoken.
pub const COUNT_MIN: usize = 2;
/// The most experts, and the most things.
pub const COUNT_MAX: usize = 1_000;

/// What is wrong with a panel's rankings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadPanel {
    /// Agreement takes two experts.
    #[error("{experts} experts; agreement can be spoken of from {COUNT_MIN} to {COUNT_MAX}")]
    Experts {
        /// How many there are.
        experts: usize,
    },
    /// Something has to be put in an order.
    #[error("expert {expert} ranked {things} things; all rank the same {COUNT_MIN} to {COUNT_MAX}")]
    Things {
        /// The place of the expert, from 1.
        expert: usize,
        /// How many things the expert ranked.
        things: usize,
    },
    /// A score that has no place in an order.
    #[error("expert {expert} gave thing {thing} the score {score}, which is no finite number")]
    Score {
        /// The place of the expert, from 1.
        expert: usize,
        /// The place of the thing, from 1.
        thing: usize,
        /// What was given.
        score: f64,
    },
    /// Everybody gave everything the same score.
    #[error("no expert put anything before anything else")]
    NoOrder,
}

/// How far a panel agrees.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// How many experts.
    pub experts: usize,
    /// The sum of ranks of each thing, in the order given; the smallest is the one ranked first.
    pub rank_sums: Vec<f64>,
    /// The sum of squared deviations of the rank sums from their mean.
    pub squares: f64,
    /// The sum over experts and ties of t^3 - t.
    pub ties: f64,
    /// Kendall's W, corrected for ties: 0 for no agreement, 1 for all of it.
    pub w: f64,
    /// The same without the correction.
    pub w_uncorrected: f64,
    /// m (n - 1) W, of which the chi-square distribution with n - 1 degrees of freedom is the limit.
    pub chi_square: f64,
    /// n - 1.
    pub degrees: usize,
    /// How likely so much agreement is by chance, by the chi-square distribution.
    pub p_chi_square: f64,
    /// The mean of Spearman's rank correlations between all pairs of experts.
    pub mean_spearman: f64,
}

/// Reads how far experts agree. `scores` has a row for each expert and in it a score for each thing; the lowest is ranked
/// first, and equal ones share the mean of their ranks.
pub fn agreement(scores: &[Vec<f64>]) -> Result<Agreement, BadPanel> {
    let ranks = ranked(scores)?;
    let (experts, things) = (ranks.len(), ranks[0].len());
    let (m, n) = (experts as f64, things as f64);
    let ties: f64 = scores.iter().map(|row| ties(row)).sum();
    let rank_sums = sums(&ranks);
    let squares = squares(&rank_sums);
    let whole = m * m * (n * n * n - n);
    if whole - m * ties <= 0.0 {
        return Err(BadPanel::NoOrder);
    }
    let w = 12.0 * squares / (whole - m * ties);
    let chi_square = m * (n - 1.0) * w;
    Ok(Agreement {
        experts,
        rank_sums,
        squares,
        ties,
        w,
        w_uncorrected: 12.0 * squares / whole,
        chi_square,
        degrees: things - 1,
        p_chi_square: chi_square_tail(chi_square, things - 1),
        mean_spearman: (m * w - 1.0) / (m - 1.0),
    })
}

/// How often ranks dealt out by chance agree at least as well: every expert's ranks are shuffled, `rounds` times, and the
/// panel itself counts as one round more. The same seed gives the same answer.
pub fn p_by_permutation(scores: &[Vec<f64>], rounds: u32, seed: u64) -> Result<f64, BadPanel> {
    let mut ranks = ranked(scores)?;
    let observed = squares(&sums(&ranks));
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut as_good = 1_u32;
    for _ in 0..rounds {
        ranks.iter_mut().for_each(|row| rng.shuffle(row));
        // Sums of halves are exact, so that equal agreement is equal.
        as_good += u32::from(squares(&sums(&ranks)) >= observed);
    }
    Ok(f64::from(as_good) / (f64::from(rounds) + 1.0))
}

/// Weights that add up to `whole`, by rank sums: a thing weighs by how many ranks it stands before the place after the last
/// (Stillwell, Seaver and Edwards 1981). What rounding leaves over goes to the largest remainders, of equals to the first.
pub fn weights(agreement: &Agreement, whole: u32) -> Vec<u32> {
    // Rank sums are whole halves, so that twice of them is exact, and equal remainders are equal.
    let twice = |sum: f64| (2.0 * sum) as u64;
    let after_last = twice(agreement.experts as f64 * (agreement.rank_sums.len() as f64 + 1.0));
    let raw: Vec<u64> = agreement.rank_sums.iter().map(|sum| after_last - twice(*sum)).collect();
    let total: u64 = raw.iter().sum();
    let parts: Vec<u64> = raw.iter().map(|weight| weight * u64::from(whole)).collect();
    let mut weights: Vec<u32> =
        parts.iter().map(|part| u32::try_from(part / total).expect("a part is at most the whole")).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(parts[*place] % total));
    let left = whole - weights.iter().sum::<u32>();
    order.iter().take(left as usize).for_each(|place| weights[*place] += 1);
    weights
}

/// The chance that a chi-square variable with `degrees` degrees of freedom is at least `value`.
///
/// Closed forms for whole degrees: a Poisson sum for even ones, the normal tail and half-integer terms for odd ones
/// (Abramowitz and Stegun 26.4.4 and 26.4.5).
pub fn chi_square_tail(value: f64, degrees: usize) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let half = value / 2.0;
    let offset = if degrees.is_multiple_of(2) { 0.0 } else { 0.5 };
    let first = if degrees.is_multiple_of(2) { 0.0 } else { erfc(sqrt(half)) };
    // Terms half^k e^-half / Gamma(k + 1), for k from 0 or from 1/2 in steps of 1.
    let term = |k: f64| exp(k * log(half) - half - lgamma(k + 1.0));
    let terms = (0..degrees / 2).map(|step| term(step as f64 + offset));
    (first + terms.sum::<f64>()).min(1.0)
}

fn ranked(scores: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, BadPanel> {
    let experts = scores.len();
    if !(COUNT_MIN..=COUNT_MAX).contains(&experts) {
        return Err(BadPanel::Experts { experts });
    }
    let things = scores[0].len();
    for (i, row) in scores.iter().enumerate() {
        if row.len() != things || !(COUNT_MIN..=COUNT_MAX).contains(&row.len()) {
            return Err(BadPanel::Things { expert: i + 1, things: row.len() });
        }
        if let Some(j) = row.iter().position(|score| !score.is_finite()) {
            return Err(BadPanel::Score { expert: i + 1, thing: j + 1, score: row[j] });
        }
    }
    Ok(scores.iter().map(|row| ranks(row)).collect())
}

fn ranks(row: &[f64]) -> Vec<f64> {
    let rank = |score: &f64| {
        let before = row.iter().filter(|other| *other < score).count() as f64;
        let equal = row.iter().filter(|other| *other == score).count() as f64;
        before + (equal + 1.0) / 2.0
    };
    row.iter().map(rank).collect()
}

/// The sum of t^3 - t over groups of t equal scores: each member of a group adds t^2 - 1.
fn ties(row: &[f64]) -> f64 {
    let equal = |score: &f64| row.iter().filter(|other| *other == score).count() as f64;
    row.iter().map(|score| equal(score) * equal(score) - 1.0).sum()
}

fn sums(ranks: &[Vec<f64>]) -> Vec<f64> {
    (0..ranks[0].len()).map(|thing| ranks.iter().map(|row| row[thing]).sum()).collect()
}

fn squares(rank_sums: &[f64]) -> f64 {
    let mean = rank_sums.iter().sum::<f64>() / rank_sums.len() as f64;
    rank_sums.iter().map(|sum| (sum - mean) * (sum - mean)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(rows: &[&[i32]]) -> Vec<Vec<f64>> {
        rows.iter().map(|row| row.iter().map(|score| f64::from(*score)).collect()).collect()
    }

    fn near(value: f64, expected: f64, within: f64) {
        assert!((value - expected).abs() <= within, "{value} is not {expected}");
    }

    // Weights from a panel that does not agree are one person's opinion with the authority of many.
    #[test]
    fn agreement_from_none_to_all() {
        let all = agreement(&panel(&[&[1, 2, 3, 4], &[1, 2, 3, 4], &[1, 2, 3, 4]])).unwrap();
        assert_eq!((all.w, all.ties, all.mean_spearman), (1.0, 0.0, 1.0));
        near(all.chi_square, 9.0, 1e-12);
        let none = agreement(&panel(&[&[1, 2, 3, 4], &[4, 3, 2, 1]])).unwrap();
        assert_eq!((none.w, none.p_chi_square), (0.0, 1.0));
        assert_eq!(none.mean_spearman, -1.0);
    }

    // Ties are what experts give most. Legendre's correction: W is S over the largest S that such ties allow.
    #[test]
    fn ties_are_corrected() {
        // Two experts with equal ties agree as far as they can.
        let tied = agreement(&panel(&[&[1, 1, 2, 3], &[5, 5, 6, 9]])).unwrap();
        assert_eq!((tied.w, tied.ties), (1.0, 12.0));
        assert!(tied.w_uncorrected < 1.0);
        assert_eq!(tied.rank_sums, [3.0, 3.0, 6.0, 8.0]);
    }

    // `scipy.stats.chi2.sf` at the value and degrees of the reference panel of seven items, and tables.
    #[test]
    fn tail_of_chi_square() {
        near(chi_square_tail(22.710_280, 6), 8.9955e-4, 1e-8);
        near(chi_square_tail(3.841_458_820_694_124, 1), 0.05, 1e-12);
        near(chi_square_tail(5.991_464_547_107_979, 2), 0.05, 1e-12);
        near(chi_square_tail(11.070_497_693_516_351, 5), 0.05, 1e-12);
        assert_eq!(chi_square_tail(0.0, 3), 1.0);
    }

    // A panel with the sums of the published example: 4 experts, 7 things, S 405, ties 60.
    #[test]
    fn w_of_the_reference_panel() {
        let panel = panel(&[
            &[2, 1, 2, 4, 5, 5, 7],
            &[2, 2, 2, 4, 6, 6, 7],
            &[1, 2, 3, 3, 5, 6, 7],
            &[1, 2, 3, 4, 4, 7, 7],
        ]);
        let agreed = agreement(&panel).unwrap();
        assert_eq!((agreed.squares, agreed.ties, agreed.degrees), (405.0, 60.0, 6));
        near(agreed.w, 0.946_261_7, 1e-7);
        near(agreed.w_uncorrected, 0.904_017_9, 1e-7);
        near(agreed.chi_square, 22.710_280, 1e-6);
        near(agreed.p_chi_square, 8.9955e-4, 1e-8);
        assert!(p_by_permutation(&panel, 10_000, 1).unwrap() < 0.001);
    }

    // For three things and two experts chance agrees fully in one of six shuffles.
    #[test]
    fn permutations_know_small_panels() {
        let p = p_by_permutation(&panel(&[&[1, 2, 3], &[1, 2, 3]]), 20_000, 1).unwrap();
        near(p, 1.0 / 6.0, 0.01);
        assert_eq!(p_by_permutation(&panel(&[&[1, 2, 3], &[1, 2, 3]]), 20_000, 1).unwrap(), p);
    }

    #[test]
    fn weights_add_up() {
        let agreed = agreement(&panel(&[&[1, 2, 3], &[1, 2, 3], &[2, 1, 3]])).unwrap();
        assert_eq!(weights(&agreed, 1000), [444, 389, 167]);
        let tied = agreement(&panel(&[&[1, 1, 1, 2], &[1, 1, 1, 2]])).unwrap();
        assert_eq!(weights(&tied, 100).iter().sum::<u32>(), 100);
    }

    #[test]
    fn bad_panels_are_refused() {
        let refused = |rows: &[&[i32]]| agreement(&panel(rows)).unwrap_err().to_string();
        assert_eq!(refused(&[&[1, 2]]), "1 experts; agreement can be spoken of from 2 to 1000");
        assert_eq!(refused(&[&[1, 2], &[1]]), "expert 2 ranked 1 things; all rank the same 2 to 1000");
        assert_eq!(refused(&[&[1, 1], &[2, 2]]), "no expert put anything before anything else");
        let nan = agreement(&[vec![1.0, 2.0], vec![f64::NAN, 1.0]]).unwrap_err();
        assert_eq!(nan.to_string(), "expert 2 gave thing 1 the score NaN, which is no finite number");
    }
}
