//! The deployment file: as written → resolved, all problems at once.
