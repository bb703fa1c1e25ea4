/** What `npm start` may be told: by flags, by a file, and which of it is wrong, all at once. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import { GatewayError } from '../core/errors.ts';
import { DetectorName, Target } from '../core/target.ts';
import type { Upstream } from '../proxy/services.ts';
import { DEMO_DATABASE } from './seed.ts';
import { readTargetUrl } from './target_url.ts';

export interface LocalTarget {
  readonly target: Target;
  /** null: the embedded PostgreSQL. */
  readonly upstream: Upstream | null;
}

export interface LocalConfig {
  readonly port: number;
  readonly pagePort: number;
  readonly issuerPort: number;
  /** At least one; the first is the one that the banner speaks of. */
  readonly targets: readonly LocalTarget[];
  /** null: those of the clone. */
  readonly policies: string | null;
}

export const START_HELP = `Usage: npm start -- [options]

Runs the whole gateway on this machine, on loopback alone. Ctrl-C stops it; the state stays in .sallyport/.

Options:
  --port PORT         of the gateway (6432)
  --page-port PORT    of the page with the Slack stand-in (7070)
  --issuer-port PORT  of the development OIDC issuer (7071)
  --target URL        a PostgreSQL of your own, postgres://user:password@host:port/database,
                      instead of the embedded one
  --policies DIR      Cedar policies, instead of policies/
  --config FILE       all of this in JSON: port, pagePort, issuerPort, policies, and targets, a list of
                      {name, environment, masks: {columns, detectors}, record, safeFunctions, url}

Environment: SALLYPORT_STATE, the directory of the state; SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_CHANNEL
and SLACK_LINKS, a real Slack workspace instead of the stand-in.`;

/** Masked by default in the demo database. */
const DEMO_MASKS = {
  columns: [
    { column: 'public.customers.email', style: 'full' },
    { column: 'public.customers.phone', style: 'full' },
    { column: 'public.customers.ssn', style: 'full' },
    { column: 'public.customers.date_of_birth', style: 'null' },
    { column: 'public.payments.card_number', style: 'keep-last-4' },
  ],
  detectors: DetectorName.options,
} as const;

const Port = v.pipe(
  v.number(),
  v.integer('A port is a whole number'),
  v.minValue(0, 'A port is at least 0'),
  v.maxValue(65_535, 'A port is at most 65535'),
);

const Settings = v.strictObject({
  port: v.optional(Port, 6432),
  pagePort: v.optional(Port, 7070),
  issuerPort: v.optional(Port, 7071),
  policies: v.optional(v.nullable(v.string()), null),
  targets: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          ...Target.entries,
          protocol: v.optional(v.literal('postgres'), 'postgres'),
          masks: v.optional(Target.entries.masks, { columns: [], detectors: DetectorName.options }),
          url: v.optional(v.string()),
        }),
      ),
      v.minLength(1, 'Name at least one target'),
    ),
  ),
});

/** @throws GatewayError ERR_CONFIG_INVALID with every problem, one a line */
export async function readConfig(args: readonly string[]): Promise<LocalConfig> {
  const flags = readFlags(args);
  const file = flags.config === undefined ? {} : await readConfigFile(flags.config);
  const problems: string[] = [];
  const settings = v.safeParse(Settings, { ...file, ...settingsOf(flags) });
  if (!settings.success) problems.push(...settings.issues.map(describe));
  const listed = settings.success ? (settings.output.targets ?? []) : [];
  if (flags.target !== undefined && listed.length > 0) {
    problems.push('--target: the configuration file lists targets already');
  }
  const targets = listed.map((entry) => fromFile(entry, problems));
  if (flags.target !== undefined) targets.push(fromUrl(flags.target, problems));
  if (problems.length > 0 || !settings.success) throw invalid(problems);
  return {
    port: settings.output.port,
    pagePort: settings.output.pagePort,
    issuerPort: settings.output.issuerPort,
    policies: settings.output.policies,
    targets: targets.length > 0 ? targets : [demoTarget()],
  };
}

export function demoTarget(): LocalTarget {
  const target = {
    name: DEMO_DATABASE,
    protocol: 'postgres',
    environment: 'demo',
    masks: DEMO_MASKS,
  };
  return { target: v.parse(Target, target), upstream: null };
}

type Flags = ReturnType<typeof readFlags>;

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        'page-port': { type: 'string' },
        'issuer-port': { type: 'string' },
        target: { type: 'string' },
        policies: { type: 'string' },
        config: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    // parseArgs names the flag; there is nothing to add but where to look.
    throw invalid([(error as Error).message]);
  }
}

function settingsOf(flags: Flags): Record<string, unknown> {
  return {
    ...(flags.port === undefined ? {} : { port: toNumber(flags.port) }),
    ...(flags['page-port'] === undefined ? {} : { pagePort: toNumber(flags['page-port']) }),
    ...(flags['issuer-port'] === undefined ? {} : { issuerPort: toNumber(flags['issuer-port']) }),
    ...(flags.policies === undefined ? {} : { policies: flags.policies }),
  };
}

/** What is no number stays text, so that the schema can say what it got. */
function toNumber(text: string): number | string {
  return /^\d{1,9}$/.test(text) ? Number(text) : text;
}

async function readConfigFile(file: string): Promise<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
    throw new Error('it is not an object');
  } catch (error) {
    throw invalid([`Cannot read the configuration file "${file}": ${(error as Error).message}`]);
  }
}

type Listed = NonNullable<v.InferOutput<typeof Settings>['targets']>[number];

function fromFile({ url, ...target }: Listed, problems: string[]): LocalTarget {
  const read = url === undefined ? null : readTargetUrl(url);
  if (read?.kind === 'problem') problems.push(`targets: ${target.name}: ${read.problem}`);
  return { target, upstream: read?.kind === 'upstream' ? read.upstream : null };
}

function fromUrl(url: string, problems: string[]): LocalTarget {
  const read = readTargetUrl(url);
  if (read.kind === 'problem') {
    problems.push(`--target: ${read.problem}`);
    return demoTarget();
  }
  const masks = { columns: [], detectors: DetectorName.options };
  const name = read.upstream.database;
  const target = v.safeParse(Target, { name, protocol: 'postgres', environment: 'local', masks });
  if (!target.success) {
    problems.push(`--target: "${name}" cannot name a target: give it a name in a --config file`);
    return demoTarget();
  }
  return { target: target.output, upstream: read.upstream };
}

function describe(issue: v.BaseIssue<unknown>): string {
  const where = v.getDotPath(issue) ?? 'configuration';
  const unknown = issue.type === 'strict_object' && issue.expected === 'never';
  return unknown ? `${where}: there is no such key` : `${where}: ${issue.message}`;
}

function invalid(problems: readonly string[]): GatewayError {
  return new GatewayError('ERR_CONFIG_INVALID', `Cannot start:\n  ${problems.join('\n  ')}`, {
    hint: 'See: npm start -- --help',
  });
}
