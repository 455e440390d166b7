//! Placeholder.
pub mod n8n;
