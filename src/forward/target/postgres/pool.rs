//! Connections to a PostgreSQL server, which are kept between attempts.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{CancelToken, Client, Config, Error, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::TargetFault;
use super::rows::{Insert, InsertRow};
use crate::forward::settings::PostgresSettings;
use crate::forward::target::trust::trust;
use crate::tls::client::target_config;

/// The time to connect to one address, or to cancel a statement.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time after which the connection to a server that acknowledges nothing is lost.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How to connect, and the idle connections: at most as many as attempts were in progress at the same time.
pub(super) struct Pool {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    idle: Mutex<Vec<Session>>,
}

/// A connection, which is closed when it is dropped.
struct Session {
    client: Client,
    /// The task that drives the connection.
    _driver: JoinSet<()>,
}

/// A connection that one attempt uses. It is closed when it is dropped, unless it is given back.
pub(super) struct PooledConnection<'a> {
    pool: &'a Pool,
    session: Session,
}

/// Cancels a statement when it is dropped: a server that waits for a lock does not detect that its client has
/// disconnected.
struct CancelOnDrop<'a> {
    statement: Option<CancelToken>,
    tls: &'a Option<MakeRustlsConnect>,
}

impl Pool {
    /// Creates a pool without connections.
    ///
    /// # Errors
    /// If the URL or a CA certificate cannot be used.
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, TargetFault> {
        let mut config: Config =
            settings.url.parse().map_err(|error: Error| TargetFault::Url(error.to_string()))?;
        if let Some(password) = &settings.password {
            config.password(password.0.as_slice());
        }
        config.application_name("hookspool").connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(SILENCE_MAX);
        config.keepalives_idle(SILENCE_MAX).keepalives_interval(CONNECT_TIMEOUT).keepalives_retries(3);
        config.ssl_mode(if settings.tls.is_some() { SslMode::Require } else { SslMode::Disable });
        let tls = settings.tls.as_ref().map(|tls| target_config(trust(tls), tls.key_pair.clone()));
        Ok(Self { config, tls: tls.transpose()?.map(MakeRustlsConnect::new), idle: Mutex::default() })
    }

    /// Takes an idle connection, or else opens one.
    pub(super) async fn take(&self) -> Result<PooledConnection<'_>, Error> {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|session| !session.client.is_closed());
            idle.pop()
        };
        let session = match (idle, &self.tls) {
            (Some(session), _) => session,
            (None, Some(tls)) => connect(&self.config, tls.clone()).await?,
            (None, None) => connect(&self.config, NoTls).await?,
        };
        Ok(PooledConnection { pool: self, session })
    }
}

async fn connect<T>(config: &Config, tls: T) -> Result<Session, Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    let mut driver = JoinSet::new();
    // The client's statement returns the errors of the connection.
    driver.spawn(async { drop(connection.await) });
    Ok(Session { client, _driver: driver })
}

impl PooledConnection<'_> {
    /// Inserts rows. If this is dropped before it is complete, the statement is canceled.
    pub(super) async fn insert(&self, insert: &Insert, rows: &[InsertRow<'_>]) -> Result<(), Error> {
        let client = &self.session.client;
        let mut guard = CancelOnDrop { statement: Some(client.cancel_token()), tls: &self.pool.tls };
        let result = insert.run(client, rows).await;
        guard.statement = None;
        result
    }

    /// Keeps the connection for other attempts.
    pub(super) fn give_back(self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
    }
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let (Some(token), Ok(runtime)) = (self.statement.take(), Handle::try_current()) else { return };
        let tls = self.tls.clone();
        runtime.spawn(async move {
            let canceled = async {
                match tls {
                    Some(tls) => token.cancel_query(tls).await,
                    None => token.cancel_query(NoTls).await,
                }
            };
            // A server that cannot be reached ends the statement when it detects that the connection is closed.
            let _ = timeout(CONNECT_TIMEOUT, canceled).await;
        });
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The library's configuration omits the password.
        f.debug_struct("Pool").field("config", &self.config).finish_non_exhaustive()
    }
}
