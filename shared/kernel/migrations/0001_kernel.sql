-- The kernel's own tables: the same in every service's schema.

-- What is still to be sent. No status column: a row that was acknowledged is gone. Relays read by bucket in id order.
CREATE TABLE outbox (
    bucket            smallint    NOT NULL,
    id                bigint      GENERATED ALWAYS AS IDENTITY (CACHE 1),
    event_id          uuid        NOT NULL,
    topic             text        NOT NULL,
    key               text        NOT NULL,
    type              text        NOT NULL,
    aggregate_id      text        NOT NULL,
    aggregate_version bigint      NOT NULL,
    occurred_at       timestamptz NOT NULL,
    headers           jsonb       NOT NULL,
    body              bytea       NOT NULL,
    PRIMARY KEY (bucket, id)
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000
);

-- What can't be sent (too large, no such topic), and every later row of its key; `wanpu outbox replay` moves it back.
CREATE TABLE outbox_dead (
    LIKE outbox,
    cause    text        NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (bucket, id)
);

-- Ids of events that took effect. An UUIDv7 carries its time, so an id always falls into one partition.
CREATE TABLE inbox (event_id uuid PRIMARY KEY) PARTITION BY RANGE (event_id);
CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;

-- The last position of each stream that took effect here.
CREATE TABLE positions (
    topic    text   NOT NULL,
    key      text   NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (topic, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Events that came before the one they follow (mode *every*). A row without a type is a position an operator discarded.
CREATE TABLE waiting (
    topic        text        NOT NULL,
    key          text        NOT NULL,
    position     bigint      NOT NULL,
    event_id     uuid,
    type         text,
    "partition"  int         NOT NULL,
    "offset"     bigint      NOT NULL,
    headers      jsonb       NOT NULL,
    body         bytea,
    arrived_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, key, position)
);
CREATE INDEX waiting_arrived_at ON waiting (arrived_at);

-- Streams that stand still behind a dead letter (mode *every*).
CREATE TABLE parked (
    topic    text        NOT NULL,
    key      text        NOT NULL,
    since    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, key)
);

-- Records that could not take effect, with their original bytes and the cause.
CREATE TABLE dead_letters (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer    text        NOT NULL,
    topic       text        NOT NULL,
    "partition" int         NOT NULL,
    "offset"    bigint      NOT NULL,
    key         bytea,
    stream_key  text,
    position    bigint,
    event_id    text,
    type        text,
    headers     jsonb       NOT NULL,
    body        bytea,
    cause       text        NOT NULL,
    attempts    int         NOT NULL DEFAULT 1,
    parked_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (consumer, topic, "partition", "offset")
);
CREATE INDEX dead_letters_stream ON dead_letters (topic, stream_key);

-- Answers to requests that carried an Idempotency-Key; unpartitioned, so that a retry across midnight finds its answer.
CREATE TABLE idempotency (
    party       text        NOT NULL,
    route       text        NOT NULL,
    key         text        NOT NULL,
    body_digest bytea       NOT NULL,
    status      smallint,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (party, route, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);

-- What is due at a moment of database time.
CREATE TABLE timers (
    kind     text        NOT NULL,
    subject  text        NOT NULL,
    due_at   timestamptz NOT NULL,
    attempts int         NOT NULL DEFAULT 0,
    cause    jsonb       NOT NULL,
    PRIMARY KEY (kind, subject)
);
CREATE INDEX timers_due_at ON timers (due_at);

-- The one place that decides that a timer is due; two workers never take the same one.
CREATE FUNCTION take_due_timers(kinds text[], most int)
RETURNS TABLE (kind text, subject text, due_at timestamptz, attempts int, cause jsonb)
LANGUAGE sql AS $$
    DELETE FROM timers t
     USING (SELECT d.kind, d.subject
              FROM timers d
             WHERE d.due_at <= now() AND d.kind = ANY (kinds)
             ORDER BY d.due_at, d.subject
             LIMIT most
               FOR UPDATE SKIP LOCKED) due
     WHERE t.kind = due.kind AND t.subject = due.subject
    RETURNING t.kind, t.subject, t.due_at, t.attempts, t.cause
$$;

-- The smallest UUIDv7 of a moment: a bound between two partitions of the inbox.
CREATE FUNCTION uuid7_floor(moment timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the inbox's partitions from yesterday to three days ahead and drops those older than `keep_days`.
CREATE FUNCTION maintain_inbox(keep_days int DEFAULT 14) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    today   date := (now() AT TIME ZONE 'UTC')::date;
    day     date;
    part    text;
    dropped int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(current_schema() || '.maintain_inbox'));
    FOR day IN SELECT today + n FROM generate_series(-1, 3) n LOOP
        part := 'inbox_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass(part) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE inbox INCLUDING INDEXES)', part);
        EXECUTE format('WITH moved AS (DELETE FROM inbox_default WHERE event_id >= %L AND event_id < %L RETURNING event_id)
                        INSERT INTO %I SELECT event_id FROM moved',
                       uuid7_floor(day::timestamp AT TIME ZONE 'UTC'),
                       uuid7_floor((day + 1)::timestamp AT TIME ZONE 'UTC'), part);
        EXECUTE format('ALTER TABLE inbox ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part,
                       uuid7_floor(day::timestamp AT TIME ZONE 'UTC'),
                       uuid7_floor((day + 1)::timestamp AT TIME ZONE 'UTC'));
    END LOOP;
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'inbox'::regclass AND c.relname ~ '^inbox_\d{8}$'
                   AND to_date(substr(c.relname, 7), 'YYYYMMDD') < today - keep_days LOOP
        EXECUTE format('DROP TABLE %I', part);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM inbox_default WHERE event_id < uuid7_floor(now() - make_interval(days => keep_days));
    RETURN dropped;
END
$$;
SELECT maintain_inbox();
