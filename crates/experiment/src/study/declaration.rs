//! What a sweep declares before its first trial, as a digest by which a later change shows.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::digest::hex;
use crate::plan::Trial;
use crate::sweep::{At, Seeds, Sweep};

/// SHA-256 of the claims, the seeds (but not how many there may be until decided) and the search spaces of the losses in
/// claims, as text; what else a file holds changes the trials themselves,
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
        // More of them keep the error rate.
        Seeds::UntilDecided { .. } => line("until decided".to_owned()),
    }
    if let Some(tune) = &sweep.tune {
        line(format!("tune {} {:?}", tune.metric.name, tune.seeds));
        let spaces = tune.spaces.iter().enumerate();
        for (loss, space) in spaces.filter(|(loss, _)| is_claimed(sweep, *loss)) {
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
        let (metric, margin, paired) = (claim.metric.name, claim.margin, claim.is_paired());
        line(format!(
            "claim {better} > {than} {metric} {margin} {at} paired {paired}"
        ));
    }
    text
}

fn is_claimed(sweep: &Sweep, loss: usize) -> bool {
    sweep
        .claims
        .iter()
        .any(|claim| claim.losses.contains(&loss))
}
