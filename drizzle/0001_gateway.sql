DROP TABLE "kinopoisk_usage" CASCADE;--> statement-breakpoint
CREATE TABLE "kinopoisk_accounts" (
	"key_hash" text PRIMARY KEY NOT NULL,
	"daily_limit" integer,
	"checked_at" timestamp with time zone,
	"blocked" text,
	"blocked_at" timestamp with time zone,
	"blocked_until" timestamp with time zone,
	"cleared_at" timestamp with time zone,
	CONSTRAINT "kinopoisk_accounts_daily_limit_check" CHECK ("kinopoisk_accounts"."daily_limit" >= -1),
	CONSTRAINT "kinopoisk_accounts_blocked_check" CHECK (("kinopoisk_accounts"."blocked" is null) = ("kinopoisk_accounts"."blocked_until" is null) and ("kinopoisk_accounts"."blocked" is null) = ("kinopoisk_accounts"."blocked_at" is null))
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_leases" (
	"path" text PRIMARY KEY NOT NULL,
	"holder" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"failure" text,
	"retry_after" integer
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_rates" (
	"key_hash" text PRIMARY KEY NOT NULL,
	"overall" timestamp with time zone[] DEFAULT '{}' NOT NULL,
	"search" timestamp with time zone[] DEFAULT '{}' NOT NULL,
	"votes" timestamp with time zone[] DEFAULT '{}' NOT NULL,
	"account" timestamp with time zone[] DEFAULT '{}' NOT NULL,
	"paused_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_usage" (
	"key_hash" text NOT NULL,
	"day" date NOT NULL,
	"interactive" integer DEFAULT 0 NOT NULL,
	"refresh" integer DEFAULT 0 NOT NULL,
	"import" integer DEFAULT 0 NOT NULL,
	"outside" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "kinopoisk_usage_pkey" PRIMARY KEY("key_hash","day"),
	CONSTRAINT "kinopoisk_usage_calls_check" CHECK (least("kinopoisk_usage"."interactive", "kinopoisk_usage"."refresh", "kinopoisk_usage"."import") >= 0)
);
--> statement-breakpoint
CREATE INDEX "kinopoisk_leases_expires_at_idx" ON "kinopoisk_leases" USING btree ("expires_at");