//! What a broker is configured with, and why it differs from Kafka's defaults.

use std::path::{Path, PathBuf};

/// Any 16 bytes in base64: a label, the same for every cluster we start.
pub(super) const CLUSTER_ID: &str = "cmVndWxhcnMtYnJva2VyMQ";

/// Where one node of a cluster listens, always on the loopback interface.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    /// Clients, and the other brokers.
    pub(super) broker: u16,
    /// The controllers among each other.
    pub(super) controller: u16,
    /// Clients that come by way of a proxy, where there is one.
    pub(super) proxied: Option<Proxied>,
}

/// A second door for clients. Kafka's clients go where the broker says that it is, so whoever knocks here is told the
/// proxy's address, and keeps going through it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proxied {
    /// Where the broker listens.
    pub(super) listens: u16,
    /// What it tells clients: where the proxy listens.
    pub(super) advertised: u16,
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("server.properties")
}

/// The node with the place `place` among `nodes`: broker and controller in one. Limits that a client can run into, such
/// as `message.max.bytes` and `transaction.max.timeout.ms`, stay at their defaults, as a production broker has them.
pub(super) fn text(folder: &Path, place: usize, nodes: &[Ports]) -> String {
    let Ports { broker, controller, proxied } = nodes[place];
    let id = place + 1;
    let voters: Vec<String> =
        (1..).zip(nodes).map(|(id, node)| format!("{id}@127.0.0.1:{}", node.controller)).collect();
    let voters = voters.join(",");
    let (also_listens, also_advertised) =
        proxied.map_or_else(Default::default, |Proxied { listens, advertised }| {
            (format!(",PROXIED://127.0.0.1:{listens}"), format!(",PROXIED://127.0.0.1:{advertised}"))
        });
    let data = folder.join("data");
    let data = data.display();
    // What one node keeps once, three keep three times, and a write needs two of them: as in production.
    let copies = nodes.len().min(3);
    let copies_min = copies.div_ceil(2);
    format!(
        "\
process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}{also_listens}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}{also_advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}

default.replication.factor={copies}
min.insync.replicas={copies_min}
offsets.topic.replication.factor={copies}
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={copies_min}
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={copies_min}

# Few internal partitions: quick to start, few file handles.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1
log.cleaner.dedupe.buffer.size=33554432

# A misspelt topic is an error, not a new topic.
auto.create.topics.enable=false

# Tests start and kill many members: nobody waits for more to join, and short sessions are allowed.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# They kill brokers too: one that is gone is noticed after two seconds, not nine.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500

# Records carry the times of their events, years ago. Counted from there, retention would delete them on arrival and every
# week of events would begin a new file.
log.retention.ms=-1
log.roll.hours=876000
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(text: &'a str, key: &str) -> &'a str {
        let value = |line: &'a str| line.strip_prefix(key)?.strip_prefix('=');
        text.lines().find_map(value).expect("the key is set")
    }

    /// Reachable from outside, an unauthenticated broker would be anyone's.
    #[test]
    fn every_listener_is_on_the_loopback_interface() {
        let proxied = Some(Proxied { listens: 19094, advertised: 19095 });
        let text = text(Path::new("/tmp/b"), 0, &[Ports { broker: 19092, controller: 19093, proxied }]);
        for key in ["listeners", "advertised.listeners"] {
            let mut listeners = value(&text, key).split(',');
            assert!(listeners.all(|listener| listener.contains("://127.0.0.1:")), "{key}");
        }
        assert_eq!(value(&text, "log.dirs"), "/tmp/b/data");
    }

    /// With fewer copies, killing one broker would lose what was committed, and the tests would blame the service.
    #[test]
    fn three_brokers_keep_three_copies_and_write_two() {
        let ports = |broker| Ports { broker, controller: broker + 1, proxied: None };
        let three = text(Path::new("/tmp/b"), 1, &[ports(10), ports(20), ports(30)]);
        assert_eq!(value(&three, "node.id"), "2");
        assert_eq!(value(&three, "controller.quorum.voters"), "1@127.0.0.1:11,2@127.0.0.1:21,3@127.0.0.1:31");
        let one = text(Path::new("/tmp/b"), 0, &[ports(10)]);
        for key in ["default", "offsets.topic", "transaction.state.log"] {
            let key = format!("{key}.replication.factor");
            assert_eq!((value(&three, &key), value(&one, &key)), ("3", "1"), "{key}");
        }
        for key in ["min.insync.replicas", "transaction.state.log.min.isr"] {
            assert_eq!((value(&three, key), value(&one, key)), ("2", "1"), "{key}");
        }
    }
}
