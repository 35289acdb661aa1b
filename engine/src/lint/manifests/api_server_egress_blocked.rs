//! PAL406 apiserver-egress-blocked: a pod with an account of its own that does not reach the API server.

use std::collections::BTreeSet;
use std::sync::Arc;

use policy_lang::manifest::tree::{ScalarKind, Value};
use policy_lang::name::NamespacedName;
use policy_lang::policy::Direction;
use policy_lang::port::Protocol;

use crate::lint::documents::{at, kind, name};
use crate::lint::manifests::barrier::{self, Party, Target};
use crate::lint::manifests::{opening, templates};
use crate::lint::rule::{Check, Report, label, rule};
use crate::lint::world::World;
use crate::lint::written::Written;

rule! {
    /// ## What it does
    ///
    /// Finds workloads with a `ServiceAccount` of their own and its token mounted, whose egress closes the API server.
    ///
    /// ## Why it bites
    ///
    /// An account of its own is made for a program that talks to the API server: controllers start, and do nothing.
    ///
    /// ## How it is decided
    ///
    /// `serviceAccountName` is another than `default`, and neither the pod nor the account, where that is in the input,
    /// says `automountServiceAccountToken: false`. The workload is isolated for egress, and no rule admits
    /// `environment.apiServer`, which is asked for behind the Service `kubernetes`. Silent without the configuration,
    /// and where the baseline or a ClusterNetworkPolicy accepts something.
    ///
    /// ## Bad
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: operator-1, namespace: shop, labels: {app: operator}}
    /// spec: {serviceAccountName: operator, containers: [{name: operator}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: operator, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{podSelector: {}}]
    /// ```
    ///
    /// ## Good
    ///
    /// ```yaml
    /// apiVersion: v1
    /// kind: Pod
    /// metadata: {name: operator-1, namespace: shop, labels: {app: operator}}
    /// spec: {serviceAccountName: operator, containers: [{name: operator}]}
    /// ---
    /// apiVersion: networking.k8s.io/v1
    /// kind: NetworkPolicy
    /// metadata: {name: operator, namespace: shop}
    /// spec:
    ///   podSelector: {}
    ///   policyTypes: [Egress]
    ///   egress:
    ///   - to: [{ipBlock: {cidr: 192.0.2.10/32}}]
    ///     ports: [{port: 6443}]
    /// ```
    ///
    /// ## When to ignore it
    ///
    /// For accounts that only other systems than the API server ask for.
    pub(crate) static API_SERVER_EGRESS_BLOCKED = "PAL406" "apiserver-egress-blocked" Note Unsafe Off,
        "a pod with an account of its own that does not reach the API server", Check::World(check);
}

fn check(world: &World<'_>, report: &mut Report<'_>) {
    let Some(server) = &world.environment.api_server else { return };
    let silent = without_token(world);
    templates::each(world, &["serviceAccount"], |template| {
        let spec = |field| at(template.pod, &["spec", field]);
        let Some(account) = spec("serviceAccountName").or_else(|| spec("serviceAccount")) else { return };
        let Some(named) = account.text().filter(|name| !matches!(name.as_ref(), "" | "default")) else { return };
        let full = NamespacedName::new(Arc::clone(&template.name.namespace), Arc::clone(named));
        let mounts = match mounts(template.pod.field("spec")) {
            Some(mounts) => mounts,
            None => !silent.contains(&full),
        };
        let target = Target { protocol: Protocol::Tcp, numbers: &[server.port] };
        let party = Party::Nodes(&server.cidrs);
        if mounts && barrier::is_closed(world, template.class, Direction::Egress, party, target) {
            let message = format!("this pod has the account {named} and does not reach the API server");
            let finding = report.about(template.object.clone(), account.span, message);
            let closing = world.isolating(template.class, Direction::Egress).next();
            label(finding, closing.map(Written::span), "closes it");
            let nodes: Vec<String> = server.cidrs.iter().map(opening::block).collect();
            let port = (Protocol::Tcp, server.port);
            let fix = closing.map(|policy| opening::fix(policy, Direction::Egress, &nodes, port, world.sources));
            finding.fix = fix.flatten();
            let cidrs = server.cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            finding.help = Some(format!("open TCP {} to {cidrs}, or mount no token", server.port));
        }
    });
}

/// `automountServiceAccountToken`, where it is written.
fn mounts(value: Option<&Value>) -> Option<bool> {
    match value?.field("automountServiceAccountToken")?.scalar()?.kind() {
        ScalarKind::Bool(mounts) => Some(mounts),
        ScalarKind::String | ScalarKind::Number => None,
    }
}

/// The accounts whose token is not mounted.
fn without_token(world: &World<'_>) -> BTreeSet<NamespacedName> {
    let texts = world.documents.with_words(&["automountServiceAccountToken"], world.sources);
    let documents = texts.iter().flat_map(|text| text.iter());
    let silent =
        documents.filter(|document| kind(document) == "ServiceAccount" && mounts(Some(document)) == Some(false));
    silent.filter_map(name).collect()
}
