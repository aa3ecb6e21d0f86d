//! The bytes that count against `max_spool`, on a simulated disk.

use super::*;
use crate::policy::Permit;
use crate::spool::draft::tests::draft;
use crate::spool::sim::{Contents, Sim};

fn endpoint(max: u64) -> Arc<Endpoint> {
    let permit = Permit::for_tests("pix", 1);
    Arc::new(Endpoint { max_spool: Some(ByteSize(max)), ..Endpoint::clone(permit.endpoint()) })
}

/// A disk with one entry of this length in each queue.
fn disk(length: usize) -> (Sim, Layout) {
    let (layout, mut contents) = (Layout::new("/spool".into()), Contents::default());
    let draft = draft("pix", b"");
    for (inode, queue) in Queue::ALL.iter().copied().enumerate() {
        contents.names.insert(layout.entry(draft.endpoint(), queue, draft.id()), inode);
        contents.write(inode, 0, &vec![b'a'; length]);
    }
    (Sim::with_contents(contents, true), layout)
}

fn count(space: &SpaceUse, (disk, layout): &(Sim, Layout)) {
    assert!(SpaceCount::begin(space).step(disk, layout, space).unwrap(), "two names are one step");
}

#[tokio::test(start_paused = true)]
async fn entries_in_new_and_taken_count_and_committed_ones_are_added_until_the_next_count() {
    let (space, limited, pix) = (SpaceUse::default(), endpoint(250), "pix".parse().unwrap());
    space.set_endpoints([&limited]);
    space.add(&pix, 1000);
    assert_eq!(space.check(&limited), Ok(()), "not counted yet");
    let disk = disk(100);
    count(&space, &disk);
    assert_eq!(space.check(&limited), Ok(()), "200 bytes");
    space.add(&pix, 49);
    assert_eq!(space.check(&limited), Ok(()), "249 bytes");
    space.add(&pix, 1);
    let full = EndpointFull { endpoint: pix.clone(), used: 250, max: ByteSize(250) };
    assert_eq!(space.check(&limited), Err(full));
    // A consumer has finished what was added.
    count(&space, &disk);
    assert_eq!(space.check(&limited), Ok(()));
    // Committed while a count is in progress: it may or may not have been counted.
    space.begin_count(&pix);
    space.add(&pix, 50);
    space.set_counted(&pix, Counted { bytes: 200, entries: 2, at: Instant::now() });
    assert!(space.check(&limited).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_count_older_than_ten_seconds_refuses_nothing() {
    let (space, limited) = (SpaceUse::default(), endpoint(200));
    space.set_endpoints([&limited]);
    count(&space, &disk(100));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(space.check(&limited).is_err());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(space.check(&limited), Ok(()));
}

#[test]
fn a_count_of_many_entries_takes_at_most_about_four_steps() {
    let (space, limited, pix) = (SpaceUse::default(), endpoint(1), "pix".parse().unwrap());
    space.set_endpoints([&limited]);
    assert_eq!(SpaceCount::begin(&space).names_per_step, NAMES_PER_STEP);
    space.set_counted(&pix, Counted { bytes: 1, entries: 1_000_000, at: Instant::now() });
    assert_eq!(SpaceCount::begin(&space).names_per_step, 250_000);
}
