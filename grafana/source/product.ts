import { dashboard, graph, stat } from './panels.ts'

const during = (metric: string, labels = '') => `sum(increase(${metric}${labels}[$__range])) or on () vector(0)`
const perMinute = (metric: string, by: string) =>
  `60 * sum by (${by}) (rate(${metric}[$__rate_interval])) or on () vector(0)`
const asked = (route: string) => `http_request_duration_seconds_count{route="${route}"}`

export const product = dashboard(
  {
    uid: 'kinoteka-product',
    title: 'Product',
    description: 'What people do with it.',
  },
  {
    'At a glance': [
      [
        stat('Users', 'max(users_registered)', { description: 'Accounts that there are.' }),
        stat('Active today', 'max(users_active{window="1d"})', {
          description: 'Users who did something in the last 24 hours.',
        }),
        stat('Active in 30 days', 'max(users_active{window="30d"})', {
          description: 'Users who did something in 30 days.',
        }),
        stat('Sign-ups', during('auth_registrations_total', '{outcome="ok"}'), {
          decimals: 0,
          description: 'In the chosen time.',
        }),
        stat('Searches', during('http_request_duration_seconds_count', '{route="/movies/search",status_code="200"}'), {
          decimals: 0,
          description: 'In the chosen time.',
        }),
        stat('Screens shown', during('web_views_total'), {
          decimals: 0,
          description: 'Of the page for people, in the chosen time.',
        }),
        stat('Put into lists', during('list_changes_total', '{change="add"}'), {
          decimals: 0,
          description: 'Favourites and wishlists, in the chosen time.',
        }),
      ],
    ],
    Accounts: [
      [
        graph(
          'Users',
          { registered: 'max(users_registered)', 'active in {{window}}': 'max by (window) (users_active)' },
          {
            description: 'Accounts, and how many of them are used.',
          },
        ),
        graph(
          'Sign-ups',
          { '{{outcome}}': perMinute('auth_registrations_total', 'outcome') },
          {
            unit: 'cpm',
            description: 'A minute, by how they ended.',
          },
          'stacked',
        ),
        graph(
          'Logins',
          { '{{outcome}}': perMinute('auth_logins_total', 'outcome') },
          {
            unit: 'cpm',
            description: 'A minute, by how they ended.',
            runbook: 'LoginsThrottled',
          },
          'stacked',
        ),
        graph(
          'Sessions',
          {
            'refreshed: {{outcome}}': perMinute('auth_refreshes_total', 'outcome'),
            'logged out': '60 * sum(rate(auth_logouts_total[$__rate_interval])) or on () vector(0)',
          },
          { unit: 'cpm', description: 'A minute.' },
        ),
      ],
      [
        graph(
          'Throttled',
          { 'by {{by}}': perMinute('auth_throttled_total', 'by') },
          {
            unit: 'cpm',
            description: 'Logins that were told to wait.',
            runbook: 'LoginsThrottled',
          },
          'stacked',
        ),
        graph(
          'Refresh tokens used twice',
          { reused: '60 * sum(rate(auth_refresh_reuse_total[$__rate_interval])) or on () vector(0)' },
          {
            unit: 'cpm',
            description: 'A stolen token, or a client that keeps an old one; the session is ended.',
            runbook: 'RefreshTokenReused',
          },
        ),
      ],
    ],
    Films: [
      [
        graph(
          'Searches and look-ups',
          {
            'Kinopoisk searched': `60 * sum(rate(${asked('/movies/search')}[$__rate_interval])) or on () vector(0)`,
            'film looked at': `60 * sum(rate(${asked('/movies/:id')}[$__rate_interval])) or on () vector(0)`,
            'catalogue listed': `60 * sum(rate(${asked('/films')}[$__rate_interval])) or on () vector(0)`,
          },
          { unit: 'cpm', description: 'A minute.' },
        ),
        graph(
          'Favourites and wishlists',
          { '{{list}}: {{change}}': perMinute('list_changes_total', 'list, change') },
          {
            unit: 'cpm',
            description: 'Films put in and taken out, a minute.',
          },
          'stacked',
        ),
        graph(
          'Ratings',
          { '{{change}}': perMinute('rating_changes_total', 'change') },
          { unit: 'cpm', description: 'A minute.' },
          'stacked',
        ),
      ],
      [
        graph(
          'Imports',
          { '{{kind}}: {{outcome}}': perMinute('imports_total', 'kind, outcome') },
          { unit: 'cpm', description: 'A minute, by what and how they ended.' },
          'stacked',
        ),
        graph(
          'Imported rows',
          { '{{kind}}: {{result}}': perMinute('import_rows_total', 'kind, result') },
          { unit: 'cpm', description: 'A minute, by what became of them.' },
          'stacked',
        ),
        graph(
          'Exports',
          { '{{kind}}: {{outcome}}': perMinute('exports_total', 'kind, outcome') },
          { unit: 'cpm', description: 'A minute.' },
          'stacked',
        ),
        graph(
          'Photos of directors',
          { '{{outcome}}': perMinute('photo_uploads_total', 'outcome') },
          { unit: 'cpm', description: 'Uploads a minute.' },
          'stacked',
        ),
      ],
      [
        graph(
          'Posters',
          { '{{result}}': perMinute('picture_requests_total', 'result') },
          { unit: 'cpm', description: 'Requests a minute, by where the picture came from.' },
          'stacked',
        ),
        graph(
          'Posters that were fetched',
          { '{{outcome}}': perMinute('picture_fetches_total', 'outcome') },
          { unit: 'cpm', description: 'Fetches a minute from the hosts of pictures.' },
          'stacked',
        ),
      ],
    ],
  },
)
