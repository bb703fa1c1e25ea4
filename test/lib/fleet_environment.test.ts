/** What the template tells a task is what the proxy reads: two sides of one seam, held together here. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { REPORTED } from '../../lib/constructs/fleet_log_alarms.ts';
import { readSettings } from '../../proxy/config.ts';
import { config as shipped } from '../../sallyport.config.ts';
import { flatten, resourcesOf, type Synthesized, synthesize } from './support/synth.ts';

interface Container {
  readonly Environment: readonly { readonly Name: string; readonly Value: unknown }[];
  readonly StopTimeout: number;
}

function containerOf(synthesized: Synthesized): Container {
  const containers = resourcesOf(synthesized, 'AWS::ECS::TaskDefinition').flatMap(
    ({ Properties }) => Properties['ContainerDefinitions'] as Container[],
  );
  expect(containers).toHaveLength(1);
  return containers[0] as Container;
}

function environmentOf(synthesized: Synthesized): Record<string, string> {
  const { Environment } = containerOf(synthesized);
  return Object.fromEntries(
    Environment.map(({ Name, Value }) => [Name, flatten(Value, synthesized.templates)]),
  );
}

describe('what a task is told', () => {
  let synthesized: Synthesized;
  beforeAll(() => {
    synthesized = synthesize({ fleet: { stopSeconds: 90 } });
  });

  it('is read by the proxy without a problem', () => {
    const { config, names } = readSettings(environmentOf(synthesized));
    const [target] = shipped.targets;
    expect(config.identity).toEqual(shipped.identity);
    expect(config.targets).toMatchObject([
      {
        name: 'orders',
        environment: 'prod',
        masks: target?.masks,
        upstream: {
          host: target?.host,
          port: 5432,
          database: 'orders',
          secretArn: target?.secretArn,
          ca: null,
        },
      },
    ]);
    expect(names.TLS_SECRET_ARN).toBe(shipped.tls.secretArn);
    expect(names.STREAM_NAME).not.toBe('');
  });

  it('lets a stop take as long as the container may', () => {
    const { config } = readSettings(environmentOf(synthesized));
    expect(config.stopSeconds).toBe(90);
    expect(containerOf(synthesized).StopTimeout).toBe(90);
  });
});

/** Events as proxy/ logs them, from its sources. */
function loggedEvents(): ReadonlySet<string> {
  const sources = readdirSync('proxy', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join('proxy', file), 'utf8'));
  const calls = sources.flatMap((source) => [
    ...source.matchAll(/\blog\.(?:info|warn|error)\(\s*'([^']+)'/g),
  ]);
  return new Set(calls.map(([, event = '']) => event));
}

describe('what is counted of the log', () => {
  it('is logged somewhere: an alarm on a name that nobody writes would never ring', () => {
    const logged = loggedEvents();
    expect(logged.size).toBeGreaterThan(20);
    const counted = Object.values(REPORTED).flatMap(({ events }) => events);
    expect(counted.filter((event) => !logged.has(event))).toEqual([]);
  });
});
