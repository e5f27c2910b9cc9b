//! Challenges, collections, categories and consents beside their stored messages.

use programme::customer::categories::{CategoriesStanding, CategoryStanding};
use programme::customer::challenges::{
    ChallengeStanding, CollectionStanding, Counted, PeriodStanding, Reward, StickerBasket, Told,
};
use programme::facts::consents::{Consents, Word};
use programme::time::{Day, Timestamp};

use super::{differences, or_zeros, parallel, unless_zero};
use crate::proto::{
    StoredCategories, StoredChallenge, StoredCollection, StoredConsent, StoredPeriod, StoredReward,
};
use crate::stored::CorruptState;

pub(super) fn consents(consents: &Consents) -> Vec<StoredConsent> {
    let message =
        |word: &Word| StoredConsent { purpose: word.purpose.clone(), granted: word.granted, at_ms: word.at.0 };
    consents.words.iter().map(message).collect()
}

pub(super) fn read_consents(stored: Vec<StoredConsent>) -> Result<Consents, CorruptState> {
    let word = |stored: StoredConsent| Word {
        purpose: stored.purpose,
        granted: stored.granted,
        at: Timestamp(stored.at_ms),
    };
    let words: Vec<Word> = stored.into_iter().map(word).collect();
    match words.is_sorted_by(|one, next| one.purpose < next.purpose) {
        true => Ok(Consents { words }),
        false => Err(CorruptState::Contradiction(format!("the {} consents do not ascend", words.len()))),
    }
}

pub(super) fn challenge(own: &ChallengeStanding) -> StoredChallenge {
    StoredChallenge {
        name: own.name.clone(),
        periods: own.periods.iter().map(period).collect(),
        settled_until_day: own.settled_until.map(|day| day.0),
        settled_row: own.settled_row,
        settled_progress: own.settled_progress.clone(),
        settled_once: own.settled_once,
        told_row: own.told_row,
    }
}

pub(super) fn read_challenge(stored: StoredChallenge) -> Result<ChallengeStanding, CorruptState> {
    let periods = stored.periods.into_iter().map(read_period).collect::<Result<Vec<_>, _>>()?;
    if !periods.is_sorted_by(|earlier, later| earlier.first < later.first) {
        let message = format!("the {} periods of challenge {:?} do not ascend", periods.len(), stored.name);
        return Err(CorruptState::Contradiction(message));
    }
    Ok(ChallengeStanding {
        name: stored.name,
        periods,
        settled_until: stored.settled_until_day.map(Day),
        settled_row: stored.settled_row,
        settled_progress: stored.settled_progress,
        settled_once: stored.settled_once,
        told_row: stored.told_row,
    })
}

fn period(own: &PeriodStanding) -> StoredPeriod {
    let all_one = own.counted.iter().all(|counted| counted.value == 1);
    StoredPeriod {
        first_day: own.first.0,
        target: own.target,
        counted: own.counted.iter().map(|counted| counted.key).collect(),
        counted_values: own.counted.iter().map(|counted| counted.value).filter(|_| !all_one).collect(),
        forgotten: own.forgotten,
        told: match own.told {
            Told::Nothing => 0,
            Told::Started => 1,
            Told::Over => 2,
        },
        milestones: own.milestones,
        reward: own.reward.map(|reward| StoredReward { points: reward.points, stickers: reward.stickers }),
    }
}

fn read_period(stored: StoredPeriod) -> Result<PeriodStanding, CorruptState> {
    if !stored.counted_values.is_empty() {
        parallel("counted_values", stored.counted_values.len(), stored.counted.len())?;
    }
    let value = |i: usize| stored.counted_values.get(i).copied().unwrap_or(1);
    let counted = stored.counted.iter().enumerate().map(|(i, key)| Counted { key: *key, value: value(i) });
    Ok(PeriodStanding {
        first: Day(stored.first_day),
        target: stored.target,
        counted: counted.collect(),
        forgotten: stored.forgotten,
        told: match stored.told {
            0 => Told::Nothing,
            1 => Told::Started,
            2 => Told::Over,
            told => return Err(CorruptState::Contradiction(format!("told {told} of a period is not known"))),
        },
        milestones: stored.milestones,
        reward: stored.reward.map(|reward| Reward { points: reward.points, stickers: reward.stickers }),
    })
}

pub(super) fn collection(own: &CollectionStanding) -> StoredCollection {
    StoredCollection {
        name: own.name.clone(),
        stickers: own.stickers,
        rewards: own.rewards,
        baskets: own.baskets.iter().map(|basket| basket.basket).collect(),
        basket_days: differences(own.baskets.iter().map(|basket| basket.day.0), i32::wrapping_sub),
        basket_values: own.baskets.iter().map(|basket| basket.value).collect(),
    }
}

pub(super) fn read_collection(stored: StoredCollection) -> Result<CollectionStanding, CorruptState> {
    let count = stored.baskets.len();
    parallel("basket_days", stored.basket_days.len(), count)?;
    parallel("basket_values", stored.basket_values.len(), count)?;
    let mut day = 0_i32;
    let baskets = (0..count).map(|i| {
        day = day.wrapping_add(stored.basket_days[i]);
        StickerBasket { basket: stored.baskets[i], day: Day(day), value: stored.basket_values[i] }
    });
    Ok(CollectionStanding {
        baskets: baskets.collect(),
        name: stored.name,
        stickers: stored.stickers,
        rewards: stored.rewards,
    })
}

/// Nothing where no category is followed.
pub(super) fn categories(own: &CategoriesStanding) -> Option<StoredCategories> {
    let CategoriesStanding { categories, wake } = own;
    let last_after_first =
        |category: &CategoryStanding| category.last.0.wrapping_sub(category.first.0).cast_unsigned();
    (*own != CategoriesStanding::default()).then(|| StoredCategories {
        categories: categories.iter().map(|category| category.category.clone()).collect(),
        purchases: categories.iter().map(|category| category.purchases).collect(),
        first_days: differences(categories.iter().map(|category| category.first.0), i32::wrapping_sub),
        last_after_first_days: categories.iter().map(last_after_first).collect(),
        silence_seen: unless_zero(categories.iter().map(|category| u32::from(category.silence_seen))),
        wake_day: wake.map(|day| day.0),
    })
}

pub(super) fn read_categories(stored: Option<StoredCategories>) -> Result<CategoriesStanding, CorruptState> {
    let Some(stored) = stored else { return Ok(CategoriesStanding::default()) };
    let count = stored.categories.len();
    parallel("purchases", stored.purchases.len(), count)?;
    parallel("first_days", stored.first_days.len(), count)?;
    parallel("last_after_first_days", stored.last_after_first_days.len(), count)?;
    let silence_seen = or_zeros("silence_seen", &stored.silence_seen, count)?;
    let mut first = 0_i32;
    let mut categories = Vec::with_capacity(count);
    for (i, category) in stored.categories.into_iter().enumerate() {
        first = first.wrapping_add(stored.first_days[i]);
        categories.push(CategoryStanding {
            category,
            purchases: stored.purchases[i],
            first: Day(first),
            last: Day(first.wrapping_add(stored.last_after_first_days[i].cast_signed())),
            silence_seen: match silence_seen(i) {
                0 => false,
                1 => true,
                seen => {
                    let message = format!("silence_seen {seen} of category {i} is not known");
                    return Err(CorruptState::Contradiction(message));
                }
            },
        });
    }
    Ok(CategoriesStanding { categories, wake: stored.wake_day.map(Day) })
}
