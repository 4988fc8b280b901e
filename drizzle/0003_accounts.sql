CREATE TABLE "auth_failures" (
	"key" "bytea" PRIMARY KEY NOT NULL,
	"failures" integer DEFAULT 1 NOT NULL,
	"failed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "auth_failures_key_check" CHECK (length("auth_failures"."key") = 32),
	CONSTRAINT "auth_failures_failures_check" CHECK ("auth_failures"."failures" > 0)
);
--> statement-breakpoint
CREATE TABLE "known_networks" (
	"user_id" integer NOT NULL,
	"network" text NOT NULL,
	"last_login_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "known_networks_pkey" PRIMARY KEY("user_id","network")
);
--> statement-breakpoint
ALTER TABLE "known_networks" ADD CONSTRAINT "known_networks_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "known_networks_last_login_at_idx" ON "known_networks" USING btree ("last_login_at");