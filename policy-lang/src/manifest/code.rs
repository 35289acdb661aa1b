//! Codes of the findings about manifests and the egress baseline.

use crate::diagnostic::Code;

/// The text is no YAML, or still a template.
pub const YAML_SYNTAX: Code = Code("PAL001");
/// A field that the schema does not have.
pub const UNKNOWN_FIELD: Code = Code("PAL002");
/// A field of the schema at the wrong level.
pub const MISPLACED_FIELD: Code = Code("PAL003");
/// A key that stands twice in one mapping.
pub const DUPLICATE_KEY: Code = Code("PAL004");
/// A list where a mapping belongs, a number where a text belongs, a required field that is missing.
pub const WRONG_TYPE: Code = Code("PAL005");
/// `port: "80"`.
pub const QUOTED_PORT: Code = Code("PAL006");
/// A number that is no port, or a name that no port can have.
pub const BAD_PORT: Code = Code("PAL007");
/// `endPort` without `port`.
pub const END_PORT_WITHOUT_PORT: Code = Code("PAL008");
/// `endPort` beside a port name.
pub const END_PORT_WITH_NAMED_PORT: Code = Code("PAL009");
/// `endPort` below `port`.
pub const END_PORT_BELOW_PORT: Code = Code("PAL010");
/// Not exactly TCP, UDP or SCTP.
pub const BAD_PROTOCOL: Code = Code("PAL011");
/// A peer that says nothing.
pub const EMPTY_PEER: Code = Code("PAL012");
/// `ipBlock` and a selector in one peer.
pub const MIXED_PEER: Code = Code("PAL013");
/// Not a CIDR.
pub const BAD_CIDR: Code = Code("PAL014");
/// An exception that is not a part of its CIDR.
pub const BAD_EXCEPT: Code = Code("PAL015");
/// A CIDR that servers read in more than one way.
pub const SLOPPY_CIDR: Code = Code("PAL016");
/// Neither Ingress nor Egress, or more than two of them.
pub const BAD_POLICY_TYPE: Code = Code("PAL017");
/// A selector that the server refuses.
pub const BAD_SELECTOR: Code = Code("PAL018");
/// A name that the server refuses.
pub const BAD_NAME: Code = Code("PAL019");
/// An `apiVersion` that no server has for this kind.
pub const BAD_API_VERSION: Code = Code("PAL020");
/// One object written twice.
pub const DUPLICATE_OBJECT: Code = Code("PAL021");
/// No namespace written: `default`.
pub const NAMESPACE_IMPLICIT: Code = Code("PAL022");
/// No pod selector written: every pod.
pub const POD_SELECTOR_MISSING: Code = Code("PAL023");
/// A kind that palisade has no use for.
pub const KIND_SKIPPED: Code = Code("PAL024");
/// A document that is no object, or too large.
pub const NOT_LOADED: Code = Code("PAL025");
/// An address that no pod can have.
pub const POD_ADDRESS: Code = Code("PAL032");
/// A field of a ClusterNetworkPolicy that the server refuses, or a required one that is missing.
pub const CLUSTER_POLICY: Code = Code("PAL901");
/// More rules, peers, protocols or networks than the server takes, or a longer name.
pub const CLUSTER_POLICY_LIMIT: Code = Code("PAL902");
/// A named port beside peers of which no pod tells the number.
pub const CLUSTER_POLICY_NAMED_PORT: Code = Code("PAL903");
/// `domainNames`.
pub const CLUSTER_POLICY_DOMAIN_NAMES: Code = Code("PAL904");
/// The baseline as a whole cannot be read.
pub const BASELINE_SCHEMA: Code = Code("PAL501");
/// One entry of the baseline cannot be read.
pub const BASELINE_ENTRY: Code = Code("PAL502");
/// What an earlier document of the baseline decides, or lets past, is not for a later one to deny.
pub const BASELINE_SHADOWED: Code = Code("PAL505");
/// Documents of the baseline of one tier and one priority with different actions: their names decide.
pub const BASELINE_SAME_RANK: Code = Code("PAL506");
/// The same of ClusterNetworkPolicies of a cluster.
pub const CLUSTER_POLICY_SAME_RANK: Code = Code("PAL905");
/// A baseline that denies nothing.
pub const BASELINE_EMPTY: Code = Code("PAL508");
/// An exemption for every pod, or by a label that tenants may be able to set.
pub const BASELINE_EXEMPTION: Code = Code("PAL510");
/// `allow` beside `default: pass` opens nothing.
pub const BASELINE_ALLOW_OPENS_NOTHING: Code = Code("PAL512");
