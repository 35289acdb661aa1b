//! Findings about what people wrote: every rule of the catalogue, one file each.
//!
//! The doc comment of a rule is its page. Rules that the loader or the compiler decides are listed here with their
//! pages, so that there is one catalogue; [`lint`] finds the others and gives all of them their rank.
//!
//! Invariant: nothing here reads files or prints. What is selected, suppressed or known is decided by functions of
//! this module on plain data; where that data comes from is the caller's business.

use policy_lang::diagnostic::{Diagnostic, Severity};
use policy_lang::host::rule::HostRules;
use policy_lang::manifest::Object;
use policy_lang::policy::Policy;
use policy_lang::source::Sources;

mod addresses;
mod baseline;
pub mod catalogue;
pub mod causes;
mod cluster_policy;
mod containment;
mod documents;
mod edit;
pub mod environment;
pub mod fixing;
mod host;
mod intent;
pub mod known;
mod layers;
mod manifests;
mod operated;
mod posture;
mod process;
mod reading;
mod redundancy;
pub mod reserved;
pub mod rule;
pub mod selection;
pub mod suppression;
mod world;
mod written;

use self::environment::Environment;
use self::layers::node::Node;
use self::redundancy::cover;
use self::rule::{Check, Report};
use self::world::World;
use crate::ruleset::Ruleset;

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Objects, each once.
    pub objects: &'a [Object],
    /// The texts that they were read from.
    pub sources: &'a Sources,
    /// Sound policies of the baseline and `ClusterNetworkPolicies`, in the order in which they are asked.
    pub upper: &'a [Policy],
    /// Host rules, each configuration by itself, with what they are compiled to; nothing where they are broken.
    pub host: &'a [(HostRules, Option<Ruleset>)],
    /// What is known of the cluster besides.
    pub environment: &'a Environment,
}

/// Looks for everything, whatever is selected, and adds what was found while reading.
///
/// Severities are those of the catalogue, but for findings that know that they know little.
pub fn lint(input: &Input<'_>, read: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let Input { objects, sources, upper, host, environment } = *input;
    let (world, mut found) = World::new(objects, sources, upper, environment);
    found.extend(read);
    found.retain(reading::is_for_reviewers);
    host::mend(&mut found, sources);
    for finding in &mut found {
        if let Some(rule) = catalogue::of(finding.code).filter(|_| reading::is_ranked_by_catalogue(finding)) {
            finding.severity = rule.severity;
        }
    }
    let nodes: Vec<Node<'_>> =
        host.iter().filter_map(|(rules, compiled)| Some(Node::new(rules, compiled.as_ref()?, environment))).collect();
    let covers = cover::all(&world);
    for rule in catalogue::RULES {
        match rule.check {
            Check::Elsewhere => {}
            Check::Policy(check) => {
                for policy in &world.policies {
                    check(&world, policy, &mut Report::new(rule, Some(policy.reference()), &mut found));
                }
            }
            Check::World(check) => check(&world, &mut Report::new(rule, None, &mut found)),
            Check::Cover(check) => {
                for cover in &covers {
                    check(&world, cover, &mut Report::new(rule, Some(cover.policy.reference()), &mut found));
                }
            }
            Check::Host(check) => {
                for (rules, _) in host {
                    check(&world, rules, &mut Report::new(rule, None, &mut found));
                }
            }
            Check::Node(check) => {
                for node in &nodes {
                    check(&world, node, &mut Report::new(rule, None, &mut found));
                }
            }
        }
    }
    sort(&mut found, sources);
    found
}

/// In the order of the text, each once.
pub fn sort(findings: &mut Vec<Diagnostic>, sources: &Sources) {
    let place = |finding: &Diagnostic| {
        let line = || finding.place.as_ref().and_then(|place| sources.span_of_line(&place.path, place.line));
        finding.span.or_else(line)
    };
    findings.sort_by(|a, b| {
        (place(a), a.code, std::cmp::Reverse(a.severity), &a.message).cmp(&(
            place(b),
            b.code,
            std::cmp::Reverse(b.severity),
            &b.message,
        ))
    });
    findings.dedup_by(|a, b| (a.code, place(a), &a.message) == (b.code, place(b), &b.message));
}

/// The worst of some findings.
pub fn worst<'f>(findings: impl IntoIterator<Item = &'f Diagnostic>) -> Option<Severity> {
    findings.into_iter().map(|finding| finding.severity).max()
}
