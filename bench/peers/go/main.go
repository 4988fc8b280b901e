// net/http and pgx, as their documentation has it: a pool of 10, statements prepared and kept by the driver, encoding/json.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

type timestamp time.Time

func (t timestamp) MarshalJSON() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

type director struct {
	ID   int32  `json:"id"`
	Name string `json:"name"`
}

type film struct {
	ID           int32     `json:"id"`
	Name         string    `json:"name"`
	OriginalName *string   `json:"original_name"`
	Genre        *string   `json:"genre"`
	Genres       []string  `json:"genres"`
	DirectorID   *int32    `json:"director_id"`
	Director     *director `json:"director"`
	Rate         *float64  `json:"rate"`
	Year         *int16    `json:"year"`
	Minutes      *int16    `json:"minutes"`
	Description  *string   `json:"description"`
	Trailer      *string   `json:"trailer"`
	PosterURL    *string   `json:"poster_url"`
	KinopoiskID  *int32    `json:"kinopoisk_id"`
	UserRate     *float64  `json:"user_rate"`
	UserVotes    int32     `json:"user_votes"`
	CreatedAt    timestamp `json:"created_at"`
	UpdatedAt    timestamp `json:"updated_at"`
}

type page struct {
	Items      []film  `json:"items"`
	Total      int     `json:"total"`
	Limit      int     `json:"limit"`
	Page       *int    `json:"page"`
	Pages      int     `json:"pages"`
	NextCursor *string `json:"next_cursor"`
}

const columns = `f.id, f.name, f.original_name,
	array(select g.name from film_genres fg join genres g on g.id = fg.genre_id where fg.film_id = f.id order by fg.position),
	f.director_id, d.name, f.rate::float8, f.year, f.minutes, f.description, f.trailer, f.poster_url,
	case when f.id < 1000000000 then f.id end,
	(select round(rate_sum::numeric / nullif(votes, 0), 2)::float8 from film_votes where film_id = f.id),
	coalesce((select votes from film_votes where film_id = f.id), 0), f.created_at, f.updated_at`

func scanFilm(row pgx.Row, more ...interface{}) (film, error) {
	var f film
	var directorName *string
	err := row.Scan(append([]interface{}{
		&f.ID, &f.Name, &f.OriginalName, &f.Genres, &f.DirectorID, &directorName, &f.Rate, &f.Year, &f.Minutes,
		&f.Description, &f.Trailer, &f.PosterURL, &f.KinopoiskID, &f.UserRate, &f.UserVotes,
		(*time.Time)(&f.CreatedAt), (*time.Time)(&f.UpdatedAt),
	}, more...)...)
	if len(f.Genres) > 0 {
		f.Genre = &f.Genres[0]
	}
	if f.DirectorID != nil && directorName != nil {
		f.Director = &director{*f.DirectorID, *directorName}
	}
	return f, err
}

// How many films a filter has, kept for ten seconds.
type totals struct {
	sync.Mutex
	known map[string]kept
}

type kept struct {
	total int
	until time.Time
}

func (t *totals) get(name string, count func() (int, error)) (int, error) {
	t.Lock()
	found, ok := t.known[name]
	t.Unlock()
	if ok && time.Now().Before(found.until) {
		return found.total, nil
	}
	total, err := count()
	if err != nil {
		return 0, err
	}
	t.Lock()
	if len(t.known) >= 1000 {
		t.known = map[string]kept{}
	}
	t.known[name] = kept{total, time.Now().Add(10 * time.Second)}
	t.Unlock()
	return total, nil
}

type server struct {
	pool   *pgxpool.Pool
	totals totals
}

func (s *server) getFilm(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/films/"), 10, 32)
	if err != nil {
		http.Error(w, "not an id", http.StatusBadRequest)
		return
	}
	f, err := scanFilm(s.pool.QueryRow(r.Context(),
		"select "+columns+" from films f left join directors d on d.id = f.director_id where f.id = $1", id))
	if errors.Is(err, pgx.ErrNoRows) {
		http.NotFound(w, r)
		return
	}
	send(w, f, err)
}

func (s *server) listFilms(w http.ResponseWriter, r *http.Request) {
	answer, err := s.list(r.Context(), r.URL.Query())
	send(w, answer, err)
}

func (s *server) list(ctx context.Context, query map[string][]string) (*page, error) {
	text := func(name string) string {
		if values := query[name]; len(values) > 0 {
			return values[0]
		}
		return ""
	}
	limit := 20
	if given := text("limit"); given != "" {
		var err error
		if limit, err = strconv.Atoi(given); err != nil {
			return nil, err
		}
	}
	var args []interface{}
	arg := func(value interface{}) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	condition := "f.listed"
	if genre := text("genre"); genre != "" {
		condition += " and f.id in (select film_id from film_genres where genre_id = (select id from genres where lower(name) = lower(" + arg(genre) + ")))"
	}
	if given := text("min_rate"); given != "" {
		rate, err := strconv.ParseFloat(given, 64)
		if err != nil {
			return nil, err
		}
		condition += " and coalesce(-f.rate, 99) <= " + arg(-rate)
	}
	if given := text("year_from"); given != "" {
		year, err := strconv.Atoi(given)
		if err != nil {
			return nil, err
		}
		condition += " and f.year >= " + arg(year)
	}
	filterArgs := args
	key := "f.id"
	if text("sort") == "-rate" {
		key = "coalesce(-f.rate, 99)"
	}
	behind := ""
	cursor := text("cursor")
	if cursor != "" {
		var at [2]float64
		decoded, err := base64.RawURLEncoding.DecodeString(cursor)
		if err == nil {
			err = json.Unmarshal(decoded, &at)
		}
		if err != nil {
			return nil, err
		}
		behind = " and (" + key + ", f.id) > (" + arg(at[0]) + ", " + arg(int(at[1])) + ")"
	}
	rows, err := s.pool.Query(ctx, "select "+columns+", "+key+"::float8 from films f left join directors d on d.id = f.director_id where "+
		condition+behind+" order by "+key+", f.id limit "+arg(limit+1), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	answer := &page{Items: make([]film, 0, limit), Limit: limit}
	isMore := false
	var lastKey float64
	for rows.Next() {
		if len(answer.Items) == limit {
			isMore = true
			break
		}
		f, err := scanFilm(rows, &lastKey)
		if err != nil {
			return nil, err
		}
		answer.Items = append(answer.Items, f)
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if cursor == "" {
		one := 1
		answer.Page = &one
	}
	answer.Total = len(answer.Items)
	if isMore || cursor != "" {
		answer.Total, err = s.totals.get(fmt.Sprint(text("genre"), " ", text("min_rate"), " ", text("year_from")), func() (int, error) {
			var total int
			err := s.pool.QueryRow(ctx, "select count(*) from films f where "+condition, filterArgs...).Scan(&total)
			return total, err
		})
		if err != nil {
			return nil, err
		}
	}
	answer.Pages = (answer.Total + limit - 1) / limit
	if isMore {
		encoded, err := json.Marshal([]interface{}{lastKey, answer.Items[limit-1].ID})
		if err != nil {
			return nil, err
		}
		next := base64.RawURLEncoding.EncodeToString(encoded)
		answer.NextCursor = &next
	}
	return answer, nil
}

func send(w http.ResponseWriter, value interface{}, err error) {
	var body []byte
	if err == nil {
		body, err = json.Marshal(value)
	}
	if err != nil {
		log.Print(err)
		http.Error(w, "failed", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Write(body)
}

func main() {
	config, err := pgxpool.ParseConfig("")
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = 10
	config.ConnConfig.LogLevel = pgx.LogLevelNone
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	s := &server{pool: pool, totals: totals{known: map[string]kept{}}}
	http.HandleFunc("/films/", s.getFilm)
	http.HandleFunc("/films", s.listFilms)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
