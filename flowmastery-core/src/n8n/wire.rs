//! What n8n's answers look like. (stub)
