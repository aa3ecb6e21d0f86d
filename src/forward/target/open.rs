//! Sets up the target of a consumer. A new kind has one more line here.

use std::sync::Arc;

use super::exec::ExecTarget;
use super::http::HttpTarget;
#[cfg(feature = "nats")]
use super::nats::NatsTarget;
#[cfg(feature = "postgres")]
use super::postgres::PostgresTarget;
use super::{Target, TargetFault};
use crate::forward::settings::{Consumer, TargetSettings};

/// Sets up a target. It connects only when it delivers.
///
/// # Errors
/// If a certificate or the credentials cannot be used, or this build does not contain the kind.
pub fn open_target(consumer: &Consumer) -> Result<Arc<dyn Target>, TargetFault> {
    Ok(match &consumer.target {
        TargetSettings::Http(settings) => Arc::new(HttpTarget::new(settings)?),
        TargetSettings::Exec(settings) => Arc::new(ExecTarget::new(settings)),
        #[cfg(feature = "postgres")]
        TargetSettings::Postgres(settings) => Arc::new(PostgresTarget::new(settings)?),
        #[cfg(feature = "nats")]
        TargetSettings::Nats(settings) => {
            Arc::new(NatsTarget::new(settings, consumer.timeout, consumer.retry.min)?)
        }
        #[cfg(not(all(feature = "nats", feature = "postgres")))]
        other => return Err(TargetFault::NotInThisBuild(other.kind())),
    })
}
