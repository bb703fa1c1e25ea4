/** What every archive must do: run on the directory by test/local, and on S3 by test/aws. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Archive } from '../../functions/archive/archive.ts';
import { collect, keysOf } from '../support/collect.ts';

export interface ArchiveFixture {
  /** Empty. */
  readonly archive: Archive;
  readonly close: () => Promise<void>;
}

export function archiveConformance(name: string, open: () => Promise<ArchiveFixture>): void {
  describe(`${name} as an archive`, () => {
    let fixture: ArchiveFixture;
    let archive: Archive;
    beforeAll(async () => {
      fixture = await open();
      ({ archive } = fixture);
    });
    afterAll(() => fixture.close());

    const bytes = (text: string) => new TextEncoder().encode(text);
    const read = async (key: string) => {
      const got = await archive.get(key);
      return got === null ? null : new TextDecoder().decode(got);
    };
    const listed = (prefix: string) => keysOf(archive.list(prefix));

    test('keeps what it is given, byte for byte', async () => {
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      expect(await archive.putOnce('bytes/all.bin', all)).toBe('created');
      expect(new Uint8Array((await archive.get('bytes/all.bin')) ?? [])).toEqual(all);
      expect(await archive.putOnce('bytes/none.bin', new Uint8Array())).toBe('created');
      expect(await read('bytes/none.bin')).toBe('');
    });

    test('writes a key once, whoever asks', async () => {
      expect(await archive.putOnce('once/a.json', bytes('first'))).toBe('created');
      expect(await archive.putOnce('once/a.json', bytes('second'))).toBe('exists');
      expect(await read('once/a.json')).toBe('first');
    });

    test('lets one of many at the same time be first', async () => {
      const texts = Array.from({ length: 8 }, (_, i) => `writer ${i}`);
      const puts = await Promise.all(texts.map((text) => archive.putOnce('race/a', bytes(text))));
      expect(puts.filter((put) => put === 'created')).toHaveLength(1);
      expect(await read('race/a')).toBe(texts[puts.indexOf('created')]);
    });

    test('has nothing where nothing was written', async () => {
      expect(await archive.get('absent/a')).toBeNull();
      expect(await archive.get('absent')).toBeNull();
      expect(await listed('absent/')).toEqual([]);
    });

    test('lists all keys under a prefix, with sizes and times', async () => {
      const keys = ['list/dt=2026-11-23/a', 'list/dt=2026-11-23/b/c.json', 'list/dt=2026-11-24/d'];
      for (const key of keys) await archive.putOnce(key, bytes(key));
      expect(await listed('list/')).toEqual(keys);
      expect(await listed('list/dt=2026-11-23')).toEqual(keys.slice(0, 2));
      const [first] = await collect(archive.list('list/dt=2026-11-23/a'));
      expect(first?.size).toBe('list/dt=2026-11-23/a'.length);
      expect(Math.abs((first?.modifiedAt ?? 0) - Date.now())).toBeLessThan(600_000);
    });

    test('lists more than a thousand', { timeout: 60_000 }, async () => {
      const keys = Array.from({ length: 1_005 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
      for (let start = 0; start < keys.length; start += 50) {
        const some = keys.slice(start, start + 50);
        await Promise.all(some.map((key) => archive.putOnce(key, bytes('x'))));
      }
      expect(await listed('many/')).toEqual(keys);
    });
  });
}
