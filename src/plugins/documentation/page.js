/**
 * /docs: Swagger UI, and above it the first steps. The tokens of whoever logs in here are in this closure alone: no storage has them,
 * and a reload forgets them.
 */
;(() => {
  const base = new URL(location.pathname.replace(/docs\/?$/, ''), location.origin)
  const earlyMs = 10_000
  /** @type {{ login?: string, access: string, refresh: string, endsAt: number } | undefined} */
  let session
  /** One renewal for all requests that wait for it. */
  let renewal
  let ui
  let status

  // In place of the start by @fastify/swagger-ui, which keeps `ui` to itself.
  window.onload = () => {
    document.querySelector('#swagger-ui').before(steps())
    ui = SwaggerUIBundle({
      dom_id: '#swagger-ui',
      url: new URL('docs/json', base).href,
      presets: [SwaggerUIBundle.presets.apis],
      layout: 'BaseLayout',
      deepLinking: true,
      docExpansion: 'list',
      defaultModelsExpandDepth: 0,
      tryItOutEnabled: true,
      persistAuthorization: false,
      validatorUrl: null,
      requestInterceptor: withToken,
      responseInterceptor: withSession,
    })
  }

  /** Of a request that carries the token of this page, the one that is good now. */
  async function withToken(request) {
    const { authorization = '', ...others } = Object.fromEntries(
      Object.entries(request.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
    )
    if (!session || authorization !== `Bearer ${session.access}`) return request
    if (performance.now() > session.endsAt - earlyMs) await renew()
    if (session) request.headers = { ...others, Authorization: `Bearer ${session.access}` }
    return request
  }

  /** A log-in by an operation of the document, or in the dialog "Authorize", is one of the page. */
  function withSession(response) {
    const { pathname } = new URL(response.url ?? '', location.href)
    const path = pathname.slice(base.pathname.length - 1)
    if (!response.ok) {
      if (session && response.status === 401) endSession('The session has ended. Log in again.')
      return response
    }
    if (/^\/(auth\/)?login$/.test(path)) {
      const pair = response.obj ?? response.body
      if (pair?.refresh_token) keep(pair)
    }
    if (/^\/(auth\/)?logout$/.test(path)) endSession('Logged out.')
    return response
  }

  function renew() {
    renewal ??= send('PUT', 'auth/login', { refresh_token: session.refresh })
      .then((pair) => keep(pair, session?.login))
      .catch(() => endSession('The session has ended. Log in again.'))
      .finally(() => {
        renewal = undefined
      })
    return renewal
  }

  function keep({ access_token, refresh_token, expires_in }, login) {
    session = { login, access: access_token, refresh: refresh_token, endsAt: performance.now() + expires_in * 1000 }
    ui.preauthorizeApiKey('bearer', access_token)
    say(`Logged in${login ? ` as ${login}` : ''}. Requests below carry the token, which is renewed when it ends.`, true)
  }

  function endSession(text) {
    session = undefined
    ui.authActions.logout(['bearer'])
    say(text, false)
  }

  async function send(method, path, body) {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(new URL(path, base), { method, headers, body: JSON.stringify(body) })
    const read = await answer.json().catch(() => ({}))
    if (!answer.ok) throw new Error(read.detail ?? `The service answers with ${answer.status}`)
    return read
  }

  function say(text, isLoggedIn) {
    status.textContent = text
    document.body.classList.toggle('logged-in', isLoggedIn)
  }

  /** Elements are made, as the policy of the page allows nothing inline. */
  function make(name, properties = {}, ...children) {
    const element = Object.assign(document.createElement(name), properties)
    element.append(...children)
    return element
  }

  function steps() {
    const field = (name, type, autocomplete) =>
      make('input', { name, type, autocomplete, required: true, ariaLabel: name, placeholder: name })
    const button = (value, textContent) => make('button', { type: 'submit', value, textContent })
    const login = field('login', 'text', 'username')
    const password = field('password', 'password', 'current-password')
    const form = make('form', {}, login, password, button('register', 'Register'), button('login', 'Log in'))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      void enter(login.value, password, event.submitter?.value === 'register')
    })
    status = make('p', { role: 'status', textContent: 'Not logged in.' })
    const icon = make('img', { src: new URL('favicon.ico', base).href, alt: '', width: 32, height: 32 })
    const list = make(
      'ol',
      {},
      make('li', {}, 'Register with a phone, an e-mail or a user name, or log in.', form, status),
      make(
        'li',
        {},
        'Open an operation below, such as ',
        make('code', {}, 'GET /movies/search'),
        ', and press Execute.',
      ),
      make('li', {}, 'For a program of yours make a personal key: ', make('code', {}, 'POST /user/keys'), '.'),
    )
    return make(
      'section',
      { className: 'steps' },
      make('h1', {}, icon, 'Kinoteka'),
      make('h2', {}, 'First steps'),
      list,
    )
  }

  async function enter(login, password, isNew) {
    const account = { login, password: password.value }
    try {
      if (isNew) await send('POST', 'register', account)
      keep(await send('POST', 'login', account), login)
      password.value = ''
    } catch (error) {
      say(error.message, session !== undefined)
    }
  }
})()
