import { choice, dashboard, graph, stat, table } from './panels.ts'

const of = 'job="kinoteka",instance=~"$instance"'
const within = (q: number, metric: string, by = '') =>
  `histogram_quantile(${q}, sum by (le${by}) (rate(${metric}_bucket{${of}}[$__rate_interval])))`

export const database = dashboard(
  {
    uid: 'kinoteka-database',
    title: 'Database and process',
    description: 'What each replica does with its connections, its memory and its processor.',
  },
  {
    'At a glance': [
      [
        stat(
          'Not ready',
          'count(sum by (instance) (rate(http_request_duration_seconds_count{route="/readyz",status_code="503"}[1m])) > 0) or on () vector(0)',
          {
            description: 'Replicas that said 503 on /readyz within a minute.',
            limits: [1, 2],
            runbook: 'DatabaseDown',
          },
        ),
        stat('Connections', `sum(db_connections{${of}})`, { description: 'Of all replicas to the database.' }),
        stat('Waiting for one', `sum(db_pool_waiting{${of}})`, {
          description: 'Queries without a connection.',
          limits: [1, 10],
          runbook: 'PoolWaiting',
        }),
        stat('19 of 20 queries within', within(0.95, 'db_query_duration_seconds'), {
          unit: 's',
          description: '95th percentile.',
          limits: [0.1, 0.5],
          runbook: 'DatabaseSlow',
        }),
        stat('Memory of the largest', `max(process_resident_memory_bytes{${of}})`, {
          unit: 'bytes',
          description: 'A container of 768 MiB is killed at its limit.',
          limits: [550 * 1024 ** 2, 650 * 1024 ** 2],
          runbook: 'MemoryHigh',
        }),
        stat('Youngest process', `min(time() - process_start_time_seconds{${of}})`, {
          unit: 's',
          description: 'Since the last start of any replica.',
          runbook: 'ReplicaRestarts',
        }),
      ],
    ],
    Database: [
      [
        graph(
          'Queries',
          { '{{instance}}': `sum by (instance) (rate(db_query_duration_seconds_count{${of}}[$__rate_interval]))` },
          {
            unit: 'ops',
            description: 'A second.',
          },
          'stacked',
        ),
        graph(
          'Time of a query',
          {
            'half within': within(0.5, 'db_query_duration_seconds'),
            '95 % within': within(0.95, 'db_query_duration_seconds'),
            '99 % within': within(0.99, 'db_query_duration_seconds'),
          },
          { unit: 's', limits: [0.1, 0.5], description: 'With the wait for a connection.', runbook: 'DatabaseSlow' },
        ),
        graph(
          'Connections',
          { '{{state}} {{instance}}': `db_pool_connections{${of}}` },
          {
            description: 'By what they do.',
          },
          'stacked',
        ),
        graph(
          'Waiting',
          { '{{instance}}': `db_pool_waiting{${of}}` },
          {
            description: 'Queries without a connection; none in good times.',
            limits: [1, 10],
            runbook: 'PoolWaiting',
          },
        ),
      ],
      [
        graph(
          'Servers',
          { '{{server}} {{state}}': `count by (server, state) (db_servers{${of}})` },
          {
            description: 'How many replicas see a server so. Refused: two take writes.',
            runbook: 'DatabaseSplit',
          },
          'stacked',
        ),
      ],
    ],
    'Read before': [
      [
        graph(
          'Found in memory',
          {
            '{{kind}}': `sum by (kind) (rate(memory_cache_lookups_total{${of},result="hit"}[$__rate_interval])) / sum by (kind) (rate(memory_cache_lookups_total{${of}}[$__rate_interval]))`,
          },
          {
            unit: 'percentunit',
            description: 'Share of the looks that need no query. A write drops what it changes.',
            runbook: 'MemoryCacheOff',
          },
        ),
        graph(
          'Looks into the memory',
          { '{{result}}': `sum by (result) (rate(memory_cache_lookups_total{${of}}[$__rate_interval]))` },
          { unit: 'ops', description: 'A second.' },
          'stacked',
        ),
        graph(
          'Kept in memory',
          { '{{instance}}': `memory_cache_bytes{${of}}` },
          { unit: 'bytes', description: 'Up to MEMORY_CACHE_MB.' },
        ),
        graph(
          'Changes are followed',
          { '{{instance}}': `memory_cache_current{${of}}` },
          {
            description: '0: everything is read from the database.',
            runbook: 'MemoryCacheOff',
          },
        ),
      ],
    ],
    'Standbys and clocks': [
      [
        graph(
          'Reads that may lag',
          { '{{source}}': `sum by (source) (rate(db_lagging_reads_total{${of}}[$__rate_interval]))` },
          {
            unit: 'ops',
            description: 'Where they were made; alone and cautious: the primary was away.',
          },
          'stacked',
        ),
        graph(
          'Lag of the standbys',
          { '{{standby}}': `max by (standby) (db_standby_lag_seconds{${of}}) or on() vector(0)` },
          { unit: 's', description: 'Beyond READ_LAG the primary is read. 0 also where there are none.' },
        ),
        graph(
          'Clocks',
          { '{{instance}}': `clock_skew_seconds{${of}}` },
          { unit: 's', description: 'How far the machine is ahead of the database, by which all expires.' },
        ),
      ],
    ],
    Process: [
      [
        graph(
          'Processor',
          { '{{instance}}': `rate(process_cpu_seconds_total{${of}}[$__rate_interval])` },
          {
            unit: 'percentunit',
            description: 'Of one core.',
            limits: [0.8, 1.5],
          },
        ),
        graph(
          'Memory',
          {
            'all of {{instance}}': `process_resident_memory_bytes{${of}}`,
            'heap in use {{instance}}': `nodejs_heap_size_used_bytes{${of}}`,
            'outside the heap {{instance}}': `nodejs_external_memory_bytes{${of}}`,
          },
          {
            unit: 'bytes',
            description: 'A heap that only grows is a leak; outside are buffers, images and hashes.',
            runbook: 'MemoryHigh',
          },
        ),
        graph(
          'Event loop is late by',
          {
            'half the time {{instance}}': `nodejs_eventloop_lag_p50_seconds{${of}}`,
            '99 % {{instance}}': `nodejs_eventloop_lag_p99_seconds{${of}}`,
          },
          { unit: 's', limits: [0.1, 0.25], description: 'Between two scrapes.', runbook: 'EventLoopSlow' },
        ),
        graph(
          'Garbage collection',
          {
            '{{kind}} {{instance}}': `sum by (kind, instance) (rate(nodejs_gc_duration_seconds_sum{${of}}[$__rate_interval]))`,
          },
          {
            unit: 'percentunit',
            description: 'Share of the time.',
          },
          'stacked',
        ),
      ],
      [
        graph(
          'Open files',
          { '{{instance}}': `process_open_fds{${of}} / process_max_fds{${of}}` },
          {
            unit: 'percentunit',
            limits: [0.6, 0.8],
            description: 'Sockets count as files.',
            runbook: 'FilesRunOut',
          },
        ),
        graph(
          'Hashing a password',
          { '95 % within, {{kind}}': within(0.95, 'password_hash_duration_seconds', ', kind') },
          {
            unit: 's',
            description: 'Without the wait for a turn.',
          },
        ),
        graph(
          'Logins that wait for their hash',
          {
            'waiting {{lane}} {{instance}}': `password_hash_waiting{${of}}`,
            'turned away a second {{lane}} {{instance}}': `rate(password_hash_rejected_total{${of}}[$__rate_interval])`,
          },
          {
            description: 'Two are hashed at once; logins of known accounts, others and registrations take turns.',
            limits: [50, 100],
            runbook: 'PasswordQueueLong',
          },
        ),
        table(
          'Versions',
          {
            Since: `process_start_time_seconds{${of}} * 1000 * on (instance) group_left (version, node_version) build_info`,
          },
          {
            description: 'What runs where, and since when.',
            units: { Since: 'dateTimeAsIso' },
            runbook: 'ReplicaRestarts',
          },
        ),
      ],
    ],
  },
  [choice('instance', 'Replica', 'label_values(up{job="kinoteka"}, instance)')],
)
