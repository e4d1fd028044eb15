//! A real `redis-server` of the tests' own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::installed::installed;

/// The server, until it is dropped. It keeps nothing on disk.
pub(crate) struct RedisServer {
    port: u16,
    /// Empty where it asks for none.
    password: &'static str,
    folder: TempDir,
    child: Child,
}

impl RedisServer {
    /// Starts one; `None`, said aloud, where `redis-server` is not installed. With `CI` set that fails.
    pub(crate) fn start() -> Option<Self> {
        Self::guarded("")
    }

    /// Starts one that asks for this password.
    pub(crate) fn guarded(password: &'static str) -> Option<Self> {
        if !installed("redis-server", "redis-server") {
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(port, password, &folder);
        let server = Self { port, password, folder, child };
        server.wait();
        Some(server)
    }

    pub(crate) fn url(&self) -> String {
        let user = if self.password.is_empty() { String::new() } else { format!(":{}@", self.password) };
        format!("redis://{user}127.0.0.1:{}/3", self.port)
    }

    /// The variables of a bridge that uses it.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        [("BRIDGE_IDEMPOTENCY", "redis".to_owned()), ("BRIDGE_REDIS_URL", self.url())]
    }

    /// Ends it as a crash would; everything in it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again at the same place.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(self.port, self.password, &self.folder);
        self.wait();
    }

    /// Sends the process the signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success());
    }

    /// A connection of the tests' own.
    pub(crate) fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
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

    fn wait(&self) {
        let start = Instant::now();
        while redis::Client::open(self.url()).unwrap().get_connection().is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "redis-server does not come up");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, password: &str, folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--requirepass",
            password,
            "--dir",
        ])
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server starts")
}
