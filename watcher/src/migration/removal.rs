//! What of the loaded tables is from the file that ferm read, and how to take that away and nothing else.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::save::{Chain, Saved, Table};

/// One table without what is ferm's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Removal {
    /// The table as it is.
    pub before: Table,
    /// The table as it will be.
    pub after: Table,
    /// Input of `iptables-restore --noflush`, which does all of it at once or, if somebody was faster, nothing.
    pub input: String,
    /// Rules that go.
    pub rules: usize,
    /// Chains that go.
    pub chains: Vec<String>,
    /// Chains that let pass again what no rule is about.
    pub opened: Vec<String>,
    /// Chains with rules that are not from the file, and how many those are. They stay.
    pub others: Vec<(String, usize)>,
}

/// What goes from each table that both have. Both texts are iptables' own, so the same rule is the same line.
pub fn removals(live: &Saved, ferm: &Saved) -> Vec<Removal> {
    let both = live.tables.iter().filter_map(|table| Some((table, ferm.table(&table.name)?)));
    both.map(|(live, ferm)| removal(live, ferm)).collect()
}

impl Removal {
    /// Whether anything of ferm's is there.
    pub fn is_needed(&self) -> bool {
        self.before != self.after
    }
}

fn removal(live: &Table, ferm: &Table) -> Removal {
    let mut expected: HashMap<&str, usize> = HashMap::new();
    for rule in ferm.chains.iter().flat_map(|chain| &chain.rules) {
        *expected.entry(rule).or_default() += 1;
    }
    let mut after = Table { name: live.name.clone(), chains: Vec::new() };
    let mut changes = String::new();
    let (mut rules, mut opened) = (0, Vec::new());
    for chain in &live.chains {
        let is_ferms = ferm.chain(&chain.name).is_some_and(|ferms| ferms.is_strict() && ferms.policy == chain.policy);
        let policy = if is_ferms { Some("ACCEPT".to_owned()) } else { chain.policy.clone() };
        let mut rest = Chain { name: chain.name.clone(), policy, rules: Vec::new() };
        for rule in &chain.rules {
            match expected.get_mut(rule.as_str()).filter(|count| **count > 0) {
                Some(count) => {
                    *count -= 1;
                    rules += 1;
                    push(&mut changes, &["-D", rule.strip_prefix("-A").unwrap_or(rule)]);
                }
                None => rest.rules.push(rule.clone()),
            }
        }
        if is_ferms {
            opened.push(chain.name.clone());
        }
        after.chains.push(rest);
    }
    let chains: Vec<String> = after
        .chains
        .iter()
        .filter(|chain| chain.policy.is_none() && chain.rules.is_empty())
        .filter(|chain| ferm.chain(&chain.name).is_some() && !after.refers_to(&chain.name))
        .map(|chain| chain.name.clone())
        .collect();
    for chain in &chains {
        push(&mut changes, &["-X ", chain]);
    }
    let mut input = String::new();
    push(&mut input, &["*", &live.name]);
    for chain in &opened {
        push(&mut input, &[":", chain, " ACCEPT [0:0]"]);
    }
    let _infallible = writeln!(input, "{changes}COMMIT");
    after.chains.retain(|chain| !chains.contains(&chain.name));
    let others = after.chains.iter().filter(|chain| !chain.rules.is_empty());
    let others = others.map(|chain| (chain.name.clone(), chain.rules.len())).collect();
    Removal { before: live.clone(), after, input, rules, chains, opened, others }
}

fn push(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const FERM: &str = "\
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:web - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -j web
-A web -j ACCEPT
COMMIT
";

    #[test]
    fn what_the_file_says_goes_and_what_others_say_stays() {
        let live = "\
*filter
:INPUT DROP [7:420]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:web - [0:0]
-A INPUT -s 192.0.2.1/32 -j DROP
-A INPUT -i lo -j ACCEPT
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -j web
-A FORWARD -o docker0 -j DOCKER
-A web -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -j DOCKER
COMMIT
";
        let found = removals(&Saved::parse(live), &Saved::parse(FERM));
        let [filter] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            filter.input,
            "*filter\n:INPUT ACCEPT [0:0]\n-D INPUT -i lo -j ACCEPT\n-D INPUT -p tcp -m tcp --dport 80 -j web\n\
             -D web -j ACCEPT\n-X web\nCOMMIT\n"
        );
        // The second rule on lo is somebody's: the file has one. FORWARD drops, which the file does not say.
        assert_eq!(filter.others, [("INPUT".to_owned(), 2), ("FORWARD".to_owned(), 1)]);
        assert_eq!((filter.rules, filter.chains.as_slice()), (3, ["web".to_owned()].as_slice()));
        assert_eq!(filter.after.chain("FORWARD").unwrap().policy.as_deref(), Some("DROP"));
        assert!(filter.after.chain("web").is_none() && filter.after.chain("DOCKER").is_some());
    }

    #[test]
    fn a_chain_that_somebody_else_uses_stays() {
        let live = FERM.replace("COMMIT", "-A FORWARD -j web\nCOMMIT");
        let found = removals(&Saved::parse(&live), &Saved::parse(FERM));
        assert_eq!(found[0].chains, [""; 0]);
        assert!(found[0].after.chain("web").is_some());
    }

    #[test]
    fn where_nothing_is_ferms_nothing_is_to_be_done() {
        let live = Saved::parse("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n");
        assert!(removals(&live, &Saved::parse(FERM)).iter().all(|removal| !removal.is_needed()));
        assert_eq!(removals(&live, &Saved::parse("*nat\nCOMMIT\n")), []);
    }
}
