import { execFile } from 'node:child_process'
import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { answering, launch, type Program, serverCore } from './processes.ts'

const run = promisify(execFile)
const folder = join(import.meta.dirname, '../peers')
const goPackages = '/usr/share/gocode'
const debianPython = '/usr/bin/python3'

export interface Target extends Program {
  port: number
}

interface Peer {
  title: string
  port: number
  /** What it is started by; made ready first. Rejects with why it can't be. */
  command(temporary: string): Promise<string[]>
}

const bytesPort = 4116

/** One process that keeps what the peer `bytes` answers. */
function nginxConfig(folder: string, port: number): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(folder, `nginx-${name}`)};`,
  )
  return `daemon off; master_process off; pid ${join(folder, 'nginx.pid')}; error_log ${join(folder, 'nginx.log')};
    events { worker_connections 1024; }
    http {
      access_log off; keepalive_requests 1000000000; ${paths.join(' ')}
      proxy_cache_path ${join(folder, 'nginx-cache')} keys_zone=answers:64m max_size=256m inactive=1h;
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://127.0.0.1:${bytesPort}; proxy_cache answers; proxy_cache_valid 200 1h; }
      }
    }`
}

const node = (file: string) => async () => [process.execPath, join(folder, file)]

export const peers: Record<string, Peer> = {
  floor: { title: 'node:http + postgres.js', port: 4111, command: node('floor.ts') },
  fastify: { title: 'Fastify + SQL by postgres.js', port: 4112, command: node('fastify.ts') },
  fastapi: {
    title: 'FastAPI + SQLAlchemy ORM + asyncpg',
    port: 4113,
    async command() {
      await run(debianPython, ['-c', 'import fastapi, uvicorn, sqlalchemy, asyncpg, uvloop, httptools']).catch(() => {
        throw new Error(
          'it needs python3-fastapi, python3-uvicorn, python3-uvloop, python3-httptools, python3-sqlalchemy and python3-asyncpg',
        )
      })
      const options = ['--app-dir', join(folder, 'fastapi'), '--no-access-log', '--log-level', 'warning']
      const loop = ['--loop', 'uvloop', '--http', 'httptools', '--host', '127.0.0.1', '--port', '4113']
      return [debianPython, '-B', '-m', 'uvicorn', ...options, ...loop, 'app:app']
    },
  },
  go: {
    title: 'Go net/http + pgx',
    port: 4114,
    async command(temporary) {
      await access(join(goPackages, 'src/github.com/jackc/pgx/v4')).catch(() => {
        throw new Error('it needs golang-github-jackc-pgx-v4-dev')
      })
      const program = join(temporary, 'go-peer')
      const env = { ...process.env, GO111MODULE: 'off', GOPATH: goPackages }
      await run('go', ['build', '-o', program, '.'], { cwd: join(folder, 'go'), env }).catch((error) => {
        throw new Error(error.code === 'ENOENT' ? 'it needs golang-go' : error.message)
      })
      return [program]
    },
  },
  bytes: { title: 'node:http with the same bytes', port: bytesPort, command: node('bytes.ts') },
  nginx: {
    title: 'nginx, proxy_cache HIT',
    port: 4117,
    async command(temporary) {
      await run('nginx', ['-v']).catch(() => {
        throw new Error('it needs nginx')
      })
      const file = join(temporary, 'nginx.conf')
      await writeFile(file, nginxConfig(temporary, 4117))
      return ['nginx', '-p', temporary, '-c', file]
    },
  },
  argon2: { title: '@node-rs/argon2 alone', port: 4115, command: node('argon2.ts') },
}

/** Starts the peer, or says why it is left out. */
export async function startPeer(
  name: string,
  temporary: string,
  env: Record<string, string>,
): Promise<Target | undefined> {
  const peer = peers[name]
  if (!peer) throw new Error(`There is no peer ${name}; there are ${Object.keys(peers).join(', ')}`)
  const log = join(temporary, `${name}.log`)
  try {
    const command = await peer.command(temporary)
    const program = launch(peer.title, command, { core: serverCore, log, env: { ...env, PORT: String(peer.port) } })
    await answering(program, `http://127.0.0.1:${peer.port}/`, log)
    return { ...program, port: peer.port }
  } catch (error) {
    process.stderr.write(`${peer.title} is left out: ${(error as Error).message}\n`)
    return undefined
  }
}
