//! The policy file: read with every problem at once, checked, and handed over as a [`model::Policy`].

pub mod model;
