//! Live connections where denials are only observed, and where they are again.

use engine::compile::options::{Mode, Observe, ObservedNamespaces, Pause, Paused, PodOptions};

use super::node::{Node, server_admits};
use super::stream::{Link, Speaker};
use crate::dataplane::enforce::{Family, Rules};
use crate::privilege::can_make_namespaces;

/// Every way in which the denials of `shop` are lifted.
fn ways() -> Vec<Observe> {
    let shop = || ObservedNamespaces { names: ["shop".into()].into(), selector: None };
    let pause = |whom| Pause { whom, lasts: std::time::Duration::from_secs(3_600), number: 1 };
    vec![
        Observe { mode: Mode::Observe, ..Observe::default() },
        Observe { namespaces: shop(), ..Observe::default() },
        Observe { pauses: vec![pause(Paused::Node)], ..Observe::default() },
        Observe { pauses: vec![pause(Paused::Namespace("shop".into()))], ..Observe::default() },
    ]
}

#[test]
fn what_is_observed_is_not_cut_and_what_was_cut_goes_on_until_it_is_enforced_again() {
    if !can_make_namespaces("observed flows") {
        return;
    }
    for (family, observe) in
        Family::BOTH.into_iter().flat_map(|family| ways().into_iter().map(move |way| (family, way)))
    {
        let mut node = Node::new();
        let (before, after) = (server_admits(&["client"]), server_admits(&["other"]));
        let options = PodOptions { observe: observe.clone(), ..PodOptions::default() };
        node.policies(&before);
        let mut flows = Link::BOTH.map(|link| node.open(link, "shop/client", "shop/server", family));
        let outcome = node.enforce(&Rules { policies: &after, options: options.clone(), ..Rules::default() });
        assert_eq!(outcome.n_revoked, 0, "{observe:?}");
        for flow in &mut flows {
            assert!(flow.arrives(Speaker::Server) && flow.arrives(Speaker::Client), "{observe:?} {flow:?}");
        }
        assert_eq!(node.policies(&after).n_revoked, 2, "{observe:?}");
        for flow in &mut flows {
            assert!(flow.is_cut(Speaker::Server), "{observe:?} {flow:?}");
        }
        let outcome = node.enforce(&Rules { policies: &after, options, ..Rules::default() });
        assert_eq!((outcome.n_restored, outcome.n_revoked), (2, 0), "{observe:?}");
        for flow in &mut flows {
            assert!(flow.arrives(Speaker::Server) && flow.arrives(Speaker::Client), "{observe:?} {flow:?}");
        }
    }
}
