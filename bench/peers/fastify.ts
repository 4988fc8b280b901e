/** Fastify as its guide has it: response schemas, raw SQL by postgres.js; no authentication, log or metrics. */
import Fastify from 'fastify'
import postgres from 'postgres'
import { createFilms, type ListQuery } from './films.ts'

const films = createFilms(postgres({ max: 10, onnotice: () => {} }))
const app = Fastify()

const integer = { type: 'integer' }
const text = { type: 'string' }
const maybe = (type: string) => ({ type: [type, 'null'] })
const named = { type: ['object', 'null'], properties: { id: integer, name: text } }

const film = {
  type: 'object',
  properties: {
    id: integer,
    name: text,
    original_name: maybe('string'),
    genre: maybe('string'),
    genres: { type: 'array', items: text },
    director_id: maybe('integer'),
    director: named,
    rate: maybe('number'),
    year: maybe('integer'),
    minutes: maybe('integer'),
    description: maybe('string'),
    trailer: maybe('string'),
    poster_url: maybe('string'),
    kinopoisk_id: maybe('integer'),
    user_rate: maybe('number'),
    user_votes: integer,
    created_at: { ...text, format: 'date-time' },
    updated_at: { ...text, format: 'date-time' },
  },
}

const page = {
  type: 'object',
  properties: {
    items: { type: 'array', items: film },
    total: integer,
    limit: integer,
    page: maybe('integer'),
    pages: integer,
    next_cursor: maybe('string'),
  },
}

const movies = {
  type: 'array',
  items: {
    type: 'object',
    properties: {
      id: integer,
      kinopoisk_id: maybe('integer'),
      title: text,
      original_title: maybe('string'),
      description: text,
      trailer: text,
      year: maybe('integer'),
      rating: maybe('number'),
      minutes: maybe('integer'),
      genre_id: maybe('integer'),
      genre: named,
      genres: { type: 'array', items: { type: 'object', properties: { id: integer, name: text } } },
      director_id: maybe('integer'),
      director: named,
      poster_url: maybe('string'),
      favorites_count: integer,
      user_rate: maybe('number'),
      user_votes: integer,
      kinopoisk: {},
    },
  },
}

const query = {
  type: 'object',
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 100 },
    genre: text,
    min_rate: { type: 'number' },
    year_from: integer,
    sort: { type: 'string', enum: ['id', '-rate'] },
    cursor: text,
  },
}
const params = { type: 'object', properties: { id: integer } }

app.get<{ Querystring: ListQuery }>('/films', { schema: { querystring: query, response: { 200: page } } }, (request) =>
  films.list(request.query),
)

app.get<{ Params: { id: number } }>(
  '/films/:id',
  { schema: { params, response: { 200: film } } },
  async (request, reply) => {
    const found = await films.find(request.params.id)
    return found ?? reply.code(404).send(null)
  },
)

app.get('/movies/favorites', { schema: { response: { 200: movies } } }, (request) =>
  films.favourites(Number(request.headers['x-user-id'])),
)

await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
