//! Runs commands in one shell and separates their output.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

/// One command of a document, and the output that the document shows.
pub struct Step {
    pub place: String,
    pub command: String,
    pub shown: String,
}

/// The commands of a `console` block: each begins with `$ ` and continues while its line ends with a backslash.
pub fn steps(document: &str, line: usize, text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut continues = false;
    for (index, text) in text.lines().enumerate() {
        let part = text.strip_prefix("$ ");
        if let Some(command) = part {
            let place = format!("{document}:{}", line + 1 + index);
            steps.push(Step { place, command: format!("{command}\n"), shown: String::new() });
        } else {
            let step = steps
                .last_mut()
                .unwrap_or_else(|| panic!("{document}:{line}: the block begins without `$ `"));
            let end = if continues { &mut step.command } else { &mut step.shown };
            end.push_str(text);
            end.push('\n');
        }
        continues = (continues || part.is_some()) && text.ends_with('\\');
    }
    steps
}

/// Marks the beginning of a command's output.
const MARK: char = '\u{1e}';

/// Begins the script. `await` waits for at most 20 s until a command succeeds.
const START: &str = "ip link set lo up
await() {
    for try in $(seq 400); do
        if eval \"$1\" >/dev/null 2>&1; then return; fi
        sleep 0.05
    done
}
await_daemon() {
    await 'hookspool status'
}
";

/// What is awaited after commands that begin like this.
const AWAITED: [(&str, &str); 2] =
    [("hookspool run", "await_daemon\n"), ("python3 server.py", "await ': </dev/tcp/127.0.0.1/3000'\n")];

/// Runs the only command of a block in the background until `condition`, in which `$terminal` is the file with its
/// output. The second step shows the output.
pub fn terminal(document: &str, line: usize, text: &str, condition: &str) -> [Step; 2] {
    let mut steps = steps(document, line, text);
    let Step { place, command, shown } =
        steps.pop().unwrap_or_else(|| panic!("{document}:{line}: no command"));
    assert!(steps.is_empty(), "{place}: a terminal has one command");
    let start = format!(
        "terminal=home/terminal-{line}\n{} >$terminal 2>&1 &\nawait '{condition}'\n",
        command.trim_end()
    );
    let hidden = Step { place: place.clone(), command: start, shown: "...".to_owned() };
    [hidden, Step { place, command: format!("cat home/terminal-{line}\n"), shown }]
}

/// Runs the commands in this directory, with the program in `bin`; returns the output of each, with standard error.
///
/// They run in a separate network, so that the documents' ports are free, and in a separate PID namespace, so that
/// no process remains.
pub fn run(directory: &Path, steps: &[Step]) -> Vec<String> {
    let mut script = START.to_owned();
    for step in steps {
        script.push_str(&format!("printf '\\n{MARK}'\n{}", step.command));
        let awaited = AWAITED.iter().find(|(command, _)| step.command.starts_with(command));
        script.push_str(awaited.map_or("", |(_, wait)| wait));
    }
    fs::create_dir_all(directory.join("home")).unwrap();
    fs::write(directory.join("home/.curlrc"), "silent\nshow-error\nnoproxy = *\n").unwrap();
    fs::write(directory.join("home/script"), script).unwrap();
    let printed = File::create(directory.join("home/printed")).unwrap();
    let path = std::env::var("PATH").unwrap();
    let status = Command::new("timeout")
        .args(
            "--signal=KILL 120 unshare --map-root-user --net --pid --fork --kill-child bash home/script"
                .split(' '),
        )
        .current_dir(directory)
        .envs([("HOME", directory.join("home").to_str().unwrap()), ("LC_ALL", "C.UTF-8"), ("NO_COLOR", "1")])
        .env("PATH", format!("{}:{path}:/usr/sbin:/sbin", directory.join("bin").display()))
        .env_remove("HOOKSPOOL_CONFIG")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(printed.try_clone().unwrap())
        .stderr(printed)
        .status()
        .unwrap();
    let printed = String::from_utf8_lossy(&fs::read(directory.join("home/printed")).unwrap()).into_owned();
    let outputs: Vec<String> = printed.split(MARK).skip(1).map(str::to_owned).collect();
    assert_eq!(outputs.len(), steps.len(), "{status}: the shell ended early: {printed}");
    outputs
}
