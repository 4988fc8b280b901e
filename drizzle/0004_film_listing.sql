-- What a film is searched by: its words in one case, ё as е, with one space before, between and behind them.
CREATE FUNCTION film_words(name text, original_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN ' ' || btrim(regexp_replace(replace(lower(normalize(name || ' ' || coalesce(original_name, ''))), 'ё', 'е'), '[^[:alnum:]]+', ' ', 'g')) || ' ';--> statement-breakpoint
-- The characters of a film's names that are in no word, for who searches for them alone.
CREATE FUNCTION film_signs(name text, original_name text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN string_to_array(regexp_replace(name || ' ' || coalesce(original_name, ''), '[[:alnum:][:space:]]+', '', 'g'), NULL);--> statement-breakpoint
DROP INDEX "films_search_idx";--> statement-breakpoint
DROP FUNCTION film_search_text;--> statement-breakpoint
DROP INDEX "films_listed_id_idx";--> statement-breakpoint
DROP INDEX "films_rate_idx";--> statement-breakpoint
DROP INDEX "films_rate_desc_idx";--> statement-breakpoint
DROP INDEX "films_year_idx";--> statement-breakpoint
DROP INDEX "films_year_desc_idx";--> statement-breakpoint
DROP INDEX "films_minutes_idx";--> statement-breakpoint
DROP INDEX "films_minutes_desc_idx";--> statement-breakpoint
DROP INDEX "films_name_idx";--> statement-breakpoint
DROP INDEX "films_name_desc_idx";--> statement-breakpoint
ALTER TABLE "films" ADD COLUMN "sort_name" text GENERATED ALWAYS AS (film_sort_name(name)) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "films" ADD COLUMN "words" text GENERATED ALWAYS AS (film_words(name, original_name)) STORED NOT NULL;--> statement-breakpoint
CREATE INDEX "films_words_idx" ON "films" USING gin ("words" gin_trgm_ops);--> statement-breakpoint
CREATE INDEX "films_signs_idx" ON "films" USING gin (film_signs("name", "original_name"));--> statement-breakpoint
CREATE INDEX "films_listed_id_idx" ON "films" USING btree ("id","rate","year") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_rate_idx" ON "films" USING btree (coalesce("rate", 99),"id","rate","year") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_rate_desc_idx" ON "films" USING btree (coalesce(-"rate", 99),"id","rate","year") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_year_idx" ON "films" USING btree ("year","id","rate") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_year_desc_idx" ON "films" USING btree ((-"year"),"id","rate","year") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_minutes_idx" ON "films" USING btree (coalesce("minutes"::int, 32767),"id","rate","year","minutes") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_minutes_desc_idx" ON "films" USING btree (coalesce(-"minutes"::int, 32767),"id","rate","year","minutes") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_name_idx" ON "films" USING btree ("sort_name" collate "C","id","rate","year") WHERE "films"."listed";--> statement-breakpoint
CREATE INDEX "films_name_desc_idx" ON "films" USING btree ("sort_name" collate "C" desc,"id","rate","year") WHERE "films"."listed";
