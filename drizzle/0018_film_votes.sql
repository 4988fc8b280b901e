CREATE TABLE "film_votes" (
	"film_id" integer PRIMARY KEY NOT NULL,
	"rate_sum" integer NOT NULL,
	"votes" integer NOT NULL,
	CONSTRAINT "film_votes_check" CHECK ("film_votes"."votes" >= 0 and "film_votes"."rate_sum" between "film_votes"."votes" and 10 * "film_votes"."votes")
);
--> statement-breakpoint
-- With room on each page: a row is written where it lies then, and no index has to know.
ALTER TABLE "film_votes" SET (fillfactor = 70);--> statement-breakpoint
LOCK TABLE "ratings" IN SHARE ROW EXCLUSIVE MODE;--> statement-breakpoint
INSERT INTO film_votes (film_id, rate_sum, votes)
SELECT id, user_rate_sum, user_votes FROM films WHERE user_votes > 0 ORDER BY id;--> statement-breakpoint
ALTER TABLE "film_votes" ADD CONSTRAINT "film_votes_film_id_films_id_fk" FOREIGN KEY ("film_id") REFERENCES "public"."films"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER FUNCTION ratings_to_films() RENAME TO ratings_to_votes;--> statement-breakpoint
-- film_votes follows every change of ratings, whoever makes it: a deleted user's cascade included. In the order of the
-- films' ids, so that two that change many ratings can't wait for each other. New scores are one statement; other changes
-- go film by film, so that the plan is always a look-up by key. The difference is added to what is there once the row is
-- locked, so nothing is lost.
CREATE OR REPLACE FUNCTION ratings_to_votes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	changes refcursor;
	change record;
BEGIN
	CASE TG_OP
		WHEN 'INSERT' THEN
			INSERT INTO film_votes (film_id, rate_sum, votes)
			SELECT film_id, sum(value), count(*) FROM added GROUP BY film_id ORDER BY film_id
			ON CONFLICT (film_id) DO UPDATE
			SET rate_sum = film_votes.rate_sum + excluded.rate_sum, votes = film_votes.votes + excluded.votes;
			RETURN NULL;
		WHEN 'DELETE' THEN OPEN changes FOR
			SELECT film_id, -sum(value) AS rate, -count(*) AS votes FROM removed GROUP BY film_id ORDER BY film_id;
		WHEN 'UPDATE' THEN OPEN changes FOR
			SELECT film_id, sum(value) AS rate, sum(vote) AS votes
			FROM (SELECT film_id, value, 1 AS vote FROM added UNION ALL SELECT film_id, -value, -1 FROM removed) AS moved
			GROUP BY film_id HAVING sum(value) <> 0 OR sum(vote) <> 0 ORDER BY film_id;
	END CASE;
	LOOP
		FETCH changes INTO change;
		EXIT WHEN NOT FOUND;
		UPDATE film_votes SET rate_sum = rate_sum + change.rate, votes = film_votes.votes + change.votes
		WHERE film_id = change.film_id;
		-- A score that went to another film may be its first.
		IF NOT FOUND AND TG_OP = 'UPDATE' THEN
			INSERT INTO film_votes (film_id, rate_sum, votes) VALUES (change.film_id, change.rate, change.votes)
			ON CONFLICT (film_id) DO UPDATE
			SET rate_sum = film_votes.rate_sum + excluded.rate_sum, votes = film_votes.votes + excluded.votes;
		END IF;
	END LOOP;
	CLOSE changes;
	RETURN NULL;
END $$;--> statement-breakpoint
-- What is told of a film; who is in a listing, and how many, is as it was.
CREATE FUNCTION note_votes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 1001) AS few) > 1000 THEN
		INSERT INTO changes (topic) VALUES ('text');
	ELSE
		INSERT INTO changes (topic, key) SELECT 'text', film_id::text FROM changed;
	END IF;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER film_votes_added_noted AFTER INSERT ON film_votes
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_votes();--> statement-breakpoint
CREATE TRIGGER film_votes_changed_noted AFTER UPDATE ON film_votes
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_votes();