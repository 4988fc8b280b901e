CREATE EXTENSION IF NOT EXISTS pg_trgm;--> statement-breakpoint
-- A film's name as it is sorted: in one case, ё as е. With the collation "C" that is the order of the alphabet.
CREATE FUNCTION film_sort_name(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	RETURN replace(lower(name), 'ё', 'е');--> statement-breakpoint
-- What a film is searched by.
CREATE FUNCTION film_search_text(name text, original_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN replace(lower(name || ' ' || coalesce(original_name, '')), 'ё', 'е');--> statement-breakpoint
CREATE INDEX "films_listed_id_idx" ON "films" USING btree ("id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_rate_idx" ON "films" USING btree (coalesce("rate", 99),"id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_rate_desc_idx" ON "films" USING btree (coalesce(-"rate", 99),"id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_year_idx" ON "films" USING btree ("year","id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_year_desc_idx" ON "films" USING btree ((-"year"),"id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_minutes_idx" ON "films" USING btree (coalesce("minutes"::int, 32767),"id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_minutes_desc_idx" ON "films" USING btree (coalesce(-"minutes"::int, 32767),"id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_name_idx" ON "films" USING btree (film_sort_name("name") collate "C","id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_name_desc_idx" ON "films" USING btree (film_sort_name("name") collate "C" desc,"id") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_search_idx" ON "films" USING gin (film_search_text("name", "original_name") gin_trgm_ops);