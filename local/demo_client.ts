/** One client of the demo: psql where there is one, a driver otherwise. Both say what a person would see. */
import { spawn, spawnSync } from 'node:child_process';
import pg from 'pg';
import type { LocalSystem } from '../bin/commands/local_system.ts';
import { finish } from './child.ts';
import { mintToken } from './issuer.ts';

export interface Said {
  readonly text: string;
  /** False where the statement, or the sign-in, was refused. */
  readonly ok: boolean;
}

export interface Running {
  readonly done: Promise<Said>;
  /** What has been said so far: a NOTICE comes while the statement waits. */
  readonly sofar: () => string;
  /** Ctrl-C. */
  readonly cancel: () => Promise<void>;
}

export interface DemoClient {
  readonly name: string;
  readonly run: (user: string, sql: string) => Promise<Running>;
}

export function makeDemoClient(local: LocalSystem): DemoClient {
  const found = spawnSync('psql', ['--version'], { encoding: 'utf8' });
  if (found.status === 0) return { name: found.stdout.trim(), run: withPsql(local) };
  return { name: 'the pg driver (there is no psql here)', run: withDriver(local) };
}

function withPsql(local: LocalSystem): DemoClient['run'] {
  const { host, port, database } = local.gateway;
  return async (user, sql) => {
    const password = await mintToken(local.issuer.directory, user);
    const args = [
      '-X',
      '-P',
      'pager=off',
      '-h',
      host,
      '-p',
      String(port),
      '-U',
      user,
      '-d',
      database,
    ];
    const child = spawn('psql', [...args, '-c', sql], {
      env: { ...process.env, PGPASSWORD: password },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
    }
    return {
      done: finish(child).then(({ status }) => ({ text: text.trimEnd(), ok: status === 0 })),
      sofar: () => text,
      cancel: async () => {
        child.kill('SIGINT');
        return Promise.resolve();
      },
    };
  };
}

function withDriver(local: LocalSystem): DemoClient['run'] {
  const { host, port, database } = local.gateway;
  return async (user, sql) => {
    const password = await mintToken(local.issuer.directory, user);
    const client = new pg.Client({ host, port, database, user, password });
    const lines: string[] = [];
    client.on('notice', (notice) => lines.push(`NOTICE:  ${notice.message ?? ''}`));
    // Reported by the query as well.
    client.on('error', () => {});
    const work = async (): Promise<Said> => {
      try {
        await client.connect();
        const { rows, command, rowCount } = await client.query(sql);
        lines.push(...(rows.length > 0 ? table(rows) : [`${command} ${rowCount ?? ''}`]));
        return { text: lines.join('\n'), ok: true };
      } catch (error) {
        // What psql would print.
        const { message, detail, hint } = error as pg.DatabaseError;
        lines.push(`ERROR:  ${message}`);
        if (detail !== undefined) lines.push(`DETAIL:  ${detail}`);
        if (hint !== undefined) lines.push(`HINT:  ${hint}`);
        return { text: lines.join('\n'), ok: false };
      } finally {
        await client.end();
      }
    };
    return { done: work(), sofar: () => lines.join('\n'), cancel: () => client.end() };
  };
}

function table(rows: readonly Record<string, unknown>[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  const cell = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
  const body = rows.map((row) => names.map((name) => cell(row[name])).join(' | '));
  return [names.join(' | '), ...body, `(${rows.length} rows)`];
}
