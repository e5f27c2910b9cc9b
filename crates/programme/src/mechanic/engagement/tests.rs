//! Relationships as stories.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};

use crate::event::{ChannelRole, Instrument, Interaction};
use crate::history;
use crate::terms::Terms;
use crate::terms::engagement::{
    BehaviourWeights, Engagement, EngagementWeights, Loyalty, PerceptionWeights, RelationshipTerms,
};
use crate::terms::surveys::{Dimension, Item, Survey};

pub(crate) fn terms() -> Terms {
    let engagement = Engagement {
        purpose: None,
        window_weeks: 4,
        hysteresis_permille: 50,
        points: BTreeMap::from([
            (Interaction::Visit, 10),
            (Interaction::Idea, 30),
            (Interaction::Share, 20),
            (Interaction::ReferralMade, 40),
        ]),
        points_full: 100,
        weights: EngagementWeights { cognitive: 1, emotional: 1, behavioural: 2 },
        agreement_permille_min: None,
        role: BTreeMap::from([(
            ChannelRole::Distributor,
            EngagementWeights { cognitive: 4, emotional: 0, behavioural: 0 },
        )]),
        medium_permille: 300,
        high_permille: 700,
        satisfied_permille: 700,
        loyalty: Loyalty {
            period_weeks: 4,
            categories_max: 8,
            behaviour: BehaviourWeights { cross_sell: 1, upsell: 1, repeat: 1, maintenance: 1 },
            cross_sell_full: 2,
            upsell_full_permille: 200,
            repeat_full: 4,
            behaviour_high_permille: 500,
            perception: PerceptionWeights { awareness: 1, quality: 1, service: 1, value: 1 },
            perception_high_permille: 700,
            paradox_minor_max: Some(100_00),
        },
        relationship: RelationshipTerms {
            client_purchases: 2,
            identification_days: 60,
            rupture_days: 90,
            renewal_days: 30,
        },
    };
    let survey = |id: &str, instrument| Survey {
        id: id.into(),
        instrument,
        half_life_days: 60,
        valid_days: 120,
        answers_max: 4,
        ..Survey::default()
    };
    let item = |id: &str, dimension| Item { id: id.into(), dimension, ..Item::default() };
    let csi = vec![
        item("assortment", Dimension::Quality),
        item("staff", Dimension::Service),
        item("price", Dimension::Value),
    ];
    let pulse = vec![item("knows", Dimension::Cognitive), item("trust", Dimension::Emotional)];
    let surveys = vec![
        survey("nps", Instrument::Nps),
        Survey { item: csi, ..survey("csi", Instrument::Csi) },
        Survey { item: pulse, ..survey("pulse", Instrument::Pulse) },
        survey("exit", Instrument::Exit),
        survey("servperf", Instrument::Servperf),
    ];
    let mut terms = Terms { survey: surveys, engagement: Some(engagement), ..history::terms() };
    terms.churn.band.clear();
    terms.tier.truncate(1);
    terms
}

fn check(terms: Terms, history: &str, expected: Expect) {
    assert_eq!(terms.check(), []);
    expected.assert_eq(&history::decide(terms, history));
}

// The ladder of a relationship, from the first visit to a partner, and down again when nothing is heard for weeks. Steps rest
// on each other: an idea makes no partner of somebody who never bought.
#[test]
fn a_relationship_grows_and_fades() {
    check(
        terms(),
        "2024-01-01 did idea
         2024-01-03 purchase b1 30.00
         2024-01-10 purchase b2 30.00
         2024-01-11 survey nps nps=9
         2024-01-12 did share mood=0.5
         2024-01-13 did idea
         2024-03-08 purchase b3 30.00
         until 2024-10-01
         2024-10-01 purchase b4 30.00
         until 2024-11-15",
        expect![[r#"
            1 2024-01-01 engagement none -> medium, ladder none -> prospect, life cycle none -> formation: OtherEvent engagement_permille=300/300 purchases=0/2
            2 2024-01-03 ladder prospect -> purchaser: Purchased purchases=1/1
            3 2024-01-10 ladder purchaser -> supporter, life cycle formation -> experimentation: Purchased purchases=2/2 engagement_permille=300/250 perception_permille=none/700 known_days=9/60
            4 2024-01-12 engagement medium -> high, ladder supporter -> partner: OtherEvent engagement_permille=716/700 advocating=1/1 co_creating=1/1
            5 2024-02-05T00:00:00Z engagement high -> medium, ladder partner -> supporter: WindowMoved engagement_permille=450/650 advocating=0/1 co_creating=0/1
            6 2024-02-12T00:00:00Z loyalty type unknown -> latent, loyalty paradox none -> paradox: WindowMoved behaviour_permille=0/500 perception_permille=900/650 spend_minor=0/10000
            7 2024-03-01T00:00:00Z life cycle experimentation -> identification: WindowMoved known_days=60/60
            8 2024-05-10T00:00:00Z loyalty type latent -> unknown, engagement medium -> low, ladder supporter -> client, loyalty paradox paradox -> none: WindowMoved behaviour_permille=0/500 perception_permille=none/650 spend_minor=0/10000 engagement_permille=0/250
            9 2024-06-06T00:00:00Z life cycle identification -> rupture: WindowMoved recency_days=90/90
            10 2024-10-01 life cycle rupture -> renewal: Purchased recency_days=0/90
            11 2024-10-31T00:00:00Z life cycle renewal -> identification: WindowMoved renewed_days=30/30 known_days=304/60
        "#]],
    );
}

/// Four purchases in each of three periods (the first of which is not lived whole), with more spent in each.
const REGULAR: &str = "2023-12-20 purchase a1 10.00
         2024-01-02 purchase b1 50.00 lines=milk:1:50.00
         2024-01-09 purchase b2 50.00 lines=milk:1:50.00
         2024-01-16 purchase b3 50.00 lines=milk:1:50.00
         2024-01-20 purchase b4 50.00 lines=milk:1:50.00
         2024-01-30 purchase c1 60.00 lines=milk:1:50.00,tea:1:10.00
         2024-02-06 purchase c2 60.00 lines=milk:1:60.00
         2024-02-13 purchase c3 60.00 lines=milk:1:60.00
         2024-02-16 purchase c4 60.00 lines=milk:1:60.00
         ";

// Whoever buys as a friend and thinks as one is absolutely loyal; who thinks little of the shop leaves when something better
// opens (spurious), and who thinks much and buys nothing has no money or no way here (latent).
#[test]
fn loyalty_is_behaviour_against_perception() {
    let history = |answers: &str| format!("{REGULAR}{answers}\n until 2024-08-01");
    check(
        terms(),
        &history("2024-02-20 survey csi assortment=5/5,staff=4/3,price=4/4"),
        expect![[r#"
            1 2023-12-20 engagement none -> low, ladder none -> purchaser, life cycle none -> formation: Purchased engagement_permille=0/300 purchases=1/1 purchases=1/2
            2 2024-01-02 ladder purchaser -> client, life cycle formation -> experimentation: Purchased purchases=2/2 known_days=13/60
            3 2024-02-18T00:00:00Z life cycle experimentation -> identification: WindowMoved known_days=60/60
            4 2024-02-20 loyalty type unknown -> absolute, pyramid none -> loyalty, ladder client -> supporter: SurveyAnswered behaviour_permille=1000/450 perception_permille=833/700 satisfaction_permille=833/700 engagement_permille=0/300
            5 2024-03-11T00:00:00Z loyalty type absolute -> latent, pyramid loyalty -> satisfaction: WindowMoved behaviour_permille=261/450 perception_permille=833/650
            6 2024-04-08T00:00:00Z loyalty paradox none -> paradox: WindowMoved behaviour_permille=0/500 perception_permille=833/650 spend_minor=0/10000
            7 2024-05-16T00:00:00Z life cycle identification -> rupture: WindowMoved recency_days=90/90
            8 2024-06-19T00:00:00Z loyalty type latent -> unknown, pyramid satisfaction -> none, ladder supporter -> client, loyalty paradox paradox -> none: WindowMoved behaviour_permille=0/500 perception_permille=none/650 spend_minor=0/10000 satisfaction_permille=none/650 engagement_permille=0/300
        "#]],
    );
    check(
        terms(),
        &history("2024-02-20 survey csi assortment=2/5,staff=2/3,price=1/4"),
        expect![[r#"
            1 2023-12-20 engagement none -> low, ladder none -> purchaser, life cycle none -> formation: Purchased engagement_permille=0/300 purchases=1/1 purchases=1/2
            2 2024-01-02 ladder purchaser -> client, life cycle formation -> experimentation: Purchased purchases=2/2 known_days=13/60
            3 2024-02-18T00:00:00Z life cycle experimentation -> identification: WindowMoved known_days=60/60
            4 2024-02-20 loyalty type unknown -> spurious: SurveyAnswered behaviour_permille=1000/450 perception_permille=166/700
            5 2024-03-11T00:00:00Z loyalty type spurious -> none: WindowMoved behaviour_permille=261/450 perception_permille=166/700
            6 2024-05-16T00:00:00Z life cycle identification -> rupture: WindowMoved recency_days=90/90
            7 2024-06-19T00:00:00Z loyalty type none -> unknown: WindowMoved behaviour_permille=0/500 perception_permille=none/700
        "#]],
    );
}

// Around a bound nobody is moved to and fro: what was reached is kept down to the hysteresis below it.
#[test]
fn a_level_is_kept_near_its_bound() {
    let mut terms = terms();
    terms.survey.retain(|survey| survey.id == "pulse");
    let history = "2024-01-01 survey pulse knows=5,trust=5
         2024-01-02 did visit
         2024-01-08 did visit
         2024-01-15 did visit
         2024-01-15 did visit
         2024-02-20 survey pulse knows=1,trust=1
         until 2024-05-01";
    check(
        terms.clone(),
        history,
        expect![[r#"
            1 2024-01-01 engagement none -> medium, ladder none -> prospect, life cycle none -> formation: SurveyAnswered engagement_permille=500/300 purchases=0/2
            2 2024-01-15 engagement medium -> high: OtherEvent engagement_permille=700/700
            3 2024-02-05T00:00:00Z engagement high -> medium: WindowMoved engagement_permille=600/650
            4 2024-03-01T00:00:00Z engagement medium -> low: WindowMoved engagement_permille=166/250
        "#]],
    );
    terms.engagement.as_mut().expect("given").hysteresis_permille = 0;
    check(
        terms,
        history,
        expect![[r#"
            1 2024-01-01 engagement none -> medium, ladder none -> prospect, life cycle none -> formation: SurveyAnswered engagement_permille=500/300 purchases=0/2
            2 2024-01-15 engagement medium -> high: OtherEvent engagement_permille=700/700
            3 2024-01-29T00:00:00Z engagement high -> medium: WindowMoved engagement_permille=650/700
            4 2024-02-20 engagement medium -> low: SurveyAnswered engagement_permille=250/300
        "#]],
    );
}

// Who sells on is engaged by what they know of the goods, not by coming to the shop (EN-10).
#[test]
fn weights_go_by_the_place_in_the_channel() {
    check(
        terms(),
        "2024-01-01 survey pulse knows=1,trust=5
         2024-01-02 did visit
         2024-01-03 did referral_made
         2024-01-04 did referral_made
         2024-01-05 enrol distributor
         2024-01-06 enrol consumer",
        expect![[r#"
            1 2024-01-01 engagement none -> low, ladder none -> prospect, life cycle none -> formation: SurveyAnswered engagement_permille=250/300 purchases=0/2
            2 2024-01-02 engagement low -> medium: OtherEvent engagement_permille=300/300
            3 2024-01-04 engagement medium -> high: OtherEvent engagement_permille=700/700
            4 2024-01-05 engagement high -> low: OtherEvent engagement_permille=0/650
            5 2024-01-06 engagement low -> high: OtherEvent engagement_permille=700/700
        "#]],
    );
}

// Somebody who praises and does not buy looks like a success in every survey.
#[test]
fn praise_without_purchases_is_a_paradox() {
    check(
        terms(),
        "2023-12-01 purchase b1 50.00
         2024-02-20 survey csi assortment=5/5,staff=5/5,price=5/5
         2024-02-21 survey nps nps=10
         2024-02-22 purchase b2 500.00
         until 2024-03-20",
        expect![[r#"
            1 2023-12-01 engagement none -> low, ladder none -> purchaser, life cycle none -> formation: Purchased engagement_permille=0/300 purchases=1/1 purchases=1/2
            2 2024-02-20 loyalty type unknown -> latent, pyramid none -> satisfaction, loyalty paradox none -> paradox: SurveyAnswered behaviour_permille=0/500 perception_permille=1000/700 spend_minor=0/10000 satisfaction_permille=1000/700
            3 2024-02-21 engagement low -> medium: SurveyAnswered engagement_permille=500/300
            4 2024-02-22 ladder purchaser -> supporter, life cycle formation -> identification: Purchased purchases=2/2 engagement_permille=500/250 perception_permille=1000/650 known_days=83/60
            5 2024-03-11T00:00:00Z loyalty paradox paradox -> none: WindowMoved behaviour_permille=62/500 perception_permille=1000/650 spend_minor=50000/10000
        "#]],
    );
}

// Why somebody leaves is asked when they go; who buys again has not left.
#[test]
fn who_leaves_says_why() {
    check(
        terms(),
        "2024-01-01 purchase b1 50.00
         2024-01-02 purchase b2 50.00
         2024-01-10 survey exit price=3,inattention=9,moved=0
         2024-01-20 purchase b3 50.00
         2024-02-01 survey exit moved=10
         until 2024-07-01",
        expect![[r#"
            1 2024-01-01 engagement none -> low, ladder none -> purchaser, life cycle none -> formation: Purchased engagement_permille=0/300 purchases=1/1 purchases=1/2
            2 2024-01-02 ladder purchaser -> client, life cycle formation -> experimentation: Purchased purchases=2/2 known_days=1/60
            3 2024-01-10 life cycle experimentation -> rupture, exit reason none -> inattention: SurveyAnswered exit_answer_days=0/120
            4 2024-01-20 life cycle rupture -> renewal, exit reason inattention -> none: Purchased exit_answer_days=10/120 recency_days=0/90
            5 2024-02-01 life cycle renewal -> rupture, exit reason none -> moved: SurveyAnswered exit_answer_days=0/120
            6 2024-05-31T00:00:00Z exit reason moved -> none: WindowMoved exit_answer_days=120/120
        "#]],
    );
}

// Without the permission nobody is judged: what was said is taken back once, and then nothing more is said. What was
// answered and done is kept, so that whoever allows it again is who they were.
#[test]
fn nobody_is_judged_without_consent() {
    let mut terms = terms();
    terms.engagement.as_mut().expect("given").purpose = Some("profiling".into());
    check(
        terms,
        "2024-01-01 purchase b1 50.00
         2024-01-02 consent profiling yes
         2024-01-03 survey nps nps=10
         2024-01-04 consent profiling no
         2024-01-05 purchase b2 50.00
         2024-01-05 did idea
         2024-01-06 did share
         until 2024-02-01
         2024-02-01 consent profiling yes",
        expect![[r#"
            1 2024-01-02 engagement none -> low, ladder none -> purchaser, life cycle none -> formation: OtherEvent engagement_permille=0/300 purchases=1/1 purchases=1/2
            2 2024-01-03 engagement low -> medium: SurveyAnswered engagement_permille=500/300
            3 2024-01-04 engagement medium -> none, ladder purchaser -> none, life cycle formation -> none: OtherEvent
            4 2024-02-01 engagement none -> medium, ladder none -> supporter, life cycle none -> experimentation: OtherEvent engagement_permille=500/300 purchases=2/2 perception_permille=1000/700 known_days=31/60
        "#]],
    );
}

// An old answer says less and then nothing; the class changes on that day though nothing happens.
#[test]
fn an_old_answer_ends() {
    let mut terms = terms();
    terms.survey.retain(|survey| survey.id == "servperf");
    check(
        terms,
        "2024-01-01 survey servperf q1=7,q2=6
         until 2024-08-01",
        expect![[r#"
            1 2024-01-01 engagement none -> low, pyramid none -> satisfaction, ladder none -> prospect, life cycle none -> formation: SurveyAnswered engagement_permille=0/300 satisfaction_permille=916/700 purchases=0/2
            2 2024-02-12T00:00:00Z loyalty type unknown -> latent, loyalty paradox none -> paradox: WindowMoved behaviour_permille=0/500 perception_permille=916/650 spend_minor=0/10000
            3 2024-04-30T00:00:00Z loyalty type latent -> unknown, pyramid satisfaction -> none, loyalty paradox paradox -> none: WindowMoved behaviour_permille=0/500 perception_permille=none/650 spend_minor=0/10000 satisfaction_permille=none/650
        "#]],
    );
}
