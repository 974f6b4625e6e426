//! Records as JSON, one a line (DESIGN §11): how `apply --records` reads and prints them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::Minimized;
use crate::engine::json::text::write_string;
use crate::engine::record::{Header, Record};

/// A record as it is written in JSON. No `Debug`: it is full of values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(default)]
    topic: Option<String>,
    #[serde(default)]
    partition: i32,
    #[serde(default)]
    offset: i64,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    key_base64: Option<String>,
    #[serde(default)]
    headers: Vec<(String, Option<String>)>,
    #[serde(default)]
    timestamp: Option<i64>,
    #[serde(default, borrow)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    value_base64: Option<String>,
}

/// A record that owns its bytes.
pub(in crate::cli) struct OwnedRecord {
    topic: Option<String>,
    partition: i32,
    offset: i64,
    key: Option<Vec<u8>>,
    headers: Vec<(String, Option<String>)>,
    timestamp: Option<i64>,
    value: Option<Vec<u8>>,
}

/// The line is not a record. It carries no text: an error of the JSON reader would quote the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct NotARecord;

impl OwnedRecord {
    /// Reads a line.
    pub(in crate::cli) fn parse(line: &[u8]) -> Result<OwnedRecord, NotARecord> {
        // The derived reader takes a list for an object; a record is an object.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err(NotARecord);
        }
        let written: Written<'_> = serde_json::from_slice(line).map_err(|_| NotARecord)?;
        let bytes = |text: String| STANDARD.decode(text).map_err(|_| NotARecord);
        let (key, value) = match (written.key, written.key_base64, written.value, written.value_base64) {
            (Some(_), Some(_), ..) | (.., Some(_), Some(_)) => return Err(NotARecord),
            (key, key_base64, value, value_base64) => (
                key_base64.map(bytes).transpose()?.or(key.map(String::into_bytes)),
                value_base64.map(bytes).transpose()?.or(value.map(|value| value.get().as_bytes().to_vec())),
            ),
        };
        let Written { topic, partition, offset, headers, timestamp, .. } = written;
        Ok(OwnedRecord { topic, partition, offset, key, headers, timestamp, value })
    }

    /// Lends it to the engine; what it does not say comes from the caller.
    pub(in crate::cli) fn with<T>(&self, topic: &str, now_ms: i64, then: impl FnOnce(&Record<'_>) -> T) -> T {
        let headers: Vec<Header<'_>> = self
            .headers
            .iter()
            .map(|(name, value)| Header { name, value: value.as_deref().map(str::as_bytes) })
            .collect();
        then(&Record {
            topic: self.topic.as_deref().unwrap_or(topic),
            partition: self.partition,
            offset: self.offset,
            key: self.key.as_deref(),
            headers: &headers,
            timestamp: self.timestamp.or(Some(now_ms)),
            value: self.value.as_deref(),
        })
    }
}

/// Appends an output record as one line; `partition` is null where the key decides.
pub(in crate::cli) fn write(output: &Minimized<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"topic\":");
    write_string(output.topic(), out);
    out.extend_from_slice(b",\"partition\":");
    match output.placement() {
        crate::engine::Placement::Same(partition) => out.extend_from_slice(partition.to_string().as_bytes()),
        crate::engine::Placement::ByKey => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"key\":");
    match output.key().map(std::str::from_utf8) {
        Some(Ok(key)) => write_string(key, out),
        _ => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"headers\":[");
    for (i, (name, value)) in output.headers().enumerate() {
        out.extend_from_slice(if i > 0 { b",[" } else { b"[" });
        write_string(name, out);
        out.push(b',');
        write_string(std::str::from_utf8(value).unwrap_or(""), out);
        out.push(b']');
    }
    out.extend_from_slice(b"],\"timestamp\":");
    out.extend_from_slice(output.timestamp().map_or("null".into(), |ms| ms.to_string()).as_bytes());
    out.extend_from_slice(b",\"value\":");
    write_value(output, out);
    out.extend_from_slice(b"}\n");
}

/// Appends the value on one line: line breaks between JSON tokens become spaces, strings have none.
pub(in crate::cli) fn write_value(output: &Minimized<'_>, out: &mut Vec<u8>) {
    let value = output.value().unwrap_or(b"null").trim_ascii();
    out.extend(value.iter().map(|&byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_its_value_as_json_or_as_base64_and_not_both() {
        let value = |line: &str| OwnedRecord::parse(line.as_bytes()).map(|record| record.value);
        assert_eq!(value(r#"{"value":{"a" : 1.0}}"#).ok(), Some(Some(br#"{"a" : 1.0}"#.to_vec())));
        assert_eq!(value(r#"{"value":null}"#).ok(), Some(None));
        assert_eq!(value(r#"{"value_base64":"AA=="}"#).ok(), Some(Some(vec![0])));
        assert!(value(r#"{"value":1,"value_base64":"AA=="}"#).is_err());
        assert!(value(r#"{"value":1,"unknown":2}"#).is_err());
        assert!(value("[]").is_err());
    }
}
