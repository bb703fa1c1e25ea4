/**
 * What the gateway knows of each target's relations and functions: loaded over its own connection, kept as
 * snapshots. A snapshot never changes; a newer one takes its place, with a higher epoch.
 */
import pg from 'pg';
import { GatewayError } from '../../../core/errors.ts';
import type { Target } from '../../../core/target.ts';
import type { Clock, Log, Upstream, Upstreams } from '../../services.ts';
import { withCredential } from '../../upstream/with_credential.ts';
import { readCatalog } from './catalog_queries.ts';
import { makeSnapshot, type Snapshot } from './catalog_snapshot.ts';
import { makeClassifier } from './classify.ts';
import { outputSource, UNSURE } from './flow.ts';
import { makeLineage } from './lineage_relations.ts';
import { makeParser, type Parser } from './parser.ts';
import type { Catalog, Catalogs } from './statement.ts';

/** A snapshot older than this is replaced in the background the next time it is asked for. */
export const SNAPSHOT_AGE_MAX_MS = 60_000;

/** One catalog query may take this long: 10,000 relations take about a second. */
const STATEMENT_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 5_000;

export interface CatalogDependencies {
  readonly upstreams: Upstreams;
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by all targets; made when first needed where none is given. */
  readonly parser?: Promise<Parser>;
}

interface Kept {
  readonly catalog: Catalog;
  /** `clock.monotonic()` when the load began. */
  readonly since: number;
}

interface Loading {
  /** False until the transaction that reads begins: what is committed before that, it sees. */
  reading: boolean;
  readonly done: Promise<Kept>;
}

export function makeCatalogs(dependencies: CatalogDependencies): Catalogs {
  const { clock, log } = dependencies;
  const kept = new Map<string, Kept>();
  const loading = new Map<string, Loading>();
  let parser = dependencies.parser;
  let epoch = 0;
  let closed = false;

  const read = async (target: Target, begins: () => void): Promise<Kept> => {
    parser ??= makeParser();
    const ready = await parser;
    const since = clock.monotonic();
    const snapshot = await readTarget(dependencies.upstreams, target, begins);
    epoch += 1;
    const fresh = { catalog: makeCatalog(ready, snapshot, target, epoch), since };
    kept.set(target.name, fresh);
    warnOfMissing(log, target, snapshot);
    const milliseconds = Math.round(clock.monotonic() - since);
    log.info('catalog.loaded', { target: target.name, epoch, milliseconds });
    return fresh;
  };

  const load = (target: Target): Loading => {
    const done = read(target, () => {
      started.reading = true;
    }).finally(() => {
      if (loading.get(target.name) === started) loading.delete(target.name);
    });
    const started: Loading = { reading: false, done };
    loading.set(target.name, started);
    return started;
  };

  const refresh = async (target: Target): Promise<Catalog> => {
    if (closed) throw unavailable(target, new Error('The gateway is shutting down'));
    const running = loading.get(target.name);
    // It may have read the catalog before the change that the caller asks about: one more is needed.
    if (running?.reading === true) await running.done.catch(() => undefined);
    const next = loading.get(target.name) ?? load(target);
    return (await next.done).catalog;
  };

  return {
    current: async (target) => {
      const known = kept.get(target.name);
      if (known === undefined) {
        const running = loading.get(target.name) ?? load(target);
        return (await running.done).catalog;
      }
      if (
        clock.monotonic() - known.since > SNAPSHOT_AGE_MAX_MS &&
        !loading.has(target.name) &&
        !closed
      ) {
        load(target).done.catch((error: unknown) => {
          // The old snapshot serves on: what it does not know is refused, what it knows is still masked.
          log.warn('catalog.refresh-failed', { target: target.name, error: String(error) });
        });
      }
      return known.catalog;
    },
    refresh,
    close: async () => {
      closed = true;
      await Promise.allSettled([...loading.values()].map(({ done }) => done));
      kept.clear();
    },
  };
}

/** A masked column that is not there was misspelled, renamed or dropped: what took its place is in the open. */
function warnOfMissing(log: Log, target: Target, snapshot: Snapshot): void {
  for (const { column: name } of target.masks.columns) {
    const [schema = '', relation = '', column = ''] = name.split('.');
    const found = snapshot.relation(schema, relation)?.columns.some((c) => c.name === column);
    if (found !== true)
      log.warn('catalog.masked-column-missing', { target: target.name, column: name });
  }
}

/** The catalog of one snapshot: what the machine classifies and masks with. */
function makeCatalog(parser: Parser, snapshot: Snapshot, target: Target, epoch: number): Catalog {
  const lineage = makeLineage(parser, snapshot, new Set(target.safeFunctions));
  return {
    epoch,
    sources: (tableOid, attribute) => {
      const relation = snapshot.relationByOid(tableOid);
      if (relation === null) return outputSource(UNSURE);
      if (attribute === 0) return outputSource(lineage.whole(relation));
      // System columns have negative numbers and hold no data of the row.
      if (attribute < 0) return { columns: [], unsure: false };
      const index = relation.columns.findIndex((column) => column.number === attribute);
      return outputSource(lineage.columns(relation)[index]?.flow ?? UNSURE);
    },
    classifier: makeClassifier({ parser, snapshot, lineage, target }),
  };
}

async function readTarget(
  upstreams: Upstreams,
  target: Target,
  begins: () => void,
): Promise<Snapshot> {
  try {
    return await withCredential(upstreams, target, (upstream) => readFrom(upstream, begins));
  } catch (cause) {
    throw unavailable(target, cause);
  }
}

async function readFrom(upstream: Upstream, begins: () => void): Promise<Snapshot> {
  const client = new pg.Client({
    host: upstream.host,
    port: upstream.port,
    database: upstream.database,
    user: upstream.user,
    password: upstream.password,
    application_name: 'sallyport catalog',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    // Fixed, so that pg_get_viewdef qualifies every name.
    options: '-c search_path=""',
    ssl: upstream.tls.mode === 'disable' ? false : tlsOptions(upstream.tls.ca),
  });
  // A connection lost between queries is reported by the query that follows.
  client.on('error', () => undefined);
  try {
    await client.connect();
    begins();
    await client.query('begin isolation level repeatable read read only');
    const rows = await readCatalog(client);
    await client.query('commit');
    return makeSnapshot(rows);
  } catch (cause) {
    if (!isRefusedCredential(cause)) throw cause;
    throw new GatewayError('ERR_TARGET_REFUSED', 'The target does not take the stored credential', {
      cause,
    });
  } finally {
    // The rows are read, or the error is on its way: a failing goodbye changes neither.
    await client.end().catch(() => undefined);
  }
}

/** SQLSTATE class 28 (manual, appendix "PostgreSQL Error Codes"). */
function isRefusedCredential(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code?.startsWith('28') === true;
}

function tlsOptions(ca: string | null) {
  return { rejectUnauthorized: true, ...(ca === null ? {} : { ca }) };
}

function unavailable(target: Target, cause: unknown): GatewayError {
  return new GatewayError(
    'ERR_TARGET_UNAVAILABLE',
    `The catalog of target ${target.name} cannot be read`,
    { hint: 'Check that the target is up and that its stored credential may sign in', cause },
  );
}
