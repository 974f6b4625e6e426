//! A record as it came in.
//!
//! Everything in a [`Record`] may be personal: it has no `Debug`, no `Display` and no `Serialize`.

/// One Kafka record, everything of it, borrowed from the client's buffers.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The topic it was read from (a name of the configuration, not personal).
    pub topic: &'a str,
    /// Partition of `topic`.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// The record key; `None` is a null key.
    pub key: Option<&'a [u8]>,
    /// Headers in order; names may repeat.
    pub headers: &'a [Header<'a>],
    /// The broker's or producer's timestamp, milliseconds since 1970-01-01 UTC.
    pub timestamp: Option<i64>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// One record header.
#[derive(Clone, Copy)]
pub struct Header<'a> {
    /// The name, compared without regard to ASCII case.
    pub name: &'a str,
    /// The value; `None` is a null header.
    pub value: Option<&'a [u8]>,
}
