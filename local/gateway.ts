/** The proxy's parts, put together for one machine: what proxy/main.ts is for the fleet. */
import { hash, randomBytes } from 'node:crypto';
import * as re2js from 're2js';
import type { Sha256 } from '../core/approval/binding.ts';
import type { Sha256Hex } from '../core/brand.ts';
import { makeIds } from '../core/ids.ts';
import { makeDetectors } from '../core/masking/detect.ts';
import type { Target } from '../core/target.ts';
import { makeApprovals } from '../proxy/gate/approvals_client.ts';
import { makeControl } from '../proxy/gate/control.ts';
import { callInProcess, makeDecideClient } from '../proxy/gate/decide_client.ts';
import { makeGate } from '../proxy/gate/gate.ts';
import { makeSessions } from '../proxy/gate/sessions.ts';
import { readControlItems, readRequestViews } from '../proxy/gate/table.ts';
import { startListener } from '../proxy/host/listener.ts';
import { makePostgresAdapter } from '../proxy/protocols/postgres/adapter.ts';
import { makeCatalogs } from '../proxy/protocols/postgres/catalog.ts';
import type {
  Clock,
  IdentityVerifier,
  Log,
  Recorder,
  Services,
  Upstream,
} from '../proxy/services.ts';
import { staticUpstreams } from '../proxy/upstream/credentials.ts';
import type { Certificate } from './certificate.ts';
import type { LocalDynamoDb } from './dynamodb.ts';
import { freePort } from './ports.ts';
import { throughJson } from './through_json.ts';

const HOST = '127.0.0.1';
/** For sessions to be told, and to say goodbye in their protocol. */
const DRAIN_MS = 3_000;

export interface GatewayOptions {
  readonly port: number;
  readonly targets: readonly Target[];
  /** By target name. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly tls: Certificate;
  readonly clock: Clock;
  readonly log: Log;
  readonly identity: IdentityVerifier;
  readonly recorder: Recorder;
  readonly dynamodb: LocalDynamoDb;
  /** functions/decide and functions/approvals: the Lambda handlers themselves. */
  readonly decide: (event: unknown) => Promise<unknown>;
  readonly approvals: (event: unknown) => Promise<unknown>;
}

export interface Gateway {
  readonly host: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

const sha256: Sha256 = (bytes) => hash('sha256', bytes, 'hex') as Sha256Hex;

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { clock, log, recorder, dynamodb } = options;
  const port = await freePort(HOST, options.port, '--port');
  const sessions = makeSessions();
  const control = makeControl({
    source: readControlItems(dynamodb.client, dynamodb.table),
    clock,
    log,
    listeners: {
      onBump: () => gate.forget(),
      onRevocations: sessions.endRevoked,
      onLost: () => sessions.endAll('the gateway lost its control table'),
    },
  });
  const ids = makeIds({ now: clock.now, random: (count) => randomBytes(count) });
  const gate = makeGate({
    decide: makeDecideClient(callInProcess(options.decide)),
    approvals: makeApprovals({
      call: throughJson(options.approvals),
      read: readRequestViews(dynamodb.client, dynamodb.table),
    }),
    recorder,
    clock,
    sha256,
    ids,
    log,
    policyState: control,
  });
  const upstreams = staticUpstreams(options.upstreams);
  const catalogs = makeCatalogs({ upstreams, clock, log });
  const byName = new Map(options.targets.map((target) => [target.name, target]));
  const services: Services = {
    clock,
    log,
    identity: options.identity,
    target: (name) => byName.get(name) ?? null,
    upstreams,
    gate,
    recorder,
    sessions,
    newSessionId: ids.session,
  };
  // Until it is known who is shut out, everybody is.
  await control.poll();
  const listener = await startListener({
    adapter: makePostgresAdapter({ catalogs, detectors: makeDetectors(re2js) }),
    services,
    host: HOST,
    port,
    tls: { certificate: options.tls.cert, key: options.tls.key },
  });
  return {
    host: HOST,
    port: listener.port,
    close: async () => {
      await listener.close(DRAIN_MS);
      await gate.settled();
      control.stop();
      await catalogs.close();
    },
  };
}
