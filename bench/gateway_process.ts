/**
 * The gateway that is measured, in a process of its own: the real gate, policies, classifier, masking
 * and recorder, over one target. Only the event stream is a sink: what Kinesis and the archive cost is
 * not the data path's. Told by its parent what to protect; ends when the parent does.
 */
import path from 'node:path';
import type { EpochMs } from '../core/brand.ts';
import { makeDeps, makeHandler } from '../functions/decide/handler.ts';
import { ensureCertificate } from '../local/certificate.ts';
import { demoTarget } from '../local/config.ts';
import { startDynamoDb } from '../local/dynamodb.ts';
import { startGateway } from '../local/gateway.ts';
import { DEVELOPMENT_AUDIENCE } from '../local/issuer.ts';
import { openLog } from '../local/log.ts';
import { throughJson } from '../local/through_json.ts';
import { fetchDocument, makeIssuerKeys } from '../proxy/identity/keys.ts';
import { makeIdentityVerifier } from '../proxy/identity/token.ts';
import { makeRecorder } from '../proxy/recorder/recorder.ts';
import type { Clock, Upstream } from '../proxy/services.ts';

export interface GatewayOrder {
  readonly directory: string;
  readonly policies: string;
  readonly issuer: string;
  readonly upstream: Upstream;
}

export interface GatewayReady {
  readonly port: number;
}

const clock: Clock = { now: () => Date.now() as EpochMs, monotonic: () => performance.now() };

process.once('message', (order: GatewayOrder) => {
  start(order).catch((error: unknown) => {
    process.stderr.write(`Cannot start the gateway: ${String(error)}\n`);
    process.exit(1);
  });
});

async function start(order: GatewayOrder): Promise<void> {
  const log = openLog(path.join(order.directory, 'gateway.log'));
  const { target } = demoTarget();
  const decide = makeDeps({ POLICIES_DIRECTORY: order.policies });
  const gateway = await startGateway({
    port: 0,
    targets: [target],
    upstreams: new Map([[target.name, order.upstream]]),
    tls: await ensureCertificate(path.join(order.directory, 'tls')),
    clock,
    log,
    identity: makeIdentityVerifier({
      issuer: order.issuer,
      audience: DEVELOPMENT_AUDIENCE,
      groupsClaim: 'groups',
      algorithms: ['ES256'],
      clock,
      keys: makeIssuerKeys({ issuer: order.issuer, fetch: fetchDocument, clock, log }),
    }),
    recorder: makeRecorder({
      spoolDirectory: path.join(order.directory, 'spool'),
      stream: { put: async () => {} },
      clock,
      log,
    }),
    dynamodb: await startDynamoDb(path.join(order.directory, 'dynamodb')),
    decide: throughJson(makeHandler(decide)),
    approvals: () => Promise.reject(new Error('Nothing is held in the benchmark')),
  });
  // An orderly exit, so that `--cpu-prof` gets to write what it saw.
  process.once('disconnect', () => process.exit(0));
  const ready: GatewayReady = { port: gateway.port };
  process.send?.(ready);
}
