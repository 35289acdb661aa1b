//! `palisade explain`: why a connection is permitted or denied.

use std::mem::ManuallyDrop;

use clap::ValueEnum;
use engine::connectivity::{Options, Scene};
use engine::workloads;
use policy_lang::diagnostic::Severity;
use policy_lang::manifest::Object;

use super::input::{self, SourceArgs};
use super::{Failure, Outcome};
use crate::analysis::Committed;
use crate::explain::{self, Explainer, MadeUp, Question, World, make_up};
use crate::report::{self, Color, diagnostics, explain as report_explain};
use crate::source::{Loaded, load_with_objects};

/// Say whether FROM may connect to TO, and why: every node on the way, every layer of policy that is passed there, and
/// the line of the source that decides.
///
/// It judges by the manifests alone: no permission and no cluster is needed, and nothing has to be loaded. Policies are
/// judged twice, by their words and as they are compiled; if the two contradict each other it says so, and exits
/// with 1. Host rules are judged as they are compiled, the same on every node, with eth0 towards other nodes and
/// interfaces cali1, cali2 and so on towards pods, and with processes on nodes that run as root.
///
/// Pods on the host's network are their node to every policy. What goes to a Service is judged on each of its backends.
/// Each address family that both ends have is judged by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Who connects: NAMESPACE/POD, a node, or an address. NAMESPACE/NAME of a workload, or KIND/NAMESPACE/NAME, stands for
    /// the first of its pods that has an address; without one, as in a rendered chart, for a pod that is made up, which is
    /// said.
    #[arg(value_name = "FROM", required_unless_present = "policy")]
    from: Option<String>,

    /// Whom: NAMESPACE/POD, NAMESPACE/SERVICE (service/NAMESPACE/SERVICE where a pod has the same name), a workload, a node
    /// or an address, and a port by number or by name; TCP unless it says /UDP or /SCTP. `:icmp` is an echo request. An IPv6
    /// address with a port stands in brackets. Without a port: an echo request, and the ports that the pod's containers
    /// declare and that policies about the two name, at most 20.
    #[arg(value_name = "TO[:PORT[/PROTOCOL]]", required_unless_present = "policy")]
    to: Option<String>,

    /// In place of a connection: say what a policy does by itself, whom it selects and what each of its rules decides for
    /// whom. NAMESPACE/NAME of a NetworkPolicy, NAME of what is for the whole cluster.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from", "to"])]
    policy: Option<String>,

    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    #[command(flatten)]
    sources: SourceArgs,
}

const EXAMPLES: &str = "\
Examples:
  palisade explain shop/web-1 shop/db-1:5432 --manifests examples/cluster
  palisade explain shop/web-1 shop/cart:80/TCP --manifests examples/cluster
  palisade explain --policy shop/cart --manifests examples/cluster
  palisade explain 203.0.113.10 shop/web-1:http --manifests examples/cluster --format json
  palisade explain shop/web-1 shop/db-1:5432 --manifests git:main:k8s --host git:main:node.ferm

With --node NAME it says only what that node does; without it, what every node on the way does.

Exit codes:
  0  printed
  1  printed, but the two ways to judge contradict each other: a bug; or objects are broken
     (--keep-going)
  2  the input, the usage or the configuration is wrong, or somebody who is named is not there";

/// The forms of an explanation.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Lines for people.
    Text,
    /// JSON, described in docs/reference/explain-json.md.
    Json,
}

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let question = match (&args.from, &args.to) {
        (Some(from), Some(to)) => Some(Question::parse(from, to).map_err(|error| Failure::Input(error.into()))?),
        // The parser has seen to it that a policy is named.
        (None, _) | (_, None) => None,
    };
    let config = input::config(&args.sources, color)?;
    let (loaded, objects) =
        load_with_objects(&config, &Committed::default()).map_err(|error| Failure::Input(error.into()))?;
    // The program ends with the answer: to give back every object one by one would be work for nobody.
    let (mut loaded, objects) = (ManuallyDrop::new(loaded), ManuallyDrop::new(objects));
    input::fall_back(&mut loaded, args.sources.on_errors());
    input::check_host(&mut loaded, args.sources.on_errors());
    // Notes are about everything that was read; here they would hide the answer.
    loaded.diagnostics.retain(|finding| finding.severity != Severity::Note);
    report::message(&diagnostics::render(&loaded.diagnostics, &loaded.sources, color));
    let outcome = input::outcome_of(&loaded, &args.sources)?;
    let Some(question) = question else {
        effects(args, &loaded, &objects)?;
        return Ok(outcome);
    };
    let Loaded { policies, inventory, .. } = &mut *loaded;
    for MadeUp { name, addresses: [v4, v6] } in make_up(&question, &objects, policies, inventory) {
        report::message(&format!(
            "note: {name} has no pod with an address in the input: it is asked about as one at {v4} and {v6}, and an ipBlock \
             may say something else of its pods"
        ));
    }
    let world = World {
        policies: &loaded.policies,
        inventory: &loaded.inventory,
        objects: &objects,
        host: loaded.host_input(),
        forward_mode: config.forward.unwrap_or_default(),
        options: config.pod_options(),
        node: config.node.as_deref(),
    };
    let explanation = Explainer::new(world).explain(&question).map_err(|error| Failure::Input(error.into()))?;
    super::print(&match args.format {
        Format::Text => report_explain::text(&explanation, &loaded.sources),
        Format::Json => report_explain::json(&explanation, &loaded.sources),
    })?;
    Ok(if explanation.is_sound() { outcome } else { Outcome::Findings })
}

/// What a policy does.
fn effects(args: &Args, loaded: &Loaded, objects: &[Object]) -> Result<(), Failure> {
    let (workloads, _) = workloads::group(objects, &loaded.policies);
    let Loaded { policies, inventory, sources, .. } = loaded;
    let options = Options::default();
    let scene = Scene { policies, inventory, workloads: &workloads, options: &options };
    let name = args.policy.as_deref().unwrap_or_default();
    let effects = explain::effects(scene, name).map_err(|error| Failure::Input(error.into()))?;
    super::print(&match args.format {
        Format::Text => report_explain::policy::text(&effects, sources),
        Format::Json => report_explain::policy::json(&effects),
    })
}
