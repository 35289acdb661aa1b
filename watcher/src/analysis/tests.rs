use std::fs;
use std::process::Command;

use super::*;

const DEPLOYMENT: &str =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: x}\nspec: {template: {}}\n";

/// A folder of this test alone.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("palisade-analysis-{name}-{}", std::process::id()));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn names(manifests: &Manifests) -> Vec<String> {
    manifests.workloads.entries.iter().map(|found| format!("{} {}", found.kind, found.name)).collect()
}

#[test]
fn words_are_told_apart() {
    let git = |reference: &str, path: &str| Place::Git { reference: reference.into(), path: path.into() };
    assert_eq!(Place::parse("git:main"), git("main", ""));
    assert_eq!(Place::parse("git:HEAD~1:k8s/a:b.yaml"), git("HEAD~1", "k8s/a:b.yaml"));
    assert_eq!(Place::parse("k8s"), Place::Path("k8s".into()));
}

#[test]
fn what_cannot_be_read_stops_nothing_and_a_namespace_without_an_object_is_said() {
    let folder = folder("bad");
    fs::write(folder.join("a.yaml"), b"\xff\n").unwrap();
    fs::write(folder.join("b.yaml"), format!("a: [1\n---\n{DEPLOYMENT}")).unwrap();
    let found = Manifests::load(&[Place::Path(folder.clone())]).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(names(&found), ["Deployment x/web"]);
    let codes: Vec<_> = found.diagnostics.iter().map(|finding| finding.code.0).collect();
    assert_eq!(codes, ["PAL025", "PAL001", "PAL026"]);
    assert!(!found.has_broken_objects());
    assert!(Manifests::load(&[Place::parse("/nowhere/at/all")]).is_err());
}

#[test]
fn pods_whose_labels_cannot_be_read_are_isolated() {
    let text = DEPLOYMENT.replace("template: {}", "template: {metadata: {labels: {app: 1}}}");
    let found = Manifests::read(vec![("m.yaml".into(), Ok(text))]);
    assert!(found.has_broken_objects());
    assert_eq!(found.policies.len(), 1);
}

#[test]
fn a_revision_is_read_as_it_was_committed() {
    let folder = folder("git");
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@b"])
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "--quiet"]);
    fs::create_dir_all(folder.join("k8s/.hidden")).unwrap();
    for file in ["k8s/web.yaml", "k8s/.hidden/no.yaml", "k8s/notes.txt"] {
        fs::write(folder.join(file), DEPLOYMENT).unwrap();
    }
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "one"]);
    fs::write(folder.join("k8s/web.yaml"), "").unwrap();
    let read = |reference: &str, path: &str| git::texts_in(&folder, reference, path);
    let texts = read("HEAD", "k8s").unwrap();
    assert!(matches!(texts.as_slice(), [(name, Ok(text))] if name == "git:HEAD:k8s/web.yaml" && text == DEPLOYMENT));
    assert_eq!(read("HEAD", "").unwrap().len(), 1);
    assert_eq!(read("HEAD", "k8s/notes.txt").unwrap().len(), 1);
    assert!(matches!(read("HEAD", "absent"), Err(GitError::Path { .. })));
    assert!(matches!(read("HEAD", "k8z"), Err(error) if error.to_string().contains("`k8s`")));
    assert_eq!(read("HEAD", "./k8s/../k8s/web.yaml").unwrap().len(), 1);
    assert!(matches!(read("absent", ""), Err(GitError::Reference(_))));
    assert!(matches!(read("--output=/tmp/x", ""), Err(GitError::Reference(_))));
    fs::remove_dir_all(&folder).unwrap();
}
