import { expect, test } from 'vitest';
import { makeClosing } from '../../local/closing.ts';

function start() {
  const order: string[] = [];
  const failures: unknown[] = [];
  const log = { error: (_event: string, fields?: object) => void failures.push(fields) };
  return { order, failures, closing: makeClosing(log, 30) };
}

test('last started, first stopped, once', async () => {
  const { order, closing } = start();
  for (const name of ['table', 'gate', 'listener']) {
    closing.defer(name, async () => void order.push(name));
  }
  await Promise.all([closing.run(), closing.run()]);
  expect(order).toEqual(['listener', 'gate', 'table']);
});

test('one that fails and one that hangs keep nothing running', async () => {
  const { order, failures, closing } = start();
  closing.defer('table', async () => void order.push('table'));
  closing.defer('fails', async () => Promise.reject(new Error('broken')));
  closing.defer('hangs', async () => new Promise(() => {}));
  await closing.run();
  expect(order).toEqual(['table']);
  expect(failures).toMatchObject([{ part: 'hangs' }, { part: 'fails', error: 'Error: broken' }]);
});
