//! How a connection to Redis is made: to one server, to the primary that Sentinels know, or to a cluster.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    Pipeline, RedisConnectionInfo, RedisError, RedisFuture, RedisResult, TlsMode, Value,
};
use secrecy::ExposeSecret;

use crate::redis_url::{RedisUrl, Topology};

/// How long making a connection to one server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(350);
/// How long an answer is waited for, also one that comes too late to be used.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The same in a cluster, where each command may be sent three times.
const CLUSTER_ANSWER_TIMEOUT: Duration = Duration::from_secs(6);
/// Between two tries of a command in a cluster, in ms.
const CLUSTER_RETRY_WAIT: (u64, u64) = (50, 100);
/// A connection whose packets nobody confirms is given up after this time.
const UNCONFIRMED_TIMEOUT: Duration = Duration::from_secs(2);
/// Commands that may wait for the connection: as many as may be in flight.
const MAX_QUEUED: usize = 4096;

/// A channel for commands. Clones share one connection.
#[derive(Clone)]
pub(super) enum Channel {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Makes a connection.
pub(super) async fn connect(url: &RedisUrl) -> RedisResult<Channel> {
    match &url.topology {
        Topology::Single => to_server(url).await.map(Channel::Server),
        Topology::Sentinel { service } => to_primary(url, service).await.map(Channel::Server),
        Topology::Cluster => to_cluster(url).await.map(Channel::Cluster),
    }
}

/// Connects to the first host.
async fn to_server(url: &RedisUrl) -> RedisResult<MultiplexedConnection> {
    let server = servers(url)?.into_iter().next().ok_or((ErrorKind::InvalidClientConfig, "no host"))?;
    Client::open(server)?.get_multiplexed_async_connection_with_config(&config()).await
}

async fn to_cluster(url: &RedisUrl) -> RedisResult<ClusterConnection> {
    let client = ClusterClient::builder(servers(url)?)
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(CLUSTER_ANSWER_TIMEOUT)
        .retries(2)
        .min_retry_wait(CLUSTER_RETRY_WAIT.0)
        .max_retry_wait(CLUSTER_RETRY_WAIT.1)
        .tcp_settings(tcp());
    match client.build()?.get_async_connection().await {
        // This says of no node what is wrong with it.
        Err(error) if error.is_io_error() => Err(to_server(url).await.err().unwrap_or(error)),
        made => made,
    }
}

/// Asks all Sentinels at once, so that one that is gone delays nothing, and connects to the primary that the first of them
/// names. It must say itself that it is one.
async fn to_primary(url: &RedisUrl, service: &str) -> RedisResult<MultiplexedConnection> {
    let mut asked: FuturesUnordered<_> = addresses(url)
        .into_iter()
        .map(|sentinel| async move {
            let first = as_sentinel_says(url, sentinel.clone(), service, false).await;
            let guarded = first.as_ref().err().is_some_and(|error| error.code() == Some("NOAUTH"));
            // Sentinels may have the servers' password, or none.
            if guarded { as_sentinel_says(url, sentinel, service, true).await } else { first }
        })
        .collect();
    let mut errors = Vec::new();
    while let Some(answer) = asked.next().await {
        match answer {
            Ok(connection) => return Ok(connection),
            Err(error) => errors.push(error),
        }
    }
    Err(telling(errors).unwrap_or_else(|| (ErrorKind::EmptySentinelList, "no host").into()))
}

/// The first error that a Sentinel told: it says more than that another one is gone.
fn telling(errors: Vec<RedisError>) -> Option<RedisError> {
    let (gone, told): (Vec<_>, Vec<_>) = errors.into_iter().partition(RedisError::is_io_error);
    told.into_iter().chain(gone).next()
}

async fn as_sentinel_says(
    url: &RedisUrl,
    sentinel: ConnectionAddr,
    service: &str,
    with_password: bool,
) -> RedisResult<MultiplexedConnection> {
    let tls = url.tls.then_some(TlsMode::Secure);
    let mut client = SentinelClientBuilder::new([sentinel], service, SentinelServerType::Master)?
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
    client.build()?.get_async_connection_with_config(&config()).await
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
    TcpSettings::default().set_nodelay(true).set_user_timeout(UNCONFIRMED_TIMEOUT)
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT))
        .set_pipeline_buffer_size(MAX_QUEUED)
}

impl ConnectionLike for Channel {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(server) => server.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(server) => server.req_packed_commands(commands, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(server) => server.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_a_sentinel_tells_counts_more_than_that_another_is_gone() {
        let gone = || RedisError::from(io::Error::from(io::ErrorKind::ConnectionRefused));
        let told = || RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "unknown name"));
        for errors in [vec![gone(), told(), gone()], vec![told(), gone()], vec![told()]] {
            assert_eq!(telling(errors).unwrap().kind(), ErrorKind::MasterNameNotFoundBySentinel);
        }
        assert!(telling(vec![gone(), gone()]).unwrap().is_io_error());
        assert!(telling(Vec::new()).is_none());
    }

    #[test]
    fn connections_have_the_bridges_own_limits() {
        let config = format!("{:?}", config());
        for limit in ["350ms", "20s", "4096"] {
            assert!(config.contains(&format!("Some({limit})")), "{limit}: {config}");
        }
        assert_eq!((tcp().nodelay(), tcp().user_timeout()), (true, Some(UNCONFIRMED_TIMEOUT)));
    }
}
