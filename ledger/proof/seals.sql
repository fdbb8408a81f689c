-- name: newest
SELECT size, root, note, sealed_at FROM proof.checkpoint ORDER BY size DESC LIMIT 1

-- name: at_size
SELECT size, root, note, sealed_at FROM proof.checkpoint WHERE size = %(size)s

-- name: first_covering
-- The same one whenever it is asked: sizes only grow.
SELECT size, root, note, sealed_at FROM proof.checkpoint WHERE size >= %(position)s ORDER BY size LIMIT 1

-- name: after
SELECT size, root, note, sealed_at FROM proof.checkpoint WHERE size > %(size)s ORDER BY size LIMIT %(limit)s

-- name: torn_off
-- Whether a text is the beginning of a note, and not all of one. Looks through all of them: only a torn file is asked about.
SELECT EXISTS (SELECT FROM proof.checkpoint WHERE starts_with(note, %(beginning)s) AND note <> %(beginning)s)

-- name: tile
SELECT hashes FROM proof.tile WHERE level = %(level)s AND tile_index = %(tile_index)s

-- name: tiles
SELECT tile_index, hashes FROM proof.tile
WHERE level = %(level)s AND tile_index BETWEEN %(first)s AND %(last)s
ORDER BY tile_index

-- name: put_tile
INSERT INTO proof.tile (level, tile_index, hashes) VALUES (%(level)s, %(tile_index)s, %(hashes)s)
ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes

-- name: put_checkpoint
INSERT INTO proof.checkpoint (size, root, note) VALUES (%(size)s, %(root)s, %(note)s)

-- name: claim
-- One sealer at a time, for as long as its connection lives. Any number, as long as it stays the same.
SELECT pg_try_advisory_lock(7810772193423589378)

-- name: release
SELECT pg_advisory_unlock(7810772193423589378)

-- name: commit_for_good
-- What was committed before is on the disk before: with this commit, everything that it seals is.
SET LOCAL synchronous_commit = on

-- name: may_take_on
-- Before PostgreSQL 16 whoever is a member of a role may take it on; since then that is a right of its own.
SELECT
    session_user,
    to_regrole(%(role)s) IS NOT NULL
    AND pg_has_role(
        session_user,
        to_regrole(%(role)s),
        CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END
    )
