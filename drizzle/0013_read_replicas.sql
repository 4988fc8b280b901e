CREATE TABLE "timelines" (
	"system" text NOT NULL,
	"timeline" text NOT NULL,
	"mark" uuid DEFAULT gen_random_uuid() NOT NULL,
	CONSTRAINT "timelines_pkey" PRIMARY KEY("system","timeline")
);
--> statement-breakpoint
CREATE INDEX "auth_failures_failed_at_idx" ON "auth_failures" USING btree ("failed_at");--> statement-breakpoint
CREATE INDEX "kinopoisk_failures_failed_at_idx" ON "kinopoisk_failures" USING btree ("failed_at");