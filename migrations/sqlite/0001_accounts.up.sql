-- Clients, their users and invitations, and sessions. Times are Unix milliseconds, addresses are in lower case.
CREATE TABLE clients (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    n8n_api_url TEXT,
    n8n_api_key_encrypted TEXT,
    created_by_admin_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CHECK ((n8n_api_url IS NULL) = (n8n_api_key_encrypted IS NULL))
);
CREATE INDEX clients_deleted ON clients (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL UNIQUE,
    hashed_password TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'client')),
    is_active BOOLEAN NOT NULL,
    client_id BIGINT REFERENCES clients (id),
    created_by_admin_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    last_login BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK ((role = 'client') = (client_id IS NOT NULL))
);
CREATE INDEX users_of_client ON users (client_id);
CREATE INDEX users_active_admins ON users (id) WHERE role = 'admin' AND is_active;

CREATE TABLE invitations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    email TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'client')),
    token TEXT NOT NULL UNIQUE, -- the hash of the token in the link
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'revoked')),
    expiry_date BIGINT NOT NULL,
    client_id BIGINT REFERENCES clients (id),
    invited_by_admin_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    accepted_user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    accepted_at BIGINT,
    created_at BIGINT NOT NULL,
    email_status TEXT NOT NULL,
    CHECK ((role = 'client') = (client_id IS NOT NULL))
);
CREATE INDEX invitations_pending ON invitations (email) WHERE status = 'pending';
CREATE INDEX invitations_of_client ON invitations (client_id);
CREATE INDEX invitations_accepted_by ON invitations (accepted_user_id);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    closed_at BIGINT
);
CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE refresh_tokens (
    hash TEXT PRIMARY KEY,
    session_id BIGINT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    parent TEXT, -- the token that was spent for this one
    expires_at BIGINT NOT NULL,
    spent_at BIGINT
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_of_parent ON refresh_tokens (parent);
