import { dashboard, gauge, graph, stat, states } from './panels.ts'

// The survey's lists are asked by nobody; `local` and `partial` are among the errors.
const asked = 'endpoint!="list",result!~"local|partial"'
const questions = (range: string) => `sum(rate(kinopoisk_cache_results_total{${asked}}[${range}]))`
const calls = (range: string) =>
  `(sum(rate(kinopoisk_requests_total{endpoint!~"list|account"}[${range}])) or on () vector(0))`
const makeshift = 'sum(rate(kinopoisk_cache_results_total{result=~"local|partial"}[$__rate_interval]))'
const unrenewed = 'sum(rate(kinopoisk_refreshes_total{trigger="expired",outcome!="ok"}[$__rate_interval]))'
const perSecond = (metric: string, by: string) =>
  `sum by (${by}) (rate(${metric}[$__rate_interval])) or on () vector(0)`
const within = (q: number, metric: string) =>
  `histogram_quantile(${q}, sum by (le, endpoint) (rate(${metric}_bucket[$__rate_interval])))`

export const kinopoisk = dashboard(
  {
    uid: 'kinoteka-kinopoisk',
    title: 'Kinopoisk gateway',
    description: "What is asked of Kinopoisk, what it costs of the day's calls, and how well the service does without.",
  },
  {
    'At a glance': [
      [
        gauge('Calls left today', 'max(kinopoisk_quota_left) / max(kinopoisk_quota_limit > 0)', {
          unit: 'percentunit',
          max: 1,
          limits: [0.4, 0.2],
          description: "Of the day's quota, until midnight in Moscow. Empty with an unlimited key.",
          runbook: 'KinopoiskQuotaLow',
        }),
        stat('Left', 'max(kinopoisk_quota_left)', {
          description: 'Calls that are left today; -1 is unlimited.',
          runbook: 'KinopoiskQuotaGone',
        }),
        stat('Answered without a call', `clamp_min(1 - ${calls('$__range')} / ${questions('$__range')}, 0)`, {
          unit: 'percentunit',
          description: 'Share of the questions in the chosen time that cost no call.',
          limits: [0.8, 0.5],
        }),
        stat('Makeshift answers', `(${makeshift} + ${unrenewed}) / ${questions('$__rate_interval')}`, {
          unit: 'percentunit',
          description: 'Searched here, in part, or expired and not renewed, as Kinopoisk could not be asked.',
          limits: [0.05, 0.2],
          runbook: 'KinopoiskMakeshift',
        }),
        stat('Key', 'max(kinopoisk_breaker_open{breaker="key"})', {
          description: 'Whether Kinopoisk takes the API key.',
          words: [
            ['taken', 'green'],
            ['refused', 'red'],
          ],
          runbook: 'KinopoiskKeyRejected',
        }),
        stat('Believed', 'max(kinopoisk_distrusted)', {
          description: 'Whether doubtful answers are believed: not while a film that Kinopoisk has does not come.',
          words: [
            ['yes', 'green'],
            ['no', 'red'],
          ],
          runbook: 'KinopoiskDistrusted',
        }),
        stat('Circuits open', 'sum(max by (breaker) (kinopoisk_breaker_open{breaker!~"quota|key"}))', {
          description: 'Endpoints that are not asked for a while, as they kept failing.',
          limits: [1, 2],
          runbook: 'KinopoiskCircuitOpen',
        }),
      ],
    ],
    Quota: [
      [
        graph(
          'Burn-down',
          {
            left: 'max(kinopoisk_quota_left)',
            limit: 'max(kinopoisk_quota_limit)',
            'four fifths spent': '0.2 * max(kinopoisk_quota_limit)',
          },
          {
            description: 'Calls left of the day. A straight line to zero before midnight in Moscow is too steep.',
            runbook: 'KinopoiskQuotaLow',
          },
        ),
        graph(
          'Spent on',
          { '{{purpose}}': 'max by (purpose) (kinopoisk_quota_spent)' },
          {
            description:
              "Users' questions, refreshes in the background, imports, and calls with the same key that are not ours.",
          },
          'stacked',
        ),
        graph(
          'Refused for want of quota',
          { '{{purpose}}': perSecond('kinopoisk_quota_refused_total', 'purpose') },
          {
            unit: 'ops',
            description: 'What was kept from spending the last calls.',
            runbook: 'KinopoiskQuotaGone',
          },
          'stacked',
        ),
      ],
      [
        graph(
          'Most by a user',
          {
            user: 'max(kinopoisk_quota_spent_by_user_max)',
            'all users': 'max(kinopoisk_quota_spent{purpose="interactive"})',
          },
          { description: 'Calls of today by the user with the most of them, beside those of all users.' },
        ),
        graph(
          'Refused to users',
          { '{{share}}': perSecond('kinopoisk_quota_user_share_refused_total', 'share') },
          {
            unit: 'ops',
            description:
              'As the own share of a user, that of new accounts of a network, or a limit set for a user was spent.',
            runbook: 'KinopoiskUserShareSpent',
          },
          'stacked',
        ),
      ],
    ],
    "Clients of Kinopoisk's API": [
      [
        graph(
          'Answers at its own addresses',
          {
            '{{status_code}}':
              'sum by (status_code) (rate(http_request_duration_seconds_count{route=~"/+api/.*"}[$__rate_interval]))',
          },
          {
            unit: 'ops',
            description: 'By status: 402 is a spent budget with nothing stored, 503 that Kinopoisk could not be asked.',
            runbook: 'CompatibleBudgetsSpent',
          },
          'stacked',
        ),
        graph(
          'Addresses asked most',
          {
            '{{route}}':
              'topk(10, sum by (route) (rate(http_request_duration_seconds_count{route=~"/+api/.*"}[$__rate_interval])))',
          },
          {
            unit: 'ops',
            description: 'The ten addresses with the most requests; one with * is any with a doubled slash.',
          },
          'stacked',
        ),
        graph(
          'Time at its own addresses',
          {
            '95 % within':
              'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{route=~"/+api/.*"}[$__rate_interval])))',
          },
          { unit: 's', limits: [1, 3], description: 'Of all answers, those for which Kinopoisk was asked included.' },
        ),
      ],
    ],
    'Who spends': [
      [
        graph(
          'Users that spend most',
          { '{{rank}}': 'max by (rank) (kinopoisk_quota_spent_by_rank{by="user"} > 0)' },
          {
            description: 'Calls of today by the ten users with the most of them, by rank. GET /admin/usage names them.',
          },
        ),
        graph(
          'Personal keys that spend most',
          {
            '{{rank}}': 'max by (rank) (kinopoisk_quota_spent_by_rank{by="key"} > 0)',
            'half of the day': '0.5 * max(kinopoisk_quota_limit > 0)',
          },
          {
            description: 'The same of keys. GET /admin/usage?by=key names them.',
            runbook: 'KinopoiskPersonalKeySpendsMost',
          },
        ),
        graph(
          'Budgets of keys reached',
          { '{{part}}': perSecond('kinopoisk_key_budget_reached_total', 'part') },
          {
            unit: 'ops',
            description: 'Keys that have spent 80 % (soft) or all (spent) of their calls of the day.',
            runbook: 'KinopoiskPersonalKeySpent',
          },
        ),
      ],
      [
        graph(
          'Paid calls',
          {
            '{{purpose}} {{endpoint}}':
              'sum by (purpose, endpoint) (rate(kinopoisk_charges_total[$__rate_interval])) > 0',
          },
          { unit: 'ops', description: 'Calls charged to the quota: who pays, and what was called.' },
          'stacked',
        ),
        graph(
          'Given back',
          { '{{reason}}': perSecond('kinopoisk_refunds_total', 'reason') },
          {
            unit: 'ops',
            description:
              'Charged calls that were not sent after all, and those that a process had reserved when it died.',
          },
        ),
      ],
    ],
    'How questions were answered': [
      [
        graph(
          'Shares',
          {
            '{{result}}':
              'sum by (result) (rate(kinopoisk_cache_results_total{endpoint!="list",result!="error"}[$__rate_interval]))',
            error: `clamp_min(sum(rate(kinopoisk_cache_results_total{endpoint!="list",result="error"}[$__rate_interval])) - ${makeshift}, 0)`,
          },
          {
            unit: 'ops',
            description:
              'hit: kept and fresh; miss: asked; stale: expired but served, mostly while it is renewed; negative: known not to exist; local, partial: made do.',
            runbook: 'KinopoiskMakeshift',
          },
          'share',
        ),
        graph(
          'Kept answers by endpoint',
          {
            '{{endpoint}}':
              'sum by (endpoint) (rate(kinopoisk_cache_results_total{endpoint!="list",result=~"hit|negative"}[$__rate_interval])) / sum by (endpoint) (rate(kinopoisk_cache_results_total{endpoint!="list",result!~"local|partial"}[$__rate_interval]))',
          },
          { unit: 'percentunit', max: 1, description: 'Share of questions that the cache answered, still fresh.' },
        ),
        graph(
          'Calls saved',
          {
            'asked of us': questions('$__rate_interval'),
            'asked of Kinopoisk': calls('$__rate_interval'),
          },
          { unit: 'ops', description: 'The gap between the lines is what the gateway saves.' },
        ),
        graph(
          'Joined a call under way',
          { '{{endpoint}}, {{scope}}': perSecond('kinopoisk_flights_joined_total', 'endpoint, scope') },
          {
            unit: 'ops',
            description: 'Questions that waited for the same one of this process, or of another replica.',
          },
          'stacked',
        ),
      ],
    ],
    'Kinopoisk itself': [
      [
        graph(
          'Calls by outcome',
          { '{{outcome}}': perSecond('kinopoisk_requests_total', 'outcome') },
          {
            unit: 'ops',
            description: 'ok and not_found are good; bad_response is an answer of another shape than agreed.',
            runbook: 'KinopoiskChanged',
          },
          'stacked',
        ),
        graph(
          'Time to answer',
          {
            'half within, {{endpoint}}': within(0.5, 'kinopoisk_request_duration_seconds'),
            '95 % within, {{endpoint}}': within(0.95, 'kinopoisk_request_duration_seconds'),
          },
          { unit: 's', limits: [1, 3], description: 'Of one attempt.', runbook: 'KinopoiskSlow' },
        ),
        graph(
          'Overdue calls',
          { '{{outcome}}': perSecond('kinopoisk_overdue_calls_total', 'outcome') },
          {
            unit: 'ops',
            description:
              'Took longer than their user waits. response: came after all, and is kept; failed; aborted: too many others were under way.',
            runbook: 'KinopoiskSlow',
          },
          'stacked',
        ),
        graph(
          'Calls by endpoint',
          { '{{endpoint}}': perSecond('kinopoisk_requests_total', 'endpoint') },
          {
            unit: 'ops',
            description: 'Film details, searches, staff, votes; lists of the survey of films; the account of the key.',
          },
          'stacked',
        ),
        graph(
          'Tried again',
          { '{{endpoint}}': perSecond('kinopoisk_retries_total', 'endpoint') },
          {
            unit: 'ops',
            description: 'Second attempts; each costs a call.',
          },
        ),
        graph(
          'Served from our own films',
          { '{{endpoint}}: {{reason}}': perSecond('kinopoisk_fallbacks_total', 'endpoint, reason') },
          { unit: 'ops', description: 'Films and searches for which Kinopoisk was not available, and why.' },
          'stacked',
        ),
        graph(
          'Odd members',
          { '{{endpoint}}: {{member}}': perSecond('kinopoisk_odd_members_total', 'endpoint, member') },
          {
            unit: 'ops',
            description: 'Members left out of answers because they were not what they should be; id is a row.',
          },
        ),
      ],
    ],
    'How it is spared': [
      [
        states(
          'Breakers',
          { '{{breaker}}': 'max by (breaker) (kinopoisk_breaker_open)' },
          {
            description:
              'Open: not asked. Of an endpoint because it failed, of all because quota or key do not allow it.',
            words: [
              ['closed', 'green'],
              ['open', 'red'],
            ],
            runbook: 'KinopoiskCircuitOpen',
          },
        ),
        graph(
          'Wait for a turn',
          { '95 % within, {{endpoint}}': within(0.95, 'kinopoisk_queue_wait_seconds') },
          {
            unit: 's',
            limits: [0.5, 2],
            description: 'Before a call, so that Kinopoisk is not asked more often a second than it allows.',
            runbook: 'KinopoiskQueueFull',
          },
        ),
        graph(
          'Turned away',
          { '{{endpoint}}': perSecond('kinopoisk_queue_refused_total', 'endpoint') },
          {
            unit: 'ops',
            description: 'Too many waited already.',
            runbook: 'KinopoiskQueueFull',
          },
        ),
        graph(
          'Failed a short time ago',
          { '{{endpoint}}': perSecond('kinopoisk_failures_repeated_total', 'endpoint') },
          {
            unit: 'ops',
            description: 'Questions answered with the failure that was remembered for them: no call was spent.',
            runbook: 'KinopoiskChanged',
          },
        ),
        graph(
          'Refreshes',
          { '{{trigger}}: {{outcome}}': perSecond('kinopoisk_refreshes_total', 'trigger, outcome') },
          {
            unit: 'ops',
            description: 'Kept answers made new before or after they expired, by what caused it.',
          },
          'stacked',
        ),
        graph(
          'Films not stored',
          { films: 'sum(rate(kinopoisk_films_not_stored_total[$__rate_interval]))' },
          {
            unit: 'ops',
            description:
              'Their responses are stored. The log says why not the films; each is stored when it is next asked for.',
          },
        ),
      ],
    ],
  },
)
