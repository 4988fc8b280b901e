-- Bytes that are no UTF-8 were stored as U+FFFD. Such responses expire now, and so are fetched again.
UPDATE "kinopoisk_answers" SET "expires_at" = greatest("fetched_at", now())
WHERE "expires_at" > now() AND strpos("body", U&'\fffd') > 0;
