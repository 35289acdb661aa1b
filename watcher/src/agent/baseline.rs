//! Which baseline is enforced: the one that is written, and where that is broken or gone, the last good one.
//!
//! A baseline that is deleted stays enforced, because whoever could delete it by mistake, or by intent, must not open
//! the cluster with it. One that restricts nothing ends it.

use policy_lang::baseline::{self, Baseline, Text};
use policy_lang::policy::Policy;
use policy_lang::source::{Origin, Sources};

use super::event::FoundBaseline;
use crate::last_good;
use crate::state_dir::StateDir;

/// What is enforced, and what there is to say about it.
#[derive(Clone, Debug, Default)]
pub struct Enforced {
    /// Its policies.
    pub policies: Vec<Policy>,
    /// Its texts, to be kept when it is in force; nothing where it is not the one that is written.
    pub texts: Option<Vec<Text>>,
    /// Why it is not the one that is written.
    pub fault: Option<String>,
}

/// What to enforce for what was found.
pub fn enforced(found: FoundBaseline, state: &StateDir) -> Enforced {
    let FoundBaseline { baseline, texts } = found;
    match baseline {
        Baseline::Sound(policies) => Enforced { policies, texts: Some(texts), fault: None },
        Baseline::Absent => match kept(state) {
            Ok(Some(policies)) => {
                let fault = "the baseline is gone: the last good one stays enforced; write one that restricts nothing \
                             to end it";
                Enforced { policies, texts: None, fault: Some(fault.to_owned()) }
            }
            Ok(None) => Enforced::default(),
            Err(why) => Enforced { fault: Some(format!("there is no baseline, and {why}")), ..Enforced::default() },
        },
        Baseline::Broken(origin) => in_place_of("the baseline is broken", &origin, state),
    }
}

/// What to enforce while nobody has said whether there is one.
pub fn unknown(state: &StateDir) -> Enforced {
    in_place_of("the baseline is not known yet", &Origin::default(), state)
}

fn in_place_of(what: &str, origin: &Origin, state: &StateDir) -> Enforced {
    let (policies, fault) = match kept(state) {
        Ok(Some(policies)) => (policies, format!("{what}: the last good one is enforced")),
        none @ (Ok(None) | Err(_)) => {
            let why = none.err().unwrap_or_else(|| "no good one was kept".to_owned());
            let fault =
                format!("{what}, and {why}: DNS and the API server stay open, the rest is left to the policies");
            (baseline::stand_in(origin), fault)
        }
    };
    Enforced { policies, texts: None, fault: Some(fault) }
}

/// The last good one.
fn kept(state: &StateDir) -> Result<Option<Vec<Policy>>, String> {
    let Some(texts) = last_good::recall::<Vec<Text>>(state).map_err(|error| error.to_string())? else {
        return Ok(None);
    };
    match baseline::restore(&texts, &mut Sources::default()).baseline {
        Baseline::Sound(policies) => Ok(Some(policies)),
        Baseline::Absent | Baseline::Broken(_) => Err("the last good one is broken too".to_owned()),
    }
}
