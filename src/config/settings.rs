//! Which settings of the Kafka client (librdkafka 2.12.1) may be passed through `kafka.client`, and which may not.
//!
//! Three closed lists: taken, taken from a file only (secrets), refused with the reason. A name in none of them is
//! unknown. The lists are ours, not the library's, so that a newer library cannot open a way around a promise.

/// Which client a setting goes to: librdkafka warns about settings of the other kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Consumers and producers.
    Both,
    /// Consumers.
    Consumer,
    /// Producers.
    Producer,
}

/// What a name under `kafka.client` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Passed through.
    Taken(For),
    /// A secret: written as `<name>_file`, the path of a file that holds it.
    Secret,
    /// A promise rests on it: the reason, as the end of the sentence "… cannot be set: ".
    Refused(&'static str),
    /// librdkafka does not know it.
    Unknown,
}

/// Looks a name up.
pub fn setting(name: &str) -> Setting {
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Setting::Refused(why);
    }
    if SECRETS.contains(&name) {
        return Setting::Secret;
    }
    for (names, class) in [(BOTH, For::Both), (CONSUMER, For::Consumer), (PRODUCER, For::Producer)] {
        if names.contains(&name) {
            return Setting::Taken(class);
        }
    }
    Setting::Unknown
}

/// Every name that can be written, for suggestions: those taken, and secrets with `_file`.
pub fn names() -> impl Iterator<Item = String> {
    let taken = [BOTH, CONSUMER, PRODUCER].into_iter().flatten().map(|name| (*name).to_owned());
    taken.chain(SECRETS.iter().map(|name| format!("{name}_file")))
}

/// Settings that a promise rests on, and why each cannot be changed.
pub const REFUSED: &[(&str, &str)] = &[
    ("bootstrap.servers", "the brokers are named by kafka.brokers"),
    ("metadata.broker.list", "the brokers are named by kafka.brokers"),
    ("group.id", "the consumer group is named by group"),
    (
        "group.instance.id",
        "it is made from instance and the worker's number, so that a restart finds its partitions again",
    ),
    (
        "transactional.id",
        "it is made from group, instance and the worker's number, so that a restart ends its own open transaction",
    ),
    ("enable.auto.commit", "offsets commit together with the outputs; an automatic commit loses records"),
    ("auto.commit.enable", "offsets commit together with the outputs; an automatic commit loses records"),
    ("auto.commit.interval.ms", "offsets commit together with the outputs; there is no automatic commit"),
    ("enable.auto.offset.store", "an offset counts as done only after its outputs are committed"),
    ("offset.store.method", "offsets live in Kafka, where they commit together with the outputs"),
    ("offset.store.sync.interval.ms", "offsets live in Kafka, where they commit together with the outputs"),
    (
        "auto.offset.reset",
        "a new group starts at the earliest record, and a place that is gone halts the policy, so that none is skipped",
    ),
    ("isolation.level", "reading aborted records would forward what its producer took back"),
    ("enable.idempotence", "without it a retried send writes a record twice"),
    ("acks", "only acks=all survives the loss of a broker"),
    ("request.required.acks", "only acks=all survives the loss of a broker"),
    ("max.in.flight", "more than the idempotent producer allows breaks the order"),
    ("max.in.flight.requests.per.connection", "more than the idempotent producer allows breaks the order"),
    ("retries", "the idempotent producer retries until the transaction ends"),
    ("message.send.max.retries", "the idempotent producer retries until the transaction ends"),
    ("queuing.strategy", "last in, first out would break the order in a partition"),
    ("enable.gapless.guarantee", "a gap aborts the transaction already"),
    ("partitioner", "the partition is decided by the policy's record.partition"),
    ("partition.assignment.strategy", "a cooperative rebalance that a restart interrupts leaves partitions to nobody"),
    ("group.protocol", "commits on a rebalance are proven for the classic protocol only"),
    ("group.protocol.type", "commits on a rebalance are proven for the classic protocol only"),
    ("group.remote.assignor", "commits on a rebalance are proven for the classic protocol only"),
    ("enable.partition.eof", "the worker does not wait for ends of partitions"),
    (
        "allow.auto.create.topics",
        "a topic made by accident has the wrong partition count; preflight names those that are missing",
    ),
    ("delivery.report.only.error", "the worker counts on hearing of failed deliveries, and of no others"),
    ("produce.offset.report", "the worker counts on hearing of failed deliveries, and of no others"),
    ("check.crcs", "records are always checked against their checksum"),
    (
        "enable.ssl.certificate.verification",
        "raw personal data goes over this connection; name the CA with ssl.ca.location instead",
    ),
    (
        "ssl.endpoint.identification.algorithm",
        "raw personal data goes over this connection; name the brokers in kafka.brokers as their certificates do instead",
    ),
    ("plugin.library.paths", "a plug-in sees every raw record"),
    ("statistics.interval.ms", "tamis_lag_records is made from the client's statistics"),
    ("log_level", "it follows log.level"),
    ("log.queue", "it follows log"),
    ("log.thread.name", "it follows log"),
    ("topic.blacklist", "topics are named by the policies"),
    ("api.version.request", "transactions need the broker's real version"),
    ("broker.version.fallback", "transactions need the broker's real version"),
    ("internal.termination.signal", "signals are handled by tamis"),
];

/// Secrets: only from files, so that they are in no deployment file, repository or process list.
pub const SECRETS: &[&str] = &[
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "sasl.password",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

const BOTH: &[&str] = &[
    "api.version.fallback.ms",
    "api.version.request.timeout.ms",
    "broker.address.family",
    "broker.address.ttl",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "debug",
    "enable.metrics.push",
    "enable.random.seed",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "https.ca.location",
    "https.ca.pem",
    "log.connection.close",
    "message.copy.max.bytes",
    "message.max.bytes",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "receive.message.max.bytes",
    "reconnect.backoff.jitter.ms",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.assertion.algorithm",
    "sasl.oauthbearer.assertion.claim.aud",
    "sasl.oauthbearer.assertion.claim.exp.seconds",
    "sasl.oauthbearer.assertion.claim.iss",
    "sasl.oauthbearer.assertion.claim.jti.include",
    "sasl.oauthbearer.assertion.claim.nbf.seconds",
    "sasl.oauthbearer.assertion.claim.sub",
    "sasl.oauthbearer.assertion.file",
    "sasl.oauthbearer.assertion.jwt.template.file",
    "sasl.oauthbearer.assertion.private.key.file",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.metadata.authentication.type",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.username",
    "security.protocol",
    "socket.blocking.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.max.fails",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.providers",
    "ssl.sigalgs.list",
    "topic.metadata.propagation.max.ms",
    "topic.metadata.refresh.fast.cnt",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "topic.metadata.refresh.sparse",
];

const CONSUMER: &[&str] = &[
    "coordinator.query.interval.ms",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "heartbeat.interval.ms",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "session.timeout.ms",
];

const PRODUCER: &[&str] = &[
    "batch.num.messages",
    "batch.size",
    "compression.codec",
    "compression.level",
    "compression.type",
    "delivery.timeout.ms",
    "linger.ms",
    "message.timeout.ms",
    "queue.buffering.backpressure.threshold",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "request.timeout.ms",
    "sticky.partitioning.linger.ms",
    "transaction.timeout.ms",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_in_two_lists() {
        let mut all: Vec<&str> = [BOTH, CONSUMER, PRODUCER, SECRETS].into_iter().flatten().copied().collect();
        all.extend(REFUSED.iter().map(|(name, _)| *name));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn what_the_promises_rest_on_is_refused() {
        for name in
            ["enable.auto.commit", "isolation.level", "transactional.id", "enable.idempotence", "acks", "group.id"]
        {
            assert!(matches!(setting(name), Setting::Refused(_)), "{name}");
        }
    }

    #[test]
    fn a_password_is_a_secret_and_a_made_up_name_is_unknown() {
        assert_eq!(setting("sasl.password"), Setting::Secret);
        assert_eq!(setting("sasl.passwort"), Setting::Unknown);
        assert_eq!(setting("linger.ms"), Setting::Taken(For::Producer));
        assert_eq!(setting("fetch.min.bytes"), Setting::Taken(For::Consumer));
    }
}
