-- The two roles of the application. They cannot log in: the users that can are given one of them, and the application's connections
-- take it on with "SET ROLE" (libpq option "-c role=ledger_app"). Roles belong to the whole server, so they may already be there, and
-- somebody who migrates another database may be creating them at this very moment.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['ledger_app', 'ledger_read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT', name);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION 'the role % does not exist, and % may not create it', name, current_user
                        USING ERRCODE = 'insufficient_privilege',
                              HINT = format('As an administrator: CREATE ROLE ledger_app NOLOGIN; CREATE ROLE ledger_read NOLOGIN; '
                                            'GRANT ledger_app, ledger_read TO %I;', current_user);
            END;
        END IF;

        -- A superuser may take on any role; another owner must be a member (PostgreSQL 16 no longer makes the creator one).
        IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
           AND NOT EXISTS (
               SELECT
               FROM pg_catalog.pg_auth_members AS membership
               JOIN pg_catalog.pg_roles AS held ON held.oid = membership.roleid AND held.rolname = name
               JOIN pg_catalog.pg_roles AS holder ON holder.oid = membership.member AND holder.rolname = current_user
               WHERE coalesce((to_jsonb(membership) ->> 'set_option')::boolean, true)
           )
        THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', name, current_user);
            EXCEPTION
                WHEN unique_violation THEN NULL;
                WHEN insufficient_privilege THEN
                    RAISE EXCEPTION '% is not a member of the role %', current_user, name
                        USING ERRCODE = 'insufficient_privilege',
                              HINT = format('As an administrator: GRANT ledger_app, ledger_read TO %I;', current_user);
            END;
        END IF;
    END LOOP;
END
$$;
