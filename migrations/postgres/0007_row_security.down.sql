-- Undoes all of it.
DROP INDEX invitations_invited_by;
DROP INDEX users_created_by;
DO $$
DECLARE
    tenants REGCLASS;
BEGIN
    FOR tenants IN
        SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'flowmastery'::REGNAMESPACE AND c.relkind = 'r' AND c.relrowsecurity
    LOOP
        EXECUTE format('DROP POLICY tenants ON %s', tenants);
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', tenants);
    END LOOP;
END
$$;
DROP PROCEDURE protect_tenants;
DROP PROCEDURE protect_rows;
DROP FUNCTION scope_client;
DROP FUNCTION scope_is_all;
