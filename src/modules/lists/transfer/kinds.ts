// What services call what is no film, in the languages of IMDb's pages.
const kinds: [RegExp, string][] = [
  [/podcast|подкаст/, 'a podcast'],
  [/episod|épisod|эпизод|епізод|folge$|^(?:\d+\S* )?сер(?:ия|ии|ія|ії)$/, 'a TV episode'],
  [/^season|season$|^сезон|сезон$|saison|staffel/, 'a season of a series'],
  [/game|videospiel|jeu\b|videojueg|videogioc|игр[аы]|^гра$|^ігри$|відео(?:гра|ігри)/, 'a game'],
  [/^manga|манга|^book|книга|^книги|comic|комикс/, 'a book or comic'],
  [/music ?video|musikvideo|clip vid|видеоклип|music ?album/, 'a music video'],
  [/^person$|^people$/, 'a person'],
]

/** What a row is, by its words, if that is no film; `season` and `episode` are the cells that name one. */
export function otherKind(kind: string, season: string, episode: string): string | undefined {
  if (episode.trim() !== '') return 'a TV episode'
  const text = kind
    .trim()
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
  const [, found] = kinds.find(([form]) => form.test(text)) ?? []
  return found ?? (season.trim() === '' ? undefined : 'a season of a series')
}
