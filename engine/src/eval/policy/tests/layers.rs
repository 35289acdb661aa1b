//! The five tiers in their order, audits, and what a decision says about each layer.

use policy_lang::policy::{Effect, Logging};

use super::*;

/// A pod, one that a NetworkPolicy isolates, and one that another isolates in the other direction.
fn pods() -> (Vec<Policy>, Inventory) {
    world(&[
        pod("x/free", "10.0.1.1", "app: free"),
        pod("x/bound", "10.0.1.2", "app: bound"),
        policy(
            "x/out",
            "podSelector: {matchLabels: {app: bound}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.1.0.0/16}}]}]",
        ),
        policy("x/in", "podSelector: {matchLabels: {app: free}}, ingress: [{}]"),
    ])
}

fn decide(policies: &[Policy], inventory: &Inventory, question: &str) -> Decision {
    super::super::policies(policies, inventory, "n", &connection(inventory, question))
}

/// What each tier said, in a word.
fn words(judgement: &Judgement) -> Vec<String> {
    let word = |layer: &Layer| {
        let answer = match &layer.answer {
            Answer::Unbound => "unbound".to_owned(),
            Answer::NoMatch => "no match".to_owned(),
            Answer::Rule(action, matched) => format!("{action:?} by {}", matched.policy.name),
            Answer::Isolated { policies } => format!("isolated by {}", policies.len()),
            Answer::Quarantined { awaiting } => format!("quarantined for {}", awaiting.len()),
            Answer::QuarantineCounted { awaiting } => format!("counted for {}", awaiting.len()),
        };
        format!("{}: {answer}", layer.tier)
    };
    judgement.layers.iter().map(word).collect()
}

#[test]
fn c01_five_tiers_are_asked_in_their_order() {
    let (tenants, inventory) = pods();
    let order = [Tier::ConfigMapAdmin, Tier::ClusterAdmin, Tier::ClusterBaseline, Tier::ConfigMapBaseline];
    for (index, first) in order.into_iter().enumerate() {
        for second in &order[index + 1..] {
            for (action, expected) in [(Action::Accept, "yes"), (Action::Deny, "no")] {
                let opposite = if action == Action::Accept { Action::Deny } else { Action::Accept };
                let mut policies = tenants.clone();
                // The later one comes first in every other order that there is.
                policies.insert(0, tier(*second, "a", 0, vec![to(opposite, &["8.8.8.8/32"])]));
                policies.push(tier(first, "z", 1000, vec![to(action, &["8.8.8.8/32"])]));
                check_policies(&policies, &inventory, &format!("x/free -> 8.8.8.8 tcp/80 {expected}"));
            }
        }
    }
}

#[test]
fn c03_pass_skips_the_rest_of_its_own_tier_only() {
    let (tenants, inventory) = pods();
    let anywhere = ["0.0.0.0/0"];
    let passing = |which| tier(which, "pass", 0, vec![to(Action::Pass, &anywhere)]);
    let denying = |which| tier(which, "deny", 1, vec![to(Action::Deny, &anywhere)]);
    for which in [Tier::ConfigMapAdmin, Tier::ClusterAdmin, Tier::ClusterBaseline, Tier::ConfigMapBaseline] {
        let policies = [&tenants[..], &[passing(which), denying(which)]].concat();
        check_policies(&policies, &inventory, "x/free -> 8.8.8.8 tcp/80 yes; x/bound -> 8.8.8.8 tcp/80 no");
    }
    let policies = [passing(Tier::ConfigMapAdmin), denying(Tier::ClusterAdmin)];
    check_policies(&policies, &inventory, "x/free -> 8.8.8.8 tcp/80 no");
    let policies = [passing(Tier::ClusterBaseline), denying(Tier::ConfigMapBaseline)];
    check_policies(&policies, &inventory, "x/free -> 8.8.8.8 tcp/80 no");
}

#[test]
fn c05_a_baseline_is_asked_for_pods_that_are_not_isolated_in_that_direction() {
    let (tenants, inventory) = pods();
    for which in [Tier::ClusterBaseline, Tier::ConfigMapBaseline] {
        let deny = tier(which, "deny", 0, vec![to(Action::Deny, &["10.1.0.0/16"])]);
        let policies = [&tenants[..], &[deny]].concat();
        // Its ingress is isolated, its egress is not.
        check_policies(&policies, &inventory, "x/free -> 10.1.0.1 tcp/80 no; x/bound -> 10.1.0.1 tcp/80 yes");
    }
}

#[test]
fn c15_a_hairpin_is_judged_by_both_admin_tiers_and_by_nothing_else() {
    let (tenants, inventory) = pods();
    for (which, expected) in [
        (Tier::ConfigMapAdmin, "no"),
        (Tier::ClusterAdmin, "no"),
        (Tier::ClusterBaseline, "yes"),
        (Tier::ConfigMapBaseline, "yes"),
    ] {
        let policies = [&tenants[..], &[tier(which, "deny", 0, vec![to(Action::Deny, &["10.0.0.0/8"])])]].concat();
        let flows = format!("x/free -> x/free tcp/80 {expected}; x/bound -> x/bound tcp/80 {expected}");
        check_policies(&policies, &inventory, &flows);
    }
}

#[test]
fn d10_an_audited_rule_decides_nothing_and_is_told() {
    let (tenants, inventory) = pods();
    let audit = Rule { effect: Effect::Audited, ..to(Action::Deny, &["8.8.0.0/16"]) };
    let logged = Rule { logging: Logging::Logged, ..to(Action::Pass, &["8.8.8.8/32"]) };
    let never = Rule { effect: Effect::Audited, ..to(Action::Deny, &["0.0.0.0/0"]) };
    let policies = [&tenants[..], &[tier(Tier::ConfigMapAdmin, "all", 0, vec![audit, logged, never])]].concat();
    let decision = decide(&policies, &inventory, "x/free -> 8.8.8.8 tcp/80");
    assert_eq!((decision.outcome, &decision.cause), (Outcome::Allowed, &Cause::NoRule));
    let layer = &decision.judgements[0].layers[0];
    // The third stands behind the decision of the tier.
    assert_eq!(layer.audited.len(), 1);
    let Answer::Rule(Action::Pass, matched) = &layer.answer else { panic!("{layer:?}") };
    assert_eq!(matched.logging, Logging::Logged);
}

#[test]
fn a_decision_names_every_layer_that_it_passed() {
    let (tenants, inventory) = pods();
    let tiers = [
        tier(Tier::ConfigMapAdmin, "first", 0, vec![to(Action::Pass, &["8.8.8.8/32"])]),
        tier(Tier::ClusterAdmin, "second", 0, vec![to(Action::Deny, &["9.9.9.9/32"])]),
        tier(Tier::ClusterBaseline, "third", 0, vec![to(Action::Accept, &["8.8.8.8/32"])]),
    ];
    let policies = [&tenants[..], &tiers].concat();
    let judgement = |question| decide(&policies, &inventory, question).judgements.remove(0);
    let free = judgement("x/free -> 8.8.8.8 tcp/80");
    assert_eq!(free.subject, Bound::Pod(NamespacedName::new("x", "free")));
    assert_eq!(
        words(&free),
        [
            "baseline: Pass by first",
            "ClusterNetworkPolicy: no match",
            "NetworkPolicy: unbound",
            "ClusterNetworkPolicy baseline: Accept by third",
        ]
    );
    let bound = judgement("x/bound -> 8.8.8.8 tcp/80");
    assert_eq!(
        words(&bound),
        ["baseline: Pass by first", "ClusterNetworkPolicy: no match", "NetworkPolicy: isolated by 1"]
    );
    let hairpin = judgement("x/bound -> x/bound tcp/80");
    assert_eq!(words(&hairpin), ["baseline: no match", "ClusterNetworkPolicy: no match"]);
    assert_eq!(hairpin.cause, Cause::Hairpin);
}
