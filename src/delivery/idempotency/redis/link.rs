//! The connection to Redis: to one server, to the primary that Sentinels know, or to a cluster. It is made when it is first
//! needed, and anew when it is of no use any more: broken, or to a server that is no primary now.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    Pipeline, RedisConnectionInfo, RedisError, RedisFuture, RedisResult, RetryMethod, TlsMode, Value,
};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;

use crate::redis_url::{RedisUrl, Topology};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_millis(350);
/// How long an answer is waited for, also one that comes too late to be used.
const ANSWER: Duration = Duration::from_secs(20);
/// A connection whose packets nobody confirms is given up after this time.
const UNCONFIRMED: Duration = Duration::from_secs(2);
/// Commands that may wait for the connection: as many as may be in flight.
const QUEUE: usize = 4096;

/// One worker's connection.
pub(super) struct Link {
    url: Arc<RedisUrl>,
    current: Mutex<Option<Connection>>,
}

/// A connection; clones share it.
#[derive(Clone)]
pub(super) struct Connection {
    /// Tells it from the one before.
    identity: Arc<()>,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(super) fn new(url: Arc<RedisUrl>) -> Self {
        Self { url, current: Mutex::default() }
    }

    /// The same address with a connection of its own.
    pub(super) fn another(&self) -> Self {
        Self::new(Arc::clone(&self.url))
    }

    /// The connection, made if there is none. Those who come meanwhile wait for it.
    pub(super) async fn connection(&self) -> RedisResult<Connection> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &*current {
            return Ok(connection.clone());
        }
        let kind = connect(&self.url).await?;
        Ok(current.insert(Connection { identity: Arc::default(), kind }).clone())
    }

    /// Forgets a connection that is of no use any more, if it is still the current one.
    pub(super) async fn forget(&self, useless: &Connection) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.identity, &useless.identity)) {
            *current = None;
        }
    }
}

/// Whether another connection may do better: this one broke, or leads to a server that cannot serve now.
pub(super) fn is_stale(error: &RedisError) -> bool {
    error.is_io_error() || !matches!(error.retry_method(), RetryMethod::NoRetry)
}

async fn connect(url: &RedisUrl) -> RedisResult<Kind> {
    match &url.topology {
        Topology::Single => {
            let mut servers = servers(url)?.into_iter();
            let server = servers.next().ok_or((ErrorKind::InvalidClientConfig, "no host"))?;
            let client = Client::open(server)?;
            client.get_multiplexed_async_connection_with_config(&config()).await.map(Kind::Server)
        }
        Topology::Sentinel { service } => {
            let first = to_primary(url, service, false).await;
            let guarded = first.as_ref().err().is_some_and(asks_for_password);
            // Sentinels may have the servers' password, or none.
            if guarded { to_primary(url, service, true).await } else { first }
        }
        Topology::Cluster => {
            let client = ClusterClient::builder(servers(url)?)
                .connection_timeout(CONNECT)
                .response_timeout(ANSWER)
                .retries(2)
                .tcp_settings(tcp());
            client.build()?.get_async_connection().await.map(Kind::Cluster)
        }
    }
}

async fn to_primary(url: &RedisUrl, service: &str, with_password: bool) -> RedisResult<Kind> {
    let tls = url.tls.then_some(TlsMode::Secure);
    let mut client = SentinelClientBuilder::new(addresses(url), service, SentinelServerType::Master)?
        .set_client_to_redis_db(url.database.into())
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_sentinel_tcp_settings(tcp());
    if let Some(tls) = tls {
        client = client.set_client_to_redis_tls_mode(tls).set_client_to_sentinel_tls_mode(tls);
    }
    if let Some(username) = &url.username {
        client = client.set_client_to_redis_username(username);
        if with_password {
            client = client.set_client_to_sentinel_username(username);
        }
    }
    if let Some(password) = url.password.as_ref().map(ExposeSecret::expose_secret) {
        client = client.set_client_to_redis_password(password);
        if with_password {
            client = client.set_client_to_sentinel_password(password);
        }
    }
    client.build()?.get_async_connection_with_config(&config()).await.map(Kind::Server)
}

fn asks_for_password(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed || error.code() == Some("NOAUTH")
}

fn addresses(url: &RedisUrl) -> Vec<ConnectionAddr> {
    let address = |(host, port): &(String, u16)| {
        let (host, port) = (host.clone(), *port);
        if url.tls {
            ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(host, port)
        }
    };
    url.nodes.iter().map(address).collect()
}

fn servers(url: &RedisUrl) -> RedisResult<Vec<ConnectionInfo>> {
    let mut login = RedisConnectionInfo::default().set_db(url.database.into());
    if let Some(username) = &url.username {
        login = login.set_username(username);
    }
    if let Some(password) = &url.password {
        login = login.set_password(password.expose_secret());
    }
    let server = |address: ConnectionAddr| {
        Ok(address.into_connection_info()?.set_redis_settings(login.clone()).set_tcp_settings(tcp()))
    };
    addresses(url).into_iter().map(server).collect()
}

fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true).set_user_timeout(UNCONFIRMED)
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_pipeline_buffer_size(QUEUE)
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match &mut self.kind {
            Kind::Server(server) => server.req_packed_command(command),
            Kind::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match &mut self.kind {
            Kind::Server(server) => server.req_packed_commands(commands, offset, count),
            Kind::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match &self.kind {
            Kind::Server(server) => server.get_db(),
            Kind::Cluster(cluster) => cluster.get_db(),
        }
    }
}
