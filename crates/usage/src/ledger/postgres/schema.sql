-- The tables of the usage ledger, and the functions through which it changes them. Amounts are in the order of the fields:
-- requests, bytes sent, bytes received.

-- One row: the version of this file that was applied, and the first month that is not closed.
CREATE TABLE nexus_usage_ledger (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    version integer NOT NULL,
    kept_from text COLLATE "C" NOT NULL DEFAULT ''
);

-- What each writer has counted since it began, merged by max.
CREATE TABLE nexus_usage_cells (
    period text COLLATE "C" NOT NULL,
    backend text COLLATE "C" NOT NULL,
    writer uuid NOT NULL,
    added_api_requests bigint NOT NULL,
    added_egress_bytes bigint NOT NULL,
    added_ingress_bytes bigint NOT NULL,
    taken_api_requests bigint NOT NULL,
    taken_egress_bytes bigint NOT NULL,
    taken_ingress_bytes bigint NOT NULL,
    PRIMARY KEY (period, backend, writer)
);

-- Closed months, summed over the writers.
CREATE TABLE nexus_usage_months (
    period text COLLATE "C" NOT NULL,
    backend text COLLATE "C" NOT NULL,
    added_api_requests bigint NOT NULL,
    added_egress_bytes bigint NOT NULL,
    added_ingress_bytes bigint NOT NULL,
    taken_api_requests bigint NOT NULL,
    taken_egress_bytes bigint NOT NULL,
    taken_ingress_bytes bigint NOT NULL,
    PRIMARY KEY (period, backend)
);

-- All that was counted, open months and closed ones.
CREATE VIEW nexus_usage_counted AS
    SELECT * FROM nexus_usage_cells
    UNION ALL
    SELECT period, backend, NULL, added_api_requests, added_egress_bytes, added_ingress_bytes,
        taken_api_requests, taken_egress_bytes, taken_ingress_bytes FROM nexus_usage_months;

-- A row to lock while claims on one backend in one month are decided.
CREATE TABLE nexus_usage_accounts (
    period text COLLATE "C" NOT NULL,
    backend text COLLATE "C" NOT NULL,
    PRIMARY KEY (period, backend)
);

-- How far each writer may go, as long as it is valid.
CREATE TABLE nexus_usage_claims (
    period text COLLATE "C" NOT NULL,
    backend text COLLATE "C" NOT NULL,
    writer uuid NOT NULL,
    api_requests bigint NOT NULL,
    egress_bytes bigint NOT NULL,
    ingress_bytes bigint NOT NULL,
    valid_until timestamptz NOT NULL,
    PRIMARY KEY (period, backend, writer)
);

-- A sum that does not fit stays at the largest number that does.
CREATE FUNCTION nexus_usage_saturate(numeric) RETURNS bigint LANGUAGE sql IMMUTABLE
    AS 'SELECT LEAST(COALESCE($1, 0), 9223372036854775807)::bigint';

-- Merges cells; answers how many belong to a closed month. The lock, shared, keeps months from being closed meanwhile. Rows
-- are merged in the order of their keys, so that two who merge the same ones do not wait for each other.
CREATE FUNCTION nexus_usage_push(periods text[], backends text[], writers uuid[], a bigint[], b bigint[], c bigint[], d bigint[], e bigint[], f bigint[])
    RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    first_kept text;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4567, 1);
    SELECT kept_from INTO STRICT first_kept FROM nexus_usage_ledger;
    INSERT INTO nexus_usage_cells AS cells
        SELECT n.period, n.backend, n.writer, max(n.a), max(n.b), max(n.c), max(n.d), max(n.e), max(n.f)
        FROM unnest(periods, backends, writers, a, b, c, d, e, f) AS n (period, backend, writer, a, b, c, d, e, f)
        WHERE n.period >= first_kept COLLATE "C" AND GREATEST(n.a, n.b, n.c, n.d, n.e, n.f) > 0
        GROUP BY n.period, n.backend, n.writer
        ORDER BY n.period, n.backend, n.writer
    ON CONFLICT (period, backend, writer) DO UPDATE SET
        added_api_requests = GREATEST(cells.added_api_requests, excluded.added_api_requests),
        added_egress_bytes = GREATEST(cells.added_egress_bytes, excluded.added_egress_bytes),
        added_ingress_bytes = GREATEST(cells.added_ingress_bytes, excluded.added_ingress_bytes),
        taken_api_requests = GREATEST(cells.taken_api_requests, excluded.taken_api_requests),
        taken_egress_bytes = GREATEST(cells.taken_egress_bytes, excluded.taken_egress_bytes),
        taken_ingress_bytes = GREATEST(cells.taken_ingress_bytes, excluded.taken_ingress_bytes)
    WHERE excluded.added_api_requests > cells.added_api_requests
        OR excluded.added_egress_bytes > cells.added_egress_bytes
        OR excluded.added_ingress_bytes > cells.added_ingress_bytes
        OR excluded.taken_api_requests > cells.taken_api_requests
        OR excluded.taken_egress_bytes > cells.taken_egress_bytes
        OR excluded.taken_ingress_bytes > cells.taken_ingress_bytes;
    RETURN (SELECT count(*) FROM unnest(periods) AS n (period) WHERE n.period < first_kept COLLATE "C");
END $$;

-- What the ledger holds for a writer (`own` is the writer: its used amount, or its valid claim if that is more), and for all
-- the others together.
CREATE FUNCTION nexus_usage_held(for_period text, for_backend text, own uuid, moment timestamptz)
    RETURNS TABLE (mine bigint[], others bigint[]) LANGUAGE sql AS $$
    WITH used AS (
        SELECT writer,
            GREATEST(0, added_api_requests - taken_api_requests) AS a,
            GREATEST(0, added_egress_bytes - taken_egress_bytes) AS b,
            GREATEST(0, added_ingress_bytes - taken_ingress_bytes) AS c
        FROM nexus_usage_cells WHERE period = for_period AND backend = for_backend
    ), claimed AS (
        SELECT writer, api_requests AS a, egress_bytes AS b, ingress_bytes AS c
        FROM nexus_usage_claims WHERE period = for_period AND backend = for_backend AND valid_until > moment
    ), held AS (
        SELECT writer = own AS is_own,
            GREATEST(used.a, claimed.a) AS a, GREATEST(used.b, claimed.b) AS b, GREATEST(used.c, claimed.c) AS c
        FROM used FULL JOIN claimed USING (writer)
    )
    SELECT
        ARRAY[nexus_usage_saturate(sum(a) FILTER (WHERE is_own)), nexus_usage_saturate(sum(b) FILTER (WHERE is_own)),
            nexus_usage_saturate(sum(c) FILTER (WHERE is_own))],
        ARRAY[nexus_usage_saturate(sum(a) FILTER (WHERE NOT is_own)), nexus_usage_saturate(sum(b) FILTER (WHERE NOT is_own)),
            nexus_usage_saturate(sum(c) FILTER (WHERE NOT is_own))]
    FROM held
$$;

-- Merges a cell, then raises its writer's claim up to `asked`, as far as the limits allow (NULL is none), or, if `whole`, only
-- if they allow all of it. `lacks` is the first field in which they do not, from 1; no row if the month is closed.
CREATE FUNCTION nexus_usage_claim(
    for_period text, for_backend text, own uuid, cell bigint[], asked bigint[], limits bigint[], valid_for_ms bigint, whole boolean
) RETURNS TABLE (held bigint[], free bigint[], others bigint[], lacks integer) LANGUAGE plpgsql AS $$
DECLARE
    mine bigint[];
    moment timestamptz;
BEGIN
    IF nexus_usage_push(ARRAY[for_period], ARRAY[for_backend], ARRAY[own],
        ARRAY[cell[1]], ARRAY[cell[2]], ARRAY[cell[3]], ARRAY[cell[4]], ARRAY[cell[5]], ARRAY[cell[6]]) > 0 THEN
        RETURN;
    END IF;
    INSERT INTO nexus_usage_accounts VALUES (for_period, for_backend) ON CONFLICT DO NOTHING;
    PERFORM 1 FROM nexus_usage_accounts AS account
        WHERE account.period = for_period AND account.backend = for_backend FOR UPDATE;
    moment := clock_timestamp();
    SELECT now_held.mine, now_held.others INTO mine, others
        FROM nexus_usage_held(for_period, for_backend, own, moment) AS now_held;
    held := ARRAY[]::bigint[];
    free := ARRAY[]::bigint[];
    FOR i IN 1..3 LOOP
        IF limits[i] IS NULL THEN
            held[i] := GREATEST(mine[i], asked[i]);
            free[i] := NULL;
        ELSE
            held[i] := GREATEST(mine[i], LEAST(asked[i], GREATEST(0, limits[i] - others[i])));
            free[i] := GREATEST(0, limits[i] - others[i] - held[i]);
        END IF;
        IF lacks IS NULL AND held[i] < asked[i] THEN
            lacks := i;
        END IF;
    END LOOP;
    IF lacks IS NULL OR NOT whole THEN
        INSERT INTO nexus_usage_claims AS claims
            VALUES (for_period, for_backend, own, held[1], held[2], held[3], moment + valid_for_ms * interval '1 millisecond')
        ON CONFLICT (period, backend, writer) DO UPDATE SET
            api_requests = excluded.api_requests,
            egress_bytes = excluded.egress_bytes,
            ingress_bytes = excluded.ingress_bytes,
            valid_until = excluded.valid_until;
    END IF;
    RETURN NEXT;
END $$;

-- Merges a cell, then lowers its writer's claim.
CREATE FUNCTION nexus_usage_give_back(for_period text, for_backend text, own uuid, cell bigint[], up_to bigint[])
    RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nexus_usage_push(ARRAY[for_period], ARRAY[for_backend], ARRAY[own],
        ARRAY[cell[1]], ARRAY[cell[2]], ARRAY[cell[3]], ARRAY[cell[4]], ARRAY[cell[5]], ARRAY[cell[6]]);
    UPDATE nexus_usage_claims SET
        api_requests = LEAST(api_requests, up_to[1]),
        egress_bytes = LEAST(egress_bytes, up_to[2]),
        ingress_bytes = LEAST(ingress_bytes, up_to[3])
    WHERE period = for_period AND backend = for_backend AND writer = own;
END $$;

-- Closes the months before this one: sums their cells, forgets their claims. Answers how many cells went.
CREATE FUNCTION nexus_usage_compact(before text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(4567, 1);
    UPDATE nexus_usage_ledger SET kept_from = before WHERE kept_from < before COLLATE "C";
    INSERT INTO nexus_usage_months
        SELECT period, backend,
            nexus_usage_saturate(sum(added_api_requests)), nexus_usage_saturate(sum(added_egress_bytes)),
            nexus_usage_saturate(sum(added_ingress_bytes)), nexus_usage_saturate(sum(taken_api_requests)),
            nexus_usage_saturate(sum(taken_egress_bytes)), nexus_usage_saturate(sum(taken_ingress_bytes))
        FROM nexus_usage_cells WHERE period < before COLLATE "C" GROUP BY period, backend;
    DELETE FROM nexus_usage_cells WHERE period < before COLLATE "C";
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM nexus_usage_claims WHERE period < before COLLATE "C";
    DELETE FROM nexus_usage_accounts WHERE period < before COLLATE "C";
    RETURN gone;
END $$;

INSERT INTO nexus_usage_ledger (version) VALUES (1);
