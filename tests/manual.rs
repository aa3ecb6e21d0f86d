//! Compares the manual pages, the help and the completions with the program.

#![allow(clippy::unwrap_used, reason = "a test fails if its setup fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::CommandFactory as _;
use hookspool::cli::args::Args;
use hookspool::config::schema::TABLES_OF_KEYS;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hookspool");

/// The manual pages, in a directory that the program creates.
fn pages() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("new/pages");
    output_of(&["man", pages.to_str().unwrap()]);
    (folder, pages)
}

/// A manual page without the escapes of roff.
fn page(name: &str) -> String {
    let (_folder, pages) = pages();
    fs::read_to_string(pages.join(name)).unwrap().replace("\\-", "-").replace('\\', "")
}

fn output_of(args: &[&str]) -> String {
    let out = Command::new(PROGRAM).args(args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// All commands with the words of their command lines.
fn commands() -> Vec<(Vec<String>, clap::Command)> {
    fn walk(words: &[String], command: &clap::Command, found: &mut Vec<(Vec<String>, clap::Command)>) {
        found.push((words.to_vec(), command.clone()));
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            walk(&[words, &[below.get_name().to_owned()]].concat(), below, found);
        }
    }
    let mut root = Args::command();
    root.build();
    let mut found = Vec::new();
    walk(&[], &root, &mut found);
    found
}

#[test]
fn every_command_and_option_is_in_the_help_and_the_manual() {
    let page = page("hookspool.1");
    for (words, command) in commands() {
        let args: Vec<_> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let help = output_of(&args);
        assert!(command.get_about().is_some(), "{words:?} has no help");
        if !command.has_subcommands() {
            assert!(
                page.contains(&format!("hookspool {}", words.join(" "))),
                "{words:?} is not in the manual"
            );
        }
        assert!(help.contains("Example"), "{words:?} --help has no example");
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let name = argument.get_id();
            assert!(argument.get_help().is_some(), "{words:?} {name} has no help");
            if let Some(long) = argument.get_long() {
                let option = format!("--{long}");
                assert!(help.contains(&option), "{words:?} --help does not contain {option}");
                assert!(page.contains(&option), "{option} of {words:?} is not in the manual");
            }
        }
    }
}

#[test]
fn config_is_shown_where_it_has_an_effect_and_accepted_everywhere() {
    let without = ["certs", "certs init", "certs show", "init", "man", "probe", "send"];
    for (words, _) in commands() {
        let args: Vec<_> = words.iter().map(String::as_str).chain(["--config", "x", "--help"]).collect();
        let shown = output_of(&args).contains("--config");
        assert_eq!(shown, !without.contains(&words.join(" ").as_str()), "{words:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("certs");
    output_of(&["certs", "--config", "x", "init", "--config", "y", "--dir", dir.to_str().unwrap()]);
}

#[test]
fn the_shells_complete_queues_and_endpoints() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("webhooks.toml"),
        "[[endpoint]]\nname = \"pix\"\n[[endpoint]]\nname = \"boleto\"\nx = [\n",
    )
    .unwrap();
    for shell in ["bash", "zsh", "fish"] {
        fs::write(folder.path().join(shell), output_of(&["completions", shell])).unwrap();
    }
    let run = |shell: &str, script: &str| {
        let path =
            format!("{}:{}", Path::new(PROGRAM).parent().unwrap().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(shell);
        command
            .args(["-c", script])
            .current_dir(folder.path())
            .env("PATH", path)
            .env_remove("HOOKSPOOL_CONFIG");
        let out = command.env("HOME", folder.path()).output().unwrap();
        let mut words: Vec<_> =
            String::from_utf8(out.stdout).unwrap().split_whitespace().map(str::to_owned).collect();
        words.sort();
        words.join(" ")
    };
    let bash = |option: &str, word: &str| {
        run(
            "bash",
            &format!(
                "source ./bash; COMP_WORDS=(hookspool spool list {option} '{word}'); COMP_CWORD=4; _hookspool hookspool '{word}' {option}; echo \"${{COMPREPLY[@]}}\""
            ),
        )
    };
    let fish = |option: &str, word: &str| {
        run(
            "fish",
            &format!(
                "source ./fish; complete -C 'hookspool spool list {option} {word}' | string split -f1 \\t"
            ),
        )
    };
    // Only the action of the option, because zsh completes only on a terminal.
    let zsh = |option: &str| {
        run(
            "zsh",
            &format!(
                "action=$(sed -n \"s/^'--{option}=.*:[A-Z]*:\\(.*\\)' .*/\\1/p\" zsh | head -n 1); compadd() {{ shift; print -r -- $@ }}; eval ${{${{action#\\{{}}%\\}}}}"
            ),
        )
    };
    for (option, word, expected) in [
        ("--endpoint", "", "boleto pix"),
        ("--endpoint", "p", "pix"),
        ("--queue", "", "corrupt done failed new taken"),
        ("--queue", "f", "failed"),
    ] {
        assert_eq!(bash(option, word), expected, "bash {option} {word}");
        assert_eq!(fish(option, word), expected, "fish {option} {word}");
    }
    assert_eq!(zsh("endpoint"), "boleto pix");
    assert!(
        fs::read_to_string(folder.path().join("zsh"))
            .unwrap()
            .contains("QUEUE:(new taken done failed corrupt)")
    );
}

#[test]
fn every_key_is_in_the_manual() {
    let page = page("webhooks.toml.5");
    for key in TABLES_OF_KEYS.iter().flat_map(|table| table.keys) {
        assert!(page.contains(key.name), "{} is missing", key.name);
    }
}

#[test]
fn man_and_the_shells_accept_the_files() {
    let (folder, pages) = pages();
    for page in ["hookspool.1", "webhooks.toml.5"] {
        let out = Command::new("groff")
            .args(["-man", "-ww", "-Tutf8"])
            .arg(pages.join(page))
            .stdout(Stdio::null())
            .output()
            .unwrap();
        assert!(out.status.success());
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "{page}");
    }
    let completions = |shell: &str| {
        let script = folder.path().join(format!("hookspool.{shell}"));
        fs::write(&script, output_of(&["completions", shell])).unwrap();
        script
    };
    let script = completions("bash");
    let complete = format!(
        "source '{}'; COMP_WORDS=(hookspool sp); COMP_CWORD=1; _hookspool hookspool sp hookspool; echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let out = Command::new("bash").args(["-c", &complete]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&out.stdout).trim(),
        "spool",
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    for shell in ["zsh", "fish"] {
        let script = completions(shell);
        let out = Command::new(shell).arg("-n").arg(script).output().unwrap();
        assert!(out.status.success(), "{shell}: {}", String::from_utf8_lossy(&out.stderr));
    }
}
