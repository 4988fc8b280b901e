CREATE TABLE "pictures" (
	"film_id" integer PRIMARY KEY NOT NULL,
	"source" text NOT NULL,
	"content_hash" text,
	"bytes" integer DEFAULT 0 NOT NULL,
	"reason" text,
	"failures" smallint DEFAULT 0 NOT NULL,
	"retry_at" timestamp with time zone,
	"used_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "pictures_kept_check" CHECK ("pictures"."reason" is not null or "pictures"."content_hash" is not null)
);
--> statement-breakpoint
CREATE INDEX "pictures_used_at_idx" ON "pictures" USING btree ("used_at");--> statement-breakpoint
CREATE INDEX "pictures_content_hash_idx" ON "pictures" USING btree ("content_hash");