LOCK TABLE "films" IN SHARE ROW EXCLUSIVE MODE;--> statement-breakpoint
-- A film's words, each behind the film's standing: the words that begin so lie side by side in an index, apart for each
-- standing, so one key of a word serves beginnings of every length. A very long word by its first 100 letters: a lexeme has
-- no more than 2046 bytes. See modules/suggestions.
CREATE FUNCTION film_suggest_words(words text, listed boolean, rate numeric, kinopoisk jsonb) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN array_to_tsvector(string_to_array(ltrim(replace(
		rtrim(CASE WHEN octet_length(words) > 2000 THEN regexp_replace(words, '([^ ]{100})[^ ]+', '\1', 'g') ELSE words END),
		' ', ' ' || film_standing(listed, rate, kinopoisk))), ' '));--> statement-breakpoint
CREATE INDEX "films_suggest_words_idx" ON "films" USING gin (film_suggest_words("words", "listed", "rate", "kinopoisk")) WITH (fastupdate=false);--> statement-breakpoint
-- films_suggest_idx stays for replicas of the release before, with the films of now: a new film, or one that is changed, is
-- in it without a key, which costs next to nothing. Not in SQL: that would be put into their query in place of the call, and
-- the index would not be used. The release after this one drops both.
CREATE OR REPLACE FUNCTION film_suggest_keys(words text, listed boolean, rate numeric, kinopoisk jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
	RETURN '{}';
END $$;
