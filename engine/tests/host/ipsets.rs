//! The sets of `ipset save`.

use engine::render;

use super::lowered::Lowered;
use super::nft;

/// The rules of the only chain in one line each, and the sets.
#[track_caller]
fn lowered(text: &str, sets: &str) -> String {
    let lowered = Lowered::with_sets(text, sets);
    assert!(lowered.diagnostics.is_empty(), "{}", lowered.findings());
    nft::load(&lowered.text());
    let rules = lowered.rules();
    let rules = rules.lines().skip(1).map(|line| line.split(" comment ").next().unwrap_or("").trim().to_owned());
    let sets = lowered.table.sets.iter().map(|(name, set)| {
        let elements: Vec<String> =
            set.elements.iter().map(|(key, element)| render::element(&set.spec, key, element)).collect();
        format!("{name}: {}", elements.join(", "))
    });
    rules.chain(sets).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(rule: &str, sets: &str, expected: &[&str]) {
    assert_eq!(lowered(&format!("domain (ip ip6) chain INPUT {{ {rule} }}"), sets), expected.join("\n"), "{rule}");
}

#[track_caller]
fn check_v4(rule: &str, sets: &str, expected: &[&str]) {
    assert_eq!(lowered(&format!("domain ip chain INPUT {{ {rule} }}"), sets), expected.join("\n"), "{rule}");
}

#[track_caller]
fn refused(rule: &str, sets: &str, expected: &str) {
    let lowered = Lowered::with_sets(&format!("domain ip chain INPUT {{ {rule} }}"), sets);
    let said = lowered.findings();
    assert!(said.contains(expected), "{rule}: {said}");
}

#[test]
fn the_longest_network_decides() {
    check_v4(
        "mod set match-set a src DROP;",
        "create a hash:net family inet\nadd a 10.0.0.0/8\nadd a 10.1.0.0/16 nomatch\nadd a 10.1.2.0/24\nadd a 10.255.255.255\n\
         add a 192.0.2.0/24 nomatch\n",
        &["ip saddr @pl_ipset_a_4 drop", "pl_ipset_a_4: 10.0.0.0/16, 10.1.2.0/24, 10.2.0.0-10.255.255.255"],
    );
}

#[test]
fn a_set_is_of_one_family_or_of_both() {
    let six = "create a hash:ip family inet6\nadd a 2001:db8::1\n";
    assert_eq!(
        lowered("domain ip6 chain INPUT mod set !match-set a dst DROP;", six),
        "ip6 daddr != @pl_ipset_a_6 drop\npl_ipset_a_6: 2001:db8::1"
    );
    refused("mod set match-set a src DROP;", six, "for `domain ip6`");
    check(
        "mod set match-set a dst DROP;",
        "create a bitmap:port range 0-1023\nadd a 80\nadd a 81\nadd a 443\n",
        &[
            "meta l4proto . th dport @pl_ipset_a_port drop",
            "pl_ipset_a_port: tcp . 80-81, tcp . 443, udp . 80-81, udp . 443",
        ],
    );
}

#[test]
fn members_of_several_parts_are_concatenations() {
    check_v4(
        "mod set match-set a (src dst) DROP;",
        "create a hash:net,port\nadd a 10.0.0.0/8,udp:53\nadd a 10.1.0.0/16,udp:53\n",
        &["ip saddr . meta l4proto . th dport @pl_ipset_a_4_port drop", "pl_ipset_a_4_port: 10.0.0.0/8 . udp . 53"],
    );
    check_v4(
        "mod set match-set a (src src) DROP;",
        "create a hash:net,iface\nadd a 10.0.0.0/8,eth0\n",
        &["ip saddr . iifname @pl_ipset_a_4_if drop", "pl_ipset_a_4_if: 10.0.0.0/8 . \"eth0\""],
    );
    check_v4(
        "mod set match-set a (src src) DROP;",
        "create a hash:ip,mark\nadd a 10.0.0.1,0x00000010\n",
        &["ip saddr . meta mark @pl_ipset_a_4_mark drop", "pl_ipset_a_4_mark: 10.0.0.1 . 0x00000010"],
    );
}

#[test]
fn a_list_is_its_members_together() {
    check(
        "mod set match-set l src DROP;",
        "create a hash:net\nadd a 10.0.0.0/8\ncreate b hash:ip\nadd b 10.0.0.1\nadd b 192.0.2.1\n\
         create c hash:ip family inet6\nadd c 2001:db8::1\ncreate l list:set size 8\nadd l a\nadd l b\nadd l c\n",
        &[
            "ip saddr @pl_ipset_l_4 drop",
            "ip6 saddr @pl_ipset_l_6 drop",
            "pl_ipset_l_4: 10.0.0.0/8, 192.0.2.1",
            "pl_ipset_l_6: 2001:db8::1",
        ],
    );
}

#[test]
fn packets_change_sets_of_the_kernel() {
    let text = "domain ip chain INPUT { proto tcp dport 1 SET add-set seen src exist timeout 9; proto tcp dport 2 SET del-set \
                seen src; mod set match-set seen src DROP; }";
    let lowered = Lowered::with_sets(text, "create seen hash:ip timeout 600 maxelem 9\n");
    assert!(lowered.diagnostics.is_empty(), "{}", lowered.findings());
    nft::load(&lowered.text());
    let rules = lowered.rules();
    let (name, set) = lowered.table.sets.iter().next().unwrap();
    assert!(set.spec.dynamic && set.elements.is_empty(), "{set:?}");
    for expected in ["update @NAME { ip saddr timeout 9s }", "delete @NAME { ip saddr }", "ip saddr @NAME drop"] {
        assert!(rules.contains(&expected.replace("NAME", name.as_str())), "{rules}");
    }
}

#[test]
fn what_has_no_form_is_refused_at_the_rule() {
    refused("mod set match-set bad src DROP;", "create bed hash:ip\n", "1:43 `bad` the set `bad` is in no file");
    refused("mod set match-set x src DROP;", "create abc hash:ip\n", "ipset save > FILE");
    refused("mod set match-set a src DROP;", "create a hash:mac\n", "sets of this type");
    refused("mod set match-set a src DROP;", "create a hash:ip netmask 24\n", "compared in parts");
    refused("mod set match-set a src DROP;", "create a hash:ip timeout 5\nadd a 10.0.0.1\n", "leaves it after a while");
    refused("mod set match-set a src DROP;", "create a hash:ip,port\n", "needs 2 directions");
    refused("mod set !match-set a (src src) DROP;", "create a hash:ip,port\n", "not every packet has them");
    refused("mod set match-set a src return-nomatch DROP;", "create a hash:net\n", "exceptions before");
    refused("mod set update-counters DROP;", "create a hash:net\n", "says nothing of a set");
    refused("mod set match-set a src packets-gt 5 DROP;", "create a hash:net\n", "mod hashlimit");
    refused(
        "mod set match-set a (src dst) DROP;",
        "create a hash:net,net\nadd a 10.0.0.0/8,10.1.0.0/16\nadd a 10.2.0.0/16,10.0.0.0/8\n",
        "overlap in more than one part",
    );
    refused(
        "mod set match-set a (src src) DROP;",
        "create a hash:net,iface\nadd a 10.0.0.0/8,eth0\nadd a 0.0.0.0/0,eth1\n",
        "a network inside of another",
    );
    refused("SET add-set a src;", "create a hash:ip\nadd a 10.0.0.1\n", "has to begin empty");
    refused("SET add-set a src;", "create a hash:net\n", "packets cannot change a set of this type");
    refused("SET add-set a (src src);", "create a hash:ip,port\n", "add `proto tcp`");
    refused("SET add-set a src timeout 5;", "create a hash:ip\n", "create it with `timeout N`");
    refused("SET add-set a src;", "", "is in no file");
}
