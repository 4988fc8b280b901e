import { connect } from '../src/db/connect.ts'

const syllables =
  'ма ра ти ца во ры ко на ле до се вер ный гор од кра сот лун ный ост ров мол ния звез да щит пес ня'.split(' ')
const sounds = 'the ma trix star wars god fa ther lo ver night moon gar den ri ver old man sea run ner ice king'.split(
  ' ',
)

/** `size` listed films with 40 genres of all degrees of rareness and 5000 directors, made inside of the database. */
export async function seed(url: string, size: number): Promise<void> {
  const { sql, close } = connect(url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  await sql`set statement_timeout = 0`
  // What is made here refers to what is made here: no foreign key is looked up row by row.
  await sql`set session_replication_role = replica`
  await sql`set maintenance_work_mem = '512MB'`
  await sql`select setseed(0.42)`
  await sql`insert into genres (name) select 'genre ' || i from generate_series(1, 40) i`
  await sql`insert into directors (name) select 'Director ' || i from generate_series(1, 5000) i`
  // Indexes are made once, over the finished table.
  const indexes = await sql<{ indexname: string; indexdef: string }[]>`
    select indexname, indexdef from pg_indexes
    where tablename in ('films', 'film_genres') and indexname not like '%_pkey'`
  for (const { indexname } of indexes) await sql`drop index ${sql(indexname)}`
  const random = randomNumbers()
  const words = (parts: string[]) =>
    Array.from({ length: 8000 }, (_, i) =>
      Array.from({ length: 1 + (i % 4) }, () => parts[Math.floor(random() * parts.length)]).join(''),
    )
  await sql`create temporary table ru as select * from unnest(${words(syllables)}::text[]) with ordinality as w (word, i)`
  await sql`create temporary table en as select * from unnest(${words(sounds)}::text[]) with ordinality as w (word, i)`
  const pick = sql`1 + floor(8000 * power(random(), 2))::int`
  await sql`
    create temporary table drawn as
    select n, ${pick} as a, ${pick} as b, ${pick} as c, ${pick} as d from generate_series(1, ${size}::int) n`
  await sql`
    insert into films (listed, name, original_name, director_id, rate, year, minutes, description)
    select true, initcap(a.word || ' ' || b.word) || ' ' || n, case when random() < 0.6 then initcap(c.word || ' ' || d.word) end,
      1 + floor(5000 * random())::int,
      case when random() < 0.95 then
        least(10, round((6.2 + 2.2 * (random() + random() + random() + random() - 2))::numeric, 2)) end,
      2026 - floor(130 * power(random(), 2))::int,
      case when random() < 0.97 then 40 + floor(140 * random())::int end,
      repeat('Описание фильма. ', 5 + n % 20)
    from drawn join ru a on a.i = drawn.a join ru b on b.i = drawn.b
      join en c on c.i = drawn.c join en d on d.i = drawn.d
    order by n`
  await sql`
    insert into films (listed, name, original_name, director_id, rate, year, minutes)
    values (true, 'Матрица', 'The Matrix', 1, 8.5, 1999, 136), (true, 'Матрица: Перезагрузка', 'The Matrix Reloaded', 1, 7.7, 2003, 138),
      (true, 'Звёздные войны', 'Star Wars', 2, 8.1, 1977, 121), (true, 'Крёстный отец', 'The Godfather', 3, 8.7, 1972, 175)`
  // Genre k has about 0.45 / k of the films; the last one 200 in all.
  await sql`
    insert into film_genres (film_id, genre_id, position)
    select f.id, g.id, row_number() over (partition by f.id order by random()) - 1
    from films f cross join genres g
    where random() + 0 * f.id < case when g.id = 40 then 200.0 / ${size}::int else 0.45 / g.id end`
  for (const { indexdef } of indexes) await sql.unsafe(indexdef)
  await sql`vacuum analyze`
  await close()
}

/** The same numbers at every run, from 0 to 1. */
function randomNumbers(): () => number {
  let state = 42
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}
