//! Any text as a policy file: no panic, no policy beside an error, and every problem can be rendered; a policy that is
//! accepted can be compiled, or is refused as too complex.
#![no_main]

use tamis::engine::Engine;
use tamis::engine::policy::{self, SourceFile};

/// Rendering with source excerpts costs more than all the rest: one input of so many is rendered.
const RENDERED: usize = 16;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let files = [SourceFile::from_bytes("fuzzed.yaml", bytes)];
    let read = policy::read(&files);
    assert!(read.policies.is_empty() || !read.has_errors(), "no policy beside an error");
    assert!(!read.policies.is_empty() || read.has_errors(), "no policy is explained by an error");
    if bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>() % RENDERED == 0 {
        let rendered = policy::render(&read.problems, &files, false);
        assert_eq!(rendered.is_empty(), read.problems.is_empty());
    }
    for policy in read.policies {
        let _ = Engine::new(policy);
    }
});
