/** An archive in a directory, written by the handler that writes it in AWS. */

import { canonicalJson } from '../../core/recording/canonical_json.ts';
import type { RecordedEvent } from '../../core/recording/event.ts';
import { makeHandler } from '../../functions/archive/handler.ts';
import { sha256Native } from '../../functions/archive/sha256.ts';
import { makeArchiveDirectory } from '../../local/archive_directory.ts';

const SILENT = { info: () => {}, warn: () => {}, error: () => {} };

/** Each batch is one delivery of the stream, one record an event. */
export async function writeArchive(
  directory: string,
  batches: readonly (readonly RecordedEvent[])[],
): Promise<void> {
  const archive = makeArchiveDirectory(directory);
  const handler = makeHandler({ archive, sha256: sha256Native, log: SILENT });
  let sequence = 0;
  for (const batch of batches) {
    const Records = batch.map((event) => {
      sequence += 1;
      const data = Buffer.from(`${canonicalJson(event)}\n`).toString('base64');
      return {
        eventID: `shardId-000000000000:${sequence}`,
        kinesis: { sequenceNumber: String(sequence), data },
      };
    });
    const { batchItemFailures } = await handler({ Records });
    if (batchItemFailures.length > 0) throw new Error('The archive did not take a batch');
  }
}
