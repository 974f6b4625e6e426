//! `--consent FILE`: choices as records of the consent topic, one JSON object a line, without Kafka.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use crate::cli::{Exit, load};
use crate::engine::consent::choice::{Book, Choices, IndexKey};
use crate::engine::policy::model::Policy;

/// The choices of a file, or nobody's. Lines that cannot be read are named on stderr by their number, and deny everything
/// to every subject that they name, as they would on the topic.
pub(in crate::cli) fn load(path: Option<&Path>, policy: &Policy, now_ms: i64) -> Result<Arc<dyn Choices>, Exit> {
    let mut talk = anstream::stderr();
    let mut book = Book::new(throw_away_index()?);
    match path {
        None if policy.consent.table => {
            let _ = writeln!(talk, "without --consent: the policy looks choices up, and nobody has made any");
        }
        None => {}
        Some(path) => {
            let text = load::file(path)?;
            for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
                let line = line.trim_ascii();
                if line.is_empty() {
                    continue;
                }
                if let Err(unreadable) = add(&mut book, line, now_ms) {
                    let name = path.display();
                    let _ = writeln!(talk, "{name}:{number}: not a choice ({unreadable}); its subjects are denied");
                }
            }
        }
    }
    Ok(Arc::new(book))
}

/// Adds one record by its value alone: its id is its key.
pub(in crate::cli) fn add(book: &mut Book, value: &[u8], now_ms: i64) -> Result<(), &'static str> {
    #[derive(serde::Deserialize)]
    struct Named {
        id: String,
    }
    let id = serde_json::from_slice::<Named>(value).map(|named| named.id).unwrap_or_default();
    book.add(Some(id.as_bytes()), value, now_ms).map_err(|unreadable| unreadable.reason.as_str())
}

/// Subjects of a file are looked up within this call only: any key does.
fn throw_away_index() -> Result<IndexKey, Exit> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        let _ = writeln!(anstream::stderr(), "the system gives no random numbers: {error}");
        Exit::Failure
    })?;
    Ok(IndexKey::new(secret))
}
