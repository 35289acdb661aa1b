//! The image: what is in it, that it runs by itself, and that the chart's limits are enough for the agent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::tools;

const LIMIT: Duration = Duration::from_secs(60);

/// A folder with the root of the image and the archive, of the program as this test was built with it.
struct Image(PathBuf);

impl Image {
    fn build(name: &str) -> Self {
        let image = Self(std::env::temp_dir().join(format!("palisade-image-{}-{name}", std::process::id())));
        fs::create_dir_all(&image.0).unwrap();
        run(Command::new(script("root.sh")).arg(env!("CARGO_BIN_EXE_palisade")).arg(image.path("root")));
        image.pack("image.tar");
        image
    }

    fn pack(&self, archive: &str) {
        run(Command::new(script("pack.sh")).arg(self.path("root")).args(["amd64", "0.1.0"]).arg(self.path(archive)));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// podman with a store of its own, so that nothing of it stays.
    fn podman(&self) -> Command {
        let mut command = Command::new("podman");
        // runc, because crun knows no machine with both kinds of control groups.
        command.args(["--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--root"]);
        command.arg(self.path("store")).arg("--runroot").arg(self.path("running"));
        command
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ignored = self.podman().args(["rm", "--all", "--force", "--time", "0"]).stdout(Stdio::null()).status();
        let _ignored = fs::remove_dir_all(&self.0);
    }
}

#[test]
#[ignore = "needs podman: make e2e"]
fn the_archive_holds_the_program_and_nothing_that_runs_anything_else() {
    let image = Image::build("archive");
    image.pack("again.tar");
    assert!(
        fs::read(image.path("image.tar")).unwrap() == fs::read(image.path("again.tar")).unwrap(),
        "not reproducible"
    );

    // From the archive alone: the layer that its own list names.
    let unpacked = image.path("unpacked");
    let layout = image.path("layout");
    for folder in [&unpacked, &layout] {
        fs::create_dir_all(folder).unwrap();
    }
    run(Command::new("tar").arg("-xf").arg(image.path("image.tar")).arg("-C").arg(&layout));
    let index = read(&layout.join("index.json"));
    let manifest = blob(&layout, &index["manifests"][0]["digest"]);
    let layer = layout.join(blob_path(&manifest["layers"][0]["digest"]));
    run(Command::new("tar").arg("-xzf").arg(layer).arg("-C").arg(&unpacked));

    let listed = run(Command::new("find").arg(&unpacked).args(["-type", "f", "-perm", "/111", "-printf", "%P\\n"]));
    let (libraries, programs): (Vec<_>, Vec<_>) = listed.lines().partition(|path| path.starts_with("lib"));
    assert_eq!(programs, ["usr/bin/palisade"]);
    let is_known = |path: &&str| {
        ["libc.", "libgcc_s.", "libm.", "libmnl.", "libnftnl.", "ld-linux"].iter().any(|name| path.contains(name))
    };
    assert!(libraries.iter().all(is_known), "{libraries:?}");

    let inside =
        |arguments: &[&str]| run(Command::new("chroot").arg(&unpacked).arg("/usr/bin/palisade").args(arguments));
    assert_eq!(inside(&["--version"]).trim(), format!("palisade {}", env!("CARGO_PKG_VERSION")));
    let manifests = unpacked.join("manifests");
    run(Command::new("cp").arg("-r").arg(examples()).arg(&manifests));
    let here = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["compile", "--manifests", "manifests", "--node", "node-a"])
        .current_dir(&unpacked)
        .output()
        .unwrap();
    let there = inside(&["compile", "--manifests", "manifests", "--node", "node-a"]);
    assert!(there.contains("table inet palisade"), "{there}");
    assert!(there.as_bytes() == here.stdout, "the program says something else inside");
}

/// In a container with a network of its own, by the flags that say what the chart says.
#[test]
#[ignore = "needs podman: make e2e"]
fn the_charts_limits_are_enough_for_the_agent_and_bind_it() {
    let image = Image::build("limits");
    run(image.podman().args(["load", "--quiet", "--input"]).arg(image.path("image.tar")));
    let objects = tools::objects(&json!({}));
    let pod = &objects.iter().find(|object| object["kind"] == "DaemonSet").unwrap()["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let config = objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    fs::create_dir_all(image.path("config")).unwrap();
    fs::write(image.path("config/palisade.yaml"), config["data"]["palisade.yaml"].as_str().unwrap()).unwrap();

    let mut command = image.podman();
    // The machine's own limits of files and processes may be lower than podman's.
    command.args(["run", "--detach", "--name", "agent", "--network", "none"]);
    command.args(["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]);
    command.args(limits(&container["securityContext"], &pod["securityContext"]));
    for mount in container["volumeMounts"].as_array().unwrap() {
        let folder = image.path(mount["name"].as_str().unwrap());
        fs::create_dir_all(&folder).unwrap();
        let mode = if mount["readOnly"] == true { "ro" } else { "rw" };
        command.arg("--volume").arg(format!("{}:{}:{mode}", folder.display(), mount["mountPath"].as_str().unwrap()));
    }
    command.arg("--volume").arg(format!("{}:/manifests:ro", examples().display()));
    command.arg(container["image"].as_str().unwrap());
    for argument in container["args"].as_array().unwrap() {
        let argument = argument.as_str().unwrap().replace("$(NODE_NAME)", "node-a");
        command.arg(if argument == "--source=cluster" { "--source=dir:/manifests".to_owned() } else { argument });
    }
    run(&mut command);

    let ask = || image.podman().args(["exec", "agent", "palisade", "status", "--agent"]).output().unwrap();
    let limit = Instant::now() + LIMIT;
    while !String::from_utf8_lossy(&ask().stdout).starts_with("ready: ") {
        assert!(Instant::now() < limit, "{:?}\n{:?}", ask(), image.podman().args(["logs", "agent"]).output());
        thread::sleep(Duration::from_millis(200));
    }
    let process = run(image.podman().args(["inspect", "--format", "{{.State.Pid}}", "agent"]));
    let process = process.trim();
    let table = run(Command::new("nsenter").args(["-t", process, "-n", "nft", "list", "table", "inet", "palisade"]));
    assert!(table.contains("chain pl_forward"), "{table}");
    assert!(image.path("state/facts").exists(), "the snapshot was not written");

    // Nothing else: one capability, no way to more, the runtime's own filter of system calls, a root that is read-only.
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let net_admin = format!("{:016x}", 1 << 12);
    assert_eq!(["CapPrm:", "CapEff:", "CapBnd:"].map(field), [net_admin.as_str(); 3]);
    assert_eq!(["CapInh:", "CapAmb:"].map(field), ["0000000000000000"; 2]);
    assert_eq!((field("NoNewPrivs:"), field("Seccomp:"), field("Uid:")), ("1".into(), "2".into(), "0\t0\t0\t0".into()));
    let mounts = fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().starts_with("ro"), "{root}");
}

/// The flags of podman that mean the same as these fields of a pod. A field that is not known here fails.
fn limits(container: &Value, pod: &Value) -> Vec<String> {
    assert_eq!(*pod, json!({"seccompProfile": {"type": "RuntimeDefault"}}), "podman's default is what this means");
    let mut flags = Vec::new();
    for (field, value) in container.as_object().unwrap() {
        match (field.as_str(), value) {
            ("runAsUser" | "runAsGroup", value) => assert_eq!(*value, 0),
            ("privileged", Value::Bool(false)) => {}
            ("allowPrivilegeEscalation", Value::Bool(false)) => {
                flags.extend(["--security-opt".to_owned(), "no-new-privileges".to_owned()]);
            }
            ("readOnlyRootFilesystem", Value::Bool(true)) => {
                flags.extend(["--read-only".to_owned(), "--read-only-tmpfs=false".to_owned()]);
            }
            ("capabilities", value) => {
                let each = |list: &str| value[list].as_array().cloned().unwrap_or_default();
                flags.extend(each("drop").iter().map(|name| format!("--cap-drop={}", name.as_str().unwrap())));
                flags.extend(each("add").iter().map(|name| format!("--cap-add={}", name.as_str().unwrap())));
            }
            (field, value) => panic!("{field}: {value}"),
        }
    }
    flags
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/image").join(name)
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cluster")
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn blob(layout: &Path, digest: &Value) -> Value {
    read(&layout.join(blob_path(digest)))
}

fn blob_path(digest: &Value) -> String {
    format!("blobs/{}", digest.as_str().unwrap().replace(':', "/"))
}
