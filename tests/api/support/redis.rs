//! A real `redis-server` of the tests' own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use redis::FromRedisValue;
use tempfile::TempDir;

use super::installed::installed;

/// The server, until it is dropped. It stores nothing on disk unless its options say so.
pub(crate) struct RedisServer {
    port: u16,
    /// Empty if it requires no password.
    password: &'static str,
    /// What it is started with beyond that.
    options: Vec<String>,
    folder: TempDir,
    child: Child,
}

impl RedisServer {
    /// Starts a server; `None` with a message if `redis-server` is not installed. With `CI` set that fails.
    pub(crate) fn start() -> Option<Self> {
        Self::guarded("")
    }

    /// Starts a server that requires this password.
    pub(crate) fn guarded(password: &'static str) -> Option<Self> {
        Self::with(password, &[])
    }

    /// Starts one with further options, as on its command line.
    pub(crate) fn with(password: &'static str, options: &[&str]) -> Option<Self> {
        if !installed("redis-server", "redis-server") {
            return None;
        }
        let (port, folder) = (free_port(), tempfile::tempdir().unwrap());
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let child = spawn(port, password, &options, &folder);
        let server = Self { port, password, options, folder, child };
        server.wait();
        Some(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// User and password as a URL has them, with the `@` behind.
    pub(crate) fn login(&self) -> String {
        if self.password.is_empty() { String::new() } else { format!(":{}@", self.password) }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}127.0.0.1:{}/3", self.login(), self.port)
    }

    /// The variables of a bridge that uses it.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        [("BRIDGE_IDEMPOTENCY", "redis".to_owned()), ("BRIDGE_REDIS_URL", self.url())]
    }

    /// Ends it like a crash; its data is lost.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same place.
    pub(crate) fn restart(&mut self) {
        self.restart_with(&[]);
        self.wait();
    }

    /// Starts it again on the same port with options for this start, without waiting for it.
    pub(crate) fn restart_with(&mut self, options: &[&str]) {
        let once = options.iter().map(|option| (*option).to_owned());
        let options: Vec<String> = self.options.iter().cloned().chain(once).collect();
        self.child = spawn(self.port, self.password, &options, &self.folder);
    }

    /// Sends the process the signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// A connection of the tests' own.
    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    /// What it answers to a command in its database 0.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &[&str]) -> redis::RedisResult<T> {
        ask(&format!("{}127.0.0.1:{}/0", self.login(), self.port), command)
    }

    /// A line of `INFO`, without its name.
    pub(crate) fn info(&self, name: &str) -> Option<String> {
        let info: String = self.ask(&["INFO"]).ok()?;
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::to_owned)
    }

    /// Makes it a replica of `primary`, and waits until it has all data.
    pub(crate) fn follow(&self, primary: &Self) {
        let () = self.ask(&["CONFIG", "SET", "masterauth", primary.password]).unwrap();
        let () = self.ask(&["REPLICAOF", "127.0.0.1", &primary.port.to_string()]).unwrap();
        until("a replica", || self.info("master_link_status").as_deref() == Some("up"));
        primary.wait_for_replicas();
    }

    /// Makes its replica the primary without loss, and becomes a replica of it.
    pub(crate) fn hand_over(&self) {
        let () = self.ask(&["FAILOVER"]).unwrap();
        until("a fail-over", || self.info("master_link_status").as_deref() == Some("up"));
    }

    /// Waits until its replicas are in step: at first they may be behind by a second.
    pub(crate) fn wait_for_replicas(&self) {
        let replicas: usize = self.info("connected_slaves").expect("its replicas").parse().unwrap();
        let mut connection = connection(&format!("{}127.0.0.1:{}", self.login(), self.port)).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // A node of a cluster accepts only some keys.
        let mut keys = (0..100).map(|number| format!("probe-{number}"));
        assert!(keys.any(|key| redis::cmd("SET").arg(key).arg("").exec(&mut connection).is_ok()));
        let reached: usize = redis::cmd("WAIT").arg(replicas).arg(15_000).query(&mut connection).unwrap();
        assert_eq!(reached, replicas, "replicas that are in step");
    }

    /// Every key with its life in ms and its value, as text.
    pub(crate) fn dump(&self) -> Vec<(String, i64, String)> {
        let mut connection = self.connection();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
        keys.into_iter()
            .map(|key| {
                let life: i64 = redis::cmd("PTTL").arg(&key).query(&mut connection).unwrap();
                let kind: String = redis::cmd("TYPE").arg(&key).query(&mut connection).unwrap();
                let value = if kind == "hash" {
                    let fields: Vec<String> = redis::cmd("HGETALL").arg(&key).query(&mut connection).unwrap();
                    fields.join(" ")
                } else {
                    redis::cmd("GET").arg(&key).query(&mut connection).unwrap()
                };
                (key, life, value)
            })
            .collect()
    }

    /// The slots in a database, each with true if it holds TOP's decision.
    pub(crate) fn slots(&self, database: u8) -> BTreeMap<String, bool> {
        let place = format!("{}127.0.0.1:{}/{database}", self.login(), self.port);
        let mut connection = connection(&place).unwrap();
        // A replica in a cluster needs this command; other servers refuse it.
        let _ = redis::cmd("READONLY").exec(&mut connection);
        let keys: Vec<String> = redis::cmd("KEYS").arg("mediation-bridge:*}").query(&mut connection).unwrap();
        let mut asked = redis::pipe();
        for key in &keys {
            asked.cmd("HEXISTS").arg(key).arg("verdict");
        }
        let decided: Vec<bool> = asked.query(&mut connection).unwrap();
        keys.into_iter().zip(decided).collect()
    }

    fn wait(&self) {
        until("redis-server", || self.ask::<String>(&["PING"]).is_ok());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the server at `place`, the part of a URL behind `redis://`, answers to a command within a second.
pub(crate) fn ask<T: FromRedisValue>(place: &str, command: &[&str]) -> redis::RedisResult<T> {
    let (name, rest) = command.split_first().expect("a command");
    redis::cmd(name).arg(rest).query(&mut connection(place)?)
}

fn connection(place: &str) -> redis::RedisResult<redis::Connection> {
    let client = redis::Client::open(format!("redis://{place}"))?;
    let connection = client.get_connection_with_timeout(Duration::from_secs(1))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    Ok(connection)
}

/// Sends a process the signal of this name.
pub(crate) fn signal(process: &Child, name: &str) {
    let kill = format!("kill -s {name} {}", process.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success());
}

/// Waits until something holds; fails after 20 s.
pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} does not come up");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An unused port below those that the system assigns to connections: a server that restarts finds it free.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Several test programs may run at the same time.
    let first = u16::try_from(std::process::id() % 1_100).unwrap() * 10;
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn spawn(port: u16, password: &str, options: &[String], folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--requirepass", password, "--repl-diskless-sync-delay", "0", "--dir"])
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server starts")
}
