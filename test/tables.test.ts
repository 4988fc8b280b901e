import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findEncoding } from '../src/files/encoding.ts'
import { openTable } from '../src/files/table.ts'
import { readId } from '../src/modules/lists/transfer/cells.ts'
import { readTrakt } from '../src/modules/lists/transfer/trakt.ts'
import type { Charset } from '../src/text/charsets.ts'
import { damageOf } from '../src/text/damage.ts'
import { readTime } from '../src/text/dates.ts'
import { readInteger, readYear } from '../src/text/numbers.ts'
import { fileOf } from './support/files.ts'

interface Dialect {
  delimiter: ',' | ';' | '\t'
  end: '\n' | '\r\n' | '\r' | '\r\r\n'
  encoding: 'utf-8' | 'utf-8 with mark' | 'utf-16le' | 'utf-16be' | 'windows-1251'
  quotes: 'needed' | 'all'
  separator: boolean
  blankLines: number
  emptyColumns: number
  lastEnd: boolean
}

const dialects: fc.Arbitrary<Dialect> = fc.record({
  delimiter: fc.constantFrom(',', ';', '\t'),
  end: fc.constantFrom('\n', '\r\n', '\r', '\r\r\n'),
  encoding: fc.constantFrom('utf-8', 'utf-8 with mark', 'utf-16le', 'utf-16be', 'windows-1251'),
  quotes: fc.constantFrom('needed', 'all'),
  separator: fc.boolean(),
  blankLines: fc.integer({ min: 0, max: 2 }),
  emptyColumns: fc.integer({ min: 0, max: 2 }),
  lastEnd: fc.boolean(),
})

const cyrillic = [...'абвгдежзийклмнопрстуфхцчшщъыьэюяАБВЁёіїєґ']
// What spreadsheets have in cells; all of it is in windows-1251.
const sign = fc.constantFrom(
  ...cyrillic,
  ...'abz019',
  ' ',
  ',',
  ';',
  '\t',
  '"',
  "'",
  '\n',
  '\r',
  '=',
  '-',
  '«',
  '—',
  '№',
)
const cell = fc.string({ unit: sign, maxLength: 12 })
const names = ['Название', 'Год выпуска', 'Оценка', 'Когда', 'Примечание', 'Жанр', 'Режиссёр']

const tables = fc
  .integer({ min: 2, max: names.length })
  .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 8 }))
  .map((rows) => [names.slice(0, rows[0]?.length ?? 3), ...rows])

function write(rows: string[][], dialect: Dialect): Buffer {
  const { delimiter, end, quotes, emptyColumns } = dialect
  const quoted = (text: string) =>
    quotes === 'all' || /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  const lines = rows.map((row) => row.map(quoted).join(delimiter) + delimiter.repeat(emptyColumns))
  const first = dialect.separator ? `sep=${delimiter}${end}` : ''
  const text = `${first}${end.repeat(dialect.blankLines)}${lines.join(end)}${dialect.lastEnd ? end : ''}`
  return encode(text, dialect.encoding)
}

function encode(text: string, encoding: Dialect['encoding']): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text)
  if (encoding === 'utf-8 with mark') return Buffer.from(`\ufeff${text}`)
  if (encoding === 'windows-1251') return toWindows1251(text)
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le')
  return encoding === 'utf-16le' ? bytes : bytes.swap16()
}

const upper = new TextDecoder('windows-1251').decode(Uint8Array.from({ length: 128 }, (_, i) => 128 + i))
const bytes1251 = new Map([...upper].map((letter, i) => [letter, 128 + i]))

function toWindows1251(text: string): Buffer {
  return Buffer.from(Array.from(text, (letter) => bytes1251.get(letter) ?? letter.charCodeAt(0)))
}

/** In pieces of a few bytes, so that every sign is cut somewhere. */
function sourceOf(bytes: Buffer, size = bytes.length || 1) {
  return {
    async *bytes() {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    },
  }
}

async function readAll(bytes: Buffer, options: { strict?: boolean; charset?: Charset; size?: number } = {}) {
  const { strict = true, charset, size } = options
  const { header, rows } = await openTable(sourceOf(bytes, size), { strict, charset, maxRecord: 1024 * 1024 })
  const cells: string[][] = []
  const faults: { row: number; fault: string }[] = []
  for await (const batch of rows) {
    for (const row of batch) {
      if ('fault' in row) faults.push(row)
      else cells.push(row.cells)
    }
  }
  return { header, cells, faults }
}

describe('A table', () => {
  test('comes out as it went in, through every dialect and in pieces of any size', async () => {
    const sizes = fc.constantFrom(1, 2, 3, 7, 64, 100_000)
    await fc.assert(
      fc.asyncProperty(tables, dialects, fc.boolean(), sizes, async (rows, dialect, strict, size) => {
        const [header = [], ...body] = rows
        const charset = dialect.encoding === 'windows-1251' ? dialect.encoding : undefined
        const read = await readAll(write(rows, dialect), { strict, size, ...(charset && { charset }) })
        expect(read.header).toEqual(header)
        const full = body.filter((row) => row.some((text) => text.trim() !== ''))
        // A row may be refused because its lines look like rows: then that is said.
        if (read.faults.length === 0) expect(read.cells).toEqual(full)
        else for (const { fault } of read.faults) expect(fault).toMatch(/quote|cells and the header/)
      }),
      { numRuns: 300 },
    )
  })

  test('that was cut or lost a quote never loses a row without a word', async () => {
    const width = 5
    const plain = fc.string({ unit: fc.constantFrom(...'абв', ' ', ',', '"'), maxLength: 6 })
    const rows = fc.array(fc.array(plain, { minLength: width, maxLength: width }), { minLength: 2, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(rows, fc.nat(), fc.boolean(), async (body, position, cut) => {
        const dialect = { delimiter: ',', end: '\n', encoding: 'utf-8', quotes: 'needed', separator: false } as const
        const whole = body.map((row, i) => row.map((text, column) => (column === 0 ? `2024-01-0${i + 1}` : text)))
        const table = [names.slice(0, width), ...whole]
        const text = write(table, { ...dialect, blankLines: 0, emptyColumns: 0, lastEnd: true }).toString()
        const begin = text.indexOf('\n') + 1
        const at = begin + (position % (text.length - begin))
        const damaged = cut ? text.slice(0, at) : text.slice(0, at) + text.slice(at).replace('"', '')
        const { cells, faults } = await readAll(Buffer.from(damaged), { strict: false })
        const lines = damaged
          .slice(begin)
          .split('\n')
          .filter((line) => line !== '').length
        // No row has another one in a cell; what is not taken is reported.
        for (const row of cells) expect([row.length, row.join().includes('\n')]).toEqual([width, false])
        if (cells.length < lines) expect(faults).not.toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test.each([
    ['Title,Year,Rating10,Watched,Review', 'The Matrix,1999,9,2024-01-02,"great', 'Gladiator,2000,8,2024-01-03,good"'],
    ['imdb_id,rating,title', 'tt0133093,9,"The Matrix', 'tt0137523,8,Fight Club"'],
    [
      'name,genre,director,rate,year,minutes,text',
      'Первый фильм,драма,А,8,2000,100,"да',
      'Второй,драма,А,8,2000,100,нет"',
    ],
  ])('of %s tells a row that an open quote has swallowed', async (...lines) => {
    for (const strict of [true, false]) {
      const { cells, faults } = await readAll(Buffer.from(`${lines.join('\n')}\n`), { strict })
      expect(faults).not.toEqual([])
      expect(cells.flat().join()).not.toContain('\n')
    }
  })

  test('has texts of several lines', async () => {
    const text =
      'Title,Year,Rating,Review\nThe Matrix,1999,9,"First, this.\nThen, 2 or 3, or 4, of these.\n1, 2, 3, 4"\n'
    const { cells, faults } = await readAll(Buffer.from(text), { strict: false })
    expect([cells.length, faults]).toEqual([1, []])
  })

  test('of a service that once wrote Latin-1 is UTF-8 with a damaged letter, where it has others', async () => {
    const text = 'Const,Your Rating,Title\ntt0133093,9,Матрица\ntt0211915,8,Амели'
    const cut = Buffer.from(text).subarray(0, -1)
    const read = (bytes: Buffer) => findEncoding(sourceOf(bytes), { latin1: /^Const/ })
    await expect(read(cut)).rejects.toThrow(/is not UTF-8 \(line 3/)
    expect(await read(Buffer.from('Const,Your Rating,Title\ntt0211915,8,Am\xe9lie\n', 'latin1'))).toBe('windows-1252')
  })

  test('names the line of the first byte that is no UTF-8, wherever the pieces end', async () => {
    const bytes = Buffer.from(`a,b\r\n1,é\r\n2,\xe9\r\n3,x\r\n`, 'latin1')
    const utf8 = Buffer.concat([Buffer.from('a,b\r\n1,é\r\n2,'), bytes.subarray(bytes.lastIndexOf(0xe9))])
    for (const size of [1, 2, 3, 5, 100]) {
      await expect(readAll(utf8, { size })).rejects.toThrow(/\(line 3, behind "2?,?"\)/)
    }
  })

  test('of windows-1251 is recognised by its words, Russian and Ukrainian', async () => {
    for (const word of ['Матрица', 'Її подорож до Києва', 'ВИЙ', 'Ёлки']) {
      expect((await readAll(toWindows1251(`a,b\n${word},1\n`))).cells).toEqual([[word, '1']])
    }
  })

  test('in another alphabet or another old encoding is not taken for windows-1251', async () => {
    const greek = Buffer.from('a,b\n\xcc\xdc\xf4\xf1\xe9\xee \xea\xe1\xe9 \xeb\xfc\xe3\xef\xf2,1\n', 'latin1')
    const koi8 = Buffer.from('a,b\n\xed\xc1\xd4\xd2\xc9\xc3\xc1,1\n', 'latin1')
    const french = Buffer.from('a,b\nLes enfants du si\xe8cle,1\n\xc9t\xe9,2\n', 'latin1')
    const brokenUtf8 = Buffer.concat([Buffer.from('a,b\nМатрица,1\n'), Buffer.from([0xcc, 0xe0, 0xf2, 10])])
    for (const bytes of [greek, koi8, french, brokenUtf8]) await expect(readAll(bytes)).rejects.toThrow(/is not UTF-8/)
    expect((await readAll(koi8, { charset: 'koi8-r' })).cells).toEqual([['Матрица', '1']])
  })

  test('of a page is its rows, also without the ends of its tags', async () => {
    const page = '<table><tr><th>a<th>b<tr><td>1 &amp; <b>2</b><td>x<br>y</table>'
    expect(await readAll(Buffer.from(page))).toEqual({ header: ['a', 'b'], cells: [['1 & 2', 'x y']], faults: [] })
    expect((await readAll(fileOf('L09-kinopoisk-html.xls'))).cells[0]?.slice(0, 2)).toEqual(['Матрица', 'The Matrix'])
  })
})

describe('Times', () => {
  test.each([
    ['2018-01-02', '2018-01-02T00:00:00Z'],
    ['2018-01-02 00:00:00', '2018-01-02T00:00:00Z'],
    ['2018/1/2 7:05', '2018-01-02T07:05:00Z'],
    ['2015-10-23T20:02:21.937+00:00', '2015-10-23T20:02:21.937+00:00'],
    ['2024-01-02T00:00:00.123456Z', '2024-01-02T00:00:00.123456Z'],
    ['2024-01-02 10:00 UTC', '2024-01-02T10:00:00Z'],
    ['02.01.2018', '2018-01-02T00:00:00Z'],
    ['2.1.18', '2018-01-02T00:00:00Z'],
    ['02.01.2018 г., 15:30', '2018-01-02T15:30:00Z'],
    ['10:53:27 11.04.2016', '2016-04-11T10:53:27Z'],
    ['31/01/2018', '2018-01-31T00:00:00Z'],
    ['1/31/2018 9:05 PM', '2018-01-31T21:05:00Z'],
    ['2/2/2018', '2018-02-02T00:00:00Z'],
    ['Fri Aug  3 00:00:00 2007', '2007-08-03T00:00:00Z'],
    ['2 января 2018 г.', '2018-01-02T00:00:00Z'],
    ['2 січня 2018', '2018-01-02T00:00:00Z'],
    ['January 2, 2018', '2018-01-02T00:00:00Z'],
    ['02-Jan-2018', '2018-01-02T00:00:00Z'],
    // As PostgreSQL writes it.
    ['2020-01-01 10:00:00+00', '2020-01-01T10:00:00+00:00'],
    ['2020-01-01 10:00:00.5+03', '2020-01-01T10:00:00.5+03:00'],
  ])('%s is %s', (text, time) => {
    expect(readTime(text)).toBe(time)
  })

  test.each([
    '1/2/2018',
    '1-2-2018',
    '43102',
    '2018',
    '2018-02-31',
    '31.04.2018',
    '2018-01-02 25:00',
    '2018-13-01',
    'вчера',
    '2 foo 2018',
    '2020-01-01T00:00:00+23:00',
  ])('%s is none, or has two meanings', (text) => {
    expect(readTime(text)).toBeUndefined()
  })
})

test('Numbers are read as columns of floats and other keyboards have them', () => {
  expect(['1999', '1999.0', '1999,00', ' 1999\u00a0', '１９９９'].map(readInteger)).toEqual(Array(5).fill(1999))
  expect(['1E+09', '1 999', '-1', '19.5', '', 'x'].map(readInteger)).toEqual(Array(6).fill(undefined))
  const years = [
    '1999',
    '1999.0',
    '1999–2003',
    '1999-',
    '1999 – ',
    '1999-03-31',
    '1999-03-31T00:00:00Z',
    '31.03.1999',
    '1999 г.',
    '1999 – ...',
    '1999-…',
    '3/24/1999',
    '1/2/1999',
    '1999/03/31',
    '31 Mar 1999',
    '31 марта 1999 г.',
    'March 31, 1999',
    'Mar 1999',
  ]
  expect(years.map(readYear)).toEqual(Array(years.length).fill(1999))
  expect(['97', '199', '19999', 'x1999', '1999x'].map(readYear)).toEqual(Array(5).fill(undefined))
})

test('Damaged text is told from sound text of many languages', () => {
  const sound = [
    'Матрица',
    'Amélie',
    'Łódź',
    'Что? Где? Когда?',
    'What???',
    'Ещё раз про любовь',
    'Її подорож',
    'Ночь № 5 — «СССР»',
  ]
  const more = [
    'Été',
    'ÄÖÜ',
    'Œuvre',
    '¿Qué?',
    '千と千尋の神隠し',
    'Ρεμπέτικο',
    '🎬',
    '',
    '1917',
    '?',
    '??',
    'São Paulo',
    'Þór',
    'Вий (1967)',
    ...['Ні', 'Пі', 'Її', 'Её', 'Гі', 'CAFÉ…', 'CAFÉ\u00a0SOCIETY', 'BEYONCÉ’S HOMECOMING'],
  ]
  for (const text of [...sound, ...more]) expect([text, damageOf(text)]).toEqual([text, undefined])
  const text = 'Ёлки, Матрица и Її подорож'
  for (const page of ['windows-1251', 'windows-1252']) {
    const misread = new TextDecoder(page).decode(Buffer.from(text))
    expect([misread, damageOf(misread)]).toEqual([misread, expect.any(String)])
  }
  for (const text of ['Amélie', 'Łódź', 'ñ']) expect(damageOf(Buffer.from(text).toString('latin1'))).toBeDefined()
  expect(damageOf('Ìàòðèöà')).toBe('Ìàòðèöà')
  expect(damageOf('åƒã¨åƒ')).toBeDefined()
  expect(damageOf('????????: Genisys')).toBeDefined()
  expect(damageOf('???')).toBe('???')
})

test('The id of a film is read in an address where it is one of Kinopoisk itself', () => {
  expect(readId('https://www.kinopoisk.ru/film/301/', 'film')).toBe(301)
  expect(() => readId('https://hd.kinopoisk.ru/film/301', 'film')).toThrow(/must be the id of a film/)
  expect(() => readId('tt0133093', 'film')).toThrow(/must be the id of a film/)
})

test('An empty export of Trakt is told as one', () => {
  expect(() => readTrakt('[]')).toThrow(/nothing in it/)
})
