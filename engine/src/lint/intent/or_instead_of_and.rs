//! PAL101 selector-or-instead-of-and: two items where one with both selectors was probably meant.

use policy_lang::diagnostic::{Fix, Safety, Severity};
use policy_lang::manifest::tree::{Spanned, Value};
use policy_lang::peer::{Namespaces, Peer, PodSelector};

use crate::lint::edit;
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds a peer with only a `namespaceSelector` beside a peer with only a `podSelector`.
    ///
    /// ## Why it bites
    ///
    /// Two items mean either of them: every pod of those namespaces, and the pods of the policy's own namespace
    /// with those labels. One dash less means pods with those labels in those namespaces. It is the most frequent
    /// mistake in policies, and it opens whole namespaces.
    ///
    /// ## How it is decided
    ///
    /// Two neighbouring items, both selectors not empty. Where workloads of the policy's own namespace bear the
    /// labels, two items make sense and nothing is said. A finding is a warning where the input has workloads, and
    /// a note where it has none to judge by.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: api}}
    ///   ingress:
    ///   - from:
    ///     - namespaceSelector: {matchLabels: {team: front}}
    ///     - podSelector: {matchLabels: {app: web}}
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: web, namespace: shop}
    /// spec:
    ///   podSelector: {matchLabels: {app: api}}
    ///   ingress:
    ///   - from:
    ///     - namespaceSelector: {matchLabels: {team: front}}
    ///       podSelector: {matchLabels: {app: web}}
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// Where both are meant and the pods of the own namespace are not in the input.
    pub(crate) static OR_INSTEAD_OF_AND = "PAL101" "selector-or-instead-of-and" Warning Unsafe On,
        "two items where one with both selectors was probably meant", Check::Policy(check);
}

fn check(world: &World<'_>, written: &Written<'_>, report: &mut Report<'_>) {
    for (_, rule) in written.live_rules() {
        for (first, second) in rule.peers.iter().zip(rule.peers.iter().skip(1)) {
            let (Some(a), Some(b)) = (half(first), half(second)) else { continue };
            let (namespaces, pods) = match (a, b) {
                (Half::Namespaces(namespaces), Half::Pods(pods)) | (Half::Pods(pods), Half::Namespaces(namespaces)) => {
                    (namespaces, pods)
                }
                (Half::Namespaces(_), Half::Namespaces(_)) | (Half::Pods(_), Half::Pods(_)) => continue,
            };
            if world.select(pods).is_empty() {
                say(world, written, (first, second), (namespaces, pods), report);
            }
        }
    }
}

/// One half of what was probably meant.
enum Half<'p> {
    Namespaces(&'p PodSelector),
    Pods(&'p PodSelector),
}

fn half(peer: &Spanned<Peer>) -> Option<Half<'_>> {
    let Peer::Pods(selector) = &peer.value else { return None };
    match &selector.namespaces {
        Namespaces::Named(_) => (!selector.pods.is_everything()).then_some(Half::Pods(selector)),
        Namespaces::Matching(namespaces) => {
            (!namespaces.is_everything() && selector.pods.is_everything()).then_some(Half::Namespaces(selector))
        }
    }
}

fn say(
    world: &World<'_>,
    written: &Written<'_>,
    (first, second): (&Spanned<Peer>, &Spanned<Peer>),
    (namespaces, pods): (&PodSelector, &PodSelector),
    report: &mut Report<'_>,
) {
    let own = &written.name().namespace;
    let both = PodSelector { namespaces: namespaces.namespaces.clone(), pods: pods.pods.clone() };
    let (every, meant) = (world.select(namespaces), world.select(&both));
    let message = "these two items are OR-ed: one item with both selectors was probably meant";
    let finding = report.at(first.span, message);
    label(finding, Some(second.span), format!("selects pods {} of namespace {own} alone", pods.pods));
    let opened = world.n_workloads(&every);
    let effect = format!(
        "as written, {opened} workloads of the selected namespaces are peers; as one item, {} would be",
        world.n_workloads(&meant)
    );
    finding.help = Some(if opened == 0 {
        "take the dash of the second item away if both conditions are meant".to_owned()
    } else {
        format!("{effect}: take the dash of the second item away")
    });
    if !world.has_workloads(own) && meant.is_empty() {
        finding.severity = Severity::Note;
    }
    let is_block = |value: &Value| !edit::is_flow(value, world.sources);
    let is_whole = written.node(first.span).is_some_and(is_block) && written.node(second.span).is_some_and(is_block);
    let edits = written.node(second.span).filter(|_| is_whole);
    let edits = edits.and_then(|item| edit::joined_to_previous(item, world.sources));
    finding.fix = edits.map(|edit| Fix::one(Safety::Unsafe, "make one item of both", edit));
}
