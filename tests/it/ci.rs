//! What people put into their pipelines: the scripts, the commands of the documentation and the hooks, run in a copy of
//! the repository that they are offered.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What a run left behind.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// A copy of examples/ci, committed as `main`; gone with the test.
struct Repository(PathBuf);

impl Repository {
    fn new(label: &str) -> Self {
        let path = std::env::temp_dir().join(format!("palisade-ci-{label}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).unwrap();
        let repository = Self(path);
        repository.sh("cp -r \"$PALISADE/examples/ci/.\" . && git init -q -b main . && git add -A");
        repository.sh("git -c user.name=a -c user.email=a@example.com commit -qm base");
        repository
    }

    /// Opens the cart to its whole namespace.
    fn widen(self) -> Self {
        let path = self.0.join("k8s/policies.yaml");
        let text = fs::read_to_string(&path).unwrap();
        let wider = text.replace("- podSelector: {matchLabels: {app: web}}", "- podSelector: {}");
        assert_ne!(text, wider);
        fs::write(path, wider).unwrap();
        self
    }

    #[track_caller]
    fn sh(&self, script: &str) {
        let ran = self.run(script, &[]);
        assert_eq!(ran.code, 0, "{script}\n{}{}", ran.out, ran.err);
    }

    fn run(&self, script: &str, variables: &[(&str, &str)]) -> Ran {
        let program = Path::new(env!("CARGO_BIN_EXE_palisade")).parent().unwrap();
        let path = format!("{}:{}:{}", self.0.join("bin").display(), program.display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(&self.0)
            .env("PATH", path)
            .env("PALISADE", ROOT)
            .env_remove("GITHUB_STEP_SUMMARY")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn script(&self, name: &str, variables: &[(&str, &str)]) -> Ran {
        self.run(&format!("exec \"$PALISADE/deploy/ci/scripts/{name}.sh\""), variables)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[test]
fn the_scripts_pass_on_the_repository_as_it_is_offered() {
    let repository = Repository::new("clean");
    let summary = repository.0.join("summary.md");
    let lint = repository.script("lint", &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())]);
    assert_eq!(lint.code, 0, "{}{}", lint.out, lint.err);
    let sarif: serde_json::Value = serde_json::from_str(&repository.read("palisade.sarif")).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    assert!(summary.exists());
    assert_eq!(repository.script("test", &[("PALISADE_TESTS", "tests")]).code, 0);
    assert!(repository.read("palisade-test.xml").contains("failures=\"0\""));
    let diff =
        repository.script("diff", &[("PALISADE_BASE", "main"), ("PALISADE_PATH", "k8s"), ("PALISADE_FAIL_ON", "any")]);
    assert_eq!(diff.code, 0, "{}", diff.err);
}

#[test]
fn a_change_that_opens_something_fails_by_every_gate() {
    let repository = Repository::new("wider").widen();
    let variables = [("PALISADE_BASE", "main"), ("PALISADE_PATH", "k8s"), ("PALISADE_FAIL_ON", "widened")];
    assert_eq!((repository.script("diff", &variables).code, repository.script("diff", &variables[..2]).code), (1, 0));
    assert!(repository.read("palisade-diff.md").contains("TCP 8081"), "{}", repository.read("palisade-diff.md"));
    assert_eq!(repository.script("test", &[("PALISADE_TESTS", "tests")]).code, 1);
    assert!(repository.read("palisade-test.xml").contains("<failure type=\"not-only\""));
    // In a folder of a repository the manifests before are that folder's.
    let inside =
        repository.run("cd k8s && exec \"$PALISADE/deploy/ci/scripts/diff.sh\"", &[variables[0], variables[2]]);
    assert_eq!(inside.code, 1, "{}", inside.err);
    // What cannot be read is neither.
    assert_eq!(repository.script("diff", &[("PALISADE_BASE", "nowhere"), variables[1]]).code, 2);
    assert_eq!(repository.script("lint", &[("PALISADE_PATHS", "nowhere")]).code, 2);
}

#[test]
fn one_comment_is_written_again_each_time() {
    let repository = Repository::new("comment");
    fs::create_dir_all(repository.0.join("bin")).unwrap();
    fs::write(repository.0.join("palisade-diff.md"), "x".repeat(70_000)).unwrap();
    // Keeps one comment in a file, and says what it was asked.
    let gh = "#!/bin/sh\necho \"$*\" >> calls\ncase \"$*\" in\n*--paginate*) if [ -f comment ]; then echo 7; fi;;\n*) for word; do \
              case $word in body=@*) cp \"${word#body=@}\" comment;; esac; done;;\nesac\n";
    fs::write(repository.0.join("bin/gh"), gh).unwrap();
    repository.sh("chmod +x bin/gh");
    let variables = [("GITHUB_REPOSITORY", "a/b"), ("PALISADE_PULL", "3")];
    for _ in 0..2 {
        let ran = repository.script("comment", &variables);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let calls = repository.read("calls");
    let written: Vec<_> = calls.lines().filter(|line| line.contains("--method")).collect();
    assert!(written[0].contains("POST repos/a/b/issues/3/comments"), "{calls}");
    assert!(written[1].contains("PATCH repos/a/b/issues/comments/7") && written.len() == 2, "{calls}");
    let comment = repository.read("comment");
    assert!(comment.starts_with("<!-- palisade diff -->\n") && comment.len() < 65_536, "{}", comment.len());
}

#[test]
fn the_commands_of_the_documentation_run() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/ci/README.md")).unwrap();
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 4);
    let repository = Repository::new("docs").widen();
    for block in blocks {
        for command in block.lines() {
            let ran = repository.run(command, &[]);
            // The change that was made breaks an assertion; nothing else fails.
            let expected = i32::from(
                command.contains("palisade test") && !command.contains("--snapshot") || command.contains("test.sh"),
            );
            assert_eq!(ran.code, expected, "{command}\n{}{}", ran.out, ran.err);
        }
    }
}

#[test]
fn the_problem_matcher_finds_the_place_of_a_finding() {
    let repository = Repository::new("matcher").widen();
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: open, namespace: store}\nspec:\n  \
                  podSelector: {}\n  ingress:\n  - from: []\n";
    fs::write(repository.0.join("k8s/open.yaml"), policy).unwrap();
    let text = fs::read_to_string(Path::new(ROOT).join("deploy/ci/github/problem-matcher.json")).unwrap();
    let matcher: serde_json::Value = serde_json::from_str(&text).unwrap();
    let pattern = &matcher["problemMatcher"][0]["pattern"][0];
    assert_eq!(
        (&pattern["file"], &pattern["line"], &pattern["column"], &pattern["code"]),
        (&1.into(), &2.into(), &3.into(), &4.into())
    );
    let sed = format!(
        "palisade lint k8s --output concise | sed -nE 's/{}/\\1 \\2 \\4/p'",
        pattern["regexp"].as_str().unwrap()
    );
    let found = repository.run(&sed, &[]);
    assert!(found.out.lines().any(|line| line == "k8s/open.yaml 7 PAL102"), "{}{}", found.out, found.err);
}

#[test]
fn hooks_and_templates_run_commands_that_there_are() {
    let read = |name: &str| fs::read_to_string(Path::new(ROOT).join(name)).unwrap();
    let repository = Repository::new("hooks");
    let hooks = read(".pre-commit-hooks.yaml");
    let entries: Vec<&str> = hooks.lines().filter_map(|line| line.trim().strip_prefix("entry: ")).collect();
    assert_eq!(entries, ["palisade lint", "palisade test"]);
    repository.sh("palisade lint k8s/policies.yaml k8s/workloads.yaml");
    repository.sh("palisade test");
    // The jobs of the template, as GitLab's shell would run them.
    let template = read("deploy/ci/gitlab.yml");
    let jobs: Vec<&str> = template.lines().filter_map(|line| line.trim().strip_prefix("- palisade ")).collect();
    assert_eq!(jobs.len(), 3);
    let variables = [
        ("PALISADE_PATHS", ""),
        ("PALISADE_PATH", "k8s"),
        ("PALISADE_TESTS", "."),
        ("PALISADE_FAIL_ON", "any"),
        ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "main"),
    ];
    for job in jobs {
        let ran = repository.run(&format!("palisade {job}"), &variables);
        assert_eq!(ran.code, 0, "{job}\n{}{}", ran.out, ran.err);
    }
    assert!(repository.read("palisade-quality.json").starts_with('['));
    // Every script that the action runs is there.
    let action = read("deploy/ci/github/action.yml");
    let scripts: Vec<&str> = action.split("../scripts/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(scripts, ["lint.sh", "diff.sh", "comment.sh", "test.sh"]);
    for script in scripts {
        assert!(Path::new(ROOT).join("deploy/ci/scripts").join(script).exists(), "{script}");
    }
}
