//! Wrappers that cannot be printed or serialized.
