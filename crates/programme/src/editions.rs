//! The programme over time: which terms hold at which instant.
//!
//! Several editions of the terms may stand side by side, each from its own instant. An event is judged by those that
//! held when it happened. When an edition begins, every customer is judged once by it, at that instant, or, where the
//! customer was judged later already by what held before, at the next instant.

use crate::customer::Customer;
use crate::mechanic::Moment;
use crate::terms::Terms;
use crate::terms::finding::Finding;
use crate::time::{TIMESTAMP_MIN, Timestamp, Zone};

/// A programme ready to judge: checked terms and their time zone.
#[derive(Clone, Debug)]
pub struct Programme {
    /// Ascending by the instant from which they hold; at least one.
    editions: Vec<Edition>,
    zone: Zone,
}

/// Terms from one instant on.
#[derive(Clone, Debug)]
pub struct Edition {
    /// The first of a programme has always held.
    pub from: Timestamp,
    /// Tells these numbers from others; not 0.
    pub id: u32,
    /// The numbers.
    pub terms: Terms,
}

/// Something wrong with one of several editions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditionFinding {
    /// Which, by its place in the list that was given.
    pub edition: usize,
    /// What.
    pub finding: Finding,
}

impl Programme {
    /// Takes terms that pass [`Terms::check`] and have always held; the findings otherwise.
    pub fn new(terms: Terms) -> Result<Programme, Vec<Finding>> {
        let of_one = |found: Vec<EditionFinding>| found.into_iter().map(|found| found.finding).collect();
        Programme::of(vec![(terms, 1)]).map_err(of_one)
    }

    /// Takes several editions, in any order, each with what tells its numbers from others; what is wrong with them
    /// otherwise.
    pub fn of(given: Vec<(Terms, u32)>) -> Result<Programme, Vec<EditionFinding>> {
        let mut findings = Vec::new();
        for (edition, (terms, _)) in given.iter().enumerate() {
            findings.extend(terms.check().into_iter().map(|finding| EditionFinding { edition, finding }));
        }
        let zone = given.first().and_then(|(terms, _)| Zone::named(&terms.time_zone));
        let Some(zone) = zone.filter(|_| findings.is_empty()) else { return Err(findings) };
        findings = beside_each_other(&given, &zone);
        if !findings.is_empty() {
            return Err(findings);
        }
        let edition = |(terms, id): (Terms, u32)| Edition {
            from: terms.starts_at(&zone).unwrap_or(TIMESTAMP_MIN),
            id: id.max(1),
            terms,
        };
        let mut editions: Vec<Edition> = given.into_iter().map(edition).collect();
        editions.sort_by_key(|edition| edition.from);
        // Before the first there was nothing else: it judges what happened before it, too.
        editions[0].from = TIMESTAMP_MIN;
        Ok(Programme { editions, zone })
    }

    /// The numbers of the latest edition. What has to be known before there is an instant (the currency, the zone, the
    /// lateness) is the same in all of them.
    pub fn terms(&self) -> &Terms {
        &self.editions.last().expect("there is at least one edition").terms
    }

    /// The numbers that hold at `at`.
    pub fn terms_at(&self, at: Timestamp) -> &Terms {
        &self.editions[self.edition_at(at)].terms
    }

    /// Every edition, ascending by the instant from which it holds.
    pub fn editions(&self) -> &[Edition] {
        &self.editions
    }

    /// The programme's time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Tells this programme from one that has other numbers at any time; not 0.
    pub fn id(&self) -> u32 {
        let mut bytes = Vec::new();
        for edition in &self.editions {
            bytes.extend(edition.from.0.to_be_bytes());
            bytes.extend(edition.id.to_be_bytes());
        }
        // 32 bits tell apart the handful of programmes that a retailer has in a lifetime.
        (xxhash_rust::xxh3::xxh3_64(&bytes) as u32).max(1)
    }

    /// When and by which numbers: the programme seen at one instant.
    pub fn moment(&self, at: Timestamp) -> Moment<'_> {
        Moment { terms: self.terms_at(at), zone: &self.zone, at, day: self.zone.day(at), happened: None }
    }

    /// Tells by which terms the population is counted, so that what was counted by others is not mixed with it; 0 where
    /// the terms do not count it.
    pub fn population_id(&self) -> u32 {
        let terms = self.terms();
        let Some(population) = &terms.population else { return 0 };
        let mut bytes = Vec::from(population.lost_days.to_be_bytes());
        bytes.extend(terms.time_zone.as_bytes());
        bytes.push(crate::population::COUNTED_AS);
        (xxhash_rust::xxh3::xxh3_64(&bytes) as u32).max(1)
    }

    /// The place of the edition that holds at `at`.
    pub fn edition_at(&self, at: Timestamp) -> usize {
        match self.editions.len() {
            1 => 0,
            _ => self.editions.partition_point(|edition| edition.from <= at).saturating_sub(1),
        }
    }

    /// When `customer` has to be judged by other terms than those of the last time; `None` where no others are known.
    pub(crate) fn terms_change_at(&self, customer: &Customer) -> Option<Timestamp> {
        if customer.is_unknown() {
            return None;
        }
        let standing = &customer.standing;
        let held = self.edition_at(standing.clock);
        // Of customers who were kept before editions were, it is not known, and nothing has changed for them.
        let judged_by_others = standing.terms != 0 && standing.terms != self.editions[held].id;
        match judged_by_others {
            true => Some(standing.clock.plus_ms(1)),
            false => self.editions.get(held + 1).map(|next| next.from),
        }
    }

    /// Sets anew when to look at `customer`, whom other terms may have told so; false where it was right.
    pub fn arm(&self, customer: &mut Customer) -> bool {
        let terms_change = self.terms_change_at(customer);
        let wake_at = [customer.standing.wake_at(&self.zone), terms_change].into_iter().flatten().min();
        wake_at != std::mem::replace(&mut customer.wake_at, wake_at)
    }
}

fn lost_days(terms: &Terms) -> Option<u32> {
    terms.population.as_ref().map(|population| population.lost_days)
}

/// What is wrong with editions, each of which is right by itself, beside each other.
fn beside_each_other(given: &[(Terms, u32)], zone: &Zone) -> Vec<EditionFinding> {
    let mut findings = Vec::new();
    let mut find = |edition: usize, key: &str, message: String| {
        findings.push(EditionFinding { edition, finding: Finding { key: key.to_string(), message } });
    };
    let (first, _) = &given[0];
    for (edition, (terms, _)) in given.iter().enumerate().skip(1) {
        let earlier = &given[..edition];
        if earlier.iter().any(|(other, _)| other.starts_at(zone) == terms.starts_at(zone)) {
            let message = match &terms.valid_from {
                None => {
                    "is not given, and another edition has none either; say from when this one holds".to_string()
                }
                Some(from) => format!("{from:?} is the beginning of another edition, too"),
            };
            find(edition, "valid_from", message);
        }
        if earlier.iter().any(|(other, _)| other.version == terms.version) {
            find(edition, "version", format!("{:?} names another edition, too", terms.version));
        }
        let same = [
            ("currency", first.currency == terms.currency, first.currency.clone()),
            ("time_zone", first.time_zone == terms.time_zone, first.time_zone.clone()),
            ("lateness_s", first.lateness_s == terms.lateness_s, first.lateness_s.to_string()),
            (
                "future_skew_s_max",
                first.future_skew_s_max == terms.future_skew_s_max,
                first.future_skew_s_max.to_string(),
            ),
            (
                "population.lost_days",
                lost_days(first) == lost_days(terms),
                lost_days(first).map_or("absent".into(), |days| days.to_string()),
            ),
            (
                "churn.tau_days",
                first.churn.tau_days.total_cmp(&terms.churn.tau_days).is_eq(),
                first.churn.tau_days.to_string(),
            ),
        ];
        for (key, _, expected) in same.iter().filter(|(_, is_same, _)| !is_same) {
            let of = &first.version;
            find(
                edition,
                key,
                format!("must be {expected} as in edition {of:?}: what is kept of customers rests on it"),
            );
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::history;

    fn edition(version: &str, valid_from: Option<&str>, purchases_min: u32) -> Terms {
        let mut terms = history::terms();
        terms.version = version.into();
        terms.valid_from = valid_from.map(str::to_string);
        terms.tier[1].purchases_min = Some(purchases_min);
        terms
    }

    // Two editions that begin together, or count days in two zones, would leave it to chance who is regular.
    #[test]
    fn editions_must_go_together() {
        let mut elsewhere = edition("c", Some("2024-03-01"), 3);
        elsewhere.time_zone = "Europe/Moscow".into();
        let given = vec![(edition("a", None, 4), 1), (edition("a", None, 4), 1), (elsewhere, 2)];
        let found = Programme::of(given).expect_err("they do not go together");
        let lines: Vec<String> = found
            .into_iter()
            .map(|found| format!("{} {}: {}", found.edition, found.finding.key, found.finding.message))
            .collect();
        expect![[r#"
            1 valid_from: is not given, and another edition has none either; say from when this one holds
            1 version: "a" names another edition, too
            2 time_zone: must be UTC as in edition "a": what is kept of customers rests on it"#]]
        .assert_eq(&lines.join("\n"));
    }

    // New terms on the first of the month: whoever meets them rises then, with no purchase, and is told why.
    #[test]
    fn everybody_is_judged_when_an_edition_begins() {
        let programme =
            Programme::of(vec![(edition("a", None, 4), 1), (edition("b", Some("2024-02-01"), 3), 2)]).unwrap();
        let decided = history::decided_by(
            &programme,
            "2024-01-20 purchase b1 9000.00
             2024-01-21 purchase b2 9000.00
             2024-01-22 purchase b3 9000.00
             until 2024-02-10
             2024-01-23 purchase b4 10.00",
        );
        expect![[r#"
            1 2024-02-01T00:00:00Z newcomer -> regular: TermsChanged purchases=3/3 spend_minor=2700000/1500000
        "#]]
        .assert_eq(&decided);
    }

    // The file was exchanged while nobody looked: what it changes is told at the next look, once.
    #[test]
    fn terms_that_were_exchanged_are_applied_once() {
        let before = Programme::of(vec![(edition("a", None, 4), 1)]).unwrap();
        let after = Programme::of(vec![(edition("b", None, 3), 2)]).unwrap();
        let mut customer = Customer::default();
        let mut decisions = Vec::new();
        for line in
            ["2024-01-20 purchase b1 9000.00", "2024-01-21 purchase b2 9000.00", "2024-01-22 purchase b3 9000.00"]
        {
            before.fold(&mut customer, &history::event(line), &mut decisions);
        }
        assert!(!before.arm(&mut customer), "nothing has changed yet");
        assert!(after.arm(&mut customer));
        let clock = customer.standing.clock;
        assert_eq!(customer.wake_at, Some(clock.plus_ms(1)));
        after.wake_until("c", &mut customer, clock.plus_ms(1), &mut decisions);
        expect![[r#"
            1 2024-01-22T12:00:00.001Z newcomer -> regular: TermsChanged purchases=3/3 spend_minor=2700000/1500000
        "#]]
        .assert_eq(&history::shown(&decisions));
        assert!(!after.arm(&mut customer), "it was judged by what holds now");
    }
}
