//! A collector, as small as one can be: recorded HTTP requests become records the way collectors make them.
//!
//! JSON bodies become the value as they are, whatever their content type says; a query string or a form becomes a JSON
//! object of its decoded parameters; HTTP headers become record headers.

use std::path::Path;

use base64::Engine as _;
use serde_json::Value;

use crate::reference::decode::percent;
use crate::reference::json::{self, quote};

/// A record as a collector would produce it.
pub(crate) struct Collected {
    /// Where it comes from: `segment-node.json#1`, with `/2` for the second hit of a body.
    pub(crate) name: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) value: String,
}

/// All records of one capture file.
pub(crate) fn capture(path: &Path) -> Vec<Collected> {
    let text = std::fs::read_to_string(path).expect("the capture can be read");
    let capture: Value = serde_json::from_str(&text).expect("a capture is JSON");
    let file = path.file_name().and_then(|name| name.to_str()).expect("a file name");
    let mut records = Vec::new();
    for (at, request) in capture["requests"].as_array().expect("requests").iter().enumerate() {
        let headers: Vec<(String, String)> = request["headers"]
            .as_array()
            .expect("headers")
            .iter()
            .map(|pair| (text_of(&pair[0]), text_of(&pair[1])))
            .collect();
        let values = values(request, &headers);
        let many = values.len() > 1;
        for (hit, value) in values.into_iter().enumerate() {
            let suffix = if many { format!("/{}", hit + 1) } else { String::new() };
            records.push(Collected { name: format!("{file}#{}{suffix}", at + 1), headers: headers.clone(), value });
        }
    }
    records
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn values(request: &Value, headers: &[(String, String)]) -> Vec<String> {
    let body = request["body_wire_base64"].as_str().unwrap_or("");
    let body = base64::engine::general_purpose::STANDARD.decode(body).expect("bodies are base64");
    let body = String::from_utf8(body).expect("recorded bodies are text");
    if body.is_empty() {
        let url = request["url"].as_str().expect("a URL");
        let query = url.split_once('?').map_or("", |(_, query)| query);
        return vec![form(query)];
    }
    if json::parse(&body).is_some() {
        return vec![body];
    }
    let content_type = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    match content_type.and_then(|(_, value)| value.split_once("boundary=")) {
        Some((_, boundary)) => vec![multipart(&body, boundary)],
        None => body.lines().map(form).collect(),
    }
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{}", quote(name), quote(value))).collect();
    format!("{{{}}}", members.join(","))
}

fn form(text: &str) -> String {
    let decode = |text: &str| String::from_utf8(percent(text.as_bytes(), true)).expect("recorded forms are UTF-8");
    let pairs = text.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    object(&pairs.map(|(name, value)| (decode(name), decode(value))).collect::<Vec<_>>())
}

fn multipart(body: &str, boundary: &str) -> String {
    let boundary = format!("--{boundary}");
    let parts = body.split(&boundary).filter_map(|part| part.split_once("\r\n\r\n"));
    let fields = parts.map(|(head, value)| {
        let name = head.split_once("name=\"").and_then(|(_, rest)| rest.split_once('"')).map_or("", |(name, _)| name);
        (name.to_owned(), value.trim_end_matches("\r\n").to_owned())
    });
    object(&fields.collect::<Vec<_>>())
}
