-- Row-level security is Postgres's alone; what follows is for both.
-- Deleting a user takes its number off what it had made; without these, every users and invitations row would be read for that.
CREATE INDEX users_created_by ON users (created_by_admin_id) WHERE created_by_admin_id IS NOT NULL;
CREATE INDEX invitations_invited_by ON invitations (invited_by_admin_id) WHERE invited_by_admin_id IS NOT NULL;
