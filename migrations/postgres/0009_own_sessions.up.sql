-- What users are shown of their sessions.
ALTER TABLE sessions ADD COLUMN address TEXT; -- from where the user signed in
ALTER TABLE sessions ADD COLUMN last_used_at BIGINT; -- when it was last refreshed, if ever
