CREATE INDEX "films_title_idx" ON "films" USING hash (film_sort_name("name"));--> statement-breakpoint
CREATE INDEX "films_original_title_idx" ON "films" USING hash (film_sort_name("original_name"));--> statement-breakpoint
CREATE INDEX "films_imdb_id_idx" ON "films" USING hash (("kinopoisk"->>'imdb_id'));