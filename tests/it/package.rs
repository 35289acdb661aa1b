//! The Debian package: what lintian says of it, and what it does to a machine when it comes, is renewed and goes.
//!
//! The machine is a copy of this one that is thrown away: an overlay over its root, in namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::privilege::{can_make_namespaces, skip};

/// In the throw-away copy: `$ROOT` is its root, `old.deb` and `new.deb` are in its /tmp. Each line `== WORD` begins what the
/// test looks at.
const COURSE: &str = r#"
mount -t tmpfs none "$FOLDER/scratch"
mkdir "$FOLDER/scratch/upper" "$FOLDER/scratch/work" "$FOLDER/scratch/root"
ROOT=$FOLDER/scratch/root
mount -t overlay -o "lowerdir=/,upperdir=$FOLDER/scratch/upper,workdir=$FOLDER/scratch/work" overlay "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --bind /dev "$ROOT/dev"
mount -t tmpfs none "$ROOT/tmp"
mount -t tmpfs none "$ROOT/run"
cp "$FOLDER"/*.deb "$ROOT/tmp/"
in_it() { chroot "$ROOT" "$@"; }
enabled() { find "$ROOT/etc/systemd" -name 'palisade*' | sed 's/^/enabled: /'; }
loaded() { in_it nft list tables; }

echo "== installed"
in_it dpkg -i /tmp/old.deb
in_it palisade --version
enabled
loaded
in_it dpkg -L palisade

echo "== applied"
mkdir -p "$ROOT/etc/ferm"
echo 'domain (ip ip6) chain INPUT { interface lo ACCEPT; policy DROP; }' >"$ROOT/etc/ferm/ferm.conf"
in_it palisade apply --host /etc/ferm/ferm.conf
echo '# mine' >>"$ROOT/etc/default/palisade"
loaded

echo "== upgraded"
in_it dpkg -i /tmp/new.deb
tail -n 1 "$ROOT/etc/default/palisade"
enabled
loaded
in_it palisade status --host /etc/ferm/ferm.conf

echo "== removed"
in_it dpkg -r palisade
ls "$ROOT/etc/default/palisade"
ls "$ROOT/var/lib/palisade"
loaded

echo "== purged"
in_it dpkg -P palisade
for path in "$ROOT/etc/default/palisade" "$ROOT/var/lib/palisade" "$ROOT/usr/bin/palisade"; do
    if [ -e "$path" ]; then echo "left: $path"; fi
done
loaded
echo "== end"
"#;

const TEST: &str = "the Debian package";

#[test]
fn the_package_comes_disabled_keeps_what_is_in_force_and_goes_whole() {
    if !can_make_namespaces(TEST) {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tool = Command::new(root.join("scripts/tool.sh")).args(["--no-build", "cargo-deb", "3.8.0"]).output().unwrap();
    if !tool.status.success() {
        skip(TEST, "no cargo-deb: scripts/setup.sh test builds it");
        return;
    }
    let folder = std::env::temp_dir().join(format!("palisade-package-{}", std::process::id()));
    fs::create_dir_all(folder.join("scratch")).unwrap();
    for (version, name) in [("0.0.1", "old.deb"), ("0.0.2", "new.deb")] {
        let made =
            Command::new(root.join("scripts/package.sh")).arg("dev").arg(folder.join("made")).arg(version).output();
        let path = PathBuf::from(text(&made.unwrap()).lines().last().unwrap());
        fs::rename(path, folder.join(name)).unwrap();
    }
    judged_by_lintian(&folder.join("new.deb"));
    let course = Command::new("unshare")
        .args(["--mount", "--net", "sh", "-ec", COURSE])
        .env("FOLDER", &folder)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let said = text(&course);
    let after = |word: &str| {
        let rest = said.split_once(&format!("== {word}\n")).unwrap_or_else(|| panic!("no {word}: {said}")).1;
        rest.split("== ").next().unwrap().to_owned()
    };
    let installed = after("installed");
    for file in [
        "/usr/bin/palisade",
        "/lib/systemd/system/palisade.service",
        "/lib/systemd/system/palisade-refresh.timer",
        "/lib/systemd/system/palisade-refresh.service",
        "/usr/share/man/man1/palisade-apply.1.gz",
        "/usr/share/bash-completion/completions/palisade",
        "/usr/share/zsh/vendor-completions/_palisade",
        "/usr/share/fish/vendor_completions.d/palisade.fish",
        "/etc/default/palisade",
    ] {
        assert!(installed.lines().any(|line| line.ends_with(file)), "no {file}: {installed}");
    }
    assert!(!installed.contains("enabled: ") && !installed.contains("table inet palisade"), "{installed}");
    assert!(after("applied").contains("table inet palisade"), "{said}");
    let upgraded = after("upgraded");
    assert!(upgraded.contains("# mine") && upgraded.contains("table inet palisade"), "{upgraded}");
    assert!(!upgraded.contains("enabled: "), "{upgraded}");
    let removed = after("removed");
    assert!(removed.contains("/etc/default/palisade") && removed.contains("table inet palisade"), "{removed}");
    let purged = after("purged");
    assert!(purged.contains("table inet palisade"), "{purged}");
    let left: Vec<&str> = purged.lines().filter(|line| line.starts_with("left: ")).collect();
    assert_eq!(left, Vec::<&str>::new());
}

fn judged_by_lintian(package: &Path) {
    if !Path::new("/usr/bin/lintian").exists() {
        skip(TEST, "no lintian");
        return;
    }
    let judged =
        Command::new("lintian").args(["--fail-on", "error,warning", "--allow-root"]).arg(package).output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

/// What a program printed, which must have succeeded.
#[track_caller]
fn text(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}
