-- Several hosts share the collection: who collects a client has leased it, and who asks an n8n holds the slot of its origin.
ALTER TABLE collections ADD COLUMN leased_until BIGINT; -- when the lease of the turn runs out; null is given back

-- Unused here, where one host collects; on Postgres it says which host asks an n8n.
CREATE TABLE origins (
    origin TEXT PRIMARY KEY, -- scheme, host and port of an n8n
    holder TEXT NOT NULL, -- the host that asks it
    held_until BIGINT NOT NULL, -- 0 is free again
    next_holder TEXT, -- the host that is to ask it next
    next_until BIGINT NOT NULL DEFAULT 0 -- how long the slot is kept for it
);
