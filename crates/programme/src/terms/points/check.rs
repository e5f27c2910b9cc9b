//! What is wrong with the numbers of the points ledger.

use super::promotion::{Promotion, UsualRate};
use super::{Bonus, Expiry, Occasion, Points};
use crate::event::Interaction;
use crate::terms::Terms;
use crate::terms::finding::Findings;
use crate::time::{Timestamp, Zone};

/// The most that a bonus or a payment asks for, whole points.
const POINTS_MAX: i64 = 1_000_000_000_000;

impl Points {
    pub(in crate::terms) fn check(&self, terms: &Terms, findings: &mut Findings) {
        findings.range("points.minor_per_point", self.minor_per_point, 1, 1_000_000);
        findings.range("points.rate_permille", self.rate_permille, 0, 1000);
        for (tier, rate) in &self.rate_by_tier_permille {
            let key = format!("points.rate_by_tier_permille.{tier}");
            findings.range(&key, *rate, 0, 1000);
            let known = terms.tier.iter().any(|known| known.name == *tier);
            findings.check(known, &key, || {
                let names: Vec<&str> = terms.tier.iter().map(|tier| tier.name.as_str()).collect();
                format!("there is no tier {tier:?}; the tiers are {}", names.join(", "))
            });
        }
        findings.range("points.private_label_permille", self.private_label_permille, 0, 1000);
        findings.range("points.favourites_permille", self.favourites_permille, 0, 1000);
        findings.range("points.favourites_max", self.favourites_max, 0, 64);
        findings.check(
            (0..=POINTS_MAX).contains(&self.entry_spend_minor_min),
            "points.entry_spend_minor_min",
            || format!("{} must lie between 0 and {POINTS_MAX}", self.entry_spend_minor_min),
        );
        findings.range("points.pending_days", self.pending_days, 0, 400);
        findings.range("points.hold_days", self.hold_days, 0, 400);
        findings.range("points.redemption_max_permille", self.redemption_max_permille, 0, 1000);
        findings.check(
            (1..=POINTS_MAX).contains(&self.redemption_points_min),
            "points.redemption_points_min",
            || format!("{} must lie between 1 and {POINTS_MAX}", self.redemption_points_min),
        );
        findings.range("points.redemption_timeout_s", self.redemption_timeout_s, 1, 31_536_000);
        findings.range("points.lots_max", self.lots_max, 8, 4096);
        findings.range("points.redemptions_max", self.redemptions_max, 1, 1024);
        self.check_expiry(findings);
        self.check_accounts(terms, findings);
        for (i, bonus) in self.bonus.iter().enumerate() {
            let earlier = self.bonus[..i].iter().any(|other| other.name == bonus.name);
            findings.name(&format!("points.bonus.{i}.name"), &bonus.name, earlier);
            bonus.check(i, findings);
        }
        for (i, promotion) in self.promotion.iter().enumerate() {
            let earlier = self.promotion[..i].iter().any(|other| other.name == promotion.name);
            findings.name(&format!("points.promotion.{i}.name"), &promotion.name, earlier);
            findings.range(&format!("points.promotion.{i}.rate_permille"), promotion.rate_permille, 0, 1000);
        }
        if let (true, Some(zone)) = (findings.0.is_empty(), Zone::named(&terms.time_zone)) {
            self.check_promotions(&zone, findings);
        }
    }

    /// Points must not end before anybody can be warned, let alone spend them.
    fn check_expiry(&self, findings: &mut Findings) {
        let key = "points.expiry_warn_days";
        findings.range(key, self.expiry_warn_days, 0, 366);
        match self.expiry {
            Expiry::Never {} => findings.check(self.expiry_warn_days == 0, key, || {
                "points never end; leave the warning out, or say in points.expiry when they end".into()
            }),
            Expiry::Days { days } => {
                findings.range("points.expiry.days", days, 1, 3660);
                findings.check(self.expiry_warn_days < days, key, || {
                    format!("{} must lie below the {days} days that points last", self.expiry_warn_days)
                });
            }
            Expiry::MonthEnd { months } => {
                findings.range("points.expiry.months", months, 0, 120);
                let days = months.saturating_mul(28);
                findings.check(self.expiry_warn_days <= days, key, || {
                    format!(
                        "{} days are more than the {days} that points last at the least: what is earned at the end \
                         of a month lasts {months} months",
                        self.expiry_warn_days
                    )
                });
            }
            Expiry::YearEnd { months } => findings.range("points.expiry.months", months, 0, 120),
        }
    }

    fn check_accounts(&self, terms: &Terms, findings: &mut Findings) {
        for (i, account) in self.account.iter().enumerate() {
            let key = format!("points.account.{i}.currency");
            let code = &account.currency;
            let code_ok = code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
            findings.check(code_ok, &key, || format!("{code:?} is no ISO 4217 code, such as \"KZT\""));
            let earlier = self.account[..i].iter().any(|other| other.currency == *code);
            findings.check(!earlier && *code != terms.currency, &key, || {
                format!(
                    "{code:?} has an account already; each currency has one, and the programme's own needs no entry"
                )
            });
            findings.range(&format!("points.account.{i}.minor_per_point"), account.minor_per_point, 1, 1_000_000);
        }
    }

    /// Whoever buys must not get back more than was paid: at no moment do the rates that can meet add up to more than
    /// the price.
    fn check_promotions(&self, zone: &Zone, findings: &mut Findings) {
        for (i, promotion) in self.promotion.iter().enumerate() {
            let (begins, ends) = (promotion.begins(zone), promotion.ends(zone));
            findings.check(begins < ends, &format!("points.promotion.{i}.until"), || {
                format!("{} is not after {}, when it begins", promotion.until, promotion.from)
            });
            let permille = self.highest_permille(Some(begins), zone);
            findings.check(permille <= 1000, &format!("points.promotion.{i}.rate_permille"), || {
                format!(
                    "the rates that can meet when it begins add up to {permille} permille of the price, above 1000: \
                     rate, promotions and private_label_permille, raised by favourites_permille"
                )
            });
        }
        let permille = self.highest_permille(None, zone);
        findings.check(permille <= 1000, "points.rate_permille", || {
            format!(
                "the rates add up to {permille} permille of the price, above 1000: the highest rate and \
                 private_label_permille, raised by favourites_permille"
            )
        });
    }

    /// The highest rate that anything can earn at `at`, or without promotions, permille, rounded up.
    fn highest_permille(&self, at: Option<Timestamp>, zone: &Zone) -> u64 {
        let on = || self.promotion.iter().filter(|promotion| at.is_some_and(|at| promotion.is_on(at, zone)));
        let of = |usual: UsualRate| on().filter(move |promotion| promotion.usual_rate == usual);
        let rate = |promotion: &Promotion| u64::from(promotion.rate_permille);
        let base = self.rate_by_tier_permille.values().chain([&self.rate_permille]).copied().max();
        let replaced = of(UsualRate::Replaced).map(rate).max();
        let base = u64::from(base.unwrap_or(0)).max(replaced.unwrap_or(0));
        let added: u64 = of(UsualRate::Kept).map(rate).sum();
        let sum = base + added + u64::from(self.private_label_permille);
        (sum * (1000 + u64::from(self.favourites_permille))).div_ceil(1000)
    }
}

impl Bonus {
    fn check(&self, i: usize, findings: &mut Findings) {
        findings.check((1..=POINTS_MAX).contains(&self.points), &format!("points.bonus.{i}.points"), || {
            format!("{} must lie between 1 and {POINTS_MAX}", self.points)
        });
        findings.range(&format!("points.bonus.{i}.times_max"), self.times_max, 1, 100);
        findings.range(&format!("points.bonus.{i}.per_days"), self.per_days, 1, 800);
        let complaint =
            matches!(self.on, Occasion::Interacted(Interaction::Complaint | Interaction::ComplaintAnswered));
        findings.check(!complaint, &format!("points.bonus.{i}.on"), || {
            "points for complaints invite complaints; make amends with pointsAdjusted instead".into()
        });
    }
}
