//! A handler of `take --exec` that exits without reading its input.

use crate::tools::try_bash;
use crate::wire::Wire;
use crate::world::World;

/// Far more than a pipe holds.
const LARGE: usize = 900_000;

#[test]
fn a_handler_that_reads_nothing_or_little_completes_a_large_entry() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let payload: Vec<u8> = (0..LARGE).map(|number| b"0123456789"[number % 10]).collect();
    for handler in ["true", "head -c 3", "sh -c 'exec <&-; exit 0'"] {
        assert_eq!(wire.post("/webhooks/pix", &payload).unwrap().status, 200);
        let taken = try_bash(&world, &format!("\"$PROGRAM\" spool take --endpoint pix --exec {handler}"));
        assert_eq!(taken.status.code(), Some(0), "{handler}: {taken:?}");
        assert!(taken.stderr.is_empty(), "{handler}: {taken:?}");
    }
    assert_eq!(std::fs::read_dir(world.path("spool/pix/done")).unwrap().count(), 3);
}

#[test]
fn the_input_of_a_handler_is_a_file_that_begins_with_the_payload() {
    let world = World::new();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let payload: Vec<u8> = (0..LARGE).map(|number| b"0123456789"[number % 10]).collect();
    assert_eq!(wire.post("/webhooks/pix", &payload).unwrap().status, 200);
    let handler = "sh -c 'test -f /dev/stdin && wc -c'";
    let taken = try_bash(&world, &format!("\"$PROGRAM\" spool take --endpoint pix --exec {handler}"));
    assert_eq!(taken.status.code(), Some(0), "{taken:?}");
    assert_eq!(String::from_utf8(taken.stdout).unwrap().trim(), LARGE.to_string());
}
