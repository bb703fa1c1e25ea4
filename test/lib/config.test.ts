/** The file an engineer edits: what it takes, and that every mistake is named at once. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../lib/config.ts';
import { config as shipped } from '../../sallyport.config.ts';

function problemsOf(input: unknown): string {
  try {
    parseConfig(input);
    return '';
  } catch (error) {
    // Every mistake of the file is one Error with a list; anything else would show as a failed match.
    return (error as Error).message;
  }
}

describe('parseConfig', () => {
  it('takes the shipped file and fills in the documented defaults', () => {
    const config = parseConfig(shipped);
    expect(config.port).toBe(5432);
    expect(config.fleet).toMatchObject({ minTasks: 2, drainSeconds: 900, stopSeconds: 120 });
    expect(config.recordings).toEqual({ retentionDays: 365, lock: 'governance' });
    expect(config.targets[0]).toMatchObject({ port: 5432, record: 'spool', safeFunctions: [] });
  });

  it('lists every problem at once, each with its path', () => {
    const message = problemsOf({
      ...shipped,
      name: 'Sally Port',
      colour: 'green',
      identity: { ...shipped.identity, issuer: 'http://login.example.com' },
      slack: { channel: '#access' },
      fleet: { image: 'sallyport:latest' },
    });
    expect(message).toMatch(/has 5 problems/);
    for (const path of ['name', 'colour', 'identity.issuer', 'slack.channel', 'fleet.image']) {
      expect(message).toContain(`- ${path}: `);
    }
  });

  it.each([
    [
      'an unknown key of a target',
      { targets: [{ ...shipped.targets[0], pasword: 'x' }] },
      /pasword/,
    ],
    ['no target', { targets: [] }, /targets: At least one target/],
    [
      'a secret without its suffix',
      { tls: { secretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:tls' } },
      /tls.secretArn: A secret is named by its full ARN/,
    ],
    [
      'a range that is none',
      { network: { ...shipped.network, allowFrom: ['everyone'] } },
      /network.allowFrom.0: A range is written as/,
    ],
    ['a port that is none', { port: 70_000 }, /port: /],
    ['a network of no kind', { network: { kind: 'magic' } }, /network.kind/],
  ])('fails on %s', (_, change, expected) => {
    expect(problemsOf({ ...shipped, ...change })).toMatch(expected);
  });
});
