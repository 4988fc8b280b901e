-- First, as it takes the strongest lock: taken last, it could wait for a reader who waits for this migration.
DROP INDEX "films_suggest_idx";--> statement-breakpoint
DROP FUNCTION film_suggest_keys(text, boolean, numeric, jsonb);--> statement-breakpoint
-- A film's words, each behind the film's standing: the words that begin so lie side by side in an index, apart for each
-- standing, so one key of a word serves beginnings of every length. A very long word by its first 100 letters: a lexeme has
-- no more than 2046 bytes. See modules/suggestions.
CREATE FUNCTION film_suggest_words(words text, listed boolean, rate numeric, kinopoisk jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN array_to_tsvector(string_to_array(ltrim(replace(
		rtrim(CASE WHEN octet_length(words) > 2000 THEN regexp_replace(words, '([^ ]{100})[^ ]+', '\1', 'g') ELSE words END),
		' ', ' ' || film_standing(listed, rate, kinopoisk))), ' '));--> statement-breakpoint
CREATE INDEX "films_suggest_words_idx" ON "films" USING gin (film_suggest_words("words", "listed", "rate", "kinopoisk")) WITH (fastupdate=false);
