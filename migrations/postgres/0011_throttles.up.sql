-- From where users sign in: nobody who fails on purpose can keep them out of there.
CREATE TABLE known_addresses (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    network TEXT NOT NULL, -- an IPv4 address, or the /64 of an IPv6 one
    last_at BIGINT NOT NULL, -- when a session was opened from there last
    PRIMARY KEY (user_id, network)
);
CALL protect_rows('known_addresses', 'EXISTS (SELECT FROM flowmastery.users u WHERE u.id = user_id)');

-- Who still has an imported hash, for which every failed sign-in pays.
CREATE INDEX users_imported ON users (id) WHERE is_active AND substr(hashed_password, 1, 2) = '$2';
