import { describe, expect, test } from 'vitest'
import { plainText } from '../src/kinopoisk/supplements/values.ts'
import { findDelimiter, guardFormula, unguardFormula } from '../src/text/csv.ts'
import { beginsWithDay } from '../src/text/dates.ts'

describe('A cell that a spreadsheet would take for a formula', () => {
  test.each([...'=+-@＝＋－＠', '\ttab', '\rcr', "'=1", "''@x"])('%j is guarded and comes back', (text) => {
    expect(guardFormula(text)).toBe(`'${text}`)
    expect(unguardFormula(guardFormula(text))).toBe(text)
  })

  test.each([
    ['x;=1+1;y', "x;'=1+1;y"],
    ["=a;'-b;;@c", "'=a;''-b;;'@c"],
    ['x,=1+1,y', "x,'=1+1,y"],
    ['x\n=1+1', "x\n'=1+1"],
    ['x\r\n-1', "x\r\n'-1"],
    ['\t=1', "'\t'=1"],
    ['\r\r\t', "'\r'\r'\t"],
  ])('behind what may part cells, too: %j', (text, cell) => {
    expect(guardFormula(text)).toBe(cell)
    expect(unguardFormula(cell)).toBe(text)
  })

  test.each(['', 'a=1', "'Round Midnight", "'", "''", ' =1', 'a, =1', '\n =1'])('%j is left as it is', (text) => {
    expect(guardFormula(text)).toBe(text)
    expect(unguardFormula(text)).toBe(text)
  })
})

describe('The delimiter', () => {
  test.each([
    [',', 'of Letterboxd', 'Date,Name,Year,Letterboxd URI,Rating\n2023-01-01,Heat;1,1995,x,4'],
    [',', 'of IMDb', 'Const,Your Rating,Date Rated,Title,"Title, original",URL\n'],
    [';', 'of Excel, with a mark', '\ufeff"name";"genre";"director, id";"rate"\n'],
    ['\t', 'of a pasted table', 'name\tgenres, joined\trate; of 10\tyear\n'],
    [';', 'though a bare cell has a comma', 'name;genres (a, b);rate;year\n'],
    [';', 'though a quoted cell has more commas', 'name;"Genres, all, in their order, by name";year\n'],
    [',', 'though a quoted cell has more semicolons', '"a;b;c;d",name,year\n'],
    [';', 'though a quoted cell has quotes', '"say ""a,b,c,d""";name\n'],
    ['\t', 'behind a mark and a quoted cell', '\ufeff"x,y,z"\tyear\n'],
    [';', 'of a header with a line end in a cell', '"two\nlines, and commas, and more";name\n1,2,3;4\n'],
    [';', 'of a header below blank lines', '\n\r\n \nname;genre;rate, of 10\n'],
    ['\t', 'where lines end with CR', 'name\tyear\r1,2,3,4\r'],
    [',', 'with a quote inside of a cell', 'name,5" disc;x,year\n"a;b;c;d;e;f";x\n'],
    [',', 'with a quote that is never closed', 'name,year,"rate;x\n1;2;3;4;5;6\n'],
    [',', 'of as many of each', 'a,b;c\td\n'],
    [',', 'of one column', 'name\na;b\n'],
    [',', 'of nothing', ''],
  ])('is %j %s', (delimiter, _how, head) => {
    expect(findDelimiter(head)).toBe(delimiter)
  })
})

describe('A day of the calendar', () => {
  test.each(['2024-02-29', '2000-02-29', '1999-12-31', '0001-01-01', '2026-01-01T10:00:00Z'])('is %s', (text) => {
    expect(beginsWithDay(text)).toBe(true)
  })

  test.each([
    '2023-02-29',
    '1900-02-29',
    '2026-02-31T10:00:00Z',
    '2026-04-31',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
  ])('is not %s', (text) => {
    expect(beginsWithDay(text)).toBe(false)
  })
})

describe('HTML', () => {
  test.each([
    ['<b>Нео</b> и <a href="/name/7836/" class="all">Киану Ривз</a>', 'Нео и Киану Ривз'],
    ['одна<br>две<br />три', 'одна\nдве\nтри'],
    ['&#171;Матрица&#187; &laquo;&raquo; &#x41;', '«Матрица» «» A'],
    ['2 < 3 и 5 > 4, a<', '2 < 3 и 5 > 4, a<'],
    ['&unknown; &;', '&unknown; &;'],
    ['&amp;lt;b&amp;gt; &lt;b&gt;', '&lt;b&gt; <b>'],
    ['<script>alert(1)</script>', 'alert(1)'],
  ])('%j reads %j', (html, text) => expect(plainText(html)).toBe(text))
})
