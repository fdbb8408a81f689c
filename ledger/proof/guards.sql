-- name: guards
-- What keeps log, seals and lines of reconciliation append-only, held against what the migrations made of it. A row for each guard that is
-- missing, in words.
WITH wanted_trigger (of_schema, of_table, name, calls, fires) AS (
    -- fires: pg_trigger.tgtype. 58: before update, delete or truncate; 46: before insert, delete or truncate; 42: before delete or
    -- truncate; 19: before each row's update; 4: after insert
    VALUES
        ('ledger', 'event', 'refuse_change', 'refuse_change', 58),
        ('ledger', 'event_tag', 'refuse_change', 'refuse_change', 58),
        ('ledger', 'log_head', 'refuse_change', 'refuse_change', 46),
        ('ledger', 'log_head', 'refuse_gap', 'refuse_gap', 19),
        ('ledger', 'reconciliation_line', 'refuse_added_line', 'refuse_added_line', 4),
        ('ledger', 'reconciliation_line', 'refuse_change', 'refuse_change_of_run', 58),
        ('ledger', 'reconciliation_run', 'refuse_change', 'refuse_change_of_run', 58),
        ('proof', 'checkpoint', 'refuse_change', 'refuse_change', 58),
        ('proof', 'tile', 'refuse_change', 'refuse_change', 42),
        ('proof', 'tile', 'refuse_rewriting', 'refuse_rewriting', 19)
),
wanted_function (of_schema, name, arguments, is_definer, settings, digest) AS (
    -- With the SHA-256 of their bodies in this release. A body alone says little: with another search path its words mean something
    -- else, and under another signature nobody calls it.
    SELECT of_schema, name, arguments, is_definer, array_prepend('search_path=pg_catalog, pg_temp', further), digest
    FROM (
        VALUES
            ('ledger', 'append', 'jsonb', true, '{enable_seqscan=off,plan_cache_mode=force_generic_plan}'::text[],
                '\x6c6fe094610fa8eef853030729ea7ebf52b309bfecbecc7d1288ac90402fff93'::bytea),
            ('ledger', 'next_match', 'text[], text[], bigint', false, '{enable_seqscan=off}',
                '\x638c16d29583683753e61dd6f390ed8ce00475caa52b0a96fb17b2ef7fc6dce4'),
            ('ledger', 'refuse_added_line', '', false, '{}',
                '\xcc1885dd91ca98cec289b61fe7196ab179620d01c0c9d70d2ae7b7b723758daa'),
            ('ledger', 'refuse_change_of_run', '', false, '{}',
                '\xcc9c883031d0370e6e2ff745af531d19201fa44825d45aeef373150edded1f59'),
            ('ledger', 'refuse_change', '', false, '{}', '\xde1293fc80cd81e3ffbb24b42526b19ef40a428318a4571ee37316cbf8af2c05'),
            ('ledger', 'refuse_gap', '', false, '{enable_seqscan=off}',
                '\x9bfff0826beceb33a20dd6757487b7365760a0e7a2471e723ac45006e15a2155'),
            ('proof', 'refuse_change', '', false, '{}', '\xa736bacd93ca543becd77bf33c1bc687128c58be16c98dc02d25e8a678cbb167'),
            ('proof', 'refuse_rewriting', '', false, '{}', '\x8f82c1224f86f8562f854f5ead2326835dd936181ec96160233f1871b94f7eb9')
    ) AS wanted (of_schema, name, arguments, is_definer, further, digest)
),
guarded_table AS (
    SELECT wanted.of_schema, wanted.name, class.*
    FROM (
        VALUES
            ('ledger', 'event'), ('ledger', 'event_tag'), ('ledger', 'log_head'),
            ('ledger', 'reconciliation_line'), ('ledger', 'reconciliation_run'),
            ('proof', 'checkpoint'), ('proof', 'tile')
    ) AS wanted (of_schema, name)
    LEFT JOIN pg_catalog.pg_class AS class ON class.oid = to_regclass(wanted.of_schema || '.' || wanted.name)
),
role (name) AS (
    VALUES ('ledger_app'), ('ledger_read'), ('ledger_seal')
),
granted (role, of_schema, of_table, action, column_name) AS (
    -- What the migrations grant of what changes a table: the application adds runs of reconciling, with their lines; the sealer adds
    -- seals, and lets the last tile of a level grow.
    VALUES
        ('ledger_app', 'ledger', 'reconciliation_line', 'INSERT', NULL),
        ('ledger_app', 'ledger', 'reconciliation_run', 'INSERT', NULL),
        ('ledger_seal', 'proof', 'checkpoint', 'INSERT', NULL),
        ('ledger_seal', 'proof', 'tile', 'INSERT', NULL),
        ('ledger_seal', 'proof', 'tile', 'UPDATE', 'hashes')
)
SELECT format('The table %%s.%%s %%s.', guarded_table.of_schema, guarded_table.name, problem.what)
FROM guarded_table
CROSS JOIN LATERAL (
    VALUES
        ('is not there', guarded_table.oid IS NULL),
        ('is not an ordinary table any more', guarded_table.relkind <> 'r'),
        ('would not survive a crash: it is not logged', guarded_table.relpersistence <> 'p'),
        ('has rules, which can turn what is asked of it into something else',
            EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = guarded_table.oid)),
        ('has row security, which can hide what it holds', guarded_table.relrowsecurity),
        ('is not alone: another table inherits from it, or it from another',
            EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE guarded_table.oid IN (inhrelid, inhparent)))
) AS problem (what, is_so)
WHERE problem.is_so
UNION ALL
SELECT format('The trigger %%s on %%s.%%s is missing, disabled, or another one.', wanted.name, wanted.of_schema, wanted.of_table)
FROM wanted_trigger AS wanted
WHERE NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_trigger AS found
    WHERE found.tgrelid = to_regclass(wanted.of_schema || '.' || wanted.of_table)
      AND found.tgname = wanted.name
      AND found.tgenabled = 'A'
      AND found.tgtype = wanted.fires
      AND found.tgqual IS NULL
      AND cardinality(found.tgattr::int2[]) = 0
      AND found.tgfoid = (
          SELECT called.oid
          FROM pg_catalog.pg_proc AS called
          WHERE called.pronamespace = to_regnamespace(wanted.of_schema) AND called.proname = wanted.calls AND called.pronargs = 0
      )
)
UNION ALL
-- One more trigger can change what is recorded before it is sealed.
SELECT format(
    'The table %%s.%%s has a trigger that is none of this release: %%s.', guarded_table.of_schema, guarded_table.name, found.tgname
)
FROM guarded_table
JOIN pg_catalog.pg_trigger AS found ON found.tgrelid = guarded_table.oid AND NOT found.tgisinternal
WHERE NOT EXISTS (
    SELECT
    FROM wanted_trigger AS wanted
    WHERE wanted.of_schema = guarded_table.of_schema AND wanted.of_table = guarded_table.name AND wanted.name = found.tgname
)
UNION ALL
SELECT format('The function %%s.%%s is missing, or is not the one of this release.', wanted.of_schema, wanted.name)
FROM wanted_function AS wanted
WHERE NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_proc AS found
    JOIN pg_catalog.pg_language AS language ON language.oid = found.prolang
    WHERE found.oid = to_regprocedure(format('%%I.%%I(%%s)', wanted.of_schema, wanted.name, wanted.arguments))
      AND language.lanname = 'plpgsql'
      AND found.prosecdef = wanted.is_definer
      AND found.proconfig = wanted.settings
      AND sha256(convert_to(found.prosrc, 'UTF8')) = wanted.digest
)
UNION ALL
-- Of two with one name, the other may be the one that is called.
SELECT format('The function %%s is none of this release, and has the name of one.', found.oid::regprocedure)
FROM wanted_function AS wanted
JOIN pg_catalog.pg_proc AS found
    ON found.pronamespace = to_regnamespace(wanted.of_schema) AND found.proname = wanted.name
WHERE found.oid IS DISTINCT FROM to_regprocedure(format('%%I.%%I(%%s)', wanted.of_schema, wanted.name, wanted.arguments))
UNION ALL
SELECT format('The role %%s may append to the log.', role.name)
FROM role
JOIN pg_catalog.pg_proc AS found ON found.pronamespace = to_regnamespace('ledger') AND found.proname = 'append'
WHERE role.name <> 'ledger_app'
  AND to_regrole(role.name) IS NOT NULL
  AND has_function_privilege(to_regrole(role.name), found.oid, 'EXECUTE')
UNION ALL
SELECT format('The role %%s may create something in the schema %%s.', role.name, guarded.name)
FROM role
CROSS JOIN (VALUES ('ledger'), ('proof')) AS guarded (name)
WHERE to_regrole(role.name) IS NOT NULL
  AND to_regnamespace(guarded.name) IS NOT NULL
  AND has_schema_privilege(to_regrole(role.name), to_regnamespace(guarded.name), 'CREATE')
UNION ALL
SELECT format('The role %%s may %%s on %%s.%%s.', role.name, action.name, guarded_table.of_schema, guarded_table.name)
FROM guarded_table
CROSS JOIN role
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('TRIGGER')) AS action (name)
LEFT JOIN granted
    ON granted.role = role.name AND granted.action = action.name
    AND granted.of_schema = guarded_table.of_schema AND granted.of_table = guarded_table.name
WHERE to_regrole(role.name) IS NOT NULL
  AND guarded_table.oid IS NOT NULL
  AND CASE
      WHEN granted.role IS NOT NULL AND granted.column_name IS NULL THEN false
      WHEN has_table_privilege(to_regrole(role.name), guarded_table.oid, action.name) THEN true
      WHEN action.name IN ('INSERT', 'UPDATE') THEN EXISTS (
          SELECT
          FROM pg_catalog.pg_attribute AS found
          WHERE found.attrelid = guarded_table.oid
            AND found.attnum > 0
            AND NOT found.attisdropped
            AND found.attname IS DISTINCT FROM granted.column_name
            AND has_column_privilege(to_regrole(role.name), guarded_table.oid, found.attnum, action.name)
      )
      ELSE false
  END
UNION ALL
-- The rights of one role are those of another as soon as it is its member, whether it has them at once or has to take them on.
SELECT format('The role %%s is a member of %%s.', role.name, other.name)
FROM role
CROSS JOIN (VALUES ('ledger_app'), ('ledger_seal')) AS other (name)
WHERE role.name <> other.name
  AND to_regrole(role.name) IS NOT NULL
  AND to_regrole(other.name) IS NOT NULL
  AND pg_has_role(to_regrole(role.name), to_regrole(other.name), 'MEMBER')
UNION ALL
SELECT format('The role %%s may act as %%I, who owns %%s.', role.name, pg_get_userbyid(owned.owner), owned.what)
FROM role
CROSS JOIN (
    SELECT relowner, oid::regclass::text FROM guarded_table WHERE oid IS NOT NULL
    UNION ALL
    SELECT found.proowner, found.oid::regprocedure::text
    FROM wanted_function AS wanted
    JOIN pg_catalog.pg_proc AS found
        ON found.oid = to_regprocedure(format('%%I.%%I(%%s)', wanted.of_schema, wanted.name, wanted.arguments))
    UNION ALL
    SELECT nspowner, 'the schema ' || nspname FROM pg_catalog.pg_namespace WHERE nspname IN ('ledger', 'proof')
) AS owned (owner, what)
WHERE to_regrole(role.name) IS NOT NULL
  AND pg_has_role(to_regrole(role.name), owned.owner, 'MEMBER')
ORDER BY 1;
