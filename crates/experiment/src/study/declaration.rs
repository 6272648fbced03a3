//! What a sweep declares before its first trial, as a digest by which a later change shows.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::plan::Trial;
use crate::sweep::{At, Seeds, Sweep};

/// SHA-256 of the claims, the seeds and the search spaces, as text; what else a file holds changes the trials themselves,
/// and so their ids. Comments and the order of keys do not count.
pub fn digest(sweep: &Sweep) -> String {
    hex(&Sha256::digest(text(sweep)))
}

fn text(sweep: &Sweep) -> String {
    let mut text = String::new();
    let id = |settings, loss: usize| {
        Trial::new(settings, sweep.losses[loss].clone(), 0).id // of settings and loss alone
    };
    let mut line = |line: String| writeln!(text, "{line}").expect("memory takes all text");
    match &sweep.seeds {
        Seeds::Fixed(seeds) => line(format!("seeds {seeds:?}")),
        Seeds::UntilDecided { at_most } => line(format!("until decided, at most {at_most}")),
    }
    if let Some(tune) = &sweep.tune {
        line(format!("tune {} {:?}", tune.metric.name, tune.seeds));
        for (loss, space) in tune.spaces.iter().enumerate() {
            let ids = space.iter().map(|settings| id(settings.clone(), loss));
            line(format!("space {}", ids.collect::<Vec<_>>().join(" ")));
        }
    }
    for claim in &sweep.claims {
        let [better, than] = claim.losses.map(|loss| sweep.losses[loss].to_string());
        let at = match &claim.at {
            At::Tuned => "tuned".to_owned(),
            At::TunedFor(loss) => format!("tuned for {}", sweep.losses[*loss]),
            At::Point(settings) => id((**settings).clone(), claim.losses[0]),
        };
        let (metric, margin, paired) = (claim.metric.name, claim.margin, claim.paired);
        line(format!(
            "claim {better} > {than} {metric} {margin} {at} paired {paired}"
        ));
    }
    text
}
