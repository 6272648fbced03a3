//! Problems with a text as TOML.

use std::collections::HashSet;

use super::check::Checker;
use super::diagnostics::Problem;

impl Checker {
    /// Adds what the parser found, and drops every problem that may merely follow from it.
    pub fn syntax(&mut self, text: &str, errors: &[toml::de::Error]) {
        if errors.is_empty() {
            return;
        }
        let newlines: Vec<usize> = text.match_indices('\n').map(|(byte, _)| byte).collect();
        let line = |byte: usize| newlines.partition_point(|newline| *newline < byte);
        let mut errors: Vec<(usize, &toml::de::Error)> = errors
            .iter()
            .map(|error| (error.span().map_or(0, |span| span.start), error))
            .collect();
        errors.sort_by_key(|(start, _)| *start);
        if errors.iter().any(|(_, error)| is_unclosed(error)) {
            // what follows the first error may have been taken for a part of what is not closed
            let (first, _) = errors[0];
            errors.retain(|(start, error)| *start == first || is_unclosed(error));
            self.problems
                .retain(|problem| problem.span.as_ref().is_some_and(|span| span.start < first));
        }
        // one slip of the pen can upset the parser more than once in a line
        errors.dedup_by_key(|(start, _)| line(*start));
        let broken: HashSet<usize> = errors.iter().map(|(start, _)| line(*start)).collect();
        self.problems.retain(|Problem { span, .. }| {
            // what the parser made up in place of a missing value has an empty span
            span.as_ref()
                .is_none_or(|span| !span.is_empty() && !broken.contains(&line(span.start)))
        });
        for (_, error) in errors {
            let message = error.message().to_owned();
            let help = is_unclosed(error).then(|| "its end is missing, maybe far above".to_owned());
            self.problems.push(Problem {
                span: error.span(),
                message,
                help,
            });
        }
    }
}

/// Whether the other half of a bracket or quote is missing.
fn is_unclosed(error: &toml::de::Error) -> bool {
    ["unclosed", "multi-line"]
        .iter()
        .any(|message| error.message().contains(message))
}
