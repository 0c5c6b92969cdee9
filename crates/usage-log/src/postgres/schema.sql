-- The tables of the usage log. Times are nanoseconds since 1970 (`_ns`), buckets and hours the first second of theirs.

-- One row: the version of this file that was applied.
CREATE TABLE nexus_usage_log (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL
);

-- Each combination of dimensions once. Rows are never changed or deleted.
CREATE TABLE nexus_usage_log_series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    key text NOT NULL,
    tenant text NOT NULL,
    service text NOT NULL,
    route text NOT NULL,
    client text NOT NULL,
    method text NOT NULL,
    source text NOT NULL,
    status integer NOT NULL,
    outcome text NOT NULL,
    labels jsonb NOT NULL
);

-- How far each writer's records are stored.
CREATE TABLE nexus_usage_log_writers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    writer bytea NOT NULL UNIQUE,
    since_ns bigint NOT NULL,
    sequence bigint NOT NULL
);

-- What crashes may have cost.
CREATE TABLE nexus_usage_log_gaps (
    writer bytea NOT NULL,
    last bigint NOT NULL,
    last_possible bigint NOT NULL,
    noted_ns bigint NOT NULL,
    PRIMARY KEY (writer, last)
);

-- The ids of events from elsewhere, and what tells their content.
CREATE TABLE nexus_usage_log_ids (
    digest bytea PRIMARY KEY,
    content bigint NOT NULL,
    arrived_ns bigint NOT NULL
);
CREATE INDEX nexus_usage_log_ids_by_arrival ON nexus_usage_log_ids (arrived_ns);

-- The records themselves: a partition for each day (UTC) on which they ended.
CREATE TABLE nexus_usage_log_raw (
    arrived_ns bigint NOT NULL,
    ended_ns bigint NOT NULL,
    series bigint NOT NULL,
    calls bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    body_bytes_in bigint NOT NULL,
    body_bytes bigint NOT NULL,
    duration_ns bigint NOT NULL,
    writer bigint,
    sequence bigint,
    foreign_id text
) PARTITION BY RANGE (ended_ns);

-- Records that end too far in the future: kept, not counted.
CREATE TABLE nexus_usage_log_quarantine (LIKE nexus_usage_log_raw);

-- What was added to an hour after it was closed.
CREATE TABLE nexus_usage_log_adjustments (
    made_ns bigint NOT NULL,
    hour bigint NOT NULL,
    series bigint NOT NULL,
    records bigint NOT NULL,
    calls bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    body_bytes_in bigint NOT NULL,
    body_bytes bigint NOT NULL,
    duration_ns bigint NOT NULL
);
CREATE INDEX nexus_usage_log_adjustments_by_hour ON nexus_usage_log_adjustments (hour);

-- Since when the sums of a level are kept; a level that is missing is kept since ever.
CREATE TABLE nexus_usage_log_kept (
    level text PRIMARY KEY,
    since bigint NOT NULL
);

-- The sums. Much is updated: room on each page lets an update stay on it, without a change of the index.
CREATE TABLE nexus_usage_log_by_second (
    bucket bigint NOT NULL,
    series bigint NOT NULL,
    calls bigint NOT NULL,
    bytes_in bigint NOT NULL,
    bytes_out bigint NOT NULL,
    body_bytes_in bigint NOT NULL,
    body_bytes bigint NOT NULL,
    duration_ns bigint NOT NULL,
    PRIMARY KEY (bucket, series)
) WITH (fillfactor = 80);
CREATE TABLE nexus_usage_log_by_minute (LIKE nexus_usage_log_by_second INCLUDING ALL) WITH (fillfactor = 80);
CREATE TABLE nexus_usage_log_by_hour (LIKE nexus_usage_log_by_second INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE nexus_usage_log_by_day (LIKE nexus_usage_log_by_second INCLUDING ALL) WITH (fillfactor = 50);

-- The records, readable.
CREATE VIEW nexus_usage_log_records AS
    SELECT to_timestamp(div(ended_ns, 1000) / 1000000.0) AS ended_at, ended_ns, key, tenant, service, route, client, method,
        source, status, outcome, labels, calls, bytes_in, bytes_out, body_bytes_in, body_bytes, duration_ns, foreign_id
    FROM nexus_usage_log_raw AS raw JOIN nexus_usage_log_series AS series ON series.id = raw.series;

INSERT INTO nexus_usage_log (version) VALUES (2);
