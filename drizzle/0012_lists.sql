-- How many more films a user may keep in a list. The lock, which lasts until the transaction ends, lets parallel additions of
-- one user take turns. Each then counts what the one before has added, because every query of a volatile function sees all
-- that is committed by then. It is taken before any row is locked, so that it can't be part of a deadlock.
CREATE FUNCTION list_room(list text, kept_by integer, most integer) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	kept integer;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended(list, kept_by));
	EXECUTE format('SELECT count(*) FROM (SELECT FROM %I WHERE user_id = $1 LIMIT $2) AS few', list) INTO kept
	USING kept_by, most;
	RETURN most - kept;
END $$;
