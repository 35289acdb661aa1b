//! The two texts in which Prometheus reads metrics.
//!
//! The library writes `OpenMetrics`, where a counter's family lacks the suffix that its samples have. Whoever does not ask
//! for that gets the older text, in which family and samples have one name.

use std::collections::BTreeSet;

/// Which text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exposition {
    /// `OpenMetrics` 1.0.
    OpenMetrics,
    /// The text format 0.0.4, which every reader knows.
    Text,
}

impl Exposition {
    /// What a request accepts: the older text unless the newer is named.
    pub fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// The content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// The text that the library wrote, as this one.
    pub(super) fn of(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Text => older(&open_metrics),
        }
    }
}

fn older(open_metrics: &str) -> String {
    let counters: BTreeSet<&str> =
        open_metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter")).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let about = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
        match about.and_then(|about| about.split_once(' ')) {
            Some((name, rest)) if counters.contains(name) => {
                let keyword = if line.starts_with("# HELP ") { "HELP" } else { "TYPE" };
                for word in ["# ", keyword, " ", name, "_total ", rest] {
                    text.push_str(word);
                }
            }
            Some(_) | None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_has_one_name_in_the_older_text() {
        let newer = "# HELP a b.\n# TYPE a counter\na_total{x=\"1\"} 2\n# HELP g h.\n# TYPE g gauge\ng 1\n# EOF\n";
        let older = "# HELP a_total b.\n# TYPE a_total counter\na_total{x=\"1\"} 2\n# HELP g h.\n# TYPE g gauge\ng 1\n";
        assert_eq!(Exposition::Text.of(newer.to_owned()), older);
        assert_eq!(Exposition::OpenMetrics.of(newer.to_owned()), newer);
    }

    #[test]
    fn the_newer_text_is_for_those_who_name_it() {
        assert_eq!(Exposition::accepted("*/*"), Exposition::Text);
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Exposition::accepted(prometheus), Exposition::OpenMetrics);
    }
}
