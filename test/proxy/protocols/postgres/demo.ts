/** The demo database, real and seeded, and its catalog: what the tests of facts and lineage ask. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import type { SessionContext } from '../../../../core/command.ts';
import { Target } from '../../../../core/target.ts';
import { startPostgres } from '../../../../local/postgres.ts';
import { makeCatalogs } from '../../../../proxy/protocols/postgres/catalog.ts';
import type {
  Catalog,
  Catalogs,
  Classified,
} from '../../../../proxy/protocols/postgres/statement.ts';
import type { Clock, Log, Upstream } from '../../../../proxy/services.ts';

export const MASKED = [
  'public.customers.email',
  'public.customers.phone',
  'public.customers.ssn',
  'public.customers.date_of_birth',
  'public.payments.card_number',
];

export const TARGET = v.parse(Target, {
  name: 'orders',
  protocol: 'postgres',
  environment: 'test',
  masks: { columns: MASKED.map((column) => ({ column })), detectors: [] },
});

export const CONTEXT: SessionContext = {
  database: 'orders',
  role: 'sallyport_gateway',
  searchPath: ['"$user"', 'public'],
  transaction: 'idle',
  settings: {},
};

const clock: Clock = {
  now: () => Date.now() as ReturnType<Clock['now']>,
  monotonic: () => performance.now(),
};
const log: Log = { info: () => undefined, warn: () => undefined, error: () => undefined };

export interface Demo {
  readonly catalog: Catalog;
  readonly catalogs: Catalogs;
  readonly upstream: Upstream;
  readonly classify: (sql: string, context?: Partial<SessionContext>) => Classified;
  readonly stop: () => Promise<void>;
}

/** `extra` is SQL that adds to the demo schema before the catalog is read. */
export async function startDemo(extra: readonly string[] = []): Promise<Demo> {
  const directory = mkdtempSync(path.join(tmpdir(), 'sallyport-facts-'));
  const postgres = await startPostgres({ directory, port: 0 });
  const upstream: Upstream = {
    host: postgres.host,
    port: postgres.port,
    database: postgres.database,
    user: postgres.user,
    password: postgres.password,
    tls: { mode: 'disable' },
  };
  await runSql(upstream, extra);
  const catalogs = makeCatalogs({
    upstreams: { forTarget: async () => upstream, refused: () => {} },
    clock,
    log,
  });
  const catalog = await catalogs.current(TARGET);
  return {
    catalog,
    catalogs,
    upstream,
    classify: (sql, context = {}) => catalog.classifier.classify(sql, { ...CONTEXT, ...context }),
    stop: async () => {
      await catalogs.close();
      await postgres.destroy();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function runSql(upstream: Upstream, statements: readonly string[]): Promise<void> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ ...upstream, ssl: false });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** Facts on one line: `read public.orders(id,status); delete public.orders UNBOUNDED; OPAQUE; …`. */
export function line(classified: Classified): string {
  if (classified.kind !== 'parsed') return `${classified.kind}: ${classified.message}`;
  const { facts } = classified;
  return [
    ...facts.accesses.map(({ verb, kind, name, columns, bounded }) => {
      const object = kind === 'relation' ? name.replace(/^public\./, '') : `${kind} ${name}`;
      const list = columns === null ? '' : `(${columns.join(',')})`;
      return `${verb} ${object}${kind === 'relation' ? list : ''}${bounded ? '' : ' UNBOUNDED'}`;
    }),
    ...(facts.opaque === null ? [] : ['OPAQUE']),
    ...facts.unknown.map((name) => `UNKNOWN ${name}`),
    ...facts.predicates.map((name) => `BY ${name.replace(/^public\./, '')}`),
  ].join('; ');
}
