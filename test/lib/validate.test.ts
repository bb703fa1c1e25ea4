/** What only a deploy would find: the limits, and the shape of the workflow. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GatewayConfigInput, parseConfig } from '../../lib/config.ts';
import { checkPolicyFiles } from '../../lib/policy_files.ts';
import { checkConfig, checkPorts, checkProxyConfig } from '../../lib/validate.ts';
import { checkWorkflow } from '../../lib/validate_workflow.ts';
import { config as shipped } from '../../sallyport.config.ts';
import { makeApp, makeGateway } from './support/synth.ts';

function check(change: Partial<GatewayConfigInput>, expected: RegExp | null): void {
  const problems = checkConfig(parseConfig({ ...shipped, ...change }));
  if (expected === null) expect(problems).toEqual([]);
  else expect(problems).toEqual([expect.stringMatching(expected)]);
}

describe('limits', () => {
  const [target] = shipped.targets;
  it.each<[string, Partial<GatewayConfigInput>, RegExp | null]>([
    ['the shipped file', {}, null],
    ['a drain of an hour', { fleet: { drainSeconds: 3600 } }, null],
    [
      'a longer drain',
      { fleet: { drainSeconds: 3601 } },
      /drainSeconds must be 0 to 3600 .* got 3601/,
    ],
    [
      'a stop above Fargate',
      { fleet: { stopSeconds: 121 } },
      /stopSeconds must be 30 to 120 .* got 121/,
    ],
    [
      'no time to empty the spool',
      { fleet: { stopSeconds: 5 } },
      /stopSeconds must be 30 .* got 5/,
    ],
    [
      'no retention',
      { recordings: { retentionDays: 0 } },
      /retentionDays must be 1 to 36500 .* got 0/,
    ],
    ['more tasks at least than at most', { fleet: { minTasks: 3, maxTasks: 2 } }, /got 3 and 2/],
    ['one name for two targets', { targets: [target, target] as never }, /"orders" twice/],
    [
      'subnets that do not fit the zones',
      {
        network: {
          kind: 'existing',
          vpcId: 'vpc-0123456789abcdef0',
          availabilityZones: ['eu-west-1a', 'eu-west-1b'],
          privateSubnetIds: ['a', 'b', 'c'].map((end) => `subnet-0123456789abcde0${end}`),
          allowFrom: ['10.0.0.0/8'],
          targetsIn: ['10.0.0.0/8'],
        },
      },
      /one subnet for each of the 2 .* got 3/,
    ],
  ])('%s', (_, change, expected) => check(change, expected));

  it('five target groups, not six', () => {
    expect(checkPorts([1, 2, 3, 4, 5])).toEqual([]);
    expect(checkPorts([1, 2, 3, 4, 5, 6])).toEqual([
      expect.stringMatching(/at most 5 target groups, got 6 \(ports 1, 2, 3, 4, 5, 6\)/),
    ]);
    expect(checkPorts([1, 1])).toEqual([expect.stringMatching(/Port 1 is used by two/)]);
  });

  it('a configuration that a task definition can hold', () => {
    expect(checkProxyConfig('x'.repeat(48 * 1024))).toEqual([]);
    expect(checkProxyConfig('x'.repeat(48 * 1024 + 1))).toEqual([
      expect.stringMatching(/at most 49152 bytes, got 49153/),
    ]);
  });

  it('fails the construct with all problems in one error', () => {
    const make = () => makeGateway(makeApp(), { fleet: { drainSeconds: 9999, stopSeconds: 300 } });
    expect(make).toThrow(
      /cannot be deployed:\n {2}- fleet.drainSeconds .*\n {2}- fleet.stopSeconds/,
    );
  });
});

describe('policies', () => {
  const from = (policies: string) => checkPolicyFiles(parseConfig({ ...shipped, policies }));

  it('the shipped ones compile', async () => {
    expect(await from('policies')).toEqual([]);
  });

  it('a broken one is named with file and line', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'sallyport-policies-'));
    writeFileSync(join(directory, 'sallyport.cedarschema'), '');
    writeFileSync(
      join(directory, 'broken.cedar'),
      '// hello\npermit (principal, action resource);',
    );
    expect(await from(directory)).toEqual([expect.stringMatching(/broken\.cedar:2/)]);
  });

  it('a missing directory is an error that names it', async () => {
    await expect(from('no-such-policies')).rejects.toThrow(/no-such-policies/);
  });
});

describe('workflow', () => {
  const states = { A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Succeed' } };
  it.each<[string, unknown, readonly RegExp[]]>([
    ['a sound one', { StartAt: 'A', States: states }, []],
    ['no states', { StartAt: 'A' }, [/no States/]],
    [
      'a start that is missing',
      { StartAt: 'X', States: states },
      [/StartAt is "X"/, /"A" is never/],
    ],
    [
      'a next that is missing',
      { StartAt: 'A', States: { A: { Type: 'Pass', Next: 'C' } } },
      [/"A" goes on to "C", which is not a state. Allowed: A/],
    ],
    [
      'a catch that leads nowhere',
      { StartAt: 'A', States: { A: { Type: 'Task', End: true, Catch: [{ Next: 'Gone' }] } } },
      [/"A" goes on to "Gone"/],
    ],
    ['a dead end', { StartAt: 'A', States: { A: { Type: 'Pass' } } }, [/neither ends nor goes on/]],
    [
      'a wait without a limit',
      {
        StartAt: 'A',
        States: { A: { Type: 'Task', Resource: 'arn:x:invoke.waitForTaskToken', End: true } },
      },
      [/without TimeoutSeconds/],
    ],
    ['JSONata', { QueryLanguage: 'JSONata', StartAt: 'A', States: states }, [/Only JSONPath/]],
    [
      'a heartbeat',
      { StartAt: 'A', States: { A: { Type: 'Task', HeartbeatSeconds: 5, End: true } } },
      [/uses HeartbeatSeconds/],
    ],
  ])('%s', (_, definition, expected) => {
    const problems = checkWorkflow(definition);
    expect(problems).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });
});
