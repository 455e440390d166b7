-- Mails that wait for the mail server, sealed and erased when they went or never will, and the tokens of password resets.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL, -- random; the mail opens with it only, and it is in the mail's Message-ID
    sealed_mail TEXT NOT NULL,
    invitation_id BIGINT UNIQUE REFERENCES invitations (id) ON DELETE CASCADE,
    address_digest TEXT UNIQUE, -- of a password reset: one waits for each address
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE, -- of a password reset, once it is known who asked
    client_id BIGINT REFERENCES clients (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL, -- while it is being sent: when whoever sends it counts as dead
    attempts BIGINT NOT NULL DEFAULT 0, -- counts up whenever somebody begins to send it, who is known by it
    last_error TEXT,
    CHECK ((invitation_id IS NULL) <> (address_digest IS NULL))
);
CREATE INDEX outbox_due ON outbox (next_attempt_at, id);
CREATE INDEX outbox_of_user ON outbox (user_id);
CREATE INDEX outbox_of_client ON outbox (client_id);

CREATE TABLE password_resets (
    user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    token TEXT NOT NULL UNIQUE, -- the hash of the token in the link
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
