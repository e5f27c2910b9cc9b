//! What the broker is configured with, and why it differs from Kafka's defaults.

use std::path::{Path, PathBuf};

/// Any 16 bytes in base64: a label, the same for every broker we start.
pub(super) const CLUSTER_ID: &str = "cmVndWxhcnMtYnJva2VyMQ";

#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    /// Where clients connect.
    pub(super) broker: u16,
    /// Where the broker talks to itself as its own controller.
    pub(super) controller: u16,
}

pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("server.properties")
}

/// One node that is broker and controller, on the loopback interface only. Limits that a client can run into, such as
/// `message.max.bytes` and `transaction.max.timeout.ms`, stay at their defaults, as a production broker has them.
pub(super) fn text(folder: &Path, ports: Ports) -> String {
    let Ports { broker, controller } = ports;
    let data = folder.join("data");
    let data = data.display();
    format!(
        "\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}

# One node can keep one copy.
default.replication.factor=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

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

    /// Reachable from outside, an unauthenticated broker would be anyone's.
    #[test]
    fn every_listener_is_on_the_loopback_interface() {
        let text = text(Path::new("/tmp/b"), Ports { broker: 19092, controller: 19093 });
        let listeners = text.lines().find_map(|line| line.strip_prefix("listeners=")).unwrap();
        assert!(listeners.split(',').all(|listener| listener.contains("://127.0.0.1:")), "{listeners}");
        assert!(text.contains("\nlog.dirs=/tmp/b/data\n"));
    }
}
