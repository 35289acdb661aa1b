//! Everything that host rules were read from, so that they can be read again as they were.

use std::cell::RefCell;
use std::collections::BTreeMap;

use policy_lang::diagnostic::Diagnostic;
use policy_lang::host::rule::HostRules;
use policy_lang::host::{
    CommandError, Commands, FileError, Files, LookupError, MemoryFiles, Record, Resolver, Surroundings, parse_in,
};
use policy_lang::source::Sources;
use serde::{Deserialize, Serialize};

/// What was answered when it was asked what is in a folder, or what matches a pattern.
pub type Listings = BTreeMap<String, Vec<String>>;

/// The texts and what was asked for on the way.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostTexts {
    /// The path of the main file.
    pub main: String,
    /// Its text and those that it includes, by path, in the order of the first reading.
    pub texts: Vec<(String, String)>,
    /// What was in the folders and matched the patterns that were asked about.
    pub listings: Listings,
    /// The variables that were given beside the files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub definitions: Vec<String>,
    /// The files with what `ipset save` printed; their texts are among `texts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ipsets: Vec<String>,
    /// What commands printed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// What name servers answered, by the type of the record and the name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: Listings,
}

/// Whom host rules may ask when they are read.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Files.
    pub(crate) files: &'a dyn Files,
    /// A shell, if commands may be run.
    pub(crate) commands: Option<&'a dyn Commands>,
    /// Name servers, if names may be looked up.
    pub(crate) resolver: Option<&'a dyn Resolver>,
    /// What was answered the last time, for when name servers fail.
    pub(crate) former: Option<&'a HostTexts>,
    /// Whether name servers are asked only what they were not asked the last time.
    pub(crate) prefers_former: bool,
    /// The files with what `ipset save` printed.
    pub(crate) ipsets: &'a [String],
}

/// Those who are asked, and their answers: each text, command and name once.
pub(crate) struct Noted<'a> {
    asked: Asked<'a>,
    texts: RefCell<HostTexts>,
    /// What there is to say of answers.
    doubts: RefCell<Vec<String>>,
}

/// The answers that were noted, given again: a folder that was empty is not one that is missing, and not every pattern is
/// understood without a file system.
struct Replayed<'a> {
    files: MemoryFiles,
    texts: &'a HostTexts,
}

/// Reads the rules that were read from these texts.
pub(crate) fn replay(texts: &HostTexts, sources: &mut Sources) -> (HostRules, Vec<Diagnostic>) {
    let files = texts.texts.iter().fold(MemoryFiles::default(), |files, (path, text)| files.with(path, text));
    let replayed = Replayed { files, texts };
    let surroundings = Surroundings {
        files: &replayed,
        commands: (!texts.outputs.is_empty()).then_some(&replayed as &dyn Commands),
        resolver: (!texts.answers.is_empty()).then_some(&replayed as &dyn Resolver),
        ipsets: &texts.ipsets,
    };
    parse_in(&texts.main, surroundings, &texts.definitions, sources)
}

#[cfg(any(feature = "cluster", test))]
impl<'a> Asked<'a> {
    /// Files and nobody else.
    pub(crate) fn of_files(files: &'a dyn Files) -> Self {
        Self { files, commands: None, resolver: None, former: None, prefers_former: false, ipsets: &[] }
    }
}

impl<'a> Noted<'a> {
    /// Nothing was asked yet.
    pub(crate) fn new(asked: Asked<'a>) -> Self {
        Self { asked, texts: RefCell::default(), doubts: RefCell::default() }
    }

    /// Reads the rules in a file.
    pub(crate) fn read(
        &self,
        main: &str,
        definitions: &[String],
        sources: &mut Sources,
    ) -> (HostRules, Vec<Diagnostic>) {
        let surroundings = Surroundings {
            files: self,
            commands: self.asked.commands.is_some().then_some(self as &dyn Commands),
            resolver: self.asked.resolver.is_some().then_some(self as &dyn Resolver),
            ipsets: self.asked.ipsets,
        };
        {
            let mut texts = self.texts.borrow_mut();
            texts.definitions = definitions.to_vec();
            texts.ipsets = self.asked.ipsets.to_vec();
        }
        parse_in(main, surroundings, definitions, sources)
    }

    /// What was answered, and what there is to say of it.
    pub(crate) fn into_texts(self, main: &str) -> (HostTexts, Vec<String>) {
        (HostTexts { main: main.to_owned(), ..self.texts.into_inner() }, self.doubts.into_inner())
    }

    fn former(&self, name: &str, record: Record) -> Option<&'a Vec<String>> {
        self.asked.former?.answers.get(&of_name(name, record))
    }
}

impl Files for Noted<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        let text = self.asked.files.read(path)?;
        let texts = &mut self.texts.borrow_mut().texts;
        if !texts.iter().any(|(known, _)| known == path) {
            texts.push((path.to_owned(), text.clone()));
        }
        Ok(text)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        let names = self.asked.files.list(folder)?;
        self.texts.borrow_mut().listings.insert(of_folder(folder), names.clone());
        Ok(names)
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        let paths = self.asked.files.glob(pattern)?;
        self.texts.borrow_mut().listings.insert(of_pattern(pattern), paths.clone());
        Ok(paths)
    }
}

impl Commands for Noted<'_> {
    fn run(&self, command: &str) -> Result<String, CommandError> {
        let Some(commands) = self.asked.commands else { return Err(not_run()) };
        let output = commands.run(command)?;
        self.texts.borrow_mut().outputs.insert(command.to_owned(), output.clone());
        Ok(output)
    }
}

impl Resolver for Noted<'_> {
    /// A name that had records the last time never loses all of them by an answer that does not come, or that says that
    /// there is no such name: rules would open, or close, with the name server.
    fn look_up(&self, name: &str, record: Record) -> Result<Vec<String>, LookupError> {
        let Some(resolver) = self.asked.resolver else { return Err(not_looked_up()) };
        let former = self.former(name, record);
        let answers = match (former, self.asked.prefers_former) {
            (Some(former), true) => former.clone(),
            (Some(former), false) => {
                let kept = |why: &str| {
                    let had = if former.is_empty() { "nothing".to_owned() } else { former.join(" ") };
                    let kept = format!("`{name}` {why}: what it had the last time is enforced: {had}");
                    self.doubts.borrow_mut().push(kept);
                    former.clone()
                };
                match resolver.look_up(name, record) {
                    Ok(answers) if !answers.is_empty() || former.is_empty() || has_others(resolver, name, record) => {
                        answers
                    }
                    Ok(_) => kept("does not exist any more"),
                    Err(error) => kept(&format!("cannot be looked up ({error})")),
                }
            }
            (None, _) => resolver.look_up(name, record)?,
        };
        self.texts.borrow_mut().answers.insert(of_name(name, record), answers.clone());
        Ok(answers)
    }
}

impl Files for Replayed<'_> {
    fn read(&self, path: &str) -> Result<String, FileError> {
        self.files.read(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, FileError> {
        self.texts.listings.get(&of_folder(folder)).map_or_else(|| self.files.list(folder), |names| Ok(names.clone()))
    }

    fn glob(&self, pattern: &str) -> Result<Vec<String>, FileError> {
        self.texts
            .listings
            .get(&of_pattern(pattern))
            .map_or_else(|| self.files.glob(pattern), |paths| Ok(paths.clone()))
    }
}

impl Commands for Replayed<'_> {
    fn run(&self, command: &str) -> Result<String, CommandError> {
        self.texts.outputs.get(command).cloned().ok_or_else(not_run)
    }
}

impl Resolver for Replayed<'_> {
    fn look_up(&self, name: &str, record: Record) -> Result<Vec<String>, LookupError> {
        self.texts.answers.get(&of_name(name, record)).cloned().ok_or_else(not_looked_up)
    }
}

/// Whether a name has addresses of the other family: then it is no mistake that it has none of this one.
fn has_others(resolver: &dyn Resolver, name: &str, record: Record) -> bool {
    let other = match record {
        Record::A => Record::Aaaa,
        Record::Aaaa => Record::A,
        Record::Ns | Record::Mx => return false,
    };
    resolver.look_up(name, other).is_ok_and(|answers| !answers.is_empty())
}

fn of_folder(folder: &str) -> String {
    format!("folder {folder}")
}

fn of_pattern(pattern: &str) -> String {
    format!("pattern {pattern}")
}

fn of_name(name: &str, record: Record) -> String {
    format!("{record:?} {name}")
}

fn not_run() -> CommandError {
    CommandError::NotRun { reason: "no command is run".to_owned() }
}

fn not_looked_up() -> LookupError {
    LookupError { reason: "no name is looked up".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name servers that answer one list to every question about this record, or fail.
    struct Servers(Record, Option<Vec<&'static str>>);

    impl Resolver for Servers {
        fn look_up(&self, _: &str, record: Record) -> Result<Vec<String>, LookupError> {
            let failed = || LookupError { reason: "nobody answers".to_owned() };
            let answers = self.1.as_ref().ok_or_else(failed)?;
            let answers =
                if record == self.0 { answers.iter().map(|text| (*text).to_owned()).collect() } else { vec![] };
            Ok(answers)
        }
    }

    const RULES: &str = "domain (ip ip6) chain INPUT saddr @resolve(a.example) DROP;";

    /// The addresses of the rules, and what is said of them.
    fn read(servers: &Servers, former: Option<&HostTexts>) -> (String, HostTexts, Vec<String>) {
        let files = MemoryFiles::default().with("main", RULES);
        let noted = Noted::new(Asked { resolver: Some(servers), former, ..Asked::of_files(&files) });
        let (rules, found) = noted.read("main", &[], &mut Sources::default());
        let words: Vec<String> = rules.words(&["saddr"]).map(|word| word.text.to_string()).collect();
        let errors: Vec<String> = found.into_iter().map(|found| found.message).collect();
        let (texts, doubts) = noted.into_texts("main");
        let said = [words, errors].concat().join(" ");
        (said, texts, doubts)
    }

    #[test]
    fn a_name_keeps_its_addresses_where_name_servers_fail() {
        let (said, first, doubts) = read(&Servers(Record::A, Some(vec!["192.0.2.1"])), None);
        assert_eq!((said.as_str(), doubts.len()), ("192.0.2.1", 0));
        let (said, again, doubts) = read(&Servers(Record::A, None), Some(&first));
        assert!(said.starts_with("192.0.2.1") && doubts[0].contains("nobody answers"), "{said} {doubts:?}");
        assert_eq!(again.answers["A a.example"], first.answers["A a.example"]);
        // Without anything of before the rules cannot be read.
        let (said, ..) = read(&Servers(Record::A, None), None);
        assert!(said.contains("cannot be looked up: nobody answers"), "{said}");
    }

    #[test]
    fn a_name_that_is_gone_keeps_its_addresses_and_one_that_changed_family_does_not() {
        let (_, first, _) = read(&Servers(Record::A, Some(vec!["192.0.2.1"])), None);
        let (said, _, doubts) = read(&Servers(Record::A, Some(vec![])), Some(&first));
        assert!(said == "192.0.2.1" && doubts[0].contains("does not exist any more"), "{said} {doubts:?}");
        let (said, _, doubts) = read(&Servers(Record::Aaaa, Some(vec!["2001:db8::1"])), Some(&first));
        assert_eq!((said.as_str(), doubts.len()), ("2001:db8::1", 0));
        let (said, _, doubts) = read(&Servers(Record::A, Some(vec!["192.0.2.2"])), Some(&first));
        assert_eq!((said.as_str(), doubts.len()), ("192.0.2.2", 0));
    }

    #[test]
    fn what_was_read_is_read_again_without_asking_anybody() {
        struct Shell;
        impl Commands for Shell {
            fn run(&self, _: &str) -> Result<String, CommandError> {
                Ok("22 80".to_owned())
            }
        }
        let text = "@def $P = `ports`; chain INPUT proto tcp dport ($P $Q) saddr @resolve(a.example) ACCEPT;";
        let files = MemoryFiles::default().with("main", text);
        let servers = Servers(Record::A, Some(vec!["192.0.2.1"]));
        let asked = Asked { commands: Some(&Shell), resolver: Some(&servers), ..Asked::of_files(&files) };
        let noted = Noted::new(asked);
        let read = noted.read("main", &["$Q=443".to_owned()], &mut Sources::default());
        assert_eq!(read.1, []);
        let (texts, _) = noted.into_texts("main");
        let kept: HostTexts = serde_json::from_str(&serde_json::to_string(&texts).unwrap()).unwrap();
        assert_eq!(kept, texts);
        assert_eq!(replay(&kept, &mut Sources::default()), read);
    }
}
