-- The log. position is the commit order: 1, 2, 3, ... without a hole.
CREATE TABLE ledger.event (
    position       bigint      NOT NULL CHECK (position > 0),
    event_id       uuid        NOT NULL,
    type           text        NOT NULL,
    schema_version integer     NOT NULL CHECK (schema_version > 0),
    tags           text[]      NOT NULL,
    data           jsonb       NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    actor          text        NOT NULL,
    causation_id   text,
    correlation_id text,
    CONSTRAINT event_position PRIMARY KEY (position),
    CONSTRAINT event_id_once UNIQUE (event_id)
);

CREATE INDEX event_type_position ON ledger.event (type, position);

COMMENT ON TABLE ledger.event IS 'What happened, in the order it was recorded. Append-only: written by ledger.append, changed by nobody';
COMMENT ON COLUMN ledger.event.position IS 'Place in the one total order, from 1, without gaps; equal to the order of the commits';
COMMENT ON COLUMN ledger.event.occurred_at IS 'When it happened, by the clock of whoever reported it';
COMMENT ON COLUMN ledger.event.recorded_at IS 'When the log recorded it, by the clock of the database; never decreases with position';
COMMENT ON COLUMN ledger.event.actor IS 'Who caused it: a person''s subject, or "system"';

-- One row for each different tag of an event: what conditions and reads probe. No foreign key: the same statement writes both tables.
CREATE TABLE ledger.event_tag (
    tag      text   NOT NULL,
    position bigint NOT NULL,
    type     text   NOT NULL,
    CONSTRAINT event_tag_position PRIMARY KEY (tag, position) INCLUDE (type)
);

COMMENT ON TABLE ledger.event_tag IS 'Index of ledger.event by tag, with the type so that most conditions read the index alone';

-- The log's one counter, and its one lock: whoever appends holds this row until the commit. The low fill factor leaves room on the
-- page for the row's next versions, so that an update never touches an index.
CREATE TABLE ledger.log_head (
    only_row    boolean     NOT NULL DEFAULT true CHECK (only_row),
    position    bigint      NOT NULL CHECK (position >= 0),
    recorded_at timestamptz NOT NULL,
    CONSTRAINT log_head_only_row PRIMARY KEY (only_row)
) WITH (fillfactor = 10);

COMMENT ON TABLE ledger.log_head IS 'The newest event''s position and time; locking its row is what puts appends in order';

INSERT INTO ledger.log_head (position, recorded_at) VALUES (0, '-infinity');
