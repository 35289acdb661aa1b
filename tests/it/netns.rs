//! Real packets through network namespaces.

mod cases;
mod prober;
mod simulated;

use watcher::lab::{Lab, Matrix, Service, Topology};

/// Two nodes with six pods each, two hosts outside and a process on each node.
pub(crate) const TWO_NODES: &str = "
    node      node-a   192.168.0.11   2001:db8:0:1::11
    pod       a/p1     node-a  10.244.1.11  2001:db8:244:1::11
    pod       a/p2     node-a  10.244.1.12  2001:db8:244:1::12
    pod       a/p3     node-a  10.244.1.13  2001:db8:244:1::13
    pod       a/p4     node-a  10.244.1.14  2001:db8:244:1::14
    pod       a/p5     node-a  10.244.1.15  2001:db8:244:1::15
    pod       a/p6     node-a  10.244.1.16  2001:db8:244:1::16
    process   a-host   node-a
    node      node-b   192.168.0.12   2001:db8:0:1::12
    pod       b/p1     node-b  10.244.2.11  2001:db8:244:2::11
    pod       b/p2     node-b  10.244.2.12  2001:db8:244:2::12
    pod       b/p3     node-b  10.244.2.13  2001:db8:244:2::13
    pod       b/p4     node-b  10.244.2.14  2001:db8:244:2::14
    pod       b/p5     node-b  10.244.2.15  2001:db8:244:2::15
    pod       b/p6     node-b  10.244.2.16  2001:db8:244:2::16
    process   b-host   node-b
    outside   alpha    203.0.113.10   2001:db8:ffff::10
    outside   beta     203.0.113.20   2001:db8:ffff::20
";

/// Builds a laboratory that answers to these services.
pub(crate) fn lab(description: &str, services: &[Service]) -> Lab {
    let topology: Topology = description.parse().unwrap();
    let mut lab = Lab::up(&topology).unwrap();
    lab.listen(services).unwrap();
    lab
}

/// Asks what these tables ask and fails with the tables as they came out, and every difference, if there is one.
pub(crate) fn assert_matrix(lab: &Lab, tables: &str) {
    let tables = Matrix::parse_all(tables).unwrap();
    assert!(!tables.is_empty(), "no table to compare with");
    let (observed, mismatches) = lab.compare(&tables).unwrap();
    if !mismatches.is_empty() {
        let observed: Vec<_> = observed.iter().map(ToString::to_string).collect();
        let mismatches: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
        panic!("observed:\n{}\ndifferent:\n{}", observed.join("\n"), mismatches.join("\n"));
    }
}
