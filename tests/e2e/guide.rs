//! docs/guide: its blocks are run as a reader would run them, and what it says comes out does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Before a block that prints something.
const MARK: &str = "@@@";

/// A block of commands, and the lines that it is said to print.
#[derive(Debug, Default)]
struct Block {
    commands: String,
    printed: Vec<String>,
}

#[test]
#[ignore = "needs an API server: make e2e"]
fn a_cluster_on_one_machine() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let blocks = blocks(&fs::read_to_string(folder.join("docs/guide/cluster-on-one-machine.md")).unwrap());
    assert!(blocks.len() > 8, "{blocks:#?}");
    // Network namespaces are files below /run, and whatever a block leaves running ends with the first process.
    let mut script = "mount -t tmpfs none /run\nset -eu\n".to_owned();
    for (n, block) in blocks.iter().enumerate() {
        // The program is there: the one that this test was built with. Building it without the tests takes minutes.
        let commands = block.commands.replace("cargo build --quiet\n", "");
        script.extend([&commands, "echo '", MARK, " ", &n.to_string(), "'\n"]);
    }
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .args(["timeout", "600", "bash", "-c", &script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");

    let mut rest = printed.as_ref();
    for (n, block) in blocks.iter().enumerate() {
        let (of_block, later) = rest.split_once(&format!("{MARK} {n}\n")).unwrap();
        let mut lines = of_block.lines();
        for wanted in &block.printed {
            let found = lines.any(|line| line.contains(wanted.as_str()));
            assert!(found, "`{wanted}` is not printed, in this order, by\n{}\nbut\n{of_block}", block.commands);
        }
        rest = later;
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !line.starts_with("```") {
            continue;
        }
        let inside: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        match line {
            "```sh" => blocks.push(Block { commands: inside.join("\n") + "\n", printed: Vec::new() }),
            "```text" => blocks.last_mut().unwrap().printed.extend(inside.into_iter().map(str::to_owned)),
            other => panic!("a block of `{other}`"),
        }
    }
    blocks
}
