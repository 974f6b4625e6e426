//! `tamis demo`: the whole pipeline on an embedded broker, with made-up traffic, live in the terminal.

pub mod shop;
