//! `regulars weights`: what experts hold to be important, as weights for the terms, where the experts agree
//! (`domain.md` EN-5).
//!
//! The file is CSV: a line of names, the first of them of the column of experts, then a line for each expert with the
//! expert's name and a rank for each thing; 1 is the most important, and equal ranks are ties.
//!
//! What is printed last is terms as they stand in a programme's file. Where all that was ranked are the parts of something
//! that the terms weigh, it has the section and the key of that.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use model::agreement::{self, Agreement};

use crate::customers::print;
use crate::fault::Fault;
use crate::terms_file::TermsFiles;

/// What `regulars weights` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The experts' rankings, as CSV
    #[arg(long, value_name = "FILE")]
    rankings: PathBuf,
    /// The higher a number the more important, instead of the other way round
    #[arg(long)]
    ratings: bool,
    /// The programme for which the weights are; `engagement.agreement_permille_min` of its latest edition is the bound of
    /// agreement
    #[arg(long, value_name = "FILE")]
    programme: Vec<PathBuf>,
    /// Kendall's W below which there are no weights, 0 to 1, whatever the programme says; without either 0.6
    #[arg(long, value_name = "W")]
    agreement_min: Option<f64>,
    /// The chance of so much agreement among people who throw dice, above which there are no weights, 0 to 1
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    p_max: f64,
    /// What the weights add up to; unless given 1000, or 100 for the dimensions of SERVQUAL
    #[arg(long, value_name = "SUM", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    sum: Option<u32>,
    /// Draws the shuffles of the permutation test
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How often ranks are shuffled.
const ROUNDS: u32 = 20_000;
/// The bound of agreement where nobody has said another.
const AGREEMENT_MIN: f64 = 0.6;
/// Panels with so many cells or fewer are judged by shuffling: the chi-square distribution is no good for them.
const SMALL_CELLS: usize = 100;

/// What the terms weigh: section, key, parts, and what weights must add up to where they must.
const WEIGHED: [(&str, &str, &[&str], Option<u32>); 4] = [
    ("[engagement]", "weights", &["cognitive", "emotional", "behavioural"], None),
    ("[engagement.loyalty]", "behaviour", &["cross_sell", "upsell", "repeat", "maintenance"], None),
    ("[engagement.loyalty]", "perception", &["awareness", "quality", "service", "value"], None),
    (
        "[[survey]]",
        "weights",
        &["tangibles", "reliability", "responsiveness", "assurance", "empathy"],
        Some(SERVQUAL_SUM),
    ),
];
/// The dimensions of SERVQUAL share so many points.
const SERVQUAL_SUM: u32 = 100;
/// What other weights add up to.
const USUAL_SUM: u32 = 1000;

/// A panel as it was read.
#[derive(Debug)]
struct Panel {
    things: Vec<String>,
    scores: Vec<Vec<f64>>,
}

/// Prints how far the experts agree, and the weights where that suffices.
pub fn run(args: &Args) -> Result<(), Fault> {
    let text = std::fs::read(&args.rankings)
        .map_err(|error| Fault::Refused(format!("{}: {error}", args.rankings.display())))?;
    let agreement_min = match (args.agreement_min, args.programme.is_empty()) {
        (None, false) => {
            let programme = TermsFiles::read(&args.programme)?.programme();
            let engagement = programme.terms().engagement.as_ref();
            let permille = engagement.and_then(|engagement| engagement.agreement_permille_min);
            permille.map_or(AGREEMENT_MIN, |permille| f64::from(permille) / 1000.0)
        }
        (given, _) => given.unwrap_or(AGREEMENT_MIN),
    };
    let (report, weights) = report(args, agreement_min, &text)?;
    print(&report)?;
    print(&weights?)
}

/// What is said of the panel, and the weights or why there are none.
fn report(args: &Args, agreement_min: f64, text: &[u8]) -> Result<(String, Result<String, Fault>), Fault> {
    for (name, value) in [("--agreement-min", agreement_min), ("--p-max", args.p_max)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(Fault::Refused(format!("{name} {value} must lie between 0 and 1")));
        }
    }
    let panel = read(&args.rankings, text, args.ratings)?;
    let refused = |bad: agreement::BadPanel| Fault::Refused(format!("{}: {bad}", args.rankings.display()));
    let agreed = agreement::agreement(&panel.scores).map_err(refused)?;
    let small = panel.things.len() * panel.scores.len() <= SMALL_CELLS;
    let p = match small {
        true => agreement::p_by_permutation(&panel.scores, ROUNDS, args.seed).map_err(refused)?,
        false => agreed.p_chi_square,
    };
    let weights = if agreed.w < agreement_min {
        Err(Fault::Failed(format!(
            "the experts do not agree: W {:.3} is below {agreement_min}; no weights are given",
            agreed.w
        )))
    } else if p > args.p_max {
        Err(Fault::Failed(format!(
            "the experts may agree by chance: p {p:.4} is above {}; no weights are given",
            args.p_max
        )))
    } else {
        Ok(toml(&panel, &agreed, args.sum))
    };
    Ok((told(&panel, &agreed, small.then_some(p)), weights))
}

fn told(panel: &Panel, agreed: &Agreement, permuted: Option<f64>) -> String {
    let mut told = String::new();
    let experts = agreed.experts as f64;
    let mut order: Vec<usize> = (0..panel.things.len()).collect();
    order.sort_by(|a, b| agreed.rank_sums[*a].total_cmp(&agreed.rank_sums[*b]));
    let width = panel.things.iter().map(|thing| thing.chars().count()).max().unwrap_or(0);
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(told, "{text}").expect("a text takes all");
    line(format_args!("{} experts ranked {} things; mean ranks:", agreed.experts, panel.things.len()));
    for place in order {
        line(format_args!("  {:<width$}  {:.2}", panel.things[place], agreed.rank_sums[place] / experts));
    }
    line(format_args!(
        "Kendall's W           {:.4} ({:.4} without the correction for ties)",
        agreed.w, agreed.w_uncorrected
    ));
    line(format_args!("mean rank correlation {:.4} (Spearman, over all pairs of experts)", agreed.mean_spearman));
    line(format_args!(
        "chi-square            {:.4} with {} degrees of freedom, p {:.3e}",
        agreed.chi_square, agreed.degrees, agreed.p_chi_square
    ));
    if let Some(p) = permuted {
        line(format_args!("p by {ROUNDS} shuffles   {p:.5}, which counts for a panel as small as this"));
    }
    told
}

/// The weights as they stand in terms: with section and key where these are known.
fn toml(panel: &Panel, agreed: &Agreement, sum: Option<u32>) -> String {
    let is_all = |parts: &[&str]| {
        parts.len() == panel.things.len() && parts.iter().all(|part| panel.things.iter().any(|thing| thing == part))
    };
    let weighed = WEIGHED.iter().find(|(_, _, parts, _)| is_all(parts));
    let usual = weighed.and_then(|(_, _, _, sum)| *sum).unwrap_or(USUAL_SUM);
    let weights = agreement::weights(agreed, sum.unwrap_or(usual));
    let pairs = panel.things.iter().zip(weights).map(|(thing, weight)| format!("{} = {weight}", key(thing)));
    let pairs = pairs.collect::<Vec<_>>().join(", ");
    match weighed {
        Some((section, name, _, _)) => format!("{section}\n{name} = {{ {pairs} }}\n"),
        None => format!("weights = {{ {pairs} }}\n"),
    }
}

/// A name as TOML writes it as a key.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match !name.is_empty() && name.chars().all(bare) {
        true => name.to_string(),
        // A JSON text is a basic string of TOML.
        false => serde_json::Value::from(name).to_string(),
    }
}

/// Reads a panel; what is more important has the lower score.
fn read(file: &Path, text: &[u8], ratings: bool) -> Result<Panel, Fault> {
    let wrong = |line: u64, message: String| Fault::Refused(format!("{}:{line}: {message}", file.display()));
    let mut reader = csv::ReaderBuilder::new().has_headers(true).trim(csv::Trim::All).from_reader(text);
    let things: Vec<String> = match reader.headers() {
        Ok(names) => names.iter().skip(1).map(str::to_string).collect(),
        Err(error) => return Err(wrong(1, error.to_string())),
    };
    if let Some(twice) =
        things.iter().enumerate().find(|(i, thing)| thing.is_empty() || things[..*i].contains(thing))
    {
        return Err(wrong(
            1,
            format!("column {} is named {:?}; every thing has a name of its own", twice.0 + 2, twice.1),
        ));
    }
    let mut scores = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|error| wrong(error.position().map_or(0, csv::Position::line), error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let score = |(thing, cell): (&String, &str)| {
            let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| {
                wrong(line, format!("{thing}: {cell:?} is no number; every expert ranks every thing"))
            })?;
            Ok(if ratings { -number } else { number })
        };
        scores.push(things.iter().zip(record.iter().skip(1)).map(score).collect::<Result<Vec<f64>, Fault>>()?);
    }
    Ok(Panel { things, scores })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(args: &[&str], text: &str, expected: Expect) {
        #[derive(clap::Parser)]
        struct Cli {
            #[command(flatten)]
            args: Args,
        }
        let given = ["weights", "--rankings", "panel.csv"].into_iter().chain(args.iter().copied());
        let args = <Cli as clap::Parser>::try_parse_from(given).unwrap().args;
        let agreement_min = args.agreement_min.unwrap_or(AGREEMENT_MIN);
        let said = match report(&args, agreement_min, text.as_bytes()) {
            Ok((report, Ok(weights))) => format!("{report}{weights}"),
            Ok((report, Err(fault))) => format!("{report}{fault}\n"),
            Err(fault) => format!("{fault}\n"),
        };
        expected.assert_eq(&said);
    }

    // Whoever pastes the line into the terms pays customers by it for years.
    #[test]
    fn a_panel_that_agrees_gives_weights() {
        let panel = "expert, cognitive, emotional, behavioural\n\
                     anna,3,2,1\nboris,3,2,1\nclara,3,1,2\ndmitri,3,2,1\nelena,3,2,1\n";
        check(
            &[],
            panel,
            expect![[r#"
                5 experts ranked 3 things; mean ranks:
                  behavioural  1.20
                  emotional    1.80
                  cognitive    3.00
                Kendall's W           0.8400 (0.8400 without the correction for ties)
                mean rank correlation 0.8000 (Spearman, over all pairs of experts)
                chi-square            8.4000 with 2 degrees of freedom, p 1.500e-2
                p by 20000 shuffles   0.00940, which counts for a panel as small as this
                [engagement]
                weights = { cognitive = 167, emotional = 367, behavioural = 466 }
            "#]],
        );
        let ratings = "expert,cognitive,emotional,behavioural\n\
                       anna,1,2,3\nboris,1,2,3\nclara,1,3,2\ndmitri,1,2,3\nelena,1,2,3\n";
        check(
            &["--ratings", "--sum", "100"],
            ratings,
            expect![[r#"
                5 experts ranked 3 things; mean ranks:
                  behavioural  1.20
                  emotional    1.80
                  cognitive    3.00
                Kendall's W           0.8400 (0.8400 without the correction for ties)
                mean rank correlation 0.8000 (Spearman, over all pairs of experts)
                chi-square            8.4000 with 2 degrees of freedom, p 1.500e-2
                p by 20000 shuffles   0.00940, which counts for a panel as small as this
                [engagement]
                weights = { cognitive = 17, emotional = 37, behavioural = 46 }
            "#]],
        );
    }

    // What is pasted into a programme must be terms: the dimensions of SERVQUAL share 100 points.
    #[test]
    fn weights_of_something_else_have_its_place_in_the_terms() {
        let line = |names: &str, args: &[&str]| {
            let places: Vec<String> = (1..=names.split(',').count()).map(|place| place.to_string()).collect();
            let row = places.join(",");
            let text = format!("expert,{names}\n1,{row}\n2,{row}\n3,{row}\n4,{row}\n5,{row}\n");
            #[derive(clap::Parser)]
            struct Cli {
                #[command(flatten)]
                args: Args,
            }
            let given = ["weights", "--rankings", "panel.csv"].into_iter().chain(args.iter().copied());
            let args = <Cli as clap::Parser>::try_parse_from(given).unwrap().args;
            report(&args, AGREEMENT_MIN, text.as_bytes()).unwrap().1.unwrap()
        };
        let servqual = line("reliability,responsiveness,assurance,empathy,tangibles", &[]);
        expect![[r#"
            [[survey]]
            weights = { reliability = 33, responsiveness = 27, assurance = 20, empathy = 13, tangibles = 7 }
        "#]]
        .assert_eq(&servqual);
        let said =
            line("repeat,maintenance,upsell,cross_sell", &[]) + &line("value,service,quality,awareness", &[]);
        expect![[r#"
            [engagement.loyalty]
            behaviour = { repeat = 400, maintenance = 300, upsell = 200, cross_sell = 100 }
            [engagement.loyalty]
            perception = { value = 400, service = 300, quality = 200, awareness = 100 }
        "#]]
        .assert_eq(&said);
        expect![[r#"
            weights = { bread = 6, "fresh milk" = 4, tea = 2 }
        "#]]
        .assert_eq(&line("bread,\"fresh milk\",tea", &["--sum", "12"]));
    }

    #[test]
    fn a_panel_that_does_not_agree_gives_none() {
        check(
            &[],
            "expert,a,b,c\n1,1,2,3\n2,3,2,1\n3,2,3,1\n",
            expect![[r#"
                3 experts ranked 3 things; mean ranks:
                  c  1.67
                  a  2.00
                  b  2.33
                Kendall's W           0.1111 (0.1111 without the correction for ties)
                mean rank correlation -0.3333 (Spearman, over all pairs of experts)
                chi-square            0.6667 with 2 degrees of freedom, p 7.165e-1
                p by 20000 shuffles   0.94485, which counts for a panel as small as this
                the experts do not agree: W 0.111 is below 0.6; no weights are given
            "#]],
        );
        check(
            &[],
            "expert,a,b,c\n1,1,2,3\n2,1,2,3\n",
            expect![[r#"
                2 experts ranked 3 things; mean ranks:
                  a  1.00
                  b  2.00
                  c  3.00
                Kendall's W           1.0000 (1.0000 without the correction for ties)
                mean rank correlation 1.0000 (Spearman, over all pairs of experts)
                chi-square            4.0000 with 2 degrees of freedom, p 1.353e-1
                p by 20000 shuffles   0.16909, which counts for a panel as small as this
                the experts may agree by chance: p 0.1691 is above 0.05; no weights are given
            "#]],
        );
    }

    #[test]
    fn a_bad_file_is_refused_with_its_line() {
        check(
            &[],
            "expert,a,b\n1,1,2\n2,x,1\n",
            expect![[r#"
            panel.csv:3: a: "x" is no number; every expert ranks every thing
        "#]],
        );
        check(
            &[],
            "expert,a,b\n1,1,2\n2,1\n",
            expect![[r#"
            panel.csv:3: CSV error: record 2 (line: 3, byte: 17): found record with 2 fields, but the previous record has 3 fields
        "#]],
        );
        check(
            &[],
            "expert,a,a\n1,1,2\n2,1,2\n",
            expect![[r#"
            panel.csv:1: column 3 is named "a"; every thing has a name of its own
        "#]],
        );
        check(
            &[],
            "expert,a,b\n1,1,2\n",
            expect![[r#"
            panel.csv: 1 experts; agreement can be spoken of from 2 to 1000
        "#]],
        );
        check(
            &["--p-max", "7"],
            "expert,a,b\n",
            expect![[r#"
            --p-max 7 must lie between 0 and 1
        "#]],
        );
    }
}
