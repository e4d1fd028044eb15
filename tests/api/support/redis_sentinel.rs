//! A primary with two replicas, and three Sentinels that watch them.

use std::fmt::Write as _;
use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::redis::{RedisServer, ask, free_port, signal, until};
use super::redis_tls::TlsRedis;

/// The name by which the Sentinels know the servers.
pub(crate) const SERVICE: &str = "main";
/// The password of the servers.
const PASSWORD: &str = "canary-redis-password";

/// The servers and their Sentinels, until they are dropped.
pub(crate) struct Watched {
    /// At the start the primary is the first one.
    pub(crate) servers: Vec<RedisServer>,
    sentinels: Vec<Sentinel>,
    /// The Sentinels' password; empty if they require none.
    password: &'static str,
}

/// A Sentinel, until it is dropped.
pub(crate) struct Sentinel {
    pub(crate) port: u16,
    child: Child,
    _folder: TempDir,
}

impl Watched {
    /// Starts them; the Sentinels ask for the servers' password, or for none. They notice within a second that a server is
    /// gone.
    pub(crate) fn start(guarded: bool) -> Option<Self> {
        let server = || RedisServer::with(PASSWORD, &["--masterauth", PASSWORD]);
        let servers = vec![server()?, server()?, server()?];
        for replica in &servers[1..] {
            replica.follow(&servers[0]);
        }
        let password = if guarded { PASSWORD } else { "" };
        let sentinels = (0..3).map(|_| Sentinel::start(servers[0].port(), password)).collect();
        let all = Self { servers, sentinels, password };
        for sentinel in &all.sentinels {
            until("a Sentinel", || {
                let [replicas, others] =
                    ["num-slaves", "num-other-sentinels"].map(|field| all.known(sentinel, field));
                replicas.as_deref() == Some("2") && others.as_deref() == Some("2")
            });
        }
        Some(all)
    }

    /// The URL of a bridge that asks the Sentinels.
    pub(crate) fn url(&self) -> String {
        let ports: Vec<String> =
            self.sentinels.iter().map(|sentinel| format!("127.0.0.1:{}", sentinel.port)).collect();
        format!("redis-sentinel://{}{}/3#{SERVICE}", self.servers[0].login(), ports.join(","))
    }

    /// The server that all reachable Sentinels consider the primary, and that is one.
    pub(crate) fn primary(&self) -> Option<&RedisServer> {
        let ports: Vec<_> =
            self.sentinels.iter().filter_map(|sentinel| self.known(sentinel, "port")).collect();
        let first = ports.first()?;
        let agreed = ports.len() > 1 && ports.iter().all(|port| port == first);
        let server = self.servers.iter().find(|server| server.port().to_string() == *first)?;
        (agreed && server.info("role").as_deref() == Some("master")).then_some(server)
    }

    /// Stops the first Sentinel without ending it.
    pub(crate) fn stop_a_sentinel(&self) {
        signal(&self.sentinels[0].child, "STOP");
    }

    /// What a Sentinel knows of the primary.
    fn known(&self, sentinel: &Sentinel, field: &str) -> Option<String> {
        let login = if self.password.is_empty() { String::new() } else { format!(":{}@", self.password) };
        let place = format!("{login}127.0.0.1:{}", sentinel.port);
        let fields: Vec<String> = ask(&place, &["SENTINEL", "MASTER", SERVICE]).ok()?;
        fields.chunks(2).find(|pair| pair[0] == field).map(|pair| pair[1].clone())
    }
}

impl Sentinel {
    fn start(primary: u16, password: &str) -> Self {
        let mut text = format!(
            "sentinel monitor {SERVICE} 127.0.0.1 {primary} 2\nsentinel auth-pass {SERVICE} {PASSWORD}\n\
             sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n"
        );
        if !password.is_empty() {
            writeln!(text, "requirepass {password}\nsentinel sentinel-pass {password}").unwrap();
        }
        let port = free_port();
        Self::configured(port, &format!("port {port}\n{text}"))
    }

    /// The only Sentinel of this server, which accepts only TLS.
    pub(crate) fn of_tls(redis: &TlsRedis) -> Self {
        let port = free_port();
        let watched = format!("sentinel monitor {SERVICE} 127.0.0.1 {} 1", redis.port);
        Self::configured(port, &format!("port 0\ntls-port {port}\n{}{watched}\n", redis.configuration()))
    }

    fn configured(port: u16, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sentinel.conf");
        fs::write(&file, format!("bind 127.0.0.1\ndir {}\n{text}", folder.path().display())).unwrap();
        let child = Command::new("redis-server")
            .arg(&file)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server starts");
        Self { port, child, _folder: folder }
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
