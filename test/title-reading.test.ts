import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readTitle } from '../src/text/title-reading.ts'

describe('A query with more than a title', () => {
  test.each([
    ['интерстеллар 2014', 'интерстеллар', 2014],
    ['брат 2 2000', 'брат 2', 2000],
    ['The Matrix 1999', 'the matrix', 1999],
    ['Матрица (1999)', 'матрица', 1999],
    ['Матрица [1999]', 'матрица', 1999],
    ['Матрица, 1999 г.', 'матрица', 1999],
    ['матрица-1999', 'матрица', 1999],
    ['2014 интерстеллар', 'интерстеллар', 2014],
    ['2012 2009', '2012', 2009],
    ['1984 (1984)', '1984', 1984],
    ['[REC] 2007', 'rec', 2007],
    ['Матрица.1999.BDRip.mkv', 'матрица', 1999],
    ['The.Matrix.1999.1080p.BluRay.x264-GROUP', 'the matrix', 1999],
    ['The.Matrix.1999.REMASTERED.2160p.UHD.mkv', 'the matrix', 1999],
    ['Интерстеллар_(2014)_WEB-DL', 'интерстеллар', 2014],
    ['2001.A.Space.Odyssey.1968.720p.mkv', '2001 a space odyssey', 1968],
    ['Blade Runner 2049 (2017) BDRip 1080p', 'blade runner 2049', 2017],
    ['D:\\Кино\\Брат.2.2000.avi', 'брат 2', 2000],
    ['/films/Матрица.1999.mkv', 'матрица', 1999],
    ['[RuTracker] Матрица 1999', 'матрица', 1999],
    ['Матрица.BDRip.1999', 'матрица', 1999],
    ['1984.1080p.mkv', '1984', undefined],
    ['смотреть интерстеллар онлайн', 'интерстеллар', undefined],
    ['брат (Россия, 1997)', 'брат', 1997],
    ['Матрица / The Matrix (Лана Вачовски) [1999, США, BDRip 1080p] Dub + Original (Eng)', 'матрица the matrix', 1999],
    ['Матрица [1999] DUB', 'матрица', 1999],
    ['Матрица 1999 дубляж', 'матрица', 1999],
    ['матрица (1999) rus', 'матрица', 1999],
    ['www.torrent.ru_Интерстеллар_2014.mkv', 'интерстеллар', 2014],
    ['www.Torrent.org - The Matrix 1999', 'the matrix', 1999],
    ['Матрица смотреть онлайн бесплатно в хорошем качестве', 'матрица', undefined],
    ['Матрица трейлер на русском языке', 'матрица', undefined],
    ['2012 трейлер', '2012', undefined],
    ['Rush 2013', 'rush', 2013],
    ['Dub 2013', 'dub', 2013],
    ['Rus’ (2010)', 'rus’', 2010],
    ['Трейлер 2010', 'трейлер', 2010],
    ['Качество 2010', 'качество', 2010],
    ['смотреть Трейлер онлайн', 'трейлер', undefined],
  ])('%j is %j of %j', (query, title, year) => {
    expect(readTitle(query)).toEqual({ title, year, isSeries: undefined })
  })

  test.each([
    ['друзья сериал', 'друзья', undefined, true],
    ['Друзья (сериал)', 'друзья', undefined, true],
    ['сериал Друзья 1994', 'друзья', 1994, true],
    ['друзья S01', 'друзья', undefined, true],
    ['Друзья s01e02', 'друзья', undefined, true],
    ['друзья С01Е02', 'друзья', undefined, true],
    ['Friends.S01E02.The.One.With.1080p.mkv', 'friends', undefined, true],
    ['Друзья 1x02', 'друзья', undefined, true],
    ['друзья 1 сезон', 'друзья', undefined, true],
    ['друзья сезон 1', 'друзья', undefined, true],
    ['Друзья 10 сезон 5 серия', 'друзья', undefined, true],
    ['друзья сезон 1 серия 2', 'друзья', undefined, true],
    ['Друзья 1-3 сезоны', 'друзья', undefined, true],
    ['друзья первый сезон', 'друзья', undefined, true],
    ['Friends season 2', 'friends', undefined, true],
    ['Друзья с 1 по 10 сезон', 'друзья', undefined, true],
    ['Friends.Season.1.Complete.720p', 'friends', undefined, true],
    ['Друзья / Friends / Сезон: 1 / Серии: 1-24 из 24 (Кевин Брайт) [1994]', 'друзья friends', 1994, true],
    ['Друзья 1994-2004 сериал', 'друзья', 1994, true],
    ['фильм Матрица', 'матрица', undefined, false],
    ['матрица фильм 1999', 'матрица', 1999, false],
  ])('%j is %j', (query, title, year, isSeries) => {
    expect(readTitle(query)).toEqual({ title, year, isSeries })
  })

  test.each([
    '',
    '?!',
    '1984',
    '2012',
    'Сериал',
    'фильм',
    'матрица',
    'Брат-2',
    '«Матрица»',
    'x-men',
    'S01E01',
    'Dub',
    'Rush',
    'Rus’',
    'Трейлер',
    'Качество',
    'Complete Unknown',
    'The Original',
    'www.torrent.ru',
    '1080p',
    '(2012)',
  ])('%j is no more than a title', (query) => {
    expect(readTitle(query)).toBeUndefined()
  })

  test('never throws, and has a title', () => {
    const unit = fc.constantFrom(
      ...['матрица', '1999', '2012', ' ', '.', '_', '(', ')', '[', ']', 'сериал', 's01', 'mkv', '-'],
    )
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit, maxLength: 12 }), fc.string({ unit: 'grapheme' })), (query) => {
        expect(readTitle(query)?.title ?? 'none').toMatch(/[\p{L}\p{N}]/u)
      }),
    )
  })
})
