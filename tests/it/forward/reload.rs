//! Changes of the consumers while entries are in progress, and the end of the process.

use std::time::Duration;

use super::{Forward, configure, http, put, queue, world_with};
use crate::servers::answer::Answer;
use crate::servers::application::Application;
use crate::world::{eventually, rounds};

/// An application that answers each request after a while.
fn slow() -> Application {
    Application::start(|_| Answer::status(200).after(Duration::from_millis(150)))
}

/// The entries that an application received, and whether each was received once.
fn received(application: &Application) -> (usize, bool) {
    let requests = application.requests();
    let ids: std::collections::BTreeSet<_> =
        requests.iter().map(|request| request.header("webhook-id").unwrap()).collect();
    (ids.len(), ids.len() == requests.len())
}

fn is_idle(forward: &Forward<'_>, consumer: &str) -> bool {
    forward.status(consumer)["in_flight"] == 0
}

#[test]
fn consumers_are_added_changed_and_removed_without_a_repeat() {
    let [first, second, other] = [slow(), slow(), slow()];
    let world = world_with(&http("pix", &first.url("/")));
    let forward = Forward::start(&world);
    let count = rounds(300);
    let puts = |endpoint: &str| (0..count).for_each(|_| drop(put(&world, endpoint, b"{}")));
    let busy = |application: &Application| {
        application.wait_until("requests", crate::world::TIMEOUT, |requests| requests.len() > 10);
    };
    puts("pix");
    puts("second");
    busy(&first);
    // Added: the other one is not interrupted.
    configure(&world, &[http("pix", &first.url("/")), http("second", &other.url("/"))].concat());
    forward.signal("-HUP");
    busy(&other);
    assert_eq!(forward.lines("consumer stopped").len(), 0);
    // Changed, detected without a signal.
    configure(&world, &[http("pix", &second.url("/")), http("second", &other.url("/"))].concat());
    busy(&second);
    // A configuration with an error changes nothing.
    configure(&world, "\n[[consumer]]\nname = \"to-pix\"\n");
    forward.logged("reload rejected; the previous configuration stays in force", |_| true);
    forward.drained("pix");
    forward.drained("second");
    let (to_first, to_second, to_other) = (received(&first), received(&second), received(&other));
    eprintln!("{to_first:?}, then {to_second:?}; beside them {to_other:?}");
    assert!(to_first.1 && to_second.1, "no entry is repeated");
    assert_eq!((to_first.0 + to_second.0, to_other), (count, (count, true)));

    // Removed: what is in progress ends, and the rest stays.
    puts("second");
    other.wait_until("requests", crate::world::TIMEOUT, |requests| requests.len() > count + 10);
    configure(&world, &http("pix", &second.url("/")));
    forward.logged("consumer stopped", |line| line["consumer"] == "to-second");
    let left = queue(&world, "second", "new").len();
    assert!(queue(&world, "second", "taken").is_empty() && left > 0, "{left}");
    assert_eq!(received(&other), (2 * count - left, true));
    assert!(forward.status("to-second").is_null() && is_idle(&forward, "to-pix"));
    forward.stop();
}

#[test]
fn term_waits_for_attempts_in_progress_and_a_second_signal_does_not() {
    let application = Application::start(|_| Answer::status(200).after(Duration::from_secs(2)));
    let world = world_with(&http("pix", &application.url("/")));
    for signals in [1, 2] {
        let before = queue(&world, "pix", "done").len();
        let seen = application.requests().len();
        let mut forward = Forward::start(&world);
        put(&world, "pix", b"{}");
        application.wait_until("a request", crate::world::TIMEOUT, |requests| requests.len() > seen);
        forward.signal("-TERM");
        forward.logged("stopping", |_| true);
        // Nothing new is attempted.
        let waiting = put(&world, "pix", b"{}");
        if signals == 2 {
            forward.signal("-TERM");
        }
        assert_eq!(forward.ended().code(), Some(0));
        assert!(queue(&world, "pix", "new").contains(&waiting));
        let done = queue(&world, "pix", "done").len() - before;
        assert_eq!(done, usize::from(signals == 1), "{signals}: {}", forward.log_text());
        let next = Forward::start(&world);
        next.drained("pix");
        next.stop();
    }
    eventually("all are done", || (queue(&world, "pix", "done").len() == 4).then_some(()));
}
