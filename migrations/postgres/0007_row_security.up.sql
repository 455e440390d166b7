-- Row-level security, which holds for roles that do not own the tables: each sees the rows of flowmastery.scope, a client's number or
-- 'all', and none unless its transaction has said one. The owner's back-ups and migrations see everything.
CREATE FUNCTION scope_is_all() RETURNS BOOLEAN LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('flowmastery.scope', TRUE) = 'all';
CREATE FUNCTION scope_client() RETURNS BIGINT LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CAST(NULLIF(NULLIF(current_setting('flowmastery.scope', TRUE), 'all'), '') AS BIGINT);

-- For every table with tenant data; later migrations call them for theirs. The scope is read once a statement, not once a row.
CREATE PROCEDURE protect_rows(tenants REGCLASS, are_of_scope TEXT) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', tenants);
    EXECUTE format('CREATE POLICY tenants ON %s USING ((SELECT flowmastery.scope_is_all()) OR (%s))', tenants, are_of_scope);
END
$$;
CREATE PROCEDURE protect_tenants(tenants REGCLASS, client NAME) LANGUAGE plpgsql AS $$
BEGIN
    CALL flowmastery.protect_rows(tenants, format('%I = (SELECT flowmastery.scope_client())', client));
END
$$;
CALL protect_tenants('clients', 'id');
DO $$
DECLARE
    tenants REGCLASS;
BEGIN
    FOR tenants IN
        SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'flowmastery'::REGNAMESPACE AND c.relkind = 'r' AND a.attname = 'client_id' AND NOT a.attisdropped
    LOOP
        CALL flowmastery.protect_tenants(tenants, 'client_id');
    END LOOP;
END
$$;

-- What belongs to a user belongs to the user's client: those that a scope may not see are not there for it.
CALL protect_rows('sessions', 'EXISTS (SELECT FROM flowmastery.users u WHERE u.id = user_id)');
CALL protect_rows('refresh_tokens', 'EXISTS (SELECT FROM flowmastery.sessions s WHERE s.id = session_id)');
CALL protect_rows('password_resets', 'EXISTS (SELECT FROM flowmastery.users u WHERE u.id = user_id)');

-- Deleting a user takes its number off what it had made; without these, every user and invitation would be read for that.
CREATE INDEX users_created_by ON users (created_by_admin_id) WHERE created_by_admin_id IS NOT NULL;
CREATE INDEX invitations_invited_by ON invitations (invited_by_admin_id) WHERE invited_by_admin_id IS NOT NULL;
