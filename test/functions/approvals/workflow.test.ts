/** What lib/ deploys: checked against the language, and for what must never be in it. */
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { workflowDefinition } from '../../../functions/approvals/workflow.ts';

const validate = createRequire(import.meta.url)('asl-validator') as (definition: object) => {
  isValid: boolean;
  errors: unknown[];
};
const definition = workflowDefinition({
  functionArn: 'arn:aws:lambda:eu-west-1:123456789012:function:steps',
});
const text = JSON.stringify(definition);

describe('workflowDefinition', () => {
  test('is valid Amazon States Language', () => {
    expect(validate(definition)).toMatchObject({ isValid: true, errors: [] });
  });

  test.each(['JSONata', 'Heartbeat', 'Assign', 'DISTRIBUTED'])('does without %s', (word) => {
    expect(text).not.toContain(word);
  });

  test('hands out ids, a face, a number and the token, and nothing else', () => {
    const taken = [...text.matchAll(/"[^"]+\.\$":"([^"]+)"/g)].map((match) => match[1]);
    const data = ['$.Payload.id', '$.Payload.face', '$.Payload.waitSeconds'];
    expect(new Set(taken)).toEqual(new Set([...data, '$$.Task.Token', '$.Payload']));
  });
});
