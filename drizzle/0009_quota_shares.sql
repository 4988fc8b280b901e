CREATE TABLE "kinopoisk_spending" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "kinopoisk_spending_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"key_hash" text NOT NULL,
	"day" date NOT NULL,
	"user_id" integer,
	"network" text,
	"interactive" integer DEFAULT 0 NOT NULL,
	"import" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "kinopoisk_spending_user_id_key" UNIQUE("user_id","day","key_hash"),
	CONSTRAINT "kinopoisk_spending_network_key" UNIQUE("network","day","key_hash"),
	CONSTRAINT "kinopoisk_spending_by_check" CHECK ("kinopoisk_spending"."user_id" is null or "kinopoisk_spending"."network" is null),
	CONSTRAINT "kinopoisk_spending_calls_check" CHECK (least("kinopoisk_spending"."interactive", "kinopoisk_spending"."import") >= 0)
);
--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "daily_limit" integer;--> statement-breakpoint
ALTER TABLE "kinopoisk_spending" ADD CONSTRAINT "kinopoisk_spending_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "kinopoisk_spending_day_idx" ON "kinopoisk_spending" USING btree ("key_hash","day");--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_daily_limit_check" CHECK ("users"."daily_limit" >= -1);