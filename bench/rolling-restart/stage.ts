import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as processes from '../../test/support/process.ts'

export const admin = { login: 'admin', password: 'correct horse battery staple' }

export function startReplica(
  url: string,
  port: number,
  folder: string,
  further: Record<string, string> = {},
): processes.Program {
  const env = {
    PORT: String(port),
    DATABASE_URL: url,
    DATA_DIR: folder,
    JWT_SECRET: 'a secret of the bench that has more than 32 bytes',
    ADMIN_LOGIN: admin.login,
    ADMIN_PASSWORD: admin.password,
    TRUST_PROXY: 'loopback',
    LOG_LEVEL: 'warn',
    // As in docker-compose.yml.
    DRAIN_DELAY: '3s',
    ...further,
  }
  return processes.runNode(['--import', './src/instrument.ts', 'src/server.ts'], { env })
}

/** The repository's HAProxy with the addresses of here. */
export async function startProxy(
  own: Record<'front' | 'health', unknown>,
  ports: number[],
  folder: string,
  haproxy: string,
): Promise<processes.Program> {
  const text = await readFile(join(import.meta.dirname, '../../deploy/haproxy.cfg'), 'utf8')
  const servers = ports.map((port, i) => `  server r${i} 127.0.0.1:${port}`).join('\n')
  const config = text
    .replace(/^resolvers[\s\S]*?(?=^frontend)/m, '')
    .replace('bind :8080', `bind 127.0.0.1:${own.front}`)
    .replace('127.0.0.1:8081', `127.0.0.1:${own.health}`)
    .replace(/^ *server-template.*$/gm, servers)
  await writeFile(join(folder, 'haproxy.cfg'), config)
  const proxy = processes.runProgram(haproxy, ['-db', '-f', join(folder, 'haproxy.cfg')])
  await processes.until(() => isReady(`http://127.0.0.1:${own.health}/health`))
  return proxy
}

/** The headers of an account's requests. */
export async function logIn(address: string, account: { login: string; password: string }) {
  const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(account) }
  const response = await fetch(`${address}/login`, options)
  if (!response.ok) throw new Error(`a login: ${response.status} ${await response.text()}`)
  const { access_token } = (await response.json()) as { access_token: string }
  return { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' }
}

export function isReady(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}
