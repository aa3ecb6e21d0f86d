//! The targets of `forward` against real servers.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookspool::envelope::EntryId;
use hookspool::forward::{
    Consumer, Delivery, Order, RetrySettings, Target, TargetFault, TargetSettings, Verdict, open_target,
};
use hookspool::spool::{EnvelopeFacts, PayloadClaim};

mod nats;
mod postgres;

/// An entry of endpoint `pix` with this payload.
fn entry(payload: impl Into<Vec<u8>>) -> Delivery {
    let payload = payload.into();
    let facts = EnvelopeFacts {
        id: EntryId::fresh().to_string(),
        received_at: "2026-11-23T14:01:00.123456Z".to_owned(),
        endpoint: "pix".to_owned(),
        sender: "efi".to_owned(),
        event: Some("rec".to_owned()),
        params: BTreeMap::new(),
        payload: PayloadClaim {
            length: payload.len().try_into().unwrap(),
            sha256: "00".repeat(32),
            content_type: Some("application/json".to_owned()),
        },
        duplicate_of: None,
    };
    Delivery {
        envelope: serde_json::to_vec(&facts).unwrap().into(),
        facts,
        payload: payload.into(),
        attempt: 1,
        path: PathBuf::new(),
        file: None,
    }
}

/// The target of a consumer with these settings.
fn open(target: TargetSettings) -> Result<Arc<dyn Target>, TargetFault> {
    let seconds = Duration::from_secs;
    open_target(&Consumer {
        name: "ledger".parse().unwrap(),
        endpoints: BTreeSet::new(),
        concurrency: NonZeroUsize::MIN,
        order: Order::None,
        timeout: seconds(30),
        retry: RetrySettings { min: seconds(5), max: seconds(60), give_up: seconds(600) },
        target,
    })
}

/// Runs a future on a runtime that ends with it.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .unwrap()
        .block_on(future)
}

/// The reason for which all entries are retried.
fn retry(verdicts: &[Verdict]) -> &str {
    only(verdicts, |verdict| match verdict {
        Verdict::Retry { after: None, reason } => Some(reason),
        _ => None,
    })
}

/// The reason for which the target cannot be reached.
fn unreachable(verdicts: &[Verdict]) -> &str {
    only(verdicts, |verdict| match verdict {
        Verdict::Unreachable { reason } => Some(reason),
        _ => None,
    })
}

/// The reason, which is the same in all verdicts.
fn only(verdicts: &[Verdict], reason: fn(&Verdict) -> Option<&str>) -> &str {
    let found = verdicts.first().and_then(reason);
    assert!(found.is_some() && verdicts.iter().all(|verdict| *verdict == verdicts[0]), "{verdicts:?}");
    found.unwrap()
}
