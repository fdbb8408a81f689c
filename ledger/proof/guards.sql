-- name: guards
-- What keeps the log append-only, held against what the migrations made of it. A row for each guard that is missing, in words.
WITH wanted_trigger (of_table, name, calls, fires) AS (
    -- fires: pg_trigger.tgtype. 58: before update, delete or truncate; 46: before insert, delete or truncate; 19: before each row's update
    VALUES
        ('event', 'refuse_change', 'refuse_change', 58),
        ('event_tag', 'refuse_change', 'refuse_change', 58),
        ('log_head', 'refuse_change', 'refuse_change', 46),
        ('log_head', 'refuse_gap', 'refuse_gap', 19)
),
wanted_function (name, digest) AS (
    -- SHA-256 of their bodies in this release
    VALUES
        ('append', '\x6c6fe094610fa8eef853030729ea7ebf52b309bfecbecc7d1288ac90402fff93'::bytea),
        ('next_match', '\x638c16d29583683753e61dd6f390ed8ce00475caa52b0a96fb17b2ef7fc6dce4'::bytea),
        ('refuse_change', '\xde1293fc80cd81e3ffbb24b42526b19ef40a428318a4571ee37316cbf8af2c05'::bytea),
        ('refuse_gap', '\x9bfff0826beceb33a20dd6757487b7365760a0e7a2471e723ac45006e15a2155'::bytea)
),
log_table AS (
    SELECT name, class.*
    FROM (VALUES ('event'), ('event_tag'), ('log_head')) AS wanted (name)
    LEFT JOIN pg_catalog.pg_class AS class ON class.oid = to_regclass('ledger.' || name)
)
SELECT format('The table ledger.%%s %%s.', log_table.name, problem.what)
FROM log_table
CROSS JOIN LATERAL (
    VALUES
        ('is not there', log_table.oid IS NULL),
        ('is not an ordinary table any more', log_table.relkind <> 'r'),
        ('would not survive a crash: it is not logged', log_table.relpersistence <> 'p'),
        ('has rules, which can turn what is asked of it into something else',
            EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = log_table.oid)),
        ('has row security, which can hide events', log_table.relrowsecurity),
        ('is not alone: another table inherits from it, or it from another',
            EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE log_table.oid IN (inhrelid, inhparent)))
) AS problem (what, is_so)
WHERE problem.is_so
UNION ALL
SELECT format('The trigger %%s on ledger.%%s is missing, disabled, or another one.', wanted.name, wanted.of_table)
FROM wanted_trigger AS wanted
WHERE NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_trigger AS found
    WHERE found.tgrelid = to_regclass('ledger.' || wanted.of_table)
      AND found.tgname = wanted.name
      AND found.tgenabled = 'A'
      AND found.tgtype = wanted.fires
      AND found.tgqual IS NULL
      AND cardinality(found.tgattr::int2[]) = 0
      AND found.tgfoid = (
          SELECT called.oid
          FROM pg_catalog.pg_proc AS called
          WHERE called.pronamespace = to_regnamespace('ledger') AND called.proname = wanted.calls AND called.pronargs = 0
      )
)
UNION ALL
SELECT format('The function ledger.%%s is missing, or is not the one of this release.', wanted.name)
FROM wanted_function AS wanted
WHERE NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_proc AS found
    WHERE found.pronamespace = to_regnamespace('ledger')
      AND found.proname = wanted.name
      AND sha256(convert_to(found.prosrc, 'UTF8')) = wanted.digest
)
UNION ALL
SELECT format('The role %%s may %%s on ledger.%%s.', role.name, action.name, log_table.name)
FROM log_table
CROSS JOIN (VALUES ('ledger_app'), ('ledger_read')) AS role (name)
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS action (name)
WHERE to_regrole(role.name) IS NOT NULL
  AND log_table.oid IS NOT NULL
  AND CASE
      WHEN has_table_privilege(to_regrole(role.name), log_table.oid, action.name) THEN true
      WHEN action.name IN ('INSERT', 'UPDATE') THEN has_any_column_privilege(to_regrole(role.name), log_table.oid, action.name)
      ELSE false
  END
ORDER BY 1;
