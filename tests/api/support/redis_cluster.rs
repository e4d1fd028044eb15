//! A cluster: three primaries, each with a replica.

use super::redis::{RedisServer, free_port, until};

/// The password of all nodes.
const PASSWORD: &str = "canary-redis-password";
/// After this time without an answer a node counts as gone.
const NODE_TIMEOUT_MS: &str = "1500";

/// The cluster, until it is dropped.
pub(crate) struct Cluster {
    /// Three primaries, then their replicas in the same order.
    pub(crate) nodes: Vec<RedisServer>,
}

impl Cluster {
    /// Starts it and waits until it serves.
    pub(crate) fn start() -> Option<Self> {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..6 {
            let bus = free_port().to_string();
            let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            let further = ["--cluster-node-timeout", NODE_TIMEOUT_MS, "--masterauth", PASSWORD];
            nodes.push(RedisServer::with(PASSWORD, &[cluster, further].concat())?);
            buses.push(bus);
        }
        let identifier = |node: &RedisServer| node.ask::<String>(&["CLUSTER", "MYID"]).unwrap();
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            let port = node.port().to_string();
            let () = nodes[0].ask(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]).unwrap();
        }
        for (node, slots) in nodes.iter().zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]]) {
            let () = node.ask(&["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]).unwrap();
        }
        let cluster = Self { nodes };
        until("a cluster", || cluster.all("cluster_known_nodes:6"));
        for number in 0..3 {
            let primary = identifier(&cluster.nodes[number]);
            let () = cluster.nodes[number + 3].ask(&["CLUSTER", "REPLICATE", &primary]).unwrap();
        }
        until("a cluster with replicas", || {
            let joined = |node: &RedisServer| node.info("master_link_status").as_deref() == Some("up");
            cluster.all("cluster_state:ok")
                && cluster.all("cluster_size:3")
                && cluster.nodes[3..].iter().all(joined)
                && cluster.nodes.iter().all(|node| replicas_known_to(node) == 3)
        });
        cluster.nodes[..3].iter().for_each(RedisServer::wait_for_replicas);
        Some(cluster)
    }

    /// The URL of a bridge that uses it: two nodes are named.
    pub(crate) fn url(&self) -> String {
        let ports = [self.nodes[0].port(), self.nodes[1].port()];
        format!("redis-cluster://{}127.0.0.1:{},127.0.0.1:{}", self.nodes[0].login(), ports[0], ports[1])
    }

    fn all(&self, line: &str) -> bool {
        self.nodes.iter().all(|node| {
            node.ask::<String>(&["CLUSTER", "INFO"]).is_ok_and(|info| info.lines().any(|one| one == line))
        })
    }
}

fn replicas_known_to(node: &RedisServer) -> usize {
    let nodes: String = node.ask(&["CLUSTER", "NODES"]).unwrap_or_default();
    nodes.lines().filter(|line| line.contains("slave")).count()
}
