/** The target that `policy explain` speaks of, and its catalog, read over a connection of its own. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { EpochMs } from '../../core/brand.ts';
import { GatewayError } from '../../core/errors.ts';
import type { Target } from '../../core/target.ts';
import { demoTarget } from '../../local/config.ts';
import { readTargetUrl } from '../../local/target_url.ts';
import { makeCatalogs } from '../../proxy/protocols/postgres/catalog.ts';
import type { Classifier } from '../../proxy/protocols/postgres/statement.ts';
import type { Upstream } from '../../proxy/services.ts';
import { readLocalSystem, stateDirectory } from '../commands/local_system.ts';

export interface Surroundings {
  readonly target: Target;
  readonly classifier: Classifier;
  readonly role: string;
}

/** As local/postgres.ts keeps it, for the gateway's role on the embedded target. */
const Credentials = v.object({ gateway: v.string() });
const GATEWAY_ROLE = 'sallyport_gateway';

/** @param url of the target's own database; null: the one of the running local system */
export async function readSurroundings(
  root: string,
  targetName: string,
  url: string | null,
): Promise<Surroundings> {
  const target: Target = { ...demoTarget().target, name: targetName };
  const upstream = url === null ? await localUpstream(root) : upstreamOf(url);
  const catalogs = makeCatalogs({
    upstreams: { forTarget: async () => upstream, refused: () => {} },
    clock: {
      now: () => v.parse(EpochMs, Date.now()),
      monotonic: () => performance.now(),
    },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
  try {
    const { classifier } = await catalogs.current(target);
    return { target, classifier, role: upstream.user };
  } finally {
    await catalogs.close();
  }
}

function upstreamOf(url: string): Upstream {
  const read = readTargetUrl(url);
  if (read.kind === 'upstream') return read.upstream;
  throw new GatewayError('ERR_CONFIG_INVALID', `Cannot read --database: ${read.problem}`);
}

async function localUpstream(root: string): Promise<Upstream> {
  const { target } = await readLocalSystem(root);
  const file = path.join(stateDirectory(root), 'postgres', 'credentials.json');
  try {
    const { gateway } = v.parse(Credentials, JSON.parse(await readFile(file, 'utf8')));
    return { ...target, user: GATEWAY_ROLE, password: gateway, tls: { mode: 'disable' } };
  } catch (cause) {
    // Missing where the local system protects somebody else's database, whose password is not kept.
    throw new GatewayError('ERR_NOT_FOUND', `Cannot read "${file}"`, {
      hint: 'Name the database whose catalog to use: --database postgres://user:password@host:port/name',
      cause,
    });
  }
}
