//! ferm's rules, put back among what others have changed in the meantime.

use super::save::{Chain, Table};

/// The table of before, with whatever changed since it was left without ferm's rules.
///
/// Rules that are new stand behind the rule of somebody else's that they stand behind now; where there is none, in front.
pub fn merged(before: &Table, after: &Table, now: &Table) -> Table {
    let mut chains: Vec<Chain> = before.chains.iter().map(|chain| merged_chain(chain, after, now)).collect();
    chains.extend(now.chains.iter().filter(|chain| before.chain(&chain.name).is_none()).cloned());
    Table { name: before.name.clone(), chains }
}

fn merged_chain(before: &Chain, after: &Table, now: &Table) -> Chain {
    let (left, present) = (after.chain(&before.name), now.chain(&before.name));
    let left_rules = left.map_or(&[][..], |chain| &chain.rules);
    let mut ferms = without(&before.rules, left_rules);
    let (mut new, mut kept) = (vec![Vec::new()], Vec::new());
    let mut rest = left_rules.iter().enumerate();
    for rule in present.map_or(&[][..], |chain| &chain.rules) {
        let mut ahead = rest.clone();
        if let Some((at, _)) = ahead.find(|(_, known)| *known == rule) {
            rest = ahead;
            kept.push(at);
            new.push(Vec::new());
        } else if let Some(at) = ferms.iter().position(|ferm| *ferm == rule) {
            // It is back already.
            ferms.remove(at);
        } else if let Some(run) = new.last_mut() {
            run.push(rule.clone());
        }
    }
    let mut new = new.into_iter();
    let mut rules = new.next().unwrap_or_default();
    // Of what was left, each is one of the rules of before, in their order; all others of those are ferm's.
    let mut others = left_rules.iter().enumerate().peekable();
    for rule in &before.rules {
        match others.next_if(|(_, other)| *other == rule) {
            None => rules.push(rule.clone()),
            Some((at, _)) if kept.contains(&at) => {
                rules.push(rule.clone());
                rules.extend(new.next().unwrap_or_default());
            }
            // Somebody has removed it since.
            Some(_) => {}
        }
    }
    let is_ferms = left.is_none_or(|left| left.policy != before.policy);
    let policy = if is_ferms { &before.policy } else { present.map_or(&before.policy, |chain| &chain.policy) };
    Chain { name: before.name.clone(), policy: policy.clone(), rules }
}

/// The rules that are left when some of them, in the same order, are taken out.
fn without<'a>(rules: &'a [String], out: &[String]) -> Vec<&'a String> {
    let mut out = out.iter().peekable();
    rules.iter().filter(|rule| out.next_if(|next| next == rule).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::save::Saved;
    use super::*;

    fn table(policy: &str, rules: &str) -> Table {
        let rules = rules.split_whitespace().map(|rule| format!("-A INPUT -j {rule}")).collect();
        let chain = Chain { name: "INPUT".to_owned(), policy: Some(policy.to_owned()), rules };
        Table { name: "filter".to_owned(), chains: vec![chain] }
    }

    /// Ferm's rules are in lower case.
    fn comes_back(before: &str, now: &str, expected: &str) {
        let others: Vec<&str> = before.split_whitespace().filter(|rule| rule.to_uppercase() == **rule).collect();
        let after = table("ACCEPT", &others.join(" "));
        assert_eq!(merged(&table("DROP", before), &after, &table("ACCEPT", now)), table("DROP", expected), "{now}");
    }

    #[test]
    fn untouched_it_is_what_it_was() {
        comes_back("a A b B c", "A B", "a A b B c");
        comes_back("", "", "");
        comes_back("a b", "", "a b");
    }

    #[test]
    fn what_others_add_and_remove_stays_added_and_removed() {
        comes_back("a A b B c", "A X B Y", "a A X b B Y c");
        comes_back("a A b", "", "a b");
        comes_back("a A b", "X A", "X a A b");
        comes_back("a b", "X", "X a b");
        comes_back("a A b B", "B A", "a b B A");
        comes_back("A A a", "A", "A a");
    }

    #[test]
    fn to_put_them_back_twice_is_to_put_them_back_once() {
        comes_back("a A b B c", "a A X b B c", "a A X b B c");
        comes_back("a A b", "a", "a b");
    }

    #[test]
    fn chains_that_are_new_and_policies_that_others_set_stay() {
        let before = Saved::parse("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:web - [0:0]\nCOMMIT\n");
        let after = Saved::parse("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\nCOMMIT\n");
        let now = Saved::parse("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\nCOMMIT\n");
        let back = merged(&before.tables[0], &after.tables[0], &now.tables[0]);
        let expected = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:web - [0:0]\n:DOCKER - [0:0]\nCOMMIT\n";
        assert_eq!(back.to_string(), expected);
    }
}
