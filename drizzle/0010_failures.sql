CREATE TABLE "kinopoisk_failures" (
	"path" text PRIMARY KEY NOT NULL,
	"outcome" text NOT NULL,
	"failures" integer NOT NULL,
	"failed_at" timestamp with time zone NOT NULL,
	"retry_at" timestamp with time zone NOT NULL,
	CONSTRAINT "kinopoisk_failures_failures_check" CHECK ("kinopoisk_failures"."failures" >= 0)
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_probes" (
	"id" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"begun_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"path" text,
	"reason" text,
	"since" timestamp with time zone,
	CONSTRAINT "kinopoisk_probes_id_check" CHECK ("kinopoisk_probes"."id" = 1),
	CONSTRAINT "kinopoisk_probes_since_check" CHECK (("kinopoisk_probes"."reason" is null) = ("kinopoisk_probes"."since" is null))
);
--> statement-breakpoint
-- Pages of popular films that were taken for not there while upstream was in trouble, stored for 30 days.
DELETE FROM "kinopoisk_answers" WHERE "status" = 404 AND "path" LIKE '/api/v2.2/films?%';
