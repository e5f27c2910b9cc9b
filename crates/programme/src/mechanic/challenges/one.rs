//! One challenge: what counts is booked in its period, and what follows is announced.

pub(super) mod correct;
mod rows;

use super::count::{self, GONE, Gained};
use super::period::Period;
use crate::customer::challenges::{ChallengeStanding, Counted, PeriodStanding, Reward, Told};
use crate::decision::{Body, ChallengeChanged, ChallengeKind, Evidence, Value};
use crate::mechanic::{Conclusion, Moment};
use crate::terms::challenges::{Challenge, Goal};
use crate::time::Day;

use rows::Rows;

/// Judges one challenge, and returns the stickers that it gave; below 0 where it took them back.
pub(super) fn judge(
    moment: &Moment<'_>,
    challenge: &Challenge,
    own: &mut ChallengeStanding,
    gained: Option<Gained>,
    concluded: &mut Vec<Conclusion>,
) -> i64 {
    let mut announcer = Announcer { moment, challenge, stickers: 0, concluded };
    if challenge.streak == 1 {
        announcer.failed(own);
    }
    settle(moment, challenge, own);
    if let Some(gained) = gained {
        book(moment, challenge, own, gained);
    } else {
        take_back(moment, challenge, own);
    }
    let rows = Rows::of(challenge, own, moment.day);
    let reversed = announcer.reversed(own, &rows);
    let completed = announcer.completed(own, &rows);
    match challenge.streak {
        1 => announcer.progressed(own),
        _ => announcer.row_moved(own, &rows, reversed || completed),
    }
    announcer.stickers
}

/// When the challenge may fail although nothing happens.
pub(super) fn wake(moment: &Moment<'_>, challenge: &Challenge, own: &ChallengeStanding) -> Option<Day> {
    if challenge.streak == 1 {
        let begun = |period: &&PeriodStanding| period.told == Told::Started && period.reward.is_none();
        let ends = own.periods.iter().filter(begun).map(|period| Period::from(challenge, period.first).end);
        return ends.min();
    }
    let open = Period::at(challenge, moment.day).filter(|_| own.told_row > 0)?;
    let done = |period: &PeriodStanding| period.first == open.first && is_done(challenge, period);
    match own.periods.last().is_some_and(done) {
        // This period is in the row already: it is the next one that can break it.
        true => Some(Period::at(challenge, open.end).map_or(open.end, |next| next.end)),
        false => Some(open.end),
    }
}

/// How far the customer has come in a period, in the challenge's own unit.
fn progress(challenge: &Challenge, period: &PeriodStanding) -> i64 {
    let worth = |counted: &Counted| worth(challenge, counted.value);
    let sum = period.counted.iter().map(worth).fold(period.forgotten, i64::saturating_add);
    match challenge.goal {
        Goal::Items => sum / 1000,
        Goal::Baskets | Goal::Amount | Goal::Visits => sum,
    }
}

/// What one basket or visit adds to the sum.
fn worth(challenge: &Challenge, value: i64) -> i64 {
    match challenge.goal {
        Goal::Items | Goal::Amount => value,
        Goal::Baskets | Goal::Visits => 1,
    }
}

fn is_done(challenge: &Challenge, period: &PeriodStanding) -> bool {
    progress(challenge, period) >= period.target
}

/// Whether what comes back takes nothing away any more from the period that ended before the day `end`.
fn is_closed(challenge: &Challenge, end: Day, today: Day) -> bool {
    let returns_days = i32::try_from(challenge.returns_days).expect("terms bound it to 92");
    end.plus(returns_days) <= today
}

/// Whether nothing can change any more in the period that began on `first`, not even by what comes late.
fn is_settled(moment: &Moment<'_>, challenge: &Challenge, first: Day) -> bool {
    let late_days = i32::try_from(moment.terms.memory.late_days).expect("terms bound it to 31");
    is_closed(challenge, Period::from(challenge, first).end.plus(late_days), moment.day)
}

/// Keeps of the periods in which nothing can change any more only what later ones rest on.
fn settle(moment: &Moment<'_>, challenge: &Challenge, own: &mut ChallengeStanding) {
    while own.periods.first().is_some_and(|oldest| is_settled(moment, challenge, oldest.first)) {
        let oldest = own.periods.remove(0);
        let period = Period::from(challenge, oldest.first);
        let before = match own.settled_until == Some(period.first) {
            true => own.settled_row,
            false => 0,
        };
        own.settled_row = match is_done(challenge, &oldest) && oldest.reward.is_none() && challenge.streak > 1 {
            true => before.saturating_add(1),
            false => 0,
        };
        own.settled_once |= challenge.once && oldest.reward.is_some();
        if let Some(personal) = &challenge.personal {
            let max = personal.periods_max as usize;
            fill(challenge, &mut own.settled_progress, own.settled_until, period.first, max);
            own.settled_progress.push(progress(challenge, &oldest));
            let excess = own.settled_progress.len().saturating_sub(max);
            own.settled_progress.drain(..excess);
        }
        own.settled_until = Some(period.end);
    }
}

/// Adds the periods from `until` up to `to`, in which nothing counted: at most `max`, since more change no mean. Before
/// the first period of all there is nothing to add.
fn fill(challenge: &Challenge, past: &mut Vec<i64>, until: Option<Day>, to: Day, max: usize) {
    let Some(mut until) = until.filter(|_| !past.is_empty()) else { return };
    for _ in 0..max {
        if until >= to {
            return;
        }
        past.push(0);
        until = Period::from(challenge, until).end;
    }
}

/// What a customer has to reach in the period that begins on `first`.
fn target(challenge: &Challenge, own: &ChallengeStanding, first: Day) -> i64 {
    let Some(personal) = &challenge.personal else { return challenge.target };
    let max = personal.periods_max as usize;
    let mut past = own.settled_progress.clone();
    let mut until = own.settled_until;
    for period in own.periods.iter().filter(|period| period.first < first) {
        fill(challenge, &mut past, until, period.first, max);
        past.push(progress(challenge, period));
        until = Some(Period::from(challenge, period.first).end);
    }
    fill(challenge, &mut past, until, first, max);
    let last = &past[past.len().saturating_sub(max)..];
    if last.is_empty() {
        return challenge.target;
    }
    let sum: i128 = last.iter().map(|progress| i128::from(*progress)).sum();
    let raised = sum * i128::from(personal.raise_permille) / (1000 * last.len() as i128);
    let raised = i64::try_from(raised).unwrap_or(i64::MAX);
    raised.max(personal.target_min).min(personal.target_max)
}

/// Adds what the event counts for to its period. What happened in a closed period comes too late, and where it can be
/// completed only once nothing counts after that but in the same period.
fn book(moment: &Moment<'_>, challenge: &Challenge, own: &mut ChallengeStanding, gained: Gained) {
    let Some(period) = Period::at(challenge, gained.day) else { return };
    if is_closed(challenge, period.end, moment.day) {
        return;
    }
    let place = own.periods.partition_point(|other| other.first < period.first);
    let known = own.periods.get(place).filter(|other| other.first == period.first);
    let completed_here = known.is_some_and(|period| period.reward.is_some());
    if challenge.once && !completed_here && was_completed(own) {
        return;
    }
    if known.is_none() {
        let target = target(challenge, own, period.first);
        own.periods.insert(place, PeriodStanding { first: period.first, target, ..PeriodStanding::default() });
    }
    let counted = &mut own.periods[place].counted;
    let is_second_visit = counted.last().is_some_and(|last| last.key == gained.key);
    if challenge.goal == Goal::Visits && is_second_visit {
        return;
    }
    counted.push(Counted { key: gained.key, value: gained.value });
    forget(challenge, own, moment.terms.memory.baskets_max as usize);
}

fn was_completed(own: &ChallengeStanding) -> bool {
    own.settled_once || own.periods.iter().any(|period| period.reward.is_some())
}

/// Keeps what counts of baskets beyond `max`, the oldest of them, without knowing of which: as few are looked for when
/// something comes back.
fn forget(challenge: &Challenge, own: &mut ChallengeStanding, max: usize) {
    let count: usize = own.periods.iter().map(|period| period.counted.len()).sum();
    let mut excess = count.saturating_sub(max);
    for period in &mut own.periods {
        let gone = excess.min(period.counted.len());
        for counted in period.counted.drain(..gone) {
            period.forgotten = period.forgotten.saturating_add(worth(challenge, counted.value));
        }
        excess -= gone;
    }
}

/// Takes away what the event brought back, in whatever period its basket counts.
fn take_back(moment: &Moment<'_>, challenge: &Challenge, own: &mut ChallengeStanding) {
    if challenge.goal == Goal::Visits {
        return;
    }
    let Some((basket, left)) = count::left(moment, &challenge.only, count::unit(challenge.goal)) else { return };
    for period in &mut own.periods {
        if is_closed(challenge, Period::from(challenge, period.first).end, moment.day) {
            continue;
        }
        let Some(place) = period.counted.iter().position(|counted| counted.key == basket) else { continue };
        let before = period.counted[place].value;
        let value = left(before);
        let counts = match challenge.goal {
            Goal::Items | Goal::Amount | Goal::Visits => value > 0,
            Goal::Baskets => value != GONE && value >= challenge.basket_minor_min && (value > 0 || before == 0),
        };
        match counts {
            true => period.counted[place].value = value,
            false => drop(period.counted.remove(place)),
        }
        return;
    }
}

/// Says what changed, and remembers that it was said.
struct Announcer<'a, 'm> {
    moment: &'a Moment<'m>,
    challenge: &'a Challenge,
    stickers: i64,
    concluded: &'a mut Vec<Conclusion>,
}

impl Announcer<'_, '_> {
    /// What was begun and not completed when its time ran out.
    fn failed(&mut self, own: &mut ChallengeStanding) {
        for standing in &mut own.periods {
            let period = Period::from(self.challenge, standing.first);
            if period.end <= self.moment.day && standing.told == Told::Started && standing.reward.is_none() {
                standing.told = Told::Over;
                self.tell_period(ChallengeKind::Failed, standing, 0);
            }
        }
    }

    /// Rewards that rest on nothing any more: what was given is taken back, whatever the terms would give today.
    /// False where there are none.
    fn reversed(&mut self, own: &mut ChallengeStanding, rows: &Rows) -> bool {
        let mut any = false;
        for (standing, run) in own.periods.iter_mut().zip(&rows.runs) {
            if *run >= self.challenge.streak {
                continue;
            }
            let Some(reward) = standing.reward.take() else { continue };
            if Period::from(self.challenge, standing.first).end <= self.moment.day {
                standing.told = Told::Over;
            }
            self.stickers = self.stickers.saturating_sub(reward.stickers.into());
            match self.challenge.streak {
                1 => self.tell_period(ChallengeKind::Reversed, standing, reward.points),
                _ => self.tell_row(ChallengeKind::Reversed, standing.first, rows.now, reward.points),
            }
            any = true;
        }
        any
    }

    /// Rewards that were earned just now; false where there are none.
    fn completed(&mut self, own: &mut ChallengeStanding, rows: &Rows) -> bool {
        let challenge = self.challenge;
        let mut any = false;
        for (i, run) in rows.runs.iter().enumerate() {
            let is_new = *run >= challenge.streak && own.periods[i].reward.is_none();
            if !is_new || (challenge.once && was_completed(own)) {
                continue;
            }
            let reward = Reward { points: challenge.reward_points, stickers: challenge.reward_stickers };
            let standing = &mut own.periods[i];
            standing.reward = Some(reward);
            standing.told = Told::Started;
            standing.milestones = milestones(challenge, standing);
            self.stickers = self.stickers.saturating_add(reward.stickers.into());
            match challenge.streak {
                1 => self.tell_period(ChallengeKind::Completed, standing, reward.points),
                _ => self.tell_row(ChallengeKind::Completed, standing.first, *run, reward.points),
            }
            any = true;
        }
        any
    }

    /// The first step of a period, and the announced parts of its way.
    fn progressed(&mut self, own: &mut ChallengeStanding) {
        for standing in &mut own.periods {
            let is_open = Period::from(self.challenge, standing.first).end > self.moment.day;
            if !is_open || standing.reward.is_some() {
                continue;
            }
            let passed = milestones(self.challenge, standing);
            let kind = match standing.told {
                Told::Nothing if progress(self.challenge, standing) > 0 => ChallengeKind::Started,
                Told::Started if passed > standing.milestones => ChallengeKind::Progressed,
                Told::Nothing | Told::Started | Told::Over => continue,
            };
            standing.told = Told::Started;
            standing.milestones = passed;
            let points = self.challenge.reward_points;
            self.tell_period(kind, standing, points);
        }
    }

    /// A row that grew, or broke: because a period passed without its target, or because it rested on what came back.
    /// A reward that came or went has said already how long the row is.
    fn row_moved(&mut self, own: &mut ChallengeStanding, rows: &Rows, told: bool) {
        let before = std::mem::replace(&mut own.told_row, rows.now);
        // Time breaks a row when a period has ended, which was the one until yesterday.
        let by_time = rows.now == 0 && self.moment.happened.is_none();
        let day = if by_time { self.moment.day.plus(-1) } else { self.moment.day };
        let first = Period::at(self.challenge, day).map_or(day, |period| period.first);
        if !told {
            self.tell_row_moved(before, rows.now, first);
        }
    }

    fn tell_row_moved(&mut self, before: u32, now: u32, first: Day) {
        let points = self.challenge.reward_points;
        match before {
            _ if now == before => {}
            0 => self.tell_row(ChallengeKind::Started, first, now, points),
            _ if now > before => self.tell_row(ChallengeKind::Progressed, first, now, points),
            _ if now == 0 => self.tell_row(ChallengeKind::Failed, first, now, 0),
            // Shorter, and still a row.
            _ => {}
        }
    }

    fn tell_period(&mut self, kind: ChallengeKind, standing: &PeriodStanding, reward_points: i64) {
        let period = Period::from(self.challenge, standing.first);
        let progress = progress(self.challenge, standing);
        let measure = match self.challenge.goal {
            Goal::Items => "items",
            Goal::Baskets => "purchases",
            Goal::Amount => "spend_minor",
            Goal::Visits => "visit_days",
        };
        self.tell(kind, measure, progress, standing.target, period, reward_points);
    }

    fn tell_row(&mut self, kind: ChallengeKind, first: Day, run: u32, reward_points: i64) {
        let period = Period::from(self.challenge, first);
        self.tell(kind, "periods", run.into(), self.challenge.streak.into(), period, reward_points);
    }

    fn tell(
        &mut self,
        kind: ChallengeKind,
        measure: &'static str,
        progress: i64,
        target: i64,
        period: Period,
        reward_points: i64,
    ) {
        let evidence = Evidence {
            measure,
            value: Value::Integer(progress),
            threshold: Some(Value::Integer(target)),
            window: Some((period.first, period.end.plus(-1))),
        };
        let changed = ChallengeChanged {
            challenge: self.challenge.name.clone(),
            kind,
            progress,
            target,
            ends_at: Some(self.moment.zone.start(period.end)),
            reward_points,
        };
        self.concluded.push(Conclusion { body: Body::ChallengeChanged(changed), evidence: vec![evidence] });
    }
}

/// How many of the announced parts of the way to the target are behind.
fn milestones(challenge: &Challenge, standing: &PeriodStanding) -> u32 {
    let reached = i128::from(progress(challenge, standing)) * 1000;
    let target = i128::from(standing.target);
    let passed = challenge.announce_permille.iter().filter(|permille| reached >= target * i128::from(**permille));
    passed.count() as u32
}
