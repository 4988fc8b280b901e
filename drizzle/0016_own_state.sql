-- In the order in which requests take them: a rating waits for its film, a film for its director. Else one of these and this
-- migration could wait for each other.
LOCK TABLE "directors", "ratings", "films" IN SHARE ROW EXCLUSIVE MODE;--> statement-breakpoint
-- How well known a film is, as a letter, the best known first: by its votes at Kinopoisk from a hundred on, else by its
-- rate. Of a film that is not in the catalogue a capital.
CREATE FUNCTION film_standing(listed boolean, rate numeric, kinopoisk jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN chr(CASE WHEN listed THEN 97 ELSE 65 END + CASE
		WHEN (kinopoisk->>'rating_kinopoisk_votes')::float8 >= 100 THEN
			7 - width_bucket((kinopoisk->>'rating_kinopoisk_votes')::float8, ARRAY[100, 1000, 3000, 10000, 30000, 100000, 300000]::float8[])
		ELSE 18 - width_bucket(coalesce(rate, 0)::float8, ARRAY[5, 6, 6.5, 7, 7.4, 7.8, 8.2, 8.6, 9, 9.3, 9.6]::float8[])
	END);--> statement-breakpoint
-- The beginnings of a film's words, of 2, 3, 4 and 6 letters, each with the film's standing: so the best known films of a
-- beginning, however common, are a small part of an index. See modules/suggestions.
CREATE FUNCTION film_suggest_keys(words text, listed boolean, rate numeric, kinopoisk jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ARRAY(SELECT DISTINCT left(word, size) || '|' || film_standing(listed, rate, kinopoisk)
		FROM unnest(string_to_array(btrim(words), ' ')) word, unnest(ARRAY[2, 3, 4, 6]) size WHERE length(word) >= size);--> statement-breakpoint
-- The type and the countries in upstream's film. What is no text, or none that a filter could name, is left out.
CREATE FUNCTION film_traits_of(kinopoisk jsonb) RETURNS TABLE (kind text, value text) LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT 'country', country FROM (
			SELECT DISTINCT btrim(name) AS country FROM jsonb_array_elements_text(
				CASE WHEN jsonb_typeof(kinopoisk->'countries') = 'array' THEN kinopoisk->'countries' ELSE '[]' END) AS name
		) AS named WHERE length(country) BETWEEN 1 AND 100
		UNION ALL
		SELECT 'type', kinopoisk->>'type' WHERE length(kinopoisk->>'type') BETWEEN 1 AND 100;
	END;--> statement-breakpoint
CREATE TABLE "film_traits" (
	"film_id" integer NOT NULL,
	"kind" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "film_traits_pkey" PRIMARY KEY("film_id","kind","value"),
	CONSTRAINT "film_traits_value_check" CHECK (length("film_traits"."value") between 1 and 100)
);
--> statement-breakpoint
ALTER TABLE "film_traits" ADD CONSTRAINT "film_traits_film_id_films_id_fk" FOREIGN KEY ("film_id") REFERENCES "public"."films"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "film_traits_value_idx" ON "film_traits" USING btree ("kind",lower("value"),"film_id","value");--> statement-breakpoint
CREATE INDEX "directors_words_idx" ON "directors" USING gin (film_words("name", null) gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "films_suggest_idx" ON "films" USING gin (film_suggest_keys("words", "listed", "rate", "kinopoisk")) WITH (fastupdate=false);--> statement-breakpoint
-- What upstream says of a film, by whoever stores it. A film's row is locked then, so nobody else does it at once.
CREATE FUNCTION films_to_traits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM film_traits WHERE film_id = NEW.id
		AND (kind, value) NOT IN (SELECT traits.kind, traits.value FROM film_traits_of(NEW.kinopoisk) traits);
	INSERT INTO film_traits (film_id, kind, value)
	SELECT NEW.id, traits.kind, traits.value FROM film_traits_of(NEW.kinopoisk) traits ON CONFLICT DO NOTHING;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER films_added_traits AFTER INSERT ON films
	FOR EACH ROW WHEN (NEW.kinopoisk IS NOT NULL) EXECUTE FUNCTION films_to_traits();--> statement-breakpoint
CREATE TRIGGER films_changed_traits AFTER UPDATE OF kinopoisk ON films
	FOR EACH ROW WHEN (OLD.kinopoisk IS DISTINCT FROM NEW.kinopoisk) EXECUTE FUNCTION films_to_traits();--> statement-breakpoint
INSERT INTO film_traits (film_id, kind, value)
SELECT films.id, traits.kind, traits.value FROM films CROSS JOIN LATERAL film_traits_of(films.kinopoisk) traits WHERE films.kinopoisk IS NOT NULL;--> statement-breakpoint
CREATE TRIGGER film_traits_added_noted AFTER INSERT ON film_traits
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_film_genres();--> statement-breakpoint
CREATE TRIGGER film_traits_removed_noted AFTER DELETE ON film_traits
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_film_genres();--> statement-breakpoint
-- As before, but for the length of a film: listings are filtered by it.
CREATE OR REPLACE FUNCTION note_films() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 1001) AS few) > 1000 THEN
		INSERT INTO changes (topic) VALUES ('film');
	ELSIF TG_OP = 'UPDATE' THEN
		-- `text`: who is in a listing, and how many, is as it was; not what is told of the film.
		INSERT INTO changes (topic, key)
		SELECT CASE WHEN (was.listed, was.name, was.original_name, was.director_id, was.rate, was.year, was.minutes)
			IS DISTINCT FROM (changed.listed, changed.name, changed.original_name, changed.director_id, changed.rate, changed.year, changed.minutes)
			THEN 'film' ELSE 'text' END, id
		FROM was FULL JOIN changed USING (id);
	ELSE
		INSERT INTO changes (topic, key) SELECT 'film', id FROM changed;
	END IF;
	RETURN NULL;
END $$;--> statement-breakpoint
-- A user's own scores, of which replicas remember which they are.
CREATE FUNCTION note_ratings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO changes (topic, key) SELECT DISTINCT 'rating', user_id::text FROM changed;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER ratings_added_noted AFTER INSERT ON ratings
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_ratings();--> statement-breakpoint
CREATE TRIGGER ratings_changed_noted AFTER UPDATE ON ratings
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_ratings();--> statement-breakpoint
CREATE TRIGGER ratings_removed_noted AFTER DELETE ON ratings
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_ratings();--> statement-breakpoint
CREATE TRIGGER ratings_emptied_noted AFTER TRUNCATE ON ratings
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('rating');
