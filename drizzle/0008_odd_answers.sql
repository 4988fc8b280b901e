CREATE TABLE "kinopoisk_id_ranges" (
	"day" date PRIMARY KEY NOT NULL,
	"max_id" integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE "films" DROP CONSTRAINT "films_id_check";--> statement-breakpoint
ALTER TABLE "films" DROP CONSTRAINT "films_minutes_check";--> statement-breakpoint
-- No film is longer than a day: what was told of such a film stays in "kinopoisk", until it is told anew.
UPDATE "films" SET "minutes" = NULL WHERE "minutes" > 1440;--> statement-breakpoint
-- The address (src/text/web-url.ts), also one without its scheme; null where it is none.
CREATE FUNCTION pg_temp.web_url(url text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN length(whole) <= 2048
		AND whole ~* '^https?://(?!https?[:/])[^[:space:][:cntrl:]/?#@\\<>"`]+([/?#][^[:space:][:cntrl:]\\<>"`]*)?$' THEN whole END
	FROM (
		SELECT CASE
			WHEN url ~ '^\s*//' THEN 'https:' || btrim(url)
			WHEN url ~* '^\s*([a-z0-9-]+\.)+[a-z]{2,}/' THEN 'https://' || btrim(url)
			ELSE btrim(url)
		END AS whole
	) AS completed
$$;--> statement-breakpoint
UPDATE "films" SET "poster_url" = pg_temp.web_url("poster_url"), "trailer" = pg_temp.web_url("trailer")
WHERE "poster_url" IS DISTINCT FROM pg_temp.web_url("poster_url") OR "trailer" IS DISTINCT FROM pg_temp.web_url("trailer");--> statement-breakpoint
UPDATE "films" SET "kinopoisk" = "kinopoisk" || bad.members
FROM (
	SELECT "id", jsonb_object_agg(key, pg_temp.web_url(value)) AS members
	FROM "films" CROSS JOIN LATERAL jsonb_each_text("kinopoisk")
	WHERE key IN ('poster_url', 'poster_preview_url', 'cover_url', 'logo_url', 'web_url')
		AND value IS DISTINCT FROM pg_temp.web_url(value)
	GROUP BY "id"
) AS bad
WHERE "films"."id" = bad."id";--> statement-breakpoint
DROP FUNCTION pg_temp.web_url(text);--> statement-breakpoint
-- The entities that were seen in names, `&amp;` last: it is decoded once. A listed film has the administrator's name.
CREATE FUNCTION pg_temp.plain(name text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
	entity text[];
BEGIN
	FOREACH entity SLICE 1 IN ARRAY ARRAY[
		['&(quot|#34);', '"'], ['&(apos|#0?39);', ''''], ['&(lt|#60);', '<'], ['&(gt|#62);', '>'],
		['&(laquo|#171);', '«'], ['&(raquo|#187);', '»'], ['&(ndash|#8211);', '–'], ['&(mdash|#8212);', '—'],
		['&(hellip|#8230);', '…'], ['&(nbsp|#160);', ' '], ['[\u00ad\u200b\u200e\u200f\u2060\ufeff]', ''], ['\s+', ' '],
		['&(amp|#38);', '&']
	] LOOP
		name := regexp_replace(name, entity[1], entity[2], 'g');
	END LOOP;
	RETURN nullif(btrim(name), '');
END $$;--> statement-breakpoint
UPDATE "films" SET "name" = coalesce(pg_temp.plain("name"), "name"), "original_name" = pg_temp.plain("original_name")
WHERE NOT "listed" AND "id" < 1000000000
	AND concat("name", ' ', "original_name") ~ '&(amp|quot|apos|lt|gt|laquo|raquo|[nm]dash|hellip|nbsp|#\d+);|[\u00ad\u200b\u200e\u200f\u2060\ufeff]';--> statement-breakpoint
DROP FUNCTION pg_temp.plain(text);--> statement-breakpoint
ALTER TABLE "films" ADD CONSTRAINT "films_id_check" CHECK ("films"."id" >= 1) NOT VALID;--> statement-breakpoint
ALTER TABLE "films" ADD CONSTRAINT "films_minutes_check" CHECK ("films"."minutes" between 1 and 1440) NOT VALID;--> statement-breakpoint
ALTER TABLE "films" VALIDATE CONSTRAINT "films_id_check";--> statement-breakpoint
ALTER TABLE "films" VALIDATE CONSTRAINT "films_minutes_check";
