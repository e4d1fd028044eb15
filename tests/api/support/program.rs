//! The real binary as a separate process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::{APP_KEY, APP_SECRET};

/// A running process whose output is read line by line; it is killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// The binary with an environment of only these variables.
pub(crate) fn command(arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mediation-bridge"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    command(arguments, variables).output().expect("the binary runs")
}

impl Program {
    /// Starts it; both of its outputs are read.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = command(arguments, variables)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let (send, lines) = channel();
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for output in outputs {
            let send = send.clone();
            thread::spawn(move || {
                BufReader::new(output).lines().map_while(Result::ok).for_each(|line| {
                    let _ = send.send(line);
                });
            });
        }
        Self { child, lines, seen: Vec::new() }
    }

    /// `serve` before the gateway at `url`, on a free port.
    pub(crate) fn serve(url: &str, changes: &[(&str, &str)]) -> Self {
        let base = [
            ("TOP_APP_KEY", APP_KEY),
            ("TOP_APP_SECRET", APP_SECRET),
            ("TOP_GATEWAY_URL", url),
            ("BRIDGE_BIND", "127.0.0.1:0"),
        ];
        Self::start(&["serve"], &[&base, changes].concat())
    }

    /// Waits for a line that holds `text`, and returns it.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        if let Some(line) = self.seen.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        loop {
            let line = self
                .lines
                .recv_timeout(Duration::from_secs(30))
                .unwrap_or_else(|_| panic!("no line with {text:?} among {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The lines that it wrote so far.
    pub(crate) fn lines(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// The address that its start-up line names.
    pub(crate) fn address(&mut self) -> SocketAddr {
        let line: serde_json::Value = serde_json::from_str(&self.line_with("\"listening\"")).expect("JSON");
        line["address"].as_str().expect("an address").parse().expect("an address")
    }

    /// Sends the signal of this name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh").success());
    }

    /// True while the process has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    /// Its memory now, in kB.
    pub(crate) fn memory_kb(&self) -> u64 {
        self.status_kb("VmRSS:")
    }

    /// The maximum of its memory so far, in kB.
    pub(crate) fn memory_peak_kb(&self) -> u64 {
        self.status_kb("VmHWM:")
    }

    fn status_kb(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Waits for its end; returns how it ended and every line it wrote.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().expect("it ends");
        let mut lines = std::mem::take(&mut self.seen);
        lines.extend(self.lines.iter());
        (status, lines)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
