//! The numbers of the fraud mechanic: what looks like abuse, and from where on points are held.

use serde::{Deserialize, Serialize};

use super::finding::Findings;

/// What looks like abuse (`domain.md` BY-17). Each rule can be left out. A soft limit is the number from which on abuse is
/// suspected; a hard limit, where one is given, that from which on also the points are held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fraud {
    /// How many purchases are remembered for these rules, and as many returns and payments with points; 1 to 1000.
    pub recent_max: u32,
    /// For so long after a suspicion the same pattern is not suspected again unless points are held, minutes, 0 to 525,600.
    pub cool_down_minutes: u32,
    /// Too many purchases in too short a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub velocity: Option<Velocity>,
    /// Two stores, and too little time to go from one to the other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub travel: Option<Travel>,
    /// Goods that go back after points were spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_after_redemption: Option<ReturnAfterRedemption>,
    /// Too many baskets at one cashier's till.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashier: Option<Cashier>,
    /// One card in too many stores on one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    /// One purchase in several receipts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
    /// Where the stores are. A store that is not listed has no place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub store: Vec<Store>,
    /// Whose card is a cashier's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cashier_card: Vec<CashierCard>,
}

/// Too many purchases within some minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Velocity {
    /// Purchases of the last so many minutes are counted, 1 to 525,600.
    pub minutes: u32,
    /// Suspected from so many purchases on, at least 2.
    pub purchases_soft: u32,
    /// Held from so many purchases on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchases_hard: Option<u32>,
}

/// Two stores in too little time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Travel {
    /// Between two stores whose places are listed: suspected when it had to go faster than this, 1 to 40,000.
    pub km_per_hour_soft: u32,
    /// Held when it had to go faster than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub km_per_hour_hard: Option<u32>,
    /// Between two other stores: suspected in fewer minutes than this; 0 where such stores are not judged; to 10,080.
    #[serde(default)]
    pub minutes_soft: u32,
    /// Held in fewer minutes than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes_hard: Option<u32>,
}

/// Goods that go back after points were spent that were earned by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnAfterRedemption {
    /// A return counts so long after the payment with points that followed its purchase, days, 1 to 800. Baskets are
    /// remembered as `memory` says.
    pub days: u32,
    /// Suspected from so many such returns within these days on, at least 1.
    pub returns_soft: u32,
    /// Held from so many such returns on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns_hard: Option<u32>,
}

/// Too many baskets at one cashier's till.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cashier {
    /// The last so many baskets of which the cashier is known are looked at, at least 2.
    pub baskets: u32,
    /// Suspected when so many of them were taken by one cashier, at least 2.
    pub same_soft: u32,
    /// Held when so many of them were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_hard: Option<u32>,
    /// Suspected when so many of them were taken by the cashier whose own card it is, at least 1.
    pub own_soft: u32,
    /// Held when so many of them were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_hard: Option<u32>,
}

/// One card in too many stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sharing {
    /// Suspected from so many different stores on one local day on, at least 2.
    pub stores_soft: u32,
    /// Held from so many stores on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stores_hard: Option<u32>,
}

/// Several receipts of one store that each stay below a threshold, and together reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Receipts of the last so many minutes are counted, 1 to 525,600.
    pub minutes: u32,
    /// What something is asked for above, minor units, above 0.
    pub threshold_minor: i64,
    /// Suspected from so many receipts on, at least 2.
    pub receipts_soft: u32,
    /// Held from so many receipts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipts_hard: Option<u32>,
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// The `storeId` of purchases.
    pub id: String,
    /// Degrees north, -90 to 90; read to the millionth.
    pub lat: f64,
    /// Degrees east, -180 to 180; read to the millionth.
    pub lon: f64,
}

/// A cashier's own card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CashierCard {
    /// Whose card it is.
    pub customer_id: String,
    /// The `cashierId` of purchases.
    pub cashier_id: String,
}

impl Store {
    /// How far it is to `other`, metres, in whole numbers: as the crow flies, and within one part in a hundred up to some
    /// hundred kilometres; beyond that rather too far, by a tenth across a continent.
    pub fn metres_to(&self, other: &Store) -> i64 {
        /// A degree of latitude, metres.
        const DEGREE_METRES: i64 = 111_195;
        let north_e6 = millionths(self.lat) - millionths(other.lat);
        let east_e6 = (millionths(self.lon) - millionths(other.lon)).abs();
        // The shorter way round.
        let east_e6 = east_e6.min(360_000_000 - east_e6);
        // Bhaskara's cosine, right to 0.002: (32400 - 4 x^2) / (32400 + x^2) for x in degrees, here in thousandths.
        let lat_e3 = (millionths(self.lat) + millionths(other.lat)) / 2000;
        let whole = 32_400 * 1_000_000;
        let cosine_e6 = 1_000_000 * (whole - 4 * lat_e3 * lat_e3) / (whole + lat_e3 * lat_e3);
        let north_m = i128::from(north_e6 * DEGREE_METRES / 1_000_000);
        let east_m = i128::from(east_e6) * i128::from(DEGREE_METRES) * i128::from(cosine_e6) / 1_000_000_000_000;
        let squares = north_m * north_m + east_m * east_m;
        i64::try_from(squares.isqrt()).expect("nothing on earth is further than forty million metres")
    }
}

fn millionths(degrees: f64) -> i64 {
    libm::round(degrees * 1e6) as i64
}

const MINUTES_MAX: u32 = 525_600;

impl Fraud {
    pub(super) fn check(&self, findings: &mut Findings) {
        findings.range("fraud.recent_max", self.recent_max, 1, 1000);
        findings.range("fraud.cool_down_minutes", self.cool_down_minutes, 0, MINUTES_MAX);
        if let Some(velocity) = &self.velocity {
            findings.range("fraud.velocity.minutes", velocity.minutes, 1, MINUTES_MAX);
            let limits =
                [("purchases_soft", Some(velocity.purchases_soft)), ("purchases_hard", velocity.purchases_hard)];
            self.counts("velocity", limits, 2, self.recent_max, findings);
        }
        if let Some(travel) = &self.travel {
            travel.check(findings);
        }
        if let Some(returns) = &self.return_after_redemption {
            findings.range("fraud.return_after_redemption.days", returns.days, 1, 800);
            let limits = [("returns_soft", Some(returns.returns_soft)), ("returns_hard", returns.returns_hard)];
            self.counts("return_after_redemption", limits, 1, self.recent_max, findings);
        }
        if let Some(cashier) = &self.cashier {
            findings.range("fraud.cashier.baskets", cashier.baskets, 2, self.recent_max.max(2));
            let same = [("same_soft", Some(cashier.same_soft)), ("same_hard", cashier.same_hard)];
            self.counts("cashier", same, 2, cashier.baskets, findings);
            let own = [("own_soft", Some(cashier.own_soft)), ("own_hard", cashier.own_hard)];
            self.counts("cashier", own, 1, cashier.baskets, findings);
        }
        if let Some(sharing) = &self.sharing {
            let limits = [("stores_soft", Some(sharing.stores_soft)), ("stores_hard", sharing.stores_hard)];
            self.counts("sharing", limits, 2, self.recent_max, findings);
        }
        if let Some(split) = &self.split {
            findings.range("fraud.split.minutes", split.minutes, 1, MINUTES_MAX);
            let threshold = split.threshold_minor;
            findings.check(threshold > 0, "fraud.split.threshold_minor", || format!("{threshold} must be above 0"));
            let limits = [("receipts_soft", Some(split.receipts_soft)), ("receipts_hard", split.receipts_hard)];
            self.counts("split", limits, 2, self.recent_max, findings);
        }
        for (i, store) in self.store.iter().enumerate() {
            let Store { id, lat, lon } = store;
            let key = |field: &str| format!("fraud.store.{i}.{field}");
            findings
                .check((-90.0..=90.0).contains(lat), &key("lat"), || format!("{lat} must lie between -90 and 90"));
            findings.check((-180.0..=180.0).contains(lon), &key("lon"), || {
                format!("{lon} must lie between -180 and 180")
            });
            let taken = self.store[..i].iter().any(|other| other.id == *id);
            named(&key("id"), id, taken, findings);
        }
        for (i, card) in self.cashier_card.iter().enumerate() {
            let key = |field: &str| format!("fraud.cashier_card.{i}.{field}");
            named(&key("cashier_id"), &card.cashier_id, false, findings);
            let taken = self.cashier_card[..i].iter().any(|other| other.customer_id == card.customer_id);
            named(&key("customer_id"), &card.customer_id, taken, findings);
        }
    }

    /// Limits of a count that nobody can reach would only look as if they protected.
    fn counts(&self, rule: &str, limits: [(&str, Option<u32>); 2], min: u32, max: u32, findings: &mut Findings) {
        let soft = limits[0].1;
        for (field, limit) in limits {
            let Some(limit) = limit else { continue };
            findings.range(&format!("fraud.{rule}.{field}"), limit, min, max.max(min));
        }
        let [_, (field, hard)] = limits;
        if let (Some(soft), Some(hard)) = (soft, hard) {
            findings.check(soft <= hard, &format!("fraud.{rule}.{field}"), || {
                format!("{hard} is below the soft limit {soft}; points are held only where abuse is suspected")
            });
        }
    }
}

impl Travel {
    fn check(&self, findings: &mut Findings) {
        findings.range("fraud.travel.km_per_hour_soft", self.km_per_hour_soft, 1, 40_000);
        findings.range("fraud.travel.minutes_soft", self.minutes_soft, 0, 10_080);
        if let Some(hard) = self.km_per_hour_hard {
            let key = "fraud.travel.km_per_hour_hard";
            findings.range(key, hard, 1, 40_000);
            let soft = self.km_per_hour_soft;
            findings.check(hard >= soft, key, || {
                format!("{hard} is below the soft limit {soft}, which is passed first")
            });
        }
        if let Some(hard) = self.minutes_hard {
            let soft = self.minutes_soft;
            findings.check(hard <= soft, "fraud.travel.minutes_hard", || {
                format!("{hard} is above the soft limit {soft}; fewer minutes are the stronger sign")
            });
        }
    }
}

fn named(key: &str, id: &str, taken: bool, findings: &mut Findings) {
    findings.check(!id.is_empty(), key, || "is empty".into());
    findings.check(!taken, key, || format!("{id:?} is there twice"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(id: &str, lat: f64, lon: f64) -> Store {
        Store { id: id.into(), lat, lon }
    }

    // A distance that is too long accuses honest travellers; one that is too short misses the others.
    #[test]
    fn distances_are_those_of_the_map() {
        let moscow = store("moscow", 55.7558, 37.6173);
        let cases = [
            (store("petersburg", 59.9343, 30.3351), 634_000),
            (store("khimki", 55.8887, 37.4304), 18_850),
            (store("same", 55.7558, 37.6173), 0),
        ];
        for (other, metres) in cases {
            let found = moscow.metres_to(&other);
            assert!((found - metres).abs() <= metres / 100, "{}: {found} for {metres}", other.id);
            assert_eq!(other.metres_to(&moscow), found);
        }
        // Two shops of one town on either side of the date line are not an earth apart.
        let (west, east) = (store("west", -16.8, 179.99), store("east", -16.8, -179.99));
        assert!((2_100..2_160).contains(&west.metres_to(&east)), "{}", west.metres_to(&east));
    }

    // A limit that cannot be reached protects nobody, and one that is passed before its warning warns nobody.
    #[test]
    fn wrong_limits_are_named() {
        let terms = Fraud {
            recent_max: 8,
            cool_down_minutes: 600_000,
            velocity: Some(Velocity { minutes: 0, purchases_soft: 5, purchases_hard: Some(9) }),
            travel: Some(Travel {
                km_per_hour_soft: 200,
                km_per_hour_hard: Some(100),
                minutes_soft: 5,
                minutes_hard: Some(6),
            }),
            return_after_redemption: Some(ReturnAfterRedemption { days: 0, returns_soft: 0, returns_hard: None }),
            cashier: Some(Cashier { baskets: 5, same_soft: 6, same_hard: None, own_soft: 2, own_hard: Some(1) }),
            sharing: Some(Sharing { stores_soft: 1, stores_hard: None }),
            split: Some(Split { minutes: 1, threshold_minor: 0, receipts_soft: 1, receipts_hard: None }),
            store: vec![store("a", 91.0, 0.0), store("a", 0.0, f64::NAN)],
            cashier_card: vec![CashierCard { customer_id: String::new(), cashier_id: "k".into() }],
        };
        let mut findings = Findings(Vec::new());
        terms.check(&mut findings);
        let said: String =
            findings.0.iter().map(|finding| format!("{}: {}\n", finding.key, finding.message)).collect();
        expect_test::expect![[r#"
            fraud.cool_down_minutes: 600000 must lie between 0 and 525600
            fraud.velocity.minutes: 0 must lie between 1 and 525600
            fraud.velocity.purchases_hard: 9 must lie between 2 and 8
            fraud.travel.km_per_hour_hard: 100 is below the soft limit 200, which is passed first
            fraud.travel.minutes_hard: 6 is above the soft limit 5; fewer minutes are the stronger sign
            fraud.return_after_redemption.days: 0 must lie between 1 and 800
            fraud.return_after_redemption.returns_soft: 0 must lie between 1 and 8
            fraud.cashier.same_soft: 6 must lie between 2 and 5
            fraud.cashier.own_hard: 1 is below the soft limit 2; points are held only where abuse is suspected
            fraud.sharing.stores_soft: 1 must lie between 2 and 8
            fraud.split.threshold_minor: 0 must be above 0
            fraud.split.receipts_soft: 1 must lie between 2 and 8
            fraud.store.0.lat: 91 must lie between -90 and 90
            fraud.store.1.lon: NaN must lie between -180 and 180
            fraud.store.1.id: "a" is there twice
            fraud.cashier_card.0.customer_id: is empty
        "#]]
        .assert_eq(&said);
    }
}
