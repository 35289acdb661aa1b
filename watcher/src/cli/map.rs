//! `palisade map`: who may connect to whom.

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use engine::connectivity::{Connectivity, IpBlocks, Options, Scene};
use ipnet::IpNet;
use policy_lang::policy::Direction;

use super::progress::Progress;
use super::{Failure, Outcome};
use crate::analysis::{Manifests, Place};
use crate::map::{Certainty, Deciding, Filter, Map, Port, exposure, routes};
use crate::report::map::Form;
use crate::report::{self, Color, Stream, diagnostics};

/// Say who may connect to whom for what, by all policies together: workloads to each other, to nodes and to addresses,
/// and these to them.
///
/// It judges by the manifests alone; no permission and no cluster is needed. Workloads are Deployments and their like,
/// by their templates, and the pods of a dump, by their owners. The enforced baseline, ClusterNetworkPolicies and
/// NetworkPolicies are judged as a node does. Workloads on the network of their nodes are their nodes; what a pod's own
/// node sends to it is always permitted and not listed. What Ingresses and HTTPRoutes lead to, and whether anybody may
/// connect there, is in every form but csv and matrix; a route permits nothing by itself. A document that cannot be read is a finding and stops nothing;
/// what is broken is taken as the agent takes it: closed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Manifests: a file, a folder, `-` for standard input, or git:REF[:PATH] as they were committed.
    #[arg(value_name = "PATH", default_value = ".")]
    paths: Vec<String>,

    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Only connections of these: NAMESPACE/NAME of a workload, the name of a node (both with `*` and `?`), or an
    /// address. Can be given more than once.
    #[arg(long, value_name = "WHO")]
    focus: Vec<String>,

    /// Only connections whose other end is one of these; as --focus.
    #[arg(long, value_name = "WHO")]
    peer: Vec<String>,

    /// Only connections that the focus opens (egress) or accepts (ingress).
    #[arg(long, value_enum, requires = "focus")]
    direction: Option<Way>,

    /// Only connections for which this port is permitted: 443, 53/UDP. Can be given more than once.
    #[arg(long, value_name = "PORT[/PROTOCOL]")]
    port: Vec<Port>,

    /// Say too whom workloads are open to that the input does not define: any pod at all, and what the selectors of
    /// policies ask for where nobody in the input is so. In the forms text and json.
    #[arg(long)]
    exposure: bool,

    /// The enforced egress baseline in place of the ConfigMap among the manifests: a file, or git:REF:PATH. Can be given
    /// more than once.
    #[arg(long, value_name = "FILE")]
    baseline: Vec<String>,

    #[command(flatten)]
    addresses: AddressArgs,
}

/// What is to be thought of addresses.
#[derive(Debug, clap::Args)]
pub(super) struct AddressArgs {
    /// Where pods of unknown address have theirs [default: the podCIDRs of the Nodes among the manifests]. Each has an
    /// address of either family; in a family of which no range is given it may be any. Can be given more than once.
    #[arg(long, value_name = "CIDR")]
    pod_cidr: Vec<IpNet>,

    /// Whether an ipBlock is about pods: `match` by their addresses, as the rules of a node do, or `never`. What hangs
    /// on an address that is not known is marked.
    #[arg(long, value_enum, default_value_t = Blocks::Match)]
    ipblock_pods: Blocks,
}

/// Whether an `ipBlock` is about pods.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Blocks {
    /// It is not.
    Never,
    /// By their addresses.
    Match,
}

/// Which way a connection goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Way {
    /// To the focus.
    Ingress,
    /// From it.
    Egress,
}

/// The forms of a map.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// A line for each connection.
    Text,
    /// JSON, described in docs/reference/map-json.md.
    Json,
    /// Comma-separated values.
    Csv,
    /// A table of Markdown.
    Md,
    /// A graph for Graphviz.
    Dot,
    /// A flowchart of Mermaid.
    Mermaid,
    /// Rows to columns.
    Matrix,
    /// A picture.
    Svg,
    /// A page for a browser that needs nothing else: search, focus, and the lines that decide each connection.
    Html,
}

/// More connections than this are no picture.
pub(super) const PICTURE_MAX: usize = 20_000;

const EXAMPLES: &str = "\
Examples:
  palisade map examples/cluster
  palisade map examples/cluster --focus shop/db --direction ingress
  helm template charts/shop | palisade map - --format mermaid
  palisade map git:main:k8s --format json --ipblock-pods never
  palisade map k8s --baseline platform/baseline.yaml

Exit codes:
  0  printed
  1  printed, but objects are broken, and what is closed in their place is in the map
  2  the usage is wrong, or a path cannot be read";

pub(super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
    let manifests = read(&args.paths, &args.baseline, color)?;
    let options = args.addresses.options(&manifests);
    let progress = Progress::of("judging connections");
    let mut model = Connectivity::new(scene(&manifests, &options));
    let mut map = Map::new(&mut model);
    drop(progress);
    map.routes = routes(&manifests.objects, &manifests.workloads.entries, &map);
    if args.exposure {
        if !matches!(args.format, Format::Text | Format::Json) {
            return Err(Failure::Input(anyhow!("--exposure has the forms text and json only")));
        }
        map.exposure = Some(exposure(scene(&manifests, &options)));
    }
    let Args { focus, peer, direction, port, .. } = args;
    let filter = Filter {
        focus: focus.clone(),
        peers: peer.clone(),
        direction: direction.map(|way| match way {
            Way::Ingress => Direction::Ingress,
            Way::Egress => Direction::Egress,
        }),
        ports: port.clone(),
    };
    filter.apply(&mut map).map_err(|error| Failure::Input(error.into()))?;
    let hanging = map.connections.iter().filter(|found| found.certainty == Certainty::DependsOnPodAddress).count();
    if hanging > 0 && options.pod_ranges.is_empty() {
        report::message(&format!(
            "note: {hanging} connections hang on addresses of pods that are not known: --pod-cidr says where they are, \
             and --ipblock-pods never that an ipBlock is not about pods"
        ));
    }
    if matches!(args.format, Format::Svg | Format::Html) {
        if map.connections.len() > PICTURE_MAX {
            let n = map.connections.len();
            let message = format!("{n} connections are no picture: choose some by --focus, at most {PICTURE_MAX}");
            return Err(Failure::Input(anyhow!(message)));
        }
        let _progress = Progress::of("looking for the lines that decide");
        map.deciding = Deciding::of(&map, &mut model);
    }
    let form = match args.format {
        Format::Text => Form::Text,
        Format::Json => Form::Json,
        Format::Csv => Form::Csv,
        Format::Md => Form::Markdown,
        Format::Dot => Form::Dot,
        Format::Mermaid => Form::Mermaid,
        Format::Matrix => Form::Matrix,
        Format::Svg => Form::Svg,
        Format::Html => Form::Html,
    };
    let mut out = Stream::default();
    // The stream itself knows why writing ended.
    let _: std::fmt::Result = report::map::write(&map, form, &mut out);
    out.finish().context("writing the result").map_err(Failure::Input)?;
    Ok(if manifests.has_broken_objects() { Outcome::Findings } else { Outcome::Clean })
}

/// Reads manifests and prints what was found on the way.
pub(super) fn read(words: &[String], baseline: &[String], color: Color) -> Result<Manifests, Failure> {
    let places = |words: &[String]| -> Vec<Place> { words.iter().map(|word| Place::parse(word)).collect() };
    let progress = Progress::of("reading manifests");
    let manifests = Manifests::load_with_baseline(&places(words), &places(baseline))
        .map_err(|error| Failure::Input(error.into()))?;
    drop(progress);
    report::message(&diagnostics::render(&manifests.diagnostics, &manifests.sources, color));
    Ok(manifests)
}

/// What manifests mean for connections.
pub(super) fn scene<'a>(manifests: &'a Manifests, options: &'a Options) -> Scene<'a> {
    let Manifests { policies, inventory, workloads, .. } = manifests;
    Scene { policies, inventory, workloads, options }
}

impl AddressArgs {
    /// What is said, and what the Nodes among the manifests say where nothing is.
    pub(super) fn options(&self, manifests: &Manifests) -> Options {
        self.options_in(manifests, &[])
    }

    /// The same; what a configuration says of the pods' ranges comes before what the Nodes say.
    pub(super) fn options_in(&self, manifests: &Manifests, configured: &[IpNet]) -> Options {
        let of_nodes = || manifests.inventory.nodes.values().flat_map(|node| node.pod_cidrs.iter().copied());
        let pod_ranges = match (self.pod_cidr.as_slice(), configured) {
            ([], []) => of_nodes().collect(),
            ([], configured) => configured.to_vec(),
            (given, _) => given.to_vec(),
        };
        let ip_blocks = match self.ipblock_pods {
            Blocks::Never => IpBlocks::Never,
            Blocks::Match => IpBlocks::Match,
        };
        Options { ip_blocks, pod_ranges }
    }
}
