//! Commands that are missing, hang, leave processes behind, and write without end.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Forward, consumer, put, queue, why, world_with};
use crate::world::{World, eventually};

/// The table of a consumer that runs a shell script.
fn script(text: &str) -> String {
    let command = format!("exec = {{ command = [\"bash\", \"-c\", '''{text}'''] }}");
    consumer("pix", &command, "timeout = \"2s\"")
}

/// Whether a process runs whose ID the script wrote to a file.
fn is_running(world: &World, file: &str) -> bool {
    let pid = fs::read_to_string(world.path(file)).unwrap();
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn entries_wait_while_the_command_is_missing() {
    let world = world_with(&consumer("pix", "exec = { command = [\"./handler\"] }", ""));
    let handler = world.path("handler");
    fs::write(&handler, "#!/bin/sh\ncat > /dev/null\n").unwrap();
    fs::set_permissions(&handler, fs::Permissions::from_mode(0o755)).unwrap();
    let forward = Forward::start(&world);
    fs::rename(&handler, world.path("elsewhere")).unwrap();
    for _ in 0..20 {
        put(&world, "pix", b"{}");
    }
    let status = forward.wait("to-pix", "down", |status| status["target_up"] == false);
    let reason = status["last_error"]["reason"].as_str().unwrap();
    assert!(reason.contains("/handler`: No such file"), "{reason}");
    fs::rename(world.path("elsewhere"), handler).unwrap();
    forward.drained("pix");
    assert_eq!(queue(&world, "pix", "done").len(), 20);
    forward.stop();
}

#[test]
fn command_that_hangs_is_killed_with_its_children_and_repeated() {
    let world =
        world_with(&script("[ -e hung ] && exit 0; sleep 60 & echo $! > child; echo $$ > hung; wait"));
    put(&world, "pix", b"{}");
    let forward = Forward::start(&world);
    forward.drained("pix");
    let retried = forward.lines("entry not accepted; retrying later");
    assert!(retried.len() == 1 && retried[0]["reason"] == "no result within 2s", "{retried:?}");
    for file in ["hung", "child"] {
        eventually("the processes end", || (!is_running(&world, file)).then_some(()));
    }
    assert_eq!(queue(&world, "pix", "done").len(), 1);
    forward.stop();
}

#[test]
fn process_that_a_command_leaves_behind_does_not_delay_the_result() {
    let world = world_with(&script("sleep 60 & echo $! > child"));
    put(&world, "pix", b"{}");
    let forward = Forward::start(&world);
    forward.drained("pix");
    assert_eq!(queue(&world, "pix", "done").len(), 1);
    assert!(forward.lines("entry not accepted; retrying later").is_empty(), "{}", forward.log_text());
    assert!(is_running(&world, "child"), "it held standard output and standard error open");
    forward.stop();
    super::kill(fs::read_to_string(world.path("child")).unwrap().trim());
}

#[test]
fn output_of_a_gibibyte_needs_no_memory_and_its_last_line_is_the_reason() {
    let text = "head -c 1G /dev/zero; (head -c 1G /dev/zero; echo; echo account closed) >&2; exit 9";
    let world = world_with(&script(text).replace("2s", "100s"));
    let id = put(&world, "pix", b"{}");
    let forward = Forward::start(&world);
    forward.drained("pix");
    let reason = why(&world, "pix", &id)["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(" 9") && reason.ends_with(": account closed"), "{reason}");
    let status = fs::read_to_string(format!("/proc/{}/status", forward.pid())).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = most.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(kibibytes < 100 << 10, "{kibibytes} KiB");
    forward.stop();
}
