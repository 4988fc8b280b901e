CREATE UNLOGGED TABLE "changes" (
	"xid" "xid8" DEFAULT pg_current_xact_id() NOT NULL,
	"topic" text NOT NULL,
	"key" text
);
--> statement-breakpoint
CREATE INDEX "changes_xid_idx" ON "changes" USING btree ("xid");--> statement-breakpoint
-- What replicas remember is noted as changed by whoever changes it and how. By statement; where more than 1000 rows are
-- changed at once, all of the topic.
CREATE FUNCTION note_films() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 1001) AS few) > 1000 THEN
		INSERT INTO changes (topic) VALUES ('film');
	ELSIF TG_OP = 'UPDATE' THEN
		-- `text`: who is in a listing, and how many, is as it was; not what is told of the film, nor its place by length.
		INSERT INTO changes (topic, key)
		SELECT CASE WHEN (was.listed, was.name, was.original_name, was.director_id, was.rate, was.year)
			IS DISTINCT FROM (changed.listed, changed.name, changed.original_name, changed.director_id, changed.rate, changed.year)
			THEN 'film' ELSE 'text' END, id
		FROM was FULL JOIN changed USING (id);
	ELSE
		INSERT INTO changes (topic, key) SELECT 'film', id FROM changed;
	END IF;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER films_added_noted AFTER INSERT ON films
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_films();--> statement-breakpoint
CREATE TRIGGER films_changed_noted AFTER UPDATE ON films
	REFERENCING OLD TABLE AS was NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_films();--> statement-breakpoint
CREATE TRIGGER films_removed_noted AFTER DELETE ON films
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_films();--> statement-breakpoint
CREATE FUNCTION note_film_genres() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 1001) AS few) > 1000 THEN
		INSERT INTO changes (topic) VALUES ('film');
	ELSE
		INSERT INTO changes (topic, key) SELECT DISTINCT 'film', film_id::text FROM changed;
	END IF;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER film_genres_added_noted AFTER INSERT ON film_genres
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_film_genres();--> statement-breakpoint
CREATE TRIGGER film_genres_changed_noted AFTER UPDATE ON film_genres
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_film_genres();--> statement-breakpoint
CREATE TRIGGER film_genres_removed_noted AFTER DELETE ON film_genres
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_film_genres();--> statement-breakpoint
CREATE FUNCTION note_genres() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO changes (topic) SELECT 'genre' WHERE EXISTS (SELECT FROM changed);
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER genres_added_noted AFTER INSERT ON genres
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_genres();--> statement-breakpoint
CREATE TRIGGER genres_changed_noted AFTER UPDATE ON genres
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_genres();--> statement-breakpoint
CREATE TRIGGER genres_removed_noted AFTER DELETE ON genres
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_genres();--> statement-breakpoint
-- All of a topic, for what changes seldom: the topic is the trigger's argument.
CREATE FUNCTION note_topic() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO changes (topic) VALUES (TG_ARGV[0]);
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER genres_renamed_noted AFTER UPDATE OF name ON genres
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('text');--> statement-breakpoint
CREATE TRIGGER directors_renamed_noted AFTER UPDATE OF name ON directors
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('text');--> statement-breakpoint
CREATE TRIGGER users_noted AFTER UPDATE OF role, blocked ON users
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('session');--> statement-breakpoint
CREATE FUNCTION note_lists() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_TABLE_NAME = 'favourites' THEN
		-- Of a film it is told how many have it among their favourites.
		IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 1001) AS few) > 1000 THEN
			INSERT INTO changes (topic) VALUES ('fans');
		ELSE
			INSERT INTO changes (topic, key) SELECT 'fans', film_id FROM changed;
		END IF;
	END IF;
	INSERT INTO changes (topic, key) SELECT DISTINCT 'list', user_id::text FROM changed;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER favourites_added_noted AFTER INSERT ON favourites
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_lists();--> statement-breakpoint
CREATE TRIGGER favourites_changed_noted AFTER UPDATE ON favourites
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_lists();--> statement-breakpoint
CREATE TRIGGER favourites_removed_noted AFTER DELETE ON favourites
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_lists();--> statement-breakpoint
CREATE TRIGGER wishlist_added_noted AFTER INSERT ON wishlist
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_lists();--> statement-breakpoint
CREATE TRIGGER wishlist_changed_noted AFTER UPDATE ON wishlist
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_lists();--> statement-breakpoint
CREATE TRIGGER wishlist_removed_noted AFTER DELETE ON wishlist
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_lists();--> statement-breakpoint
CREATE FUNCTION note_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO changes (topic, key) SELECT 'session', id FROM changed;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER sessions_ended_noted AFTER DELETE ON sessions
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_sessions();--> statement-breakpoint
CREATE FUNCTION note_answers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO changes (topic, key) SELECT 'answer', path FROM changed;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER kinopoisk_answers_added_noted AFTER INSERT ON kinopoisk_answers
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_answers();--> statement-breakpoint
CREATE TRIGGER kinopoisk_answers_changed_noted AFTER UPDATE ON kinopoisk_answers
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_answers();--> statement-breakpoint
CREATE TRIGGER kinopoisk_answers_removed_noted AFTER DELETE ON kinopoisk_answers
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_answers();--> statement-breakpoint
CREATE TRIGGER films_emptied_noted AFTER TRUNCATE ON films
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('film');--> statement-breakpoint
CREATE TRIGGER favourites_emptied_noted AFTER TRUNCATE ON favourites
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('list');--> statement-breakpoint
CREATE TRIGGER wishlist_emptied_noted AFTER TRUNCATE ON wishlist
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('list');--> statement-breakpoint
CREATE TRIGGER sessions_emptied_noted AFTER TRUNCATE ON sessions
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('session');--> statement-breakpoint
CREATE TRIGGER kinopoisk_answers_emptied_noted AFTER TRUNCATE ON kinopoisk_answers
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('answer');--> statement-breakpoint
-- A film that is rated stays on its page, and in no index anew; and listings are read from the indexes alone only where a
-- vacuum has been since the last change.
ALTER TABLE films SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);
