//! Bounds on what one record may cost, each with where its number comes from.

/// Bounds of one engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest record value that is read, in bytes. Kafka's own default limit is 1 MiB; brokers are raised to 8 or 10
    /// MiB where batches are large.
    pub record_bytes: usize,
    /// Deepest nesting of containers. Real events stay under 20; parsers downstream stop at 128 (serde_json) or later.
    pub depth: usize,
    /// Most nodes (members and elements that rules can reach) of one record: what a 16 MiB record of real events has.
    pub nodes: usize,
    /// Most events in one record. Collectors batch by hundreds.
    pub events: usize,
    /// Most bytes of all output records of one record together, each with its headers. What every output carries again
    /// (listed headers) would otherwise grow with events × routes; a record of `record_bytes` fits on four routes.
    pub sent_bytes: usize,
    /// Most bytes that are looked at once for every event although they stand around the batch (the envelope's signals,
    /// the record's headers): events × bytes. At ten thousand events that leaves them 6 KiB, more than any signal has.
    pub around_bytes: usize,
    /// Largest output record in bytes, key, value and headers together: the broker's default `max.message.bytes`.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            record_bytes: 16 << 20,
            depth: 256,
            nodes: 1 << 20,
            events: 10_000,
            sent_bytes: 64 << 20,
            around_bytes: 64 << 20,
            output_bytes: 1_048_000,
        }
    }
}
