CREATE TABLE "api_keys" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "api_keys_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"user_id" integer NOT NULL,
	"name" text NOT NULL,
	"hash" "bytea" NOT NULL,
	"scopes" text[] NOT NULL,
	"daily_limit" integer,
	"expires_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp with time zone,
	CONSTRAINT "api_keys_hash_key" UNIQUE("hash"),
	CONSTRAINT "api_keys_name_check" CHECK (length("api_keys"."name") between 1 and 100),
	CONSTRAINT "api_keys_hash_check" CHECK (length("api_keys"."hash") = 32),
	CONSTRAINT "api_keys_scopes_check" CHECK ("api_keys"."scopes" <@ array['gateway', 'read', 'lists'] and cardinality("api_keys"."scopes") > 0),
	CONSTRAINT "api_keys_daily_limit_check" CHECK ("api_keys"."daily_limit" >= 0)
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_endpoint_calls" (
	"day" date NOT NULL,
	"key_hash" text NOT NULL,
	"endpoint" text NOT NULL,
	"calls" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "kinopoisk_endpoint_calls_pkey" PRIMARY KEY("day","key_hash","endpoint"),
	CONSTRAINT "kinopoisk_endpoint_calls_calls_check" CHECK ("kinopoisk_endpoint_calls"."calls" >= 0)
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_endpoint_results" (
	"day" date NOT NULL,
	"endpoint" text NOT NULL,
	"hits" bigint DEFAULT 0 NOT NULL,
	"stale" bigint DEFAULT 0 NOT NULL,
	"fetched" bigint DEFAULT 0 NOT NULL,
	"refused" bigint DEFAULT 0 NOT NULL,
	"failed" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "kinopoisk_endpoint_results_pkey" PRIMARY KEY("day","endpoint")
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_key_spending" (
	"api_key_id" integer NOT NULL,
	"day" date NOT NULL,
	"key_hash" text NOT NULL,
	"interactive" integer DEFAULT 0 NOT NULL,
	"import" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "kinopoisk_key_spending_pkey" PRIMARY KEY("api_key_id","day","key_hash"),
	CONSTRAINT "kinopoisk_key_spending_calls_check" CHECK (least("kinopoisk_key_spending"."interactive", "kinopoisk_key_spending"."import") >= 0)
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_reservations" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "kinopoisk_reservations_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"key_hash" text NOT NULL,
	"day" date NOT NULL,
	"purpose" text NOT NULL,
	"endpoint" text NOT NULL,
	"user_id" integer,
	"network" text,
	"api_key_id" integer,
	"holder" uuid NOT NULL,
	"sent" boolean DEFAULT false NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "kinopoisk_user_results" (
	"user_id" integer NOT NULL,
	"day" date NOT NULL,
	"api_key_id" integer NOT NULL,
	"endpoint" text NOT NULL,
	"hits" bigint DEFAULT 0 NOT NULL,
	"stale" bigint DEFAULT 0 NOT NULL,
	"fetched" bigint DEFAULT 0 NOT NULL,
	"refused" bigint DEFAULT 0 NOT NULL,
	"failed" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "kinopoisk_user_results_pkey" PRIMARY KEY("user_id","day","api_key_id","endpoint")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "kinopoisk_user_results" ADD CONSTRAINT "kinopoisk_user_results_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_keys_user_id_idx" ON "api_keys" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "api_keys_expires_at_idx" ON "api_keys" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "kinopoisk_key_spending_day_idx" ON "kinopoisk_key_spending" USING btree ("day");--> statement-breakpoint
CREATE INDEX "kinopoisk_reservations_open_idx" ON "kinopoisk_reservations" USING btree ("expires_at") WHERE not "kinopoisk_reservations"."sent";--> statement-breakpoint
CREATE INDEX "kinopoisk_reservations_sent_idx" ON "kinopoisk_reservations" USING btree ("expires_at") WHERE "kinopoisk_reservations"."sent";--> statement-breakpoint
CREATE INDEX "kinopoisk_user_results_day_idx" ON "kinopoisk_user_results" USING btree ("day");--> statement-breakpoint
-- The end of a key, and what is checked of it, are noted for the replicas that remember it; not when it was last used.
CREATE FUNCTION note_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO changes (topic, key) VALUES ('key', encode(OLD.hash, 'hex'));
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE TRIGGER api_keys_ended_noted AFTER DELETE ON api_keys
	FOR EACH ROW EXECUTE FUNCTION note_key();--> statement-breakpoint
CREATE TRIGGER api_keys_changed_noted AFTER UPDATE OF user_id, hash, scopes, daily_limit, expires_at ON api_keys
	FOR EACH ROW EXECUTE FUNCTION note_key();--> statement-breakpoint
CREATE TRIGGER api_keys_emptied_noted AFTER TRUNCATE ON api_keys
	FOR EACH STATEMENT EXECUTE FUNCTION note_topic('key');
