//! `hookspool spool` accepts the end of an ID.

use std::fs;

use hookspool::envelope::EntryId;

use crate::forward::{file, put_as, queue, world_with};
use crate::spool_commands::{run_failing, run_ok};

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
