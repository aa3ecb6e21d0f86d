//! `hookspool spool` accepts the end of an ID, which the table on a terminal shows.

use std::fs;
use std::process::Command;

use hookspool::envelope::EntryId;

use crate::forward::{file, put, put_as, queue, world_with};
use crate::spool_commands::{run_failing, run_ok};
use crate::world::{World, program};

/// An ID whose digits are those of `first` and, at its end, `last`.
fn id(first: u8, last: u16) -> EntryId {
    let [high, low] = last.to_be_bytes();
    EntryId::from_bytes([1, 0x90, first, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0x0B, high, low])
}

#[test]
fn every_command_accepts_the_end_of_an_id() {
    let world = world_with("");
    let ids = [0xAB01_u16, 0xAB02, 0xAB03].map(|last| put_as(&world, "pix", id(1, last), b"{}"));
    let in_queue = |name: &str| queue(&world, "pix", name).into_iter().collect::<Vec<_>>();
    assert!(run_ok(&world, &["show", "ab01"]).contains(&format!("pix/new/{}.hook\nintact", ids[0])));
    assert!(run_ok(&world, &["show", "--json", "--queue", "new", "…8000-000000-0bab01"]).contains(&ids[0]));
    assert!(run_ok(&world, &["take", "AB01", "…ab02"]).contains(&ids[1]));
    assert_eq!(in_queue("taken"), ids[..2]);
    run_ok(&world, &["done", "0bab01"]);
    run_ok(&world, &["fail", "…0bab02"]);
    assert_eq!((in_queue("done"), in_queue("failed")), (ids[..1].to_vec(), ids[1..2].to_vec()));
    run_ok(&world, &["requeue", "ab01", "ab02"]);
    assert_eq!(in_queue("new"), ids);

    fs::rename(file(&world, "pix", "new", &ids[2]), world.path(&format!("spool/corrupt/{}.hook", ids[2])))
        .unwrap();
    for queue in [&["show", "ab03"][..], &["show", "ab03", "--queue", "corrupt"]] {
        assert!(run_ok(&world, queue).contains("/corrupt/"), "{queue:?}");
    }
    let (code, message) = run_failing(&world, &["take", "ab03"]);
    assert!(
        code == 1 && message.contains(&format!("there is no entry `{}` in any queue", ids[2])),
        "{message}"
    );
}

#[test]
fn end_that_selects_no_entry_or_several_is_an_error_and_moves_nothing() {
    let world = world_with("");
    let ids: Vec<_> = (0..7).map(|first| put_as(&world, "pix", id(first, 0xCAFE), b"{}")).collect();
    let (code, message) = run_failing(&world, &["take", "cafe"]);
    let newest: Vec<_> = ids[2..].iter().rev().map(|id| format!("  {id}  pix/new\n")).collect();
    let expected = format!(
        "hookspool: several entries have IDs that end in `…cafe`; write more digits:\n{}  and more\n",
        newest.concat()
    );
    assert_eq!((code, message), (1, expected));
    assert_eq!(queue(&world, "pix", "new").len(), 7);

    // Also if only one of them is in a queue that the command applies to, unless a queue is named.
    fs::rename(file(&world, "pix", "new", &ids[6]), file(&world, "pix", "taken", &ids[6])).unwrap();
    for id in &ids[..5] {
        fs::remove_file(file(&world, "pix", "new", id)).unwrap();
    }
    let (code, message) = run_failing(&world, &["done", "cafe"]);
    let expected = format!(":\n  {}  pix/taken\n  {}  pix/new\n", ids[6], ids[5]);
    assert!(code == 1 && message.ends_with(&expected), "{message}");
    assert!(run_ok(&world, &["show", "cafe", "--queue", "taken"]).contains(&ids[6]));

    for (end, code, expected) in [
        ("dead", 1, "there is no entry whose ID ends in `…dead`"),
        ("112233445566778899aabbccddeeff", 1, "there is no entry whose ID ends in `…aabbccddeeff`"),
        ("…afe", 64, "`…afe`: write at least the last 4 digits of an ID"),
        ("cafe.hook", 65, "is neither an entry of the spool"),
        ("nowhere", 65, "is neither an entry of the spool"),
    ] {
        let (found, message) = run_failing(&world, &["show", end]);
        assert!(found == code && message.contains(expected), "{end}: {found}: {message}");
    }
}

/// What a command prints on a terminal with this number of columns; 0 if the terminal does not report it.
fn on_terminal(world: &World, columns: usize, command: &str) -> Vec<String> {
    let line = format!("stty cols {columns}; {} --config webhooks.toml spool {command}", program().display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").current_dir(world.path(""));
    let output = String::from_utf8(script.output().unwrap().stdout).unwrap();
    output.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn list_is_a_table_that_fits_the_terminal_and_its_ids_are_accepted() {
    let world = world_with("");
    let ids = [put(&world, "pix", &[b'x'; 1300]), put(&world, "second", b"")];
    let time = |id: &str| format!("{:.0}", id.parse::<EntryId>().unwrap().made_at());
    let row = |id: &str, rest: &str, digits: usize| {
        let digits = id.replace('-', "").split_off(32 - digits);
        format!("{}  {rest}  …{digits}", time(id))
    };
    for columns in [0, 100, 200] {
        let expected = [
            "time                  queue  endpoint  sender    event          size  id".to_owned(),
            row(&ids[0], "new    pix       bank      rec         1.2 KiB", 16),
            row(&ids[1], "new    second    bank      -               0 B", 16),
        ];
        assert_eq!(on_terminal(&world, columns, "list"), expected, "{columns}");
    }
    assert_eq!(
        on_terminal(&world, 80, "list --endpoint second")[1],
        row(&ids[1], "new    second    bank      -               0 B", 8)
    );
    let shown = on_terminal(&world, 80, "list")[1].split_whitespace().last().unwrap().to_owned();
    assert!(run_ok(&world, &["show", &shown]).contains(&ids[0]), "{shown}");

    // Long names are shortened, and reasons are on lines of their own.
    let entry = file(&world, "pix", "new", &ids[0]);
    let long =
        fs::read_to_string(&entry).unwrap().replace("\"bank\"", &format!("\"{}\"", "long-name".repeat(7)));
    fs::write(&entry, long.replace("\"rec\"", "\"\\u001b[\"")).unwrap();
    fs::write(file(&world, "second", "new", &ids[1]), "nonsense").unwrap();
    let listed = on_terminal(&world, 80, "list");
    assert_eq!(listed.len(), 4, "{listed:?}");
    assert!(listed[1].contains("…  \\u{1b}[") && listed[1].chars().count() == 80, "{listed:?}");
    assert!(listed[2].contains("new    second    -"), "{listed:?}");
    assert!(listed[3].starts_with("    not intact: it has no envelope"), "{listed:?}");
    // A script reads the complete ID from the first column, and one line per entry.
    let lines: Vec<_> = run_ok(&world, &["list"]).lines().map(str::to_owned).collect();
    assert!(lines.len() == 2 && lines[0].starts_with(&format!("{}  20", ids[0])), "{lines:?}");
    assert!(lines[1].starts_with(&format!("{}  second/new  not intact:", ids[1])), "{lines:?}");
}
