import { choice, dashboard, gauge, graph, stat, table } from './panels.ts'

const asked = 'job="kinoteka",route!~"/livez|/readyz|/metrics"'
const chosen = 'job="kinoteka",route=~"$route"'
const quantile = (q: number, by: string, labels: string) =>
  `histogram_quantile(${q}, sum by (le${by}) (rate(http_request_duration_seconds_bucket{${labels}}[$__rate_interval])))`
const rate = (labels: string, by = '') =>
  `sum ${by}(rate(http_request_duration_seconds_count{${labels}}[$__rate_interval]))`

export const service = dashboard(
  {
    uid: 'kinoteka-service',
    title: 'Service',
    description: 'What users get: how much is asked, what fails, how long it takes, and what comes near its limit.',
  },
  {
    'At a glance': [
      [
        stat('Replicas', 'sum(up{job="kinoteka"}) or on () vector(0)', {
          description: 'How many answer Prometheus. One alone has nobody to take its place.',
          limits: [2, 1],
          runbook: 'ServiceGone',
        }),
        stat('Requests', `${rate(asked)} or on () vector(0)`, {
          unit: 'reqps',
          description: 'Without health probes and metrics.',
        }),
        stat('Errors', 'service:http_error_ratio:rate5m', {
          unit: 'percentunit',
          description: 'Share of answers of 5xx in the last five minutes.',
          limits: [0.001, 0.0144],
          runbook: 'ErrorBudgetBurnsFast',
        }),
        stat('19 of 20 within', 'service:http_request_duration_seconds:p95', {
          unit: 's',
          description: '95th percentile of the time to answer, without imports and exports.',
          limits: [0.5, 1],
          runbook: 'AnswersSlow',
        }),
        stat('In flight', 'sum(http_requests_in_flight)', { description: 'Requests that are being answered now.' }),
        stat('Alerts', 'count(ALERTS{alertstate="firing"}) or on () vector(0)', {
          description: 'How many alerts fire now; their names are the red lines on the graphs.',
          limits: [1, 3],
        }),
      ],
    ],
    'Promise: 99.9 % without 5xx over 30 days': [
      [
        gauge(
          'Budget left',
          `clamp_min(1 - (sum(increase(http_request_duration_seconds_count{${asked},status_code=~"5.."}[30d])) or on () vector(0)) / (0.001 * sum(increase(http_request_duration_seconds_count{${asked}}[30d]))), 0)`,
          {
            unit: 'percentunit',
            max: 1,
            limits: [0.5, 0.2],
            description: 'Of the one request in a thousand that may fail, how much is left of the last 30 days.',
            runbook: 'ErrorBudgetBurnsSlowly',
          },
        ),
        graph(
          'Error ratio',
          {
            '5 minutes': 'service:http_error_ratio:rate5m',
            '1 hour': 'service:http_error_ratio:rate1h',
            '6 hours': 'service:http_error_ratio:rate6h',
          },
          {
            unit: 'percentunit',
            description: 'Red is the pace at which the month is used up in two days, yellow in five.',
            limits: [0.006, 0.0144],
            runbook: 'ErrorBudgetBurns',
          },
        ),
      ],
    ],
    Rate: [
      [
        graph(
          'Requests by route',
          { '{{method}} {{route}}': `topk(12, ${rate(chosen, 'by (method, route) ')})` },
          { unit: 'reqps', description: 'The twelve busiest of the chosen routes.' },
          'stacked',
        ),
        graph(
          'Operations',
          { '{{operation}}': 'topk(12, sum by (operation) (rate(http_operations_total[$__rate_interval])))' },
          { unit: 'ops', description: 'The same by the operation of the API, as in /docs and in the log.' },
          'stacked',
        ),
        graph(
          'Answers by status',
          { '{{status_code}}': rate(chosen, 'by (status_code) ') },
          { unit: 'reqps', description: 'Of the chosen routes.' },
          'stacked',
        ),
      ],
    ],
    Errors: [
      [
        graph(
          'Failures (5xx) by route',
          {
            '{{status_code}} {{method}} {{route}}': `${rate(`${chosen},status_code=~"5.."`, 'by (status_code, method, route) ')} or on () vector(0)`,
          },
          {
            unit: 'reqps',
            description: "Ours or Kinopoisk's: 502 to 504 of /movies are Kinopoisk that could not be asked.",
            runbook: 'OperationFails',
          },
          'stacked',
        ),
        graph(
          'Refusals (4xx) by route',
          {
            '{{status_code}} {{method}} {{route}}': `topk(12, ${rate(`${chosen},status_code=~"4.."`, 'by (status_code, method, route) ')}) or on () vector(0)`,
          },
          {
            unit: 'reqps',
            description: 'What clients did wrong. Many 401 or 429 at once: somebody tries passwords.',
            runbook: 'LoginsThrottled',
          },
          'stacked',
        ),
        graph(
          'Reports to Sentry',
          { events: 'sum(rate(sentry_events_total[$__rate_interval])) or on () vector(0)' },
          { unit: 'ops', description: 'Internal errors that were reported. None without SENTRY_DSN.' },
        ),
      ],
    ],
    Duration: [
      [
        graph(
          'Time to answer',
          {
            'half within': quantile(0.5, '', chosen),
            '95 % within': quantile(0.95, '', chosen),
            '99 % within': quantile(0.99, '', chosen),
          },
          { unit: 's', description: 'Of the chosen routes together.', limits: [0.5, 1], runbook: 'AnswersSlow' },
        ),
        graph(
          'Slowest routes',
          { '{{method}} {{route}}': `topk(8, ${quantile(0.95, ', method, route', chosen)} > 0)` },
          { unit: 's', description: '95th percentile of the eight slowest.', limits: [0.5, 1], runbook: 'AnswersSlow' },
        ),
      ],
      [
        table(
          'Routes',
          {
            Requests: rate(chosen, 'by (method, route) '),
            Errors: `(${rate(`${chosen},status_code=~"5.."`, 'by (method, route) ')} or 0 * ${rate(chosen, 'by (method, route) ')}) / ${rate(chosen, 'by (method, route) ')}`,
            'Half within': quantile(0.5, ', method, route', chosen),
            '95 % within': quantile(0.95, ', method, route', chosen),
            'Answer size':
              'sum by (method, route) (rate(http_response_size_bytes_sum[$__rate_interval])) / sum by (method, route) (rate(http_response_size_bytes_count[$__rate_interval]))',
          },
          {
            description: 'Rate, errors and duration of each route, now.',
            units: {
              Requests: 'reqps',
              Errors: 'percentunit',
              'Half within': 's',
              '95 % within': 's',
              'Answer size': 'bytes',
            },
          },
        ),
      ],
    ],
    Saturation: [
      [
        graph(
          'Processor',
          { '{{instance}}': 'rate(process_cpu_seconds_total{job="kinoteka"}[$__rate_interval])' },
          {
            unit: 'percentunit',
            description: 'Of one core; JavaScript runs on one, hashing and images on others.',
            limits: [0.8, 1.5],
          },
        ),
        graph(
          'Event loop is late by',
          { '{{instance}}': 'nodejs_eventloop_lag_p99_seconds{job="kinoteka"}' },
          {
            unit: 's',
            description: '99th percentile between two scrapes.',
            limits: [0.1, 0.25],
            runbook: 'EventLoopSlow',
          },
        ),
        graph(
          'Waiting',
          {
            'database {{instance}}': 'db_pool_waiting',
            'passwords {{instance}}': 'sum by (instance) (password_hash_waiting)',
            'readers {{instance}}': 'http_streamed_answers',
          },
          {
            description:
              'Queries that wait for a connection, logins that wait for their hash, and long answers that wait for their readers.',
            limits: [1, 100],
            runbook: 'PoolWaiting',
          },
        ),
        graph(
          'Bytes',
          {
            in: 'sum(rate(http_request_size_bytes_sum[$__rate_interval]))',
            out: 'sum(rate(http_response_size_bytes_sum[$__rate_interval]))',
          },
          {
            unit: 'Bps',
            description: 'Bodies of requests and answers.',
          },
        ),
      ],
    ],
  },
  [choice('route', 'Route', 'label_values(http_request_duration_seconds_count{job="kinoteka"}, route)')],
)
