import type { DedicatedConnection } from '../../../db/copy/connection.ts'
import type { Column } from './format.ts'

export interface Plan {
  created: number
  updated: number
  skipped: number
  errors_total: number
  /** The first of them. */
  errors: RowError[]
  /** The first cells of films that are changed. */
  changes: Change[]
}

export interface Bounds {
  maxErrors: number
  maxChanges: number
}

/** A cell of a film, as it is and as the row would have it. */
export interface Change {
  row: number
  id: number
  column: string
  old: string | null
  new: string | null
}

export interface RowError {
  row: number
  message: string
}

/**
 * Decides what each row of import_rows would do, by the catalogue as it is now, and changes nothing: a dry run ends
 * here. Leaves import_directors (each director of the file, and the row in directors that it means) and import_steps
 * (the rows that change something). The file describes the state after all of it is done, so films may swap names.
 */
export async function planImport(
  connection: DedicatedConnection,
  present: ReadonlySet<Column>,
  { maxErrors, maxChanges }: Bounds,
): Promise<Plan> {
  const rows = present.has('genres') ? rowStatements : [...rowStatements, otherGenresStatement]
  for (const statement of [...directorStatements, ...rows, actions(present), ...stepStatements]) {
    await connection.query(statement)
  }
  const counts = await connection.query<{ action: string; count: number }>(
    'select action, count(*)::int as count from import_actions group by action',
  )
  const errors = await connection.query<RowError>(
    'select row, error as message from import_plan where error is not null order by row limit $1',
    [maxErrors],
  )
  const count = (action: string) => counts.find((row) => row.action === action)?.count ?? 0
  return {
    created: count('create'),
    updated: count('update'),
    skipped: count('skip'),
    errors_total: count('error'),
    errors,
    changes: maxChanges > 0 ? await connection.query<Change>(changes(present), [maxChanges]) : [],
  }
}

// `id` stays null where a director has to be made with a new id; `made`: made with the id of the file.
const directorStatements = [
  `create temp table import_directors as
    select director_id as did, director as name, lower(director) as key, min(row) as row, null::int as id, false as made
    from import_rows group by 1, 2`,
  'create index on import_directors (did, name); analyze import_directors',
  // Match by id and name.
  `update import_directors i set id = d.id from directors d where d.id = i.did and (i.name = '' or lower(d.name) = i.key)`,
  // Match by name, but not a director that the file lists under another id (a namesake).
  `update import_directors i set id = case when i.did = 0 then n.any_id else n.free_id end
    from (
      select lower(d.name) as key, min(d.id) as any_id, min(d.id) filter (where claimed.id is null) as free_id
      from directors d
      left join (select distinct id from import_directors where did > 0 and id is not null) claimed on claimed.id = d.id
      where lower(d.name) in (select key from import_directors where id is null)
      group by 1
    ) n
    where i.id is null and n.key = i.key`,
  // A new one with the id of the file where that is free; the first row that names the id has it.
  `update import_directors i set id = i.did, made = true
    from (select did, min(row) as row from import_directors where id is null and name <> '' group by did) first
    where first.did = i.did and first.row = i.row and i.did > 0 and i.id is null
      and not exists (select from directors d where d.id = i.did)`,
  `update import_directors i set id = m.id
    from (select key, min(id) as id from import_directors where made group by key) m
    where i.id is null and i.key = m.key`,
]

const rowStatements = [
  `create temp table import_checked as
    select marked.row, marked.id, marked.key, d.id as director_id,
      case
        when marked.error is not null then marked.error
        when marked.first_of_name < marked.row then format('name: the same as in row %s', first_of_name)
        when d.id is null and d.name = ''
          then format('director_id: there is no director %s, and director is empty', d.did)
        when joined_genres and not exists (select from genres where lower(genres.name) = lower(marked.genres[1]))
          then format('genres: %s is no genre here; several are joined by |, as in драма|комедия', to_json(marked.genres[1]))
        when joined_director and d.id is null
          then format('director: %s is no director here, and a film has one: name the first alone', to_json(d.name))
      end as error
    from (
      select *, min(row) over (partition by key, error is null) as first_of_name
      from (
        select row, id, key, director_id, director, genres, joined_genres, joined_director,
          case when id is not null and min(row) over (partition by id) < row
            then format('id: the same as in row %s', min(row) over (partition by id)) end as error
        from import_rows
      ) by_id
    ) marked
    join import_directors d on d.did = marked.director_id and d.name = marked.director`,
  'create index on import_checked (id); analyze import_checked',
  // film_id: which film the row is about, null for a new one without an id. holder: the film that has the row's name now.
  `create temp table import_plan as
    select row, film_id, listed, director_id, error,
      case when holder is distinct from film_id then holder end as holder
    from (
      select c.row, c.director_id, c.error, n.id as holder,
        coalesce(c.id, case when other.row is null then n.id end) as film_id,
        coalesce(f.listed, c.id is null and n.id is not null and other.row is null) as listed
      from import_checked c
      left join films f on f.id = c.id
      left join films n on n.listed and lower(n.name) = c.key
      left join import_checked other on c.id is null and other.id = n.id and other.error is null
    ) found`,
  `create index on import_plan (film_id);
    create index on import_plan (holder) where holder is not null;
    create unique index on import_plan (row);
    analyze import_plan`,
  // A name can move only from a film that gets another name by a valid row.
  `with recursive blocked as (
      select row, film_id, holder from import_plan p
      where error is null and holder is not null
        and not exists (select from import_plan h where h.film_id = p.holder and h.error is null)
      union
      select p.row, p.film_id, p.holder
      from blocked b join import_plan p on p.holder = b.film_id
      where p.error is null
    )
    update import_plan p set error = format('name: the film %s has it', blocked.holder)
    from blocked where blocked.row = p.row`,
]

// Of a file that names the first genre alone, the others of a film stay.
const otherGenresStatement = `
  update import_rows r set genres = r.genres || array(
    select g.name from film_genres fg join genres g on g.id = fg.genre_id
    where fg.film_id = p.film_id and fg.position > 0 and lower(g.name) <> lower(r.genres[1]) order by fg.position)
  from import_plan p where p.row = r.row and p.listed and p.error is null`

const genresOf = (name: string, joint: string) => `(
  select ${name}(string_agg(g.name, ${joint} order by fg.position))
  from film_genres fg join genres g on g.id = fg.genre_id where fg.film_id = f.id)`
const directorOf = (id: string) => `(select name from directors d where d.id = ${id})`

/** By column: whether a row changes it, and what it is then. A column that the file does not have is left as it is. */
function differences(present: ReadonlySet<Column>): [column: string, differs: string, before: string, after: string][] {
  const optional = ['original_name', 'description', 'trailer', 'poster_url'] as const
  return [
    ['name', 'r.name <> f.name', 'f.name', 'r.name'],
    ['director', 'p.director_id is distinct from f.director_id', directorOf('f.director_id'), directorNow],
    ...['rate', 'year', 'minutes'].map(
      (column) =>
        [column, `r.${column} is distinct from f.${column}`, `f.${column}::text`, `r.${column}::text`] as const,
    ),
    ...optional
      .filter((column) => present.has(column))
      .map((column) => {
        const before = `nullif(f.${column}, '')`
        return [column, `r.${column} is distinct from ${before}`, before, `r.${column}`] as const
      }),
    [
      'genres',
      `lower(array_to_string(r.genres, chr(31))) is distinct from ${genresOf('lower', 'chr(31)')}`,
      genresOf('', "'|'"),
      "array_to_string(r.genres, '|')",
    ],
  ].map(([column = '', differs = '', before = '', after = '']) => [column, differs, before, after])
}

// The name in the row, or that of its id alone.
const directorNow = `coalesce(nullif(r.director, ''), ${directorOf('p.director_id')})`

function actions(present: ReadonlySet<Column>): string {
  return `create temp table import_actions as
    select p.row, p.film_id,
      p.holder is not null or coalesce(
        p.film_id in (select holder from import_plan where holder is not null and error is null), false) as moves,
      case
        when p.error is not null then 'error'
        when not p.listed then 'create'
        when ${differences(present)
          .map(([, differs]) => differs)
          .join(' or ')} then 'update'
        else 'skip'
      end as action
    from import_plan p
    join import_rows r on r.row = p.row
    left join films f on f.id = p.film_id`
}

/** Of the first films that change, so that what is compared is bounded. */
function changes(present: ReadonlySet<Column>): string {
  const cells = differences(present).map(
    ([column, differs, before, after], i) => `(${i}, '${column}', ${differs}, ${before}, ${after})`,
  )
  return `
    select p.row, p.film_id as id, "column", left(before, 200) as old, left(after, 200) as new
    from (select row from import_actions where action = 'update' order by row limit $1) first
    join import_plan p on p.row = first.row
    join import_rows r on r.row = p.row
    join films f on f.id = p.film_id,
    lateral (values ${cells.join(', ')}) cell (place, "column", differs, before, after)
    where differs
    order by p.row, place
    limit $1`
}

// Films that hand on names change them in one transaction, batch 0; else 500 rows make a batch.
const stepStatements = [
  `create temp table import_steps as
    select row, film_id, action, moves,
      case when moves then 0 else 1 + (row_number() over (partition by moves order by row) - 1) / 500 end::int as batch
    from import_actions where action in ('create', 'update')`,
  'create unique index on import_steps (row); create index on import_steps (batch, row); analyze import_steps',
]
