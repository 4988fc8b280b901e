/** The least that Node can do: node:http, postgres.js, JSON.stringify. */
import { createServer } from 'node:http'
import postgres from 'postgres'
import { createFilms, type ListQuery } from './films.ts'

const films = createFilms(postgres({ max: 10, onnotice: () => {} }))

async function answer(url: URL): Promise<unknown> {
  if (url.pathname.startsWith('/films/')) return films.find(Number(url.pathname.slice(7)))
  if (url.pathname !== '/films') return undefined
  const { limit, min_rate, year_from, ...rest } = Object.fromEntries(url.searchParams)
  return films.list({
    ...rest,
    ...(limit !== undefined && { limit: Number(limit) }),
    ...(min_rate !== undefined && { min_rate: Number(min_rate) }),
    ...(year_from !== undefined && { year_from: Number(year_from) }),
  } as ListQuery)
}

const server = createServer((req, res) => {
  answer(new URL(String(req.url), 'http://127.0.0.1')).then(
    (value) => {
      const body = JSON.stringify(value ?? null)
      res.writeHead(value === undefined ? 404 : 200, {
        'content-type': 'application/json; charset=utf-8',
        'content-length': Buffer.byteLength(body),
      })
      res.end(body)
    },
    (error: Error) => {
      process.stderr.write(`${error.stack}\n`)
      res.writeHead(500).end()
    },
  )
})
server.listen(Number(process.env.PORT), '127.0.0.1')
