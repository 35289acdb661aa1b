//! JSON, described by docs/reference/test-result.schema.json.

use engine::connectivity::Reason;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Case, n_failed, why};
use crate::assertions::{Because, Failure, Kind, Layer, Verdict};
use crate::report::diff::says_word;
use crate::report::map::peer_value;
use crate::report::{PlaceJson, pretty};

/// The version of the form: fields may come, none goes.
const VERSION: u8 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u8,
    tests: Vec<Test<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Summary {
    passed: usize,
    failed: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Test<'a> {
    path: &'a str,
    line: u32,
    column: u32,
    name: &'a str,
    expect: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checked: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failed<'a>>,
}

#[derive(Serialize)]
struct Failed<'a> {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'static str>,
    from: Option<Box<RawValue>>,
    to: Option<Box<RawValue>>,
    protocol: String,
    port: u16,
    because: Vec<End<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    others: Others,
}

#[derive(Serialize)]
struct Others {
    workloads: usize,
    nodes: usize,
    addresses: usize,
}

#[derive(Serialize)]
struct End<'a> {
    subject: Option<Box<RawValue>>,
    direction: String,
    reasons: Vec<Decides<'a>>,
}

#[derive(Serialize)]
struct Decides<'a> {
    tier: String,
    says: &'static str,
    #[serde(flatten)]
    place: PlaceJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a str>,
}

pub(super) fn render(cases: &[Case<'_>]) -> String {
    let failed = n_failed(cases);
    let summary = Summary { passed: cases.len() - failed, failed };
    pretty(&Document { version: VERSION, tests: cases.iter().map(test).collect(), summary })
}

fn test<'a>(case: &'a Case<'_>) -> Test<'a> {
    let Case { path, at, name, expect, verdict, sources: _ } = case;
    let (word, checked, failure) = match verdict {
        Verdict::Passed { pairs } => ("passed", Some(*pairs), None),
        Verdict::Failed(failure) => ("failed", None, Some(failed(failure))),
        Verdict::Nobody { .. } => ("nobody", None, None),
        Verdict::Unclear { .. } => ("unclear", None, None),
    };
    let message = why(case).into_iter().next();
    let (line, column, expect) = (at.line, at.column, expect.word());
    let code = verdict.code().map(|code| code.0);
    Test { path, line, column, name, expect, verdict: word, code, checked, message, failure }
}

fn failed(failure: &Failure) -> Failed<'_> {
    let Failure { kind, witness, others: [workloads, nodes, addresses] } = failure;
    Failed {
        kind: kind.word(),
        layer: match kind {
            Kind::OtherLayer(layer) => Some(Layer::word(*layer)),
            Kind::Denied | Kind::Permitted | Kind::NotOnly | Kind::DependsOnPodAddress | Kind::NothingPermitted => None,
        },
        from: peer_value(&witness.from),
        to: peer_value(&witness.to),
        protocol: witness.protocol.to_string(),
        port: witness.port,
        because: witness.because.iter().map(end).collect(),
        host: witness.host.as_deref(),
        others: Others { workloads: *workloads, nodes: *nodes, addresses: *addresses },
    }
}

fn end(because: &Because) -> End<'_> {
    let Because { subject, direction, reasons } = because;
    End {
        subject: peer_value(subject),
        direction: direction.to_string(),
        reasons: reasons.iter().map(decides).collect(),
    }
}

fn decides(reason: &Reason) -> Decides<'_> {
    Decides {
        tier: reason.tier.to_string(),
        says: says_word(reason.says),
        place: PlaceJson::of(&reason.origin),
        policy: reason.origin.subject.as_deref(),
    }
}
