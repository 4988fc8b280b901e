-- A search's key loses a pair of quotes or brackets around the whole, and characters that show nothing. Keys of old had lost
-- the second half of the pair only. What was stored under them moves to the new key; the newest response wins. A path is
-- encoded as in a URL, where each character has its own bytes: %C2%AB is «. What begins with an apostrophe stays: it may be
-- a word ('70s).
CREATE TEMPORARY TABLE moved_searches ON COMMIT DROP AS
WITH searches AS (
	SELECT path, parts[1] AS prefix, parts[2] AS key, parts[3] AS page FROM (
		SELECT path, regexp_match(path, '^(/api/v2\.1/films/search-by-keyword\?keyword=)([^&]+)(&page=\d+)$') AS parts
		FROM kinopoisk_answers WHERE path LIKE '/api/v2.1/films/search-by-keyword?%'
	) AS matched WHERE parts IS NOT NULL
), visible AS (
	-- U+00AD, U+034F, U+061C, U+180E, U+200B-200C, U+200E-200F, U+202A-202E, U+2060-206F, U+FE00-FE0F, U+FEFF.
	SELECT *, btrim(regexp_replace(regexp_replace(key,
		'%C2%AD|%CD%8F|%D8%9C|%E1%A0%8E|%E2%80%(8[BCEF]|A[A-E])|%E2%81%A[0-9A-F]|%EF%B8%8[0-9A-F]|%EF%BB%BF', '', 'g'),
		'\++', '+', 'g'), '+') AS seen
	FROM searches
), whole AS (
	-- « » " “ ” „ ‘ ‚ ‹ [ ( { in front, and neither these nor their other halves in the rest, but at its end.
	SELECT *, regexp_replace(seen,
		'^(?:%C2%AB|%C2%BB|%22|%E2%80%(?:9[8ACDE]|B9)|%5B|%28|%7B)'
		'((?:(?!%C2%AB|%C2%BB|%22|%E2%80%(?:9[8ACDEF]|B[9A])|%5[BD]|%2[89]|%7[BD]).)+)'
		'(?:%C2%AB|%C2%BB|%22|%E2%80%(?:9[9CD]|BA)|%5D|%29|%7D)?$', '\1') AS inner_key
	FROM visible
)
SELECT path, prefix || cut || page AS new_path FROM (
	SELECT *, regexp_replace(btrim(inner_key, '+'), '(\+|\.|%2C|%21|%3F|%3B|%3A|%E2%80%A6)+$', '') AS cut FROM whole
) AS shortened WHERE inner_key <> key AND cut <> '';--> statement-breakpoint
INSERT INTO kinopoisk_answers (path, status, body, fetched_at, expires_at)
SELECT DISTINCT ON (new_path) new_path, status, body, fetched_at, expires_at
FROM moved_searches JOIN kinopoisk_answers USING (path)
ORDER BY new_path, fetched_at DESC
ON CONFLICT (path) DO UPDATE
SET status = excluded.status, body = excluded.body, fetched_at = excluded.fetched_at, expires_at = excluded.expires_at
WHERE kinopoisk_answers.fetched_at < excluded.fetched_at;--> statement-breakpoint
DELETE FROM kinopoisk_answers USING moved_searches
WHERE kinopoisk_answers.path = moved_searches.path AND moved_searches.new_path <> moved_searches.path;
