//! What later purchases are worth today.

/// A continuous rate of discount, in the time unit of the histories.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discount(f64);

/// A number that is no rate of discount.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "discount is {0} in a unit of time, not above 0 and at most {DISCOUNT_MAX}: without any, purchases for ever may be worth infinitely much"
)]
pub struct DiscountError(pub f64);

/// The largest rate: purchases a unit of time away are worth nothing.
pub const DISCOUNT_MAX: f64 = 1e3;
/// The smallest rate: that of a cent in the age of the earth.
pub const DISCOUNT_MIN: f64 = 1e-12;

impl Discount {
    /// A unit of money after a unit of time is worth `e^-rate` today.
    pub fn of_rate(rate: f64) -> Result<Discount, DiscountError> {
        if (DISCOUNT_MIN..=DISCOUNT_MAX).contains(&rate) { Ok(Discount(rate)) } else { Err(DiscountError(rate)) }
    }

    /// 0.15 for 15 % a year, where a year has so many units of time: 52 weeks, say.
    pub fn a_year(share: f64, units_in_year: f64) -> Result<Discount, DiscountError> {
        Discount::of_rate(libm::log1p(share) / units_in_year)
    }

    /// The continuous rate.
    pub fn rate(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // A discount of 0 would make the customers of CDNOW worth an infinite sum.
    #[test]
    fn only_rates_that_discount_exist() {
        assert!((Discount::a_year(0.15, 52.0).unwrap().rate() - 0.002687726).abs() < 1e-8);
        for rate in [0.0, -0.1, f64::NAN, f64::INFINITY, 1e-13] {
            assert!(Discount::of_rate(rate).is_err(), "{rate}");
        }
        assert!(Discount::a_year(-1.0, 52.0).is_err());
    }
}
