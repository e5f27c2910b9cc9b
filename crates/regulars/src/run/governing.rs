//! By what the service judges now: the programme with the models that were published so far.
//!
//! Workers look at it between two turns, and queries at each. A model holds from an instant of event time on; published
//! before that instant has come, it is in force everywhere at the same one, however soon each process has heard of it, and a
//! replay that is given it judges the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use programme::editions::Programme;
use wire::output::Stamp;

use super::beside::{self, Running};
use super::status::Status;
use crate::fault::Fault;
use crate::kafka_log::control::Control;
use crate::terms_file::{ModelText, TermsFiles};

/// The programme, and what decisions by it are stamped with.
#[derive(Clone)]
pub struct Rule {
    /// The programme.
    pub programme: Arc<Programme>,
    /// What is written on decisions.
    pub stamp: Stamp,
}

/// What is in force; shared by all threads.
pub struct Governing {
    rule: RwLock<Rule>,
    /// Counts the rules, so that a worker sees without a lock that its own is the last.
    number: AtomicU64,
}

impl Governing {
    /// Begins with `programme`.
    pub fn new(programme: Programme, stamp: Stamp) -> Governing {
        let rule = Rule { programme: Arc::new(programme), stamp };
        Governing { rule: RwLock::new(rule), number: AtomicU64::new(0) }
    }

    /// What is in force.
    pub fn rule(&self) -> Rule {
        self.rule.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same programme alone.
    pub fn programme(&self) -> Arc<Programme> {
        Arc::clone(&self.rule.read().unwrap_or_else(PoisonError::into_inner).programme)
    }

    /// What is in force, where that is another than the `number`th; notes which it is.
    pub(super) fn since(&self, number: &mut u64) -> Option<Rule> {
        let last = self.number.load(Ordering::Acquire);
        if last == *number {
            return None;
        }
        *number = last;
        Some(self.rule())
    }

    /// Puts the programme of `terms` in force.
    pub(super) fn put(&self, terms: &TermsFiles) {
        let mut rule = self.rule.write().unwrap_or_else(PoisonError::into_inner);
        rule.programme = Arc::new(terms.programme());
        rule.stamp.editions = terms.stamps();
        self.number.fetch_add(1, Ordering::AcqRel);
    }
}

/// The terms under these models, which are texts by their keys.
pub(crate) fn under_published(terms: &TermsFiles, models: &BTreeMap<String, String>) -> Result<TermsFiles, Fault> {
    let named = |(key, text): (&String, &String)| ModelText::of(format!("published {key}"), text.clone());
    let models = models.iter().map(named).collect::<Result<Vec<_>, Fault>>()?;
    terms.clone().under(models)
}

/// Follows the control topic until the service stops. `terms` are those without what is published; `changed` is called with
/// the new ones. Models that do not go with the terms change nothing, and that is said loudly: every process of the
/// application refuses the same ones.
pub(super) fn follow(
    mut control: Control,
    terms: TermsFiles,
    governing: Arc<Governing>,
    status: Arc<Status>,
    changed: impl Fn(&TermsFiles) + Send + 'static,
) -> Result<Running, Fault> {
    let stopping = Arc::clone(&status);
    let work = move || {
        while !stopping.stopping() {
            if !control.poll() {
                continue;
            }
            match under_published(&terms, control.models()) {
                Ok(under) => {
                    let last = under.models().last().map(|model| model.read.stamp()).unwrap_or_default();
                    tracing::info!(models = under.models().len(), last, "models were published");
                    changed(&under);
                    governing.put(&under);
                }
                Err(fault) => tracing::error!("what was published is not taken: {fault}"),
            }
        }
        Ok(())
    };
    beside::start("control", status, work)
}
