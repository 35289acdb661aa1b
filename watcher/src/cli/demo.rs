//! `palisade demo`: the three sources, enforced and proven on namespaces of this machine.

use std::path::PathBuf;

use clap::ValueEnum;

/// Show on this machine that packets do what the sources say. Needs root.
///
/// Builds a cluster from network namespaces, with a namespace for each node, each pod and some hosts outside; loads
/// every node's ruleset in its own namespace; sends real packets from everybody to everybody, for every service and
/// both families; and compares what came of them with what the sources say. Prints a truth table for each service and
/// the source line that decided for everything that is denied. Then it takes out a rule that a live connection between
/// two pods hangs on, and shows that the connection is cut and what `palisade drops` says about that.
///
/// Without sources it shows the examples that are built in. The nodes, pods and services shown are those of the
/// manifests. Nothing outside of the namespaces is touched, and nothing is left behind, also if it is killed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Host rules in ferm's language, for every node; `-` for standard input.
    #[arg(long, value_name = "FILE", help_heading = "Sources")]
    host: Option<PathBuf>,

    /// Kubernetes manifests: a file, a folder, or `-` for standard input. Can be given more than once. They need Nodes
    /// and Pods with addresses.
    #[arg(long, value_name = "PATH", help_heading = "Sources")]
    manifests: Vec<PathBuf>,

    /// The enforced egress baseline; replaces the ConfigMap kube-system/palisade-egress-baseline among the manifests.
    #[arg(long, value_name = "FILE", help_heading = "Sources")]
    baseline: Vec<PathBuf>,

    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  palisade demo
  palisade demo --manifests examples/cluster --baseline examples/cluster/baseline.yaml --host examples/host/node.ferm
  palisade demo --format json > demo.json

Exit codes:
  0  everything is as the sources say, and nothing was left behind
  1  something is not, or something was left behind
  2  the input or the usage is wrong; nothing was built
  3  not permitted to make network namespaces, or the kernel refused";

/// The forms of the report.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Truth tables, 120 columns wide.
    Text,
    /// JSON, described in docs/reference/demo-json.md.
    Json,
}

#[cfg(not(feature = "kernel"))]
pub(super) fn run(args: &Args, _: crate::report::Color) -> Result<super::Outcome, super::Failure> {
    let Args { host: _, manifests: _, baseline: _, format: _ } = args;
    let message = "this palisade was built without the feature `kernel`: it builds no networks and loads no rules";
    Err(super::Failure::Refused(anyhow::anyhow!(message)))
}

#[cfg(feature = "kernel")]
pub(super) use self::with_kernel::run;

#[cfg(feature = "kernel")]
mod with_kernel {
    use std::io::{self, IsTerminal as _};
    use std::time::Instant;

    use anyhow::{Context as _, anyhow};
    use policy_lang::diagnostic::Severity;

    use super::super::{Failure, Outcome, print};
    use super::{Args, Format};
    use crate::config::Config;
    use crate::demo::examples::{self, Examples};
    use crate::demo::traces::Traces;
    use crate::demo::{Cut, DemoError, Report, Scene, Stage, Tightening, World, json, owner, text};
    use crate::report::{self, Color, diagnostics};
    use crate::source;

    pub(in super::super) fn run(args: &Args, color: Color) -> Result<Outcome, Failure> {
        let start = Instant::now();
        let traces = || Traces::find().context("looking for what is there").map_err(Failure::Refused);
        let before = traces()?;
        let say = |text: &str| match args.format {
            Format::Text => print(text),
            Format::Json => Ok(()),
        };
        let Prepared { world, scene, tightening } = prepared(args, color)?;
        say(&introduction(args, &scene))?;
        say(&text::step(&format!("compiled: {}", text::compiled(&world)), start.elapsed()))?;
        let (outcome, cut) = shown(&Stage { world: &world, scene: &scene }, tightening.as_ref(), &say)?;
        let tightening = tightening.as_ref().zip(cut.as_ref());
        match args.format {
            Format::Text => {
                print(&text::report(&outcome, painted(color)))?;
                print(&tightening.map_or_else(
                    || text::NO_TIGHTENING.to_owned(),
                    |(tightening, cut)| text::tightening(tightening, cut),
                ))?;
            }
            Format::Json => print(&json::report(&outcome, tightening))?,
        }
        say(&format!("\n{}", text::summary(&outcome, start.elapsed())))?;
        let left = traces()?.beyond(&before);
        if left.is_empty() {
            say("nothing left behind: no namespace, interface, socket or process\n")?;
        } else {
            report::message(&format!("left behind: {}", left.join(", ")));
        }
        let is_cut = tightening.is_none_or(|(tightening, cut)| cut.is_as_written(tightening));
        Ok(if outcome.is_sound() && is_cut && left.is_empty() { Outcome::Clean } else { Outcome::Findings })
    }

    /// Builds, enforces, asks, and takes it all down again.
    fn shown(
        stage: &Stage<'_>,
        tightening: Option<&Tightening>,
        say: &dyn Fn(&str) -> Result<(), Failure>,
    ) -> Result<(Report, Option<Cut>), Failure> {
        let start = Instant::now();
        let built = stage.build().map_err(refused)?;
        let namespaces = stage.scene.topology.hosts().count() + 1;
        say(&text::step(&format!("built: {namespaces} network namespaces, packets flow"), start.elapsed()))?;

        let start = Instant::now();
        let mut enforced = stage.enforce(built).map_err(refused)?;
        let commits = enforced.commits.iter().map(|(node, count)| format!("{node} in {count} transactions"));
        let commits = commits.collect::<Vec<_>>().join(", ");
        say(&text::step(&format!("enforced by netlink: {commits}"), start.elapsed()))?;

        let start = Instant::now();
        let outcome = stage.ask(&enforced).map_err(refused)?;
        say(&text::step(
            &format!("asked: {} questions, each judged and probed", outcome.cells.len()),
            start.elapsed(),
        ))?;

        let start = Instant::now();
        let cut = tightening.map(|tightening| tightening.show(stage.world, &mut enforced)).transpose();
        let cut = cut.map_err(refused)?;
        if let Some(cut) = &cut {
            let words = if cut.n_revoked == 1 { "connection" } else { "connections" };
            say(&text::step(&format!("tightened: {} live {words} cut", cut.n_revoked), start.elapsed()))?;
        }

        let start = Instant::now();
        drop(enforced);
        say(&text::step("taken down", start.elapsed()))?;
        Ok((outcome, cut))
    }

    /// What is shown.
    struct Prepared {
        world: World,
        scene: Scene,
        tightening: Option<Tightening>,
    }

    /// Reads and compiles the sources, and prints every finding about them.
    fn prepared(args: &Args, color: Color) -> Result<Prepared, Failure> {
        let config = config(args);
        let loaded = if config.has_sources() {
            source::load(&config)
        } else {
            source::load_from(&examples::config(), &Examples::default())
        };
        let mut loaded = loaded.map_err(|error| Failure::Input(error.into()))?;
        let texts = loaded.sources.clone();
        let mut findings = std::mem::take(&mut loaded.diagnostics);
        let mode = config.forward.unwrap_or_default();
        let (world, found) = World::compile(loaded.clone(), mode);
        findings.extend(found);
        report::message(&diagnostics::render(&findings, &texts, color));
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Err(Failure::Input(anyhow!("nothing was built because of these errors")));
        }
        let scene = Scene::of(&world).map_err(|error| Failure::Input(error.into()))?;
        let owner = owner().map_err(|error| Failure::Refused(error.into()))?;
        let tightening = Tightening::find(&world, &scene, &loaded, mode, owner);
        Ok(Prepared { world, scene, tightening })
    }

    fn config(args: &Args) -> Config {
        let Args { host, manifests, baseline, format: _ } = args;
        Config { host: host.clone(), manifests: manifests.clone(), baseline: baseline.clone(), ..Config::default() }
    }

    fn introduction(args: &Args, scene: &Scene) -> String {
        let nodes = &scene.topology.nodes;
        let config = config(args);
        let config = if config.has_sources() { config } else { examples::config() };
        let Config { host, manifests, baseline, node: _, forward: _, pods: _, host_options: _ } = config;
        let paths: Vec<_> =
            manifests.iter().chain(&baseline).chain(&host).map(|path| path.display().to_string()).collect();
        format!(
            "{} pods on {} nodes, {} hosts outside; {} services\nsources: {}\n\n",
            nodes.iter().map(|node| node.pods.len()).sum::<usize>(),
            nodes.len(),
            scene.topology.outside.len(),
            scene.services.len(),
            paths.join(", "),
        )
    }

    /// Colours are for terminals, whatever is said about the findings on standard error.
    fn painted(color: Color) -> Color {
        if io::stdout().is_terminal() { color } else { Color::Plain }
    }

    fn refused(error: DemoError) -> Failure {
        Failure::Refused(error.into())
    }
}
