/** What a column can say of a row. */
export type Field =
  | 'list'
  | 'film_id'
  | 'kinopoisk_id'
  | 'imdb_id'
  | 'url'
  | 'identity'
  | 'title'
  | 'original_title'
  | 'year'
  | 'kind'
  | 'season'
  | 'episode'
  | 'rating'
  | 'rating10'
  | 'status'
  | 'rated_at'
  | 'added_at'
  | 'updated_at'

/** Names of columns as `columnKey` has them, the best first. */
export type Columns = Partial<Record<Field, string>>

const watched = 'watcheddate watchedat watchdate lastwatched lastwatchedat датапросмотра датаперегляду'
const rated = 'daterated ratedat ratingdate датаоценки датаоцінки датаивремя датаивремяоценки датаічас'
const added =
  'dateadded addedat added adddate created createdat listedat датадобавления добавлено датадодавання додано modified'
const day = 'date дата timestamp time время час'

const ownScore =
  'yourrating myrating userrating personalrating yourated yourate youvote yourvote myvote yourscore myscore ' +
  'мояоценка личнаяоценка мойрейтинг мояоцінка особистаоцінка мійрейтинг'
const anyScore = 'score mark vote оценка оценил балл баллы оцінка бал бали'

/** The columns with scores that Letterboxd's import form does not have. */
export const otherScores = `${ownScore} ${anyScore} рейтинг`

/** Whether a column has the scores of the file's owner, by its name: beside them those of a site may stand. */
export function isOwnScore(key: string): boolean {
  return key === 'rating10' || ownScore.split(' ').includes(key)
}

/** The names that people give to the columns of a plain table, in English, Russian and Ukrainian. */
export const plainColumns = {
  kinopoisk_id: 'kinopoiskid kpid idkinopoisk kinopoisk kp idкинопоиска idкинопоиск кинопоиск кинопоискid idкп кп',
  imdb_id: 'imdbid imdb idimdb imdbcode const tconst imdbидентификатор',
  url: 'url imdburl imdblink kinopoiskurl kinopoisklink link address адрес ссылка посилання',
  identity: 'tmdbid tmdb themoviedbid letterboxduri',
  title:
    'title name movie film movietitle filmtitle moviename filmname primarytitle titleru nameru titleuk nameuk titleua ' +
    'название названиефильма названиерусское русскоязычноеназвание русскоеназвание фильм кино наименование заголовок ' +
    'назва назвафільму назвафiльму українськаназва фільм кіно стрічка',
  original_title:
    'originaltitle originalname titleoriginal nameoriginal titleen nameen englishtitle internationaltitle alttitle ' +
    'оригинальноеназвание названиеоригинальное названиеворигинале оригинал английскоеназвание ' +
    'оригінальнаназва назваоригінальна назваворигіналі назваоригіналом оригінал англійськаназва',
  year:
    'year releaseyear yearofrelease startyear filmyear movieyear год годвыпуска годвыхода годсоздания ' +
    'рік ріквипуску ріквиходу releasedate released датавыхода датавиходу',
  kind: 'titletype type mediatype kind тип видфильма видвидео вид',
  season: 'season seasonnumber сезон',
  episode: 'episode episodenumber серия эпизод серія епізод',
  rating: `${ownScore} rating10 ${anyScore} rating рейтинг`,
  rated_at: [rated, day, watched, added].join(' '),
  added_at: [added, day, rated, watched].join(' '),
} satisfies Columns
