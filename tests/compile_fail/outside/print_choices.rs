//! What people said, and about whom, can be neither printed nor serialized; nor can the key that names them.
use tamis::engine::consent::choice::{Choice, ConsentRecord, History, IndexKey, SubjectKey, Unreadable};

fn subjects(key: SubjectKey, index: &IndexKey) {
    assert!(key == key);
    println!("{key:?}"); //~ E0277
    println!("{key}"); //~ E0277
    println!("{index:?}"); //~ E0277
    drop(serde_json::to_string(&key)); //~ E0277
}

fn choices(choice: Choice, record: ConsentRecord, unread: Unreadable, history: History<'_>) {
    println!("{} {}", unread.reason, choice.at.ms);
    println!("{choice:?}"); //~ E0277
    println!("{record:?}"); //~ E0277
    println!("{unread:?}"); //~ E0277
    println!("{history:?}"); //~ E0277
    println!("{unread}"); //~ E0277
    drop(serde_json::to_string(&choice)); //~ E0277
    drop(serde_json::to_string(&unread)); //~ E0277
}

fn main() {}
