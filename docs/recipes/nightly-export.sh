#!/bin/sh
# Keeps the catalogue and the user's lists as CSV, one file a day; the catalogue only when it has changed.
# Needs BASE, such as http://localhost:3000, KEY, a personal key of the scope `read`, and TO, a folder.
set -eu
day=$(date +%F)
cd "$TO"

get() {
  curl --silent --show-error --fail --compressed --retry 5 --header "X-API-KEY: $KEY" "$@"
}

# Written under another name first: a download that was cut off is no backup.
get --etag-compare films.etag --etag-save films.etag.new --output films.csv.new "$BASE/films/export.csv"
if [ -s films.csv.new ]; then
  mv films.csv.new "films-$day.csv"
  mv films.etag.new films.etag
fi
get --output lists.csv.new "$BASE/user/lists.csv"
mv lists.csv.new "lists-$day.csv"
rm -f films.csv.new films.etag.new
