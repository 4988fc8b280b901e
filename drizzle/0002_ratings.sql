CREATE INDEX "ratings_newest_idx" ON "ratings" USING btree ("user_id","updated_at" DESC NULLS FIRST,"film_id" DESC NULLS FIRST);--> statement-breakpoint
-- films.user_rate_sum and user_votes follow every change of ratings, whoever makes it: a deleted user's cascade included.
-- By statement and in the order of the films' ids, so that two that change many ratings can't wait for each other; one
-- film at a time, so that the plan is always a look-up by key. The difference is added to what is there once the film is
-- locked, so nothing is lost.
CREATE FUNCTION ratings_to_films() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	changes refcursor;
	change record;
BEGIN
	CASE TG_OP
		WHEN 'INSERT' THEN OPEN changes FOR
			SELECT film_id, sum(value) AS rate, count(*) AS votes FROM added GROUP BY film_id ORDER BY film_id;
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
		UPDATE films SET user_rate_sum = user_rate_sum + change.rate, user_votes = user_votes + change.votes
		WHERE id = change.film_id;
	END LOOP;
	CLOSE changes;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER ratings_added AFTER INSERT ON ratings
	REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ratings_to_films();--> statement-breakpoint
CREATE TRIGGER ratings_changed AFTER UPDATE ON ratings
	REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION ratings_to_films();--> statement-breakpoint
CREATE TRIGGER ratings_removed AFTER DELETE ON ratings
	REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION ratings_to_films();
