//! `regulars fit`: population parameters from the history of events, how true they are, and a file of them.
//!
//! Three days count. At the end of the history the model that is written is fitted to all of it. A horizon before, the
//! hold-out begins: models of what was known then are judged by what came after. Another horizon before, scores learn which
//! probability they mean, so that the probabilities of the hold-out are foretold too and not looked up.

mod alarms;
mod curves;
mod file;
mod fits;
mod holdout;
mod html;
mod people;
mod scores;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use model::calibration::{Calibration, Outcome};
use model::verdict::{self, Row};
use programme::terms::churn::Churn;
use programme::terms::churn::score::ScoreKind;
use programme::time::{Day, Timestamp};
use wire::model_file::{self, CalibrationTable, Holdout, ModelFile, ReadModel};

use crate::customers;
use crate::fault::Fault;
use crate::files_log::inputs;
use crate::replay::instant;
use crate::replay::progress::Progress;
use crate::terms_file::TermsFiles;

use alarms::{Alarms, Watch};
use curves::{Frequency, Week};
use fits::Fits;
use holdout::{Judged, Verdict};
use people::{People, Person};
use scores::{Model, Scorer};

/// What `regulars fit` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The terms of the programme: currency, time zone, what is remembered, how old purchases fade
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    programme: Vec<PathBuf>,
    /// Files or directories of events: JSON lines in .jsonl or .jsonl.zst
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    input: Vec<PathBuf>,
    /// The score foretells no purchase within so many days; as many at the end are held out
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3660))]
    horizon_days: u32,
    /// Where model.toml and fit.html are written
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// The model in force: one that does worse than it in the hold-out is not written
    #[arg(long, value_name = "FILE")]
    current: Option<PathBuf>,
    /// Write the model even though it does worse than the current one
    #[arg(long)]
    force: bool,
    /// How the churn score is figured; as the terms say unless given
    #[arg(long, value_enum)]
    score: Option<ScoreName>,
    /// Scores are compared on customers with so many shopping days
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    shopping_days_min: u32,
    /// How many alarms rules are compared at
    #[arg(long, value_name = "COUNT", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    alarms: u32,
    /// No rule raises an alarm before so many days without a purchase
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365))]
    silence_days: u32,
    /// Names the model in decisions; the last day of the history unless given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Leave out what happened after this instant
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    until: Option<Timestamp>,
}

/// Shown after the help.
pub const EXAMPLE: &str = "\
Examples:
  regulars fit --programme programme.toml --input events/ --horizon-days 56 --output fitted/
  regulars fit --programme programme.toml --input events/ --horizon-days 56 --output fitted/ --current model.toml

Events are needed, not stored state: that says how customers stand now, and not how they stood when the hold-out began.
Exit status 1 when the model does worse than the current one; the page is written all the same.";

/// How the churn score is figured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ScoreName {
    /// P(alive) of MBG/NBD times the chance that the faded rate brings a purchase
    Faded,
    /// P(no purchase) of MBG/NBD
    MbgNbd,
    /// P(no purchase) of Pareto/NBD
    ParetoNbd,
}

impl ScoreName {
    fn kind(self) -> ScoreKind {
        match self {
            ScoreName::Faded => ScoreKind::Faded,
            ScoreName::MbgNbd => ScoreKind::MbgNbd,
            ScoreName::ParetoNbd => ScoreKind::ParetoNbd,
        }
    }
}

/// A step of a calibration rests on at least so many customers.
const OUTCOMES_MIN: usize = 50;
/// The area under the curve may be less than that of the current model by this much: the current one may have seen the days
/// of the hold-out.
const AREA_LOSS_MAX: f64 = 0.005;
/// The squared error may be larger than that of the current model by this share.
const BRIER_GAIN_MAX: f64 = 1.05;

/// Everything that is told.
struct Report {
    terms_version: String,
    currency: String,
    people: People,
    horizon_days: u32,
    shopping_days_min: u32,
    /// Of all days.
    fits: Fits,
    /// Of the days before the hold-out.
    before: Fits,
    verdicts: Vec<Verdict>,
    /// Who was judged in the hold-out, and how many of them stayed away.
    judged: (usize, usize),
    foretold: Vec<Foretold>,
    calibrated: Option<Calibrated>,
    rules: Vec<Rule>,
    /// The days on which alarms were watched for: after the first, up to the second.
    watched: Option<(Day, Day)>,
    /// No alarm before so many days of silence.
    silence_days: u32,
    weeks: Vec<Week>,
    frequencies: Vec<Frequency>,
    compared: Option<Compared>,
    model: ReadModel,
}

/// Purchases of the hold-out, as one model foretold them.
struct Foretold {
    name: &'static str,
    purchases: f64,
}

/// How true the probabilities of the hold-out were, over everybody whom the programme judges.
struct Calibrated {
    /// By tenths, as the score says and as it was calibrated a horizon before.
    raw: Vec<Row>,
    rows: Vec<Row>,
    brier_raw: Option<f64>,
    brier: Option<f64>,
}

/// A rule that raises alarms, and what came of them.
struct Rule {
    name: &'static str,
    alarms: Alarms,
}

/// The new model's score beside the current one's, on the hold-out.
struct Compared {
    /// The stamp of the current model.
    current: String,
    area_under_curve: [Option<f64>; 2],
    brier: [Option<f64>; 2],
    /// Why the new one is worse; `None` where it is not.
    worse: Option<String>,
}

/// Fits, judges, and writes.
pub fn run(args: Args) -> Result<(), Fault> {
    let report = report(&args)?;
    customers::print(&text::write(&report))?;
    customers::print(&written(&args, &report)?)
}

/// Writes the page and, unless it is worse than the current one, the model. Returns what was written.
fn written(args: &Args, report: &Report) -> Result<String, Fault> {
    let failed = |path: &Path, error| Fault::Failed(format!("cannot write {}: {error}", path.display()));
    fs::create_dir_all(&args.output).map_err(|error| failed(&args.output, error))?;
    let (page, model) = (args.output.join("fit.html"), args.output.join("model.toml"));
    fs::write(&page, html::write(report)).map_err(|error| failed(&page, error))?;
    let worse = report.compared.as_ref().and_then(|compared| compared.worse.as_ref());
    if let Some(worse) = worse.filter(|_| !args.force) {
        return Err(Fault::Failed(format!(
            "{} is not written: {worse} (--force writes it all the same); what was found is in {}",
            model.display(),
            page.display()
        )));
    }
    // A disk that is full leaves the former model as it was.
    let part = model.with_extension("part");
    fs::write(&part, report.model.file.write())
        .and_then(|()| fs::rename(&part, &model))
        .map_err(|error| failed(&model, error))?;
    Ok(format!("\nwritten: {} and {}\n", model.display(), page.display()))
}

fn report(args: &Args) -> Result<Report, Fault> {
    let terms = TermsFiles::read(&args.programme)?;
    let current = args.current.as_deref().map(current_model).transpose()?;
    let inputs = inputs::found_in(&args.input, &wire::topics::INPUTS)
        .map_err(|failure| Fault::Refused(failure.to_string()))?;
    let total = inputs.iter().flat_map(|input| &input.files).filter_map(|file| file.metadata().ok());
    let mut progress = Progress::begin(total.map(|metadata| metadata.len()).sum());
    let people = people::read(&terms.programme(), &inputs, args.until, &mut progress);
    progress.end();
    let people = people?;

    let latest = terms.latest();
    let churn = Churn { horizon_days: args.horizon_days, ..latest.churn.clone() };
    let horizon = i32::try_from(args.horizon_days).expect("at most ten years");
    let (last, first) = (people.last, people.people.iter().map(|person| person.days[0].day).min());
    let (begin, earlier) = (last.plus(-horizon), last.plus(-2 * horizon));
    if first.is_none_or(|first| first >= begin) {
        return Err(Fault::Refused(format!(
            "the history has {} days up to {last}: nothing is left to fit to when {horizon} of them are held out",
            first.map_or(0, |first| last.since(first) + 1)
        )));
    }
    let of_people = &people.people;
    let fits = Fits::of(of_people, last)?;
    let before = Fits::of(of_people, begin)?;
    let kind = args.score.map_or(churn.score, ScoreName::kind);
    // Too short a history has no earlier hold-out to learn probabilities from.
    let before_that = fits::of_score(kind, of_people, earlier);

    let judged = |as_of: Day, active: bool| Judged {
        as_of,
        horizon_days: horizon,
        shopping_days_min: match active {
            true => args.shopping_days_min as usize,
            false => churn.shopping_days_min as usize,
        },
        active,
    };
    let scorer_of = |model| Scorer::live(kind, model, &churn);
    let scorer = scorer_of(before.model(kind)?);
    let all = judged(begin, false).outcomes(of_people, &scorer);
    let seen = before_that.map(|model| judged(earlier, false).outcomes(of_people, &scorer_of(model)));
    let map = |outcomes: &[Outcome]| Calibration::fit(outcomes, OUTCOMES_MIN).ok();
    let foretelling = seen.as_deref().and_then(map);
    let calibrated = foretelling.as_ref().map(|map| calibrated(&all, map));
    // The model that is written learns from both hold-outs.
    let both: Vec<Outcome> = seen.iter().flatten().chain(&all).copied().collect();
    let calibration = map(&both).map(|map| CalibrationTable::of(&map, both.len() as u64));

    let active = judged(begin, true);
    let mut verdicts: Vec<Verdict> =
        scores::candidates(&before, &churn).iter().map(|candidate| active.verdict(of_people, candidate)).collect();
    verdicts.sort_by(|one, other| {
        other.area_under_curve.unwrap_or(0.0).total_cmp(&one.area_under_curve.unwrap_or(0.0))
    });
    let chosen = active.outcomes(of_people, &scorer);
    let silent = chosen.iter().filter(|outcome| outcome.happened).count();
    let judged_in_holdout = (chosen.len(), silent);
    let brier = calibrated.as_ref().and_then(|calibrated| calibrated.brier);
    let holdout = verdict::area_under_curve(&chosen).map(|area_under_curve| Holdout {
        as_of: begin.to_string(),
        customers: chosen.len() as u64,
        silent: silent as u64,
        area_under_curve,
        precision_of_top_tenth: verdict::precision_of_top(&chosen, 0.1).unwrap_or_default(),
        brier,
    });
    let compared = current.as_ref().map(|current| {
        compare(
            current,
            args.horizon_days,
            &churn,
            |scorer| (active.outcomes(of_people, scorer), judged(begin, false).outcomes(of_people, scorer)),
            (verdict::area_under_curve(&chosen), brier),
        )
    });

    let watch = Watch {
        after: earlier,
        until: begin,
        horizon_days: horizon,
        shopping_days_min: args.shopping_days_min as usize,
        silence_days_min: i32::try_from(args.silence_days).expect("at most a year"),
    };
    let population = match kind {
        ScoreKind::Faded | ScoreKind::MbgNbd => before_that,
        ScoreKind::ParetoNbd => fits::of_score(ScoreKind::Faded, of_people, earlier),
    };
    let rules = population.map(|population| rules(&watch, of_people, population, &churn, args.alarms as usize));

    let header = file::Header {
        version: args.name.clone().unwrap_or_else(|| last.to_string()),
        valid_from: last.plus(1).to_string(),
        currency: &latest.currency,
        time_zone: &latest.time_zone,
        score: kind,
        horizon_days: args.horizon_days,
        tau_days: churn.tau_days,
        ltv: &latest.ltv,
        calibration,
        holdout,
    };
    let file = file::of(of_people, &fits, header);
    Ok(Report {
        terms_version: latest.version.clone(),
        currency: latest.currency.clone(),
        horizon_days: args.horizon_days,
        shopping_days_min: args.shopping_days_min,
        verdicts,
        judged: judged_in_holdout,
        foretold: foretold(of_people, &before, args.horizon_days),
        calibrated,
        watched: rules.is_some().then_some((earlier, begin)),
        silence_days: args.silence_days,
        rules: rules.unwrap_or_default(),
        weeks: curves::weeks(of_people, &before.mbg_nbd.model, begin, last),
        frequencies: curves::frequencies(of_people, &before.mbg_nbd.model, begin),
        compared,
        model: checked(file)?,
        fits,
        before,
        people,
    })
}

/// What is written must be what is read: a name with a blank, say, is refused here and not by the service.
fn checked(file: ModelFile) -> Result<ReadModel, Fault> {
    model_file::read(&file.write(), "the model").map_err(|error| Fault::Refused(error.to_string()))
}

fn current_model(path: &Path) -> Result<ReadModel, Fault> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| Fault::Refused(format!("model {name}: {error}")))?;
    model_file::read(&text, &name).map_err(|error| Fault::Refused(error.to_string()))
}

fn calibrated(all: &[Outcome], map: &Calibration) -> Calibrated {
    let foretold = holdout::calibrated(all, map);
    Calibrated {
        raw: holdout::tenths(all),
        rows: holdout::tenths(&foretold),
        brier_raw: verdict::brier(all),
        brier: verdict::brier(&foretold),
    }
}

/// Sums of what each model expected of every customer in the hold-out.
fn foretold(people: &[Person], before: &Fits, horizon_days: u32) -> Vec<Foretold> {
    let horizon = f64::from(horizon_days);
    let histories: Vec<_> = people.iter().filter_map(|person| person.history(before.day)).collect();
    let until = before.day.plus(i32::try_from(horizon_days).expect("at most ten years"));
    let came = |person: &Person| person.until(until).len() - person.until(before.day).len();
    let came: usize = people.iter().filter(|person| !person.until(before.day).is_empty()).map(came).sum();
    let mut foretold = vec![Foretold { name: "what came", purchases: holdout::count(came) }];
    let beta =
        [("MBG/NBD", Some(before.mbg_nbd.model)), ("BG/NBD", before.bg_nbd.as_ref().ok().map(|fit| fit.model))];
    for (name, population) in beta {
        let Some(population) = population else { continue };
        let of = |history| population.expected_purchases_after(history, horizon).unwrap_or_default();
        foretold.push(Foretold { name, purchases: histories.iter().map(of).sum() });
    }
    if let Ok(fit) = &before.pareto_nbd {
        let of = |history| fit.model.expected_purchases_after(history, horizon).unwrap_or_default();
        foretold.push(Foretold { name: "Pareto/NBD", purchases: histories.iter().map(of).sum() });
    }
    foretold
}

/// Rules beside each other: the scores at about as many alarms, and what is commonly done.
fn rules(watch: &Watch, people: &[Person], population: Model, churn: &Churn, wanted: usize) -> Vec<Rule> {
    const DAYS: f64 = 60.0;
    let faded = Scorer::live(ScoreKind::Faded, population, churn);
    let mbg_nbd = Scorer::live(ScoreKind::MbgNbd, population, churn);
    let sixty = watch.at(people, &Scorer::Silence, DAYS);
    let as_many = sixty.alarms;
    // The first day on which the silence is longer than the customer's own.
    let own = watch.at(people, &Scorer::AgainstOwnGaps, 1.0 + 1e-9);
    let mut rules: Vec<Rule> = Vec::new();
    for (name, scorer, wanted) in [
        ("MBG/NBD alive x faded rate", &faded, wanted),
        ("MBG/NBD P(no purchase)", &mbg_nbd, wanted),
        ("faded rate", &Scorer::Faded { tau_days: f64::from(churn.horizon_days) }, wanted),
        ("silence", &Scorer::Silence, wanted),
        ("silence / own 95th percentile", &Scorer::AgainstOwnGaps, wanted),
        ("MBG/NBD alive x faded rate, as many as 60 days", &faded, as_many),
    ] {
        rules.extend(watch.about(people, scorer, wanted).map(|alarms| Rule { name, alarms }));
    }
    rules.push(Rule { name: "60 days of silence", alarms: sixty });
    rules.push(Rule { name: "longer than own 95th percentile", alarms: own });
    rules
}

/// Holds the new score against that of `current`. `outcomes` are those of the hold-out: of the customers that scores are
/// compared on, and of all.
fn compare(
    current: &ReadModel,
    horizon_days: u32,
    churn: &Churn,
    outcomes: impl Fn(&Scorer) -> (Vec<Outcome>, Vec<Outcome>),
    (new_area, new_brier): (Option<f64>, Option<f64>),
) -> Compared {
    let file = &current.file;
    let scorer = Scorer::of_file(file, churn);
    let (compared, all) = outcomes(&scorer);
    let area = verdict::area_under_curve(&compared);
    let brier = file.calibration().and_then(|map| verdict::brier(&holdout::calibrated(&all, &map)));
    let worse = if file.score.horizon_days != horizon_days {
        Some(format!(
            "the current model {} foretells {} days and this one {}: they cannot be compared",
            current.stamp(),
            file.score.horizon_days,
            horizon_days
        ))
    } else if let (Some(area), None) = (area, new_area) {
        Some(format!(
            "its hold-out does not tell its area under the curve, which is {area:.4} of {}",
            current.stamp()
        ))
    } else if let (Some(brier), None) = (brier, new_brier) {
        Some(format!(
            "its history is too short to tell how true its probabilities are, while the mean squared error of {} is {brier:.5}",
            current.stamp()
        ))
    } else if let (Some(area), Some(new)) = (area, new_area)
        && new < area - AREA_LOSS_MAX
    {
        Some(format!("its area under the curve is {new:.4}, that of {} is {area:.4}", current.stamp()))
    } else if let (Some(brier), Some(new)) = (brier, new_brier)
        && new > brier * BRIER_GAIN_MAX
    {
        Some(format!("its mean squared error is {new:.5}, that of {} is {brier:.5}", current.stamp()))
    } else {
        None
    };
    Compared { current: current.stamp(), area_under_curve: [area, new_area], brier: [brier, new_brier], worse }
}

#[cfg(test)]
mod tests;
