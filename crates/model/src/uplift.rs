//! Whether acting helps: customers who were treated after a warning beside a control group who were not (`domain.md` BY-19).
//!
//! Everybody was drawn by chance, so the difference between the groups is what acting did, give or take the interval. Intervals
//! are at 95 %: Wilson's for a share, Newcombe's (1998, method 10) for the difference of two, and the normal one for means, which
//! asks for some thirty customers in each group. A difference of means has one variance for both groups (Student): they were
//! drawn from the same customers. With each group's own (Welch), differences that are not there are found in 8 to 16 of a
//! hundred comparisons of a large group with a small one: spend is skewed, a small group mostly lacks the few who spend
//! most, and then its mean and its variance are too small together. Where acting changes how spend is scattered, the interval is
//! a little too wide or too narrow.

/// The normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;
/// The same of 80 %.
const Z_POWER: f64 = 0.841_621_233_572_914_3;
/// With fewer customers than this in one of the groups, nothing is said about the difference: intervals of means are not what
/// they say, and one customer decides.
pub const CUSTOMERS_MIN: u64 = 30;

/// What came of one customer's warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Something was bought within the horizon after it.
    pub returned: bool,
    /// What was spent within it, minor units; 0 where nothing was.
    pub spend_minor: i64,
}

/// One group: all that is needed of it, so that groups of several tasks can be added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Group {
    customers: u64,
    returned: u64,
    sum_minor: i128,
    /// Of squares of minor units, exact: a float would lose the variance of large amounts.
    sum_squares: i128,
}

/// A figure and between what it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// Not above it.
    pub low: f64,
    /// Not below it.
    pub high: f64,
}

/// What acting did: figures of the treated less those of the control group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uplift {
    /// The shares that came back: treated, control, and the difference.
    pub return_rate: [Interval; 3],
    /// Mean spend of all, whether they came back or not, minor units: treated, control, and the difference. `None` where one
    /// of the groups has fewer than two customers.
    pub spend_minor: Option<[Interval; 3]>,
    /// The least difference of the shares whose interval would leave out 0 four times of five, with groups as large as these.
    pub detectable_return_rate: f64,
    /// The same of mean spend, with spend as scattered as this, minor units.
    pub detectable_spend_minor: Option<f64>,
}

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// One of the groups is smaller than [`CUSTOMERS_MIN`].
    TooFew,
    /// The whole interval lies above 0.
    More,
    /// The whole interval lies below 0.
    Less,
    /// The interval has 0 in it.
    NotSeen,
}

impl Finding {
    /// What the interval of a difference between groups of so many customers says.
    pub fn of(difference: &Interval, customers: [u64; 2]) -> Finding {
        if customers.iter().any(|count| *count < CUSTOMERS_MIN) {
            Finding::TooFew
        } else if difference.low > 0.0 {
            Finding::More
        } else if difference.high < 0.0 {
            Finding::Less
        } else {
            Finding::NotSeen
        }
    }
}

impl Group {
    /// Adds a customer. Beyond what 64 bits hold of customers nobody counts.
    pub fn add(&mut self, outcome: Outcome) {
        self.customers += 1;
        self.returned += u64::from(outcome.returned);
        let spend = i128::from(outcome.spend_minor);
        self.sum_minor += spend;
        self.sum_squares = self.sum_squares.saturating_add(spend * spend);
    }

    /// Adds another group's customers.
    pub fn merge(&mut self, other: &Group) {
        self.customers += other.customers;
        self.returned += other.returned;
        self.sum_minor += other.sum_minor;
        self.sum_squares = self.sum_squares.saturating_add(other.sum_squares);
    }

    /// How many customers there are.
    pub fn customers(&self) -> u64 {
        self.customers
    }

    /// How many of them came back.
    pub fn returned(&self) -> u64 {
        self.returned
    }

    /// The share that came back; `None` of nobody.
    pub fn return_rate(&self) -> Option<Interval> {
        wilson(self.returned, self.customers)
    }

    /// Mean spend and the sum of squared deviations from it; `None` below two customers.
    fn mean(&self) -> Option<(f64, f64)> {
        let count = float(self.customers.into());
        (self.customers >= 2).then(|| {
            let mean = float(self.sum_minor) / count;
            // n sum of squares - square of the sum, as far as 128 bits go exactly.
            let n = i128::from(self.customers);
            let exact = self.sum_minor.checked_mul(self.sum_minor).zip(self.sum_squares.checked_mul(n));
            let deviations = match exact {
                Some((square, squares)) => float(squares - square) / count,
                None => float(self.sum_squares) - float(self.sum_minor) * mean,
            };
            (mean, deviations.max(0.0))
        })
    }
}

/// What acting did for the `treated` beside the `control` group; `None` where one of them has nobody.
pub fn uplift(treated: &Group, control: &Group) -> Option<Uplift> {
    let (one, two) = (treated.return_rate()?, control.return_rate()?);
    let [of_treated, of_control] = [treated, control].map(|group| float(group.customers.into()));
    let means = treated.mean().zip(control.mean());
    let variance = means.map(|(one, two)| {
        (one.1 + two.1) / (of_treated + of_control - 2.0) * (1.0 / of_treated + 1.0 / of_control)
    });
    let spend_minor = means.zip(variance).map(|((one, two), variance)| {
        let around = |mean: f64, variance: f64| {
            let half = Z * libm::sqrt(variance);
            Interval { value: mean, low: mean - half, high: mean + half }
        };
        let own = |(mean, deviations), count| around(mean, deviations / (count - 1.0) / count);
        [own(one, of_treated), own(two, of_control), around(one.0 - two.0, variance)]
    });
    let share = (one.value * of_treated + two.value * of_control) / (of_treated + of_control);
    let error = libm::sqrt(share * (1.0 - share) * (1.0 / of_treated + 1.0 / of_control));
    let detectable = |error: f64| (Z + Z_POWER) * error;
    Some(Uplift {
        return_rate: [one, two, newcombe(one, two)],
        spend_minor,
        detectable_return_rate: detectable(error),
        detectable_spend_minor: variance.map(|variance| detectable(libm::sqrt(variance))),
    })
}

/// Wilson's interval of a share; `None` of nothing.
pub fn wilson(count: u64, of: u64) -> Option<Interval> {
    if of == 0 {
        return None;
    }
    let (count, of) = (float(count.into()), float(of.into()));
    let (value, z2) = (count / of, Z * Z);
    let middle = value + z2 / (2.0 * of);
    let half = Z * libm::sqrt((value * (1.0 - value) + z2 / (4.0 * of)) / of);
    let by = 1.0 + z2 / of;
    Some(Interval {
        value,
        low: ((middle - half) / by).clamp(0.0, value),
        high: ((middle + half) / by).clamp(value, 1.0),
    })
}

/// The difference of two shares, from Wilson's intervals of each.
fn newcombe(one: Interval, two: Interval) -> Interval {
    let value = one.value - two.value;
    let low = value - libm::hypot(one.value - one.low, two.high - two.value);
    let high = value + libm::hypot(one.high - one.value, two.value - two.low);
    Interval { value, low: low.max(-1.0), high: high.min(1.0) }
}

#[expect(clippy::cast_precision_loss, reason = "statistics of counts and sums of money")]
fn float(number: i128) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(customers: u64, returned: u64) -> Group {
        let mut group = Group::default();
        (0..customers).for_each(|number| group.add(Outcome { returned: number < returned, spend_minor: 0 }));
        group
    }

    #[track_caller]
    fn check(interval: Interval, expected: [f64; 3], tolerance: f64) {
        let told = [interval.value, interval.low, interval.high];
        let near = told.iter().zip(expected).all(|(told, expected)| (told - expected).abs() <= tolerance);
        assert!(near, "{told:?} instead of {expected:?}");
    }

    // Newcombe 1998, Statistics in Medicine 17: 857-872 (81 of 263) and 873-890 (56 of 70 beside 48 of 80, 9 of 10 beside 3 of
    // 10). A warning that is said to pay because its interval was too narrow costs more than it brings.
    #[test]
    fn intervals_are_as_published() {
        check(wilson(81, 263).unwrap(), [81.0 / 263.0, 0.2553, 0.3662], 5e-5);
        check(wilson(0, 10).unwrap(), [0.0, 0.0, 0.2775], 5e-5);
        check(wilson(10, 10).unwrap(), [1.0, 0.7225, 1.0], 5e-5);
        assert_eq!(wilson(0, 0), None);
        let difference = |one: Group, two: Group| uplift(&one, &two).unwrap().return_rate[2];
        check(difference(group(70, 56), group(80, 48)), [0.2, 0.0524, 0.3339], 5e-5);
        check(difference(group(10, 9), group(10, 3)), [0.6, 0.1705, 0.8090], 5e-5);
    }

    // Means 10 and 9 of 10 and 20 customers, whose squared deviations are 36 and 172.
    #[test]
    fn spend_has_one_variance() {
        let of = |spends: &[i64]| {
            let mut group = Group::default();
            spends.iter().for_each(|spend| group.add(Outcome { returned: *spend > 0, spend_minor: *spend }));
            group
        };
        let one = of(&[7, 13, 7, 13, 10, 10, 10, 10, 10, 10]);
        let mut two = vec![9; 14];
        two.extend([0, 18, 8, 10, 11, 7]);
        let told = uplift(&one, &of(&two)).unwrap().spend_minor.unwrap();
        let half = Z * (208.0 / 28.0 * (1.0 / 10.0 + 1.0 / 20.0_f64)).sqrt();
        check(told[2], [1.0, 1.0 - half, 1.0 + half], 1e-12);
        let half = Z * (36.0 / 9.0 / 10.0_f64).sqrt();
        check(told[0], [10.0, 10.0 - half, 10.0 + half], 1e-12);
        assert_eq!(uplift(&one, &of(&[1])).unwrap().spend_minor, None);
        assert_eq!(uplift(&one, &Group::default()), None);
    }

    // Groups of 900 and 100: a difference is found as often as is said, and where there is nothing, found one time of twenty. A
    // retailer who is told of an effect that is not there pays for it for years. Of 2,000 draws, four standard deviations.
    #[test]
    fn differences_are_found_as_often_as_is_said() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut draw = |customers: u64, share: f64, spend_more: i64| {
            let mut group = Group::default();
            for _ in 0..customers {
                let returned = random.f64() < share;
                // Skewed, as spend is: few buy very much.
                let spend_minor = if returned { (20_00.0 / (random.f64() + 0.02)) as i64 + spend_more } else { 0 };
                group.add(Outcome { returned, spend_minor });
            }
            group
        };
        let mut found = [[0_u32; 2]; 2];
        let mut detectable = 0.0;
        for _ in 0..2_000 {
            let (treated, better, control) = (draw(900, 0.4, 0), draw(900, 0.4 + 0.14, 1_00), draw(100, 0.4, 0));
            for (place, group) in [&treated, &better].into_iter().enumerate() {
                let told = uplift(group, &control).unwrap();
                detectable = told.detectable_return_rate;
                let spend = told.spend_minor.unwrap()[2];
                for (measure, difference) in [told.return_rate[2], spend].into_iter().enumerate() {
                    let finding = Finding::of(&difference, [900, 100]);
                    found[place][measure] += u32::from(finding == Finding::More || finding == Finding::Less);
                }
            }
        }
        let [nothing, something] = found;
        assert!(nothing.iter().all(|count| (60..=145).contains(count)), "{nothing:?} of 2,000, about 100 are due");
        // A difference of 14 points is a little less than the 14.6 that are found four times of five.
        assert!((0.14..0.15).contains(&detectable), "{detectable}");
        assert!((1_450..1_620).contains(&something[0]), "{something:?}");
    }

    #[test]
    fn few_are_too_few() {
        let difference = |low, high| Interval { value: 0.2, low, high };
        assert_eq!(Finding::of(&difference(0.1, 0.3), [900, 29]), Finding::TooFew);
        assert_eq!(Finding::of(&difference(0.1, 0.3), [900, 30]), Finding::More);
        assert_eq!(Finding::of(&difference(-0.3, -0.1), [900, 30]), Finding::Less);
        assert_eq!(Finding::of(&difference(-0.1, 0.3), [900, 30]), Finding::NotSeen);
        let nobody_came = uplift(&group(40, 0), &group(40, 0)).unwrap();
        assert!(nobody_came.detectable_return_rate == 0.0 && nobody_came.detectable_spend_minor == Some(0.0));
    }

    // Tasks are added up, in any order; and amounts as large as there are do not end in nonsense.
    #[test]
    fn groups_add_up() {
        let (mut whole, mut one, mut two) = (Group::default(), Group::default(), Group::default());
        for number in 0..100_i64 {
            let outcome = Outcome { returned: number % 3 == 0, spend_minor: number * number - 50 };
            whole.add(outcome);
            if number % 2 == 0 { one.add(outcome) } else { two.add(outcome) }
        }
        one.merge(&two);
        assert_eq!(one, whole);
        let mut rich = Group::default();
        (0..40).for_each(|number| rich.add(Outcome { returned: true, spend_minor: i64::MAX - number }));
        let told = uplift(&rich, &whole).unwrap().spend_minor.unwrap()[2];
        assert!(told.low.is_finite() && told.high.is_finite() && told.low <= told.high, "{told:?}");
    }
}
