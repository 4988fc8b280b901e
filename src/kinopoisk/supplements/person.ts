import { address, count, isExpectation, name, percent, poster, rating, text } from '../values.ts'
import { filmNames } from './film.ts'
import type { Person } from './schemas.ts'
import { day, plainText } from './values.ts'

/** More than anybody has; the answer has a bound. */
const maxRows = 1000

export function normaliseProfile(person: Person) {
  const original = name(person.nameEn)
  const films = person.films ?? []
  const facts = (person.facts ?? []).map(plainText).filter((fact) => fact !== null)
  return {
    id: person.personId,
    name: name(person.nameRu) ?? original,
    original_name: original,
    sex: text(person.sex),
    birth_date: day(person.birthday),
    death_date: day(person.death),
    age: count(person.age),
    birth_place: name(person.birthplace),
    death_place: name(person.deathplace),
    height_cm: count(person.growth) || null,
    profession: text(person.profession),
    awards: count(person.hasAwards),
    photo_url: poster(person.posterUrl),
    web_url: address(person.webUrl),
    facts: facts.slice(0, maxRows),
    films_total: films.length,
    films: films.slice(0, maxRows).map(normalisePart),
  }
}

/** A film once for each profession that the person has in it. */
function normalisePart(film: NonNullable<Person['films']>[number]) {
  const isExpected = isExpectation(film.rating)
  return {
    ...filmNames(film),
    rating: isExpected ? null : rating(film.rating),
    await_percent: isExpected ? percent(film.rating) : null,
    profession: text(film.professionKey),
    role: text(film.description),
    is_main: film.general ?? null,
  }
}
