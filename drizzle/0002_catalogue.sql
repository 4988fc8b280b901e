CREATE TABLE "loose_photos" (
	"key" text PRIMARY KEY NOT NULL,
	"since" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE INDEX "films_unlisted_idx" ON "films" USING btree ("id") WHERE not "films"."listed";