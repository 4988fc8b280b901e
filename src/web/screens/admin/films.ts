import { api, download, invalidate, useGet, withQuery } from '../../api.ts'
import { html, useState, type VNode } from '../../html.ts'
import { score, t } from '../../i18n.ts'
import { invalidateLists } from '../../parts/endless.ts'
import { announce, Empty, ErrorNote, Loading } from '../../parts/feedback.ts'
import { Field, Form, Select, useWork } from '../../parts/form.ts'
import { ImportPanel } from '../../parts/import-panel.ts'
import { navigate, type Place } from '../../router.ts'
import type { Film, FilmPage, Named } from '../../types.ts'

type Values = Record<string, string>

export function Films({ place: { query } }: { place: Place }): VNode {
  const q = query.get('q') ?? ''
  const page = Number(query.get('page') ?? 1) || 1
  const films = useGet<FilmPage & { pages: number }>(withQuery('/films', { q, page, sort: 'name' }))
  const [edited, setEdited] = useState<Film | 'new' | undefined>()
  const work = useWork()
  const done = () => {
    setEdited(undefined)
    invalidate()
    invalidateLists()
    films.reload()
  }
  const remove = (film: Film) =>
    confirm(t('films.remove.sure', { name: film.name })) &&
    work.run(async () => {
      await api('DELETE', `/films/${film.id}`)
      announce(t('films.removed'))
      done()
    })
  const at = (page: number) => withQuery('/app/admin/films', { q, page })
  return html`
    <div class="toolbar">
      <form class="name-filter" onSubmit=${(event: SubmitEvent) => {
        event.preventDefault()
        navigate(
          withQuery('/app/admin/films', {
            q: String(new FormData(event.currentTarget as HTMLFormElement).get('q') ?? ''),
          }),
        )
      }}><div class="field"><label for="films-q">${t('filter.name')}</label><input key=${q} id="films-q" name="q" type="search" maxlength="200" defaultValue=${q} /></div></form>
      <button class="primary" onClick=${() => setEdited('new')}>${t('films.add')}</button>
      <button disabled=${work.busy} onClick=${() => work.run(() => download('/films/export.csv', 'films.csv'))}>${t('films.export')}</button>
    </div>
    <${ErrorNote} error=${work.error ?? films.error} retry=${films.reload} />
    ${edited && html`<${Editor} key=${edited === 'new' ? 'new' : edited.id} film=${edited === 'new' ? undefined : edited} onDone=${done} onCancel=${() => setEdited(undefined)} />`}
    ${!films.data && films.loading && html`<${Loading} />`}
    ${films.data?.items.length === 0 && html`<${Empty} title=${t('catalogue.nothing')} />`}
    ${
      films.data &&
      films.data.items.length > 0 &&
      html`<div class="table" tabindex="0" role="region" aria-label=${t('films')}><table>
        <thead><tr><th>${t('title')}</th><th class="number">${t('year')}</th><th class="number">${t('rating')}</th><th>${t('director')}</th><th><span class="visually-hidden">${t('actions')}</span></th></tr></thead>
        <tbody>${films.data.items.map(
          (
            film,
          ) => html`<tr key=${film.id}><td class="wide"><a href=${`/app/film/${film.id}`}>${film.name}</a></td><td class="number">${film.year}</td><td class="number">${film.rate === null ? '' : score(film.rate)}</td><td>${film.director?.name}</td>
            <td><span class="actions"><button onClick=${() => {
              setEdited(film)
              scrollTo(0, 0)
            }}>${t('edit')}<span class="visually-hidden"> ${film.name}</span></button><button class="danger" onClick=${() => remove(film)}>${t('remove')}<span class="visually-hidden"> ${film.name}</span></button></span></td></tr>`,
        )}</tbody></table></div>
        <nav class="pager" aria-label=${t('pages')}>${page > 1 ? html`<a class="button" href=${at(page - 1)}>${t('previous')}</a>` : null}<span>${t('page.of', { page, pages: films.data.pages })}</span>${page < films.data.pages ? html`<a class="button" href=${at(page + 1)}>${t('next')}</a>` : null}</nav>`
    }
    <${ImportPanel} path="/films/import" help=${t('import.films.help')} accept=".csv,.txt" />
  `
}

function Editor({ film, onDone, onCancel }: { film: Film | undefined; onDone(): void; onCancel(): void }): VNode {
  const directors = useGet<Named[]>('/directors')
  const save = async (values: Values) => {
    const body = bodyOf(values)
    await (film ? api('PATCH', `/films/${film.id}`, body) : api('POST', '/films', body))
    announce(t('saved'))
    onDone()
  }
  const options: [string, string][] = [
    ['', '—'],
    ...(directors.data ?? []).map(({ id, name }): [string, string] => [String(id), name]),
  ]
  return html`<section class="panel"><h2>${film ? film.name : t('films.add')}</h2>
    ${
      !film &&
      html`<${Form} submit=${t('films.byId')} onSubmit=${async ({ kinopoisk_id }: Values) => {
        await api('POST', '/films', { kinopoisk_id: Number(kinopoisk_id) })
        announce(t('saved'))
        onDone()
      }}>${(fault: unknown) => html`<${Field} label=${t('films.kinopoiskId')} name="kinopoisk_id" inputmode="numeric" pattern="[0-9]{1,9}" required help=${t('films.byId.help')} error=${fault} />`}<//>
      <h3>${t('films.byHand')}</h3>`
    }
    <${Form} submit=${t('save')} onSubmit=${save}>
      ${(fault: unknown) => html`<div class="form-grid">
        <${Field} label=${t('title')} name="name" required maxlength="500" value=${film?.name ?? ''} error=${fault} />
        <${Field} label=${t('title.original')} name="original_name" maxlength="500" value=${film?.original_name ?? ''} error=${fault} />
        <${Field} label=${t('genres')} name="genres" help=${t('genres.help')} required maxlength="500" value=${film?.genres.join(', ') ?? ''} error=${fault} />
        <${Select} label=${t('director')} name="director_id" value=${String(film?.director_id ?? '')} options=${options} />
        <${Field} label=${t('rating')} name="rate" type="number" min="0" max="10" step="0.01" required value=${film?.rate ?? ''} error=${fault} />
        <${Field} label=${t('year')} name="year" type="number" min="1888" max="2200" required value=${film?.year ?? ''} error=${fault} />
        <${Field} label=${t('minutes.field')} name="minutes" type="number" min="1" max="1440" required=${!film} value=${film?.minutes ?? ''} error=${fault} />
        <${Field} label=${t('trailer')} name="trailer" type="url" maxlength="2048" value=${film?.trailer ?? ''} error=${fault} />
        <${Field} label=${t('poster')} name="poster_url" type="url" maxlength="2048" value=${film?.poster_url ?? ''} error=${fault} />
      </div>
      <${Field} label=${t('description')} name="description" type="textarea" maxlength="10000" value=${film?.description ?? ''} error=${fault} />`}
    <//>
    <p><button type="button" class="link" onClick=${onCancel}>${t('cancel')}</button></p>
  </section>`
}

function bodyOf({
  name,
  original_name,
  genres = '',
  director_id,
  rate,
  year,
  minutes,
  trailer,
  poster_url,
  description,
}: Values) {
  return {
    ...{ name, original_name, trailer, poster_url, description },
    genres: genres
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean),
    ...(director_id && { director_id: Number(director_id) }),
    ...(rate && { rate: Number(rate) }),
    ...(year && { year: Number(year) }),
    ...(minutes && { minutes: Number(minutes) }),
  }
}
