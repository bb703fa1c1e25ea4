/**
 * The fleet's process: what is put together here, and only here, for AWS. local/ does the same for one
 * machine. It decides nothing; a part that cannot be had at start stops the start, with a reason.
 */
import { hash, randomBytes } from 'node:crypto';
import * as re2js from 're2js';
import type { Sha256 } from '../core/approval/binding.ts';
import type { EpochMs, Sha256Hex } from '../core/brand.ts';
import { GatewayError } from '../core/errors.ts';
import { makeIds } from '../core/ids.ts';
import { makeDetectors } from '../core/masking/detect.ts';
import type { Target } from '../core/target.ts';
import { type AwsClients, makeAwsClients } from './aws_clients.ts';
import { type Env, readSettings, type Settings } from './config.ts';
import { planStop, stopAll } from './drain.ts';
import { makeApprovals } from './gate/approvals_client.ts';
import { type Control, makeControl } from './gate/control.ts';
import { makeDecideClient } from './gate/decide_client.ts';
import { makeGate } from './gate/gate.ts';
import { callApprovalsLambda, callDecideLambda } from './gate/lambda_call.ts';
import { makeSessions } from './gate/sessions.ts';
import { readControlItems, readRequestViews } from './gate/table.ts';
import { startListener } from './host/listener.ts';
import { fetchDocument, makeIssuerKeys } from './identity/keys.ts';
import { makeIdentityVerifier } from './identity/token.ts';
import { makeLog, reasonOf } from './log.ts';
import { makePostgresAdapter } from './protocols/postgres/adapter.ts';
import { makeCatalogs } from './protocols/postgres/catalog.ts';
import type { Catalogs } from './protocols/postgres/statement.ts';
import { makeKinesisStream } from './recorder/kinesis_stream.ts';
import { makeRecorder } from './recorder/recorder.ts';
import { readServerTls } from './server_tls.ts';
import type { Clock, IdentityVerifier, Log, Recorder, Services, Upstreams } from './services.ts';
import { readSecretWith, secretsManagerUpstreams } from './upstream/secrets_manager.ts';

/** What OIDC providers sign with. Symmetric ones and `none` are not among them. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;

const clock: Clock = { now: () => Date.now() as EpochMs, monotonic: () => performance.now() };
const sha256: Sha256 = (bytes) => hash('sha256', bytes, 'hex') as Sha256Hex;
const detectors = makeDetectors(re2js);

export interface Proxy {
  readonly port: number;
  /** Resolves when all is stopped, or the time is over; false where something was left undone. */
  readonly stop: () => Promise<boolean>;
}

/** Rejects with a GatewayError that names what cannot be had. */
export async function startProxy(env: Env, log: Log): Promise<Proxy> {
  const settings = readSettings(env);
  const { config, names } = settings;
  const plan = planStop(config.stopSeconds);
  const aws = makeAwsClients();
  const tls = await readServerTls({
    read: readSecretWith(aws.secrets),
    arn: names.TLS_SECRET_ARN,
    clock,
    log,
  });
  const sessions = makeSessions();
  const control = makeControl({
    source: readControlItems(aws.dynamodb, names.TABLE_NAME),
    clock,
    log,
    listeners: {
      onBump: () => gate.forget(),
      onRevocations: sessions.endRevoked,
      onLost: () => sessions.endAll('the gateway cannot learn who is shut out'),
    },
  });
  const recorder = makeRecorder({
    spoolDirectory: names.SPOOL_DIRECTORY,
    stream: makeKinesisStream(aws.kinesis, names.STREAM_NAME, log),
    clock,
    log,
    limits: { closeTimeoutMs: plan.recorderMs },
  });
  const ids = makeIds({ now: clock.now, random: (count) => randomBytes(count) });
  const gate = gateOf(aws, settings, { control, recorder, ids, log });
  await readOnce(control);

  const targets = targetsOf(aws, settings, log);
  const services: Services = {
    clock,
    log,
    identity: identityOf(settings, log),
    target: (name) => targets.byName.get(name) ?? null,
    upstreams: targets.upstreams,
    gate,
    recorder,
    sessions,
    newSessionId: ids.session,
  };
  const listener = await startListener({
    adapter: makePostgresAdapter({ catalogs: targets.catalogs, detectors }),
    services,
    host: config.listen.host,
    port: config.listen.port,
    tls,
  });
  warmUp(targets, log);

  const parts = [
    { name: 'listener', stop: () => listener.close(plan.sessionsMs) },
    { name: 'recorder', stop: () => recorder.close() },
    { name: 'control', stop: control.stop },
    { name: 'catalogs', stop: () => targets.catalogs.close() },
    { name: 'clients', stop: aws.destroy },
  ];
  return { port: listener.port, stop: () => stopAll(parts, plan.allMs, log) };
}

function gateOf(
  aws: AwsClients,
  { names }: Settings,
  parts: {
    readonly control: Control;
    readonly recorder: Recorder;
    readonly ids: ReturnType<typeof makeIds>;
    readonly log: Log;
  },
) {
  const { control: policyState, ...rest } = parts;
  return makeGate({
    ...rest,
    policyState,
    decide: makeDecideClient(callDecideLambda(aws.lambda, names.DECIDE_FUNCTION)),
    approvals: makeApprovals({
      call: callApprovalsLambda(aws.lambda, names.APPROVALS_FUNCTION),
      read: readRequestViews(aws.dynamodb, names.TABLE_NAME),
    }),
    clock,
    sha256,
  });
}

function identityOf({ config }: Settings, log: Log): IdentityVerifier {
  const { issuer, audience, groupsClaim } = config.identity;
  const keys = makeIssuerKeys({ issuer, fetch: fetchDocument, clock, log });
  return makeIdentityVerifier({
    issuer,
    audience,
    groupsClaim,
    algorithms: ALGORITHMS,
    clock,
    keys,
  });
}

/** A task that never learned who is shut out must not take connections: it does not listen at all. */
async function readOnce(control: Control): Promise<void> {
  await control.poll();
  if (control.fresh()) return;
  throw new GatewayError('ERR_CONFIG_INVALID', 'Cannot read policy version and revocations', {
    hint: 'Check TABLE_NAME, the network path to DynamoDB and the task role; the log says more above',
  });
}

interface Targets {
  readonly byName: ReadonlyMap<string, Target>;
  readonly upstreams: Upstreams;
  readonly catalogs: Catalogs;
}

/** What the rest of the gateway knows of a target does not say where it is. */
function targetsOf(aws: AwsClients, { config }: Settings, log: Log): Targets {
  const upstreams = secretsManagerUpstreams({
    client: aws.secrets,
    upstreams: new Map(config.targets.map(({ name, upstream }) => [name, upstream])),
    clock,
    log,
  });
  const known = config.targets.map(({ upstream: _where, ...target }) => target);
  return {
    byName: new Map(known.map((target) => [target.name, target])),
    upstreams,
    catalogs: makeCatalogs({ upstreams, clock, log }),
  };
}

/** So that the first client does not wait, and a target that is misconfigured shows at once. */
function warmUp({ byName, catalogs }: Targets, log: Log): void {
  for (const target of byName.values()) {
    catalogs.current(target).catch((error: unknown) => {
      // One target's trouble is not the others': whoever connects to it is told.
      log.warn('target.unavailable', { target: target.name, error: reasonOf(error) });
    });
  }
}

function fieldsOf(error: unknown): Readonly<Record<string, string>> {
  const known = error instanceof GatewayError ? error : { code: 'unexpected', hint: '' };
  return { code: known.code, error: reasonOf(error), hint: known.hint };
}

async function main(): Promise<void> {
  const log = makeLog({ clock, detectors, write: (line) => process.stdout.write(line) });
  // Whoever read the log is gone; the gateway goes on, for what it may not lose is in the spool.
  process.stdout.on('error', () => undefined);
  // A state that nobody foresaw is not trusted further: the container restarts and ships the spool.
  process.on('uncaughtException', (error) => {
    log.error('proxy.crashed', fieldsOf(error));
    process.exit(1);
  });
  try {
    const proxy = await startProxy(process.env, log);
    log.info('proxy.started', { port: proxy.port, pid: process.pid });
    let stopping = false;
    const stop = (signal: string) => {
      if (stopping) return;
      stopping = true;
      log.info('proxy.stopping', { signal });
      void proxy.stop().then((clean) => {
        log.info('proxy.stopped', { clean });
        process.exit(clean ? 0 : 1);
      });
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  } catch (error) {
    // Whatever it is, there is no gateway without it: ECS starts another, and the log says why.
    log.error('proxy.start_failed', fieldsOf(error));
    process.exit(1);
  }
}

if (import.meta.main) await main();
